"""What a run remembers while it is being recorded: its steps so far, its secrets, its recent bodies.

Bodies are remembered to write the next one as a delta, and only once their own span has ended: a delta whose base
was never exported could not be read. Everything is bounded: bodies by bytes over all runs, runs by number.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spantape._dialects._base import Asked
from spantape._framing.delta import find_delta
from spantape._spans.body import Base, Body
from spantape._spans.edits import Edit, apply_edits
from spantape._spans.redaction import Redactor, widened

BODIES_PER_RUN = 8
BODIES_BYTES = 24 * 1024 * 1024
LARGEST_BASE = 8 * 1024 * 1024
SMALLEST_SHARE = 192
RUNS = 4096
ROOTLESS_RUNS = 64

KEYFRAME_EVERY = 256
KEYFRAME_EVERY_SMALL = 32
SMALL_BODY = 32 * 1024
"""A lost span costs every body that was written as a delta to it, so a whole body (a keyframe) is written every
so often: more often where it is small. A keyframe of a long history would be the largest span of its run."""


class Run:
    """One run in the making. Thread-safe."""

    def __init__(self, run_id: str, redactor: Redactor | None, *, first_step: int = 0) -> None:
        self.id = run_id
        self.redactor = redactor
        self._steps = itertools.count(first_step)
        self._bodies: deque[Body] = deque()
        self._held = 0
        self._lock = threading.Lock()

    def next_step(self) -> int:
        """The next step's place in the run, from 0 where it does not go on with another."""
        return next(self._steps)

    def candidates(self, path: str) -> list[Body]:
        """The remembered bodies sent to `path`, newest first."""
        with self._lock:
            return [body for body in reversed(self._bodies) if body.path == path]

    def remember(self, body: Body) -> int:
        """Keep `body` as a base for those to come; returns the change in bytes held.

        A body that is sent again takes the place that it has.
        """
        size = _size(body)
        if size > LARGEST_BASE:
            return 0
        with self._lock:
            bodies = self._bodies
            before = held = self._held
            for known in bodies:
                if known.raw is body.raw:
                    bodies.remove(known)
                    held -= _size(known)
                    break
            while bodies and (len(bodies) >= BODIES_PER_RUN or held + size > LARGEST_BASE):
                held -= _size(bodies.popleft())
            bodies.append(body)
            self._held = held + size
        return self._held - before

    def forget_bodies(self) -> int:
        """Drop all remembered bodies; returns the bytes they held."""
        with self._lock:
            held, self._held = self._held, 0
            self._bodies.clear()
        return held

    def nearest(self, path: str, raw: bytes) -> Base | None:
        """The remembered body that `raw` shares most with, in the bytes that were sent; None where it shares little."""
        return _nearest(raw, self.candidates(path))

    def record_body(
        self, path: str, raw: bytes, origin: Base | None, ask: Callable[[bytes], Asked | None], *, clean: bool
    ) -> tuple[Body, Base | None]:
        """`raw` as it is to be recorded, and what it grew from; `origin` is what `nearest` gave for it.

        Only what is new since its base is searched for secrets, and nothing where that is known to be `clean`.
        `ask` reads the recorded bytes.
        """
        if origin is not None and origin.body.raw == raw:
            known = origin.body
            again = Body(path, known.raw, known.data, known.digest, known.edits, known.depth + 1, known.asked)
            return _chained(again, Base(known, len(known.data), 0))
        edits = self._edits(raw, origin, clean=clean)
        data = apply_edits(raw, edits)
        body = Body(path, raw, data, "", edits, asked=ask(data))
        if origin is None:
            return body, None
        prefix, suffix = origin.prefix, origin.suffix
        if edits or origin.body.edits:
            prefix, suffix = find_delta(origin.body.data, data)
        body.depth = origin.body.depth + 1
        return _chained(body, Base(origin.body, prefix, suffix))

    def _edits(self, raw: bytes, origin: Base | None, *, clean: bool) -> Sequence[Edit]:
        if self.redactor is None:
            return ()
        if origin is None or b"\0" in raw:  # what of a binary body is text is told by the whole of it
            known = clean and (origin is None or not origin.body.edits)
            return () if known else self.redactor.edits(raw)
        start, stop = origin.prefix, len(raw) - origin.suffix
        new = () if clean else self.redactor.edits(raw, start, stop)
        if not origin.body.edits:
            return new
        return _merge(_carried(origin, len(raw)), new, widened(raw, start, stop))


def _size(body: Body) -> int:
    return len(body.raw) if body.data is body.raw else len(body.raw) + len(body.data)


def _chained(body: Body, base: Base) -> tuple[Body, Base | None]:
    every = KEYFRAME_EVERY_SMALL if len(body.data) <= SMALL_BODY else KEYFRAME_EVERY
    if body.depth >= every:
        body.depth = 0
        return body, None
    return body, base


def _nearest(raw: bytes, candidates: Sequence[Body]) -> Base | None:
    best: Base | None = None
    for body in candidates:
        if raw == body.raw:
            return Base(body, len(raw), 0)
        if best is not None and _continues(raw, best.body):
            break  # a history that is continued is as good a base as there is
        prefix, suffix = find_delta(body.raw, raw)
        if prefix + suffix >= SMALLEST_SHARE and (
            best is None or prefix + suffix > best.prefix + best.suffix
        ):
            best = Base(body, prefix, suffix)
    return best


def _continues(raw: bytes, earlier: Body) -> bool:
    """Whether `raw` has the whole input history of `earlier` and more."""
    if len(raw) <= len(earlier.raw) or not earlier.history_end:
        return False
    if earlier.edits:
        prefix, suffix = find_delta(earlier.raw, raw)
        return prefix + suffix >= len(earlier.raw)
    end = earlier.history_end
    if raw[end - 64 if end > 64 else 0 : end] != earlier.data[end - 64 if end > 64 else 0 : end]:
        return False  # the end of a history tells most of them apart, without reading them whole
    return raw.startswith(earlier.data[:end])


def _carried(origin: Base, length: int) -> list[Edit]:
    """The edits of the base that lie in what it shares with a new body of `length`, at their new places."""
    shift = length - len(origin.body.raw)
    tail = len(origin.body.raw) - origin.suffix
    head = [edit for edit in origin.body.edits if edit.stop <= origin.prefix]
    moved = [
        Edit(edit.start + shift, edit.stop + shift, edit.replacement)
        for edit in origin.body.edits
        if edit.start >= tail
    ]
    return head + moved


def _merge(carried: Sequence[Edit], new: Sequence[Edit], searched: tuple[int, int]) -> list[Edit]:
    """Both, in order; within what was searched only the new ones, which saw more of the text."""
    low, high = searched
    kept = [
        old
        for old in carried
        if not (low <= old.start and old.stop <= high)
        and not any(old.start < edit.stop and edit.start < old.stop for edit in new)
    ]
    return sorted([*kept, *new], key=lambda edit: edit.start)


@dataclass(slots=True)
class Found:
    """The run of a call without a root: its id, and the span that its history was last seen in."""

    run: Run
    link: object | None


class _Head(NamedTuple):
    """The newest body of a rootless run, and the span that it was seen in.

    `tail` is the end of its history, which a body that goes on with it has at `start:end`; None where its bytes were
    not sent so.
    """

    run: Run
    body: Body
    link: object
    path: str
    length: int
    start: int
    end: int
    tail: bytes | None


def _head(run: Run, body: Body, link: object) -> _Head:
    end = body.history_end
    start = end - 64 if end > 64 else 0
    tail = None if body.edits else body.raw[start:end]
    return _Head(run, body, link, body.path, len(body.raw), start, end, tail)


class RunBook:
    """The runs that one target is recording, least recently used first. Thread-safe."""

    def __init__(self, make_redactor: Callable[[], Redactor | None]) -> None:
        self._make_redactor = make_redactor
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._rootless: OrderedDict[str, _Head] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def run(self, run_id: str) -> Run:
        """The run of that id, made where it is new."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                run = Run(run_id, self._make_redactor())
                self._keep(run)
            else:
                self._runs.move_to_end(run_id)
            return run

    def _keep(self, run: Run) -> None:
        self._runs[run.id] = run
        if len(self._runs) > RUNS:
            _, old = self._runs.popitem(last=False)
            self._held -= old.forget_bodies()

    def begin(self) -> Run:
        """A run whose id is not known yet; `adopt` makes it one of the book's."""
        return Run("", self._make_redactor())

    def adopt(self, run: Run, run_id: str) -> None:
        """Give a begun run its id, and keep it for the calls that will name it."""
        run.id = run_id
        with self._lock:
            self._keep(run)

    def continued(self, path: str, raw: bytes, *, resent: bool) -> Found | None:
        """The rootless run whose history `raw` continues, None where it begins one.

        A body that is sent again as it was belongs to the same run where the client says that it retries.
        """
        with self._lock:
            heads = list(self._rootless.values())
        length = len(raw)
        for run, body, link, its_path, its_length, start, end, tail in reversed(heads):
            # told by what costs least first: most conversations that are under way are not this one
            if (
                (its_length < length or resent)
                and (tail is None or raw[start:end] == tail)
                and its_path == path
                and (_continues(raw, body) or (resent and raw == body.raw))
            ):
                return Found(run, link)
        return None

    def remember(self, run: Run, body: Body, *, rootless_span: object | None = None) -> None:
        """Keep `body` as a base in its run, and as the head of a rootless run where `rootless_span` is given.

        What nobody could find again is not kept, nor are the largest bodies.
        """
        if _size(body) > LARGEST_BASE:
            return
        with self._lock:
            if not (self._is_kept(run) if rootless_span is None else body.history_end):
                return
            if rootless_span is not None:
                self._lead(run, body, rootless_span)
            self._held += run.remember(body)
            if self._held > BODIES_BYTES:
                self._shed(run)

    def _is_kept(self, run: Run) -> bool:
        """Whether the book has `run`, which it takes back in where it fell out; another may have its id by now."""
        known = self._runs.get(run.id)
        if known is None:
            self._keep(run)
        return known is None or known is run

    def _lead(self, run: Run, body: Body, span: object) -> None:
        self._rootless[run.id] = _head(run, body, span)
        self._rootless.move_to_end(run.id)
        if len(self._rootless) > ROOTLESS_RUNS:
            _, oldest = self._rootless.popitem(last=False)
            self._held -= oldest.run.forget_bodies()

    def _shed(self, keep: Run) -> None:
        heads = [head.run for head in self._rootless.values()]
        for run in (*self._runs.values(), *heads):
            if self._held <= BODIES_BYTES:
                return
            if run is not keep:
                self._held -= run.forget_bodies()
                if run in heads:
                    self._rootless.pop(run.id, None)
