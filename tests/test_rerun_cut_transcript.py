"""A transcript says what was answered, and nothing that names the one call it came from."""

from __future__ import annotations

import json
import struct
from base64 import b64encode

import pytest

from spantape._dialects.anthropic_messages import MESSAGES
from spantape._dialects.openai_chat import CHAT
from spantape._dialects.openai_responses import RESPONSES
from spantape.rerun.cut_transcript import of_embeddings, of_messages, text_of, vector_of


def transcript(dialect, body, path):
    asked = dialect.ask(b'{"model": "m"}', path)
    return of_messages(dialect.answer(json.dumps(body).encode(), 200, "application/json", asked).messages)


def responses(mark, created):
    return {
        "id": f"resp_{mark}",
        "object": "response",
        "created_at": created,
        "status": "completed",
        "output": [
            {"type": "reasoning", "id": f"rs_{mark}", "summary": [{"type": "summary_text", "text": "hm"}]},
            {
                "type": "code_interpreter_call",
                "id": f"ci_{mark}",
                "container_id": f"cntr_{mark}",
                "code": "1 + 1",
                "outputs": [{"type": "logs", "logs": "2"}],
            },
            {"type": "function_call", "id": f"fc_{mark}", "call_id": f"c_{mark}", "name": "f", "arguments": '{"id": "kept"}'},
            {"type": "mystery", "id": f"x_{mark}", "payload": {"id": "kept"}},
            {"type": "message", "id": f"msg_{mark}", "role": "assistant", "content": [{"type": "output_text", "text": "Two."}]},
        ],
    }  # fmt: skip


def test_answers_that_differ_in_ids_and_times_alone_have_one_transcript():
    one = transcript(RESPONSES, responses("aaa", 1), "/v1/responses")
    other = transcript(RESPONSES, responses("bbb", 2), "/v1/responses")
    assert one == other
    assert "aaa" not in json.dumps(one)


def test_what_was_said_and_asked_for_stays():
    (message,) = transcript(RESPONSES, responses("aaa", 1), "/v1/responses")
    parts = {part["type"]: part for part in message["parts"]}
    assert parts["reasoning"]["content"] == "hm"
    assert parts["server_tool_call"]["server_tool_call"] == {"code": "1 + 1", "type": "code_interpreter"}
    assert parts["tool_call"] == {"type": "tool_call", "name": "f", "arguments": {"id": "kept"}}
    assert parts["mystery"] == {"type": "mystery", "payload": {"id": "kept"}}
    assert text_of([message]) == "Two."


def test_arguments_are_compared_as_values_not_as_text():
    def called(arguments):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return transcript(
            CHAT, {"choices": [{"message": message, "finish_reason": "tool_calls"}]}, "/chat/completions"
        )

    assert called('{"a": 1, "b": 2}') == called('{"b":2,"a":1}')
    assert called('{"a": 1}') != called('{"a": 2}')
    assert called("{not json")[0]["parts"][0]["arguments"] == "{not json"


def test_blocks_of_anthropic_lose_their_ids_alone():
    content = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "id"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"tool_use_id": "kept"}},
        {"type": "text", "text": "Hi."},
    ]
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": "tool_use",
    }
    (message,) = transcript(MESSAGES, body, "/v1/messages")
    assert "toolu_1" not in json.dumps(message)
    assert message["parts"][2]["arguments"] == {"tool_use_id": "kept"}
    assert message["finish_reason"] == "tool_call"


def test_every_choice_is_in_its_place():
    choices = [
        {"index": n, "message": {"role": "assistant", "content": str(n)}, "finish_reason": "stop"}
        for n in (0, 1)
    ]
    found = transcript(CHAT, {"choices": choices}, "/chat/completions")
    assert [message["parts"][0]["content"] for message in found] == ["0", "1"]
    assert text_of(found) == "0\n\n1"


# --- embeddings --------------------------------------------------------------------------------------------------

NUMBERS = [0.1, -2.5, 3.0]
CODED = b64encode(struct.pack("<3f", *NUMBERS)).decode()


def embeddings(*vectors):
    return json.dumps({"data": vectors}).encode()


def test_vectors_are_the_same_as_numbers_and_as_base64():
    plain = of_embeddings(embeddings({"index": 0, "embedding": NUMBERS}))
    assert plain == of_embeddings(embeddings({"index": 0, "embedding": CODED})) == {"embeddings": [CODED]}
    assert vector_of(plain) == CODED


def test_vectors_come_in_the_order_of_their_inputs():
    found = of_embeddings(embeddings({"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [0.5]}))
    assert found == of_embeddings(embeddings({"embedding": [0.5]}, {"embedding": [1.0]}))


def test_vectors_of_other_types_stay_as_they_came():
    packed = b64encode(b"\x01\x02\x03").decode()
    assert of_embeddings(embeddings({"embedding": packed}), "ubinary") == {"embeddings": [packed]}
    assert of_embeddings(embeddings({"embedding": [1, 2]}), "int8") == of_embeddings(
        embeddings({"embedding": [1.0, 2.0]})
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        embeddings(),
        embeddings({"embedding": None}),
        embeddings({"embedding": "no base64"}),
        embeddings({"embedding": b64encode(b"12345").decode()}),
        embeddings({"embedding": ""}),
        embeddings({"embedding": [1e300]}),
        embeddings({"embedding": ["1"]}),
        embeddings({"embedding": []}),
    ],
)
def test_an_answer_without_vectors_is_refused(body):
    with pytest.raises(ValueError, match=r"vector|JSON|array|data|truncated|embedding"):
        of_embeddings(body)
