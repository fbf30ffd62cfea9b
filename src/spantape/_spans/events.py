"""One call as an event: `gen_ai.client.inference.operation.details`, where the program asks for content on events.

It goes to the program's global LoggerProvider, in the context of the call's span, with the span's attributes of the
conventions and the messages as structured values.

See: <https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-events.md>
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.context import Context

from spantape._spans import names
from spantape._version import __version__

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from spantape._dialects._base import Answered, Asked

EVENT_NAME: Final = "gen_ai.client.inference.operation.details"
_OF_CONVENTIONS: Final = ("gen_ai.", "openai.", "server.", "error.")
_INFERENCES: Final = frozenset({"chat", "generate_content", "text_completion"})
_CONTENT: Final = frozenset(
    {names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS, names.TOOL_DEFINITIONS}
)


def emit(
    span: Span, attributes: Mapping[str, Any], asked: Asked, answered: Answered | None, *, full: bool
) -> None:
    """Emit the event of a call, where it is an inference; `attributes` are its span's, `full` adds the messages."""
    if asked.operation not in _INFERENCES:
        return
    from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

    described = {
        name: value
        for name, value in attributes.items()
        if name.startswith(_OF_CONVENTIONS) and name not in _CONTENT
    }
    get_logger(names.SCOPE, __version__).emit(
        LogRecord(
            context=trace.set_span_in_context(span, Context()),
            event_name=EVENT_NAME,
            severity_number=SeverityNumber.DEBUG,
            attributes={**described, **(_content(asked, answered) if full else {})},
        )
    )


def _content(asked: Asked, answered: Answered | None) -> dict[str, Any]:
    """The messages, the whole history: an event has no earlier one to lean on."""
    content: dict[str, Any] = {
        names.INPUT_MESSAGES: asked.render(0),
        names.SYSTEM_INSTRUCTIONS: asked.system() if asked.system is not None else None,
        names.TOOL_DEFINITIONS: asked.tools() if asked.tools is not None else None,
        names.OUTPUT_MESSAGES: answered.messages if answered is not None else None,
    }
    return {name: value for name, value in content.items() if value}
