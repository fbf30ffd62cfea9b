"""Sockets that listen, and why one cannot."""

from __future__ import annotations

import errno
import socket
from typing import Literal

from spantape.collect.settings import Address
from spantape.errors import UsageError

Kind = Literal["http", "grpc"]


def open_socket(address: Address, kind: Kind) -> socket.socket:
    """A socket that listens on `address`.

    Raises:
        UsageError: it cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server((address.host, address.port), family=family, backlog=512)
        # asyncio does this for sockets that name their protocol, which these do not; without it, every answer in two
        # pieces waits 40 ms for its receiver's delayed ACK. Accepted sockets inherit it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else str(error.strerror or error)
        raise cannot_listen(kind, address, why) from error
    return listener


def cannot_listen(kind: Kind, address: Address, why: str) -> UsageError:
    """Why nothing can listen on `address`, and the next move."""
    other = Address("127.0.0.1", 0)
    return UsageError(f"cannot listen on {address} ({why}); stop it, or listen elsewhere: --{kind} {other}")
