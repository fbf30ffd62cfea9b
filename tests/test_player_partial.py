"""A recording that holds only a part of a request is matched on that part, and on nothing that it does not hold."""

import json

import pytest

from spantape import MatchRules
from spantape._model import Exchange, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.errors import Miss
from spantape.player.player import Player
from spantape.tape.build import tape_of
from tape_spans import RUN, span

URL = "https://api.anthropic.com/v1/messages"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def body(**more):
    return json.dumps(ASKED | more).encode()


def recorded(index, known, *, url=URL, sent=None, headers=(), answer=b"{}"):
    exchange = Exchange(
        Request("POST", url, headers, body() if sent is None else sent), Response(200, (), answer)
    )
    own = {names.KIND: "exchange", names.RUN_ID: RUN, names.STEP: index, names.REQUEST_KNOWN: known}
    return span(index, own | write_exchange(exchange))


def player(*spans, rules=None):
    return Player(tape_of(spans), rules)


def asked(data, *, url=URL, headers=()):
    return Request("POST", url, headers, data)


MEMBERS = ("body.model", "body.messages", "body.stream")


def test_members_that_are_not_known_may_be_anything():
    plays = player(recorded(0, MEMBERS))
    assert plays.answer(asked(body(max_tokens=8, tools=[{"name": "f"}]))).index == 0


@pytest.mark.parametrize("more", [{"model": "n"}, {"messages": []}, {"stream": True}])
def test_members_that_are_known_must_agree(more):
    with pytest.raises(Miss):
        player(recorded(0, MEMBERS)).answer(asked(body(**more)))


def test_absent_null_and_false_are_one():
    plays = player(recorded(0, MEMBERS), recorded(1, MEMBERS, sent=body(stream=False)))
    assert plays.answer(asked(body(stream=None, a=1))).index == 0
    assert plays.answer(asked(body(stream=False, a=1))).index == 1


def test_a_conversation_of_one_text_is_that_text():
    known = ("body.model", "body.input")
    one = json.dumps({"model": "m", "input": [{"role": "user", "content": "hi"}]}).encode()
    plays = player(recorded(0, known, url="https://api.openai.com/v1/responses", sent=one))
    live = json.dumps({"model": "m", "input": "hi", "store": True}).encode()
    assert plays.answer(asked(live, url="https://api.openai.com/v1/responses")).index == 0


def test_a_url_that_is_not_known_is_any_of_the_same_wire_api():
    plays = player(recorded(0, ("body",)), recorded(1, ("body",)))
    assert plays.answer(asked(body(), url="http://127.0.0.1:80/proxy/v1/messages?x=1")).index == 0
    with pytest.raises(Miss):
        plays.answer(asked(body(), url="https://api.openai.com/v1/chat/completions"))


def test_a_url_that_is_known_must_agree():
    plays = player(recorded(0, ("url", "body")))
    with pytest.raises(Miss):
        plays.answer(asked(body(), url=f"{URL}/count_tokens", headers=(("anthropic-version", "1"),)))
    assert plays.answer(asked(body(), headers=(("anthropic-version", "1"),))).index == 0


def test_headers_that_are_known_must_agree_and_others_may_be_anything():
    version = ("anthropic-version", "1")
    plays = player(recorded(0, ("url", "body"), headers=(version,)))
    with pytest.raises(Miss):
        plays.answer(asked(body(), headers=(("anthropic-version", "2"), ("anthropic-beta", "b"))))
    assert plays.answer(asked(body(), headers=(version, ("anthropic-beta", "b")))).index == 0


def test_equal_requests_are_answered_first_and_each_step_once():
    plays = player(recorded(0, MEMBERS), recorded(1, MEMBERS, sent=body(seed=1)))
    assert plays.answer(asked(body(seed=1))).index == 1
    assert plays.answer(asked(body(seed=2))).index == 0
    with pytest.raises(Miss):
        plays.answer(asked(body(seed=2)))


def test_the_recording_that_knows_more_is_taken_first():
    plays = player(recorded(0, ("body.model",)), recorded(1, MEMBERS))
    assert plays.answer(asked(body(seed=1))).index == 1
    assert plays.answer(asked(body(seed=1, messages=[]))).index == 0


def test_rules_hold_for_what_is_known():
    plays = player(recorded(0, MEMBERS), rules=MatchRules(ignore=("body.model",)))
    assert plays.answer(asked(body(model="other", seed=1))).index == 0


def test_a_body_that_is_no_json_is_compared_whole():
    plays = player(recorded(0, MEMBERS, sent=b"\xff"))
    with pytest.raises(Miss):
        plays.answer(asked(b"\xfe"))


def test_a_recording_that_knows_all_is_not_matched_in_part():
    exchange = Exchange(Request("POST", URL, (), body()), Response(200))
    own = {names.KIND: "exchange", names.RUN_ID: RUN, names.STEP: 0}
    with pytest.raises(Miss):
        player(span(0, own | write_exchange(exchange))).answer(asked(body(seed=1)))
