"""Everything that is found out about one text alone, before it is compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from spantape.semantic.facts.model import Moment, Quantity
from spantape.semantic.facts.moments import moments_in
from spantape.semantic.facts.negation import Denial, deny
from spantape.semantic.facts.quantities import quantities_in
from spantape.semantic.reading.document import Document, read
from spantape.semantic.reading.language import language_of


@dataclass(slots=True, eq=False)
class Known:
    """A read text with its facts."""

    document: Document
    moments: list[Moment]
    quantities: list[Quantity]
    denials: list[Denial]


@lru_cache(maxsize=256)
def know(text: str, language: str | None = None) -> Known:
    """Return what a text states. Shared by callers: not to be changed."""
    document = read(text, language)
    moments = moments_in(document)
    quantities = quantities_in(document)
    return Known(document, moments, quantities, deny(document))


def know_both(expected: str, actual: str, language: str | None = None) -> tuple[Known, Known]:
    """Return what two texts state, both read in one language: of short texts, one alone may tell too little."""
    if language is None:
        here, there = language_of(expected), language_of(actual)
        language = here if here == there else language_of(f"{expected}\n{actual}")
    return know(expected, language), know(actual, language)
