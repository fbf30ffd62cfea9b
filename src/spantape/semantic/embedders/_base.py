"""What an embedder is: texts in, one vector for each out, and a name by which two parties know it for the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spantape.errors import EmbedderError, UsageError

Vectors = NDArray[np.float32]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike they are.

    `id` names the model (`sentence-transformers/all-MiniLM-L6-v2`). `digest` is the sha256, 64 lowercase hex digits,
    of its weights or of its algorithm's version; "" where nobody can tell, as of a provider's API.
    """

    @property
    def id(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text: float32 of shape [len(texts), d], no row all zeros.

        Raises:
            EmbedderError: the model cannot be loaded or reached, or gave something else.
        """
        ...


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """Which embedder made a vector: what is written beside it, and compared before two vectors are."""

    id: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.id} (sha256 {self.digest[:12]}…)" if self.digest else self.id


def identity(embedder: Embedder) -> EmbedderIdentity:
    """The identity of `embedder`."""
    return EmbedderIdentity(embedder.id, embedder.digest)


def mismatch(expected: EmbedderIdentity, got: EmbedderIdentity) -> str | None:
    """Why vectors of `got` cannot be compared with vectors of `expected`, None where they can.

    Digests count only where both sides know theirs.
    """
    if expected.id != got.id:
        return f"got embedder {got}, expected {expected}"
    if expected.digest and got.digest and expected.digest != got.digest:
        return f"got other weights of embedder {got}, expected {expected}"
    return None


def checked(vectors: Any, count: int, embedder: str) -> Vectors:
    """`vectors` as float32 of shape [count, d].

    Raises:
        EmbedderError: they are something else, or not all finite.
    """
    try:
        found = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise EmbedderError(
            f"embedder {embedder}: got vectors that are no array of numbers: {error}"
        ) from error
    if found.ndim != 2 or len(found) != count or found.shape[1] == 0:
        raise EmbedderError(
            f"embedder {embedder}: got an array of shape {found.shape}, expected [{count}, d], a row for each text"
        )
    if not np.isfinite(found).all():
        raise EmbedderError(
            f"embedder {embedder}: got NaN or an infinity in a vector, expected finite numbers"
        )
    return found


def as_texts(texts: Sequence[str]) -> list[str]:
    """`texts` as a list.

    Raises:
        UsageError: it is one string, or an item is none.
    """
    if isinstance(texts, str | bytes):
        raise UsageError(f"embed: got one {type(texts).__name__}, expected a list of str")
    found = list(texts)
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise UsageError(f"embed: got {type(text).__name__} at place {place}, expected str")
    return found
