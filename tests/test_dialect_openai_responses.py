"""The responses API: created, compacted, counted, fetched; whole, streamed and failed."""

from __future__ import annotations

import pytest
from msgspec.json import encode

from spantape._dialects.openai_responses import RESPONSES

PATH = "/v1/responses"
NOTHING = RESPONSES.ask(b"", PATH)


def ask(path=PATH, **members):
    return RESPONSES.ask(encode(members), path)


def answer(value, status=200, asked=NOTHING):
    return RESPONSES.answer(encode(value), status, "application/json", asked)


def event(kind, **members):
    return b"event: " + kind.encode() + b"\ndata: " + encode({"type": kind, **members}) + b"\n\n"


def stream(*events, asked=NOTHING):
    return RESPONSES.answer(b"".join(events), 200, "text/event-stream", asked)


def text(content):
    return {"type": "text", "content": content}


def output_message(content, **members):
    part = {"type": "output_text", "text": content, "annotations": []}
    return {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [part],
        **members,
    }


def test_the_options_become_attributes():
    asked = ask(
        model="gpt-5",
        input="a",
        stream=True,
        previous_response_id="resp_0",
        conversation={"id": "conv_1"},
        temperature=1,
        top_p=0.5,
        max_output_tokens=10,
        service_tier="auto",
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "x", "schema": {}}},
        prompt={"id": "pmpt_1", "version": "2", "variables": {}},
    )
    assert (asked.operation, asked.model, asked.stream) == ("chat", "gpt-5", True)
    assert asked.attributes == {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.max_tokens": 10,
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.stream": True,
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.output.type": "json",
        "gen_ai.prompt.name": "pmpt_1",
        "gen_ai.prompt.version": "2",
        "openai.request.service_tier": "auto",
    }


def test_a_conversation_may_be_named_bare():
    assert ask(conversation="conv_1").attributes == {"gen_ai.conversation.id": "conv_1"}
    assert ask(conversation=None).attributes == {}


def test_instructions_stand_apart():
    asked = ask(instructions="Be brief.", input="Hi")
    assert asked.system() == [text("Be brief.")]
    assert asked.render(0) == [{"role": "user", "parts": [text("Hi")]}]
    assert asked.message_count == 1
    assert ask(input="Hi").system is None


def test_tools_are_flat_here():
    asked = ask(
        tools=[
            {"type": "function", "name": "f", "description": "d", "parameters": {}, "strict": True},
            {"type": "web_search", "search_context_size": "low"},
            {"type": "mcp", "server_label": "srv", "authorization": "secret"},
        ]
    )
    assert asked.tools() == [
        {"type": "function", "name": "f", "description": "d", "parameters": {}},
        {"type": "web_search", "name": "web_search"},
        {"type": "mcp", "name": "srv"},
    ]


ITEMS = [
    ({"role": "user", "content": "a"}, {"role": "user", "parts": [text("a")]}),
    (
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "auto"},
                {"type": "input_image", "file_id": "f1"},
                {"type": "input_file", "file_url": "https://a.example/b.pdf"},
                {"type": "input_file", "filename": "b.pdf", "file_data": "data:application/pdf;base64,QUJD"},
                {"type": "input_file", "file_id": "f2"},
            ],
        },
        {
            "role": "user",
            "parts": [
                text("a"),
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
                {"type": "file", "modality": "image", "file_id": "f1"},
                {"type": "uri", "modality": "document", "uri": "https://a.example/b.pdf"},
                {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "QUJD"},
                {"type": "file", "modality": "document", "file_id": "f2"},
            ],
        },
    ),
    (
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "x",
        },
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}]},
    ),
    (
        {"type": "function_call", "call_id": "c", "id": "fc_1", "name": "f", "arguments": '{"a": 1}'},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}],
        },
    ),
    (
        {"type": "function_call_output", "call_id": "c", "output": "rain"},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "rain"}]},
    ),
    (
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "rain"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": [text("rain")]}]},
    ),
    (
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "free"},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": "free"}]},
    ),
    (
        {
            "type": "computer_call",
            "call_id": "c",
            "id": "cu",
            "action": {"type": "click"},
            "status": "completed",
        },
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c", "name": "computer", "arguments": {"type": "click"}}],
        },
    ),
    (
        {
            "type": "computer_call_output",
            "call_id": "c",
            "output": {"type": "input_image", "image_url": "https://a.example/s"},
        },
        {
            "role": "tool",
            "parts": [
                {
                    "type": "tool_call_response",
                    "id": "c",
                    "response": [{"type": "uri", "modality": "image", "uri": "https://a.example/s"}],
                }
            ],
        },
    ),
    (
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"},
        {"role": "assistant", "parts": [{"type": "compaction", "id": "cmp_1"}]},
    ),
    (
        {"type": "item_reference", "id": "i"},
        {"role": "user", "parts": [{"type": "item_reference", "id": "i"}]},
    ),
    ("odd", {"role": "user", "parts": [text("odd")]}),
    (7, {"role": "user", "parts": []}),
]


@pytest.mark.parametrize(("item", "message"), ITEMS)
def test_input_items_of_every_kind(item, message):
    assert ask(input=[item]).render(0) == [message]


def test_items_are_rendered_from_where_they_are_new():
    asked = ask(input=[item for item, _ in ITEMS])
    assert asked.message_count == len(ITEMS)
    assert asked.render(10) == [message for _, message in ITEMS[10:]]


SERVER_ITEMS = [
    (
        {
            "type": "web_search_call",
            "id": "ws",
            "status": "completed",
            "action": {"type": "search", "query": "q"},
        },
        [
            {
                "type": "server_tool_call",
                "id": "ws",
                "name": "web_search",
                "server_tool_call": {"type": "web_search", "action": {"type": "search", "query": "q"}},
            }
        ],
    ),
    (
        {
            "type": "code_interpreter_call",
            "id": "ci",
            "code": "1",
            "container_id": "k",
            "outputs": [{"type": "logs", "logs": "1"}],
        },
        [
            {
                "type": "server_tool_call",
                "id": "ci",
                "name": "code_interpreter",
                "server_tool_call": {"type": "code_interpreter", "code": "1", "container_id": "k"},
            },
            {
                "type": "server_tool_call_response",
                "id": "ci",
                "server_tool_call_response": {
                    "type": "code_interpreter",
                    "outputs": [{"type": "logs", "logs": "1"}],
                },
            },
        ],
    ),
    (
        {
            "type": "mcp_call",
            "id": "m",
            "name": "look",
            "server_label": "srv",
            "arguments": '{"a":1}',
            "output": "o",
            "error": None,
        },
        [
            {
                "type": "server_tool_call",
                "id": "m",
                "name": "look",
                "server_tool_call": {"type": "mcp", "server_label": "srv", "arguments": {"a": 1}},
            },
            {
                "type": "server_tool_call_response",
                "id": "m",
                "server_tool_call_response": {"type": "mcp", "output": "o"},
            },
        ],
    ),
    (
        {
            "type": "image_generation_call",
            "id": "ig",
            "result": "QUJD",
            "output_format": "png",
            "size": "1x1",
        },
        [
            {
                "type": "server_tool_call",
                "id": "ig",
                "name": "image_generation",
                "server_tool_call": {"type": "image_generation", "size": "1x1"},
            },
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        ],
    ),
    (
        {"type": "tool_search_call", "id": "ts", "execution": "server", "arguments": {"q": 1}},
        [
            {
                "type": "server_tool_call",
                "id": "ts",
                "name": "tool_search",
                "server_tool_call": {"type": "tool_search", "arguments": {"q": 1}},
            }
        ],
    ),
    (
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"q": 1}},
        [{"type": "tool_call", "id": "c", "name": "tool_search", "arguments": {"q": 1}}],
    ),
    (
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm"}],
        },
        [{"type": "reasoning", "content": "hm"}],
    ),
    (
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"},
        [{"type": "reasoning", "content": ""}],
    ),
    (
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        [text("No.")],
    ),
    ({"type": "from_the_future", "x": 1}, [{"type": "from_the_future", "x": 1}]),
]


@pytest.mark.parametrize(("item", "parts"), SERVER_ITEMS)
def test_output_items_of_every_kind(item, parts):
    found = answer({"status": "completed", "output": [item]})
    assert found.messages[0]["parts"] == parts


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": "gpt-5-2025",
    "output": [output_message("Hello.")],
    "service_tier": "default",
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 6},
        "total_tokens": 17,
    },
}
READ = {
    "gen_ai.response.id": "resp_1",
    "gen_ai.response.model": "gpt-5-2025",
    "gen_ai.response.finish_reasons": ["stop"],
    "openai.response.service_tier": "default",
    "gen_ai.usage.input_tokens": 9,
    "gen_ai.usage.output_tokens": 8,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 6,
}
HELLO = {"role": "assistant", "parts": [text("Hello.")], "finish_reason": "stop"}


def test_an_answer_is_read_whole():
    found = answer(RESPONSE)
    assert (found.attributes, found.messages, found.error) == (READ, [HELLO], None)


@pytest.mark.parametrize(
    ("members", "finish"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "complete"}, "stop"),
        ({"status": None}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": None}, "error"),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "error"),
        ({"status": "cancelled"}, "cancelled"),
        (
            {"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
            "tool_call",
        ),
        ({"object": "response.compaction", "status": None}, "compaction"),
    ],
)
def test_the_finish_reason_is_derived(members, finish):
    found = answer(RESPONSE | members)
    assert found.attributes["gen_ai.response.finish_reasons"] == [finish]
    assert found.messages[0]["finish_reason"] == finish


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_in_the_making_has_not_finished(status):
    found = answer(RESPONSE | {"status": status, "output": [], "usage": None, "service_tier": None})
    assert found.attributes == {"gen_ai.response.id": "resp_1", "gen_ai.response.model": "gpt-5-2025"}
    assert (found.messages, found.error) == ([], None)


def test_compacting_is_an_inference_that_compacts():
    asked = ask("/v1/responses/compact", model="gpt-5", input=[{"role": "user", "content": "a"}])
    assert (asked.operation, asked.model, asked.message_count) == ("chat", "gpt-5", 1)
    found = answer(
        {
            "id": "resp_1",
            "object": "response.compaction",
            "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}],
            "usage": {"input_tokens": 1, "output_tokens": 2},
        },
        asked=asked,
    )
    assert found.messages == [
        {"role": "assistant", "parts": [{"type": "compaction", "id": "cmp_1"}], "finish_reason": "compaction"}
    ]
    assert found.attributes["gen_ai.conversation.compacted"] is True
    assert found.attributes["gen_ai.usage.output_tokens"] == 2


def test_counting_tokens_is_no_inference():
    asked = ask("/v1/responses/input_tokens", model="gpt-5", input="a")
    assert (asked.operation, asked.model) == (None, "gpt-5")
    found = answer({"object": "response.input_tokens", "input_tokens": 5}, asked=asked)
    assert (found.attributes, found.messages, found.error) == ({}, [], None)


def test_fetching_counts_nothing_again():
    asked = RESPONSES.ask(b"", "/v1/responses/resp_1?stream=false")
    assert (asked.operation, asked.model, asked.stream, asked.message_count) == (
        "fetch_response",
        None,
        False,
        0,
    )
    assert asked.attributes == {"gen_ai.response.id": "resp_1"}
    found = answer(RESPONSE, asked=asked)
    assert found.messages == [HELLO]
    assert found.attributes == {key: value for key, value in READ.items() if "usage" not in key} | {
        "gen_ai.response.status": "completed"
    }


def test_fetching_may_resume_a_stream():
    asked = RESPONSES.ask(b"", "/openai/v1/responses/resp%5F1/?stream=true&starting_after=7")
    assert asked.attributes == {
        "gen_ai.response.id": "resp_1",
        "gen_ai.request.stream": True,
        "gen_ai.request.stream_cursor": "7",
    }
    found = stream(
        event(
            "response.in_progress", response=RESPONSE | {"status": "in_progress", "output": [], "usage": None}
        ),
        event("response.completed", response=RESPONSE),
        asked=asked,
    )
    assert found.messages == [HELLO]
    assert found.attributes["gen_ai.response.status"] == "completed"


BEGUN = RESPONSE | {"status": "in_progress", "output": [], "usage": None}
PIECES = [
    event("response.created", response=BEGUN, sequence_number=0),
    event(
        "response.output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []}
    ),
    event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="h"),
    event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="m"),
    event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="so"),
    event(
        "response.output_item.added",
        output_index=1,
        item={"type": "message", "role": "assistant", "content": []},
    ),
    event("response.output_text.delta", output_index=1, content_index=0, delta="Hel"),
    event("response.output_text.delta", output_index=1, content_index=0, delta="lo."),
    event("response.output_item.done", output_index=1, item=output_message("Hello.")),
    event(
        "response.output_item.added",
        output_index=2,
        item={"type": "function_call", "call_id": "c", "name": "f", "arguments": ""},
    ),
    event("response.function_call_arguments.delta", output_index=2, delta='{"a":'),
    event("response.function_call_arguments.delta", output_index=2, delta=" 1}"),
]
REBUILT = [
    {"type": "reasoning", "content": "hm"},
    {"type": "reasoning", "content": "so"},
    text("Hello."),
    {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
]


def test_a_stream_is_its_last_response():
    found = stream(*PIECES, event("response.completed", response=RESPONSE))
    assert (found.attributes, found.messages, found.error) == (READ, [HELLO], None)


def test_a_terminator_after_the_last_response_does_no_harm():
    found = stream(*PIECES, event("response.completed", response=RESPONSE), b"data: [DONE]\n\n")
    assert found.attributes == READ


def test_a_last_response_without_output_takes_the_items():
    found = stream(*PIECES, event("response.completed", response=RESPONSE | {"output": []}))
    assert found.messages == [{"role": "assistant", "parts": REBUILT, "finish_reason": "tool_call"}]
    assert found.attributes["gen_ai.usage.input_tokens"] == 9


def test_a_broken_stream_gives_what_came():
    found = stream(*PIECES)
    assert found.messages == [{"role": "assistant", "parts": REBUILT, "finish_reason": "error"}]
    assert found.attributes == {
        "gen_ai.response.id": "resp_1",
        "gen_ai.response.model": "gpt-5-2025",
        "gen_ai.response.finish_reasons": ["error"],
        "openai.response.service_tier": "default",
    }


@pytest.mark.parametrize(
    ("count", "parts"),
    [(1, []), (3, [{"type": "reasoning", "content": "h"}]), (7, [*REBUILT[:2], text("Hel")])],
)
def test_a_stream_broken_earlier_gives_less(count, parts):
    found = stream(*PIECES[:count], PIECES[count][:-9])
    assert [part for message in found.messages for part in message["parts"]] == parts


def test_events_may_have_their_type_in_the_name_only():
    body = b"".join(PIECES).replace(b'"type":"response.', b'"x":"response.')
    found = RESPONSES.answer(body, 200, "text/event-stream", NOTHING)
    assert found.messages[0]["parts"] == REBUILT


def test_events_may_have_their_type_in_the_json_only():
    body = b"".join(piece[piece.index(b"data:") :] for piece in PIECES)
    found = RESPONSES.answer(body, 200, "text/event-stream", NOTHING)
    assert found.messages[0]["parts"] == REBUILT


def test_the_name_may_come_after_the_data():
    body = (
        b'data: {"type":"response.completed","response":'
        + encode(RESPONSE)
        + b"}\nevent: response.completed\n\n"
    )
    assert RESPONSES.answer(body, 200, "text/event-stream", NOTHING).attributes == READ


def test_a_stream_may_fail():
    failed = RESPONSE | {"status": "failed", "error": {"code": "server_error", "message": "x"}, "output": []}
    found = stream(*PIECES[:8], event("response.failed", response=failed))
    assert found.error == ("server_error", "x")
    assert found.attributes["gen_ai.response.finish_reasons"] == ["error"]
    assert found.messages[0]["parts"] == [*REBUILT[:3]]


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"code": "rate_limit", "message": "slow", "param": None}, ("rate_limit", "slow")),
        ({"error": {"type": "t", "message": "slow"}}, ("t", "slow")),
        ({"message": "slow"}, ("error", "slow")),
    ],
)
def test_a_stream_may_end_in_an_error_event(members, error):
    found = stream(PIECES[0], event("error", **members))
    assert found.error == error
    assert found.attributes["gen_ai.response.finish_reasons"] == ["error"]


def test_an_incomplete_stream_says_why():
    last = RESPONSE | {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    found = stream(event("response.incomplete", response=last))
    assert found.attributes["gen_ai.response.finish_reasons"] == ["length"]
    assert found.error is None


def test_failures():
    error = {"error": {"message": "no", "type": "invalid_request_error", "code": None}}
    assert answer(error, 400).error == ("invalid_request_error", "no")
    assert answer(error).error == ("invalid_request_error", "no")
    assert answer({"status": "failed", "error": None, "output": []}).error == ("error", "")


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b"{}", b"data: {}\n\n", b"data: [DONE]\n\n"])
def test_a_200_that_is_no_response_says_nothing(body):
    found = RESPONSES.answer(body, 200, "", NOTHING)
    assert (found.attributes, found.messages, found.error) == ({}, [], None)


def test_the_dialect_names_itself():
    assert (RESPONSES.name, RESPONSES.constants) == ("openai.responses", {"openai.api.type": "responses"})
