"""Anthropic's messages: what is asked and what is answered, whole, streamed and failed."""

from __future__ import annotations

import pytest
from msgspec.json import encode

from spantape._dialects.anthropic_messages import MESSAGES

PATH = "/v1/messages"
NOTHING = MESSAGES.ask(b"", PATH)


def ask(path=PATH, **members):
    return MESSAGES.ask(encode(members), path)


def answer(value, status=200, asked=NOTHING):
    return MESSAGES.answer(encode(value), status, "application/json", asked)


def event(kind, **members):
    return b"event: " + kind.encode() + b"\ndata: " + encode({"type": kind, **members}) + b"\n\n"


def stream(*events):
    return MESSAGES.answer(b"".join(events), 200, "text/event-stream", NOTHING)


def start(**usage):
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "usage": usage,
    }
    return event("message_start", message=message)


def block(index, begun, *deltas):
    pieces = [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    return b"".join([event("content_block_start", index=index, content_block=begun), *pieces]) + event(
        "content_block_stop", index=index
    )


def end(reason, **usage):
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage) + event(
        "message_stop"
    )


def text(content):
    return {"type": "text", "content": content}


def test_the_options_become_attributes():
    asked = ask(
        model="claude-x",
        max_tokens=100,
        messages=[],
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["a"],
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": {}}},
        metadata={"user_id": "u"},
    )
    assert (asked.operation, asked.model, asked.stream) == ("chat", "claude-x", True)
    assert asked.attributes == {
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.stop_sequences": ["a"],
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "json",
    }


def test_the_older_place_of_the_output_format_is_read():
    assert ask(output_format={"type": "json_schema"}).attributes == {"gen_ai.output.type": "json"}


@pytest.mark.parametrize(
    ("system", "parts"),
    [
        ("Be brief.", [text("Be brief.")]),
        (
            [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "b"},
            ],
            [text("a"), text("b")],
        ),
        ("", []),
        (7, []),
    ],
)
def test_the_system_prompt_stands_apart(system, parts):
    asked = ask(system=system, messages=[{"role": "user", "content": "a"}])
    assert asked.system() == parts
    assert asked.message_count == 1


def test_a_request_without_system_or_tools_has_none():
    asked = ask(messages=[])
    assert (asked.system, asked.tools) == (None, None)


def test_messages_are_rendered_from_where_they_are_new():
    asked = ask(
        messages=[
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "text", "text": "Let me see.", "citations": []},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": [{"type": "text", "text": "rain"}],
                    },
                    {"type": "tool_result", "tool_use_id": "toolu_2", "content": "sun", "is_error": False},
                ],
            },
        ]
    )
    whole = [
        {"role": "user", "parts": [text("Weather?")]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "reasoning", "content": ""},
                text("Let me see."),
                {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"type": "tool_call_response", "id": "toolu_1", "response": [text("rain")]},
                {"type": "tool_call_response", "id": "toolu_2", "response": "sun"},
            ],
        },
    ]
    assert asked.message_count == 3
    assert [asked.render(start) for start in range(4)] == [whole[start:] for start in range(4)]


@pytest.mark.parametrize(
    ("wire", "part"),
    [
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b"}},
            {"type": "uri", "modality": "image", "uri": "https://a.example/b"},
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "t"},
            {"type": "file", "modality": "document", "file_id": "file_1"},
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}},
            text("a"),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            text("a"),
        ),
        (
            {"type": "container_upload", "file_id": "f"},
            {"type": "file", "modality": "document", "file_id": "f"},
        ),
        ({"type": "compaction", "content": "so far"}, {"type": "compaction", "content": "so far"}),
        ({"type": "compaction", "content": None}, {"type": "compaction"}),
        (
            {"type": "server_tool_use", "id": "s_1", "name": "web_search", "input": {"query": "q"}},
            {
                "type": "server_tool_call",
                "id": "s_1",
                "name": "web_search",
                "server_tool_call": {"type": "web_search", "query": "q"},
            },
        ),
        (
            {"type": "web_search_tool_result", "tool_use_id": "s_1", "content": [{"url": "u"}]},
            {
                "type": "server_tool_call_response",
                "id": "s_1",
                "server_tool_call_response": {"type": "web_search", "content": [{"url": "u"}]},
            },
        ),
        (
            {"type": "mcp_tool_use", "id": "m_1", "name": "look", "server_name": "srv", "input": {"a": 1}},
            {
                "type": "server_tool_call",
                "id": "m_1",
                "name": "look",
                "server_tool_call": {"type": "mcp", "server_name": "srv", "input": {"a": 1}},
            },
        ),
        (
            {"type": "mcp_tool_result", "tool_use_id": "m_1", "is_error": False, "content": []},
            {
                "type": "server_tool_call_response",
                "id": "m_1",
                "server_tool_call_response": {"type": "mcp", "content": [], "is_error": False},
            },
        ),
        ({"type": "from_the_future", "x": 1}, {"type": "from_the_future", "x": 1}),
    ],
)
def test_blocks_of_every_kind(wire, part):
    assert ask(messages=[{"role": "user", "content": [wire]}]).render(0) == [
        {"role": "user", "parts": [part]}
    ]


def test_tools_are_given_whole():
    asked = ask(
        tools=[
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {}},
            {"type": "custom", "name": "g"},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 1},
            7,
        ]
    )
    assert asked.tools() == [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
        {"type": "function", "name": "g"},
        {"type": "web_search_20250305", "name": "web_search"},
    ]


def test_vertex_has_its_model_in_the_path():
    path = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x%40001:streamRawPredict"
    assert ask(path, anthropic_version="vertex-2023-10-16", messages=[]).model == "claude-x@001"


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/messages/count_tokens?beta=true"])
def test_counting_tokens_is_no_inference(path):
    asked = ask(path, model="m", messages=[{"role": "user", "content": "a"}])
    assert (asked.operation, asked.model, asked.message_count) == (None, "m", 1)
    found = answer({"input_tokens": 5}, asked=asked)
    assert (found.attributes, found.messages, found.error) == ({}, [], None)
    assert answer({"type": "error", "error": {"type": "t", "message": "no"}}, 400, asked).error == ("t", "no")


def test_an_answer_is_read_whole():
    found = answer(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [{"type": "text", "text": "Hello.", "citations": None}],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 10,
                "cache_read_input_tokens": 100,
                "output_tokens": 7,
                "output_tokens_details": {"thinking_tokens": 2},
                "service_tier": "standard",
            },
        }
    )
    assert found.attributes == {
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.model": "claude-x",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 113,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.cache_write.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }
    assert found.messages == [{"role": "assistant", "parts": [text("Hello.")], "finish_reason": "stop"}]
    assert found.error is None


@pytest.mark.parametrize(
    ("usage", "attributes"),
    [
        (None, {}),
        ({"output_tokens": 0}, {"gen_ai.usage.output_tokens": 0}),
        ({"cache_read_input_tokens": 5}, {"gen_ai.usage.cache_read.input_tokens": 5}),
        (
            {
                "input_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
            },
            {"gen_ai.usage.input_tokens": 6, "gen_ai.usage.cache_write.input_tokens": 5},
        ),
        (
            {"input_tokens": 2**63 - 1, "cache_read_input_tokens": None},
            {"gen_ai.usage.input_tokens": 2**63 - 1},
        ),
        ({"input_tokens": "1"}, {}),
    ],
)
def test_usage_has_what_was_counted_and_nothing_else(usage, attributes):
    assert answer({"id": "", "usage": usage}).attributes == attributes


@pytest.mark.parametrize(
    ("wire", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_call"),
        ("refusal", "content_filter"),
        ("compaction", "compaction"),
        ("pause_turn", "pause_turn"),
        (None, "error"),
    ],
)
def test_stop_reasons_are_the_conventions_words(wire, finish):
    found = answer({"type": "message", "content": [], "stop_reason": wire})
    assert found.attributes["gen_ai.response.finish_reasons"] == [finish]
    assert found.messages == [{"role": "assistant", "parts": [], "finish_reason": finish}]


def test_a_compacted_answer_says_so():
    found = answer(
        {"type": "message", "content": [{"type": "compaction", "content": "s"}], "stop_reason": "compaction"}
    )
    assert found.attributes["gen_ai.conversation.compacted"] is True


def test_a_stream_adds_up_to_the_answer():
    found = stream(
        start(input_tokens=3, cache_read_input_tokens=5, output_tokens=1),
        event("ping"),
        block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "h"},
            {"type": "thinking_delta", "thinking": "m"},
            {"type": "signature_delta", "signature": "s"},
        ),
        block(
            1,
            {"type": "text", "text": ""},
            {"type": "text_delta", "text": "Hel"},
            {"type": "citations_delta", "citation": {}},
            {"type": "text_delta", "text": "lo"},
        ),
        block(
            2,
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"a"'},
            {"type": "input_json_delta", "partial_json": ": 1}"},
        ),
        block(
            3,
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
            {"type": "input_json_delta", "partial_json": ""},
        ),
        block(4, {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
        end("tool_use", output_tokens=20, cache_read_input_tokens=None),
    )
    assert found.attributes == {
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.model": "claude-x",
        "gen_ai.response.finish_reasons": ["tool_call"],
        "gen_ai.usage.input_tokens": 8,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 5,
    }
    assert found.messages == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                text("Hello"),
                {"type": "tool_call", "id": "toolu_1", "name": "f", "arguments": {"a": 1}},
                {"type": "tool_call", "id": "toolu_2", "name": "g", "arguments": {}},
                {
                    "type": "server_tool_call_response",
                    "id": "s",
                    "server_tool_call_response": {"type": "web_search", "content": []},
                },
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_a_streamed_server_tool_has_its_input():
    found = stream(
        start(),
        block(
            0,
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"query": "q"}'},
        ),
    )
    assert found.messages[0]["parts"][0]["server_tool_call"] == {"type": "web_search", "query": "q"}


def test_a_broken_stream_gives_what_came():
    body = start(input_tokens=3, output_tokens=1) + block(
        0,
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"a": '},
        {"type": "input_json_delta", "partial_json": "1}"},
    )
    cut = body[: body.rindex(b"1}")]
    found = MESSAGES.answer(cut, 200, "text/event-stream", NOTHING)
    assert found.messages == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "t", "name": "f", "arguments": '{"a": '}],
            "finish_reason": "error",
        }
    ]
    assert found.attributes["gen_ai.usage.input_tokens"] == 3


def test_a_stream_may_end_in_an_error():
    found = stream(
        start(input_tokens=1), event("error", error={"type": "overloaded_error", "message": "busy"})
    )
    assert found.error == ("overloaded_error", "busy")
    assert found.attributes["gen_ai.response.id"] == "msg_1"


def test_the_type_may_stand_in_the_events_name_only():
    body = (start() + block(0, {"type": "text"}, {"text": "a"}) + end("end_turn")).replace(
        b'"type":"content_block', b'"x":"'
    )
    found = MESSAGES.answer(body, 200, "text/event-stream", NOTHING)
    assert found.messages == [{"role": "assistant", "parts": [text("a")], "finish_reason": "stop"}]


def test_failures():
    error = {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}, "request_id": "r"}
    assert answer(error, 404).error == ("not_found_error", "model: x")
    assert answer(error, 200).error == ("not_found_error", "model: x")
    assert answer({"type": "error", "error": {"type": "error", "message": "x"}}, 529).error == ("error", "x")
    assert MESSAGES.answer(b"<html>", 502, "text/html", NOTHING).error == ("502", "<html>")
    assert MESSAGES.answer(event("error", error={"type": "t", "message": "m"}), 500, "", NOTHING).error == (
        "t",
        "m",
    )


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b"{}", b"data: {}\n\n"])
def test_a_200_that_is_no_message_says_nothing(body):
    found = MESSAGES.answer(body, 200, "", NOTHING)
    assert (found.attributes, found.messages, found.error) == ({}, [], None)
