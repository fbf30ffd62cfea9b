"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.14,
    "added": 1.36,
    "anchored": -2.69,
    "bound": 2.59,
    "clause_added_near": 0.59,
    "clause_missing_near": 3.17,
    "contradiction_near": 0.90,
    "contrast": 1.79,
    "contrast_added": 1.02,
    "cut": 1.52,
    "denial_loose_near": 0.13,
    "exception_added": 0.26,
    "hedge": 1.03,
    "hedge_near": 3.97,
    "moment": 7.32,
    "moment_added": 1.87,
    "name": 5.46,
    "name_added": 1.21,
    "name_missing": 5.20,
    "negation": 1.20,
    "negation_near": 0.57,
    "negative_gap": 0.13,
    "negative_gap_near": 2.73,
    "number": 4.32,
    "number_added": 2.98,
    "number_missing": 5.07,
    "opposite": 3.03,
    "opposite_near": 3.26,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 0.66,
    "scope_near": 5.48,
    "slot_missing_near": 1.56,
    "slot_near": 2.38,
    "structure": 6.0,
}
