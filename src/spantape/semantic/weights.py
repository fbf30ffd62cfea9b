"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 1.89,
    "added": 1.06,
    "anchored": -2.94,
    "bound": 2.55,
    "clause_added": 0.06,
    "clause_missing": 0.07,
    "contrast": 3.35,
    "contrast_added": 1.56,
    "cut": 1.26,
    "exception_added": 0.25,
    "hedge": 0.04,
    "hedge_near": 4.34,
    "moment": 7.11,
    "moment_added": 2.15,
    "name": 5.33,
    "name_added": 1.38,
    "name_missing": 5.32,
    "negation": 1.59,
    "negative_gap": 1.04,
    "number": 3.84,
    "number_added": 2.13,
    "number_missing": 5.09,
    "opposite": 2.31,
    "roles": 1.77,
    "scope": 1.76,
    "scope_dropped_near": 0.05,
    "slot_missing_near": 1.01,
    "slot_near": 3.24,
    "structure": 6.0,
}
