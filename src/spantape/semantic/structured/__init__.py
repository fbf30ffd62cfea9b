"""Answers that are structure (data, tool calls, code), compared as what they parse to and never guessed at."""

from __future__ import annotations

from spantape.semantic.structured.compare import StructuredComparison, compare_structured
from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.prose import is_prose
from spantape.semantic.structured.reading import readings
from spantape.semantic.structured.values import TextRule, value_differences

__all__ = [
    "Reading",
    "StructuredComparison",
    "TextRule",
    "compare_structured",
    "is_prose",
    "readings",
    "value_differences",
]
