"""Annotations, resolved: of functions and of record classes. Nothing here raises; what is unknown is `Any`."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import types
import typing
from collections import abc
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, TypeVar
from weakref import WeakKeyDictionary

_EMPTY: Final = inspect.Signature.empty
_WRAPPERS: Final[frozenset[Any]] = frozenset(
    getattr(typing, name)
    for name in ("Annotated", "Final", "ClassVar", "Required", "NotRequired", "ReadOnly")
    if hasattr(typing, name)
)
_AWAITED: Final[frozenset[Any]] = frozenset({abc.Awaitable, abc.Coroutine})
_ITERATED: Final[frozenset[Any]] = frozenset(
    {abc.Iterator, abc.AsyncIterator, abc.Generator, abc.AsyncGenerator}
)
_ITERABLE: Final[frozenset[Any]] = frozenset({abc.Iterable, abc.AsyncIterable})


def return_annotation(func: Any, localns: Mapping[str, Any] | None = None) -> Any:
    """The type of the values that calling `func` gives: what `from_json` reads its result with.

    For coroutine functions it is what they return; for generators, sync or async, and for functions that return an
    iterator, it is the type of one item. Forward references are looked up where `func` was defined, and in
    `localns` (the caller's locals, for classes defined beside it in a function). `Any` where nothing is
    annotated or a name cannot be found; never raises. What was found is remembered for `func`.
    """
    known = None if localns else _remembered(func)
    if known is None:
        known = _return_annotation(func, localns)
        if known is not Any:  # a name that is not there yet may be there at the next call
            _remember(func, known)
    return known


_KNOWN: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def _remembered(func: Any) -> Any:
    try:
        return _KNOWN.get(func)
    except TypeError:  # no hash, or no weak references
        return None


def _remember(func: Any, hint: Any) -> None:
    with contextlib.suppress(TypeError):
        _KNOWN[func] = hint


def _return_annotation(func: Any, localns: Mapping[str, Any] | None) -> Any:
    target = _target(func)
    if isinstance(target, type):
        return target
    hint = strip(_hint_of(target, "return", localns))
    if _in(typing.get_origin(hint) or hint, _AWAITED):
        hint = strip(_last_argument(hint))
    return _item(hint, generator=_generates(target))


def _target(func: Any) -> Any:
    """The function whose annotations speak for `func`: below partials, wrappers and callable objects."""
    while isinstance(func, functools.partial):
        func = func.func
    try:
        func = inspect.unwrap(func)
    except ValueError:
        return func
    if isinstance(func, (staticmethod, classmethod, types.MethodType)):
        return func.__func__
    if inspect.isroutine(func) or isinstance(func, type):
        return func
    return getattr(type(func), "__call__", func)  # noqa: B004 - the method is wanted, not whether there is one


def _generates(target: Any) -> bool:
    return inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target)


def _item(hint: Any, *, generator: bool) -> Any:
    origin = typing.get_origin(hint) or hint
    if not _in(origin, _ITERATED) and not (generator and _in(origin, _ITERABLE)):
        return Any if generator else hint
    arguments = typing.get_args(hint)
    return strip(arguments[0]) if arguments else Any


def _last_argument(hint: Any) -> Any:
    arguments = typing.get_args(hint)
    return arguments[-1] if arguments else Any


def _in(value: Any, group: frozenset[Any]) -> bool:
    try:
        return value in group
    except TypeError:  # an annotation may be any object, also one without a hash
        return False


def _hint_of(target: Any, name: str, localns: Mapping[str, Any] | None) -> Any:
    """The resolved annotation `name` of a function, whatever its other annotations are."""
    annotations = getattr(target, "__annotations__", None)
    if not isinstance(annotations, Mapping) or name not in annotations:
        return Any
    globalns = getattr(target, "__globals__", {})
    return _resolve(annotations[name], globalns, {**_closure(target), **(localns or {})})


def _closure(target: Any) -> dict[str, Any]:
    """The names that a function closes over, as far as they are bound."""
    code = getattr(target, "__code__", None)
    bound: dict[str, Any] = {}
    for name, cell in zip(
        getattr(code, "co_freevars", ()), getattr(target, "__closure__", None) or (), strict=False
    ):
        try:
            bound[name] = cell.cell_contents
        except ValueError:
            continue
    return bound


def _resolve(annotation: Any, globalns: Mapping[str, Any], localns: Mapping[str, Any]) -> Any:
    """`annotation` with its forward references replaced, or `Any`."""
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, dict(globalns), dict(localns), include_extras=True)["it"]
    except Exception:  # noqa: BLE001 - evaluating a user's annotation may raise anything
        return Any


def class_hints(cls: type) -> dict[str, Any]:
    """The resolved annotations of a class and its bases; `Any` for each that cannot be resolved."""
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001 - evaluating a user's annotation may raise anything
        return _hints_one_by_one(cls)


def _hints_one_by_one(cls: type) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        module = sys.modules.get(base.__module__)
        names = {base.__name__: base, cls.__name__: cls}
        for name, annotation in vars(base).get("__annotations__", {}).items():
            hints[name] = _resolve(annotation, vars(module) if module else {}, names)
    return hints


def required_keys(cls: Any) -> list[str]:
    """The keys that a TypedDict must have; its own `__required_keys__` overlooks `NotRequired` in text annotations."""
    return [
        name for name, hint in class_hints(cls).items() if _is_required(hint, name in cls.__required_keys__)
    ]


def _is_required(hint: Any, otherwise: bool) -> bool:
    while _in(typing.get_origin(hint), _WRAPPERS):
        if typing.get_origin(hint) is typing.NotRequired:
            return False
        if typing.get_origin(hint) is typing.Required:
            return True
        hint = typing.get_args(hint)[0]
    return otherwise


def strip(hint: Any) -> Any:
    """`hint` below what says nothing of its value: `Annotated`, `Required`, `NewType`, type variables."""
    while True:
        if hint is None:
            return types.NoneType
        if hint is _EMPTY or isinstance(hint, (str, typing.ForwardRef)) or _in(hint, _BARE):
            return Any
        if isinstance(hint, TypeVar):
            hint = hint.__bound__ or Any
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif _in(typing.get_origin(hint), _WRAPPERS):
            hint = typing.get_args(hint)[0]
        else:
            return hint


_BARE: Final[frozenset[Any]] = frozenset(
    {object, Annotated, ClassVar, typing.Final, typing.NoReturn, typing.Never}
)


def substitute(hint: Any, variables: Mapping[Any, Any]) -> Any:
    """`hint` with type variables replaced: `list[T]` under {T: int} is `list[int]`."""
    if isinstance(hint, TypeVar):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not variables or not parameters or (isinstance(hint, type) and not typing.get_args(hint)):
        return hint
    try:
        return hint[tuple(variables.get(parameter, Any) for parameter in parameters)]
    except TypeError:
        return hint
