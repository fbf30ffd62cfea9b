"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 1.59,
    "added": 0.30,
    "bound": 1.51,
    "clause_missing": 0.99,
    "contrast": 3.52,
    "contrast_added": 1.31,
    "contrast_missing": 0.44,
    "contrast_near": 1.36,
    "denial_loose": 0.36,
    "exception_added": 0.51,
    "hedge_near": 2.38,
    "moment": 5.53,
    "moment_missing": 0.14,
    "name": 1.87,
    "name_added": 0.43,
    "name_missing": 1.26,
    "negation": 2.19,
    "number": 2.83,
    "number_added": 1.88,
    "number_missing": 2.07,
    "opposite": 1.49,
    "refusal": 0.13,
    "roles": 1.62,
    "scope": 2.20,
    "scope_added_near": 0.70,
    "scope_dropped_near": 1.49,
    "slot_missing_near": 0.58,
    "slot_near": 2.94,
    "structure": 6.0,
}
