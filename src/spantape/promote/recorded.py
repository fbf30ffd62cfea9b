"""What generated tests need where plain Python does not do: calls with recorded arguments, results as recorded.

::

    from spantape.promote.recorded import call, same

    with spantape.replay(TAPE):
        result = call(plan, order={"id": 7, "items": ["a"]})  # `plan` gets its dataclass
    assert same(result, {"status": "ok"}, "semantic:0.9")
"""

from __future__ import annotations

import asyncio
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from spantape._model import Json
from spantape._values import from_json, to_json
from spantape.errors import UsageError
from spantape.tolerance.level import Tolerance, parse_tolerance

__all__ = ["Same", "call", "same"]

_SHOWN: Final = 6  # differences told in a failure
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def call(function: Callable[..., Any], /, **arguments: Json) -> Json:
    """What `function` gives back when it is called with recorded `arguments`, in the form in which it was recorded.

    Arguments become what the function's annotations say (dataclasses, pydantic models, dates, enums …). A coroutine
    is run to its end, and of a generator, sync or async, all items are the result.

    Raises:
        UsageError: an argument is not what its annotation says, or `function` is a method without its object.
    """
    args, kwargs = _bound(function, arguments)
    return to_json(_ended(function(*args, **kwargs)))


def _bound(function: Callable[..., Any], arguments: dict[str, Json]) -> tuple[list[Any], dict[str, Any]]:
    hints = _hints(function)
    parameters = inspect.signature(function).parameters.values()
    spreads = any(one.kind is one.VAR_POSITIONAL and arguments.get(one.name) for one in parameters)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for one in parameters:
        if one.name not in arguments:
            _refuse_unbound(function, one)
        elif one.kind in _VARIADIC:
            _spread(one, arguments[one.name], hints.get(one.name, Any), args, kwargs)
        else:
            value = from_json(arguments[one.name], hints.get(one.name, Any), place=one.name)
            if one.kind is one.POSITIONAL_ONLY or (spreads and one.kind is one.POSITIONAL_OR_KEYWORD):
                args.append(value)
            else:
                kwargs[one.name] = value
    return args, kwargs


def _refuse_unbound(function: Callable[..., Any], parameter: inspect.Parameter) -> None:
    if parameter.name in ("self", "cls") and parameter.default is parameter.empty:
        raise UsageError(f"{function!r:.80} is a method: give it of an object, as in Planner().plan")


def _spread(
    parameter: inspect.Parameter, given: Json, hint: Any, args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Put what a variadic parameter took back where it was given."""
    if parameter.kind is parameter.VAR_POSITIONAL and isinstance(given, list):
        args.extend(from_json(item, hint, place=parameter.name) for item in given)
    elif isinstance(given, dict):
        kwargs.update({name: from_json(item, hint, place=name) for name, item in given.items()})


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception:  # noqa: BLE001 - a name that is only there for type checkers: plain data it is, then
        return {}


def _ended(result: Any) -> Any:
    if inspect.isawaitable(result):
        return asyncio.run(_awaited(result))
    if isinstance(result, AsyncIterator):
        return asyncio.run(_collected(result))
    return list(result) if isinstance(result, Iterator) else result


async def _awaited(result: Any) -> Any:
    return await result


async def _collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


class Same:
    """Whether a result is what was recorded: true or false, and in a failed `assert` the reasons are what is shown."""

    __slots__ = ("reasons", "tolerance")

    def __init__(self, reasons: tuple[str, ...], tolerance: Tolerance) -> None:
        self.reasons, self.tolerance = reasons, tolerance

    def __bool__(self) -> bool:
        return not self.reasons

    def __repr__(self) -> str:
        shown = "".join(f"\n  {reason}" for reason in self.reasons[:_SHOWN])
        more = len(self.reasons) - _SHOWN
        rest = f"\n  … and {more} more" if more > 0 else ""
        return f"{'the same' if self else 'not the same'}, tolerance {self.tolerance}{shown}{rest}"


def same(result: Json, recorded: Json, tolerance: str = "byte") -> Same:
    """Whether a result is what was recorded; what failed is shown by `assert`.

    "byte": equal. "structural": the same members, types and values, texts not looked at. "semantic": texts mean the
    same, by the comparison's own verdict or from the threshold on.

    Raises:
        UsageError: the tolerance is none of these.
    """
    from spantape.semantic.structured import value_differences
    from spantape.semantic.structured.values import line

    level = parse_tolerance(tolerance)
    if level.level == "byte":
        found = value_differences(recorded, result)
    else:
        found = value_differences(recorded, result, texts=lambda _path, one, other: _mean(level, one, other))
    return Same(tuple(map(line, found)), level)


def _mean(level: Tolerance, recorded: str, result: str) -> bool:
    if level.level == "structural" or recorded == result:
        return True
    from spantape.semantic.compare import compare

    told = compare(recorded, result)
    return bool(told) if level.threshold is None else told.score >= level.threshold
