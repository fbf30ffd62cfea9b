"""One call of a decorated tool or agent: its spans while it runs, or its answer from a tape."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import Token
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from spantape import _guard, _state
from spantape._model import End, Failure, Json
from spantape._seams.crossing import failure_of, suppressed
from spantape._seams.results import (
    check_result,
    exception_of,
    has_result,
    items_annotation,
    read_on,
    value_of,
    warn_round_trip,
)
from spantape._spans import names
from spantape._spans.invocation import InvocationSpan, Operation
from spantape._values import bind_arguments, lossy, return_annotation, to_json
from spantape.tape.model import ToolStep

LIVE: Any = object()
"""The answer of a call that is to be run."""


class Unwatched:
    """The call of a generator that nobody watches."""

    @staticmethod
    def answer() -> Any:
        """The mark that the function is to be run."""
        return LIVE

    @staticmethod
    def iterating() -> contextlib.AbstractContextManager[None]:
        """Nothing around the generator."""
        return _NOTHING

    current = iterating

    @staticmethod
    def yielded(item: Any) -> None:
        """Nothing is noted."""


_NOTHING = contextlib.nullcontext()
UNWATCHED = Unwatched()


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
        self.left_behind: Any = None  # what a generator returned: it has no place on a tape
        self._spans: list[InvocationSpan] = []
        self._step: ToolStep | None = None
        self._replayed = False
        self._session = _state.current_session()
        if self._session is not None and self._session.replays:
            self._arguments = bind_arguments(function, args, kwargs)
            self._ask_tape()
        else:
            self._arguments = _guard.guarded(bind_arguments, function, args, kwargs) or {}
        self._spans = _guard.entered(self._start) or []
        if self._spans and self._session is not None:
            _guard.guarded(self._session.opened, self)

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
        if suppressed():
            return []
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
            return LIVE
        attributes: Mapping[str, Any] = step.span.attributes
        result = step.result if has_result(step) else LIVE
        self._finish(
            result, step.error, attributes.get(names.END, "complete"), attributes.get(names.RESULT_LOSSY)
        )
        if step.error is not None and self._result_type == "value":
            raise exception_of(step)
        check_result(step, self._path)
        if self._result_type != "value":
            return step
        return value_of(step, step.result, return_annotation(self._function))

    def replayed_items(self, step: ToolStep) -> Iterator[Any]:
        """What a recorded generator yielded, then the exception that ended it, if one did.

        Raises:
            Miss: the program reads on where the recorded one had left.
        """
        annotation = return_annotation(self._function)
        for item in step.result if isinstance(step.result, list) else []:
            yield value_of(step, item, annotation)
        if step.error is not None:
            raise exception_of(step)
        miss = read_on(step, self._path)
        if miss is not None:
            if self._session is not None:
                self._session.missed(miss)
            raise miss

    @property
    def _path(self) -> str | None:
        return None if self._session is None else self._session.path

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
            _guard.entered(self._record_returned, result)

    def _record_returned(self, result: Any) -> None:
        self._record_result(result, return_annotation(self._function))

    def _record_result(self, result: Any, annotation: Any, end: End = "complete") -> None:
        try:
            data = to_json(result)
        except ValueError as error:
            self._warn(str(error))
            self._finish(LIVE, None, end, str(error))
            return
        reason = lossy(result, annotation, data=data) if self._operation.kind == "tool" else None
        if reason is not None:
            self._warn(reason)
        self._finish(data, None, end, reason)

    def _warn(self, reason: str) -> None:
        if self._operation.kind == "tool":
            warn_round_trip(self._operation, reason)

    def _failed(self, error: BaseException) -> None:
        if self._spans:
            _guard.entered(self._record_failure, error)

    def _record_failure(self, error: BaseException) -> None:
        failure = failure_of(error)
        try:
            items = to_json(self._items)
        except ValueError as unfit:
            self._finish(LIVE, failure, "complete", str(unfit))
        else:
            self._finish(items, failure, "complete", None)

    def _ended(self, end: End) -> None:
        if self._spans:
            _guard.entered(self._record_items, end)

    def _record_items(self, end: End) -> None:
        if self.left_behind is not None:
            self._warn("what its generator returned is not recorded, only what it yielded")
        self._record_result(self._items, items_annotation(self._function), end)

    @property
    def ended(self) -> bool:
        """Whether the spans have ended."""
        return not self._spans

    def end(self, end: End, error: BaseException | None = None) -> None:  # noqa: ARG002 - as crossings are ended
        """End the spans of a call that is still running when its block is left."""
        if self._spans:
            if self._result_type == "value":
                self._finish(LIVE, None, end, None)
            else:
                self._record_items(end)

    def _finish(self, result: Json, failure: Failure | None, end: End, reason: str | None) -> None:
        unwritten = result is LIVE
        kind = "" if unwritten else self._operation.kind
        spans, self._spans = self._spans, []
        for span in spans:
            _guard.guarded(
                span.finish,
                kind,
                None if unwritten else result,
                self._result_type,
                failure,
                end=end,
                lossy=reason,
            )
        if spans and self._session is not None:
            _guard.guarded(self._session.closed, self)
