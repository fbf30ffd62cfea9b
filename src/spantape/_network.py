"""No network while a test is replayed: sockets and look-ups of names are refused, with the host and the test named.

Patched are `connect`, `connect_ex`, `sendto` and `sendmsg` of `socket.socket` (TLS sockets and asyncio's selector
loops go through them) and `create_connection`, `getaddrinfo`, `gethostbyname` and `gethostbyname_ex` of `socket`.
Only internet sockets are meant: unix sockets, pipes and `socketpair` work as ever, and so does listening. Loopback is
refused like any other host, since a model may well be served there; `localhost` among the allowed hosts opens it.

Not covered: what does not go through Python's `socket` (uvloop, gRPC's and other C libraries' own sockets, the
Windows proactor loop's connects), functions that a module took from `socket` before (`from socket import
getaddrinfo`; their connects are still refused), and other processes.
"""

from __future__ import annotations

import errno
import fnmatch
import functools
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from spantape.errors import Miss, UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NetworkBlocked(Miss):
    """A replayed test reached for the network; like every miss, no SDK catches it to try again."""


# --- who may be reached ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """One allowed host: a name or a pattern of names, or a network; `port` None is any."""

    name: str
    network: Network | None
    port: int | None

    def covers(self, host: str, port: int | None) -> bool:
        """Whether `host` (a name or an address, lower case) may be reached at `port`; None asks for its address."""
        if self.port is not None and port is not None and self.port != port:
            return False
        address = _address(host)
        if address is not None and self.network is not None:
            return address in self.network
        if self.name == "localhost" and address is not None:
            return address.is_loopback
        return fnmatch.fnmatchcase(host, self.name)


def parse_rule(text: Any) -> Rule:
    """The rule that an allowed host means.

    Raises:
        UsageError: it is none; the message says what is accepted.
    """
    if isinstance(text, str) and text.strip() and "://" not in text:
        name, port = _split(text.strip().lower())
        if not port or port.isdecimal():
            return Rule(name, _network(name), int(port) if port else None)
    raise UsageError(
        f"allowed_hosts: got {text!r}, expected a host, an address, a network such as '10.0.0.0/8' or a pattern such "
        "as '*.example.com', each with ':port' where only that port is meant; 'localhost' is all of loopback"
    )


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        return name, rest.removeprefix(":")
    if text.count(":") == 1:
        name, _, port = text.partition(":")
        return name, port
    return text, ""


def _network(name: str) -> Network | None:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Policy:
    """The rules of one block. `who` names it in errors; `blocked` holds every refusal, `refused` the quiet ones."""

    def __init__(self, who: str, allowed: Sequence[str]) -> None:
        self.who = who
        self.blocked: list[NetworkBlocked] = []
        self.refused = 0
        self._rules = tuple(map(parse_rule, allowed))
        self._names: dict[str, str] = {}  # the name that an address was found under

    def allows(self, host: str, port: int | None) -> bool:
        """Whether a rule covers the host, or the name under which this address was found."""
        names = (host, self._names.get(host, host))
        return any(rule.covers(name, port) for rule in self._rules for name in names)

    def resolved(self, host: str, addresses: Sequence[str]) -> None:
        """Remember that `host` was allowed to be looked up, and is at `addresses`."""
        for address in addresses:
            self._names.setdefault(address.lower(), host)

    def refusal(self, action: str, host: str, port: int | None) -> BaseException:
        """The error for `action`; an exporter's thread gets the one that it can live with."""
        at = host if port is None else f"{host}:{port}"
        message = f"network blocked: {action} {at} in {self.who}, which is replayed from a tape"
        if _exporting():
            self.refused += 1
            return ConnectionRefusedError(errno.ECONNREFUSED, message)
        blocked = NetworkBlocked(
            f"{message}\n"
            "  nothing on the tape answers this: what asked for it is no HTTP client that spantape replays\n"
            f"  next: if it may be reached, allow it: @pytest.mark.tape(allowed_hosts=[{host!r}]), or the fixture "
            "tape_allowed_hosts"
        )
        self.blocked.append(blocked)
        return blocked


def _exporting() -> bool:
    """Whether a telemetry exporter is sending: a `BaseException` would end its thread for the whole process."""
    from opentelemetry import context

    return bool(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))  # noqa: SLF001 - the one spelling of it


# --- blocks ------------------------------------------------------------------------------------------------------

_lock = threading.RLock()
_policies: list[Policy] = []
_installed: list[tuple[Any, str, Any]] = []  # owner, name, our wrapper
_exempt = threading.local()


@contextmanager
def blocked(who: str, allowed: Sequence[str] = ()) -> Iterator[Policy]:
    """A block in which only `allowed` hosts are reached, from any thread; `who` is named in the errors.

    Of nested blocks every one must allow a host: an inner block never opens what an outer one closed.

    Raises:
        UsageError: an allowed host is none.
    """
    policy = Policy(who, allowed)
    with _lock:
        if not _policies:
            _install()
        _policies.append(policy)
    try:
        yield policy
    finally:
        with _lock:
            _policies.remove(policy)
            if not _policies:
                _remove()


def _check(action: str, host: str, port: int | None) -> None:
    if getattr(_exempt, "depth", 0):
        return
    for policy in reversed(tuple(_policies)):
        if not policy.allows(host, port):
            raise policy.refusal(action, host, port)


# --- what is patched ---------------------------------------------------------------------------------------------

Patch = Callable[[Callable[..., Any]], Callable[..., Any]]


def _install() -> None:
    for owner, name, patch in _targets():
        current = getattr(owner, name, None)
        if current is None or hasattr(
            current, "__spantape_network__"
        ):  # or still there, below another tool's patch
            continue
        wrapper: Any = functools.wraps(current)(patch(current))
        wrapper.__spantape_network__ = name in vars(owner)
        setattr(owner, name, wrapper)
        _installed.append((owner, name, wrapper))


def _remove() -> None:
    """Put everything back; below another tool's patch ours stays until the next time, and lets everything pass."""
    for entry in list(_installed):
        owner, name, wrapper = entry
        if vars(owner).get(name) is not wrapper:
            continue
        if wrapper.__spantape_network__:
            setattr(owner, name, wrapper.__wrapped__)
        else:
            delattr(owner, name)  # it was inherited
        _installed.remove(entry)


def _targets() -> list[tuple[Any, str, Patch]]:
    return [
        (socket.socket, "connect", functools.partial(_reaching, "connect to", 0)),
        (socket.socket, "connect_ex", functools.partial(_reaching, "connect to", 0)),
        (socket.socket, "sendto", functools.partial(_reaching, "send to", -1)),
        (socket.socket, "sendmsg", functools.partial(_reaching, "send to", 3)),
        (socket, "create_connection", _creating),
        (socket, "getaddrinfo", _looking_up),
        (socket, "gethostbyname", _looking_up),
        (socket, "gethostbyname_ex", _looking_up),
        (socket, "socketpair", _pairing),
    ]


def _reaching(action: str, place: int, original: Callable[..., Any]) -> Callable[..., Any]:
    """`original` with the address at `place` of its arguments checked, where one is given."""

    def checked(sock: Any, *args: Any) -> Any:
        address = args[place] if len(args) > place else None
        if (
            sock.family in (socket.AF_INET, socket.AF_INET6)
            and isinstance(address, tuple)
            and len(address) > 1
        ):
            _check(action, _text(address[0]), _port(address[1]))
        return original(sock, *args)

    return checked


def _creating(original: Callable[..., Any]) -> Callable[..., Any]:
    def checked(address: Any, *args: Any, **kwargs: Any) -> Any:
        _check("connect to", _text(address[0]), _port(address[1]))
        return original(address, *args, **kwargs)

    return checked


def _looking_up(original: Callable[..., Any]) -> Callable[..., Any]:
    """`original` for names that may be reached, and for what needs no look-up: addresses and this machine's own."""

    def checked(host: Any = None, *args: Any, **kwargs: Any) -> Any:
        name = _text(host)
        policies = tuple(_policies)
        if not policies or name in ("", "localhost") or _address(name) is not None:
            return original(host, *args, **kwargs)
        _check("look up", name, _port(args[0] if args else kwargs.get("port")))
        found = original(host, *args, **kwargs)
        for policy in policies:
            policy.resolved(name, _addresses(found))
        return found

    return checked


def _pairing(original: Callable[..., Any]) -> Callable[..., Any]:
    """`socketpair`, which connects over loopback where the system has none (Windows)."""

    def exempted(*args: Any, **kwargs: Any) -> Any:
        _exempt.depth = getattr(_exempt, "depth", 0) + 1
        try:
            return original(*args, **kwargs)
        finally:
            _exempt.depth -= 1

    return exempted


def _addresses(found: Any) -> list[str]:
    if isinstance(found, str):  # gethostbyname
        return [found]
    if isinstance(found, tuple):  # gethostbyname_ex
        return list(found[2])
    return [str(entry[4][0]) for entry in found]


def _text(host: Any) -> str:
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    return "" if host is None else str(host).lower()


def _port(given: Any) -> int | None:
    return given if isinstance(given, int) else None


__all__: Final = ["NetworkBlocked", "Policy", "blocked", "parse_rule"]
