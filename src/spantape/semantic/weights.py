"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.16,
    "added": 1.55,
    "anchored": -2.93,
    "bound": 2.96,
    "clause_added_near": 0.75,
    "clause_missing_near": 2.83,
    "contradiction_near": 0.79,
    "contrast": 1.79,
    "contrast_added": 0.87,
    "cut": 1.66,
    "exception_added": 0.54,
    "hedge": 1.01,
    "hedge_near": 3.93,
    "moment": 7.33,
    "moment_added": 1.94,
    "name": 5.46,
    "name_added": 1.50,
    "name_missing": 5.17,
    "negation": 1.20,
    "negation_near": 0.32,
    "negative_gap_near": 3.35,
    "number": 4.34,
    "number_added": 2.41,
    "number_missing": 5.01,
    "opposite": 3.02,
    "opposite_near": 3.27,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 1.31,
    "scope_added_near": 0.43,
    "scope_near": 5.48,
    "slot_missing": 0.22,
    "slot_missing_near": 0.85,
    "slot_near": 2.26,
    "structure": 6.0,
}
