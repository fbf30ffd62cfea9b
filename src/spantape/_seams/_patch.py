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
from importlib.machinery import ModuleSpec
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
        SeamError: a module that is imported already lacks a target of the table; nothing stays wrapped then.
    """
    handle = Handle()
    try:
        for where in table:
            module = sys.modules.get(where.module)
            if module is not None and not _half_imported(module):
                _wrap(handle, where, module)
            else:
                _wait(handle, where, module)
    except BaseException:
        handle.remove()
        raise
    return handle


def _wait(handle: Handle, where: Where, half_imported: ModuleType | None) -> None:
    def imported(module: ModuleType) -> None:
        if not handle.enabled():
            return
        try:
            _wrap(handle, where, module)
        except SeamError as error:  # the import is the program's: it must not fail because of us
            logger.warning("%s", error)

    if half_imported is None:
        wrapt.register_post_import_hook(imported, where.module)
    else:  # such a hook would not wait
        _when_whole(half_imported, imported)


class _Unfinished(ModuleSpec):
    """The spec of a module that is being imported. Importing ends by setting `_initializing`, and then `waiting` is called."""

    waiting: list[Callable[[], None]]

    @property
    def _initializing(self) -> bool:
        return True

    @_initializing.setter
    def _initializing(self, initializing: bool) -> None:
        waiting = vars(self).pop("waiting")
        self.__class__ = ModuleSpec  # type: ignore[assignment]  # mypy takes classes for fixed
        self._initializing = initializing
        for call in waiting:
            call()


def _when_whole(module: ModuleType, imported: Callable[[ModuleType], None]) -> None:
    spec: Any = module.__spec__
    if type(spec) is ModuleSpec:
        vars(spec)["waiting"] = []
        spec.__class__ = _Unfinished
    if type(spec) is _Unfinished:
        spec.waiting.append(lambda: imported(module) if sys.modules.get(spec.name) is module else None)
    else:
        logger.warning(
            "%s is being imported in a way that cannot be waited for: its calls are not seen", spec.name
        )


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
    wrapper = _Ours(current, where.make(module), enabled=handle.enabled)
    wrapt.apply_patch(parent, attribute, wrapper)
    handle.add(parent, attribute, wrapper)


class _Ours(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # of any function
    """A wrapper of ours: told by its type, since attributes of a wrapper show through those above it."""


def _is_ours(current: Any) -> bool:
    """Whether a wrapper of ours is on `current` already, also below other wrapt wrappers."""
    while current is not None:
        enabled: Any = current._self_enabled if type(current) is _Ours else None  # noqa: SLF001 - wrapt's own state
        if enabled is not None and enabled():
            return True
        current = getattr(current, "__wrapped__", None)
    return False
