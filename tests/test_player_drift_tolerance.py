"""Mode rerecord within a tolerance: what changed in meaning is drift, other words are not."""

from __future__ import annotations

import pytest

import spantape
from spantape.errors import Drift, PolicyError, UsageError
from spantape.testing import text, tool_call
from tolerance_tapes import AGENTS, record, run

OSLO = tool_call("weather", {"city": "Oslo"})
SAID, REWORDED, WRONG = "It is 4 degrees in Oslo.", "In Oslo it is 4 degrees.", "It is 40 degrees in Oslo."


def rerecorded(path, *replies, agent=AGENTS[0], **settings):
    with spantape.use(path, "rerecord", **settings) as session:
        run(replies, agent)
    return session


@pytest.fixture
def tape(tmp_path):
    return record(tmp_path / "a.tape", [OSLO, text(SAID)])


@pytest.mark.parametrize("agent", AGENTS)
def test_only_another_meaning_is_raised_under_semantic(tmp_path, agent):
    tape = record(tmp_path / "a.tape", [OSLO, text(SAID)], agent=agent)
    raising = {"agent": agent, "on_drift": "raise", "tolerance": "semantic"}
    assert rerecorded(tape, OSLO, text(REWORDED), **raising).drift == []
    with pytest.raises(
        Drift, match=r"another answer, in meaning\n  answer\.text in meaning: score 0.*number"
    ):
        rerecorded(tape, OSLO, text(WRONG), **raising)


@pytest.mark.parametrize(
    ("replies", "severities"),
    [
        ([OSLO, text(SAID)], []),
        ([OSLO, text(REWORDED)], ["wording"]),
        ([OSLO, text(WRONG)], ["meaning"]),
        ([text(SAID)], ["structure", "structure", "structure"]),
        ([tool_call("weather", {"city": "Bergen"}), text(SAID)], ["structure", "structure", "bytes"]),
    ],
)
def test_without_a_tolerance_every_drift_is_told_with_how_grave_it_is(tape, replies, severities):
    assert [step.severity for step in rerecorded(tape, *replies).drift] == severities


def test_structural_looks_at_calls_alone(tape):
    assert rerecorded(tape, OSLO, text(WRONG), tolerance="structural").drift == []
    found = rerecorded(tape, text(SAID), tolerance="structural").drift
    assert [step.kind for step in found] == ["answer", "vanished", "vanished"]


def test_a_policy_file_says_what_is_drift(tape, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\n[steps."POST *"]\ntolerance = "structural"')
    assert rerecorded(tape, OSLO, text(WRONG), policy=policy).drift == []
    assert rerecorded(tape, OSLO, text(WRONG), policy=str(policy), on_drift="raise").drift == []


def test_settings_that_mean_nothing_are_refused_before_anything_runs(tape):
    with pytest.raises(UsageError, match="got tolerance 'fuzzy'"):
        spantape.use(tape, "rerecord", tolerance="fuzzy")
    with pytest.raises(PolicyError, match="no-such"):
        spantape.use(tape, "rerecord", policy="no-such.toml")


def test_a_tolerated_run_replaces_the_tape_all_the_same(tape):
    before = spantape.read_tape(tape).fingerprint
    assert rerecorded(tape, OSLO, text(REWORDED), tolerance="semantic", on_drift="replace").drift == []
    assert spantape.read_tape(tape).fingerprint != before


def test_a_test_marked_with_a_tolerance_passes_on_other_words_and_fails_on_another_meaning(pytester):
    pytester.makepyfile(
        """
        import openai, os, pytest

        @pytest.mark.tape(tolerance="semantic", on_drift="raise")
        def test_it():
            with openai.OpenAI(base_url=os.environ["MODEL"], api_key="x", max_retries=0) as client:
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        """
    )
    from spantape.testing import ModelServer

    def outcome(said, mode):
        with ModelServer([text(said)]) as server, pytest.MonkeyPatch.context() as environment:
            environment.setenv("MODEL", server.base_url("openai"))
            return pytester.runpytest_subprocess("-q", f"--tape-mode={mode}")

    outcome(SAID, "record").assert_outcomes(passed=1)
    outcome(REWORDED, "rerecord").assert_outcomes(passed=1)
    outcome(WRONG, "rerecord").stdout.fnmatch_lines(["*another answer, in meaning*"])
