"""Text completions: what is asked and what is answered, whole, streamed and failed."""

from __future__ import annotations

import pytest
from msgspec.json import encode

from spantape._dialects.openai_completions import COMPLETIONS

PATH = "/v1/completions"
NOTHING = COMPLETIONS.ask(b"", PATH)


def ask(path=PATH, **members):
    return COMPLETIONS.ask(encode(members), path)


def answer(value, status=200):
    return COMPLETIONS.answer(encode(value), status, "application/json", NOTHING)


def stream(*chunks):
    body = b"".join(b"data: " + encode(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    return COMPLETIONS.answer(body, 200, "text/event-stream", NOTHING)


def message(content, finish):
    return {"role": "assistant", "parts": [{"type": "text", "content": content}], "finish_reason": finish}


def test_the_options_become_attributes():
    asked = ask(
        model="m", prompt="Say", max_tokens=5, temperature=0, n=2, seed=2**63, stop=["a"], stream=True
    )
    assert (asked.operation, asked.model, asked.stream) == ("text_completion", "m", True)
    assert asked.attributes == {
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.seed": "9223372036854775808",
        "gen_ai.request.stop_sequences": ["a"],
        "gen_ai.request.stream": True,
    }


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], []), ([[1], [2]], []), (None, []), (5, [])],
)
def test_prompts_that_are_text_are_user_messages(prompt, texts):
    asked = ask(prompt=prompt)
    assert asked.message_count == len(texts)
    assert asked.render(0) == [
        {"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts
    ]
    assert asked.render(1) == asked.render(0)[1:]


def test_a_deployment_is_the_model():
    assert ask("/openai/deployments/d/completions?api-version=1", prompt="a").model == "d"


def test_an_answer_is_read_whole():
    found = answer(
        {
            "id": "cmpl-1",
            "object": "text_completion",
            "model": "m-2",
            "choices": [
                {"text": "a", "index": 0, "logprobs": None, "finish_reason": "length"},
                {"text": "b", "index": 1, "logprobs": None, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
        }
    )
    assert found.attributes == {
        "gen_ai.response.id": "cmpl-1",
        "gen_ai.response.model": "m-2",
        "gen_ai.response.finish_reasons": ["length", "stop"],
        "gen_ai.usage.input_tokens": 2,
        "gen_ai.usage.output_tokens": 3,
    }
    assert found.messages == [message("a", "length"), message("b", "stop")]


def test_a_stream_adds_up_with_its_choices_apart():
    found = stream(
        {"id": "c", "model": "m", "choices": [{"index": 1, "text": "x"}], "usage": None},
        {
            "id": "c",
            "choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "y", "finish_reason": "stop"}],
        },
        {"id": "c", "choices": [{"index": 0, "text": "b", "finish_reason": "length"}]},
    )
    assert found.messages == [message("ab", "length"), message("xy", "stop")]
    assert found.attributes == {
        "gen_ai.response.id": "c",
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ["length", "stop"],
    }


def test_writer_streams_bare_values():
    found = stream({"value": "a"}, {"value": " b"})
    assert found.messages == [message("a b", "error")]


def test_fill_in_the_middle_may_answer_as_chat():
    found = answer(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}
    )
    assert found.messages == [message("a", "stop")]
    streamed = stream(
        {"choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    )
    assert streamed.messages == [message("a", "stop")]


def test_a_failure_is_told_by_status_or_by_body():
    assert answer({"error": {"message": "no", "type": "t"}}, 400).error == ("t", "no")
    assert answer({"error": {"message": "no", "code": None}}).error == ("error", "no")
    assert stream({"choices": [{"text": "a"}]}, {"error": {"message": "no", "type": "t"}}).error == (
        "t",
        "no",
    )


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b"{}"])
def test_a_200_that_is_no_completion_says_nothing(body):
    found = COMPLETIONS.answer(body, 200, "", NOTHING)
    assert (found.attributes, found.messages, found.error) == ({}, [], None)
