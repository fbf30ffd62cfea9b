"""What the exchanges of a tape say, whole: their bodies read by their dialects, with every message of the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from spantape._dialects import Answered, Asked, Dialect, provider_name, recognise
from spantape._model import Response, header
from spantape._spans import names
from spantape._spans.beside import MODEL_OPERATIONS
from spantape.errors import TapeError
from spantape.tape.fingerprint import path_of
from spantape.tape.model import ExchangeStep, Span, Tape

_OWN: Final = "spantape."
WHOLE: Final[Mapping[str, Any]] = {names.MESSAGES_BEFORE: 0}
"""On a span of ours that shows its whole history: else only the messages are on it that no earlier span shows."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Content:
    """One model call: what its bytes mean, and the bytes."""

    dialect: Dialect
    provider: str
    request: bytes
    response: Response | None
    asked: Asked
    answered: Answered

    @property
    def attributes(self) -> dict[str, Any]:
        """What the conventions say of the call beside its messages."""
        said: dict[str, Any] = {names.OPERATION: self.asked.operation, names.PROVIDER: self.provider}
        if self.asked.model:
            said[names.REQUEST_MODEL] = self.asked.model
        return {**said, **self.dialect.constants, **self.asked.attributes, **self.answered.attributes}


def content_of(step: ExchangeStep) -> Content | None:
    """What `step` says; None where it is no model call, or its request is not on the tape."""
    try:
        request = step.request_body()
    except TapeError:
        return None
    host, path = urlsplit(step.url).netloc.rpartition("@")[2], path_of(step.url)
    dialect = recognise(step.method, host, path, request)
    if dialect is None:
        return None
    asked = dialect.ask(request, path)
    if asked.operation is None:
        return None
    response = _response(step)
    provider = provider_name(host, path, step.request_headers, dialect)
    return Content(dialect, provider, request, response, asked, _answered(dialect, response, asked))


def _response(step: ExchangeStep) -> Response | None:
    try:
        return step.response
    except TapeError:
        return None


def _answered(dialect: Dialect, response: Response | None, asked: Asked) -> Answered:
    if response is None:
        return Answered()
    content_type = header(response.headers, "content-type") or ""
    return dialect.answer(response.body, response.status, content_type, asked)


# --- where it belongs --------------------------------------------------------------------------------------------


def carriers(tape: Tape) -> Mapping[_Key, ExchangeStep]:
    """The exchange that each span is to tell, by the span's ids.

    An exchange that another instrumentation's model call went through is told on that call's span, so that nothing is
    counted twice; of several (attempts that were retried) the last.
    """
    spans = {(span.trace_id, span.span_id): span for span in tape.spans}
    found: dict[_Key, ExchangeStep] = {}
    for step in tape.steps:
        if isinstance(step, ExchangeStep):
            around = _around(step.span, spans)
            found[key_of(step.span if around is None else around)] = step
    return found


def _around(span: Span, spans: Mapping[_Key, Span]) -> Span | None:
    """The span of another instrumentation for the same model call, None where there is none."""
    seen = {key_of(span)}
    above = spans.get((span.trace_id, span.parent_id))
    while above is not None and names.KIND not in above.attributes and key_of(above) not in seen:
        if is_model_call(above):
            return above
        seen.add(key_of(above))
        above = spans.get((above.trace_id, above.parent_id))
    return None


def is_model_call(span: Span) -> bool:
    """Whether a span says that it is one call of a model, in the conventions' words or in OpenInference's."""
    if span.attributes.get("openinference.span.kind") in ("LLM", "EMBEDDING"):
        return True
    return span.attributes.get(names.OPERATION) in MODEL_OPERATIONS or "llm.request.type" in span.attributes


def key_of(span: Span) -> _Key:
    """What a span is found by."""
    return (span.trace_id, span.span_id)


def name_of(span: Span, content: Content) -> str:
    """The span's name, after the conventions where an import left it at the HTTP method."""
    if names.KIND not in span.attributes or names.OPERATION in span.attributes:
        return span.name
    asked = content.asked
    return f"{asked.operation} {asked.model}" if asked.model else str(asked.operation)


def public(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without ours, which other programs cannot read."""
    return {key: value for key, value in attributes.items() if not key.startswith(_OWN)}
