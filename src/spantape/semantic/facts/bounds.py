"""Bounds on quantities: at least, at most, more than, less than, exactly, about."""

from __future__ import annotations

from spantape.semantic.facts.model import Quantity
from spantape.semantic.reading.document import Document

_BOUNDS = ("at_least", "at_most", "more_than", "less_than", "exactly", "about")

_TRAILING = (
    "or ",
    "以",
    "未満",
    "まで",
    "之",
    "max",
    "min",
    "at ",
    "内",
    "से",
)  # bounds that follow their number


def mark_bounds(quantity: Quantity, document: Document) -> None:
    """Mark a quantity with the bound and the roundness that the words around it give."""
    tokens = document.tokens
    sentence = tokens[quantity.start].sentence
    starts = [
        at
        for at in range(max(0, quantity.start - 5), min(len(tokens), quantity.end + 3))
        if tokens[at].sentence == sentence
    ]
    for at in starts:
        if quantity.start <= at < quantity.end:
            continue
        entries = [(entry, end) for entry, end in document.phrases_at(at)] or [(tokens[at].key, at + 1)]
        for job in _BOUNDS:
            if any(
                entry in document.words.job(job) and _touches(at, end, quantity) for entry, end in entries
            ):
                if at >= quantity.end and job != "about" and not entries[0][0].startswith(_TRAILING):
                    continue
                if job == "about":
                    quantity.about = True
                else:
                    quantity.bound = quantity.bound or job


def _touches(start: int, end: int, quantity: Quantity) -> bool:
    return quantity.start - 3 <= end <= quantity.start + 1 or quantity.end <= start <= quantity.end + 1
