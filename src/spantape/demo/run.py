"""The demo, stage by stage: record, export, stop the server, replay, compare, and a control that must fail."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import spantape
from spantape.demo import proof
from spantape.demo.agent import Planner
from spantape.demo.guard import NetworkGuard
from spantape.demo.receipt import DemoReceipt
from spantape.errors import Miss
from spantape.testing import ModelServer, OtlpReceiver

ADDRESS: Final = "ada.lovelace@example.org"
QUESTION: Final = f"Is it warmer in Oslo or in Lisbon? Answer to {ADDRESS}, please."
CHANGED: Final = QUESTION.replace("warmer", "colder")


@dataclass(frozen=True, slots=True)
class Files:
    """What the demo leaves behind: two tapes, and what an OTLP receiver got, as a collector would write it."""

    tape: Path
    second: Path
    collected: Path


def run_demo(
    directory: str | os.PathLike[str], *, say: Callable[[str], None] = lambda _line: None
) -> DemoReceipt:
    """What the demo proved; its tapes are in `directory` afterwards. `say` is told of each stage as it begins."""
    started = time.perf_counter()
    files = Files(*(Path(directory) / name for name in ("demo.tape", "demo-replay.tape", "demo-otlp.jsonl")))
    files.tape.parent.mkdir(parents=True, exist_ok=True)
    key = f"sk-demo-{secrets.token_hex(16)}"
    with _own_environment():
        with ModelServer() as server:
            planner = Planner(server.base_url("openai"), server.base_url("anthropic"), key)
            say("recording the agent, to a tape and over OTLP")
            live = _record(files, planner, server)
            addresses = {server.url.removeprefix("http://")}
        say("the server is stopped; replaying from the tape")
        replay = _replay(files, planner)
        say("replaying with one word of the prompt changed")
        miss = _control(files, planner)
        planner.close()
    say("checking")
    seen = proof.Seen(
        files.tape, files.second, files.collected, live, replay, miss, (key, ADDRESS), addresses
    )
    return proof.receipt(seen, question=QUESTION, seconds=lambda: time.perf_counter() - started)


@contextmanager
def _own_environment() -> Iterator[None]:
    """Inside, no OTEL_* setting and no proxy of the user's shell has a say: the demo is about its own servers."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ.update({"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _record(files: Files, planner: Planner, server: ModelServer) -> proof.Live:
    provider = TracerProvider(shutdown_on_exit=False)
    with OtlpReceiver() as receiver, NetworkGuard() as guard:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=receiver.endpoint)))
        try:
            with spantape.instrument(provider), spantape.record(files.tape, name="demo"):
                answer = planner.plan(QUESTION)
        finally:
            provider.shutdown()
    files.collected.write_text("".join(f"{line}\n" for line in proof.collector_lines(receiver.exports)))
    exports = tuple(export.SerializeToString() for export in receiver.exports)
    sent = repr([(request.headers, request.body) for request in server.requests]).encode()
    return proof.Live(answer, tuple(guard.seen), exports, sent)


def _replay(files: Files, planner: Planner) -> proof.Replay:
    with NetworkGuard() as guard, spantape.replay(files.tape, record_to=files.second) as session:
        answer = planner.plan(QUESTION)
    return proof.Replay(answer, tuple(guard.seen), session.receipt())


def _control(files: Files, planner: Planner) -> str:
    """The message of the miss that a changed prompt must be, "" where there was none."""
    try:
        with spantape.replay(files.tape, allow_unused=True):
            planner.plan(CHANGED)
    except Miss as miss:
        return str(miss)
    return ""
