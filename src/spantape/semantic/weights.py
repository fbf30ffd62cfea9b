"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.11,
    "added": 1.32,
    "anchored": -2.80,
    "bound": 2.62,
    "clause_added_near": 0.15,
    "clause_missing_near": 3.46,
    "contradiction_near": 0.62,
    "contrast": 2.20,
    "contrast_added": 1.25,
    "cut": 1.50,
    "denial_loose_near": 0.62,
    "exception_added": 0.31,
    "hedge": 0.92,
    "hedge_near": 4.06,
    "moment": 7.30,
    "moment_added": 1.91,
    "name": 5.37,
    "name_added": 1.32,
    "name_missing": 5.25,
    "negation": 1.20,
    "negation_near": 0.14,
    "negative_gap_near": 3.59,
    "number": 4.30,
    "number_added": 2.98,
    "number_missing": 5.00,
    "opposite": 2.78,
    "opposite_near": 2.15,
    "refusal": 2.00,
    "roles": 2.26,
    "roles_near": 0.51,
    "scope_near": 5.48,
    "slot_missing_near": 1.02,
    "slot_near": 3.10,
    "structure": 6.0,
}
