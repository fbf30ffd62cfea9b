"""Where a model runs, as it is said in words: `local-vllm` for every host, `localhost:8000=local-vllm` for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, cast, get_args

from spantape.errors import UsageError

Runtime = Literal["cloud", "local-vllm", "local-transformers", "local"]
"""A runtime class; v0.1 has all but "local", which is any other server of one's own."""

Runtimes = Runtime | Mapping[str, Runtime]
"""The runtime of every host, or by host with its port or without; others are "cloud"."""

_KNOWN: Final = get_args(Runtime)


def runtimes_of(texts: Iterable[str]) -> Runtimes:
    """The runtimes that `texts` say, each `CLASS` or `HOST[:PORT]=CLASS`; "cloud" where they say none.

    Raises:
        UsageError: a class is none that is known, or one for all stands beside others.
    """
    pairs = [text.strip().rpartition("=") for text in texts]
    for host, _, name in pairs:
        check_runtime(name, f"{host}={name}" if host else name)
    if len(pairs) == 1 and not pairs[0][0]:
        return cast("Runtime", pairs[0][2])
    if any(not host for host, _, _ in pairs):
        raise UsageError("got a runtime for every host beside others, expected HOST=CLASS for each")
    return {host.lower(): cast("Runtime", name) for host, _, name in pairs} if pairs else "cloud"


def check_runtime(name: str, shown: str) -> None:
    """Raise unless `name` is a runtime class.

    Raises:
        UsageError: it is none.
    """
    if name not in _KNOWN:
        raise UsageError(f"got runtime {shown!r}, expected one of {', '.join(_KNOWN)}, or HOST=CLASS")


def runtime_at(place: str, runtimes: Runtimes) -> Runtime:
    """The runtime of the host `place`, which may carry its port."""
    if isinstance(runtimes, str):
        return runtimes
    host, colon, port = place.rpartition(":")
    bare = host if colon and port.isdecimal() else place
    return runtimes.get(place) or runtimes.get(bare) or "cloud"
