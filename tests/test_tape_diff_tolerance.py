"""Two runs compared within a tolerance, on tapes of the real SDKs."""

from __future__ import annotations

import json

import pytest

import spantape
from spantape.errors import PolicyError, UsageError
from spantape.testing import embedding, reasoning, text, tool_call
from spantape.tolerance.calls import CallPolicy
from spantape.tolerance.level import Tolerance
from spantape.tolerance.policy import Policy, Rule
from tolerance_tapes import AGENTS, chat, messages, once, record, responses, together, twice

OSLO = tool_call("weather", {"city": "Oslo"})
SAID = text("It is 4 degrees in Oslo.")


@pytest.fixture
def tape(tmp_path):
    count = iter(range(100))

    def make(*replies, **settings):
        return record(tmp_path / f"{next(count)}.tape", replies, **settings)

    return make


def severities(found):
    return [(step.first.index if step.first else None, step.severity) for step in found]


def paths(found):
    return [field.path for step in found for field in step.fields]


# --- the levels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", AGENTS)
def test_other_words_of_the_same_meaning_are_within_semantic(tape, agent):
    one = tape(OSLO, SAID, agent=agent)
    other = tape(OSLO, text("In Oslo it is 4 degrees."), agent=agent)
    assert len(spantape.diff(one, other)) == 1
    found = spantape.diff(one, other, tolerance="semantic")
    assert not found
    assert severities(found.tolerated) == [(2, "wording")]
    assert "no difference beyond semantic (1 step within it) in 3 steps" in str(found)


@pytest.mark.parametrize("agent", AGENTS)
def test_another_meaning_is_beyond_semantic_and_its_reason_is_told(tape, agent):
    one, other = tape(OSLO, SAID, agent=agent), tape(OSLO, text("It is 40 degrees in Oslo."), agent=agent)
    found = spantape.diff(one, other, tolerance="semantic")
    assert severities(found) == [(2, "meaning")]
    assert paths(found) == ["answer.text"]
    assert "number" in found.steps[0].fields[0].reason
    assert "(meaning: score 0." in str(found)


@pytest.mark.parametrize("agent", AGENTS)
def test_texts_are_not_looked_at_under_structural(tape, agent):
    one, other = tape(OSLO, SAID, agent=agent), tape(OSLO, text("The moon is made of cheese."), agent=agent)
    found = spantape.diff(one, other, tolerance="structural")
    assert not found
    assert severities(found.tolerated) == [(2, "meaning")]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_tool_call_with_other_arguments_is_another_structure_told_once(tape, agent):
    """The history of the next request holds the call again: it is weighed where it arose."""
    same = {"Oslo": "rain", "Bergen": "rain"}
    one = tape(OSLO, SAID, agent=agent, results=same)
    other = tape(tool_call("weather", {"city": "Bergen"}), SAID, agent=agent, results=same)
    for tolerance in ("structural", "semantic:0.01"):
        found = spantape.diff(one, other, tolerance=tolerance)
        assert severities(found) == [(0, "structure")]
        assert paths(found) == ["answer.calls[0].arguments.city"]
        assert severities(found.tolerated) == [(2, "bytes")]


@pytest.mark.parametrize("tolerance", ["structural", "semantic"])
@pytest.mark.parametrize(
    ("replies", "path"),
    [
        ([SAID], "answer.calls[0]"),
        (
            [tool_call("weather", {"city": "Oslo"}), tool_call("weather", {"city": "Oslo"}), SAID],
            "answer.calls[0]",
        ),
        ([OSLO, text("")], "answer.text"),
    ],
)
def test_a_call_or_a_text_that_one_side_lacks_is_structure(tape, tolerance, replies, path):
    found = spantape.diff(tape(OSLO, SAID), tape(*replies), tolerance=tolerance)
    assert path in paths(found)
    assert {step.severity for step in found} == {"structure"}


def test_a_threshold_is_the_score_from_which_texts_mean_the_same(tape):
    one, other = tape(OSLO, SAID), tape(OSLO, text("In Oslo we have 4 degrees."))
    assert not spantape.diff(one, other, tolerance="semantic:0.05")
    assert spantape.diff(one, other, tolerance=Tolerance("semantic", 1.0))


def test_byte_is_the_default(tape):
    one, other = tape(SAID), tape(text("In Oslo it is 4 degrees."))
    assert str(spantape.diff(one, other, tolerance="byte")) == str(spantape.diff(one, other))
    assert spantape.diff(one, other).steps[0].severity is None


def test_one_difference_is_spoken_of_in_the_singular(tape):
    assert str(spantape.diff(tape(SAID), tape(text("No.")))).startswith("1 difference between 1 and 1 step\n")


# --- data, reasoning, other parts ---------------------------------------------------------------------------------


def test_data_in_an_answer_are_compared_as_values_whatever_they_are_written_in(tape):
    one = tape(text('{"city": "Oslo", "degrees": 4.0}'))
    other = tape(text('```json\n{"degrees": 4, "city": "Oslo"}\n```'))
    assert severities(spantape.diff(one, other, tolerance="structural").tolerated) == [(0, "bytes")]
    changed = tape(text('{"city": "Oslo", "degrees": 40}'))
    for tolerance in ("structural", "semantic"):
        found = spantape.diff(one, changed, tolerance=tolerance)
        assert paths(found) == ["answer.text.degrees"]
        assert severities(found) == [(0, "structure")]


def test_prose_in_data_is_compared_by_meaning(tape):
    one = tape(text('{"ok": true, "note": "The order was sent to Oslo on Monday."}'))
    same = tape(text('{"ok": true, "note": "On Monday the order was sent to Oslo."}'))
    not_same = tape(text('{"ok": true, "note": "The order was not sent to Oslo on Monday."}'))
    assert not spantape.diff(one, same, tolerance="semantic")
    found = spantape.diff(one, not_same, tolerance="semantic")
    assert severities(found) == [(0, "meaning")]
    assert paths(found) == ["answer.text.note"]


def test_reasoning_is_not_compared(tape):
    one = tape(together(reasoning("Let me think about Oslo."), SAID), agent=messages)
    other = tape(together(reasoning("Hmm, what is this about?"), SAID), agent=messages)
    assert spantape.diff(one, other)
    assert not spantape.diff(one, other, tolerance="semantic")


def test_a_prompt_with_other_words_is_compared_by_meaning_and_a_model_by_name(tape):
    one = tape(SAID)
    asked = tape(SAID, ask="What is the weather in Bergen?")
    found = spantape.diff(one, asked, tolerance="semantic")
    assert paths(found) == ["request.body.messages[1].content"]
    assert severities(found) == [(0, "meaning")]
    other = tape(SAID, model="gpt-5")
    assert paths(spantape.diff(one, other, tolerance="structural")) == ["request.body.model"]
    hot = tape(SAID, temperature=1.5)
    assert paths(spantape.diff(one, hot, tolerance="structural")) == ["request.body.temperature"]


def test_a_tool_that_gave_something_else_is_told_once(tape):
    one = tape(OSLO, SAID)
    other = tape(OSLO, SAID, results={"Oslo": "It is 14 degrees in Oslo and it is snowing."})
    found = spantape.diff(one, other, tolerance="semantic")
    assert severities(found) == [(1, "meaning")]
    reworded = tape(OSLO, SAID, results={"Oslo": "It is snowing in Oslo and it is 4 degrees."})
    assert not spantape.diff(one, reworded, tolerance="semantic")


@pytest.mark.parametrize("agent", [chat, responses, messages])
def test_a_question_that_quotes_an_answer_is_compared_by_meaning(tape, agent):
    one = tape(text("It is 4 degrees."), SAID, agent=twice(agent))
    same = tape(text("The temperature is 4 degrees."), SAID, agent=twice(agent))
    other = tape(text("It is 40 degrees."), SAID, agent=twice(agent))
    assert severities(spantape.diff(one, same, tolerance="semantic:0.3").tolerated)[0] == (0, "wording")
    assert severities(spantape.diff(one, other, tolerance="semantic")) == [(0, "meaning"), (1, "meaning")]


# --- order --------------------------------------------------------------------------------------------------------


BOTH = [tool_call("weather", {"city": "Oslo"}), tool_call("weather", {"city": "Bergen"})]


def test_calls_side_by_side_may_come_in_any_order(tape):
    one, other = tape(together(*BOTH), SAID), tape(together(*BOTH[::-1]), SAID)
    assert spantape.diff(one, other)
    found = spantape.diff(one, other, tolerance="structural")
    assert not [step for step in found if step.change != "changed"]
    assert 0 not in [step.first.index for step in found]


def test_the_order_counts_where_a_policy_says_so(tape):
    one, other = tape(together(*BOTH), SAID), tape(together(*BOTH[::-1]), SAID)
    exact = Policy(Tolerance("structural"), CallPolicy(order="exact"))
    assert 0 in [step.first.index for step in spantape.diff(one, other, policy=exact) if step.first]


# --- policies -----------------------------------------------------------------------------------------------------


def test_a_policy_sets_tolerance_by_step_tool_and_field(tape, tmp_path):
    one = tape(OSLO, SAID)
    other = tape(OSLO, text("In Oslo it is 4 degrees."), results={"Oslo": "sunny"})
    policy = tmp_path / "policy.toml"
    policy.write_text(
        """
        version = 1
        tolerance = "semantic"

        [tools.weather]
        ignore = ["result"]
        """
    )
    assert not spantape.diff(one, other, policy=policy)
    assert severities(spantape.diff(one, other, tolerance="byte", policy=policy)) == [(2, "structure")]
    policy.write_text(
        'version = 1\ntolerance = "semantic"\n[tools."*"]\nignore = ["result"]\n[steps.2]\ntolerance = "byte"'
    )
    assert severities(spantape.diff(one, other, policy=str(policy))) == [(2, "structure")]
    policy.write_text(
        'version = 1\n[fields]\n"**.content" = "ignore"\nresult = "ignore"\n"response.body.*" = "ignore"'
    )
    assert not spantape.diff(one, other, policy=policy)


def test_arguments_are_compared_by_value_by_shape_or_not_at_all(tape):
    same = {"Oslo": "rain", "Bergen": "rain"}
    one = tape(OSLO, SAID, results=same)
    other = tape(tool_call("weather", {"city": "Bergen"}), SAID, results=same)
    for arguments, equal in (("digest", False), ("shape", True), ("ignored", True)):
        policy = Policy(Tolerance("semantic"), tools=(Rule("weather", arguments=arguments),))
        assert bool(spantape.diff(one, other, policy=policy)) is not equal


def test_a_free_text_argument_may_be_compared_by_meaning(tape, tmp_path):
    one = tape(tool_call("note", {"id": 7, "text": "The customer wants a refund."}), agent=once)
    other = tape(tool_call("note", {"id": 7, "text": "A refund is wanted by the customer."}), agent=once)
    assert spantape.diff(one, other, tolerance="semantic:0.3")
    policy = tmp_path / "p.toml"
    policy.write_text(
        'version = 1\ntolerance = "semantic:0.3"\n[fields]\n"answer.calls[*].arguments.text" = "semantic:0.3"'
    )
    assert not spantape.diff(one, other, policy=policy)
    wrong = tape(tool_call("note", {"id": 8, "text": "The customer wants a refund."}), agent=once)
    assert paths(spantape.diff(one, wrong, policy=policy)) == ["answer.calls[0].arguments.id"]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        (
            {"tolerance": "semantics"},
            UsageError,
            "got tolerance 'semantics', expected byte, structural, semantic",
        ),
        ({"tolerance": "semantic:2"}, UsageError, "semantic:2"),
        ({"policy": "no-such.toml"}, PolicyError, "policy 'no-such.toml': cannot be read"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tape, settings, error, said):
    one = tape(SAID)
    with pytest.raises(error, match=said):
        spantape.diff(one, one, **settings)


def test_a_diff_as_data_holds_severity_and_reason(tape):
    found = spantape.diff(tape(SAID), tape(text("It is 40 degrees in Oslo.")), tolerance="semantic")
    [field] = found.steps[0].fields
    assert (field.recorded, field.got) == ("It is 4 degrees in Oslo.", "It is 40 degrees in Oslo.")
    assert field.severity == "meaning"
    assert json.dumps(field.reason)


# --- embeddings ---------------------------------------------------------------------------------------------------


def embed(client, server):
    client.embeddings.create(model="e", input=["one", "two"])


def test_embeddings_are_compared_by_their_cosine(tape):
    def of(*vectors):
        return tape(agent=embed, script=lambda _request: embedding(*vectors))

    one, near, far = of([1, 0, 0], [0, 1, 0]), of([1, 0.001, 0], [0, 1, 0]), of([1, 0, 0], [0, 1, 0.5])
    assert severities(spantape.diff(one, near, tolerance="semantic").tolerated) == [(0, "wording")]
    found = spantape.diff(one, far, tolerance="semantic")
    assert paths(found) == ["answer.embedding[1]"]
    assert found.steps[0].fields[0].reason == "cosine 0.8944"
    assert not spantape.diff(one, far, tolerance="semantic:0.8")
    assert spantape.diff(one, of([1, 0, 0]), tolerance="semantic:0.1")
    assert spantape.diff(one, of([0, 0, 0], [0, 1, 0]), tolerance="semantic:0.1")
