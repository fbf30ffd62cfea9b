"""The journal: requests on disk before they are acknowledged, many of them by one write and one sync.

A thread takes all requests that wait, appends them, syncs the file once and only then says that they are kept (group
commit), so that many clients cost hardly more syncs than one. Segments are deleted when no span in them is needed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from spantape.collect._segment import HEAD_BYTES, SUFFIX, record_head

SEGMENT_BYTES: Final = 64 << 20


class Place(NamedTuple):
    """Where a request's bytes begin: the segment's number and the offset in it."""

    segment: int
    at: int


@dataclass(slots=True)
class _Waiting:
    data: bytes
    body_bytes: int
    done: Future[Place]


@dataclass(slots=True)
class _Segment:
    number: int
    path: Path
    fd: int
    size: int = 0


class Journal:
    """The journal in `directory`, which must exist; its thread runs from the start until `close`.

    A request goes into the segment `number` or a later one. With `fsync` (the default) what is kept survives a power cut too; without it, the end of the process only.
    """

    def __init__(
        self,
        directory: Path,
        *,
        fsync: bool = True,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._directory = directory
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closing = self._rotating = False
        self._sizes: dict[int, int] = {}
        self.number = max(map(number_of, segments_in(directory)), default=0)
        self._open: _Segment | None = None
        self.groups = 0
        self._thread = threading.Thread(target=self._run, name="spantape-journal", daemon=True)
        self._thread.start()

    def append(self, data: bytes, body_bytes: int) -> Future[Place]:
        """Where `data` will be kept, once it is; an `OSError` where the disk does not take it."""
        waiting = _Waiting(data, body_bytes, Future())
        with self._changed:
            if self._closing:
                waiting.done.set_exception(OSError(errno.EBADF, "the journal is closed"))
            else:
                self._waiting.append(waiting)
                self._changed.notify()
        return waiting.done

    @property
    def size_bytes(self) -> int:
        """The bytes of all segments that this journal wrote and still has."""
        return sum(self._sizes.copy().values())

    def path_of(self, segment: int) -> Path:
        """The file of a segment."""
        return self._directory / f"{segment:010d}{SUFFIX}"

    def finished(self) -> list[int]:
        """The segments to which nothing more is added, oldest first."""
        current = self._open
        return sorted(number for number in self._sizes.copy() if current is None or number != current.number)

    def rotate(self) -> None:
        """Begin a new segment with the next request."""
        with self._changed:
            self._rotating = self._open is not None
            self._changed.notify()

    def delete(self, segment: int) -> None:
        """Delete a finished segment."""
        self.path_of(segment).unlink(missing_ok=True)
        self._sizes.pop(segment, None)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            if not group:
                continue
            try:
                places = self._write(group)
            except OSError as error:
                self._abandon()
                for waiting in group:
                    waiting.done.set_exception(error)
            else:
                for waiting, place in zip(group, places, strict=True):
                    waiting.done.set_result(place)
        self._abandon()

    def _next_group(self) -> list[_Waiting] | None:
        """All that wait, None where the journal is closed; who no longer wants an answer is left out."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing or self._rotating)
            group = list(self._waiting)
            self._waiting.clear()
            rotating, self._rotating = self._rotating, False
        if rotating:
            self._abandon()
        if not group and not rotating:
            return None
        return [waiting for waiting in group if waiting.done.set_running_or_notify_cancel()]

    def _write(self, group: list[_Waiting]) -> list[Place]:
        segment = self._segment()
        start, places, parts = segment.size, [], []
        at = start
        for waiting in group:
            parts += [record_head(waiting.data, waiting.body_bytes), waiting.data]
            places.append(Place(segment.number, at + HEAD_BYTES))
            at += HEAD_BYTES + len(waiting.data)
        try:
            _write_all(segment.fd, b"".join(parts))
            if self._fsync:
                _sync(segment.fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(segment.fd, start)
            raise
        segment.size = self._sizes[segment.number] = at
        self.groups += 1
        return places

    def _segment(self) -> _Segment:
        if self._open is not None and self._open.size >= self._segment_bytes:
            self._abandon()
        if self._open is None:
            number = self.number + 1
            path = self.path_of(number)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            fd = os.open(path, flags, 0o600)
            self.number = number
            self._open = _Segment(number, path, fd)
            self._sizes[number] = 0
            if self._fsync:
                sync_directory(self._directory)
        return self._open

    def _abandon(self) -> None:
        """Add nothing more to the open segment: after a failed sync nobody knows what of it is on the disk."""
        if self._open is not None:
            os.close(self._open.fd)
            self._open = None


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _sync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)


def sync_directory(path: Path) -> None:
    """Put the names in a directory on the disk, where the system knows such a thing."""
    if os.name != "posix":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def segments_in(directory: Path) -> list[Path]:
    """The segments in `directory`, oldest first."""
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if path.name.removesuffix(SUFFIX).isdigit())


def number_of(segment: Path) -> int:
    """The number of a segment's file."""
    return int(segment.name.removesuffix(SUFFIX))
