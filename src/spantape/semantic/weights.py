"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 1.66,
    "added": 0.09,
    "anchored": -2.93,
    "bound": 2.47,
    "clause_missing": 0.43,
    "contrast": 2.68,
    "contrast_added": 2.22,
    "denial_loose": 0.08,
    "exception_added": 0.96,
    "hedge_near": 3.26,
    "missing": 0.45,
    "moment": 6.95,
    "moment_added": 1.66,
    "name": 5.51,
    "name_added": 1.52,
    "name_missing": 5.67,
    "negation": 1.60,
    "negative_gap": 0.99,
    "number": 3.71,
    "number_added": 2.02,
    "number_missing": 5.41,
    "opposite": 2.27,
    "roles": 1.72,
    "scope": 1.68,
    "scope_dropped_near": 0.52,
    "slot_missing_near": 1.49,
    "slot_near": 3.39,
    "structure": 6.0,
}
