"""Cosine similarity of embeddings, in numpy: two vectors, rows against rows, or every row against every row."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spantape.errors import UsageError

Vectors = NDArray[np.float32]

_SQUARES: Final = (
    1e-18,
    1e18,
)  # sums of squares between these lose nothing in float32, nor does their product


def cosine(a: ArrayLike, b: ArrayLike) -> NDArray[np.floating[Any]]:
    """The cosine of each row of `a` with the row of `b` in its place, each in [-1, 1].

    Shapes [n, d] and [n, d] give [n]; [d] stands for the same vector against every row; [d] and [d] give one
    number. Values are taken as float32. Two single vectors are summed in double precision, so that a result at a
    threshold's edge is exact; rows in single precision, which is within 1e-6 and as fast as numpy is. Equal vectors
    have the cosine 1 exactly.

    Raises:
        UsageError: the shapes do not fit, a vector is all zeros, or a value is NaN or infinite (also in float32).
    """
    one, other = _array(a, "cosine", "a"), _array(b, "cosine", "b")
    if one.shape[-1] != other.shape[-1] or (one.ndim == other.ndim == 2 and len(one) != len(other)):
        raise UsageError(
            f"cosine: got a of shape {one.shape} and b of shape {other.shape}, expected as many dimensions in both, "
            "and as many rows where both have rows (similarity_matrix compares every row with every row)"
        )
    if one.ndim == other.ndim == 1:
        number: NDArray[np.floating[Any]] = _paired(*(v[None].astype(np.float64) for v in (one, other)))[0]
        return number
    return _paired(np.atleast_2d(one), np.atleast_2d(other))


def similarity_matrix(a: ArrayLike, b: ArrayLike | None = None) -> Vectors:
    """The cosine of every row of `a` with every row of `b` (None: of `a`), float32 of shape [len(a), len(b)].

    Values are taken as float32 and lie in [-1, 1]; they are within 1e-6.

    Raises:
        UsageError: as `cosine`; both must have rows.
    """
    one = _rows(a, "a")
    other = one if b is None else _rows(b, "b")
    if one.shape[1] != other.shape[1]:
        raise UsageError(
            f"similarity_matrix: got a of shape {one.shape} and b of shape {other.shape}, "
            "expected as many dimensions in both"
        )
    left = _units(one, "a")
    right = left if other is one else _units(other, "b")
    matrix: Vectors = np.clip(left @ right.T, -1, 1)
    return matrix


def _array(given: ArrayLike, function: str, name: str) -> Vectors:
    """`given` as float32 of one or two dimensions."""
    try:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as that
            array = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{function}: got {name} of type {type(given).__name__} that is no array of numbers ({error}), "
            "expected floats of shape [d] or [n, d]"
        ) from error
    if array.ndim not in (1, 2) or array.shape[-1] == 0:
        raise UsageError(
            f"{function}: got {name} of shape {array.shape}, expected [d] or [n, d] with d of at least 1"
        )
    return array


def _rows(given: ArrayLike, name: str) -> Vectors:
    array = _array(given, "similarity_matrix", name)
    if array.ndim != 2:
        raise UsageError(f"similarity_matrix: got {name} of shape {array.shape}, expected [n, d]")
    return array


def _paired(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    squares = _squares(one), _squares(other)
    if one.dtype == np.float32 and not (_exact(squares[0]) and _exact(squares[1])):
        return _paired(one.astype(np.float64), other.astype(np.float64)).astype(np.float32)
    for square, name in zip(squares, "ab", strict=True):
        _check(square, "cosine", name)
    dots = np.einsum("ij,ij->i", *np.broadcast_arrays(one, other))
    cosines: NDArray[Any] = np.clip(dots / np.sqrt(squares[0] * squares[1]), -1, 1)
    return cosines


def _units(rows: Vectors, name: str) -> Vectors:
    """The rows, each divided by its length."""
    squares = _squares(rows)
    if not _exact(squares):
        wide = rows.astype(np.float64)
        squares = _squares(wide)
        _check(squares, "similarity_matrix", name)
        rows = np.divide(wide, np.sqrt(squares)[:, None]).astype(np.float32)
        return _units(rows, name)
    units: NDArray[Any] = rows / np.sqrt(squares)[:, None]
    return units


def _squares(rows: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        squares: NDArray[Any] = np.einsum("ij,ij->i", rows, rows)
    return squares


def _exact(squares: NDArray[Any]) -> bool:
    """Whether sums of squares are all in the range where single precision does; NaN is not."""
    return not squares.size or bool(squares.min() > _SQUARES[0] and squares.max() < _SQUARES[1])


def _check(squares: NDArray[Any], function: str, name: str) -> None:
    """Refuse zero vectors and what is not finite; `squares` are in double precision, where float32 never overflows."""
    wrong = ~np.isfinite(squares) | (squares == 0)
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    what = "a vector of zeros" if squares[row] == 0 else "NaN or an infinity"
    raise UsageError(
        f"{function}: got {what} in row {row} of {name}, expected finite numbers, not all zero: "
        "no angle is defined for it"
    )
