"""The modes of a test's tape; apart from the other settings, since every pytest run loads it."""

from __future__ import annotations

from typing import Any, Final

from spantape.errors import UsageError

MODES: Final = ("auto", "record", "replay", "rerecord", "extend")


def check_mode(mode: Any, got: str) -> None:
    """Nothing, for a mode that there is; `got` begins the message otherwise.

    Raises:
        UsageError: there is no such mode.
    """
    if mode not in MODES:
        raise UsageError(f"{got}, expected one of {', '.join(MODES)}")
