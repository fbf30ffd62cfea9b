"""The weights of the score: how much each kind of finding takes from it.

Fitted by `python tests/benchmarks/bench_semantic.py --fit`, which writes this file.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "bias": 1.39,
    "added": 0.24,
    "bound": 0.95,
    "clause_missing": 0.50,
    "contrast": 2.34,
    "contrast_added": 1.02,
    "contrast_missing": 0.21,
    "contrast_near": 1.01,
    "denial_loose": 0.60,
    "exception_added": 0.51,
    "hedge": 0.64,
    "hedge_near": 0.81,
    "missing": 0.42,
    "moment": 3.84,
    "moment_missing": 0.25,
    "name": 1.88,
    "name_added": 0.19,
    "name_missing": 1.02,
    "negation": 2.40,
    "number": 2.45,
    "number_added": 1.02,
    "number_missing": 1.96,
    "opposite": 1.50,
    "refusal": 0.02,
    "roles": 0.92,
    "scope": 1.59,
    "scope_added_near": 0.78,
    "scope_dropped_near": 1.07,
    "slot_added_near": 0.11,
    "slot_missing_near": 0.64,
    "slot_near": 1.96,
    "structure": 6.0,
}
