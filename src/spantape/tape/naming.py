"""What the tapes of a directory are called: `<start>-<name>-<run id>.tape`, each run under a name of its own."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from spantape._spans import names
from spantape.errors import TapeError
from spantape.tape.read import load

_OTHERS: Final = re.compile(r"[^a-z0-9]+")
_NAME_CHARACTERS: Final = 40
ID_CHARACTERS: Final = 12
"""How much of a run's id a file name holds at most."""


def stamp(time_ns: int) -> str:
    """The second of `time_ns` (nanoseconds since the epoch) in UTC, as file names have it."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")


def short_id(run_id: str) -> str:
    """The part of a run's id that its file name ends in: nothing that a file system would mind."""
    return _OTHERS.sub("-", run_id.lower())[:ID_CHARACTERS]


def stem(started_ns: int, name: str, run_id: str) -> str:
    """The file name of a run's tape, without its ending; runs sort by their start."""
    slug = _OTHERS.sub("-", name.lower()).strip("-")[:_NAME_CHARACTERS] or "run"
    return f"{stamp(started_ns)}-{slug}-{short_id(run_id)}"


def free_path(directory: Path, wanted: str, run_id: str) -> Path:
    """`<wanted>.tape` in `directory`, or the first numbered one that is no other run's."""
    path, number = directory / f"{wanted}.tape", 2
    while path.exists() and not is_of(path, run_id):
        path, number = directory / f"{wanted}-{number}.tape", number + 1
    return path


def is_of(path: Path, run_id: str) -> bool:
    """Whether the tape at `path` is of that run; False also where it cannot be read."""
    try:
        headers = load(path).recording.headers
    except TapeError:
        return False
    return any(header.get(names.RUN_ID) == run_id for header in headers)


if sys.platform == "win32":

    @contextlib.contextmanager
    def held(_directory: Path) -> Iterator[None]:
        """Nothing: names hold the run's id, and Windows cannot lock a directory."""
        yield

else:
    import fcntl

    @contextlib.contextmanager
    def held(directory: Path) -> Iterator[None]:
        """Inside, no other process chooses a name in the directory."""
        fd = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)
