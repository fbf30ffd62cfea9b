"""Readers of spans that other instrumentations wrote: `read` gives what one span tells of a call.

One module for each dialect of spans, told by their attributes and their scope, never by one release. The more
particular come first: several of them write the names of the conventions beside their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from spantape._spans import names
from spantape.promote.foreign import (
    anthropic_native,
    genai,
    langfuse,
    logfire,
    openinference,
    openllmetry,
    vercel,
)
from spantape.promote.foreign._call import ForeignCall, Loss, completed
from spantape.promote.foreign.events import Event, read_events
from spantape.tape.model import Span

__all__ = ["Event", "ForeignCall", "Loss", "completed", "read", "read_events"]


class Reader(NamedTuple):
    """How spans of one dialect are told, and what they tell."""

    recognise: Callable[[Span], bool]
    read: Callable[[Span, Sequence[Event]], ForeignCall | None]


_PART: Final = Loss(
    "input messages",
    "the span is spantape's own, whose payload was dropped on its way; it shows only the messages that were new",
    "the attributes spantape.* on their way through the collector",
    input=True,
)

READERS: Final = (
    Reader(openinference.recognise, openinference.read),
    Reader(langfuse.recognise, langfuse.read),
    Reader(vercel.recognise, vercel.read),
    Reader(logfire.recognise, logfire.read),
    Reader(anthropic_native.recognise, anthropic_native.read),
    Reader(openllmetry.recognise, openllmetry.read),
    Reader(genai.recognise, genai.read),
)


def read(span: Span, events: Sequence[Event] = ()) -> ForeignCall | None:
    """The call, tool or agent that `span` tells of; None for a span of ours, and for one that tells of none.

    `events` are those of the span's trace that were exported as log records.
    """
    if "spantape.kind" in span.attributes:
        return None
    reader = next((reader for reader in READERS if reader.recognise(span)), None)
    call = None if reader is None else reader.read(span, events)
    return call if call is None or not _shows_a_part(span) else call.losing(_PART)


def _shows_a_part(span: Span) -> bool:
    """Whether the span is ours without its payload: such show a message once in a run, not in each request again."""
    before = span.attributes.get(names.MESSAGES_BEFORE)
    return before != 0 if before is not None else span.scope == names.SCOPE
