"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.12,
    "added": 1.51,
    "anchored": -2.93,
    "bound": 2.96,
    "clause_missing_near": 3.03,
    "contradiction_near": 0.98,
    "contrast": 1.80,
    "contrast_added": 0.95,
    "cut": 1.61,
    "exception_added": 0.68,
    "hedge": 1.03,
    "hedge_near": 3.86,
    "moment": 7.30,
    "moment_added": 1.85,
    "name": 5.47,
    "name_added": 1.60,
    "name_missing": 5.19,
    "negation": 1.20,
    "negation_near": 0.09,
    "negative_gap_near": 3.54,
    "number": 4.32,
    "number_added": 2.15,
    "number_missing": 5.02,
    "opposite": 3.00,
    "opposite_near": 3.26,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 1.17,
    "scope_added_near": 0.32,
    "scope_near": 5.44,
    "slot_missing": 0.24,
    "slot_missing_near": 0.82,
    "slot_near": 2.24,
    "structure": 6.0,
}
