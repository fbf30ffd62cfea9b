"""Chat completions: what is asked and what is answered, whole, streamed and failed."""

from __future__ import annotations

import pytest
from msgspec.json import encode

from spantape._dialects.openai_chat import CHAT

PATH = "/v1/chat/completions"
NOTHING = CHAT.ask(b"", PATH)


def ask(path=PATH, **members):
    return CHAT.ask(encode(members), path)


def answer(value, status=200):
    return CHAT.answer(encode(value), status, "application/json", NOTHING)


def said(**message):
    """The parts of an answer whose only choice is `message`."""
    found = answer({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    return found.messages[0]["parts"]


def stream(*chunks, done=True):
    body = b"".join(b"data: " + encode(chunk) + b"\n\n" for chunk in chunks)
    return CHAT.answer(body + (b"data: [DONE]\n\n" if done else b""), 200, "text/event-stream", NOTHING)


def piece(index=0, finish=None, **delta):
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def heard(*deltas):
    """The parts of a streamed answer whose only choice has `deltas`."""
    return stream(*(piece(**delta) for delta in deltas)).messages[0]["parts"]


def text(content):
    return {"type": "text", "content": content}


def test_the_options_become_attributes():
    asked = ask(
        model="gpt-4o",
        messages=[],
        stream=True,
        temperature=1,
        top_p=0.5,
        top_k=40,
        max_tokens=10,
        n=2,
        seed=7,
        stop="end",
        frequency_penalty=0,
        presence_penalty=-1.5,
        service_tier="flex",
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    )
    assert (asked.operation, asked.model, asked.stream) == ("chat", "gpt-4o", True)
    assert asked.attributes == {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.max_tokens": 10,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ["end"],
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.presence_penalty": -1.5,
        "gen_ai.request.stream": True,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "openai.request.service_tier": "flex",
    }


def test_defaults_spelled_out_and_nulls_add_nothing():
    asked = ask(model="m", messages=[], stream=False, n=1, stop=None, tools=None, seed=None, service_tier="")
    assert asked.attributes == {}
    assert asked.stream is False
    assert asked.tools() == []


def test_a_malformed_member_leaves_the_others():
    asked = ask(
        model="m", temperature="hot", max_tokens=-1, top_p=0.5, messages=[{"content": "a"}], stop=["a", 1]
    )
    assert asked.attributes == {"gen_ai.request.top_p": 0.5, "gen_ai.request.stop_sequences": ["a"]}
    assert asked.message_count == 1


def test_max_completion_tokens_go_before_max_tokens():
    assert ask(max_tokens=1, max_completion_tokens=2).attributes == {"gen_ai.request.max_tokens": 2}


def test_a_seed_beyond_int64_is_a_string():
    assert ask(seed=2**63 - 1).attributes == {"gen_ai.request.seed": 2**63 - 1}
    assert ask(seed=2**64 - 1).attributes == {"gen_ai.request.seed": "18446744073709551615"}


@pytest.mark.parametrize(
    ("members", "output"),
    [
        ({"response_format": {"type": "text"}}, "text"),
        ({"response_format": {"type": "json_object"}}, "json"),
        ({"modalities": ["text", "audio"]}, "speech"),
        ({"modalities": ["image", "text"]}, "image"),
        ({"response_format": {"type": "grammar"}}, None),
        ({"response_format": "json"}, None),
    ],
)
def test_the_output_type_is_what_the_request_names(members, output):
    assert ask(**members).attributes.get("gen_ai.output.type") == output


@pytest.mark.parametrize(
    ("path", "body_model", "model"),
    [
        ("/openai/deployments/my%20gpt/chat/completions?api-version=1", "gpt-4o", "my gpt"),
        ("/openai/deployments/dep/chat/completions", None, "dep"),
        ("/v1/engines/ada/chat/completions", None, "ada"),
        ("/v1/chat/completions", "gpt-4o", "gpt-4o"),
        ("/v1/chat/completions", "", None),
    ],
)
def test_the_model_is_the_deployment_in_the_path_or_else_the_bodys(path, body_model, model):
    assert ask(path, model=body_model).model == model


def test_a_stored_prompt_is_named_by_its_path():
    asked = ask("/v1/prompts/pp-1/completions", variables={"a": "b"})
    assert asked.attributes == {"gen_ai.prompt.name": "pp-1"}


def test_openrouter_gives_the_effort_in_an_object():
    assert ask(reasoning={"effort": "high"}).attributes == {"gen_ai.request.reasoning.level": "high"}


HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Paris?", "name": "ada"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    {"role": "assistant", "content": "Rain.", "refusal": None},
]
RENDERED = [
    {"role": "system", "parts": [text("Be brief.")]},
    {"role": "user", "parts": [text("Weather in Paris?")], "name": "ada"},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Paris"}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "rain"}]},
    {"role": "assistant", "parts": [text("Rain.")]},
]


@pytest.mark.parametrize("start", range(7))
def test_messages_are_rendered_from_where_they_are_new(start):
    asked = ask(messages=HISTORY)
    assert asked.message_count == 5
    assert asked.render(start) == RENDERED[start:]


def test_a_legacy_function_call_and_its_result():
    asked = ask(
        messages=[
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ]
    )
    assert asked.render(0) == [
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {}}]},
        {"role": "function", "parts": [{"type": "tool_call_response", "response": "1"}], "name": "f"},
    ]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, text("a")),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
            {"type": "uri", "modality": "image", "uri": "https://a.example/b.png"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        ),
        (
            {"type": "image_url", "image_url": "data:text/plain,a%20b"},
            {"type": "blob", "modality": "image", "mime_type": "text/plain", "content": "YSBi"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "content": "QUJD"},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
            {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "QUJD"},
        ),
        (
            {"type": "file", "file": {"file_id": "f-1"}},
            {"type": "file", "modality": "document", "file_id": "f-1"},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://a.example/v"}},
            {"type": "uri", "modality": "video", "uri": "https://a.example/v"},
        ),
        ({"type": "from_the_future", "x": 1}, {"type": "from_the_future", "x": 1}),
    ],
)
def test_content_parts_of_every_kind(part, expected):
    assert ask(messages=[{"role": "user", "content": [part]}]).render(0) == [
        {"role": "user", "parts": [expected]}
    ]


def test_a_tool_result_of_parts_has_the_parts_as_response():
    message = {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a"}]}
    assert ask(messages=[message]).render(0)[0]["parts"] == [
        {"type": "tool_call_response", "id": "c", "response": [text("a")]}
    ]


def test_odd_messages_stay_in_their_places():
    asked = ask(messages=[1, None, {"content": {"a": 1}}, {"role": 5, "content": ["x", 7, None, {}]}])
    assert asked.message_count == 4
    assert asked.render(0) == [
        {"role": "user", "parts": []},
        {"role": "user", "parts": []},
        {"role": "user", "parts": []},
        {"role": "user", "parts": [text("x")]},
    ]


def test_tools_are_given_whole():
    asked = ask(
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {"a": 1}, "strict": True},
            },
            {"type": "custom", "custom": {"name": "c", "description": "e"}},
            {"type": "web_search"},
            "odd",
        ],
        functions=[{"name": "g", "parameters": None}],
    )
    assert asked.tools() == [
        {"type": "function", "name": "f", "description": "d", "parameters": {"a": 1}},
        {"type": "custom", "name": "c", "description": "e"},
        {"type": "web_search", "name": "web_search"},
        {"type": "function", "name": "g"},
    ]


def test_a_request_without_tools_has_none():
    assert ask(messages=[]).tools is None


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 0, "cache_write_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 2, "accepted_prediction_tokens": 0},
}
COUNTED = {
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 9,
    "gen_ai.usage.cache_read.input_tokens": 16,
    "gen_ai.usage.cache_write.input_tokens": 3,
    "gen_ai.usage.reasoning.output_tokens": 4,
    "gen_ai.usage.audio.output_tokens": 2,
}


def test_an_answer_is_read_whole():
    found = answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "gpt-4o-2024-08-06",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hello.", "refusal": None, "annotations": []},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": USAGE,
            "service_tier": "default",
            "system_fingerprint": "fp_1",
        }
    )
    assert found.attributes == {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.finish_reasons": ["stop"],
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        **COUNTED,
    }
    assert found.messages == [{"role": "assistant", "parts": [text("Hello.")], "finish_reason": "stop"}]
    assert found.error is None


@pytest.mark.parametrize(
    ("usage", "attributes"),
    [
        (None, {}),
        ({}, {}),
        ({"prompt_tokens": 0, "completion_tokens": None}, {"gen_ai.usage.input_tokens": 0}),
        (
            {"prompt_tokens": 5, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 1},
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 4},
        ),
        ({"num_cached_tokens": 3}, {"gen_ai.usage.cache_read.input_tokens": 3}),
        ({"cached_tokens": 2}, {"gen_ai.usage.cache_read.input_tokens": 2}),
        ({"reasoning_tokens": 2}, {"gen_ai.usage.reasoning.output_tokens": 2}),
        ({"prompt_tokens": 7.0, "completion_tokens": 1.5}, {"gen_ai.usage.input_tokens": 7}),
        ({"prompt_tokens": -1, "completion_tokens": 2**70}, {}),
        ({"prompt_tokens": True, "completion_tokens": "3"}, {}),
    ],
)
def test_usage_has_what_was_counted_and_nothing_else(usage, attributes):
    assert answer({"usage": usage}).attributes == attributes


@pytest.mark.parametrize(
    ("wire", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_call"),
        ("function_call", "tool_call"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("odd", "odd"),
        ("", "error"),
        (None, "error"),
    ],
)
def test_finish_reasons_are_the_conventions_words(wire, finish):
    found = answer({"choices": [{"message": {"content": "a"}, "finish_reason": wire}]})
    assert found.attributes["gen_ai.response.finish_reasons"] == [finish]
    assert found.messages[0]["finish_reason"] == finish


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"refusal": "No."}, [text("No.")]),
        ({"content": "", "tool_calls": None, "function_call": {"name": "", "arguments": ""}}, []),
        (
            {"reasoning": "hm", "content": "a"},
            [{"type": "reasoning", "content": "hm"}, text("a")],
        ),
        ({"reasoning_content": "hm", "reasoning": "hm"}, [{"type": "reasoning", "content": "hm"}]),
        (
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "a"},
                    {"type": "reasoning.summary", "summary": "b"},
                ]
            },
            [{"type": "reasoning", "content": "a"}, {"type": "reasoning", "content": "b"}],
        ),
        (
            {"reasoning": None, "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
            [{"type": "reasoning", "content": ""}],
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "a"},
                ]
            },
            [{"type": "reasoning", "content": "hm"}, text("a")],
        ),
        ({"tool_calls": [CALL]}, [{"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}}]),
        (
            {"tool_calls": [{"id": "", "function": {"name": "f", "arguments": "[1]"}}]},
            [{"type": "tool_call", "name": "f", "arguments": "[1]"}],
        ),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":'}}]},
            [{"type": "tool_call", "id": "c", "name": "f", "arguments": '{"a":'}],
        ),
        (
            {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "free"}}]},
            [{"type": "tool_call", "id": "c", "name": "f", "arguments": "free"}],
        ),
        (
            {"tool_calls": [{**CALL, "custom": {"name": "", "input": ""}}, 7]},
            [{"type": "tool_call", "id": "call_1", "name": "f", "arguments": {"a": 1}}],
        ),
        (
            {"audio": {"id": "a", "data": "QUJD", "transcript": "hi"}},
            [{"type": "blob", "modality": "audio", "content": "QUJD"}, text("hi")],
        ),
        (
            {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]},
            [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"}],
        ),
        (
            {
                "executed_tools": [
                    {"type": "search", "arguments": '{"query": "q"}', "output": "o", "index": 0}
                ],
                "content": "a",
            },
            [
                {
                    "type": "server_tool_call",
                    "name": "search",
                    "server_tool_call": {"type": "search", "arguments": {"query": "q"}},
                },
                {
                    "type": "server_tool_call_response",
                    "server_tool_call_response": {"type": "search", "output": "o"},
                },
                text("a"),
            ],
        ),
    ],
)
def test_answers_of_every_kind(message, parts):
    assert said(role="assistant", **message) == parts


def test_choices_come_one_message_each():
    found = answer(
        {
            "choices": [
                {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
                {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
            ]
        }
    )
    assert [message["parts"] for message in found.messages] == [[text("a")], [text("b")]]
    assert found.attributes["gen_ai.response.finish_reasons"] == ["stop", "length"]


def test_a_stream_adds_up_to_the_answer():
    head = {"id": "c-1", "model": "m-1", "service_tier": "default", "system_fingerprint": "fp"}
    found = stream(
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},
        head | piece(role="assistant", content=""),
        head | piece(content="Hel"),
        head | piece(content="lo"),
        head | piece(finish="stop"),
        head | {"choices": [], "usage": USAGE},
    )
    assert found.attributes == {
        "gen_ai.response.id": "c-1",
        "gen_ai.response.model": "m-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp",
        **COUNTED,
    }
    assert found.messages == [{"role": "assistant", "parts": [text("Hello")], "finish_reason": "stop"}]


def test_a_stream_without_usage_has_none():
    found = stream(piece(content="a") | {"usage": None}, piece(finish="stop"))
    assert found.attributes == {"gen_ai.response.finish_reasons": ["stop"]}


def test_groq_has_its_usage_in_a_corner():
    found = stream(
        piece(content="a"), piece(finish="stop") | {"x_groq": {"id": "r", "usage": {"prompt_tokens": 4}}}
    )
    assert found.attributes["gen_ai.usage.input_tokens"] == 4


def test_moonshot_has_its_usage_in_the_choice():
    last = piece(finish="stop")
    last["choices"][0]["usage"] = {"prompt_tokens": 4}
    assert stream(piece(content="a"), last).attributes["gen_ai.usage.input_tokens"] == 4


def test_an_error_of_empty_members_is_none():
    found = answer(
        {"choices": [{"message": {"content": "a"}}], "error": {"code": "", "message": "", "type": None}}
    )
    assert found.error is None


def test_the_last_usage_counts():
    found = stream(
        piece(content="a") | {"usage": {"prompt_tokens": 1}}, piece() | {"usage": {"prompt_tokens": 2}}
    )
    assert found.attributes["gen_ai.usage.input_tokens"] == 2


def test_interleaved_choices_are_kept_apart():
    found = stream(
        piece(1, content="b1"),
        piece(0, content="a1"),
        piece(1, "length", content="b2"),
        piece(0, "stop", content="a2"),
    )
    assert [message["parts"] for message in found.messages] == [[text("a1a2")], [text("b1b2")]]
    assert found.attributes["gen_ai.response.finish_reasons"] == ["stop", "length"]


def call(index, call_id=None, name=None, arguments=None):
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}


def test_parallel_calls_are_put_together_by_index():
    parts = heard(
        call(0, "c0", "f", ""),
        call(1, "c1", "g", '{"b'),
        call(0, arguments='{"a":'),
        call(1, arguments='":2}'),
        call(0, arguments="1}"),
    )
    assert parts == [
        {"type": "tool_call", "id": "c0", "name": "f", "arguments": {"a": 1}},
        {"type": "tool_call", "id": "c1", "name": "g", "arguments": {"b": 2}},
    ]


def test_whole_calls_that_share_an_index_are_two_calls():
    parts = heard(call(0, "c0", "f", "{}"), call(0, "c1", "f", "{}"))
    assert [part["id"] for part in parts] == ["c0", "c1"]


def test_an_id_repeated_with_every_piece_is_one_call():
    assert heard(call(0, "c0", "f", '{"a'), call(0, "c0", None, '":1}')) == [
        {"type": "tool_call", "id": "c0", "name": "f", "arguments": {"a": 1}}
    ]


def test_pieces_without_an_index_go_to_the_last_call():
    first, second = call(1, "c", "f", '{"a'), call(1, arguments='":1}')
    del second["tool_calls"][0]["index"]
    assert heard(first, second) == [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}]


def test_a_legacy_function_call_is_streamed_too():
    parts = heard({"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}})
    assert parts == [{"type": "tool_call", "name": "f", "arguments": {}}]


@pytest.mark.parametrize(
    ("deltas", "parts"),
    [
        (
            [{"reasoning": "h"}, {"reasoning": "m"}, {"content": "a"}],
            [{"type": "reasoning", "content": "hm"}, text("a")],
        ),
        ([{"reasoning_content": "h"}, {"reasoning_content": "m"}], [{"type": "reasoning", "content": "hm"}]),
        (
            [
                {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "h"}]},
                {"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "m"}]},
                {"reasoning_details": [{"type": "reasoning.text", "index": 1, "text": "so"}]},
            ],
            [{"type": "reasoning", "content": "hm"}, {"type": "reasoning", "content": "so"}],
        ),
        ([{"refusal": "N"}, {"refusal": "o."}], [text("No.")]),
        (
            [
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]},
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}]},
                {"content": "a"},
                {"content": "b"},
            ],
            [{"type": "reasoning", "content": "hm"}, text("ab")],
        ),
        (
            [{"audio": {"transcript": "h", "data": "QQ=="}}, {"audio": {"transcript": "i", "data": "Qg=="}}],
            [{"type": "blob", "modality": "audio", "content": "QUI="}, text("hi")],
        ),
    ],
)
def test_streams_of_every_kind(deltas, parts):
    assert heard(*deltas) == parts


def test_a_message_in_place_of_a_delta_is_read_once():
    both = {"choices": [{"index": 0, "delta": {"content": "a"}, "message": {"content": "a"}}]}
    only = {"choices": [{"index": 0, "message": {"content": "b"}, "finish_reason": "stop"}]}
    assert stream(both, only).messages[0]["parts"] == [text("ab")]


def test_a_broken_stream_gives_what_came():
    body = b"".join(b"data: " + encode(piece(content=word)) + b"\n\n" for word in ("a", "b", "c"))
    whole = CHAT.answer(body[:-20], 200, "text/event-stream", NOTHING)
    assert whole.messages == [{"role": "assistant", "parts": [text("ab")], "finish_reason": "error"}]
    assert whole.attributes == {"gen_ai.response.finish_reasons": ["error"]}


def test_keep_alives_and_odd_chunks_are_passed_over():
    body = (
        b': WAIT\n\ndata: {"choices":7}\n\ndata: nonsense\n\ndata: []\n\ndata: '
        + encode(piece(content="a"))
        + b"\n\n"
    )
    assert CHAT.answer(body, 200, "", NOTHING).messages[0]["parts"] == [text("a")]


def test_json_is_json_whatever_the_header_says():
    body = encode({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})
    assert CHAT.answer(body, 200, "text/event-stream", NOTHING).messages[0]["parts"] == [text("a")]


def test_lone_surrogates_do_not_cost_the_rest():
    body = b'{"model":"m","choices":[{"message":{"content":"a\\ud83d"},"finish_reason":"stop"}]}'
    found = CHAT.answer(body, 200, "", NOTHING)
    assert found.messages[0]["parts"] == [text("a?")]
    assert found.attributes["gen_ai.response.model"] == "m"


@pytest.mark.parametrize(
    ("status", "value", "error"),
    [
        (
            404,
            {"error": {"message": "no", "type": "invalid_request_error", "code": "x"}},
            ("invalid_request_error", "no"),
        ),
        (401, {"error": {"code": "401", "message": "no"}}, ("401", "no")),
        (429, {"error": {"code": 429, "message": "slow", "metadata": {}}, "user_id": "u"}, ("429", "slow")),
        (400, {"error": "bad"}, ("400", "bad")),
        (400, {"detail": "bad"}, ("400", "bad")),
        (400, [{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], ("400", "bad")),
        (
            400,
            {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400},
            ("BadRequestError", "bad"),
        ),
        (422, {"detail": [{"loc": ["a"]}]}, ("422", '[{"loc":["a"]}]')),
        (500, 7, ("500", "7")),
    ],
)
def test_errors_of_every_shape(status, value, error):
    found = answer(value, status)
    assert found.error == error
    assert (found.attributes, found.messages) == ({}, [])


def test_an_error_that_is_no_json_has_its_text():
    assert CHAT.answer(b"Bad Gateway\n", 502, "text/plain", NOTHING).error == ("502", "Bad Gateway")
    assert CHAT.answer(b"", 500, "", NOTHING).error == ("500", "")


def test_an_error_may_end_a_stream_that_began_well():
    body = (
        b"data: " + encode(piece(content="a")) + b"\n\nevent: error\ndata: "
        b'{"error":{"message":"bad","type":"invalid_request_error","code":"tool_use_failed"}}\n\n'
    )
    found = CHAT.answer(body, 200, "text/event-stream", NOTHING)
    assert found.error == ("invalid_request_error", "bad")
    assert found.messages == [{"role": "assistant", "parts": [text("a")], "finish_reason": "error"}]


def test_an_error_may_stand_beside_choices():
    found = stream(
        piece(finish="length", content="") | {"error": {"code": 400, "message": "Token limit reached"}}
    )
    assert found.error == ("400", "Token limit reached")
    assert found.attributes["gen_ai.response.finish_reasons"] == ["length"]


def test_azure_filters_an_answer_inside_a_200():
    found = answer(
        {
            "choices": [{"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}],
            "error": {"code": "content_filter", "message": "filtered", "status": 400},
        }
    )
    assert found.error == ("content_filter", "filtered")
    assert found.messages == [{"role": "assistant", "parts": [], "finish_reason": "content_filter"}]


def test_an_error_may_be_of_one_choice():
    found = answer({"choices": [{"message": {"content": ""}, "error": {"code": 502, "message": "upstream"}}]})
    assert found.error == ("502", "upstream")


@pytest.mark.parametrize(
    "body", [b"", b"method=POST", b'{"contentType":"application/json"}', b"[]", b"null", b'"x"']
)
def test_a_200_that_is_no_completion_says_nothing(body):
    found = CHAT.answer(body, 200, "text/plain", NOTHING)
    assert (found.attributes, found.messages, found.error) == ({}, [], None)


def test_the_dialect_names_itself():
    assert (CHAT.name, CHAT.operation) == ("openai.chat", "chat")
    assert CHAT.constants == {"openai.api.type": "chat_completions"}
