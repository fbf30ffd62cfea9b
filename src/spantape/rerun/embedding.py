"""Embeddings as bundles carry them: the base64 of little-endian float32."""

from __future__ import annotations

import math
import sys
from array import array
from typing import TYPE_CHECKING

from spantape.errors import UsageError
from spantape.rerun._base64 import from_base64, to_base64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["decode_embedding", "encode_embedding"]


def encode_embedding(vector: ArrayLike) -> str:
    """The vector of numbers as base64 of little-endian float32.

    Raises:
        UsageError: it is not one-dimensional, empty, or a value is NaN or infinite (also once it is float32).
    """
    import numpy as np

    try:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as that
            values = np.asarray(vector, dtype="<f4")
    except (TypeError, ValueError) as error:
        raise UsageError(f"expected one vector of numbers, got {type(vector).__name__}: {error}") from error
    if values.ndim != 1 or not values.size:
        raise UsageError(f"expected one vector of numbers, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise UsageError("expected finite float32 values, got NaN or an infinity")
    return to_base64(values.tobytes())


def decode_embedding(text: str) -> NDArray[np.float32]:
    """The float32 vector in `text`.

    Raises:
        UsageError: it is not standard base64 of whole float32 values, or one of them is NaN or infinite.
    """
    import numpy as np

    reason = embedding_refusal(text)
    if reason is not None:
        raise UsageError(f"embedding: {reason}")
    return np.frombuffer(from_base64(text), dtype="<f4").astype(np.float32)


def embedding_refusal(text: str) -> str | None:
    """Why `text` is no embedding, None where it is one (perhaps of no dimension)."""
    try:
        data = from_base64(text)
    except ValueError as error:
        return str(error)
    if len(data) % 4:
        return f"expected float32 values of 4 bytes each, got {len(data)} bytes"
    values = array("f", data)
    if sys.byteorder == "big":
        values.byteswap()
    if not math.isfinite(sum(values)):  # in double precision, where sums of float32 do not overflow
        return "expected finite values, got NaN or an infinity"
    return None
