"""Whatever arrives, a dialect answers: nothing is raised, and what comes out is fit for a span."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import encode

from spantape._dialects import Answered, Asked, provider_name, recognise
from spantape._dialects.anthropic_messages import MESSAGES
from spantape._dialects.openai_chat import CHAT
from spantape._dialects.openai_completions import COMPLETIONS
from spantape._dialects.openai_embeddings import EMBEDDINGS
from spantape._dialects.openai_responses import RESPONSES

PATHS = {
    "openai.chat": [
        "/v1/chat/completions",
        "/openai/deployments/d/chat/completions",
        "/v1/prompts/p/completions",
    ],
    "openai.completions": ["/v1/completions"],
    "openai.responses": [
        "/v1/responses",
        "/v1/responses/compact",
        "/v1/responses/input_tokens",
        "/v1/responses/resp_1?a=%ff",
    ],
    "openai.embeddings": ["/v1/embeddings"],
    "anthropic.messages": [
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/publishers/anthropic/models/m:rawPredict",
    ],
}
DIALECTS = pytest.mark.parametrize(
    "dialect", [CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS, MESSAGES], ids=lambda dialect: dialect.name
)

PART = {"type": "text", "text": "hello"}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "input_tokens": 3,
    "output_tokens": 4,
    "total_tokens": 5,
    "cache_read_input_tokens": 6,
    "cache_creation": {"ephemeral_5m_input_tokens": 7},
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 9},
    "output_tokens_details": {"reasoning_tokens": 10, "thinking_tokens": 11},
}
MESSAGE = {
    "role": "assistant",
    "name": "n",
    "content": [
        PART,
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
        {"type": "file", "file": {"file_data": "QUJD"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
        {"type": "thinking", "thinking": [PART]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "tool_result", "tool_use_id": "t", "content": [PART]},
        {"type": "server_tool_use", "id": "s", "name": "w", "input": {"q": 1}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "compaction", "content": "c"},
    ],
    "reasoning": "hm",
    "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}],
    "refusal": "no",
    "tool_calls": [CALL],
    "tool_call_id": "t",
    "function_call": {"name": "f", "arguments": "{}"},
    "audio": {"data": "QUJD", "transcript": "hi"},
    "images": [{"type": "image_url", "image_url": {"url": "https://a.example"}}],
    "executed_tools": [{"type": "search", "arguments": "{}", "output": "o"}],
}
ITEMS = [
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
    {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "s"}], "content": []},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": [PART]},
    {"type": "web_search_call", "id": "w", "action": {"type": "search"}},
    {"type": "mcp_call", "id": "m", "name": "f", "arguments": "{}", "output": "o"},
    {"type": "image_generation_call", "id": "i", "result": "QUJD"},
    {"type": "tool_search_output", "call_id": "c", "tools": []},
    {"type": "computer_call", "call_id": "c", "action": {}},
]
ERROR = {"type": "t", "code": "c", "message": "m", "detail": "d"}
REQUEST = {
    "model": "m",
    "messages": [MESSAGE, {**MESSAGE, "role": "tool"}],
    "input": ITEMS,
    "prompt": ["a", "b"],
    "instructions": "i",
    "system": [PART],
    "conversation": {"id": "c"},
    "stream": True,
    "temperature": 1.5,
    "max_tokens": 5,
    "n": 2,
    "seed": 2**64,
    "stop": ["a"],
    "stop_sequences": ["a"],
    "response_format": {"type": "json_object"},
    "output_config": {"effort": "low", "format": {"type": "json_schema"}},
    "reasoning": {"effort": "low"},
    "text": {"format": {"type": "text"}},
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {}}},
        {"name": "g", "input_schema": {}},
    ],
    "functions": [{"name": "f"}],
    "encoding_format": "base64",
    "dimensions": 3,
}
ANSWER = {
    "id": "i",
    "type": "message",
    "object": "response",
    "status": "completed",
    "model": "m",
    "role": "assistant",
    "content": MESSAGE["content"],
    "output": ITEMS,
    "choices": [
        {
            "index": 0,
            "message": MESSAGE,
            "delta": MESSAGE,
            "text": "a",
            "finish_reason": "stop",
            "error": ERROR,
        }
    ],
    "data": [{"embedding": [1, 2]}, {"embedding": "QUJD"}],
    "usage": USAGE,
    "stop_reason": "end_turn",
    "incomplete_details": {"reason": "max_output_tokens"},
    "x_groq": {"usage": USAGE},
    "error": ERROR,
    "value": "v",
}
EVENTS = [
    ANSWER,
    {"type": "message_start", "message": ANSWER},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "a", "partial_json": "{", "thinking": "h"},
    },
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    {"type": "response.created", "response": ANSWER},
    {"type": "response.output_item.added", "output_index": 0, "item": ITEMS[0]},
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{"},
    {"type": "response.output_item.done", "output_index": 2, "item": ITEMS[2]},
    {"type": "error", "error": ERROR},
    {"type": "response.completed", "response": ANSWER},
]
STREAM = b"".join(
    b"event: " + event.get("type", "x").encode() + b"\ndata: " + encode(event) + b"\n\n" for event in EVENTS
)
STATUSES = st.sampled_from([200, 200, 200, 400, 500])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["text", "{}", ""]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def places(value, path=()):
    """The path of every member and item in `value`."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path] + [place for key, inner in members for place in places(inner, (*path, key))]


def put(value, path, new):
    """`value` with `new` at `path`."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def spoilt(whole):
    """`whole` with other values at up to three of its places."""
    swap = st.tuples(st.sampled_from(places(whole)), JSON)

    def apply(swaps):
        value = whole
        for path, new in swaps:
            if path in places(value):
                value = put(value, path, new)
        return json.dumps(value).encode()

    return st.lists(swap, min_size=1, max_size=3).map(apply)


def cut(body):
    return st.integers(0, len(body)).map(lambda end: body[:end])


def fit(attributes):
    """Whether `attributes` are what a span and OTLP can carry."""
    return all(
        isinstance(key, str) and key.startswith(("gen_ai.", "openai.")) and carried(value)
        for key, value in attributes.items()
    )


def carried(value):
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, (str, bool, float)) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def shaped(messages):
    return all(
        isinstance(message["role"], str)
        and all(isinstance(part["type"], str) and part["type"] for part in message["parts"])
        for message in messages
    )


def check(dialect, path, request, response, status):
    asked = dialect.ask(request, path)
    assert isinstance(asked, Asked)
    assert fit(asked.attributes)
    messages = asked.render(0)
    assert len(messages) == asked.message_count
    assert shaped(messages)
    assert asked.render(1) == messages[1:]
    assert asked.system is None or all(part["type"] for part in asked.system())
    assert asked.tools is None or all(
        isinstance(tool["name"], str) and tool["type"] for tool in asked.tools()
    )
    found = dialect.answer(response, status, "text/event-stream", asked)
    assert isinstance(found, Answered)
    assert fit(found.attributes)
    assert shaped(found.messages)
    assert found.error is None or (all(isinstance(word, str) for word in found.error) and found.error[0])
    assert (found.error is not None) or status < 400
    assert encode([messages, found.messages])  # plain JSON values, all of them


@DIALECTS
@settings(max_examples=60, deadline=None)
@given(data=st.data(), request=st.binary(max_size=80), response=st.binary(max_size=80), status=STATUSES)
def test_any_bytes(dialect, data, request, response, status):
    check(dialect, data.draw(st.sampled_from(PATHS[dialect.name])), request, response, status)


@DIALECTS
@settings(max_examples=80, deadline=None)
@given(data=st.data(), request=spoilt(REQUEST), response=spoilt(ANSWER), status=STATUSES)
def test_known_members_with_any_values(dialect, data, request, response, status):
    check(dialect, data.draw(st.sampled_from(PATHS[dialect.name])), request, response, status)


@DIALECTS
@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    swapped=st.sampled_from(range(len(EVENTS))).flatmap(
        lambda at: spoilt(EVENTS[at]).map(lambda body: (at, body))
    ),
)
def test_events_with_any_values(dialect, data, swapped):
    at, body = swapped
    texts = [encode(event) for event in EVENTS]
    texts[at] = body
    stream = b"".join(b"data: " + text + b"\n\n" for text in texts[: data.draw(st.integers(1, len(texts)))])
    check(dialect, PATHS[dialect.name][0], encode(REQUEST), stream, 200)


@DIALECTS
@settings(max_examples=60, deadline=None)
@given(request=cut(encode(REQUEST)), response=st.one_of(cut(encode(ANSWER)), cut(STREAM)))
def test_bodies_cut_anywhere(dialect, request, response):
    check(dialect, PATHS[dialect.name][0], request, response, 200)


@DIALECTS
@pytest.mark.parametrize("response", [encode(ANSWER), STREAM])
@pytest.mark.parametrize("status", [200, 400])
def test_all_members_at_once(dialect, response, status):
    for path in PATHS[dialect.name]:
        check(dialect, path, encode(REQUEST), response, status)


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["POST", "GET", "DELETE", "post", ""]),
    host=st.one_of(
        st.text(max_size=12), st.sampled_from(["api.openai.com", "localhost:8000", "[::1]", ":", "a:b:c"])
    ),
    path=st.one_of(
        st.text(max_size=12),
        st.lists(st.sampled_from(["v1", "responses", "messages", "", "?", "chat", "completions"])).map(
            "/".join
        ),
    ),
    body=st.one_of(st.binary(max_size=40), spoilt(REQUEST)),
)
def test_any_request_may_be_asked_about(method, host, path, body):
    dialect = recognise(method, host, path, body)
    assert dialect is None or dialect.name in PATHS
    assert provider_name(host, path, (("user-agent", "x"),), dialect)


def test_deep_nesting_is_survived():
    deep = b"[" * 100_000 + b"]" * 100_000
    for dialect in (CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS, MESSAGES):
        for member in (b"messages", b"input", b"tools", b"unknown"):
            check(
                dialect,
                PATHS[dialect.name][0],
                b'{"' + member + b'":' + deep + b"}",
                b'{"error":' + deep + b"}",
                500,
            )


def test_a_large_body_that_is_no_json_is_survived():
    check(CHAT, PATHS["openai.chat"][0], b"\xff" * 5_000_000, b"\xff" * 5_000_000, 200)
