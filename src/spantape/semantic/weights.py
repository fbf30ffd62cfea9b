"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.12,
    "added": 1.67,
    "anchored": -2.92,
    "bound": 2.56,
    "clause_added_near": 0.01,
    "clause_missing_near": 3.38,
    "contradiction_near": 0.56,
    "contrast": 2.17,
    "contrast_added": 1.04,
    "cut": 1.50,
    "denial_loose_near": 0.53,
    "exception_added": 0.35,
    "hedge": 0.87,
    "hedge_near": 4.09,
    "moment": 7.30,
    "moment_added": 1.88,
    "name": 5.34,
    "name_added": 1.26,
    "name_missing": 5.19,
    "negation_near": 2.65,
    "negative_gap": 0.59,
    "negative_gap_near": 2.11,
    "number": 4.31,
    "number_added": 2.95,
    "number_missing": 5.07,
    "opposite": 2.59,
    "opposite_near": 2.49,
    "refusal": 0.55,
    "roles": 2.24,
    "roles_near": 0.55,
    "scope_near": 5.51,
    "slot_missing": 0.01,
    "slot_missing_near": 1.13,
    "slot_near": 2.99,
    "structure": 6.0,
}
