"""A 200-turn agent that resends its history: `python tests/benchmarks/bench_run.py`.

Measured are the OTLP that its spans make (protobuf, whole and gzipped, how much of it are messages for viewers beside the payload, the largest span), the memory that recording
takes beyond the program's own, the tape against `zstd -19 --long=27` of the raw exchanges, and a replay (loading and
calls) against the same SDK on an in-memory transport and against vcrpy, side by side in one process.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import zstandard
from bench_overhead import Memory
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

SYSTEM = "You are a careful research agent. Use the tools, cite what you find and answer at the end. " * 12


class Prose:
    """Words of a made-up vocabulary, as often as words of a language occur (Zipf)."""

    repetitive = False

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        syllables = [
            "ka",
            "ro",
            "ti",
            "men",
            "sul",
            "da",
            "ver",
            "lo",
            "pin",
            "est",
            "ar",
            "um",
            "qua",
            "shi",
            "ber",
            "no",
        ]
        self._words = sorted(
            {"".join(self._random.choices(syllables, k=self._random.randint(1, 4))) for _ in range(6000)}
        )
        self._random.shuffle(self._words)
        self._weights = [1 / (rank + 2) for rank in range(len(self._words))]

    def text(self, size: int) -> str:
        if self.repetitive:
            return (
                "The quick brown fox jumps over the lazy dog while the tools of the agent hum along. " * 40
            )[:size]
        words = self._random.choices(self._words, self._weights, k=size // 6)
        return " ".join(words)[:size]

    def id(self, prefix: str) -> str:
        return prefix + "".join(
            self._random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=24)
        )


def script(turns: int) -> list[tuple[bytes, str]]:
    """For each turn the response body, and the result that its tool then gives."""
    prose = Prose()
    answers = []
    for turn in range(turns):
        call = {
            "id": prose.id("call_"),
            "type": "function",
            "function": {"name": "search", "arguments": json.dumps({"query": prose.text(60), "page": turn})},
        }
        message = {"role": "assistant", "content": prose.text(420), "tool_calls": [call], "refusal": None}
        body = {
            "id": prose.id("chatcmpl-"),
            "object": "chat.completion",
            "created": 1700000000 + turn * 7,
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}],
            "usage": {
                "prompt_tokens": 400 + turn * 430,
                "completion_tokens": 130 + turn % 9,
                "total_tokens": 530 + turn * 430 + turn % 9,
                "prompt_tokens_details": {"cached_tokens": turn * 400, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            },
            "service_tier": "default",
            "system_fingerprint": "fp_a1b2c3",
        }
        answers.append((json.dumps(body).encode(), prose.text(1050)))
    return answers


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{name} the library. " * 6,
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}, "page": {"type": "integer"}},
            },
        },
    }
    for name in ("search", "open", "quote")
]


def agent(client: Any, answers: list[tuple[bytes, str]]) -> None:
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Tell me all about it."},
    ]
    for _, result in answers:
        reply = (
            client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS).choices[0].message
        )
        messages.append(
            {
                "role": "assistant",
                "content": reply.content,
                "tool_calls": [call.model_dump() for call in reply.tool_calls],
            }
        )
        messages.append({"role": "tool", "tool_call_id": reply.tool_calls[0].id, "content": result})


class Scripted(Memory):
    """Answers with the bodies in order, and keeps the raw exchanges if asked to."""

    def __init__(self, bodies: list[bytes], raw: list[bytes] | None = None) -> None:
        super().__init__("application/json", [])
        self._left = iter(bodies)
        self._raw = raw

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        body = next(self._left)
        if self._raw is not None:
            self._raw += [request.content, body]
        self._pieces = [body]
        return super().handle_request(request)


def client(transport: httpx2.BaseTransport) -> Any:
    import openai

    return openai.OpenAI(
        api_key="none",
        base_url="http://model.test/v1",
        max_retries=0,
        http_client=httpx2.Client(transport=transport),
    )


# --- spans -------------------------------------------------------------------------------------------------------


class Sizes(SpanExporter):
    """The OTLP protobuf of each span, kept as bytes."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.messages.append(encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held open."""


class Batches(SpanExporter):
    """The spans themselves, to be encoded in one batch."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is held open."""


def spans_of(answers: list[tuple[bytes, str]]) -> dict[str, float]:
    import spantape

    provider, batches, sizes = TracerProvider(shutdown_on_exit=False), Batches(), Sizes()
    provider.add_span_processor(SimpleSpanProcessor(batches))
    provider.add_span_processor(SimpleSpanProcessor(sizes))
    with spantape.instrument(provider):
        agent(client(Scripted([body for body, _ in answers])), answers)
    whole = b"".join(
        encode_spans(batches.spans[at : at + 512]).SerializeToString()
        for at in range(0, len(batches.spans), 512)
    )
    messages = sum(
        len(value)
        for span in batches.spans
        for name, value in span.attributes.items()
        if name in ("gen_ai.input.messages", "gen_ai.output.messages")
    )
    return {
        "otlp_kb": len(whole) / 1e3,
        "of_it_messages_kb": messages / 1e3,
        "otlp_gzip_kb": len(gzip.compress(whole)) / 1e3,
        "largest_span_kb": max(map(len, sizes.messages)) / 1e3,
    }


def memory_of(answers: list[tuple[bytes, str]], path: Path) -> dict[str, float]:
    """Peak of the memory allocated while the agent runs, with recording less without."""
    import spantape

    peaks = []
    for block in (contextlib.nullcontext(), spantape.record(path)):
        tracemalloc.start()
        with block:
            agent(client(Scripted([body for body, _ in answers])), answers)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return {"memory_growth_mb": (peaks[1] - peaks[0]) / 1e6}


# --- the tape ----------------------------------------------------------------------------------------------------


def tape_of(answers: list[tuple[bytes, str]], path: Path) -> dict[str, float]:
    import spantape

    raw: list[bytes] = []
    use = spantape.record(path)
    with use:
        agent(client(Scripted([body for body, _ in answers], raw)), answers)
        closing = time.process_time()
    closed = time.process_time() - closing
    joined = b"\n".join(raw)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, window_log=27, enable_ldm=True, source_size=len(joined)
    )
    packed = len(zstandard.ZstdCompressor(compression_params=parameters).compress(joined))
    return {
        "raw_mb": len(joined) / 1e6,
        "zstd19_kb": packed / 1e3,
        "tape_kb": path.stat().st_size / 1e3,
        "tape_ratio": path.stat().st_size / packed,
        "close_cpu_s": closed,
    }


# --- replay ------------------------------------------------------------------------------------------------------


def cpu_s(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def replay_of(answers: list[tuple[bytes, str]], path: Path, rounds: int) -> dict[str, float]:
    import spantape

    bodies = [body for body, _ in answers]

    def bare() -> None:
        agent(client(Scripted(bodies)), answers)

    def ours() -> None:
        with spantape.replay(path):
            agent(client(Scripted([])), answers)

    figures: dict[str, list[float]] = {"bare": [], "spantape": []}
    bare(), ours()
    for _ in range(rounds):
        figures["bare"].append(cpu_s(bare))
        figures["spantape"].append(cpu_s(ours))
    ratio = statistics.median(o / b for o, b in zip(figures["spantape"], figures["bare"], strict=True))
    return {"bare_s": statistics.median(figures["bare"]), "replay_ratio": ratio}


def vcrpy_of(answers: list[tuple[bytes, str]], cassette: Path) -> dict[str, float]:
    """vcrpy at a tenth of the turns: at all of them it takes minutes."""
    few = answers[: max(len(answers) // 10, 1)]
    bodies = [body for body, _ in few]
    bare = statistics.median(cpu_s(lambda: agent(client(Scripted(bodies)), few)) for _ in range(3))
    return {"vcrpy_ratio_at_tenth": vcrpy_s(few, cassette) / bare}


def vcrpy_s(answers: list[tuple[bytes, str]], cassette: Path) -> float:
    """Loading a cassette and calling by body, as vcrpy does it; over a real server, since it patches below the transport."""
    import openai
    import vcr

    from spantape.testing import ModelServer, raw

    recorder = vcr.VCR(match_on=["method", "path", "body"])

    def run(base_url: str) -> None:
        made = openai.OpenAI(api_key="none", base_url=base_url, max_retries=0)
        agent(made, answers)

    with ModelServer(
        _in_order([raw(200, {"content-type": "application/json"}, body) for body, _ in answers])
    ) as server:
        url = server.base_url("openai")
        with recorder.use_cassette(str(cassette), record_mode="all"):
            run(url)

    def again() -> None:
        with recorder.use_cassette(str(cassette), record_mode="none"):
            run(url)

    return cpu_s(again)


def _in_order(replies: list[Any]) -> Callable[[Any], Any]:
    left: Iterator[Any] = iter(replies)
    return lambda _request: next(left)


BOUNDS = {
    "otlp_kb": 1000,
    "otlp_gzip_kb": 170,
    "largest_span_kb": 64,
    "memory_growth_mb": 20,
    "tape_ratio": 1.1,
    "close_cpu_s": 1.0,
    "replay_ratio": 1.15,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--repetitive", action="store_true", help="the same words again and again, as in other benchmarks"
    )
    arguments = parser.parse_args()
    Prose.repetitive = arguments.repetitive
    answers = script(arguments.turns)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.tape"
        figures = spans_of(answers)
        figures |= tape_of(answers, path)
        figures |= memory_of(answers, Path(folder) / "memory.tape")
        figures |= replay_of(answers, path, arguments.rounds)
        figures |= vcrpy_of(answers, Path(folder) / "run.yaml")
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        bound = f"≤ {BOUNDS[name]:g}" if name in BOUNDS else ""
        print(f"{name:20} {value:10.2f}   {bound}")


if __name__ == "__main__":
    main()
