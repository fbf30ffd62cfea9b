"""How a collector is set, each setting checked once."""

from __future__ import annotations

import ipaddress
import math
import socket
from dataclasses import dataclass
from typing import Final, NamedTuple

from spantape.errors import UsageError

MIB: Final = 1 << 20
GIB: Final = 1 << 30


class Address(NamedTuple):
    """A host and a port; port 0 is any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return all(ipaddress.ip_address(ip).is_loopback for ip in self._ips())

    def _ips(self) -> set[str]:
        try:
            found = socket.getaddrinfo(self.host or None, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UsageError(f"got host {self.host!r}, expected one of this machine's ({error})") from error
        return {str(entry[4][0]).partition("%")[0] for entry in found}


def address(text: str) -> Address:
    """The address that `text` says: `127.0.0.1:4318`, `[::1]:4318`, `localhost:0`.

    Raises:
        UsageError: it says none.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535 or not host:
        raise UsageError(f"got address {text!r}, expected HOST:PORT with a port from 0 to 65535")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


_ANY: Final = Address("127.0.0.1", 0)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a collector does.

    Without an address it only writes what an earlier collector left. `idle_s` is the quiet time after which a run whose root has come is written, `wait_s` that of one without a root.
    `max_body_bytes` bounds a request, as it comes and unpacked; `max_waiting_bytes` all requests that are being
    received (reading them takes a few times that); `max_journal_bytes` and `max_open_spans` what is stored and in no file yet. Past half of the latter two,
    runs are written though they are not whole; at their limit, senders are asked to come again later.

    Traces without a span of ours are dropped unless `keep_others`. What is acknowledged survives a power cut with
    `fsync`, the end of the process always. `workers` processes write tapes (a script that starts some needs a
    `__main__` guard); 0 is a thread of this one.

    Raises:
        UsageError: a number is not above 0 (times: not 0 or above), or the token is none.
    """

    http: Address | None = _ANY
    grpc: Address | None = None
    token: str | None = None
    idle_s: float = 5.0
    wait_s: float = 60.0
    keep_others: bool = True
    fsync: bool = True
    workers: int = 0
    max_body_bytes: int = 32 * MIB
    max_waiting_bytes: int = 128 * MIB
    max_journal_bytes: int = 4 * GIB
    max_open_spans: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("max_body_bytes", "max_waiting_bytes", "max_journal_bytes", "max_open_spans"):
            if getattr(self, name) <= 0:
                raise UsageError(f"got {name} {getattr(self, name)}, expected a number above 0")
        for name in ("idle_s", "wait_s", "workers"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"got {name} {getattr(self, name)}, expected a number from 0 on")
        self._check_reach()

    def _check_reach(self) -> None:
        if self.token is not None and not (
            self.token.isascii() and self.token.isprintable() and self.token.strip()
        ):
            raise UsageError(
                "got a token that no header can carry, expected printable ASCII and not only spaces"
            )
        for reached in (self.http, self.grpc):
            if reached is not None and self.token is None and not reached.is_loopback:
                raise UsageError(
                    f"got {reached}, which other machines can reach, and no token: set --token or "
                    "SPANTAPE_COLLECT_TOKEN, or listen on 127.0.0.1"
                )
