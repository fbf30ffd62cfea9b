"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 1.79,
    "bound": 2.44,
    "clause_missing": 0.61,
    "contradiction_near": 0.88,
    "contrast": 3.97,
    "contrast_added": 1.98,
    "contrast_near": 1.26,
    "denial_loose": 0.40,
    "exception_added": 0.77,
    "hedge": 0.03,
    "hedge_near": 3.08,
    "moment": 5.70,
    "moment_added": 0.74,
    "moment_missing": 0.08,
    "name": 4.06,
    "name_added": 0.97,
    "name_missing": 4.14,
    "negation": 1.62,
    "negative_gap": 0.93,
    "number": 3.74,
    "number_added": 1.99,
    "number_missing": 4.51,
    "opposite": 1.81,
    "roles": 1.67,
    "scope": 1.53,
    "slot_missing_near": 1.33,
    "slot_near": 3.36,
    "structure": 6.0,
}
