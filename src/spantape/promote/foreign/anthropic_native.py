"""The spans that Anthropic's own SDK opens: the GenAI conventions, with what is left out of its content named.

See: `anthropic/lib/_tracing` of the SDK, from 2.11 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from spantape.promote.foreign import genai
from spantape.promote.foreign._call import ForeignCall, Loss
from spantape.promote.foreign._messages import finished
from spantape.promote.foreign._values import text
from spantape.promote.foreign.events import Event
from spantape.tape.model import Span

SOURCE: Final = "Anthropic SDK"
SETTING: Final = "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content"
_LARGER: Final = "a larger ANTHROPIC_OPEN_TELEMETRY_TRACES_MAX_CONTENT_BYTES"


def recognise(span: Span) -> bool:
    """Whether the SDK itself opened the span."""
    return span.scope.startswith("com.anthropic.sdk") or "anthropic.message.stop_reason" in span.attributes


def read(span: Span, events: Sequence[Event]) -> ForeignCall | None:
    """The call of the span; a span that lost content to the SDK's own limit says so."""
    call = genai.read(span, events, source=SOURCE, setting=SETTING)
    if call is None:
        return None
    if "gen_ai.tool.definitions" not in span.attributes:
        call = replace(call, tools=None)  # the SDK does not record them
    if call.outputs is not None:
        call = replace(call, outputs=finished(call.outputs, [text(span, "anthropic.message.stop_reason")]))
    url = text(span, "url.full")
    if url:
        call = replace(call, base_url=url.partition("/v1/")[0])
    if span.attributes.get("anthropic.content.truncated") is True:
        call = call.losing(Loss("content", "the SDK cut it to its limit", _LARGER, input=True))
    return call
