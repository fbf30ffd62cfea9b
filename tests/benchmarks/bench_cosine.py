"""Measures `cosine` and `similarity_matrix` beside bare numpy: 1,000 comparisons of 384 dimensions in one call.

Run by hand: `python tests/benchmarks/bench_cosine.py [rows] [dimensions]`. Each number is the best of many rounds,
the contestants taking turns.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from spantape.semantic.cosine import cosine, similarity_matrix

_ROUNDS = 30
_CALLS = 20


def main() -> None:
    count, width = ([int(given) for given in sys.argv[1:]] + [1000, 384])[:2] if sys.argv[1:] else (1000, 384)
    a, b = np.random.default_rng(7).normal(size=(2, count, width)).astype(np.float32)
    contestants: dict[str, Callable[[], Any]] = {
        "cosine": lambda: cosine(a, b),
        "numpy, (a * b).sum / norms": lambda: (
            (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
        ),
        "numpy, three einsums": lambda: _einsums(a, b),
        "similarity_matrix": lambda: similarity_matrix(a, b),
        "numpy, product of unit rows": lambda: _units(a) @ _units(b).T,
        "cosine of two vectors": lambda: cosine(a[0], b[0]),
    }
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(_ROUNDS):
        for name, call in contestants.items():
            best[name] = min(best[name], timeit.timeit(call, number=_CALLS) / _CALLS)
    print(f"{count} x {width}, float32, numpy {np.__version__}")
    for name, seconds in best.items():
        print(f"{name:30} {seconds * 1e6:10,.1f} µs")


def _einsums(a: Any, b: Any) -> Any:
    dots, ones, others = (np.einsum("ij,ij->i", x, y) for x, y in ((a, b), (a, a), (b, b)))
    return dots / np.sqrt(ones * others)


def _units(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
