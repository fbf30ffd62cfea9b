"""The measured bounds: labelled pairs that nobody fitted a single answer to."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from spantape.semantic import Comparison, compare

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "semantic" / "pairs.jsonl"
OURS = ROOT / "vectors" / "semantic"
KEY_KINDS = ("number", "negation", "entity", "roles", "tool_args")


@cache
def compared(path: Path) -> list[tuple[dict[str, object], Comparison]]:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the project")
    pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(pair, compare(pair["expected"], pair["actual"])) for pair in pairs]


def auc(path: Path) -> float:
    same = [told.score for pair, told in compared(path) if pair["same"]]
    different = [told.score for pair, told in compared(path) if not pair["same"]]
    wins = sum((one > other) + 0.5 * (one == other) for one in same for other in different)
    return wins / (len(same) * len(different))


def accuracy(path: Path) -> float:
    return sum(bool(told) == pair["same"] for pair, told in compared(path)) / len(compared(path))


def accepted(path: Path) -> dict[str, float]:
    kinds: dict[str, list[bool]] = defaultdict(list)
    for pair, told in compared(path):
        if not pair["same"]:
            kinds[str(pair["kind"])].append(bool(told))
    return {kind: sum(found) / len(found) for kind, found in kinds.items()}


def test_the_shared_pairs_are_told_apart():
    assert auc(SHARED) >= 0.9
    assert accuracy(SHARED) >= 0.85


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_changed_facts_of_the_shared_pairs_are_seldom_accepted(kind: str):
    # One pair in ten is what is wanted; of the six that swap roles one is still accepted, which is a known miss.
    assert accepted(SHARED)[kind] <= (0.17 if kind == "roles" else 0.1)


def test_the_pairs_for_learning_are_told_apart():
    assert auc(OURS / "dev.jsonl") >= 0.88
    assert accuracy(OURS / "dev.jsonl") >= 0.82


def test_the_pairs_of_the_other_half_lose_no_more_than_is_known():
    assert auc(OURS / "test.jsonl") >= 0.82
    assert accuracy(OURS / "test.jsonl") >= 0.72


@pytest.mark.parametrize(
    ("kind", "most"), [("number", 0.06), ("tool_args", 0.06), ("entity", 0.16), ("negation", 0.16)]
)
def test_changed_facts_of_the_other_half_are_accepted_no_more_often_than_is_known(kind: str, most: float):
    assert accepted(OURS / "test.jsonl")[kind] <= most
