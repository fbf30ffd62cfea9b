"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.32,
    "added": 1.40,
    "anchored": -3.82,
    "bound": 3.12,
    "clause_added_near": 0.41,
    "clause_missing_near": 2.98,
    "contradiction_near": 0.85,
    "contrast": 4.88,
    "contrast_added": 1.29,
    "contrast_near": 1.00,
    "cut": 1.83,
    "exception_added": 0.65,
    "hedge": 1.14,
    "hedge_near": 4.01,
    "moment": 7.46,
    "moment_added": 2.33,
    "name": 5.68,
    "name_added": 1.80,
    "name_missing": 5.44,
    "negation": 1.50,
    "negative_gap_near": 3.33,
    "number": 4.55,
    "number_added": 2.24,
    "number_missing": 5.06,
    "only_near": 2.00,
    "opposite": 3.31,
    "opposite_near": 2.68,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 2.38,
    "scope_added": 0.01,
    "scope_added_near": 1.28,
    "scope_near": 5.66,
    "slot_missing": 0.25,
    "slot_missing_near": 0.71,
    "slot_near": 2.80,
    "structure": 6.0,
}
