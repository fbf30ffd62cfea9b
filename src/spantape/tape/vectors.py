"""The embeddings in a model's answer: numbers that differ a little in every run, and mean the same while they do."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final

import msgspec

from spantape.errors import UsageError
from spantape.tape.places import Places
from spantape.tolerance.level import Severity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLOSE: Final = 0.999
"""The cosine from which two embeddings of one text are the same: what rounding and batching change is less."""


def weigh_vectors(step: Places, first: bytes, second: bytes) -> bool:
    """Whether both bodies hold as many embeddings of as many dimensions; their differences are then noted.

    A policy's threshold takes the place of `CLOSE`.
    """
    from spantape.semantic.cosine import cosine

    one, other = vectors_in(first), vectors_in(second)
    if one is None or other is None or one.shape != other.shape:
        return False
    try:
        cosines = cosine(one, other)
    except UsageError:  # a vector of zeros, or no number
        return False
    tolerance = step.policy.at("answer.embedding")
    close = CLOSE if tolerance == "ignore" else tolerance.threshold or CLOSE
    for index, found in enumerate(cosines.tolist()):
        if (one[index] != other[index]).any():
            severity: Severity = "wording" if found >= close else "meaning"
            said = f"{one.shape[1]} dimensions"
            step.add(f"answer.embedding[{index}]", said, said, severity, f"cosine {found:.4f}")
    return True


def vectors_in(body: bytes) -> NDArray[np.float32] | None:
    """The embeddings in the body of an answer, a row for each, by their index; None where it holds none."""
    import numpy as np

    try:
        items: Any = msgspec.json.decode(body)["data"]
        rows = [_row(item["embedding"]) for item in sorted(items, key=lambda item: item["index"])]
        found = np.array(rows, np.float32)
    except (ValueError, TypeError, KeyError, msgspec.MsgspecError, RecursionError):
        return None
    return found if found.ndim == 2 and found.size else None


def _row(given: Any) -> Any:
    """One embedding: a list of numbers, or the base64 of little-endian float32."""
    import numpy as np

    return np.frombuffer(b64decode(given, validate=True), "<f4") if isinstance(given, str) else given
