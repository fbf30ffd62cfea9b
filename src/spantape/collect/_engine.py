"""The collector without its servers: requests in, stored before they are acknowledged; whole runs out, one file each.

Everything here runs on one event loop; the journal's thread and the workers are spoken to through futures.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from spantape.collect._errors import BadRequest, Busy, Closing, NotStored
from spantape.collect._export import Export, read_export
from spantape.collect._journal import Journal, number_of, segments_in
from spantape.collect._known import Known
from spantape.collect._recover import recovered
from spantape.collect._runs import Run, Runs
from spantape.collect._tapes import Job, Written, dropped, short_ids_in
from spantape.collect._workers import Workers, as_failure
from spantape.collect.events import Event, Failed, Observer, Recovered, Unchanged, Wrote, WroteLines
from spantape.collect.settings import Settings
from spantape.tape import naming

JOURNAL: Final = ".collect"
"""Where a directory of tapes keeps what is in no tape yet."""

_FAST_LEVEL: Final = 3
_LARGE_BYTES: Final = 1 << 20
_SWEEP_MIN_S: Final = 0.05
_SWEEP_MAX_S: Final = 1.0


class Engine:
    """Takes requests, and writes runs into `directory`. `tell` is called on the loop with what happens."""

    def __init__(
        self, directory: Path, settings: Settings, *, clock: Callable[[], float], tell: Observer
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._runs = Runs(idle_s=settings.idle_s, wait_s=settings.wait_s)
        self._names = Known(short_ids_in(directory))
        self._journal = Journal(directory / JOURNAL, fsync=settings.fsync)
        self._first = self._journal.number
        self._workers = Workers(settings.workers)
        self._writes: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self._closing = False
        self._failing: set[str] = set()
        self._woken = asyncio.Event()
        self.sweeper: asyncio.Task[None] | None = None
        self._counts: Counter[str] = Counter()
        self._keeping: Counter[int] = Counter()

    # --- requests in -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def room(self) -> Iterator[Room]:
        """Inside, a request may hold memory, as long as there is some.

        Raises:
            Busy, Closing: nothing is taken now.
        """
        room = Room(self)
        try:
            self._check_open()
            yield room
        finally:
            self._waiting_bytes -= room.size

    def _check_open(self) -> None:
        if self._closing:
            raise Closing("the collector is being stopped")
        limits = self._settings
        if self._runs.spans >= limits.max_open_spans or self._journal.size_bytes >= limits.max_journal_bytes:
            self._refuse("more spans are stored than are written yet")

    def _refuse(self, reason: str) -> None:
        self._counts["refused"] += 1
        raise Busy(f"{reason}; send this again later")

    def grow(self, more: int) -> None:
        """Take `more` bytes of memory for requests.

        Raises:
            Busy: there are no more.
        """
        if self._waiting_bytes + more > self._settings.max_waiting_bytes:
            self._refuse("too many requests are being received")
        self._waiting_bytes += more

    async def take(self, body: bytes) -> Export:
        """What the request in the protobuf bytes `body` holds; its spans are stored when this returns.

        Raises:
            BadRequest: it is none.
            NotStored: the disk does not take it.
        """
        read = asyncio.to_thread(read_export, body) if len(body) > _LARGE_BYTES else None
        try:
            export = read_export(body) if read is None else await read
        except BadRequest:
            self._counts["bad"] += 1
            raise
        if export.spans:
            await asyncio.shield(self._keep(export))
        self._counts["requests"] += 1
        self._counts["rejected"] += export.rejected
        return export

    async def _keep(self, export: Export) -> None:
        with self._segments_kept():
            await self._keep_in(export)
        if self._is_crowded():
            self._woken.set()

    @contextlib.contextmanager
    def _segments_kept(self) -> Iterator[None]:
        """Inside, no segment is deleted that a request may be in of which the runs do not know yet."""
        first = self._journal.number
        self._keeping[first] += 1
        try:
            yield
        finally:
            self._keeping -= Counter({first: 1})

    async def _keep_in(self, export: Export) -> None:
        try:
            place = await asyncio.wrap_future(self._journal.append(export.data, export.body_bytes))
        except OSError as error:
            self._free_segments()
            self._fails("journal", f"{self._directory / JOURNAL}: {error}")
            self._counts["not stored"] += len(export.spans)
            raise NotStored(
                f"it cannot be stored ({error.strerror or error}); send this again later"
            ) from error
        self._works("journal")
        fresh = self._runs.add(export, place, self._clock())
        self._counts["spans"] += fresh
        self._counts["repeated"] += len(export.spans) - fresh

    # --- runs out ----------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Give the runs that are due to the workers, as many as they can do."""
        now, slots = self._clock(), self._free_slots()
        due = self._runs.due(now, slots + 1)
        level = _FAST_LEVEL if len(due) > slots else None  # behind: a tape is better large than late
        if not due and self._is_crowded():
            due, level = self._runs.oldest(now, slots), _FAST_LEVEL
        for run_id in due[:slots]:
            self._write(run_id, level)
        if not self._runs.spans and self._journal.size_bytes:
            self._journal.rotate()  # so that a kill leaves nothing to be taken up that is in files already
            self._free_segments()

    def _free_slots(self) -> int:
        return max(self._workers.slots - self._runs.writing, 0)

    def _is_crowded(self) -> bool:
        limits = self._settings
        return (
            2 * self._runs.spans >= limits.max_open_spans
            or 2 * self._journal.size_bytes >= limits.max_journal_bytes
        )

    def _write(self, run_id: str, level: int | None) -> asyncio.Task[None]:
        run = self._runs.start(run_id)
        task = asyncio.create_task(self._written(self._job(run, level), ours=run.ours))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    def _job(self, run: Run, level: int | None) -> Job:
        traces = tuple(sorted(trace.hex() for trace in run.traces))
        short = {naming.short_id(one) for one in (run.id, *traces)}
        return Job(
            directory=self._directory,
            run_id=run.id,
            refs=run.refs,
            segments={segment: self._journal.path_of(segment) for segment in run.segments()},
            traces=traces,
            look_up=frozenset(one for one in short if one in self._names),
            level=level,
            keep_others=self._settings.keep_others,
        )

    async def _written(self, job: Job, *, ours: bool) -> None:
        try:
            if ours or job.keep_others or job.look_up:
                written = await asyncio.wrap_future(self._workers.submit(job))
            else:
                written = dropped(job)
        except Exception as error:  # noqa: BLE001 - whatever a worker came to, the run is kept and tried again
            self._runs.restore(job.run_id, self._clock())
            self._fails("tapes", f"run {job.run_id!r}: {as_failure(error)}")
        else:
            self._works("tapes")
            self._runs.finish(job.run_id)
            if written.path is not None:
                self._names.update(naming.short_id(one) for one in (job.run_id, *job.traces))
            self._report(written)
            self._free_segments()
            self.sweep()

    def _free_segments(self) -> None:
        first = min(self._keeping, default=self._journal.number + 1)
        done = [segment for segment in self._journal.finished() if segment < first]
        try:
            for segment in self._runs.free(done):
                self._journal.delete(segment)
        except OSError as error:
            self._fails("journal", f"what is written cannot be deleted ({error})")

    async def _sweep_on(self) -> None:
        patience = min(self._settings.idle_s, self._settings.wait_s) / 4
        pause_s = min(max(patience, _SWEEP_MIN_S), _SWEEP_MAX_S)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause_s)
            self._woken.clear()
            self.sweep()

    async def flush(self) -> None:
        """Write every run that is open now, whole or not; each is tried once."""
        left, doing = deque(self._runs.open_ids()), set(self._writes)
        while left or doing:
            doing |= self._flushed(left)
            if self._writes:
                await asyncio.wait(self._writes, return_when=asyncio.FIRST_COMPLETED)
            doing &= self._writes

    def _flushed(self, left: deque[str]) -> set[asyncio.Task[None]]:
        """Take from `left` as many runs as the workers can do now, and give them those."""
        level = _FAST_LEVEL if len(left) > self._workers.slots else None
        writing: list[str] = []
        tasks: set[asyncio.Task[None]] = set()
        while left and self._free_slots():
            run_id = left.popleft()
            if self._runs.is_writing(run_id):
                writing.append(run_id)
            elif self._runs.is_open(run_id):
                tasks.add(self._write(run_id, level))
        left.extend(writing)
        return tasks

    # --- from start to stop ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what an earlier collector left, and begin to look for runs that are whole.

        Raises:
            NotStored: the disk does not take it.
        """
        self._workers.warm()
        old = [path for path in segments_in(self._directory / JOURNAL) if number_of(path) <= self._first]
        if old:
            found = await recovered(old, self._keep)
            self._tell(Recovered(found.requests, self._runs.spans, found.skipped))
        self.sweeper = asyncio.create_task(self._sweep_on())

    def refuse(self) -> None:
        """Take no more requests."""
        self._closing = True

    async def stop(self) -> None:
        """Write what is stored, and end; what cannot be written stays in the journal for the next collector."""
        self.refuse()
        if self.sweeper is not None:
            self.sweeper.cancel()
        await asyncio.to_thread(self._journal.close)
        await self.flush()
        await asyncio.to_thread(self._workers.close)
        self._free_segments()

    # --- what is told ------------------------------------------------------------------------------------------------

    @property
    def counts(self) -> dict[str, int]:
        """What came and what became of it, by name, from the start on; and what is open now."""
        counted = (
            "requests",
            "spans",
            "repeated",
            "rejected",
            "refused",
            "bad",
            "not stored",
            "tapes",
            "lines",
            "dropped",
        )
        now = {
            "open_runs": self._runs.open_runs,
            "open_spans": self._runs.spans,
            "journal_bytes": self._journal.size_bytes,
            "groups": self._journal.groups,
        }
        return {name.replace(" ", "_"): self._counts[name] for name in counted} | now

    @property
    def failing(self) -> list[str]:
        """What does not work now: "journal", "tapes"."""
        return sorted(self._failing)

    def _report(self, written: Written) -> None:
        event = _event(written)
        self._counts["tapes"] += isinstance(event, Wrote)
        self._counts["lines"] += isinstance(event, WroteLines)
        self._counts["dropped"] += written.kind == "dropped"
        if event is not None:
            self._tell(event)

    def _fails(self, what: str, reason: str) -> None:
        if what not in self._failing:
            self._failing.add(what)
            self._tell(Failed(what, reason))

    def _works(self, what: str) -> None:
        self._failing.discard(what)


class Room:
    """The memory that one request holds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.size = 0

    def grow(self, more: int) -> None:
        """Hold `more` bytes; `Busy` where there are none."""
        self._engine.grow(more)
        self.size += more


def _event(written: Written) -> Event | None:
    path, traces = str(written.path), list(written.traces)
    if written.kind == "tape":
        return Wrote(
            path,
            written.run_id,
            written.name,
            traces,
            spans=written.spans,
            steps=written.steps,
            added=written.added,
            fingerprint=written.fingerprint,
            late=written.late,
        )
    if written.kind == "lines":
        return WroteLines(
            path,
            written.run_id,
            written.name,
            traces,
            spans=written.spans,
            added=written.added,
            late=written.late,
            reason=written.reason,
        )
    return Unchanged(path, written.run_id, traces) if written.kind == "unchanged" else None
