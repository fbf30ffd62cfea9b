"""What a function was called with, by parameter name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any, Final
from weakref import WeakKeyDictionary

from spantape._model import Json
from spantape._values._write import to_json

_KIND: Final = inspect.Parameter
_BY_POSITION: Final = (_KIND.POSITIONAL_ONLY, _KIND.POSITIONAL_OR_KEYWORD)
_BY_NAME: Final = (_KIND.POSITIONAL_OR_KEYWORD, _KIND.KEYWORD_ONLY)
_ANYTHING: Final = (_KIND("args", _KIND.VAR_POSITIONAL), _KIND("kwargs", _KIND.VAR_KEYWORD))
"""The parameters of a callable that does not tell them."""


def bind_arguments(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Json]:
    """The arguments of the call `func(*args, **kwargs)` as JSON: by name, in the order of the signature.

    Defaults are applied, `self` and `cls` left out; what a variadic parameter took stands under its name (a list,
    an object). What has no JSON form becomes a placeholder such as `<httpx2.Client>`. A call that does not fit the
    signature gives what can be told of it: the call itself raises, this does not.
    """
    target: Any = func
    if isinstance(target, MethodType):  # a new object at each access, so no key for a cache
        target, args = target.__func__, (target.__self__, *args)
    bound = _layout_of(target).bind(args, kwargs)
    return {name: to_json(value, placeholders=True) for name, value in bound.items()}


class _Layout:
    """A signature, taken apart once; the parameter that a method takes itself by is not in `order`."""

    __slots__ = ("by_name", "defaults", "order", "positional", "var_keyword", "var_positional")

    def __init__(self, func: Callable[..., Any]) -> None:
        parameters = _parameters(func)
        self.positional = tuple(p.name for p in parameters if p.kind in _BY_POSITION)
        self.by_name = frozenset(p.name for p in parameters if p.kind in _BY_NAME)
        self.var_positional = next((p.name for p in parameters if p.kind is _KIND.VAR_POSITIONAL), None)
        self.var_keyword = next((p.name for p in parameters if p.kind is _KIND.VAR_KEYWORD), None)
        self.defaults = {p.name: p.default for p in parameters if p.default is not _KIND.empty}
        own = 1 if _takes_itself(func, self.positional) else 0
        self.order = tuple(p.name for p in parameters)[own:]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The bound arguments as they were given, in the order of the signature."""
        given = dict(zip(self.positional, args, strict=False))
        rest = args[len(self.positional) :]
        extra: dict[str, Any] = {}
        for name, value in kwargs.items():
            (given if name in self.by_name else extra)[name] = value
        bound: dict[str, Any] = {}
        for name in self.order:
            if name in given:
                bound[name] = given[name]
            elif name in self.defaults:
                bound[name] = self.defaults[name]
        return bound if self._no_variadic(rest, extra) else self._with_rest(bound, rest, extra)

    def _no_variadic(self, rest: tuple[Any, ...], extra: dict[str, Any]) -> bool:
        return self.var_positional is None and self.var_keyword is None and not rest and not extra

    def _with_rest(
        self, bound: dict[str, Any], rest: tuple[Any, ...], extra: dict[str, Any]
    ) -> dict[str, Any]:
        if rest or self.var_positional is not None:
            bound[self.var_positional or "args"] = rest
        if self.var_keyword is not None:
            bound[self.var_keyword] = extra
        else:
            bound.update(extra)
        return {name: bound[name] for name in (*self.order, *bound) if name in bound}


def _parameters(func: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        return _ANYTHING


def _takes_itself(func: Callable[..., Any], positional: tuple[str, ...]) -> bool:
    """Whether `func` is a plain function out of a class body, called with the object first."""
    if not positional or positional[0] not in ("self", "cls"):
        return False
    owner = getattr(func, "__qualname__", "").rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


_LAYOUTS: WeakKeyDictionary[Callable[..., Any], _Layout] = WeakKeyDictionary()


def _layout_of(func: Callable[..., Any]) -> _Layout:
    try:
        layout = _LAYOUTS.get(func)
        if layout is None:
            layout = _LAYOUTS[func] = _Layout(func)
    except TypeError:  # a callable without a hash or without weak references
        return _Layout(func)
    return layout
