"""Which steps of a tape are calls of a model with an answer to expect, and what they said."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import anthropic
import httpx2
import openai
import pytest

import spantape
from rerun_calls import (
    CLAUDE_TOOL,
    EVERY,
    HISTORY,
    SAMPLED,
    STREAMED,
    TOOL,
    chat,
    claude,
    clients_of,
    embeddings,
    responses,
)
from rerun_calls import record as recorded
from spantape._spans import names
from spantape.errors import NotCut
from spantape.rerun.cut_step import hear, kinds_of
from spantape.rerun.cut_transcript import text_of, vector_of
from spantape.rerun.embedding import decode_embedding
from spantape.tape.build import tape_of
from spantape.testing import disconnect, embedding, error, raw, reasoning, refusal, text, tool_call
from tape_spans import agent_span, exchange, exchange_span, span, tool_span
from tape_spans import chat as chat_body

ANSWER = {
    "role": "assistant",
    "parts": [{"type": "text", "content": "Hello there."}],
    "finish_reason": "stop",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.tape"


def heard(path, call, script=None, **settings):
    (step,) = recorded(path, call, script=script, **settings).steps
    return hear(step, path=str(path))


def refused(step, **settings):
    with pytest.raises(NotCut) as caught:
        hear(step, **settings)
    return caught.value


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_heard_alike_streamed_or_not(path, name, stream):
    more = {"stream": True} if stream else {}
    found = heard(path, lambda clients: STREAMED[name](clients, **more), [text("Hello there.")])
    assert found.transcript == [ANSWER]
    assert found.call.sampling == {**SAMPLED, "max_tokens": 50, **({"seed": 7} if name == "chat" else {})}
    assert found.call.options == {}
    assert found.vendor == ("anthropic" if name == "claude" else "openai")
    system = "" if name == "completions" else "Be brief."
    said = "Once upon" if name == "completions" else "Hi"
    assert found.call.inputs == {"system_prompt": system, "messages": [{"role": "user", "content": said}]}


def test_the_model_is_the_one_that_was_asked_for(path):
    tape = recorded(path, *EVERY.values())
    assert [hear(step).call.model for step in tape.steps] == [
        "gpt-4o",
        "gpt-5",
        "davinci-002",
        "claude-x",
        "text-embedding-3-small",
    ]


def test_a_system_fingerprint_is_kept(path):
    assert heard(path, chat).fingerprint.startswith("fp_")
    path.unlink()
    assert heard(path, claude).fingerprint is None


def test_tools_are_heard_as_they_were_offered(path):
    tools = [{"type": "function", "function": TOOL}]
    tape = recorded(
        path,
        lambda clients: chat(clients, tools=tools, tool_choice="required"),
        lambda clients: claude(clients, tools=[CLAUDE_TOOL]),
        lambda clients: responses(clients, tools=[{"type": "function", **TOOL}]),
        script=[tool_call("weather", {"city": "Oslo"})] * 3,
    )
    chatted, said, responded = map(hear, tape.steps)
    assert chatted.call.inputs["tools"] == tools
    assert chatted.call.options == {"tool_choice": "required"}
    assert said.call.inputs["tools"] == [CLAUDE_TOOL]
    assert responded.call.inputs["tools"] == [{"type": "function", **TOOL}]
    called = {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}}
    for found in (chatted, said, responded):
        assert [message["parts"] for message in found.transcript] == [[called]]


@pytest.mark.parametrize("name", ["chat", "responses", "claude"])
@pytest.mark.parametrize("stream", [False, True])
def test_no_id_and_no_time_is_in_a_transcript(path, name, stream):
    script = [
        reasoning("hm")
        + text("Hi.")
        + tool_call("a", {"id": 1}, id=f"call_{n}")
        + tool_call("b", "{}", id=f"id_{n}")
        for n in range(2)
    ]

    def twice(clients):
        for turn in "12":
            more = {"messages": HISTORY[1:] * int(turn)} if name != "responses" else {"input": turn}
            STREAMED[name](clients, **more, **({"stream": True} if stream else {}))

    first, second = map(hear, recorded(path, twice, script=script).steps)
    assert first.transcript == second.transcript
    assert first.call.inputs != second.call.inputs
    calls = [part for message in first.transcript for part in message["parts"] if part["type"] == "tool_call"]
    assert [(part["name"], part["arguments"]) for part in calls] == [("a", {"id": 1}), ("b", {})]
    assert not any("call_" in json.dumps(part) or "id_" in json.dumps(part) for part in calls)
    assert text_of(first.transcript) == "Hi."


def test_choices_and_refusals_are_part_of_a_transcript(path):
    assert heard(path, chat, [refusal("I will not.")]).transcript[0]["parts"] == [
        {"type": "text", "content": "I will not."}
    ]


def test_embeddings_are_their_vectors_however_they_are_sent(path):
    vectors = [embedding([0.25, 0.5], [1.0, -2.0])]
    tape = recorded(
        path,
        embeddings,
        lambda clients: embeddings(clients, encoding_format="float"),
        script=lambda request: vectors[0],
    )
    coded, plain = map(hear, tape.steps)
    assert coded.transcript == plain.transcript
    assert coded.is_embeddings
    assert decode_embedding(vector_of(coded.transcript)).tolist() == [0.25, 0.5, 1.0, -2.0]
    assert coded.call.sampling == {}
    assert coded.call.inputs["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "user", "content": "two"},
    ]


def test_async_clients_are_heard_too(path):
    async def ask(url):
        async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
            async for _ in await client.chat.completions.create(model="m", messages=HISTORY, stream=True):
                pass

    with clients_of([text("Hello there.")]) as clients, spantape.record(path):
        asyncio.run(ask(str(clients.openai.base_url)))
    (step,) = spantape.read_tape(path).steps
    assert hear(step).transcript == [ANSWER]


# --- steps that are refused --------------------------------------------------------------------------------------


def test_tools_and_agents_call_no_model():
    tape = tape_of([agent_span(0, "planner"), tool_span(1, {"q": 1})])
    assert [str(refused(step)) for step in tape.steps] == [
        "step 0: is a call of the agent 'planner', not of a model",
        "step 1: is a call of the tool 'search', not of a model",
    ]
    assert {refused(step).why for step in tape.steps} == {"other"}


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", "https://api.openai.com/v1/models", b""),
        ("POST", "https://example.com/login", b'{"user": "ada"}'),
        ("POST", "https://api.anthropic.com/v1/messages/count_tokens", b'{"model": "m", "messages": []}'),
        ("GET", "https://api.openai.com/v1/responses/resp_1", b""),
        ("POST", "https://api.openai.com/v1/responses/compact", b'{"model": "m", "input": "x"}'),
        ("POST", "https://[bad/v1/chat/completions", b'{"model": "m", "messages": []}'),
    ],
)
def test_other_requests_call_no_model(method, url, body):
    given = exchange(0)
    request = replace(given.request, method=method, url=url, body=body)
    (step,) = tape_of([exchange_span(0, replace(given, request=request))]).steps
    assert refused(step).why == "other"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ([error(429, message="Slow down")], "was answered with status 429"),
        ([error(500)], "was answered with status 500"),
        ([disconnect()], "was not answered to the end: error (httpx2.RemoteProtocolError"),
        (
            [raw(200, {"content-type": "application/json"}, '{"choices": []}')],
            "was answered without a message",
        ),
        (
            [raw(200, {"content-type": "application/json"}, '{"error": {"message": "Broken"}}')],
            "with an error",
        ),
    ],
)
def test_a_call_that_failed_has_no_answer_to_expect(path, script, says):
    def ask(clients):
        with suppress(openai.OpenAIError):
            chat(clients)

    (step,) = recorded(path, ask, script=script).steps
    found = refused(step, path=str(path))
    assert (found.why, found.path, found.step) == ("failed", str(path), 0)
    assert says in found.reason


def test_a_stream_that_breaks_or_is_left_has_no_answer_to_expect(path):
    def leave(clients):
        with clients.openai.chat.completions.create(model="m", messages=HISTORY, stream=True) as stream:
            next(iter(stream))

    def break_off(clients):
        with pytest.raises(anthropic.APIStatusError):
            claude(clients, stream=True)

    script = [text("a b c d e f g"), text("a b c").breaking(1)]
    tape = recorded(path, leave, break_off, script=script)
    reasons = [refused(step) for step in tape.steps]
    assert [reason.why for reason in reasons] == ["failed", "failed"]
    assert {reason.reason for reason in reasons} == {"was not answered to the end: closed"}


def test_a_redacted_call_is_not_what_was_said(path):
    secret = [{"role": "user", "content": "Mail ada.byron@analytical-engine.org"}]
    grown = [
        *secret,
        {"role": "assistant", "content": "Done. " * 60},
        {"role": "user", "content": "And now?"},
    ]
    tape = recorded(
        path,
        lambda clients: chat(clients, messages=secret),
        lambda clients: chat(clients, messages=grown),
        chat,
        script=[text("I wrote."), text("Again."), text("Hello there.")],
    )
    kinds = kinds_of(tape.steps)
    for step in tape.steps[:2]:
        found = refused(step, redacted=kinds)
        assert (found.why, found.field) == ("lost", "request.body")
        assert "__email_1__ stands for what was really said" in found.reason
    assert hear(tape.steps[2], redacted=kinds).transcript == [ANSWER]
    kept = hear(tape.steps[0], redacted=())
    assert kept.call.inputs["messages"] == [{"role": "user", "content": "Mail __email_1__"}]


def test_a_redacted_answer_is_not_what_was_said(path):
    (step,) = recorded(path, chat, script=[text("Write to ada.byron@analytical-engine.org")]).steps
    assert refused(step).field == "response.body"


def test_placeholders_of_ones_own_kinds_are_known_by_the_tape():
    steps = tape_of([span(0, {names.KIND: "exchange", names.REDACTED: ("patient:2",)})]).steps
    assert "patient" in kinds_of(steps)
    assert "patient" not in kinds_of(())


def test_a_call_without_content_is_lost(path, monkeypatch, spans):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT")
    from spantape.tape.build import recorded_spans

    with clients_of() as clients, spantape.instrument(spans.provider):
        chat(clients)
    (step,) = tape_of(recorded_spans(spans.all())).steps
    found = refused(step)
    assert found.why == "lost"
    assert "NO_CONTENT" in found.reason


@pytest.mark.parametrize("grade", ["reconstructed", "skeleton"])
def test_a_call_put_together_from_other_tools_spans_is_not_what_was_said(grade):
    given = exchange_span(0, exchange(0))
    for lost in ((), (names.REQUEST_BODY, names.RESPONSE_BODY)):
        kept = {key: value for key, value in given.attributes.items() if key not in lost}
        more = (
            {names.GRADE: grade, names.OPERATION: "chat", names.URL_FULL: "https://example.com/elsewhere"}
            if lost
            else {names.GRADE: grade}
        )
        (step,) = tape_of([replace(given, attributes={**kept, **more})]).steps
        assert refused(step).why == "lost"


def test_a_call_whose_base_is_missing_is_lost_unless_it_failed_anyway():
    first, second = exchange_span(0, exchange(0)), exchange_span(1, exchange(1), chat_body(0))
    third = exchange_span(2, exchange(1, status=500), chat_body(0))
    marked = [
        replace(each, attributes={**each.attributes, names.DIALECT: "openai.chat"})
        for each in (second, third)
    ]
    steps = tape_of(marked).steps
    assert [refused(step).why for step in steps] == ["lost", "failed"]
    assert "is not on the tape" in refused(steps[0]).reason
    assert hear(tape_of([first, *marked]).steps[1]).call.model == "m"


def test_the_port_and_the_credentials_of_a_url_do_not_count():
    for url, place in (
        ("https://user:secret@api.openai.com:443/v1/chat/completions", "api.openai.com"),
        ("http://LOCALHOST:8000/v1/chat/completions", "localhost:8000"),
        ("http://[::1]:8000/v1/chat/completions", "[::1]:8000"),
    ):
        given = exchange(0)
        (step,) = tape_of([exchange_span(0, replace(given, request=replace(given.request, url=url)))]).steps
        assert hear(step).place == place


def test_calls_by_hand_are_heard_as_those_of_an_sdk(path):
    def by_hand(clients):
        body = {"model": "m", "messages": HISTORY}
        httpx2.post(f"{clients.openai.base_url}chat/completions", json=body)

    assert heard(path, by_hand, [text("Hello there.")]).transcript == [ANSWER]
