"""Which spans are one run, and when a run is whole: what is in memory of the spans that are on disk.

A span is of the run that it names; one that names none is of its trace's run, and a trace without any is a run of its
own until one is named. A run is due when its root has come and nothing followed for the idle time, or, without a
root, for the waiting time. Pure: the time is an argument, and no file is touched.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from spantape.collect._export import Export, SpanAt
from spantape.collect._journal import Place

REF_NUMBERS: Final = 5
"""Numbers of a span's reference: segment, offset and length of its head, offset and length of itself."""

_RETRY_MOST_S: Final = 300
_KNOWN_TRACES: Final = 1 << 16
_KNOWN_RUNS: Final = 1 << 13
_KNOWN_SPANS: Final = 1 << 18


@dataclass(slots=True)
class Run:
    """Spans of one run that are in no tape yet.

    `refs` has `REF_NUMBERS` numbers for each span; `seen` has each span's trace id and span id, joined, in the same
    order.
    """

    id: str
    touched: float
    rooted: bool = False
    ours: bool = False
    failures: int = 0
    retry_at: float = 0.0
    refs: array[int] = field(default_factory=lambda: array("Q"))
    seen: dict[bytes, None] = field(default_factory=dict)
    traces: set[bytes] = field(default_factory=set)

    def segments(self) -> Counter[int]:
        """How many of its spans each segment holds."""
        return Counter(self.refs[::REF_NUMBERS])

    def absorb(self, other: Run) -> None:
        """Take over what another run has that this one has not."""
        for number, key in enumerate(other.seen):
            if key not in self.seen:
                self.refs.extend(other.refs[number * REF_NUMBERS : (number + 1) * REF_NUMBERS])
                self.seen[key] = None
        self.traces |= other.traces
        self.rooted |= other.rooted
        self.ours |= other.ours


class Runs:
    """The open runs, those that are being written, and the last that were; not thread-safe."""

    def __init__(self, *, idle_s: float, wait_s: float) -> None:
        self._idle_s = idle_s
        self._wait_s = wait_s
        self._open: dict[str, Run] = {}  # the one opened first first
        self._rooted: OrderedDict[str, None] = OrderedDict()  # the one longest without a span first
        self._rootless: OrderedDict[str, None] = OrderedDict()  # the same
        self._writing: dict[str, Run] = {}
        self._written: OrderedDict[str, Run] = OrderedDict()
        self._written_spans = 0
        self._run_of: OrderedDict[bytes, str] = OrderedDict()
        self._in_segment: Counter[int] = Counter()
        self.spans = 0

    @property
    def open_runs(self) -> int:
        """How many runs are not written, or not wholly."""
        return len(self._open) + len(self._writing)

    @property
    def writing(self) -> int:
        """How many runs are being written."""
        return len(self._writing)

    # --- spans in ----------------------------------------------------------------------------------------------------

    def add(self, export: Export, place: Place, now: float) -> int:
        """Take the spans of `export`, whose data is at `place`; gives how many of them are new."""
        before = self.spans
        for span in export.spans:
            run_id = self._run_id(span)
            key = span.trace_id + span.span_id
            if not self._knows(run_id, key):
                self._put(run_id, key, span, place, now)
        self._forget_traces()
        return self.spans - before

    def _put(self, run_id: str, key: bytes, span: SpanAt, place: Place, now: float) -> None:
        run = self._open.get(run_id)
        if run is None:
            earlier = self._writing.get(run_id) or self._written.get(run_id)
            run = self._open[run_id] = Run(run_id, now, rooted=earlier is not None and earlier.rooted)
        (head, head_end), (start, end) = span.head, span.place
        run.refs.extend((place.segment, place.at + head, head_end - head, place.at + start, end - start))
        run.seen[key] = None
        run.traces.add(span.trace_id)
        run.rooted |= span.is_root
        run.ours |= span.is_ours
        run.touched = now
        self._queue(run)
        self._in_segment[place.segment] += 1
        self.spans += 1

    def _queue(self, run: Run) -> None:
        """Put an open run behind all that were touched before it."""
        self._rootless.pop(run.id, None)
        queue = self._rooted if run.rooted else self._rootless
        queue[run.id] = None
        queue.move_to_end(run.id)

    def _close(self, run_id: str) -> Run | None:
        self._rooted.pop(run_id, None)
        self._rootless.pop(run_id, None)
        return self._open.pop(run_id, None)

    def _knows(self, run_id: str, key: bytes) -> bool:
        return any(
            run is not None and key in run.seen
            for run in (self._open.get(run_id), self._writing.get(run_id), self._written.get(run_id))
        )

    def _run_id(self, span: SpanAt) -> str:
        trace = span.trace_id
        known = self._run_of.get(trace)
        own = trace.hex()
        if span.run_id:
            if known is None or known == own:
                self._run_of[trace] = span.run_id
                self._absorb(own, span.run_id)
            return span.run_id
        if known is None:
            known = self._run_of[trace] = own
        self._run_of.move_to_end(trace)
        return known

    def _absorb(self, own: str, run_id: str) -> None:
        """The trace that was a run of its own turns out to be of another."""
        found = None if own == run_id else self._close(own)
        if found is None:
            return
        self._count(found, -1)
        run = self._open.get(run_id)
        if run is None:
            run = self._open[run_id] = Run(run_id, found.touched)
        self._count(run, -1)
        run.absorb(found)
        self._count(run, 1)
        self._queue(run)

    def _count(self, run: Run, sign: int) -> None:
        for segment, spans in run.segments().items():
            self._in_segment[segment] += sign * spans
            if not self._in_segment[segment]:
                del self._in_segment[segment]
        self.spans += sign * len(run.seen)

    def _forget_traces(self) -> None:
        while len(self._run_of) > _KNOWN_TRACES + self.spans:
            self._run_of.popitem(last=False)

    # --- runs out ----------------------------------------------------------------------------------------------------

    def due(self, now: float, most: int) -> list[str]:
        """Up to `most` open runs that are whole, the one longest without a span first."""
        found: list[str] = []
        for queue, patience_s in ((self._rooted, self._idle_s), (self._rootless, self._wait_s)):
            for run_id in queue:
                run = self._open[run_id]
                if len(found) >= most or now - run.touched < patience_s:
                    break
                if now >= run.retry_at and run_id not in self._writing:
                    found.append(run_id)
        return found

    def oldest(self, now: float, most: int) -> list[str]:
        """Up to `most` open runs, whole or not, the one opened first first: it is what holds the oldest segment."""
        free = (run.id for run in self._open.values() if now >= run.retry_at and run.id not in self._writing)
        return list(islice(free, most))

    def open_ids(self) -> list[str]:
        """The ids of the open runs, the one opened first first."""
        return list(self._open)

    def is_open(self, run_id: str) -> bool:
        """Whether the run has spans that nobody is writing."""
        return run_id in self._open

    def is_writing(self, run_id: str) -> bool:
        """Whether the run is being written."""
        return run_id in self._writing

    def start(self, run_id: str) -> Run:
        """The open run `run_id`, which is now being written; spans that come are of its next part."""
        run = self._writing[run_id] = self._open[run_id]
        self._close(run_id)
        return run

    def finish(self, run_id: str) -> None:
        """The run is written: its spans are only remembered, for a while."""
        run = self._writing.pop(run_id)
        self._count(run, -1)
        run.refs = array("Q")
        earlier = self._written.pop(run_id, None)
        if earlier is not None:
            self._written_spans -= len(earlier.seen)
            run.seen = earlier.seen | run.seen
            run.rooted |= earlier.rooted
        self._written[run_id] = run
        self._written_spans += len(run.seen)
        while len(self._written) > _KNOWN_RUNS or (self._written_spans > _KNOWN_SPANS and self._written):
            self._written_spans -= len(self._written.popitem(last=False)[1].seen)

    def restore(self, run_id: str, now: float) -> None:
        """The run could not be written: it is open again, to be tried later, and later each time."""
        run = self._writing.pop(run_id)
        later = self._close(run_id)
        run.failures += 1
        run.retry_at = now + min(2**run.failures, _RETRY_MOST_S)
        run.touched = now
        self._open[run_id] = run
        if later is not None:
            self._count(run, -1)
            self._count(later, -1)
            run.absorb(later)
            self._count(run, 1)
        self._queue(run)

    def free(self, segments: Iterable[int]) -> list[int]:
        """Those of `segments` in which no span is needed any more."""
        return [segment for segment in segments if segment not in self._in_segment]
