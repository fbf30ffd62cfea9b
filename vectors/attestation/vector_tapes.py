# ruff: noqa: INP001 - beside what it makes
"""The tapes of the vectors, the keys that attest them, and the attestation of one."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import zstandard

from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.attest import Envelope, attest
from spantape.rerun.keys import PrivateKey
from spantape.tape.model import Span
from spantape.tape.otlp import span_line
from spantape.tape.seal import TRAILER_BYTES
from spantape.tape.write import write_tape

RUN = "0123456789abcdef" * 2
OTHER_RUN = "fedcba9876543210" * 2
NOW_NS = 1_750_000_000_123_456_789
JSON = (("content-type", "application/json"),)
RESOURCE = {
    "service.name": "vectors",
    "process.runtime.name": "cpython",
    "process.runtime.version": "3.12.1",
    "os.type": "linux",
    "spantape.version": "0.1.0",
    "spantape.package.openai": "3.52.0",
    "host.name": "not attested",
}
KEYS = {
    name: PrivateKey(hashlib.sha256(f"spantape vectors {name}".encode()).digest())
    for name in ("alice", "bob", "mallory")
}


def run(answer: str = "approved") -> list[Span]:
    """The spans of the vectors' run: five steps, one exchange and one call of each kind that leaves its own trace."""
    first = b'{"model":"m-1","messages":[{"role":"user","content":"h\xc3\xa9llo __email_1__"}]}'
    second = first[:-2] + b',{"role":"assistant","content":"hi"},{"role":"user","content":"\xe2\x9c\x93"}]}'
    url = "https://api.example.com/v1/chat/completions?v=1"
    one = Exchange(Request("POST", url, JSON, first), Response(200, JSON, b'{"content":"hi"}'))
    two = Exchange(
        Request("POST", url, JSON, second), None, "error", Failure("httpx2.ReadTimeout", "no answer")
    )
    three = Exchange(
        Request("GET", "https://api.example.com", (), b""), Response(404, (), b"\xff\x00"), "closed"
    )
    asked = {names.PROVIDER: "example", names.REQUEST_MODEL: "m-1", "gen_ai.response.model": "m-1-2025"}
    call = {names.TOOL_NAME: "decide", names.ARGUMENTS: '{"n":1.0}', names.RESULT: f'"{answer}"'}
    agent = {names.AGENT_NAME: "planner", names.ARGUMENTS: "{}", names.RESULT: "null"}
    return [
        _span(0, "agent", agent),
        _span(1, "exchange", write_exchange(one) | asked | {names.REDACTED: ["email:1"]}, parent=0),
        _span(
            2, "tool", {**call, names.RESULT_TYPE: "value", names.REDACTED: ["iban:2", "email:1"]}, parent=0
        ),
        replace(_span(3, "", {"db.system.name": "sqlite"}, parent=2), scope="other"),
        _span(4, "exchange", write_exchange(two, first) | {names.REQUEST_MODEL: "m-2"}, parent=0),
        _span(5, "exchange", write_exchange(three), parent=3),
    ]


def _span(index: int, kind: str, attributes: dict[str, Any], parent: int | None = None) -> Span:
    own = {names.KIND: kind, names.RUN_ID: RUN, names.STEP: index} if kind else {}
    return Span(
        trace_id="a1" * 16,
        span_id=_id(index),
        parent_id="" if parent is None else _id(parent),
        name=f"span {index}",
        started_ns=1_700_000_000_000_000_000 + index,
        ended_ns=1_700_000_002_000_001_000 - index,
        attributes=own | attributes,
        kind=1,
        scope=names.SCOPE,
        resource=RESOURCE,
    )


def _id(index: int) -> str:
    return hashlib.sha256(f"span {index}".encode()).hexdigest()[:16]


def _of_run(spans: list[Span], run_id: str) -> list[Span]:
    return [replace(span, attributes={**span.attributes, names.RUN_ID: run_id}) for span in spans]


def _plain(spans: list[Span], run_id: str = RUN) -> bytes:
    """A sealed tape of `spans` as plain JSON lines: no compressor's version shows in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.tape"
        write_tape(path, spans, name="vectors", run_id=run_id, resource=RESOURCE)
        return zstandard.ZstdDecompressor().decompress(path.read_bytes()[:-TRAILER_BYTES])


def tapes() -> dict[str, bytes]:
    """The tapes by file name."""
    whole = _plain(run())
    return {
        "run.jsonl": whole,
        "one-step.jsonl": _plain(run()[:1]),
        "no-steps.jsonl": _plain(run()[3:4]),
        "changed.jsonl": _plain(run("denied")),
        "other.jsonl": _plain(_of_run(run(), OTHER_RUN), OTHER_RUN),
        "partial.jsonl": b"".join(map(span_line, run())),
        "damaged.jsonl": whole.replace(b"approved", b"declined"),
    }


def attested(tape: Path, **more: Any) -> Envelope:
    """The attestation of a tape by alice, at the time of the vectors."""
    return attest(tape, KEYS["alice"], clock=lambda: NOW_NS, software="vectors", **more)
