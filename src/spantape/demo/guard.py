"""A guard that sees what this process asks of the network, whatever library asks.

The interpreter reports each attempt to its audit hooks, from any thread, before it is made.

See: PEP 578, and "Audit events table" in the Python library reference.
"""

from __future__ import annotations

import sys
from typing import Any, Final, Self

_EVENTS: Final = frozenset(
    {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
_open: Final[list[NetworkGuard]] = []
_hooked = False


class NetworkGuard:
    """Within its block, notes every name that is looked up and every address that is connected or sent to."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        global _hooked  # noqa: PLW0603 - a hook cannot be taken out again, so there is one for the process
        if not _hooked:
            sys.addaudithook(_hook)
            _hooked = True
        _open.append(self)
        return self

    def __exit__(self, *_exception: object) -> None:
        _open.remove(self)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _open and event in _EVENTS:
        asked = f"{event} {arguments[1] if event in ('socket.connect', 'socket.sendto') else arguments[0]}"
        for guard in _open:
            guard.seen.append(asked)
