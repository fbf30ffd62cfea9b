"""One call as a span in one target: started before the call, ended with everything that gives it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from spantape import _guard
from spantape._model import Response
from spantape._spans import codec, names
from spantape._spans.beside import outer_model_span
from spantape._spans.body import Base, Body, seal
from spantape._spans.events import emit
from spantape._spans.kept import kept, sent
from spantape._spans.limits import settle
from spantape._spans.recorded import Recorded, is_clean_request, redacted, together
from spantape._spans.target import Target, link_to

if TYPE_CHECKING:
    from spantape._dialects._base import Answered, Asked
    from spantape._spans.call import Call, Outcome


class ExchangeSpan:
    """The span of one call in one target; `start` begins it, `finish` ends it.

    Before the call its request is read, so that secrets are numbered in the order in which calls begin, as they are
    when it is replayed; everything else waits for its end. The caller sees to it that `finish` is called once.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_base",
        "_begun",
        "_body",
        "_call",
        "_nested",
        "_replaced",
        "_rootless",
        "_run",
        "_target",
        "context",
        "span",
    )

    def __init__(self, target: Target, call: Call) -> None:
        self._target = target
        self._call = call
        here = otel_context.get_current()
        outer = outer_model_span(here) if target.ambient else None
        self._nested = outer is not None
        run = target.current_run(here, outer)
        self._rootless = run is None
        links = []
        if run is None:
            raw = call.body or b""
            found = target.book.continued(
                call.target, raw, resent=call.resent > 0
            ) or target.answers.followed(raw)
            run = found.run if found else target.book.begin()
            links = link_to(found.link) if found else []
        self._run = run
        self._answer: Answered | None = None
        self._body: Body | None = None
        self._base: Base | None = None
        self._asked: Asked | None = None
        self._replaced: tuple[str, ...] = ()
        if run.redactor is not None:
            run.redactor.learn(call.headers)
        if call.body is not None:
            self._read_request(call.body)
        self.span = self._start(target.parent(here), links)
        self.context = target.within(here, self.span, None if self._rootless else run)

    @property
    def ambient(self) -> bool:
        """Whether the span belongs in the program's own context."""
        return self._target.ambient

    # --- start ---------------------------------------------------------------------------------------------------

    def _read_request(self, raw: bytes) -> None:
        run, target, redactor = self._run, self._call.target, self._run.redactor
        origin = run.nearest(target, raw)
        clean = redactor is None or is_clean_request(redactor, raw, origin)
        before = {} if clean or redactor is None else dict(redactor.counts)
        self._body, self._base = run.record_body(target, raw, origin, self._ask, clean=clean)
        self._asked = self._body.asked
        if redactor is not None and not clean:
            self._replaced = redactor.since(before)

    def _ask(self, data: bytes) -> Asked | None:
        dialect = self._call.dialect
        return dialect.ask(data, self._call.path) if dialect is not None else None

    def _start(self, parent: Context, links: list[Any]) -> Span:
        call, asked = self._call, self._asked
        operation = None if self._nested or asked is None else asked.operation
        model = asked.model if asked is not None else None
        attributes: dict[str, Any] = {
            names.HTTP_METHOD: call.method,
            names.SERVER_ADDRESS: call.host,
            names.STEP: self._run.next_step(),
        }
        self._begun = attributes
        if call.port is not None:
            attributes[names.SERVER_PORT] = call.port
        if operation is not None:
            attributes[names.OPERATION] = operation
            attributes[names.PROVIDER] = call.provider()
            if model:
                attributes[names.REQUEST_MODEL] = model
        span = self._target.tracer.start_span(
            _span_name(operation, model, call.method), parent, SpanKind.CLIENT, attributes, links
        )
        if not self._run.id:  # a rootless run: found again by its history, so its book need not keep it by id
            self._run.id = format(span.get_span_context().trace_id, "032x")
        return span

    # --- finish --------------------------------------------------------------------------------------------------

    def finish(self, outcome: Outcome, sent: bytes | None) -> None:
        """End the span with what became of the call; `sent` is the request body where it was not known before."""
        span = self.span
        if not span.is_recording():
            span.end()
            return
        try:
            if self._body is None and sent is not None:
                self._read_request(sent)
            attributes = self._describe(outcome)
            span.set_attributes(attributes)
            lost = settle(span, self._begun, attributes)
            if self._target.events != "no" and not self._nested and self._asked is not None:
                full = self._target.events == "full"
                _guard.guarded(
                    emit, span, {**self._begun, **attributes}, self._asked, self._answer, full=full
                )
        finally:
            span.end()
        if names.REQUEST_PARTS.isdisjoint(lost) and span.get_span_context().trace_flags.sampled:
            self._remember()

    def _remember(self) -> None:
        """Keep the body for those that grow from it: it stands whole on a span that is exported."""
        context = self.span.get_span_context() if self._rootless else None
        if self._body is not None:
            seal(self._body)
            self._target.book.remember(self._run, self._body, rootless_span=context)
        if context is not None and self._answer is not None and self._answer.is_stored:
            answer_id = self._answer.attributes.get(names.RESPONSE_ID)
            if isinstance(answer_id, str):
                self._target.answers.remember(answer_id, self._run, context)

    def _describe(self, outcome: Outcome) -> dict[str, Any]:
        redactor = self._run.redactor
        if redactor is None:
            recorded = Recorded(
                self._call.url,
                sent(self._call.headers).kept,
                kept(outcome.headers, response=True),
                outcome.body,
                outcome.lengths,
                outcome.error,
            )
        else:
            before = dict(redactor.counts)
            recorded = redacted(redactor, self._call, outcome)
            self._replaced = together(self._replaced, redactor.since(before))
        attributes = self._request_attributes(recorded)
        response = None
        if outcome.status is not None:
            times = tuple(outcome.times_ns) if recorded.lengths else ()
            response = Response(
                outcome.status, recorded.response_headers, recorded.body, recorded.lengths, times
            )
        self._answer_attributes(attributes, outcome, response, _content_type(outcome))
        if self._replaced:
            attributes[names.REDACTED] = self._replaced
        if self._target.content == "none":
            attributes[names.CONTENT] = "none"
        else:
            self._payload(attributes, outcome, recorded, response)
        return attributes

    def _request_attributes(self, recorded: Recorded) -> dict[str, Any]:
        call, asked = self._call, self._asked
        attributes: dict[str, Any] = {
            names.FORMAT: names.FORMAT_VERSION,
            names.KIND: "exchange",
            names.RUN_ID: self._run.id,
            names.URL_FULL: recorded.url,
        }
        if call.dialect is not None:
            attributes[names.DIALECT] = call.dialect.name
        if call.resent:
            attributes[names.HTTP_RESEND_COUNT] = call.resent
        if call.replayed:
            attributes[names.REPLAYED] = True
        if asked is None or self._nested:
            return attributes
        if call.dialect is not None and asked.operation is not None:
            attributes.update(call.dialect.constants)
        attributes.update(asked.attributes)
        if self._target.content in ("new", "all"):
            self._input_messages(attributes, asked)
        return attributes

    def _input_messages(self, attributes: dict[str, Any], asked: Asked) -> None:
        known = self._messages_known() if self._target.content == "new" else 0
        messages = asked.render(known)
        if known and self._base is not None:
            shown = _echoed(messages, self._base.body.answered)
            known += shown
            messages = messages[shown:]
        if known or self._target.content == "all":  # 0 says that the whole history is here
            attributes[names.MESSAGES_BEFORE] = known
        if messages:
            attributes[names.INPUT_MESSAGES] = _json(messages)
        if known:
            return  # instructions and tools stand on the span that began this history
        if asked.system is not None and (system := asked.system()):
            attributes[names.SYSTEM_INSTRUCTIONS] = _json(system)
        if asked.tools is not None and (tools := asked.tools()):
            attributes[names.TOOL_DEFINITIONS] = _json(tools)

    def _messages_known(self) -> int:
        """How many of the input messages an earlier span of this run already shows."""
        base = self._base
        if base is None or base.body.asked is None or not base.body.history_end:
            return 0
        return base.body.asked.message_count if base.prefix >= base.body.history_end else 0

    def _answer_attributes(
        self, attributes: dict[str, Any], outcome: Outcome, response: Response | None, content_type: str
    ) -> None:
        call, asked = self._call, self._asked
        error: str | None = outcome.error.type if outcome.error is not None else None
        if response is not None:
            attributes[names.HTTP_STATUS] = response.status
            if call.dialect is not None and asked is not None:
                answered = call.dialect.answer(response.body, response.status, content_type, asked)
                self._answer = answered
                error = error or (answered.error[0] if answered.error else None)
                if not self._nested:
                    self._answered(attributes, answered, asked)
            if error is None and response.status >= 400:
                error = str(response.status)
        if asked is not None and asked.stream and outcome.first_chunk_ns is not None and not self._nested:
            attributes[names.TIME_TO_FIRST_CHUNK] = outcome.first_chunk_ns / 1e9
        if error is not None or outcome.end == "abandoned":
            attributes[names.ERROR_TYPE] = error or "_OTHER"
            self.span.set_status(Status(StatusCode.ERROR, None))

    def _answered(self, attributes: dict[str, Any], answered: Answered, asked: Asked) -> None:
        if asked.operation is not None:
            attributes.update(answered.attributes)
        if self._body is not None:
            self._body.answered = answered.messages
        if answered.messages and self._target.content in ("new", "all"):
            attributes[names.OUTPUT_MESSAGES] = _json(answered.messages)

    def _payload(
        self, attributes: dict[str, Any], outcome: Outcome, recorded: Recorded, response: Response | None
    ) -> None:
        attributes[names.REQUEST_HEADERS] = codec.write_headers(recorded.request_headers)
        if outcome.content_encoding:
            attributes[names.RESPONSE_CONTENT_ENCODING] = outcome.content_encoding
        codec.write_end(attributes, outcome.end, recorded.error)
        if self._body is not None:
            codec.write_body(attributes, self._body, self._base)
        if response is not None:
            codec.write_response(attributes, response, thrifty=self._base is not None)


def _echoed(messages: Sequence[Mapping[str, Any]], answered: Sequence[Mapping[str, Any]]) -> int:
    """How many of the leading input messages are the answer to the request before, which its own span shows."""
    count = 0
    for message, answer in zip(messages, answered, strict=False):
        if message.get("role") != answer.get("role") or message.get("parts") != answer.get("parts"):
            break
        count += 1
    return count


def _span_name(operation: str | None, model: str | None, method: str) -> str:
    if operation is None:
        return method
    return f"{operation} {model}" if model else operation


def _content_type(outcome: Outcome) -> str:
    return next((value for name, value in outcome.headers if name == "content-type"), "")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
