"""Measures `promote`: spans a second and peak memory, of many runs of an agent that resends its history.

Run by hand: `python tests/benchmarks/bench_promote.py [spans] [turns] [json|proto]`. The source is written first, as a
collector would write it: batches of 512 spans of runs that go on at the same time, so that each run is scattered over
many lines. By default 100,000 spans of 49 turns and a root, some 2 GB of raw exchanges. A process of its own
promotes, and its peak memory is what the system says of it.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench_tape import words

from spantape._model import Exchange, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.tape.model import Span
from spantape.tape.otlp import span_line

_URL = "https://api.example.com/v1/chat/completions"
_HEADERS = (("accept", "application/json"), ("content-type", "application/json"), ("user-agent", "agent/1.0"))
_BATCH = 512
_AT_ONCE = 64  # runs that go on at the same time
_RESOURCE = {
    "service.name": "bench",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
}


def run(number: int, turns: int, texts: list[str]) -> Iterator[tuple[Span, int]]:
    """The spans of a run, and the bytes of the raw exchange of each."""
    chance = random.Random(number)
    trace, root = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(64):016x}"
    start = 1_760_000_000_000_000_000 + number * 1_000_000_000
    common = {names.FORMAT: 1, names.RUN_ID: trace}
    tools = [
        {"type": "function", "function": {"name": f"tool_{i}", "description": texts[i]}} for i in range(5)
    ]
    history: list[Any] = [{"role": "system", "content": chance.choice(texts) * 3}]
    base: bytes | None = None
    for turn in range(turns):
        new = {"role": "user" if turn % 2 else "tool", "content": chance.choice(texts) * 2}
        history.append(new)
        body = json.dumps({"model": "gpt-4o", "messages": history, "tools": tools}).encode()
        message = {"role": "assistant", "content": chance.choice(texts)}
        answer = json.dumps(
            {
                "id": f"chatcmpl-{chance.getrandbits(100):025x}",
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": 90 * turn,
                    "completion_tokens": 60,
                    "total_tokens": 90 * turn + 60,
                },
            }
        ).encode()
        history.append(message)
        exchange = Exchange(Request("POST", _URL, _HEADERS, body), Response(200, _HEADERS[1:2], answer))
        attributes = common | {
            names.KIND: "exchange",
            names.STEP: turn + 1,
            names.DIALECT: "openai.chat",
            names.OPERATION: "chat",
            names.PROVIDER: "openai",
            names.REQUEST_MODEL: "gpt-4o",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 90 * turn,
            "gen_ai.usage.output_tokens": 60,
            names.INPUT_MESSAGES: json.dumps([new]),
            names.OUTPUT_MESSAGES: json.dumps([message]),
            **write_exchange(exchange, base),
        }
        base = body
        began = start + turn * 1_000_000
        yield (
            Span(
                trace,
                f"{chance.getrandbits(64):016x}",
                root,
                "chat gpt-4o",
                began + 1,
                began + 900_000,
                attributes,
            ),
            len(body) + len(answer),
        )
    attributes = common | {
        names.KIND: "agent",
        names.STEP: 0,
        names.AGENT_NAME: "planner",
        names.CALLABLE: "shop:plan",
        names.ARGUMENTS: "{}",
        names.RESULT: "null",
    }
    yield Span(trace, root, "", "invoke_agent planner", start, start + turns * 1_000_000, attributes), 0


def scattered(spans: int, turns: int) -> Iterator[tuple[Span, int]]:
    """The spans of so many runs that there are `spans`, those of some runs at a time mixed."""
    chance = random.Random(1)
    texts = [words(chance, 34) for _ in range(400)]
    runs = [run(number, turns, texts) for number in range(spans // (turns + 1))]
    going = [runs.pop() for _ in range(min(_AT_ONCE, len(runs)))]
    while going:
        index = chance.randrange(len(going))
        found = next(going[index], None)
        if found is None:
            going.pop(index)
            going.extend([runs.pop()] if runs else [])
        else:
            yield found


def write_source(path: Path, spans: int, turns: int, form: str) -> tuple[int, int]:
    """Spans and raw bytes of the source that is written to `path`."""
    count = raw = 0
    held: list[bytes] = []
    with path.open("wb") as file:
        for span, size in scattered(spans, turns):
            count, raw = count + 1, raw + size
            document = json.loads(span_line(span))
            held.append(json.dumps(document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]).encode())
            if len(held) == _BATCH:
                _write_batch(file, held, form)
                held = []
        if held:
            _write_batch(file, held, form)
    return count, raw


def _write_batch(file: Any, spans: list[bytes], form: str) -> None:
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in _RESOURCE.items()]
    head = json.dumps({"resource": {"attributes": attributes}})[:-1]
    scope = b',"scopeSpans":[{"scope":{"name":"spantape"},"spans":['
    line = b'{"resourceSpans":[' + head.encode() + scope + b",".join(spans) + b"]}]}]}"
    if form == "json":
        file.write(line + b"\n")
        return
    from spantape.collect._bodies import protobuf_of_json

    data = protobuf_of_json(line)
    file.write(len(data).to_bytes(4, "big") + data)


def measure(spans: int, turns: int, form: str, folder: Path) -> None:
    """Print what a promotion took."""
    source = folder / f"source.{form}"
    count, raw = write_source(source, spans, turns, form)
    print(
        f"source             {count:>10,} spans, {raw / 1e9:.2f} GB of raw exchanges, {source.stat().st_size / 1e6:,.0f} MB"
    )
    before = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "spantape", "promote", source, "-o", folder / "tapes"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={"TMPDIR": str(folder)},
    )
    took = time.perf_counter() - before
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    tapes = list((folder / "tapes").glob("*.tape"))
    size = sum(tape.stat().st_size for tape in tapes)
    print(f"tapes              {len(tapes):>10,}, {size / 1e6:,.1f} MB")
    print(f"promote            {took:>10.1f} s, {used.ru_utime + used.ru_stime:.1f} s of CPU")
    print(f"                   {count / took:>10,.0f} spans/s")
    print(f"peak memory        {used.ru_maxrss / 1024:>10.0f} MB")


if __name__ == "__main__":
    given = sys.argv[1:]
    with tempfile.TemporaryDirectory() as made:
        measure(
            int(given[0]) if given else 100_000,
            int(given[1]) if len(given) > 1 else 49,
            given[2] if len(given) > 2 else "json",
            Path(made),
        )
