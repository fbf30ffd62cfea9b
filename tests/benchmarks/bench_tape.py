"""Measures the tape of a 200-turn agent that resends its history: size, closing, adding, reading, verifying.

Run by hand: `python tests/benchmarks/bench_tape.py [turns]`. The run is synthetic and the same each time: some 37 MB
of raw exchanges at 200 turns. The size is compared with what the `zstd` program makes of the raw exchanges as JSON
Lines, at -19 --long=27.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantape._model import Exchange, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from spantape.tape.write import TapeWriter

T = TypeVar("T")

_URL = "https://api.example.com/v1/chat/completions"
_HEADERS = (("accept", "application/json"), ("content-type", "application/json"), ("user-agent", "agent/1.0"))


def words(random_: random.Random, count: int) -> str:
    """Text with the statistics of prose: a vocabulary of 6,000 words under Zipf's law."""
    return " ".join(
        _VOCABULARY[min(int(random_.paretovariate(0.9)), len(_VOCABULARY) - 1)] for _ in range(count)
    )


_LETTERS = random.Random(0)
_VOCABULARY = [
    "".join(_LETTERS.choices("etaoinshrdlucmfwypvbgk", k=_LETTERS.randint(2, 9))) for _ in range(6000)
]


def agent(turns: int) -> Iterator[tuple[Exchange, list[Any], Any]]:
    """The exchanges of an agent that calls one tool a turn, with each turn's new messages and its answer."""
    chance = random.Random(7)
    history: list[Any] = [{"role": "system", "content": words(chance, 400)}]
    tools = [
        {"type": "function", "function": {"name": f"tool_{i}", "description": words(chance, 30)}}
        for i in range(5)
    ]
    new: list[Any] = [{"role": "user", "content": words(chance, 60)}]
    for turn in range(turns):
        history += new
        body = {"model": "gpt-4o", "messages": history, "tools": tools, "temperature": 0.2}
        call = f"call_{chance.getrandbits(96):024x}"
        arguments = json.dumps({"query": words(chance, 12), "limit": 10})
        called = [{"id": call, "type": "function", "function": {"name": "tool_1", "arguments": arguments}}]
        message = {"role": "assistant", "content": words(chance, 30), "tool_calls": called}
        answer = {
            "id": f"chatcmpl-{chance.getrandbits(100):025x}",
            "object": "chat.completion",
            "created": 1_760_000_000 + turn,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
            "usage": {
                "prompt_tokens": 90 * turn + 700,
                "completion_tokens": 60,
                "total_tokens": 90 * turn + 760,
            },
        }
        request_id = f"req_{chance.getrandbits(128):032x}"
        headers = (("content-type", "application/json"), ("x-request-id", request_id))
        raw = json.dumps(answer).encode()
        response = Response(200, headers, raw, (len(raw),), (chance.randint(400_000, 2_000_000) * 1000,))
        yield (
            Exchange(Request("POST", _URL, _HEADERS, json.dumps(body).encode()), response),
            list(new),
            answer,
        )
        new = [message, {"role": "tool", "tool_call_id": call, "content": words(chance, 190)}]


def record(turns: int) -> tuple[list[ReadableSpan], bytes]:
    """The spans of the agent with the conventions' attributes, and its raw exchanges as JSON Lines."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_attributes=SpanLimits.UNSET))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer(names.SCOPE, "1.0")
    base: bytes | None = None
    raw: list[str] = []
    with tracer.start_as_current_span(
        "invoke_agent", attributes={names.KIND: "agent", names.RUN_ID: "b" * 32}
    ):
        for turn, (exchange, new, answer) in enumerate(agent(turns)):
            attributes = {
                names.FORMAT: 1,
                names.KIND: "exchange",
                names.RUN_ID: "b" * 32,
                names.STEP: turn + 1,
                names.DIALECT: "openai.chat",
                names.OPERATION: "chat",
                names.PROVIDER: "openai",
                names.REQUEST_MODEL: "gpt-4o",
                "gen_ai.response.id": answer["id"],
                "gen_ai.response.model": "gpt-4o",
                "gen_ai.response.finish_reasons": ["tool_calls"],
                "gen_ai.usage.input_tokens": answer["usage"]["prompt_tokens"],
                "gen_ai.usage.output_tokens": 60,
                names.SERVER_ADDRESS: "api.example.com",
                names.SERVER_PORT: 443,
                names.INPUT_MESSAGES: _messages(new),
                names.OUTPUT_MESSAGES: _messages([answer["choices"][0]["message"]]),
                names.MESSAGES_BEFORE: 2 * turn,
                **write_exchange(exchange, base),
            }
            tracer.start_span("chat gpt-4o", attributes=attributes).end()
            base = exchange.request.body
            raw.append(_raw_line(exchange))
    return list(kept.get_finished_spans()), "\n".join(raw).encode()


def _messages(given: list[Any]) -> str:
    return json.dumps(
        [{"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]} for one in given],
        separators=(",", ":"),
    )


def _raw_line(exchange: Exchange) -> str:
    request, response = exchange.request, exchange.response
    assert response is not None
    line = {
        "method": request.method,
        "url": request.url,
        "request_headers": dict(request.headers),
        "request_body": request.body.decode(),
        "status": response.status,
        "response_headers": dict(response.headers),
        "response_body": response.body.decode(),
    }
    return json.dumps(line, ensure_ascii=False)


def cpu(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds of CPU that `call` took, and its value."""
    before = time.process_time()
    value = call()
    return time.process_time() - before, value


def say(line: str) -> None:
    """Print a line of the table."""
    sys.stdout.write(line + "\n")


def measure(turns: int, directory: Path) -> None:
    """Print the table."""
    spans, raw = record(turns)
    path = directory / "run.tape"
    writer = TapeWriter(path, name="bench", run_id="b" * 32)
    adding_s, _ = cpu(lambda: [writer.add(span) for span in spans])
    journal_bytes = Path(f"{path}.journal").stat().st_size
    tracemalloc.start()
    writer.close()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    writer = TapeWriter(path, name="bench", run_id="b" * 32)
    for span in spans:
        writer.add(span)
    closing_s, tape = cpu(writer.close)
    size = path.stat().st_size
    reading_s, _ = cpu(lambda: read_tape(path))
    verifying_s, receipt = cpu(lambda: verify_tape(path))
    say(f"raw exchanges      {len(raw):>12,} bytes in {turns} turns")
    say(f"journal            {journal_bytes:>12,} bytes")
    say(f"tape               {size:>12,} bytes")
    if (reference := _reference(raw, directory)) is not None:
        say(f"zstd -19 --long=27 {reference:>12,} bytes; tape = {size / reference:.3f} of it")
    say(f"add                {adding_s / len(spans) * 1e6:>12.1f} µs per span")
    say(f"close              {closing_s:>12.3f} s of CPU, {peak / 1e6:.1f} MB peak")
    say(f"read               {reading_s * 1e3:>12.1f} ms")
    say(f"verify             {verifying_s * 1e3:>12.1f} ms, {receipt.bytes:,} bytes rebuilt")
    assert tape.fingerprint == receipt.fingerprint


def _reference(raw: bytes, directory: Path) -> int | None:
    program = shutil.which("zstd")
    if program is None:
        return None
    (directory / "raw.jsonl").write_bytes(raw)
    packed = directory / "raw.zst"
    subprocess.run([program, "-q", "-19", "--long=27", directory / "raw.jsonl", "-o", packed], check=True)
    return packed.stat().st_size


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else 200, Path(made))
