"""A clock that tests can foretell."""

from __future__ import annotations

import itertools
from typing import Final

START_NS: Final = 1_700_000_000_000_000_000
"""2023-11-14T22:13:20Z, in nanoseconds since the epoch."""

SECOND_NS: Final = 1_000_000_000


class FixedClock:
    """A function that gives `start_ns`, `start_ns + step_ns`, … : one step later at each call, in every thread.

    It stands where `time.time_ns` does.
    """

    def __init__(self, start_ns: int = START_NS, step_ns: int = SECOND_NS) -> None:
        self.start_ns = start_ns
        self.step_ns = step_ns
        self._times = itertools.count(start_ns, step_ns)

    def __call__(self) -> int:
        """The next time, in nanoseconds."""
        return next(self._times)
