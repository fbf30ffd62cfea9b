"""What weighing makes of odd steps: APIs that are no model's, payloads that were never recorded, hostile bodies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape.tape.build import tape_of
from spantape.tape.diff import diff
from spantape.tape.weighing import Weigher
from spantape.tolerance.level import Tolerance
from spantape.tolerance.policy import Policy, make_policy
from tape_spans import agent_span, exchange, exchange_span, span, tool_span

CHAT = "https://api.openai.com/v1/chat/completions"


def asked(index, body, answer, *, url="https://api.test/orders", status=200, **more):
    sent, got = (item if isinstance(item, bytes) else json.dumps(item).encode() for item in (body, answer))
    return exchange_span(index, Exchange(Request("POST", url, (), sent), Response(status, (), got)), **more)


def between(first, second, tolerance="semantic", policy=None):
    return diff(tape_of(first), tape_of(second), tolerance=tolerance, policy=policy)


def found(first, second, tolerance="semantic"):
    result = between([first], [second], tolerance)
    return [(field.path, field.severity) for step in (*result, *result.tolerated) for field in step.fields]


# --- APIs that are no model's -------------------------------------------------------------------------------------


def test_other_apis_are_compared_as_values_and_their_ids_count():
    one = asked(0, {"q": 1}, {"id": 41, "name": "Ann"})
    assert found(one, asked(0, b'{ "q": 1.0 }', b'{"name":"Ann", "id":41}')) == [
        ("request.body", "bytes"),
        ("response.body", "bytes"),
    ]
    assert found(one, asked(0, {"q": 1}, {"id": 42, "name": "Ann"})) == [("response.body.id", "structure")]
    assert found(one, asked(0, {"q": 2}, {"id": 41, "name": "Ann"})) == [("request.body.q", "structure")]


def test_prose_of_other_apis_is_compared_by_meaning_and_short_strings_exactly():
    one = asked(0, {}, {"note": "The parcel was sent on Monday.", "state": "open"})
    assert found(one, asked(0, {}, {"note": "On Monday the parcel was sent.", "state": "open"})) == [
        ("response.body.note", "wording")
    ]
    assert found(one, asked(0, {}, {"note": "The parcel was not sent on Monday.", "state": "shut"})) == [
        ("response.body.note", "meaning"),
        ("response.body.state", "structure"),
    ]


def test_data_written_as_text_inside_data_are_compared_as_data():
    one = asked(0, {}, {"payload": '{"a": 1, "b": 2}'})
    assert found(one, asked(0, {}, {"payload": '{"b": 2.0, "a": 1}'})) == [("response.body.payload", "bytes")]
    assert found(one, asked(0, {}, {"payload": '{"b": 3, "a": 1}'})) == [
        ("response.body.payload.b", "structure")
    ]


def test_streams_lines_text_and_bytes_of_other_apis():
    sse = b'data: {"n":1}\n\ndata: {"n":2}\n\n'
    assert found(asked(0, {}, sse), asked(0, {}, sse.replace(b"2", b"3"))) == [
        ("response.body[1].data.n", "structure")
    ]
    assert found(asked(0, {}, b"pong"), asked(0, {}, b"ping")) == [("response.body", "structure")]
    assert found(asked(0, {}, b"\xff\x00"), asked(0, {}, b"\xff\x01")) == [("response.body", "structure")]


# --- how it ended -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerance", ["structural", "semantic"])
def test_status_end_and_error_are_structure(tolerance):
    recorded = exchange(0)
    other = replace(
        recorded, response=replace(recorded.response, status=429), end="closed", error=Failure("E", "m")
    )
    assert found(exchange_span(0, recorded), exchange_span(0, other), tolerance) == [
        ("status", "structure"),
        ("end", "structure"),
        ("error", "structure"),
    ]


def test_an_error_of_a_model_is_compared_as_a_body():
    wrong = {"error": {"message": "The server is overloaded right now.", "code": 1}}
    one = asked(0, {"model": "m", "messages": []}, wrong, url=CHAT, status=500)
    other = json.loads(json.dumps(wrong).replace("1", "2"))
    assert found(one, asked(0, {"model": "m", "messages": []}, other, url=CHAT, status=500)) == [
        ("response.body.error.code", "structure")
    ]


# --- what was never recorded --------------------------------------------------------------------------------------


def test_what_was_never_recorded_is_no_equality():
    whole = exchange_span(0, exchange(0))
    bare = {
        key: value
        for key, value in exchange_span(0, exchange(1)).attributes.items()
        if key not in (names.REQUEST_BODY, names.RESPONSE_BODY)
    }
    places = found(whole, span(0, {**bare, names.CONTENT: "none"}))
    assert {severity for _, severity in places} == {"structure"}
    assert places[0][0] == "request.body"


# --- tools and agents ---------------------------------------------------------------------------------------------


def test_results_of_tools_are_values_with_prose_in_them():
    one = tool_span(0, {"q": "a"}, {"n": 1, "said": "The door is open now."})
    assert found(one, tool_span(0, {"q": "a"}, {"said": "Now the door is open.", "n": 1.0})) == [
        ("result.said", "wording")
    ]
    assert found(one, tool_span(0, {"q": "a"}, {"said": "The door is open now.", "n": 2})) == [
        ("result.n", "structure")
    ]


def test_arguments_are_exact_even_where_they_are_prose():
    one, other = (
        tool_span(0, {"note": note}, 1) for note in ("The door is open now.", "Now the door is open.")
    )
    assert found(one, other) == [("arguments.note", "structure")]


def test_steps_of_other_kinds_are_one_that_went_and_one_that_came():
    assert [step.change for step in between([agent_span(0, "a")], [tool_span(0, {}, 1)])] == [
        "removed",
        "added",
    ]


def test_a_tool_that_moved_within_its_stretch_is_no_difference_and_across_an_exchange_it_is():
    a, b = tool_span(0, {"q": "a"}, 1), tool_span(1, {"q": "b"}, 2)
    swapped = [tool_span(0, {"q": "b"}, 2), tool_span(1, {"q": "a"}, 1)]
    assert not between([a, b], swapped, "structural")
    call = asked(1, {}, {})
    first, last = tool_span(0, {"q": "a"}, 1), tool_span(2, {"q": "a"}, 1)
    assert (
        len(between([first, call], [replace(call, started_ns=call.started_ns - 9), last], "structural")) == 2
    )


# --- what runs carry along ----------------------------------------------------------------------------------------


def spoken(index, said, history=(), **more):
    body = {"model": "m", "messages": [{"role": "user", "content": "go"}, *history]}
    answer = {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}
    return asked(index, body, answer, url=CHAT, **more)


def test_an_answer_in_the_history_is_told_where_it_arose_whatever_the_clock_says():
    def run(said):
        history = [{"role": "assistant", "content": said}]
        later = [spoken(n, "Fine.", history, started_ns=5) for n in (1, 2)]
        return [replace(spoken(0, said), started_ns=5, ended_ns=9), *later]

    found = between(run("It is 4 degrees."), run("It is 40 degrees."))
    assert [(step.first.index, step.severity) for step in found] == [(0, "meaning")]


def test_an_ignored_result_does_not_hide_the_answer_inside():
    def run(said):
        agent = answered(said)
        return [agent, spoken(1, said, parent=agent.span_id)]

    policy = make_policy(
        {"version": 1, "tolerance": "semantic", "steps": {"agent *": {"ignore": ["result"]}}}
    )
    [step] = between(run("It is 4 degrees."), run("It is 40 degrees."), None, policy)
    assert (step.first.index, step.severity) == (1, "meaning")


def test_only_what_a_step_is_given_can_be_carried_along():
    def run(number):
        return [tool_span(0, {}, {"n": number}), spoken(1, json.dumps({"n": number}))]

    found = between(run(1), run(2))
    assert [field.path for step in found for field in step.fields] == ["result.n", "answer.text.n"]


# --- what policies ignore -----------------------------------------------------------------------------------------


def test_byte_for_byte_but_for_what_is_ignored():
    policy = make_policy({"version": 1, "fields": {"response.body.created": "ignore"}})
    one = asked(0, {}, {"created": 1, "id": "x", "note": "The door is open now."})
    same = asked(0, {}, {"created": 2, "id": "x", "note": "The door is open now."})
    assert not between([one], [same], None, policy)
    reworded = asked(0, {}, {"created": 2, "id": "x", "note": "Now the door is open."})
    [step] = between([one], [reworded], None, policy)
    assert [field.path for field in step.fields] == ["response.body.note"]
    spaced = asked(0, {}, b'{"created": 1,  "id": "x", "note": "The door is open now."}')
    assert between([one], [spaced], None, policy)


def answered(said):
    agent = agent_span(0, "a")
    return replace(agent, attributes={**agent.attributes, names.RESULT: json.dumps(said)})


def test_the_comparison_of_texts_can_be_given():
    class Verdict:
        score, verdict, reasons = 0.4, "same", ("told so",)

    compared = []
    weigher = Weigher(Policy(Tolerance("semantic")), (), lambda *texts: compared.append(texts) or Verdict)
    [one], [other] = (tape_of([answered(said)]).steps for said in ("x y", "z"))
    [difference] = weigher.differences(one, other)
    assert (difference.severity, difference.reason) == ("wording", "score 0.40")
    assert compared == [("x y", "z")]


# --- hostile bodies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":' * 900 + b"1" + b"}" * 900, b'{"a":' * 900 + b"2" + b"}" * 900),
        (b"[" * 50_000 + b"]" * 50_000, b"[" * 50_001 + b"]" * 50_001),
        (b'{"a": NaN}', b'{"a": Infinity}'),
        (b'{"a": "\\ud800"}', b'{"a": "\\ud801"}'),
        (b'{"a": 1' + b"0" * 5000 + b"}", b'{"a": 2' + b"0" * 5000 + b"}"),
        (b'{"a": 1, "a": 2}', b'{"a": 1, "a": 3}'),
        (b"- &a [*a]", b"- &b [*b]"),
        (b"", b"\x00"),
    ],
)
@pytest.mark.parametrize("url", ["https://api.test/orders", CHAT])
def test_no_body_is_too_odd_and_another_one_is_never_equal(one, other, url):
    for tolerance in ("structural", "semantic"):
        assert between([asked(0, {}, one, url=url)], [asked(0, {}, other, url=url)], tolerance)
        assert between([asked(0, one, {}, url=url)], [asked(0, other, {}, url=url)], tolerance)


def test_a_text_that_is_no_data_after_all_is_told_as_a_whole():
    one = "Cause of the outage: the disk was full of old logs\nFix for the outage: delete the old logs"
    other = "Cause of the outage: the disk was empty of old logs\nFix for the outage: keep the old logs"
    assert [path for path, _ in found(spoken(0, one), spoken(0, other))] == ["answer.text"]
