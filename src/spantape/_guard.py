"""Our mistake never becomes the user's: what fails in us while tracing is logged once and the call goes on.

One of the two places where any exception is caught (the other is the exporter's edge). Our own tests set
`SPANTAPE_RAISE=1` to see every bug.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

logger = logging.getLogger("spantape")

P = ParamSpec("P")
R = TypeVar("R")

_said: set[str] = set()


def guarded(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """What `function` returns, or None where it failed; the failure is logged, once for each function."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        if os.environ.get("SPANTAPE_RAISE"):
            raise
        report(function, error)
        return None


class _Here(threading.local):
    depth = 0


_here = _Here()


def entered(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """As `guarded`, where the program's thread comes in: `inside` is true meanwhile."""
    _here.depth += 1
    try:
        return guarded(function, *args, **kwargs)
    finally:
        _here.depth -= 1


def inside() -> bool:
    """Whether this thread is at work for us already, and may hold a lock of ours or of an exporter.

    The garbage collector runs anywhere, and so does what it finalizes: a stream that the program dropped is closed by
    its generator's `finally`, in the middle of whatever we are doing.
    """
    return _here.depth > 0


def report(function: Callable[..., object], error: BaseException) -> None:
    """Log `error` of `function` with its traceback, the first time that this function fails."""
    name = getattr(function, "__qualname__", repr(function))
    once(
        f"guard:{name}",
        "spantape failed in %s (%s: %s); this call goes on unrecorded or recorded in part. "
        "Further failures there are not logged. Please report this.",
        name,
        type(error).__name__,
        error,
        error=error,
    )


def once(key: str, message: str, *args: object, error: BaseException | None = None) -> bool:
    """Log a warning the first time `key` is seen; returns whether it was."""
    if key in _said:
        return False
    _said.add(key)
    logger.warning(message, *args, exc_info=error)
    return True


def forget() -> None:
    """Log everything anew; for tests."""
    _said.clear()
