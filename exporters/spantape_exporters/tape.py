"""Spans to tapes: one file for each run, in a directory.

`OTEL_TRACES_EXPORTER=otlp,tape` switches it on beside the usual exporter; `SPANTAPE_DIR` says where.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spantape import _guard
from spantape.errors import UsageError
from spantape.tape.directory import TapeDirectory

_DIRECTORY: Final = "SPANTAPE_DIR"
_IDLE_S: Final = "SPANTAPE_TAPE_IDLE_SECONDS"
_MAX_OPEN_RUNS: Final = "SPANTAPE_TAPE_MAX_OPEN_RUNS"


class TapeSpanExporter(SpanExporter):
    """Writes each run's spans to `<start>-<name>-<run id>.tape` in `directory`.

    A run is sealed when its root span has ended, after `idle_seconds` without a span, when more than `max_open_runs`
    are open (the one longest without a span first), and at shutdown; until then it is a `.journal` that a crash leaves
    readable. Spans of traces without a run are ignored. What is not given comes from `SPANTAPE_DIR` (./tapes),
    `SPANTAPE_TAPE_IDLE_SECONDS` (60) and `SPANTAPE_TAPE_MAX_OPEN_RUNS` (128). Safe to use from many threads, and in a
    forked child, which writes its own tapes.

    Raises:
        UsageError: a setting is not a number above 0.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        idle_seconds: float | None = None,
        max_open_runs: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        idle_s = _number(_IDLE_S, idle_seconds, 60.0)
        self._tapes = TapeDirectory(
            Path(directory or os.environ.get(_DIRECTORY) or "tapes"),
            max_open_runs=int(_number(_MAX_OPEN_RUNS, max_open_runs, 128)),
            idle_s=idle_s,
            clock=clock,
        )
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sweep_every_s = max(idle_s / 4, 0.05)
        self._sweeper: threading.Thread | None = None
        if hasattr(os, "register_at_fork"):
            _register_at_fork(weakref.ref(self))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """SUCCESS when every span is on its tape, or of no run; never raises."""
        if self._closed.is_set():
            return SpanExportResult.FAILURE
        return self._result(_guard.entered(self._take, spans))

    def _take(self, spans: Sequence[ReadableSpan]) -> list[Exception]:
        with self._lock:
            failed = self._tapes.take(spans)
            self._sweep()
        return failed

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the base class names it
        """True: every span is on disk when `export` returns. Runs stay open."""
        return True

    def shutdown(self) -> None:
        """Seal every open run."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._result(_guard.entered(self._seal_all))

    def _seal_all(self) -> list[Exception]:
        with self._lock:
            return self._tapes.seal_all()

    def _result(self, failed: list[Exception] | None) -> SpanExportResult:
        if failed:
            _guard.report(self.export, failed[0])
        return SpanExportResult.FAILURE if failed or failed is None else SpanExportResult.SUCCESS

    def _sweep(self) -> None:
        if self._sweeper is None and self._tapes.open_runs:
            self._sweeper = threading.Thread(
                target=_sweep, args=(weakref.ref(self), self._closed), daemon=True
            )
            self._sweeper.name = "spantape-tapes"
            try:
                self._sweeper.start()
            except RuntimeError:  # the interpreter is ending, and `shutdown` will seal what is open
                self._sweeper = None

    def seal_idle(self) -> bool:
        """Seal the runs that have been idle for long; True while others are still open."""
        return bool(_guard.entered(self._seal_idle))

    def _seal_idle(self) -> bool:
        with self._lock:
            self._result(self._tapes.seal_idle())
            if not self._tapes.open_runs:
                self._sweeper = None
            return self._sweeper is not None

    def _begin_anew(self) -> None:
        """In a forked child: its parent's runs are its parent's, and threads and locks did not come along."""
        self._lock = threading.Lock()
        self._sweeper = None
        _guard.guarded(self._tapes.abandon)

    @property
    def sweep_every_s(self) -> float:
        """Seconds between two looks for idle runs."""
        return self._sweep_every_s


def _sweep(exporter: weakref.ref[TapeSpanExporter], closed: threading.Event) -> None:
    """Seal idle runs until none is open, the exporter is shut down, or nobody holds it."""
    while (alive := exporter()) is not None:
        pause_s = alive.sweep_every_s
        del alive
        if closed.wait(pause_s):
            return
        alive = exporter()
        if alive is None or not alive.seal_idle():
            return
        del alive


def _register_at_fork(exporter: weakref.ref[TapeSpanExporter]) -> None:
    def after_in_child() -> None:
        alive = exporter()
        if alive is not None:
            alive._begin_anew()  # noqa: SLF001 - the same class, seen through a weak reference

    os.register_at_fork(after_in_child=after_in_child)


def _number(variable: str, given: float | None, default: float) -> float:
    text = os.environ.get(variable) if given is None else given
    try:
        number = float(text or default)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise UsageError(f"got {variable}={text!r}, expected a number above 0")
    return number
