"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.16,
    "added": 1.48,
    "anchored": -2.94,
    "bound": 3.01,
    "clause_added_near": 0.59,
    "clause_missing_near": 2.77,
    "contradiction_near": 0.84,
    "contrast": 1.79,
    "contrast_added": 0.93,
    "cut": 1.63,
    "exception_added": 0.28,
    "hedge": 1.04,
    "hedge_near": 3.92,
    "moment": 7.34,
    "moment_added": 1.95,
    "name": 5.48,
    "name_added": 1.55,
    "name_missing": 5.21,
    "negation": 1.20,
    "negation_near": 0.31,
    "negative_gap": 0.01,
    "negative_gap_near": 3.38,
    "number": 4.35,
    "number_added": 2.99,
    "number_missing": 5.05,
    "opposite": 3.06,
    "opposite_near": 3.23,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 1.32,
    "scope_added_near": 0.25,
    "scope_near": 5.51,
    "slot_missing_near": 2.69,
    "slot_near": 2.30,
    "structure": 6.0,
}
