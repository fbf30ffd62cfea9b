"""Bounds on quantities: at least, at most, more than, less than, exactly, about."""

from __future__ import annotations

from typing import Final

from spantape.semantic.facts.model import Quantity
from spantape.semantic.reading.document import Document

_JOBS: Final = ("at_least", "at_most", "more_than", "less_than", "exactly", "about")

# How a bound begins that may follow its number: `or more`, `max`, 以上, 以内, से अधिक.
_TRAILING: Final = ("or ", "以", "未満", "まで", "之", "max", "min", "at ", "内", "से")
_BEFORE = 5  # tokens before a quantity that may bound it
_BEHIND = 4  # and after it: `20 litres of water or more`


def mark_bounds(quantity: Quantity, document: Document) -> None:
    """Mark a quantity with the bound and the roundness that the words around it give.

    The words of a bound are its own and no content any more.
    """
    for entry, start, end in _around(quantity, document):
        job = next((job for job in _JOBS if entry in document.words.job(job)), None)
        if job is None or not _touches(start, end, quantity):
            continue
        if start >= quantity.end and job != "about" and not entry.startswith(_TRAILING):
            continue
        if job == "about":
            quantity.about = True
        elif not quantity.bound:
            quantity.bound = job
            for token in document.tokens[start:end]:
                token.weight = 0.0


def _around(quantity: Quantity, document: Document) -> list[tuple[str, int, int]]:
    """Words and phrases (entry, start, end) before and after a quantity in its sentence."""
    tokens = document.tokens
    sentence = tokens[quantity.start].sentence
    places = [
        *range(max(0, quantity.start - _BEFORE), quantity.start),
        *range(quantity.end, min(len(tokens), quantity.end + _BEHIND)),
    ]
    found = []
    for at in places:
        inside = any(end > at for back in (1, 2) if at >= back for _, end in document.phrases_at(at - back))
        if tokens[at].sentence == sentence and not inside:
            phrases = document.phrases_at(at) or [(tokens[at].key, at + 1)]
            found += [(entry, at, end) for entry, end in phrases]
    return found


def _touches(start: int, end: int, quantity: Quantity) -> bool:
    before = quantity.start - 3 <= end <= quantity.start + 1
    return before or quantity.end <= start <= quantity.end + _BEHIND - 1
