"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 1.82,
    "added": 0.11,
    "bound": 2.41,
    "clause_missing": 0.47,
    "contradiction_near": 0.90,
    "contrast": 4.02,
    "contrast_added": 1.94,
    "contrast_near": 1.15,
    "denial_loose": 0.41,
    "exception_added": 0.79,
    "hedge": 0.01,
    "hedge_near": 3.10,
    "moment": 5.72,
    "moment_added": 0.71,
    "moment_missing": 0.07,
    "name": 3.94,
    "name_added": 1.30,
    "name_missing": 4.32,
    "negation": 1.58,
    "negative_gap": 0.99,
    "number": 3.76,
    "number_added": 1.99,
    "number_missing": 4.51,
    "opposite": 1.82,
    "refusal": 0.08,
    "roles": 1.68,
    "scope": 1.48,
    "scope_dropped_near": 0.03,
    "slot_missing_near": 1.33,
    "slot_near": 4.56,
    "structure": 6.0,
}
