from __future__ import annotations

import json
from dataclasses import replace

import pytest

import spantape
from replay_steps import CHAT, JSON, agent, chat, exchange, span, tool
from spantape._model import Failure
from spantape._spans import names
from spantape.player.drift import drift, drift_report, is_volatile
from spantape.player.rules import MatchRules
from spantape.testing import text, tool_call
from spantape.tolerance.level import Tolerance
from spantape.tolerance.policy import Policy, Rule
from tolerance_tapes import AGENTS, record

SSE = (("content-type", "text/event-stream"),)


def answer(text, **more):
    return json.dumps({"choices": [{"message": {"content": text}}], **more}).encode()


def called(index, asked, said, *, headers=JSON, **more):
    return exchange(index, chat(asked), answer=answer(said, **more), answer_headers=headers)


def streamed(index, said, body):
    step = exchange(index, chat("q"), answer=body, answer_headers=SSE)
    messages = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": said}]}])
    attributes = {
        names.OUTPUT_MESSAGES: messages,
        "gen_ai.response.id": body.decode(),
        "gen_ai.request.model": "m",
    }
    return replace(step, span=replace(span(index), attributes=attributes))


def found(tape_steps, live_steps, **rules):
    return [
        (d.kind, [str(f) for f in d.differences]) for d in drift(tape_steps, live_steps, MatchRules(**rules))
    ]


def test_the_same_run_has_not_drifted():
    steps = [called(0, "a", "x"), tool(1, "f", {"q": 1}, 2), agent(2, "g", {"q": 1})]
    assert drift(steps, steps) == []
    assert drift_report([]) == "no drift"


def test_another_answer_to_the_same_call_is_named_by_field():
    assert found([called(0, "a", "x")], [called(0, "a", "y")]) == [
        ("answer", ['response.choices[0].message.content: recorded "x" got "y"'])
    ]


def test_ids_times_and_counts_alone_are_no_drift_and_beside_one_they_stand_apart():
    recorded = called(0, "a", "x", id="1", created=1, usage={"total_tokens": 1})
    assert drift([recorded], [called(0, "a", "x", id="2", created=2, usage={"total_tokens": 2})]) == []
    [step] = drift([recorded], [called(0, "a", "y", id="2", created=1, usage={"total_tokens": 2})])
    assert [f.path for f in step.volatile] == ["response.id", "response.usage.total_tokens"]
    assert "(volatile: response.id, response.usage.total_tokens)" in str(step)


def test_a_changed_call_is_paired_with_the_one_in_its_place():
    recorded, live = [called(0, "a", "x"), called(1, "b", "y")], [called(0, "a", "x"), called(1, "c", "y")]
    assert found(recorded, live) == [("request", ['messages[0].content: recorded "b" got "c"'])]


def test_new_and_vanished_calls_are_told_apart():
    recorded = [called(0, "a", "x"), called(1, "b", "y")]
    assert found(recorded, recorded[:1]) == [("vanished", [])]
    assert found(recorded[:1], recorded) == [("new", [])]
    report = drift_report(drift(recorded, [recorded[1], tool(1, "f", {"q": 1})]))
    assert report == (
        '2 steps drifted: 2 in structure\nstep 0, POST /v1/chat/completions … "a": no longer asked\n'
        "step 1, tool 'f' {\"q\":1}: not on the tape"
    )


def test_calls_are_the_same_as_in_matching():
    recorded = exchange(0, b'{"a":1,"id":1}')
    live = exchange(0, b'{ "id": 2, "a": 1.0 }', url=CHAT + "/")
    assert found([recorded], [live], ignore=("body.id",)) == []


def test_order_between_different_calls_is_no_drift():
    steps = [called(0, "a", "x"), called(1, "b", "y")]
    assert drift(steps, steps[::-1]) == []


@pytest.mark.parametrize("live_fails", [True, False])
def test_failed_attempts_that_were_made_good_are_no_drift(live_fails):
    good = called(1, "a", "x")
    retried = [replace(exchange(0, chat("a"), status=429)), good]
    pair = [[good], retried]
    assert drift(*(pair if live_fails else pair[::-1])) == []


def test_another_status_and_an_error_are_drift():
    assert found([called(0, "a", "x")], [replace(called(0, "a", "x"), status=404)]) == [
        ("answer", ["status: recorded 200 got 404"])
    ]
    [(kind, fields)] = found([called(0, "a", "x")], [exchange(0, chat("a"), status=None)])
    assert kind == "answer"
    assert 'error: recorded null got "httpx2.ConnectError"' in fields


def test_streams_are_compared_by_what_they_mean():
    assert drift([streamed(0, "hello", b"data: 1")], [streamed(0, "hello", b"data: 2")]) == []
    [(_, fields)] = found([streamed(0, "hello", b"data: 1")], [streamed(0, "hullo", b"data: 2")])
    assert fields == ['["gen_ai.output.messages"][0].parts[0].content: recorded "hello" got "hullo"']


def test_results_and_arguments_of_tools_are_compared():
    assert found([tool(0, "f", {"q": 1}, 2)], [tool(0, "f", {"q": 1}, 3)]) == [
        ("answer", ["result: recorded 2 got 3"])
    ]
    assert found([tool(0, "f", {"q": 1}, 2)], [tool(0, "f", {"q": 2}, 2)]) == [
        ("request", ["arguments.q: recorded 1 got 2"])
    ]


def test_binary_answers_that_differ_are_drift():
    recorded, live = (exchange(0, chat("a"), answer=bytes([0, n])) for n in (1, 2))
    [(kind, [field])] = found([recorded], [live])
    assert kind == "answer"
    assert "response: recorded <2 bytes, sha256 " in field


@pytest.mark.parametrize(
    ("path", "volatile"),
    [("id", True), ("usage.total_tokens", True), ("choices[0].message.content", False), ("model", False)],
)
def test_volatile_fields_are_told_by_their_names(path, volatile):
    assert is_volatile(path) is volatile


# --- how grave ----------------------------------------------------------------------------------------------------

OSLO = tool_call("weather", {"city": "Oslo"})
BERGEN = tool_call("weather", {"city": "Bergen"})
SAID, REWORDED, WRONG = "It is 4 degrees in Oslo.", "In Oslo it is 4 degrees.", "It is 40 degrees in Oslo."


@pytest.fixture
def steps(tmp_path):
    """The steps of a run against a model with these replies."""
    count = iter(range(10))

    def run(*replies, **settings):
        return spantape.read_tape(record(tmp_path / f"{next(count)}.tape", replies, **settings)).steps

    return run


@pytest.mark.parametrize(
    ("replies", "severities"),
    [
        ([OSLO, text(SAID)], []),
        ([OSLO, text(REWORDED)], ["wording"]),
        ([OSLO, text(WRONG)], ["meaning"]),
        ([text(SAID)], ["structure", "structure", "structure"]),
        ([BERGEN, text(SAID)], ["structure", "structure", "bytes"]),
    ],
)
def test_each_drift_says_how_grave_it_is(steps, replies, severities):
    assert [step.severity for step in drift(steps(OSLO, text(SAID)), steps(*replies))] == severities


@pytest.mark.parametrize("agent", AGENTS)
def test_the_report_counts_by_gravity_and_says_why(steps, agent):
    found = drift(steps(OSLO, text(SAID), agent=agent), steps(OSLO, text(WRONG), agent=agent))
    report = drift_report(found)
    assert report.startswith("1 step drifted: 1 in meaning\nstep 2, POST ")
    assert "another answer, in meaning\n  answer.text in meaning: score 0." in report
    assert "number" in report
    words = drift(steps(OSLO, text(SAID), agent=agent), steps(OSLO, text(REWORDED), agent=agent))
    assert "another answer, in words only" in drift_report(words)


def test_what_is_within_a_tolerance_is_no_drift(steps):
    recorded = steps(OSLO, text(SAID))
    for replies, tolerated in (
        ([OSLO, text(REWORDED)], {"structural", "semantic"}),
        ([OSLO, text(WRONG)], {"structural"}),
        ([BERGEN, text(SAID)], set()),
    ):
        live = steps(*replies)
        for tolerance in ("byte", "structural", "semantic"):
            assert bool(drift(recorded, live, tolerance=tolerance)) is (tolerance not in tolerated)
    assert not drift(
        recorded,
        live,
        policy=Policy(Tolerance("semantic"), tools=(Rule("weather", arguments="ignored", ignore=((),)),)),
    )


def test_what_the_matching_ignores_is_no_drift_under_a_tolerance_either(steps):
    recorded, live = steps(text(SAID)), steps(text(SAID), temperature=0.5)
    assert drift(recorded, live, tolerance="semantic") != []
    rules = MatchRules(ignore=("body.temperature",))
    assert drift(recorded, live, rules, tolerance="semantic") == []


def test_a_tool_that_failed_otherwise_is_structure(steps):
    recorded = [replace(tool(0, "f", {"q": 1}, None), error=Failure("ValueError", "a"))]
    [found] = drift(recorded, [replace(recorded[0], error=Failure("ValueError", "b"))], tolerance="semantic")
    assert (found.kind, found.severity) == ("answer", "structure")
