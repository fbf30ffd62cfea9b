"""The journal of a run being recorded: each finished span appended as its own zstd frame, by one write.

A frame is on its way to the disk when `append` returns, so a process that is killed loses nothing that it was told
is kept. One writer at a time holds a journal, by a lock that dies with its process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from spantape._spans.codec import compress
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.limits import Limits
from spantape.tape.unpack import ZSTD_MAGIC, Torn, zstd_pieces

SUFFIX: Final = ".journal"
MARK: Final = b"\x5b\x2a\x4d\x18" + (16).to_bytes(4, "little") + b"SPANTAPE JOURNAL"
"""A zstd skippable frame that opens every journal, so that it is one under any name."""

_SEARCH_BYTES: Final = 1 << 20


class JournalBusy(TapeError):
    """Another writer, of this process or another, holds the journal."""


class Journal:
    """An open journal, locked for this writer. Safe to use from many threads.

    A journal that a dead process left at `path` is kept beside it as `<path>.old`.

    Raises:
        JournalBusy: another writer holds it.
        TapeError: the file cannot be made.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        self.path = path
        self._mutex, self._mutex_pid = threading.Lock(), os.getpid()
        self._pid = os.getpid()
        self._accepts = True
        try:
            self._fd = _take(path)
            self._write(MARK + compress(header))
        except OSError as error:
            raise TapeError(f"cannot be written ({error})", path=path) from error

    @property
    def _lock(self) -> threading.Lock:
        if (
            self._mutex_pid != os.getpid()
        ):  # a fork may have copied it while a thread that is not here held it
            self._mutex, self._mutex_pid = threading.Lock(), os.getpid()
        return self._mutex

    def append(self, line: bytes) -> None:
        """Put `line` on the file; it is written when this returns.

        Raises:
            TapeError: it cannot be written, or the journal is closed.
        """
        frame = compress(line)
        with self._lock:
            if not self._accepts:
                raise TapeError("got a span after the tape was closed", path=self.path)
            try:
                self._write(frame)
            except OSError as error:
                raise TapeError(f"cannot be written ({error})", path=self.path) from error

    def _write(self, data: bytes) -> None:
        written = os.write(self._fd, data)
        while written < len(data):  # a full disk, or a signal: never leave half a frame before the next
            try:
                written += os.write(self._fd, data[written:])
            except OSError:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
                raise

    @property
    def inherited(self) -> bool:
        """Whether this process only has the journal from its parent, by a fork."""
        return os.getpid() != self._pid

    def stop(self) -> None:
        """Accept no more lines; the lock stays until `close` or `remove`."""
        with self._lock:
            self._accepts = False

    def resume(self) -> None:
        """Accept lines again after `stop`."""
        with self._lock:
            self._accepts = self._fd >= 0

    def close(self) -> None:
        """Let go of the file and leave it as it is."""
        with self._lock:
            self._accepts = False
            if self._fd >= 0:
                os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Delete the file, and let go of it."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self.close()


def _take(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            _lock(fd, path)
            if _is_at(fd, path):  # else its writer removed it between our open and our lock
                if os.fstat(fd).st_size == 0:
                    return fd
                path.replace(f"{path}.old")
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, path: Path) -> None:
        os.lseek(fd, 1 << 62, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise _busy(path) from error
else:
    import fcntl

    def _lock(fd: int, path: Path) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _busy(path) from error


def _busy(path: Path) -> JournalBusy:
    return JournalBusy("another recording is writing it; give each recording its own path", path=path)


# --- reading -----------------------------------------------------------------------------------------------------


def journal_path(path: Path) -> Path:
    """Where the journal of the tape at `path` is."""
    return path.with_name(path.name + SUFFIX)


def is_journal(head: bytes, path: Path) -> bool:
    """Whether a file that opens with `head` is a journal; a torn one is known by its name."""
    return head.startswith(MARK) or (path.name.endswith(SUFFIX) and len(head) < len(MARK))


def journal_lines(file: BinaryIO, size: int, path: Path, limits: Limits, notes: list[str]) -> Iterator[bytes]:
    """The whole lines of a journal; a torn tail is dropped and put into `notes`.

    Raises:
        TapeDamaged: a frame before the last is damaged, or a limit is passed.
    """
    held: list[bytes] = []
    held_bytes = total = 0
    try:
        for piece in zstd_pieces(file, 0, size):
            held.append(piece.data)
            held_bytes += len(piece.data)
            total += len(piece.data)
            if held_bytes > limits.line_bytes or total > limits.total_bytes:
                raise TapeDamaged(f"got more bytes than {limits} allows, refused", path=path)
            if piece.last:
                yield from (line + b"\n" for line in b"".join(held).split(b"\n") if line)
                held, held_bytes = [], 0
    except Torn as torn:
        if _has_frame_after(file, torn.frame + 1, size):
            raise TapeDamaged(
                f"the frame at byte {torn.frame} is damaged ({torn.why}), and whole frames follow it",
                path=path,
            ) from torn
        notes.append(f"dropped a torn tail of {size - torn.frame} bytes at byte {torn.frame} ({torn.why})")


def _has_frame_after(file: BinaryIO, start: int, size: int) -> bool:
    file.seek(start)
    tail = file.read(min(size - start, _SEARCH_BYTES))
    at = tail.find(ZSTD_MAGIC)
    while at >= 0:
        file.seek(start + at)
        try:
            if any(piece.last for piece in zstd_pieces(file, start + at, size)):
                return True
        except Torn:
            pass
        at = tail.find(ZSTD_MAGIC, at + 1)
    return False
