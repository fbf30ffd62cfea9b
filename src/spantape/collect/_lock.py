"""One collector at a time writes a directory: a lock that dies with its process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from spantape.errors import UsageError

if sys.platform == "win32":
    import msvcrt

    def _try(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


class DirectoryLock:
    """The lock file `path`, held from the start until `release`.

    Raises:
        UsageError: another collector holds it.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _try(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise UsageError(
                f"another collector writes to {str(path.parent.parent)!r}; stop it, or give this one another -o DIR"
            ) from error

    def release(self) -> None:
        """Let another collector have the directory."""
        os.close(self._fd)
