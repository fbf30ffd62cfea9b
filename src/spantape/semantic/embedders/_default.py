"""The embedder that is used where none is named."""

from __future__ import annotations

from functools import cache

from spantape.semantic.embedders._base import Embedder
from spantape.semantic.embedders.hashed import HashedEmbedder
from spantape.semantic.embedders.models import SentenceTransformerEmbedder, minilm_is_here


@cache
def default_embedder() -> Embedder:
    """all-MiniLM-L6-v2 where it can be loaded without a download, else the built-in `HashedEmbedder`.

    The same object every time. Nothing is loaded until it embeds.
    """
    return SentenceTransformerEmbedder() if minilm_is_here() else HashedEmbedder()
