"""The built-in embedder: hashed words and character n-grams. It needs no download and no model.

The same text has the same vector, bit for bit, on every machine and Python: the hashes are integer arithmetic modulo
2^64, the weights are square roots and the length is an exactly rounded sum, all of which IEEE 754 fixes. Texts that
share words or spelling are near each other; what they mean it does not know.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spantape.semantic.embedders._base import Vectors, as_texts

DIMENSIONS: Final = 512

_Hashes = NDArray[np.uint64]

_WORD: Final = re.compile(r"\w+")
_BLANK: Final = 0x20
_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_GRAMS: Final = (2, 3, 4, 5)
_WEIGHTS: Final = {"word": 1.0, "pair": 0.6, "gram": 0.35}
_SEEDS: Final = {"word": 0x0F0F_1357_2468_ACE1, "pair": 0x2B99_2DDF_A232_49D6, "gram": 0x7C15_9E37_79B9_7F4A}
_ALGORITHM: Final = (
    f"spantape hashed-ngrams v1: NFKC, casefold, words \\w+; hash base {_BASE:x}, splitmix64, "
    f"grams {_GRAMS}, weights {_WEIGHTS}, seeds {_SEEDS}, sqrt counts, {DIMENSIONS} signed buckets"
)


class HashedEmbedder:
    """Vectors of 512 dimensions from a text's words, pairs of words and character n-grams; unit length.

    `id` is `spantape/hashed-ngrams-v1`, `digest` the sha256 of its algorithm's description. Counts are damped by
    their square root, so that a repeated word does not rule. Linear in the text's length.
    """

    id: str = "spantape/hashed-ngrams-v1"
    digest: str = hashlib.sha256(_ALGORITHM.encode()).hexdigest()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector for each text, float32 of shape [len(texts), 512]; an empty text has one, too.

        Raises:
            UsageError: `texts` is no list of str.
        """
        found = as_texts(texts)
        if not found:
            return np.zeros((0, DIMENSIONS), np.float32)
        return np.stack([_vector(text) for text in found])


def _vector(text: str) -> Vectors:
    total = np.zeros(DIMENSIONS, np.float64)
    for hashes, weight in _features(_prepared(text)):
        unique, counts = np.unique(hashes, return_counts=True)
        signs = np.where(unique >> np.uint64(63), -1.0, 1.0)
        buckets = (unique % np.uint64(DIMENSIONS)).astype(np.intp)
        np.add.at(total, buckets, signs * np.sqrt(counts) * weight)
    length = math.sqrt(math.fsum((total * total).tolist()))
    if length == 0:  # features that cancel each other out, or none
        total[0] = length = 1.0
    unit: Vectors = (total / length).astype(np.float32)
    return unit


def _prepared(text: str) -> NDArray[np.uint32]:
    """The code points of the text's words in lower case, each word between blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(folded) or folded.split()  # a text of signs alone is told by its signs
    joined = f" {' '.join(words)} " if words else " "
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)


def _features(points: NDArray[np.uint32]) -> Iterator[tuple[_Hashes, float]]:
    """The hashes of each kind of feature, with the kind's weight."""
    sums, inverses = _prefix_sums(points)
    blanks = np.flatnonzero(points == _BLANK)
    starts, ends = blanks[:-1] + 1, blanks[1:]
    yield _hashes(sums, inverses, starts, ends, "word"), _WEIGHTS["word"]
    yield _hashes(sums, inverses, starts[:-1], ends[1:], "pair"), _WEIGHTS["pair"]
    grams = [_hashes(sums, inverses, *_windows(points, size), "gram") for size in _GRAMS]
    yield np.concatenate(grams), _WEIGHTS["gram"]


def _windows(points: NDArray[np.uint32], size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Start and end of each run of `size` characters within one word, the blanks around it included."""
    starts = np.arange(max(0, len(points) - size + 1))
    blanks = np.concatenate([[0], np.cumsum(points == _BLANK)])
    inner = blanks[starts + size - 1] - blanks[starts + 1] == 0  # no blank but at its edges
    starts = starts[inner]
    return starts, starts + size


def _prefix_sums(points: NDArray[np.uint32]) -> tuple[_Hashes, _Hashes]:
    """Sums of code point times base^place up to each place, and base^-place, modulo 2^64."""
    count = len(points)
    powers, inverses = np.ones(count, np.uint64), np.ones(count, np.uint64)
    powers[1:], inverses[1:] = _BASE, _INVERSE
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverses, out=inverses)
    sums = np.zeros(count + 1, np.uint64)
    np.cumsum((points.astype(np.uint64) + np.uint64(1)) * powers, out=sums[1:])
    return sums, inverses


def _hashes(
    sums: _Hashes, inverses: _Hashes, starts: NDArray[np.intp], ends: NDArray[np.intp], kind: str
) -> _Hashes:
    """The hash of each stretch of characters: the polynomial in the base, wherever it stands, then mixed."""
    return _mixed((sums[ends] - sums[starts]) * inverses[starts] ^ np.uint64(_SEEDS[kind]))


def _mixed(hashes: _Hashes) -> _Hashes:
    """Every bit of each hash made to depend on all of them (the finaliser of splitmix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: _Hashes = hashes ^ (hashes >> np.uint64(31))
    return mixed
