"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 2.16,
    "added": 1.35,
    "anchored": -3.16,
    "bound": 2.90,
    "clause_missing_near": 2.52,
    "contradiction_near": 1.10,
    "contrast": 1.86,
    "contrast_added": 0.86,
    "cut": 1.62,
    "exception_added": 0.53,
    "hedge": 1.13,
    "hedge_near": 3.73,
    "moment": 7.31,
    "moment_added": 1.95,
    "name": 5.56,
    "name_added": 1.70,
    "name_missing": 5.24,
    "negation": 1.50,
    "negative_gap_near": 3.21,
    "number": 4.37,
    "number_added": 2.16,
    "number_missing": 5.07,
    "only_near": 2.00,
    "opposite": 3.09,
    "opposite_near": 3.15,
    "refusal": 2.00,
    "roles": 2.20,
    "roles_near": 1.14,
    "scope_added_near": 1.35,
    "scope_near": 5.47,
    "slot_missing": 0.52,
    "slot_missing_near": 0.54,
    "slot_near": 2.33,
    "structure": 6.0,
}
