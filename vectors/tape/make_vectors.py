# ruff: noqa: INP001 - a script beside what it makes
"""Make the vectors of the tape format beside this file: `python vectors/tape/make_vectors.py`."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import zstandard

from spantape._model import Exchange, Request, Response
from spantape._spans import names
from spantape._spans.codec import compress, write_exchange
from spantape.errors import PartialTapeWarning
from spantape.tape.build import tape_of
from spantape.tape.fingerprint import json_digest
from spantape.tape.journal import MARK
from spantape.tape.model import ExchangeStep, Span, Step, Tape
from spantape.tape.otlp import resource_line, span_line
from spantape.tape.read import read_tape
from spantape.tape.seal import TRAILER_BYTES
from spantape.tape.write import JOURNAL, write_tape

HERE = Path(__file__).parent
RUN = "0123456789abcdef" * 2
TRACE = "a1" * 16
JSON = (("content-type", "application/json"),)
URL = "https://api.example.com/v1/chat/completions?v=1"


def run() -> list[Span]:
    """The spans of the vectors' run."""
    first = b'{"model":"m","messages":[{"role":"user","content":"h\xc3\xa9llo"}]}'
    second = first[:-2] + b',{"role":"assistant","content":"hi"},{"role":"user","content":"\xe2\x9c\x93"}]}'
    stream = b'data: {"text":"a"}\n\ndata: {"text":"b"}\n\ndata: [DONE]\n\n'
    times = (15_023_000, 15_233_000, 15_233_000)
    one = Exchange(Request("POST", URL, JSON, first), Response(200, JSON, b'{"content":"hi"}'))
    two = Exchange(Request("POST", URL, JSON, second), Response(200, (), stream, (20, 20, 14), times))
    three = Exchange(
        Request("GET", "https://api.example.com", (), b""), Response(404, (), b"\xff\x00"), "closed"
    )
    call = {names.TOOL_NAME: "search", names.ARGUMENTS: '{"q":"x","n":1.0}', names.RESULT: "[1,NaN]"}
    agent = {names.AGENT_NAME: "planner", names.ARGUMENTS: "{}", names.RESULT: "null"}
    return [
        _span(0, "agent", agent),
        _span(1, "exchange", write_exchange(one), parent=0),
        _span(2, "tool", {**call, names.RESULT_TYPE: "value"}, parent=0),
        replace(_span(3, "", {"db.system.name": "sqlite"}, parent=2), scope="other"),
        _span(4, "exchange", write_exchange(two, first), parent=0),
        _span(5, "exchange", write_exchange(three), parent=3),
    ]


def run_with_draws() -> list[Span]:
    """The spans of a run that read values: before, between and behind its steps."""
    exchange, tool = run()[1:3]
    drawn = (
        (0, "clock", "2026-01-01T00:00:00Z"),
        (10, "random", 0.5),
        (11, "uuid", None),
        (12, "env", {"é": 1}),
    )
    spans = [
        _span(index, "draw", {names.DRAW_SOURCE: source, names.DRAW_VALUE: json.dumps(value)})
        for index, source, value in drawn
    ]
    return [spans[0], exchange, tool, *spans[1:]]


def _span(index: int, kind: str, attributes: dict[str, Any], parent: int | None = None) -> Span:
    own = {names.KIND: kind, names.RUN_ID: RUN, names.STEP: index} if kind else {}
    return Span(
        trace_id=TRACE,
        span_id=_id(index),
        parent_id="" if parent is None else _id(parent),
        name=f"span {index}",
        started_ns=1_700_000_000_000_000_000 + index,
        ended_ns=1_700_000_000_000_001_000 - index,
        attributes=own | attributes,
        kind=1,
        scope=names.SCOPE,
        resource={"service.name": "vectors"},
    )


def _id(index: int) -> str:
    return hashlib.sha256(f"span {index}".encode()).hexdigest()[:16]


def expected(tape: Tape) -> dict[str, Any]:
    """What a reader must find on `tape`."""
    return {
        "run_id": tape.run_id,
        "name": tape.name,
        "fingerprint": tape.fingerprint,
        "spans": len(tape.spans),
        "steps": [_step(step) for step in tape.steps],
    }


def expected_draws(tape: Tape) -> dict[str, Any]:
    """What a reader must find of draws on `tape`."""
    draws = [{"before": draw.before, "source": draw.source, "value": draw.value} for draw in tape.draws]
    return {"fingerprint": tape.fingerprint, "draws": draws}


def _step(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": step.kind, "parent": step.parent, "span_id": step.span.span_id}
    if not isinstance(step, ExchangeStep):
        return found | {"name": step.name}
    response = step.response
    return found | {
        "method": step.method,
        "url": step.url,
        "status": step.status,
        "end": step.end,
        "request_sha256": step.request_digest,
        "request_base64": b64encode(step.request_body()).decode(),
        "response_sha256": step.response_digest,
        "response_base64": None if response is None else b64encode(response.body).decode(),
        "chunks": [] if response is None else list(response.chunks),
        "chunk_times_ns": [] if response is None else list(response.chunk_times_ns),
    }


def faults(whole: bytes, lines: list[bytes], spans: list[Span]) -> dict[str, bytes]:
    """The files that are errors, by the name of their fault."""
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    seal = lines[-1].replace(read_tape(HERE / "run.tape").fingerprint.encode(), b"0" * 64)
    newer = lines[-1].replace(b'{"intValue":"1"}', b'{"intValue":"2"}', 1)
    first, second = spans[1], spans[4]
    turned = replace(first, attributes=first.attributes | _grown_from(second))
    return {
        "flipped-bit.tape": bytes(flipped),
        "cut.tape": whole[: len(whole) * 2 // 3],
        "no-trailer.tape": whole[:-TRAILER_BYTES],
        "wrong-fingerprint.jsonl": b"".join([*lines[:-1], seal]),
        "newer-format.jsonl": b"".join([*lines[:-1], newer]),
        "missing-base.jsonl": b"".join(map(span_line, spans[2:])),
        "base-cycle.jsonl": b"".join(map(span_line, [turned, second])),
    }


def _grown_from(other: Span) -> dict[str, Any]:
    own = {names.BASE_DIGEST: other.attributes[names.REQUEST_DIGEST], names.REQUEST_ENCODING: "delta"}
    return own | {names.BASE_PREFIX: 0, names.BASE_SUFFIX: 0}


TEXTS = (
    '{"b":1,"a":[1.0,1e22,-0]}',
    "NaN",
    "-Infinity",
    "1e999",
    "9007199254740991",
    "9007199254740993",
    '"\\ud800"',
    '"é\\u00e9"',
    "not json",
    "[" * 101 + "]" * 101,
)


def main() -> int:
    """Write every file."""
    spans = run()
    tape = write_tape(
        HERE / "run.tape", spans, name="vectors", run_id=RUN, resource={"service.name": "vectors"}
    )
    whole = (HERE / "run.tape").read_bytes()
    plain = zstandard.ZstdDecompressor().decompress(whole[:-TRAILER_BYTES])
    lines = plain.splitlines(keepends=True)
    header = resource_line({names.FORMAT: 1, names.RUN_ID: RUN, names.RUN_NAME: "cut", JOURNAL: True})
    frames = b"".join(compress(line) for line in (header, *map(span_line, spans)))
    made = {
        "run.jsonl": plain,
        "run.expected.json": _json(expected(tape)),
        "unfolded.jsonl": b"".join(map(span_line, spans)),
        "cut.tape.journal": (MARK + frames)[:-20],
        "draws.jsonl": b"".join(map(span_line, run_with_draws())),
        "draws.expected.json": _json(expected_draws(tape_of(run_with_draws()))),
        "fingerprint.json": _json({text: json_digest(text) for text in TEXTS}),
        **faults(whole, lines, spans),
    }
    for name, content in made.items():
        (HERE / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartialTapeWarning)
        same = read_tape(HERE / "unfolded.jsonl").fingerprint == tape.fingerprint
    return 0 if same else 1


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
