"""`spantape ls`: the runs of a directory."""

from __future__ import annotations

import pytest

import promote_sources as made
from cli_tapes import make_runner, record_guide
from spantape.tape.write import TapeWriter, write_tape
from tape_spans import sdk_run


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


@pytest.fixture
def tapes(tmp_path):
    for number in (2, 0, 1):
        spans = made.run(number, turns=number + 1, name=f"agent {number}")
        write_tape(
            tmp_path / "deep" / f"{number}.tape",
            spans,
            run_id=f"{number + 1:032x}",
            resource={"service.name": "shop"},
        )
    return tmp_path


def test_the_runs_of_a_directory_and_below_oldest_first(spantape, tapes):
    ran = spantape("ls", tapes, "--json")
    assert ran.code == 0
    runs = ran.json()
    assert [run["agents"] for run in runs] == [["agent 0"], ["agent 1"], ["agent 2"]]
    assert [run["steps"] for run in runs] == [3, 4, 5]
    assert runs[0] == {
        "tape": str(tapes / "deep" / "0.tape"),
        "run_id": f"{1:032x}",
        "name": "agent 0",
        "service": "shop",
        "sealed": True,
        "started_ns": 1_000_000_000,
        "duration_ns": 102,
        "agents": ["agent 0"],
        "models": [],
        "steps": 3,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost": None,
        "errors": 0,
        "grade": "exact",
        "grades": {"exact": 3, "reconstructed": 0, "skeleton": 0},
    }


def test_a_table_is_for_people(spantape, tmp_path):
    record_guide(tmp_path / "a.tape")
    ran = spantape("ls", tmp_path)
    head, row = ran.out.splitlines()
    assert head.split() == [
        "started",
        "agent",
        "steps",
        "models",
        "tokens",
        "cost",
        "errors",
        "grade",
        "s",
        "tape",
    ]
    assert "guide" in row
    assert "gpt-4o" in row
    assert "exact" in row
    assert row.endswith("a.tape")
    assert ran.err == "1 run of 1 tape\n"


def test_filters_are_those_of_promote(spantape, tapes):
    ran = spantape(
        "ls", tapes, "--json", "--where", "steps>3 agent!='agent 2'", "--where", "service.name=shop"
    )
    assert [run["agents"] for run in ran.json()] == [["agent 1"]]
    assert "1 run of 3 tapes" in ran.err
    assert spantape("ls", tapes, "--where", "steps").code == 2


def test_a_journal_is_listed_as_not_sealed(spantape, tmp_path):
    writer = TapeWriter(tmp_path / "cut.tape", run_id="5eed" * 8)
    for span in sdk_run(2):
        writer.add(span)
    writer.release()
    (run,) = spantape("ls", tmp_path, "--json").json()
    assert (run["sealed"], run["steps"]) == (False, 3)


def test_a_damaged_tape_is_named_and_the_rest_is_listed(spantape, tapes):
    (tapes / "bad.tape").write_bytes(b"\x28\xb5\x2f\xfdno")
    ran = spantape("ls", tapes, "--json")
    assert ran.code == 1
    assert len(ran.json()) == 3
    assert "bad.tape" in ran.err


def test_what_is_not_there_is_named(spantape, tmp_path):
    ran = spantape("ls", tmp_path / "none")
    assert (ran.code, ran.out) == (1, "")
    assert "no directory is there" in ran.err


def test_an_empty_directory_is_no_error(spantape, tmp_path):
    ran = spantape("ls", tmp_path, "--json")
    assert (ran.code, ran.json()) == (0, [])
