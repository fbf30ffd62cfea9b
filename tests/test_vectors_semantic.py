"""The labelled answer pairs in vectors/semantic are well formed, balanced, and apart from each other."""

import json
import re
from collections import Counter
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(__file__).parent.parent / "vectors" / "semantic"
HALVES = ("dev", "test")
KEY_KINDS = frozenset(
    {"negation", "number", "entity", "roles", "tool_args", "datetime", "polarity", "scope", "missing"}
)
DIFFERENT = KEY_KINDS | {"contradiction", "hedged", "refusal", "unrelated"}
SAME = frozenset(
    {"rewording", "synonyms", "reordering", "verbosity", "formatting", "units", "active_passive", "typo"}
)
FIELDS = {
    "id": str,
    "domain": str,
    "lang": str,
    "expected": str,
    "actual": str,
    "same": bool,
    "kind": str,
}
LANGUAGES = {"en", "de", "es", "fr", "ja", "zh", "hi"}


def pairs_of(half: str) -> list[dict[str, Any]]:
    lines = (VECTORS / f"{half}.jsonl").read_bytes().splitlines()
    return [json.loads(line.decode("utf-8")) for line in lines]


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def answers(half: str) -> list[str]:
    return [pair[side] for pair in pairs_of(half) for side in ("expected", "actual")]


@pytest.mark.parametrize("half", HALVES)
def test_every_line_has_the_fields_of_a_pair_and_no_others(half):
    for pair in pairs_of(half):
        assert {name: type(value) for name, value in pair.items()} == FIELDS, pair


@pytest.mark.parametrize("half", HALVES)
def test_ids_count_up_from_one_without_a_gap(half):
    ids = [pair["id"] for pair in pairs_of(half)]
    assert ids == [f"{half}-{number:03d}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize("half", HALVES)
def test_each_file_ends_its_lines_with_a_bare_newline(half):
    data = (VECTORS / f"{half}.jsonl").read_bytes()
    assert data.endswith(b"}\n")
    assert b"\r" not in data
    assert "\ufffd" not in data.decode("utf-8")


@pytest.mark.parametrize("half", HALVES)
def test_the_kind_of_a_pair_agrees_with_its_label(half):
    for pair in pairs_of(half):
        assert pair["kind"] in (SAME if pair["same"] else DIFFERENT), pair


def test_no_answer_stands_twice_in_either_half():
    repeated = [text for text, times in Counter(answers("dev") + answers("test")).items() if times > 1]
    assert repeated == []


def test_no_answer_of_one_half_resembles_one_of_the_other():
    dev, test = ([(words(text), text) for text in answers(half)] for half in HALVES)
    alike = [(a, b) for (one, a), (other, b) in product(dev, test) if overlap(one, other) > 0.5]
    assert alike == []


@pytest.mark.parametrize("half", HALVES)
def test_about_half_of_the_pairs_mean_the_same(half):
    pairs = pairs_of(half)
    assert len(pairs) >= 240
    assert 0.50 <= sum(pair["same"] for pair in pairs) / len(pairs) <= 0.54


@pytest.mark.parametrize("half", HALVES)
def test_every_kind_has_pairs_and_the_key_kinds_have_many(half):
    kinds = Counter(pair["kind"] for pair in pairs_of(half))
    assert kinds.keys() == SAME | DIFFERENT
    assert min(kinds[kind] for kind in KEY_KINDS) >= 14
    assert kinds["rewording"] >= 20


@pytest.mark.parametrize("half", HALVES)
def test_about_a_tenth_of_the_pairs_is_in_other_languages(half):
    languages = Counter(pair["lang"] for pair in pairs_of(half))
    assert languages.keys() == LANGUAGES
    assert 0.08 <= 1 - languages["en"] / languages.total() <= 0.12


@pytest.mark.parametrize("half", HALVES)
def test_shared_words_alone_do_not_tell_the_labels_apart(half):
    scored = [(overlap(words(p["expected"]), words(p["actual"])), p["same"]) for p in pairs_of(half)]
    same = [score for score, label in scored if label]
    different = [score for score, label in scored if not label]
    wins = sum((a > b) + 0.5 * (a == b) for a, b in product(same, different))
    assert 0.45 <= wins / (len(same) * len(different)) <= 0.55


@pytest.mark.parametrize("half", HALVES)
def test_the_order_of_the_pairs_does_not_tell_the_labels(half):
    labels = [pair["same"] for pair in pairs_of(half)]
    runs = 1 + sum(one != following for one, following in pairwise(labels))
    assert 0.4 <= runs / len(labels) <= 0.6


def test_the_readme_states_the_counts_of_the_files():
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    counts = [Counter(pair["kind"] for pair in pairs_of(half)) for half in HALVES]
    for kind in SAME | DIFFERENT:
        assert f"| {kind} | {counts[0][kind]} | {counts[1][kind]} |" in readme
    for half in HALVES:
        labels = Counter(pair["same"] for pair in pairs_of(half))
        assert f"| `{half}.jsonl` | {labels.total()} | {labels[True]} | {labels[False]} |" in readme
