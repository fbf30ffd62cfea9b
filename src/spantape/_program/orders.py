"""What passes between `spantape run` and the programs that it started: orders in, reports out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from spantape._session import Mode

VARIABLE: Final = "SPANTAPE_RUN"
_REPORTS: Final = "reports.jsonl"
_CLAIM: Final = "claim"


class Orders(msgspec.Struct, frozen=True):
    """What a started program is to do: `mode` over `tape`; `parts` is the directory that its processes share."""

    tape: str
    mode: Mode
    parts: str
    redact: bool = True

    def encode(self) -> str:
        """The orders as the value of their environment variable."""
        return msgspec.json.encode(self).decode()

    def claim(self) -> bool:
        """Whether this process is the first to ask: it writes the tape itself, the others parts of it."""
        try:
            os.close(os.open(Path(self.parts) / _CLAIM, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


class Report(msgspec.Struct, frozen=True):
    """What one process did: the tape it wrote or read, and what it found out.

    `answered` counts steps given back, `unused` are the indices of those nobody asked for; `misses` and `problems`
    are messages for people.
    """

    pid: int
    tape: str
    steps: int = 0
    answered: int = 0
    unused: list[int] = []
    misses: list[str] = []
    problems: list[str] = []


def decode_orders(text: str) -> Orders:
    """The orders in the variable's value.

    Raises:
        msgspec.DecodeError: they are none.
    """
    return msgspec.json.decode(text, type=Orders)


def send_report(orders: Orders, report: Report) -> None:
    """Add `report` to those of the other processes; one write, so that none is torn."""
    line = msgspec.json.encode(report) + b"\n"
    fd = os.open(Path(orders.parts) / _REPORTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


def read_reports(parts: Path) -> Iterator[Report]:
    """The reports in the order in which the processes ended."""
    path = parts / _REPORTS
    if path.exists():
        for line in path.read_bytes().splitlines():
            yield msgspec.json.decode(line, type=Report)
