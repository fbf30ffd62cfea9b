"""Wrapping and unwrapping, one mechanism for all seams.

A seam says *where* as a table of targets; `install` wraps each once, waits for modules that are not imported yet,
and gives a handle that removes exactly what it put in.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import wrapt

from spantape.errors import SeamError

logger = logging.getLogger("spantape")

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""wrapt's convention: (wrapped, instance, args, kwargs) → what the call gives back."""


@dataclass(frozen=True, slots=True)
class Where:
    """One place to wrap: `path` (`Class.method`) in `module`, with the wrapper that `make(module)` returns."""

    module: str
    path: str
    make: Callable[[ModuleType], Wrapper]


@dataclass(slots=True)
class Handle:
    """What was installed; `remove` leaves every target as it was, also under another tool's wrapper."""

    _installed: list[tuple[Any, str, Any]] = field(default_factory=list)
    _on: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enabled(self) -> bool:
        """Whether the wrappers act; off, they pass calls through."""
        return self._on

    def add(self, parent: Any, attribute: str, wrapper: Any) -> None:
        """Note a wrapper that was put in place."""
        with self._lock:
            self._installed.append((parent, attribute, wrapper))

    def remove(self) -> None:
        """Take every wrapper off again. What cannot be taken off stays, switched off; the log says so."""
        self._on = False
        with self._lock:
            installed, self._installed = self._installed, []
        for parent, attribute, wrapper in reversed(installed):
            try:
                wrapt.unwrap_object(parent, attribute, wrapper)
            except (wrapt.WrapperNotOutermostError, wrapt.WrapperNotFoundError) as error:
                logger.info(
                    "spantape's wrapper of %s stays below another tool's, switched off (%s)", attribute, error
                )


def install(table: Iterable[Where]) -> Handle:
    """The handle of the wrappers of `table`, put in place now or when their module is imported.

    Raises:
        SeamError: a module that is imported already lacks a target of the table.
    """
    handle = Handle()
    for where in table:
        module = sys.modules.get(where.module)
        if module is not None and not _half_imported(module):
            _wrap(handle, where, module)
        else:
            _wait(handle, where)
    return handle


def _wait(handle: Handle, where: Where) -> None:
    def imported(module: ModuleType) -> None:
        if not handle.enabled():
            return
        try:
            _wrap(handle, where, module)
        except SeamError as error:  # the import is the program's: it must not fail because of us
            logger.warning("%s", error)

    wrapt.register_post_import_hook(imported, where.module)


def _half_imported(module: ModuleType) -> bool:
    spec = getattr(module, "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def _wrap(handle: Handle, where: Where, module: ModuleType) -> None:
    parent_path, _, attribute = where.path.rpartition(".")
    parent: Any = module
    for name in filter(None, parent_path.split(".")):
        parent = getattr(parent, name, None)
    current = None if parent is None else vars(parent).get(attribute)
    if current is None:
        version = getattr(module, "__version__", "unknown")
        raise SeamError(
            f"got {where.module} {version} without {where.path}, expected it there: calls through {where.module} "
            "are neither recorded nor replayed. Please report this version."
        )
    if _is_ours(current):
        return
    wrapper = wrapt.FunctionWrapper(current, where.make(module), enabled=handle.enabled)
    wrapper._self_spantape = True  # noqa: SLF001 - wrapt keeps a wrapper's own state under this prefix
    wrapt.apply_patch(parent, attribute, wrapper)
    handle.add(parent, attribute, wrapper)


def _is_ours(current: Any) -> bool:
    """Whether a wrapper of ours is on `current` already, also below other wrapt wrappers."""
    while current is not None:
        if getattr(current, "_self_spantape", False) and current._self_enabled():  # noqa: SLF001 - likewise
            return True
        current = getattr(current, "__wrapped__", None)
    return False
