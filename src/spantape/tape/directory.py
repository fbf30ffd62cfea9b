"""A directory of tapes: finished spans in, in any order and of many runs at once; one tape for each run out.

A run is open while its spans come in: they are journalled, and only a file handle and a few words of it are in
memory. It is sealed when its root has ended, when nothing came for a while, or when too many runs are open. A span
that comes later reopens its run, and is merged into its tape.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from spantape._spans import names
from spantape.errors import TapeError
from spantape.tape import naming
from spantape.tape.write import TapeWriter

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_K = TypeVar("_K")
_V = TypeVar("_V")

_KNOWN: Final = 8192  # traces and sealed runs that are remembered
_WAITING: Final = 2048  # spans held until their trace turns out to be a run's, or not


@dataclass(slots=True)
class _Open:
    writer: TapeWriter
    run_id: str
    touched: float
    started_ns: int
    name: str = ""
    name_rank: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Waiting:
    """Spans of traces that no run is known of yet, oldest trace first; bounded."""

    traces: OrderedDict[int, list[ReadableSpan]] = field(default_factory=OrderedDict)
    count: int = 0

    def put(self, trace: int, span: ReadableSpan) -> None:
        self.traces.setdefault(trace, []).append(span)
        self.count += 1
        while self.count > _WAITING:
            self.count -= len(self.traces.popitem(last=False)[1])

    def take(self, trace: int) -> list[ReadableSpan]:
        spans = self.traces.pop(trace, [])
        self.count -= len(spans)
        return spans


class TapeDirectory:
    """The tapes of one process in the directory `path`, which is made when the first run comes.

    At most `max_open_runs` are open at a time, and none longer than `idle_s` seconds after its last span, as long
    as `seal_idle` is called. Not thread-safe: its owner holds a lock.
    """

    def __init__(
        self, path: Path, *, max_open_runs: int, idle_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._max_open_runs = max_open_runs
        self._idle_s = idle_s
        self._clock = clock
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._sealed: OrderedDict[str, Path] = OrderedDict()
        self._runs: OrderedDict[int, str] = OrderedDict()
        self._waiting = _Waiting()
        self._failed: list[Exception] = []

    @property
    def open_runs(self) -> int:
        """How many runs are open."""
        return len(self._open)

    def take(self, spans: Iterable[ReadableSpan]) -> list[Exception]:
        """Put `spans` on their tapes, and seal the runs whose roots have ended; gives back what failed.

        A span without a run id goes with the run of its trace; a trace without any run is dropped.
        """
        failed = self._failed = []
        for span in spans:
            with _noted(failed):
                self._route(span)
        return failed + self._seal_each([run.run_id for run in self._open.values() if run.ended])

    def seal_idle(self) -> list[Exception]:
        """Seal the runs of which nothing came for the idle time; gives back what failed."""
        limit = self._clock() - self._idle_s
        return self._seal_each([run.run_id for run in self._open.values() if run.touched <= limit])

    def seal_all(self) -> list[Exception]:
        """Seal every open run; gives back what failed."""
        return self._seal_each(list(self._open))

    def abandon(self) -> None:
        """Let go of every open run without sealing it: in a forked child they are the parent's."""
        for run in self._open.values():
            run.writer.abort()
        self._open.clear()
        self._sealed.clear()

    def _seal_each(self, run_ids: Iterable[str]) -> list[Exception]:
        failed: list[Exception] = []
        for run_id in run_ids:
            with _noted(failed):
                self._seal(run_id)
        return failed

    # --- spans to runs -------------------------------------------------------------------------------------------

    def _route(self, span: ReadableSpan) -> None:
        trace = span.context.trace_id if span.context else 0
        attributes: Mapping[str, Any] = span.attributes or {}
        run_id = attributes.get(names.RUN_ID)
        if not isinstance(run_id, str) or not run_id:
            known = self._runs.get(trace)
            if known is None:
                self._hold(trace, span)
                return
            run_id = known
        elif trace not in self._runs:
            self._learn(trace, run_id)
        self._put(run_id, span)

    def _hold(self, trace: int, span: ReadableSpan) -> None:
        if _is_local_root(span):  # the trace is over here, and was no run's
            self._waiting.take(trace)
        else:
            self._waiting.put(trace, span)

    def _learn(self, trace: int, run_id: str) -> None:
        _remember(self._runs, trace, run_id)
        for span in self._waiting.take(trace):
            self._put(run_id, span)

    def _put(self, run_id: str, span: ReadableSpan) -> None:
        run = self._open.get(run_id) or self._begin(run_id, span)
        run.writer.add(span)
        run.touched = self._clock()
        self._open.move_to_end(run_id)
        run.started_ns = min(run.started_ns, span.start_time or run.started_ns)
        _name(run, span)
        # a lone exchange may be the first of a loop without a root: that run ends when nothing more comes
        if _is_root(span) and run_id not in self._sealed:
            run.ended = True

    def _begin(self, run_id: str, span: ReadableSpan) -> _Open:
        while len(self._open) >= self._max_open_runs:
            self._failed += self._seal_each([next(iter(self._open))])
        started = span.start_time or time.time_ns()
        path = self.path / f"{naming.stamp(started)}-{naming.short_id(run_id)}-{secrets.token_hex(4)}.tape"
        resource = dict(span.resource.attributes) if span.resource else {}
        writer = TapeWriter(path, run_id=run_id, resource=resource)
        run = self._open[run_id] = _Open(writer, run_id, self._clock(), started)
        return run

    # --- runs to tapes -------------------------------------------------------------------------------------------

    def _seal(self, run_id: str) -> None:
        run = self._open.pop(run_id)
        with naming.held(self.path):
            stem = naming.stem(run.started_ns, run.name, run_id)
            path = self._sealed.get(run_id) or naming.free_path(self.path, stem, run_id)
            try:
                run.writer.close(to=path, merge=True)
            except TapeError:
                run.writer.release()
                raise
        _remember(self._sealed, run_id, path)


def _remember(known: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > _KNOWN:
        known.popitem(last=False)


def _is_local_root(span: ReadableSpan) -> bool:
    return span.parent is None or span.parent.is_remote


def _is_root(span: ReadableSpan) -> bool:
    kind = (span.attributes or {}).get(names.KIND)
    return kind == "run" or (kind != "exchange" and _is_local_root(span))


def _name(run: _Open, span: ReadableSpan) -> None:
    """Name a run by its best span: `run` before agent before local root, the outer (later) of two agents."""
    attributes = span.attributes or {}
    kind = attributes.get(names.KIND)
    rank = 3 if kind == "run" else 2 if kind == "agent" else 1 if _is_local_root(span) else 0
    if rank >= max(run.name_rank, 1):
        named = attributes.get(names.RUN_NAME if kind == "run" else names.AGENT_NAME)
        run.name, run.name_rank = str(named or span.name), rank


@contextlib.contextmanager
def _noted(failed: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the exporter's edge: one span's failure must not cost another its tape
        failed.append(error)
