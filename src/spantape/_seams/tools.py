"""The seam of the program's own functions: the decorators `agent` and `tool`.

Recorded are name, arguments, result or error. On replay a tool is not run: its recorded result comes back as the
function's annotated type. An agent always runs: it is what a replay tests.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextvars import Token
from typing import Any, TypeVar, overload

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from spantape import _guard, _state
from spantape._model import End, Failure, Json
from spantape._seams.crossing import qualified_name, suppressed
from spantape._spans import names
from spantape._spans.invocation import InvocationSpan, Operation
from spantape._values import bind_arguments, from_json, lossy, return_annotation, to_json
from spantape.errors import NotReplayable, ReplayedError, RoundTripWarning
from spantape.tape.model import ToolStep

F = TypeVar("F", bound=Callable[..., Any])

_LIVE: Any = object()


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
    documentation = (inspect.getdoc(function) or "").strip().partition("\n")[0]
    qualified = f"{function.__module__}:{function.__qualname__}"
    operation = Operation(kind, name or function.__name__, description or documentation or None, qualified)
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
        if (answer := invocation.answer()) is not _LIVE:
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
        if (answer := invocation.answer()) is not _LIVE:
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
        if (answer := invocation.answer()) is not _LIVE:
            yield from invocation.replayed_items(answer)
            return None
        with invocation.iterating():
            generator = function(*args, **kwargs)
            while True:
                with invocation.current():
                    try:
                        item = next(generator)
                    except StopIteration as stop:
                        return stop.value
                invocation.yielded(item)
                yield item

    return call


def _async_generator(function: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        if not _state.watching():
            async for item in function(*args, **kwargs):
                yield item
            return
        invocation = Invocation(operation, function, args, kwargs, items="async_generator")
        if (answer := invocation.answer()) is not _LIVE:
            for item in invocation.replayed_items(answer):
                yield item
            return
        with invocation.iterating():
            generator = function(*args, **kwargs)
            while True:
                with invocation.current():
                    try:
                        item = await anext(generator)
                    except StopAsyncIteration:
                        return
                invocation.yielded(item)
                yield item

    return call


# --- one call ----------------------------------------------------------------------------------------------------


class Invocation:
    """One call of a decorated function: its spans, or its answer from a tape."""

    def __init__(
        self,
        operation: Operation,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        items: str = "value",
    ) -> None:
        self._operation = operation
        self._function = function
        self._result_type = items
        self._items: list[Any] = []
        self._spans: list[InvocationSpan] = []
        self._step: ToolStep | None = None
        self._replayed = False
        self._session = _state.current_session()
        if self._session is not None and self._session.replays:
            self._arguments = bind_arguments(function, args, kwargs)
            self._ask_tape()
        else:
            self._arguments = _guard.guarded(bind_arguments, function, args, kwargs) or {}
        if not suppressed():
            self._spans = _guard.guarded(self._start) or []

    def _ask_tape(self) -> None:
        session, operation = self._session, self._operation
        if session is None:
            return
        if operation.kind == "agent":
            self._replayed = session.enter_agent(operation.name, self._arguments)
        else:
            self._step = session.answer_tool(operation.name, self._arguments)
            self._replayed = self._step is not None

    def _start(self) -> list[InvocationSpan]:
        replayed = self._replayed
        targets = [_state.STATE.target] if _state.STATE.target is not None else []
        if self._session is not None:
            targets.extend(self._session.invocation_targets(replayed=replayed))
        made = (
            _guard.guarded(InvocationSpan, target, self._operation, self._arguments, replayed=replayed)
            for target in targets
        )
        return [span for span in made if span is not None]

    # --- answered from a tape ---

    def answer(self) -> Any:
        """The recorded result as the annotated type, or a mark that the function is to be run.

        Raises:
            the recorded exception, where the tool raised one.
        """
        step = self._step
        if step is None:
            return _LIVE
        kind = self._result_type
        self._finish(
            step.result if step.error is None or kind != "value" else None, step.error, "complete", None
        )
        if step.error is not None and kind == "value":
            raise exception_of(step)
        if names.RESULT not in step.span.attributes:
            raise NotReplayable(
                f"tool {step.name!r} has no recorded result: {step.span.attributes.get(names.RESULT_LOSSY, 'unknown')}",
                step=step.index,
                field="result",
            )
        if kind != "value":
            return step
        return from_json(step.result, return_annotation(self._function))

    def replayed_items(self, step: ToolStep) -> Iterator[Any]:
        """What a recorded generator yielded, then the exception that ended it, if one did."""
        annotation = return_annotation(self._function)
        for item in step.result if isinstance(step.result, list) else []:
            yield from_json(item, annotation)
        if step.error is not None:
            raise exception_of(step)

    # --- run live ---

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the function within; an exception ends the spans."""
        try:
            with self.current():
                yield
        except BaseException as error:
            self._failed(error)
            raise

    @contextlib.contextmanager
    def iterating(self) -> Iterator[None]:
        """Run a generator within; its end, its exception or its early close ends the spans."""
        try:
            yield
        except GeneratorExit:
            self._ended("closed")
            raise
        except BaseException as error:
            self._failed(error)
            raise
        self._ended("complete")

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make the spans current within; calls made there are under them."""
        token = _guard.guarded(self._attach)
        try:
            yield
        finally:
            if token is not None:
                _guard.guarded(otel_context.detach, token)

    def _attach(self) -> Token[Context] | None:
        if not self._spans:
            return None
        context = otel_context.get_current()
        for span in self._spans:
            context = Context({**context, **span.context})
        return otel_context.attach(context)

    def yielded(self, item: Any) -> None:
        """Note an item of a generator."""
        if self._spans:
            self._items.append(item)

    def returned(self, result: Any) -> None:
        """End the spans with the function's result."""
        if self._spans:
            _guard.guarded(self._record_result, result, return_annotation(self._function))

    def _record_result(self, result: Any, annotation: Any, end: End = "complete") -> None:
        try:
            data = to_json(result)
        except ValueError as error:
            self._warn(str(error))
            self._finish(_LIVE, None, end, str(error))
            return
        reason = lossy(result, annotation, data=data) if self._operation.kind == "tool" else None
        if reason is not None:
            self._warn(reason)
        self._finish(data, None, end, reason)

    def _warn(self, reason: str) -> None:
        if self._operation.kind == "tool":
            _warn_round_trip(self._operation, reason)

    def _failed(self, error: BaseException) -> None:
        failure = Failure(qualified_name(error), str(error))
        _guard.guarded(self._finish, _guard.guarded(to_json, self._items), failure, "complete", None)

    def _ended(self, end: End) -> None:
        if self._spans:
            _guard.guarded(self._record_result, self._items, list[return_annotation(self._function)], end)  # type: ignore[misc]

    def _finish(self, result: Json, failure: Failure | None, end: End, reason: str | None) -> None:
        unwritten = result is _LIVE
        kind = "" if unwritten else self._operation.kind
        for span in self._spans:
            _guard.guarded(
                span.finish,
                kind,
                None if unwritten else result,
                self._result_type,
                failure,
                end=end,
                lossy=reason,
            )
        self._spans = []


_warned: set[str] = set()


def _warn_round_trip(operation: Operation, reason: str) -> None:
    key = f"{operation.callable}: {reason}"
    if key in _warned:
        return
    _warned.add(key)
    message = (
        f"the result of tool {operation.name!r} ({operation.callable}) will not come back as it is: {reason}"
    )
    _guard.logger.warning("%s", message)
    with contextlib.suppress(RoundTripWarning):  # a program that turns warnings into errors must still run
        warnings.warn(message, RoundTripWarning, stacklevel=2)


def exception_of(step: ToolStep) -> BaseException:
    """The exception that a recorded tool raised, of its own class where the program has loaded it.

    Classes are looked up among what is imported, never imported: a tape is data. Where there is none, or it wants
    more than a message, it is a `ReplayedError`.
    """
    failure = step.error or Failure("RuntimeError")
    module, _, name = failure.type.rpartition(".")
    found: Any = sys.modules.get(module or "builtins")
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, Exception):
        with contextlib.suppress(TypeError):
            return found(failure.message)
    return ReplayedError(f"tool {step.name!r} raised {failure.type}: {failure.message}")
