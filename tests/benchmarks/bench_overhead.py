"""CPU per call over bare, beside a peer: `python tests/benchmarks/bench_overhead.py`.

The real SDKs over an in-memory transport, so that what is measured is the SDK and what is wrapped around it. Each
case is measured bare, with spantape and with opentelemetry-instrumentation-genai-*, in interleaved rounds; the
figures are the medians of the rounds' differences to bare, in microseconds of process CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

CHUNKS = 200


class Nowhere(SpanExporter):
    """Takes the spans and drops them, so that memory stays flat."""

    spans = 0

    def export(self, spans: Any) -> SpanExportResult:
        Nowhere.spans += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held."""


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> Any:
        for piece in self._pieces:
            yield piece


class Memory(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Answers every request with the same pieces."""

    def __init__(self, content_type: str, pieces: list[bytes]) -> None:
        self._headers = {"content-type": content_type, "x-request-id": "req_1", "request-id": "req_1"}
        self._pieces = pieces

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=self._headers, stream=Pieces(self._pieces))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=self._headers, stream=Pieces(self._pieces))


# --- bodies ------------------------------------------------------------------------------------------------------

OPENAI_ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "It is sunny in Paris, 21 degrees.",
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 9,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        "system_fingerprint": "fp_1",
    }
).encode()

ANTHROPIC_ANSWER = json.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "It is sunny in Paris, 21 degrees."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 20, "output_tokens": 9},
    }
).encode()


def _sse(data: dict[str, Any], event: str | None = None) -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def openai_stream() -> list[bytes]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _sse(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": 1700000000,
                "model": "gpt-4o-2024-08-06",
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            }
        )

    middle = [chunk({"content": f"word{i} "}) for i in range(CHUNKS - 2)]
    return [chunk({"role": "assistant", "content": ""}), *middle, chunk({}, "stop"), b"data: [DONE]\n\n"]


def anthropic_stream() -> list[bytes]:
    message = {**json.loads(ANTHROPIC_ANSWER), "content": [], "stop_reason": None}
    start = [
        _sse({"type": "message_start", "message": message}, "message_start"),
        _sse(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            "content_block_start",
        ),
    ]
    middle = [
        _sse(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"word{i} "}},
            "content_block_delta",
        )
        for i in range(CHUNKS - 5)
    ]
    end = [
        _sse({"type": "content_block_stop", "index": 0}, "content_block_stop"),
        _sse(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 200},
            },
            "message_delta",
        ),
        _sse({"type": "message_stop"}, "message_stop"),
    ]
    return [*start, *middle, *end]


def messages(count: int) -> list[dict[str, str]]:
    text = "The quick brown fox {} jumps over the lazy dog and tells of it at length. "
    return [
        {"role": "user" if i % 2 == 0 else "assistant", "content": text.format(i) * 4}
        for i in range(count - 1)
    ] + [{"role": "user", "content": "What is the weather in Paris?"}]


def tools(flat: bool) -> list[dict[str, Any]]:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "A city"}},
        "required": ["city"],
    }
    if flat:
        return [
            {"name": f"tool_{i}", "description": "Tells the weather. " * 4, "input_schema": schema}
            for i in range(5)
        ]
    return [
        {
            "type": "function",
            "function": {"name": f"tool_{i}", "description": "Tells the weather. " * 4, "parameters": schema},
        }
        for i in range(5)
    ]


SHORT = [
    {"role": "system", "content": "You are brief."},
    {"role": "user", "content": "What is the weather in Paris?"},
]
SHORT_ANTHROPIC = [
    {"role": "user", "content": "Hello."},
    {"role": "user", "content": "What is the weather in Paris?"},
]

# --- cases -------------------------------------------------------------------------------------------------------


def openai_client(pieces: list[bytes], content_type: str = "application/json") -> Any:
    import openai

    return openai.OpenAI(
        api_key="none",
        base_url="http://model.test/v1",
        http_client=httpx2.Client(transport=Memory(content_type, pieces)),
    )


def anthropic_client(pieces: list[bytes], content_type: str = "application/json") -> Any:
    import anthropic

    return anthropic.Anthropic(
        api_key="none",
        base_url="http://model.test",
        http_client=httpx2.Client(transport=Memory(content_type, pieces)),
    )


def cases() -> dict[str, tuple[Callable[[], None], int, float]]:
    """Each case: what to call, how many calls a round makes, the bound in µs."""
    small_openai, small_anthropic = openai_client([OPENAI_ANSWER]), anthropic_client([ANTHROPIC_ANSWER])
    stream_openai = openai_client(openai_stream(), "text/event-stream")
    stream_anthropic = anthropic_client(anthropic_stream(), "text/event-stream")
    long_messages, flat_tools = messages(100), tools(flat=True)

    def openai_short() -> None:
        small_openai.chat.completions.create(model="gpt-4o", messages=SHORT)

    def anthropic_short() -> None:
        small_anthropic.messages.create(model="claude-sonnet-4-5", max_tokens=100, messages=SHORT_ANTHROPIC)

    def anthropic_long() -> None:
        small_anthropic.messages.create(
            model="claude-sonnet-4-5", max_tokens=100, messages=long_messages, tools=flat_tools
        )

    def openai_streamed() -> None:
        for _ in stream_openai.chat.completions.create(model="gpt-4o", messages=SHORT, stream=True):
            pass

    def anthropic_streamed() -> None:
        for _ in stream_anthropic.messages.create(
            model="claude-sonnet-4-5", max_tokens=100, messages=SHORT_ANTHROPIC, stream=True
        ):
            pass

    return {
        "openai, 2 short messages": (openai_short, 60, 120),
        "anthropic, 2 short messages": (anthropic_short, 60, 90),
        "anthropic, 100 messages and 5 tools": (anthropic_long, 40, 150),
        "openai, 200 streamed chunks": (openai_streamed, 10, 600),
        "anthropic, 200 streamed chunks": (anthropic_streamed, 10, 600),
        "openai, 50 concurrent async": (_concurrent(), 1, 100),
    }


def _concurrent() -> Callable[[], None]:
    import openai

    loop = asyncio.new_event_loop()
    client = openai.AsyncOpenAI(
        api_key="none",
        base_url="http://model.test/v1",
        http_client=httpx2.AsyncClient(transport=Memory("application/json", [OPENAI_ANSWER])),
    )

    async def fifty() -> None:
        await asyncio.gather(
            *(client.chat.completions.create(model="gpt-4o", messages=SHORT) for _ in range(50))
        )

    return lambda: loop.run_until_complete(fifty())


# --- measuring ---------------------------------------------------------------------------------------------------


def provider() -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(Nowhere()))
    return made


@contextlib.contextmanager
def bare() -> Iterator[None]:
    yield


@contextlib.contextmanager
def spantape_on() -> Iterator[None]:
    import spantape

    with spantape.instrument(provider()):
        yield


@contextlib.contextmanager
def peer_on() -> Iterator[None]:
    """OpenTelemetry's own instrumentations, with message content on: they read the variable as they are switched on."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    instrumentors = [OpenAIInstrumentor()]
    with contextlib.suppress(ImportError):
        from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

        instrumentors.append(AnthropicInstrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider(), skip_dep_check=True)
    try:
        yield
    finally:
        del os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"]
        for instrumentor in instrumentors:
            instrumentor.uninstrument()


def round_us(call: Callable[[], None], count: int, calls_each: int) -> float:
    gc.collect()
    start = time.process_time_ns()
    for _ in range(count):
        call()
    spent = time.process_time_ns() - start
    return spent / 1000 / (count * calls_each)


def measure(rounds: int, only: str | None) -> list[dict[str, Any]]:
    rows = []
    variants = {"bare": bare, "spantape": spantape_on, "peer": peer_on}
    for name, (call, count, bound) in cases().items():
        if only and only not in name:
            continue
        each = 50 if "concurrent" in name else 1
        for variant in variants.values():  # warm
            with variant():
                round_us(call, 3, each)
        figures: dict[str, list[float]] = {variant: [] for variant in variants}
        for _ in range(rounds):
            for variant, context in variants.items():
                with context():
                    call()
                    figures[variant].append(round_us(call, count, each))
        base = statistics.median(figures["bare"])
        over = {
            variant: statistics.median(
                mine - other for mine, other in zip(figures[variant], figures["bare"], strict=True)
            )
            for variant in ("spantape", "peer")
        }
        rows.append({"case": name, "bare_us": base, "bound_us": bound, **over})
    return rows


IMPORT_BARE = "import openai, anthropic"
IMPORT_OURS = "import openai, anthropic; import spantape; spantape.instrument(P)"
IMPORT_PEER = (
    "import openai, anthropic; from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor; "
    "OpenAIInstrumentor().instrument(tracer_provider=P, skip_dep_check=True)"
)


def import_ms(rounds: int) -> dict[str, float]:
    """CPU milliseconds of a whole process beyond the SDKs and the OpenTelemetry SDK, which the program has anyway."""
    prelude = "from opentelemetry.sdk.trace import TracerProvider; P = TracerProvider(); "
    figures: dict[str, list[float]] = {"bare": [], "spantape": [], "peer": []}
    compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # as an installed package is: compiled once
    for _ in range(rounds):
        for name, code in (("bare", IMPORT_BARE), ("spantape", IMPORT_OURS), ("peer", IMPORT_PEER)):
            program = f"{prelude}{code}; import time; print(time.process_time_ns() / 1e6)"
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=compiled
            )
            figures[name].append(float(done.stdout.strip().splitlines()[-1]))
    return {
        name: statistics.median(mine - other for mine, other in zip(values, figures["bare"], strict=True))
        for name, values in figures.items()
        if name != "bare"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.rounds, arguments.only)
    imports = {} if arguments.only else import_ms(max(arguments.rounds, 7))
    if arguments.json:
        print(json.dumps({"overhead": rows, "import_ms": imports}, indent=1))
        return
    print(f"{'case':40} {'bare':>9} {'spantape':>9} {'bound':>7} {'peer':>9}   (µs CPU per call, over bare)")
    for row in rows:
        print(
            f"{row['case']:40} {row['bare_us']:9.0f} {row['spantape']:9.1f} {row['bound_us']:7.0f} {row['peer']:9.1f}"
        )
    if imports:
        print(
            f"{'import and instrument, ms':40} {'':9} {imports['spantape']:9.1f} {60:7} {imports['peer']:9.1f}"
        )


if __name__ == "__main__":
    main()
