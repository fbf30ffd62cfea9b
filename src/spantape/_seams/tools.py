"""The seam of the program's own functions: the decorators `agent` and `tool`.

Recorded are name, arguments, result or error. On replay a tool is not run: its recorded result comes back as the
function's annotated type. An agent always runs: it is what a replay tests.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar, overload

from spantape import _guard, _state
from spantape._seams.invoked import LIVE, UNWATCHED, Invocation
from spantape._seams.results import resolve_here
from spantape._spans.invocation import Operation
from spantape.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(*, name: str | None = None, description: str | None = None) -> Callable[[F], F]: ...
def tool(function: Any = None, /, *, name: str | None = None, description: str | None = None) -> Any:
    """The function as a tool: each call is an `execute_tool` span, and on replay is answered from the tape.

    For sync and async functions, generators and async generators, methods too. The result comes back as the
    annotated return type (pydantic models and dataclasses included); a result that cannot is warned of when it is
    recorded (`RoundTripWarning`). `name` defaults to the function's name, `description` to its docstring's first
    line.
    """
    return _decorate(function, "tool", name, description)


@overload
def agent(function: F, /) -> F: ...
@overload
def agent(*, name: str | None = None, description: str | None = None) -> Callable[[F], F]: ...
def agent(function: Any = None, /, *, name: str | None = None, description: str | None = None) -> Any:
    """The function as an agent: each call is an `invoke_agent` span, and the root of a run where none is around it.

    For sync and async functions, generators and async generators, methods too. On replay it runs as always; what
    it calls is answered from the tape.
    """
    return _decorate(function, "agent", name, description)


def _decorate(function: Any, kind: str, name: str | None, description: str | None) -> Any:
    if function is None:
        return lambda decorated: _decorate(decorated, kind, name, description)
    if isinstance(function, staticmethod | classmethod):
        return type(function)(_decorate(function.__func__, kind, name, description))
    if not callable(function):
        raise UsageError(f"got {function!r:.60} to decorate, expected a function")
    documentation = (inspect.getdoc(function) or "").strip().partition("\n")[0]
    own = getattr(
        function, "func", function
    )  # partials have no name, and objects that are called that of their class
    own = own if hasattr(own, "__qualname__") else type(own)
    qualified = f"{own.__module__}:{own.__qualname__}"
    operation = Operation(kind, name or own.__name__, description or documentation or None, qualified)
    _guard.guarded(resolve_here, function)
    return functools.wraps(function)(_wrapper(function, operation))


def _wrapper(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _async_generator(function, operation)
    if inspect.iscoroutinefunction(function):
        return _coroutine(function, operation)
    if inspect.isgeneratorfunction(function):
        return _generator(function, operation)
    return _plain(function, operation)


# --- the four shapes of a function -------------------------------------------------------------------------------


def _plain(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not _state.watching():
            return function(*args, **kwargs)
        invocation = Invocation(operation, function, args, kwargs)
        if (answer := invocation.answer()) is not LIVE:
            return answer
        with invocation.running():
            result = function(*args, **kwargs)
        invocation.returned(result)
        return result

    return call


def _coroutine(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        if not _state.watching():
            return await function(*args, **kwargs)
        invocation = Invocation(operation, function, args, kwargs)
        if (answer := invocation.answer()) is not LIVE:
            return answer
        with invocation.running():
            result = await function(*args, **kwargs)
        invocation.returned(result)
        return result

    return call


def _generator(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if not _state.watching():
            return (yield from function(*args, **kwargs))
        invocation = Invocation(operation, function, args, kwargs, items="generator")
        if (answer := invocation.answer()) is not LIVE:
            yield from invocation.replayed_items(answer)
            return None  # what a generator returns is not recorded
        with invocation.iterating():
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = functools.partial(next, generator)
            while True:
                with invocation.current():
                    try:
                        item = resume()
                    except StopIteration as stop:
                        invocation.left_behind = stop.value
                        return stop.value
                invocation.yielded(item)
                try:
                    resume = functools.partial(generator.send, (yield item))
                except GeneratorExit:
                    with invocation.current():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown into the generator, so it is the generator's
                    resume = functools.partial(generator.throw, error)

    return call


def _async_generator(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        invocation: Any = UNWATCHED
        if _state.watching():
            invocation = Invocation(operation, function, args, kwargs, items="async_generator")
        if (answer := invocation.answer()) is not LIVE:
            for item in invocation.replayed_items(answer):
                yield item
            return
        with invocation.iterating():
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = functools.partial(anext, generator)
            while True:
                with invocation.current():
                    try:
                        item = await resume()
                    except StopAsyncIteration:
                        return
                invocation.yielded(item)
                try:
                    resume = functools.partial(generator.asend, (yield item))
                except GeneratorExit:
                    with invocation.current():
                        await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown into the generator, so it is the generator's
                    resume = functools.partial(generator.athrow, error)

    return call
