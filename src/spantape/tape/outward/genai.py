"""Spans of OpenTelemetry's GenAI conventions, each with the whole history, as a viewer of one span wants it.

See: <https://github.com/open-telemetry/semantic-conventions-genai/tree/main/docs/gen-ai>
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from spantape._spans import names
from spantape.tape.model import Span
from spantape.tape.outward.content import WHOLE, Content, carriers, content_of, key_of, name_of, public
from spantape.tape.outward.source import Document, Source, with_attributes

_MESSAGES: Final = (
    names.INPUT_MESSAGES,
    names.OUTPUT_MESSAGES,
    names.SYSTEM_INSTRUCTIONS,
    names.TOOL_DEFINITIONS,
)


def genai_documents(source: Source) -> Iterator[Document]:
    """The spans of a run in the conventions' words; draws are left out.

    Payloads and what else is under `spantape.` are left out, but for the mark of a whole history. A call that another instrumentation has a span for is
    told there, as far as that span does not tell it itself.

    Raises:
        TapeError: the file was changed while it was read.
    """
    told = carriers(source.tape)
    for span, document in source.pairs():
        if span.attributes.get(names.KIND) == "draw":
            continue
        step = told.get(key_of(span))
        content = None if step is None else content_of(step)
        if content is None:
            yield with_attributes(document, span.name, public(span.attributes))
        elif names.KIND in span.attributes:
            yield with_attributes(document, name_of(span, content), _own(span, content))
        else:
            yield with_attributes(document, span.name, {**_said(content), **public(span.attributes)})


def _own(span: Span, content: Content) -> dict[str, Any]:
    """The attributes of a span of ours: what it has beside messages, and all messages."""
    kept = {key: value for key, value in public(span.attributes).items() if key not in _MESSAGES}
    return {**content.attributes, **kept, **messages(content), **WHOLE}


def _said(content: Content) -> dict[str, Any]:
    return {**content.attributes, **messages(content)}


def messages(content: Content) -> dict[str, Any]:
    """The messages of a call as the conventions write them on spans: JSON text."""
    asked = content.asked
    parts: dict[str, Sequence[Any]] = {
        names.INPUT_MESSAGES: asked.render(0),
        names.OUTPUT_MESSAGES: content.answered.messages,
        names.SYSTEM_INSTRUCTIONS: asked.system() if asked.system is not None else (),
        names.TOOL_DEFINITIONS: asked.tools() if asked.tools is not None else (),
    }
    return {key: msgspec.json.encode(value).decode() for key, value in parts.items() if value}
