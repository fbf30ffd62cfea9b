"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.13,
    "added": 1.44,
    "anchored": -2.95,
    "bound": 2.98,
    "clause_missing_near": 3.07,
    "contradiction_near": 1.04,
    "contrast": 1.79,
    "contrast_added": 1.05,
    "cut": 1.61,
    "exception_added": 0.66,
    "hedge": 1.05,
    "hedge_near": 3.87,
    "moment": 7.31,
    "moment_added": 1.86,
    "name": 5.49,
    "name_added": 1.63,
    "name_missing": 5.22,
    "negation": 1.50,
    "negative_gap_near": 3.24,
    "number": 4.33,
    "number_added": 2.17,
    "number_missing": 5.04,
    "opposite": 3.04,
    "opposite_near": 3.22,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 1.18,
    "scope_added_near": 0.30,
    "scope_near": 5.45,
    "slot_missing": 0.22,
    "slot_missing_near": 0.86,
    "slot_near": 2.28,
    "structure": 6.0,
}
