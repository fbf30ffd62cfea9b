"""What words mean to one another, by language: read from the tables in `data/`, once, when first asked for."""

from __future__ import annotations

from spantape.semantic.lexicon._load import LANGUAGES, Lexicon, Sense, lexicon, table

__all__ = ["LANGUAGES", "Lexicon", "Sense", "lexicon", "table"]
