"""Where the spans of a call go: a tracer with the runs that it is recording.

`instrument()` makes one target, on the user's TracerProvider; a recording session makes another, on a provider of
its own that neither samples nor limits. A call that crosses a seam becomes a span in each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Tracer

from spantape._spans.beside import Outer
from spantape._spans.chains import Answers
from spantape._spans.redaction import Redactor
from spantape._spans.runs import Run, RunBook
from spantape.errors import UsageError

Content = Literal["new", "all", "event", "none"]
"""What of a call goes on its span: the payload and the messages that are new ("new") or all of them ("all"), the
payload alone ("event": messages belong on events), or neither ("none")."""

Events = Literal["no", "bare", "full"]
"""Whether each inference is emitted as an event, and if so, without or with its messages."""

_CONTENT_MODES: dict[str, Content] = {
    "": "new",
    "span_only": "all",
    "span_and_event": "all",
    "true": "all",
    "event_only": "event",
    "no_content": "none",
    "false": "none",
}


def content_mode(value: str | None) -> Content:
    """What `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for; None where it is not set.

    Raises:
        UsageError: a value that the conventions do not know.
    """
    mode = _CONTENT_MODES.get((value or "").strip().lower())
    if mode is None:
        raise UsageError(
            f"got OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT={value!r}, expected NO_CONTENT, SPAN_ONLY, "
            "EVENT_ONLY, SPAN_AND_EVENT, true or false"
        )
    return mode


def emits_events(content: str | None, asked_for: str | None) -> Events:
    """Whether inferences are emitted as events, and with their content.

    `content` is the value of `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`, `asked_for` that of
    `OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT`, which decides alone where it is true or false.
    """
    wanted = (asked_for or "").strip().lower()
    on_events = (content or "").strip().lower() in ("event_only", "span_and_event")
    if wanted == "false" or not (on_events or wanted == "true"):
        return "no"
    return "full" if on_events else "bare"


@dataclass(slots=True, eq=False)
class Target:
    """One place where spans go.

    `ambient` targets live in the program's own OpenTelemetry context: their spans have the current span as parent
    and are current while the call runs. Others keep to themselves, under `root`. `everything` records calls to
    any host, not only to models. `events` says whether each inference is an event too.
    """

    tracer: Tracer
    content: Content = "new"
    redact: bool = True
    ambient: bool = True
    everything: bool = False
    events: Events = "no"
    fixed_run: Run | None = None
    root: Span | None = None
    book: RunBook = field(init=False)
    answers: Answers = field(init=False, default_factory=Answers)
    _span_key: str = field(init=False)
    _run_key: str = field(init=False)

    def __post_init__(self) -> None:
        self.book = RunBook(Redactor if self.redact else _no_redactor)
        self._span_key = otel_context.create_key("spantape-span")
        self._run_key = otel_context.create_key("spantape-run")

    def current_run(self, context: Context, outer: Outer | None = None) -> Run | None:
        """The run that `context` is in: the session's, an agent's, or that of the trace around it.

        None where there is no root, also where the only span around is the one that another instrumentation
        opened for this very call: a loop of bare calls has one such trace for each.
        """
        if self.fixed_run is not None:
            return self.fixed_run
        run = context.get(self._run_key)
        if isinstance(run, Run):
            return run
        span = trace.get_current_span(context)
        if outer is not None and _stands_alone(span, outer):
            return None
        parent = span.get_span_context()
        return self.book.run(format(parent.trace_id, "032x")) if parent.is_valid else None

    def parent(self, context: Context) -> Context:
        """The context to start a span in, so that it has the right parent."""
        if self.ambient:
            return context
        own = context.get(self._span_key) or self.root
        return trace.set_span_in_context(own, Context()) if isinstance(own, Span) else Context()

    def within(self, context: Context, span: Span, run: Run | None) -> Context:
        """`context` with `span` as the current one of this target."""
        inner = trace.set_span_in_context(span, context) if self.ambient else context
        entries: dict[str, object] = {**inner, self._span_key: span}
        if run is not None:
            entries[self._run_key] = run
        return Context(entries)


def _no_redactor() -> None:
    return None


def _stands_alone(span: Span, outer: Outer) -> bool:
    """Whether `span` is around the call as far as can be told, and nothing around it.

    A span that does not record, where another is known to be there but unseen, is a no-op that hides that one.
    """
    if outer == "unseen":
        return isinstance(span, NonRecordingSpan)
    return getattr(span, "parent", None) is None


def link_to(span_context: object) -> list[trace.Link]:
    """A link to the span in which this history was last seen."""
    return [trace.Link(span_context)] if isinstance(span_context, SpanContext) else []
