"""What the tapes of a test session did, summed up over its tests and workers."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, TypedDict

_WORDS: Final = {"replay": "replayed", "record": "recorded", "extend": "extended", "rerecord": "rerecorded"}


class Record(TypedDict):
    """What one test's tape did, in plain values that xdist carries from its workers."""

    test: str
    mode: str  # what was done, never "auto"; "missing" where there was no tape to replay
    kept: bool  # False for a recording that was dropped, since its test did not pass
    misses: int
    blocked: int  # sockets that a replayed test was refused
    calls: int  # exchanges that went over the network
    drift: str


class Totals:
    """The sums, and the lines for the terminal."""

    def __init__(self) -> None:
        self._modes: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._drifted: list[tuple[str, str]] = []

    def add(self, record: Record) -> None:
        """Count what one test did."""
        self._modes[record["mode"] if record["kept"] else "dropped"] += 1
        self._sums += Counter(
            {"misses": record["misses"], "blocked": record["blocked"], "calls": record["calls"]}
        )
        if record["drift"]:
            self._drifted.append((record["test"], record["drift"]))

    def lines(self) -> list[str]:
        """The summary, none where no test had a tape; drift first."""
        if not self._modes:
            return []
        lines = []
        for test, drift in self._drifted:
            lines += [f"drift: {test}", *(f"  {line}" for line in drift.splitlines())]
        return [*lines, self._line()]

    def _line(self) -> str:
        modes: Any = self._modes
        parts = [f"{modes[mode]} {word}" for mode, word in _WORDS.items() if modes[mode]]
        parts += [f"{modes['dropped']} not kept (the test did not pass)"] if modes["dropped"] else []
        parts += [f"{modes['missing']} missing"] if modes["missing"] else []
        parts.append(_count(self._sums["misses"], "miss", "misses"))
        tail = f"network calls {self._sums['calls']}"
        blocked = f", {self._sums['blocked']} blocked" if self._sums["blocked"] else ""
        return f"tapes: {', '.join(parts)}; {tail}{blocked}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
