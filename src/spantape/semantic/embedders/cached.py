"""An embedder that remembers: each text is embedded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from spantape.errors import UsageError
from spantape.semantic.embedders._base import Embedder, Vectors, as_texts


class CachedEmbedder:
    """`embedder` with the vectors of the last `size` distinct texts kept; safe to use from any thread.

    Texts of one call that are not known yet are embedded together, equal ones once. `hits` and `misses` count texts.

    Raises:
        UsageError: `size` is not positive.
    """

    def __init__(self, embedder: Embedder, size: int = 4096) -> None:
        if size < 1:
            raise UsageError(f"CachedEmbedder(size={size!r}): expected at least 1")
        self.hits = self.misses = 0
        self._embedder = embedder
        self._size = size
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """The id of the embedder behind it."""
        return self._embedder.id

    @property
    def digest(self) -> str:
        """The digest of the embedder behind it."""
        return self._embedder.digest

    def embed(self, texts: Sequence[str]) -> Vectors:
        """As the embedder's own `embed`; the array is the caller's to change."""
        wanted = as_texts(texts)
        if not wanted:
            return self._embedder.embed([])
        with self._lock:
            found = {text: self._known[text] for text in wanted if text in self._known}
            fresh = list(dict.fromkeys(text for text in wanted if text not in found))
            self.hits += len(wanted) - len(fresh)
            self.misses += len(fresh)
        if fresh:
            found |= dict(zip(fresh, map(np.copy, self._embedder.embed(fresh)), strict=True))
        self._keep(found)
        return np.stack([found[text] for text in wanted])

    def _keep(self, found: dict[str, Vectors]) -> None:
        with self._lock:
            for text, vector in found.items():
                self._known[text] = vector
                self._known.move_to_end(text)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
