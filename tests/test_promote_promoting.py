"""Runs of other instrumentations, and ours beside them, become tapes with honest grades; equal on every path."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import spantape
from spantape.promote.promoting import Asked, Told, promote
from spantape.promote.where import parse_where

SPANS = Path(__file__).parent / "spans"
GRADES = {
    "beside_genai": "exact",
    "beside_openinference": "exact",
    "genai": "reconstructed",
    "genai_events": "reconstructed",
    "genai_old": "reconstructed",
    "openinference": "reconstructed",
    "openllmetry": "reconstructed",
    "langfuse": "reconstructed",
    "logfire": "reconstructed",
    "genai_nothing": "skeleton",
    "openinference_hidden": "skeleton",
    "openllmetry_dropped": "skeleton",
}


def promoted(tmp_path, *sources, told=None, **asked):
    return list(promote(map(str, sources), Asked(tmp_path / "tapes", **asked), told=told))


@pytest.mark.parametrize("name", GRADES)
def test_the_first_run_of_each_instrumentation_has_its_grade_on_a_sealed_tape(name, tmp_path):
    outcomes = [one for one in promoted(tmp_path, SPANS / f"{name}.jsonl") if one.state != "other"]
    assert {one.state for one in outcomes} == {"promoted"}
    first = outcomes[0]
    assert [grade for grade, count in first.grades.items() if count] == [GRADES[name]]
    tape = spantape.read_tape(first.path)
    assert tape.sealed
    assert len(tape.steps) == first.steps
    if GRADES[name] != "exact":
        assert all(grade.reasons for _, grade in first.losses)


@pytest.mark.parametrize("name", ["genai_events", "beside_openllmetry"])
def test_lines_in_any_order_and_twice_make_the_same_tapes(name, tmp_path):
    lines = (SPANS / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
    straight = {
        one.run_id: (one.fingerprint, one.grades) for one in promoted(tmp_path, SPANS / f"{name}.jsonl")
    }
    random.Random(3).shuffle(lines)
    (tmp_path / "mixed.jsonl").write_bytes(b"".join(lines * 2))
    again = promoted(tmp_path / "again", tmp_path / "mixed.jsonl")
    assert {one.run_id: (one.fingerprint, one.grades) for one in again} == straight


def test_filters_see_what_the_other_instrumentation_wrote(tmp_path):
    where = parse_where("llm.model_name~. openinference.span.kind=LLM grade=reconstructed steps=1")
    states = {one.state for one in promoted(tmp_path, SPANS / "openinference.jsonl", where=where)}
    assert states == {"promoted", "unwanted"}


def test_a_promotion_of_nothing_says_what_it_read(tmp_path):
    (tmp_path / "empty.jsonl").write_bytes(b"")
    told = Told()
    assert promoted(tmp_path, tmp_path / "empty.jsonl", told=told) == []
    assert told.spans == 0
