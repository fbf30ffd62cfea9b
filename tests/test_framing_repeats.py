"""Folding a stream leaves out repetitions, and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantape._dialects.anthropic_messages import MESSAGES
from spantape._dialects.openai_chat import CHAT
from spantape._dialects.openai_completions import COMPLETIONS
from spantape._framing.repeats import fold, fold_texts

CONTENT = re.compile(rb'"content": "\Z')


def chunk(text, **members):
    return {"id": "c1", "choices": [{"index": 0, "delta": {"content": text, **members}, "logprobs": None}]}


def stream(*events, blank="\n\n"):
    return "".join(f"data: {json.dumps(event)}{blank}" for event in events).encode()


def test_events_that_differ_in_one_text_are_one_event_with_the_text_joined():
    pieces = [f"word{number} " for number in range(20)]
    assert fold(stream(*map(chunk, pieces))).body == stream(chunk("".join(pieces)))


def test_other_events_stay_where_they_are():
    words = [chunk(f"w{number}") for number in range(20)]
    usage = {"id": "c1", "choices": [], "usage": {"total_tokens": 3}}
    folded = fold(stream(chunk("", role="assistant"), *words[:10], usage, *words[10:], usage))
    first, second = (
        "".join(f"w{number}" for number in range(10)),
        "".join(f"w{number}" for number in range(10, 20)),
    )
    assert folded.body == stream(chunk("", role="assistant"), chunk(first), usage, chunk(second), usage)


def test_events_that_end_with_carriage_returns_are_folded_too():
    pieces = [f"w{number}" for number in range(20)]
    assert fold(stream(*map(chunk, pieces), blank="\r\n\r\n")).body == stream(
        chunk("".join(pieces)), blank="\r\n\r\n"
    )


def test_few_events_are_left_alone():
    assert fold(stream(*[chunk(f"w{number}") for number in range(5)])) is None


def test_events_that_differ_in_two_places_are_left_alone():
    events = [{**chunk(f"w{number}"), "obfuscation": "x" * (number % 7 + 1)} for number in range(20)]
    body = stream(*events)
    assert fold_texts(body, CONTENT) == body


def test_events_that_differ_in_a_number_are_left_alone():
    assert fold(stream(*[{"delta": "same", "sequence_number": number} for number in range(100, 120)])) is None


def test_a_text_that_every_piece_begins_with_is_not_lost():
    pieces = [f'"{number}' for number in range(20)]  # an escaped quote stands in what the events share
    folded = fold(stream(*map(chunk, pieces)))
    assert folded is None or folded.body == stream(chunk("".join(pieces)))


def test_a_second_text_that_adds_up_keeps_the_events_apart():
    body = stream(*[chunk(f"w{number}", reasoning="hm") for number in range(20)])
    assert fold_texts(body, CONTENT) == body


def test_a_text_in_a_field_that_is_not_named_keeps_the_events_apart():
    body = stream(*[{"id": f"w{number}x"} for number in range(20)])
    assert fold(body) is not None
    assert fold_texts(body, CONTENT) == body


@pytest.mark.parametrize("body", [b"", b"\n\n", b"\n\n\n\n\n\n", b'data: "', b'{"a": "b"}', b'"' * 100])
def test_what_is_no_stream_is_left_alone(body):
    assert fold(body) is None


texts = st.lists(
    st.one_of(st.text(max_size=6), st.sampled_from(['"', "\\", '\\"', "a:", '":"', "\n\n", "data: ", "é"])),
    min_size=8,
    max_size=30,
)


def openai(pieces):
    return stream(chunk("", role="assistant"), *map(chunk, pieces), chunk("", finish="stop"))


def anthropic(pieces):
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in pieces
    ]
    message = {"type": "message_start", "message": {"id": "m", "role": "assistant", "content": []}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return stream(message, block, *deltas, {"type": "message_stop"})


def completions(pieces):
    return stream(*[{"id": "c", "choices": [{"text": piece, "index": 0}]} for piece in pieces])


@given(texts, st.sampled_from([(openai, CHAT), (anthropic, MESSAGES), (completions, COMPLETIONS)]))
def test_a_dialect_reads_the_same_text_folded_or_not(pieces, spoken):
    make, dialect = spoken
    asked = dialect.ask(b'{"model": "m", "messages": [], "prompt": ""}', "/")
    answered = dialect.answer(make(pieces), 200, "text/event-stream", asked)
    said = "".join(
        part["content"] for message in answered.messages for part in message["parts"] if "content" in part
    )
    assert said == "".join(pieces)


@given(texts)
def test_a_fold_has_every_byte_that_is_not_repeated(pieces):
    body = stream(*map(chunk, pieces))
    folded = fold(body)
    if folded is not None:
        said = [
            json.loads(line[6:])["choices"][0]["delta"]["content"]
            for line in folded.body.split(b"\n\n")
            if line
        ]
        assert "".join(said) == "".join(pieces)
