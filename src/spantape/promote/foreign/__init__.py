"""Readers of spans that other instrumentations wrote: `read` gives what one span tells of a call.

One module for each dialect of spans, told by their attributes and their scope, never by one release. The more
particular come first: several of them write the names of the conventions beside their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

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
    for reader in READERS:
        if reader.recognise(span):
            return reader.read(span, events)
    return None
