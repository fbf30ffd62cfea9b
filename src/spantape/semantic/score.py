"""From findings to one score: a logistic of what was found, its weights fitted once and committed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from spantape.semantic.alignment import align, mirrored
from spantape.semantic.facts.content import (
    Overlap,
    compare_clauses,
    compare_insertions,
    compare_names,
    compare_slots,
    overlap,
)
from spantape.semantic.facts.dates import compare_moments
from spantape.semantic.facts.denials import compare_answers, compare_denials, compare_gap
from spantape.semantic.facts.exchanges import compare_bindings, compare_exchanged, compare_persons
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.facts.numbers import compare_numbers
from spantape.semantic.facts.parties import settle_parties
from spantape.semantic.facts.polarity import compare_contradictions, compare_opposites, compare_slot_opposites
from spantape.semantic.facts.roles import compare_agents, compare_roles, is_comparative, told_backwards
from spantape.semantic.facts.words import compare_exceptions, compare_hedging, compare_refusal, compare_scope
from spantape.semantic.weights import WEIGHTS

_MOST = 2.0
# Kinds that weigh more the nearer the texts are to copies: there, one changed word is seldom a rewording.
_NEAR = (
    "slot", "slot_missing", "slot_added", "opposite_weak", "scope_dropped", "scope_added", "hedge", "contrast", "opposite",
    "negation", "negation_soft", "negative_gap", "denial_loose", "contradiction", "clause_missing", "clause_added", "scope", "only", "roles",
)  # fmt: skip


def findings_of(expected: Known, actual: Known) -> tuple[list[Finding], Overlap]:
    """Return all that differs between two texts, and how far they overlap."""
    alignment = align(expected.document, actual.document)
    found = [
        *compare_refusal(expected, actual),
        *compare_numbers(expected, actual),
        *compare_moments(expected, actual),
        *compare_names(alignment),
        *compare_denials(expected, actual, alignment),
        *compare_opposites(alignment),
        *compare_slot_opposites(alignment),
        *compare_answers(expected, actual),
        *compare_gap(expected, actual, alignment),
        *compare_contradictions(expected, actual, alignment),
        *(compare_contradictions(actual, expected, mirrored(alignment))),
        *compare_roles(expected, actual, alignment),
        *compare_exchanged(alignment),
        *compare_persons(expected, actual),
        *compare_agents(expected, actual, alignment),
        *compare_bindings(expected, actual, alignment),
        *compare_hedging(expected, actual),
        *compare_scope(expected, actual),
        *compare_exceptions(expected, actual),
        *compare_clauses(alignment),
        *compare_slots(alignment),
        *compare_insertions(alignment),
    ]
    found = settle_parties(found, alignment)
    if told_backwards(expected, actual, alignment):
        found = [one for one in found if one.kind != "roles" and not is_comparative(one.expected)]
    return found, overlap(alignment)


def features_of(found: Sequence[Finding], shared: Overlap) -> dict[str, float]:
    """Return the features that the score is made of: the weight of each kind of finding, and the overlap."""
    features: dict[str, float] = {}
    for finding in found:
        features[finding.kind] = min(_MOST, features.get(finding.kind, 0.0) + finding.weight)
    near = shared.copied**2
    for kind in _NEAR:
        if kind in features:
            features[f"{kind}_near"] = features[kind] * near
    if "contradiction" in features:
        features["contradiction_near"] = features["contradiction"] * max(0.0, 1 - 2 * shared.missing)
    if "contrast_added" in features:
        features["contrast_added"] *= min(1.0, shared.added * 2)
    if "contrast_missing" in features:
        features["contrast_missing"] *= min(1.0, shared.missing * 2)
    far = 1 - shared.copied
    features["missing_far"], features["added_far"] = shared.missing * far, shared.added * far
    features["anchored"] = shared.anchored * far
    lost = sum(features.get(f"{kind}_missing", 0.0) for kind in ("number", "moment", "name", "exception"))
    features["cut"] = min(_MOST, shared.missing_weight / 2 + lost) * max(0.0, 1 - 3 * shared.added)
    features["missing"] = shared.missing
    features["added"] = shared.added
    return features


def score_of(features: Mapping[str, float], weights: Mapping[str, float] = WEIGHTS) -> float:
    """Return the score in [0, 1]: 1 where nothing differs."""
    total = weights["bias"] - sum(weights.get(name, 0.0) * value for name, value in features.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def gravity(finding: Finding, weights: Mapping[str, float] = WEIGHTS) -> float:
    """Return how much a finding alone takes from the score."""
    weighs = max(weights.get(finding.kind, 0.0), 0.5 * weights.get(f"{finding.kind}_near", 0.0))
    return finding.weight * weighs
