"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.12,
    "added": 1.36,
    "anchored": -2.78,
    "bound": 2.56,
    "clause_added_near": 0.52,
    "clause_missing_near": 3.06,
    "contradiction_near": 0.85,
    "contrast": 2.22,
    "contrast_added": 1.21,
    "cut": 1.57,
    "denial_loose_near": 0.09,
    "exception_added": 0.27,
    "hedge": 0.93,
    "hedge_near": 4.13,
    "moment": 7.33,
    "moment_added": 1.92,
    "name": 5.35,
    "name_added": 1.21,
    "name_missing": 5.22,
    "negation": 1.20,
    "negation_near": 0.56,
    "negative_gap": 0.06,
    "negative_gap_near": 2.75,
    "number": 4.32,
    "number_added": 2.92,
    "number_missing": 5.01,
    "opposite": 3.02,
    "opposite_near": 3.26,
    "refusal": 2.00,
    "roles": 1.50,
    "roles_near": 1.30,
    "scope_near": 5.35,
    "slot_missing": 0.09,
    "slot_missing_near": 1.38,
    "slot_near": 3.09,
    "structure": 6.0,
}
