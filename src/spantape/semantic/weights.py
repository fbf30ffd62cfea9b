"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.13,
    "added": 1.43,
    "anchored": -2.77,
    "bound": 2.57,
    "clause_added_near": 0.50,
    "clause_missing_near": 3.05,
    "contradiction_near": 0.86,
    "contrast": 1.79,
    "contrast_added": 1.00,
    "cut": 1.59,
    "exception_added": 0.25,
    "hedge": 1.01,
    "hedge_near": 3.95,
    "moment": 7.31,
    "moment_added": 1.87,
    "name": 5.44,
    "name_added": 1.21,
    "name_missing": 5.19,
    "negation": 1.20,
    "negation_near": 0.29,
    "negative_gap_near": 3.39,
    "number": 4.31,
    "number_added": 2.96,
    "number_missing": 5.04,
    "opposite": 3.03,
    "opposite_near": 3.24,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 0.65,
    "scope_near": 5.46,
    "slot_missing": 0.01,
    "slot_missing_near": 1.50,
    "slot_near": 2.32,
    "structure": 6.0,
}
