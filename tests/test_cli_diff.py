"""`spantape diff` within a tolerance: exit 0 for equal enough, 1 for not, 2 for what means nothing."""

from __future__ import annotations

import json

import pytest

from cli_tapes import make_runner, record_guide
from spantape.testing import text, tool_call
from tolerance_tapes import once, record


@pytest.fixture
def spantape_command(capsys):
    return make_runner(capsys)


@pytest.fixture
def tapes(tmp_path):
    """The same run three times: as it was, in other words, with another figure."""
    answers = {
        "old": "It is 21 degrees in Oslo.",
        "reworded": "In Oslo it is 21 degrees.",
        "wrong": "It is 12 degrees in Oslo.",
    }
    return {name: record_guide(tmp_path / f"{name}.tape", answer=answer) for name, answer in answers.items()}


@pytest.mark.parametrize(
    ("other", "options", "code"),
    [
        ("old", (), 0),
        ("reworded", (), 1),
        ("reworded", ("--tolerance", "byte"), 1),
        ("reworded", ("--tolerance", "semantic"), 0),
        ("reworded", ("--tolerance", "semantic:1"), 1),
        ("reworded", ("--tolerance=structural",), 0),
        ("wrong", ("--tolerance", "semantic"), 1),
        ("wrong", ("--tolerance", "structural"), 0),
    ],
)
def test_the_exit_code_says_whether_the_runs_are_equal_enough(spantape_command, tapes, other, options, code):
    assert spantape_command("diff", tapes["old"], tapes[other], *options).code == code


def test_what_differs_in_meaning_is_shown_with_its_reason(spantape_command, tapes):
    ran = spantape_command("diff", tapes["old"], tapes["wrong"], "--tolerance", "semantic")
    assert 'answer.text: "It is 21 degrees in Oslo." → "It is 12 degrees in Oslo." (meaning: score' in ran.out
    assert "beyond semantic between 3 and 3 steps" in ran.out
    equal = spantape_command("diff", tapes["old"], tapes["reworded"], "--tolerance", "semantic")
    assert equal.out.startswith("no difference beyond semantic (2 steps within it) in 3 steps")


def test_json_holds_severity_reason_and_what_was_tolerated(spantape_command, tapes):
    told = spantape_command("diff", tapes["old"], tapes["wrong"], "--tolerance", "semantic", "--json").json()
    assert (told["equal"], told["tolerance"], told["tolerated"]) == (False, "semantic", [])
    [agent, model] = told["differences"]
    assert (agent["severity"], model["severity"]) == ("meaning", "meaning")
    [field] = model["fields"]
    assert (field["path"], field["severity"]) == ("answer.text", "meaning")
    assert "number" in field["reason"]
    told = spantape_command(
        "diff", tapes["old"], tapes["reworded"], "--tolerance", "semantic", "--json"
    ).json()
    assert (told["equal"], told["differences"]) == (True, [])
    assert [step["severity"] for step in told["tolerated"]] == ["wording", "wording"]
    plain = spantape_command("diff", tapes["old"], tapes["wrong"], "--json").json()
    assert plain["tolerance"] == "byte"
    assert "severity" not in plain["differences"][0]["fields"][0]


def test_exact_numbers_in_parsed_answers_are_json_too(spantape_command, tmp_path):
    one, other = (
        record(tmp_path / f"{n}.tape", [text(f'{{"a": {n}, "b": [1e400, 0.5]}}')], agent=once) for n in (1, 2)
    )
    ran = spantape_command("diff", one, other, "--tolerance", "structural", "--json")
    assert ran.json()["differences"][0]["fields"][0] == {
        "path": "answer.text.a",
        "first": 1,
        "second": 2,
        "severity": "structure",
    }
    added = record(
        tmp_path / "3.tape", [text('{"a": 1, "b": [1e400, 0.5], "c": {"d": [1e400, 0.5]}}')], agent=once
    )
    [field] = spantape_command("diff", one, added, "--tolerance", "structural", "--json").json()[
        "differences"
    ][0]["fields"]
    assert field["second"] == {"d": ["1E+400", 0.5]}


def test_a_policy_file_sets_it_per_place(spantape_command, tapes, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'version = 1\ntolerance = "semantic"\n[steps."POST *"]\ntolerance = "structural"\n[steps."agent *"]\nignore = ["result"]'
    )
    ran = spantape_command("diff", tapes["old"], tapes["wrong"], "--policy", policy)
    assert ran.code == 0
    assert "no difference beyond the policy (1 step within it)" in ran.out
    assert (
        spantape_command("diff", tapes["old"], tapes["wrong"], "--policy", policy, "--tolerance", "byte").code
        == 0
    )
    policy.write_text('version = 1\n[step.3]\ntolerance = "byte"')
    ran = spantape_command("diff", tapes["old"], tapes["wrong"], "--policy", policy)
    assert ran.code == 2
    assert f"policy {str(policy)!r}, step: is not known, expected one of version, tolerance" in ran.err


@pytest.mark.parametrize(
    "options", [("--tolerance", "fuzzy"), ("--tolerance", "byte:1"), ("--policy", "none.toml")]
)
def test_what_means_nothing_is_wrong_usage(spantape_command, tapes, options):
    ran = spantape_command("diff", tapes["old"], tapes["old"], *options)
    assert ran.code == 2
    assert ran.out == ""


def test_another_tool_is_beyond_every_tolerance(spantape_command, tmp_path):
    one, other = (
        record(tmp_path / f"{name}.tape", [tool_call(name, {"id": 1})], agent=once)
        for name in ("reset", "delete")
    )
    for tolerance in ("structural", "semantic:0.01"):
        ran = spantape_command("diff", one, other, "--tolerance", tolerance, "--json")
        assert ran.code == 1
        assert [field["path"] for field in ran.json()["differences"][0]["fields"]] == ["answer.calls[0]"] * 2
    assert json.loads(ran.out)["differences"][0]["severity"] == "structure"
