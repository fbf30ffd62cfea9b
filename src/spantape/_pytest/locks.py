"""One recording at a time for each tape, across the workers of a test session.

A test that would record a tape which another worker is just recording waits for it, and then finds the tape.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def recording_lock(tape: Path) -> Iterator[None]:
    """Hold the right to write `tape`; waits while another process has it, and lets go when this one dies."""
    if sys.platform == "win32":  # the journal's own lock refuses the second recording there
        yield
        return
    import fcntl

    fd = os.open(_lock_file(tape), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _lock_file(tape: Path) -> Path:
    owner = getattr(os, "getuid", int)()
    folder = Path(tempfile.gettempdir()) / f"spantape-locks-{owner}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / hashlib.sha256(os.fsencode(tape.resolve())).hexdigest()[:32]
