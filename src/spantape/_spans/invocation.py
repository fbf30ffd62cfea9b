"""One call of a decorated tool or agent as a span in one target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode

from spantape._model import End, Failure, Json
from spantape._spans import names
from spantape._spans.limits import settle
from spantape._spans.runs import Run
from spantape._spans.target import Target

_ITEM = b'{"text":'
"""What stands before an item that is searched as an event of a stream: the name of a field that carries pieces."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a decorated function is: `kind` is "tool" or "agent", `callable` is "module:qualified.name"."""

    kind: str
    name: str
    description: str | None
    callable: str

    def attributes(self) -> dict[str, Any]:
        """The attributes that a span of it starts with."""
        if self.kind == "agent":
            attributes = {names.OPERATION: "invoke_agent", names.AGENT_NAME: self.name}
            described = names.AGENT_DESCRIPTION
        else:
            attributes = {
                names.OPERATION: "execute_tool",
                names.TOOL_NAME: self.name,
                names.TOOL_TYPE: "function",
            }
            described = names.TOOL_DESCRIPTION
        if self.description:
            attributes[described] = self.description
        return attributes

    @property
    def span_name(self) -> str:
        """The conventions' name of its spans."""
        return f"{'invoke_agent' if self.kind == 'agent' else 'execute_tool'} {self.name}"


class InvocationSpan:
    """The span of one call in one target; `finish` ends it, and is called once."""

    __slots__ = ("_before", "_begun", "_run", "_target", "context", "span")

    def __init__(self, target: Target, operation: Operation, arguments: Json, *, replayed: bool) -> None:
        self._target = target
        here = otel_context.get_current()
        run = target.current_run(here)
        begun = run is None
        if run is None:
            run = target.book.begin()
        self._run: Run = run
        self._before = dict(run.redactor.counts) if run.redactor is not None else {}
        attributes = operation.attributes()
        attributes[names.KIND] = operation.kind
        attributes[names.STEP] = run.next_step()
        self.span = target.tracer.start_span(
            operation.span_name, target.parent(here), SpanKind.INTERNAL, attributes
        )
        if begun:
            target.book.adopt(run, format(self.span.get_span_context().trace_id, "032x"))
        self.span.set_attribute(names.RUN_ID, run.id)
        attributes[names.RUN_ID] = run.id
        self._begun = attributes
        self.context = target.within(here, self.span, run)
        if self.span.is_recording():
            self._begin(operation, arguments, replayed=replayed)

    @property
    def ambient(self) -> bool:
        """Whether the span belongs in the program's own context."""
        return self._target.ambient

    def _begin(self, operation: Operation, arguments: Json, *, replayed: bool) -> None:
        attributes: dict[str, Any] = {names.FORMAT: names.FORMAT_VERSION, names.CALLABLE: operation.callable}
        if replayed:
            attributes[names.REPLAYED] = True
        if self._target.content == "none":
            attributes[names.CONTENT] = "none"
        else:
            attributes[names.ARGUMENTS] = text = self._clean(encode(arguments))
            if operation.kind == "tool" and self._target.content != "event":
                attributes[names.TOOL_ARGUMENTS] = text
        self.span.set_attributes(attributes)
        self._begun.update(attributes)

    def _clean(self, text: str) -> str:
        return text if self._run.redactor is None else self._run.redactor.text(text)

    def _clean_result(self, result: Json) -> str:
        """The result as JSON text; of a list, what its items say one after the other is searched as one text.

        A generator that passes a model's stream on yields a secret in as many pieces as the model brought it in.
        """
        redactor = self._run.redactor
        if redactor is None or not isinstance(result, list) or len(result) < 2:
            return self._clean(encode(result))
        lines = b"\n".join([b"%s%s}" % (_ITEM, msgspec.json.encode(item)) for item in result])
        clean, _ = redactor.stream(lines, (len(lines),), "application/x-ndjson")
        return "[" + ",".join([line[len(_ITEM) : -1].decode() for line in clean.split(b"\n")]) + "]"

    def finish(
        self,
        kind: str,
        result: Json,
        result_type: str,
        failure: Failure | None,
        *,
        end: End,
        lossy: str | None,
    ) -> None:
        """End the span with what the call gave back, or with its exception; without a `kind`, with no result."""
        try:
            if self.span.is_recording():
                attributes = self._describe(kind, result, result_type, failure, end=end, lossy=lossy)
                self.span.set_attributes(attributes)
                settle(self.span, self._begun, self._begun | attributes)
        finally:
            self.span.end()

    def _describe(
        self,
        kind: str,
        result: Json,
        result_type: str,
        failure: Failure | None,
        *,
        end: End,
        lossy: str | None,
    ) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        if failure is not None:
            attributes[names.ERROR_TYPE] = failure.type
            attributes[names.ERROR_MESSAGE] = self._clean(failure.message)
            self.span.set_status(Status(StatusCode.ERROR, attributes[names.ERROR_MESSAGE]))
        if end != "complete":
            attributes[names.END] = end
        if kind and self._target.content != "none" and (failure is None or result_type != "value"):
            attributes[names.RESULT] = self._clean_result(result)
            attributes[names.RESULT_TYPE] = result_type
            if kind == "tool" and self._target.content != "event":
                attributes[names.TOOL_RESULT] = attributes[names.RESULT]
        if lossy is not None:
            attributes[names.RESULT_LOSSY] = self._clean(lossy)
        redactor = self._run.redactor
        if redactor is not None and (replaced := redactor.since(self._before)):
            attributes[names.REDACTED] = replaced
        return attributes


def encode(value: Json) -> str:
    """`value` as compact JSON text."""
    return msgspec.json.encode(value).decode()
