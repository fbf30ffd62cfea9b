"""Embedders: texts to vectors, behind one protocol. `default_embedder()` is the best that is installed."""

from __future__ import annotations

from spantape.semantic.embedders._base import Embedder, EmbedderIdentity, identity, mismatch
from spantape.semantic.embedders._default import default_embedder
from spantape.semantic.embedders.api import OpenAICompatibleEmbedder
from spantape.semantic.embedders.cached import CachedEmbedder
from spantape.semantic.embedders.hashed import HashedEmbedder
from spantape.semantic.embedders.models import MINILM, Model2VecEmbedder, SentenceTransformerEmbedder

__all__ = [
    "MINILM",
    "CachedEmbedder",
    "Embedder",
    "EmbedderIdentity",
    "HashedEmbedder",
    "Model2VecEmbedder",
    "OpenAICompatibleEmbedder",
    "SentenceTransformerEmbedder",
    "default_embedder",
    "identity",
    "mismatch",
]
