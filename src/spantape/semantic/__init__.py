"""How equal two answers are in meaning: cosine, embedders, parsed values, facts."""

from __future__ import annotations

from spantape.semantic.compare import THRESHOLD, Comparison, Judge, Verdict, compare
from spantape.semantic.facts.model import Finding
from spantape.semantic.matches import Match, matches

__all__ = ["THRESHOLD", "Comparison", "Finding", "Judge", "Match", "Verdict", "compare", "matches"]
