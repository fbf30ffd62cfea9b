"""Secrets streamed in pieces: gone from every event, and nothing else is changed."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._spans.detectors import Detector
from spantape._spans.redaction import Redactor

SSE = "text/event-stream; charset=utf-8"
NDJSON = "application/x-ndjson"
KEY = "sk-proj-Zk3vQ9xR2mT7bW1nY5pL8cD4"


def chat(text, index=0):
    delta = {"index": index, "delta": {"content": text}, "finish_reason": None}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": [delta]}


def tool(text, index=0):
    call = {"index": index, "function": {"arguments": text}}
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


def anthropic(text, index=0):
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


def partial(text, index=0):
    delta = {"type": "input_json_delta", "partial_json": text}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def responses(text, index=0):
    return {
        "type": "response.output_text.delta",
        "sequence_number": 7,
        "item_id": f"msg_{index}",
        "output_index": index,
        "delta": text,
        "obfuscation": "aB3xQ",
    }


def gemini(text, index=0):
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": index}]}


def ollama(text, index=0):
    return {
        "model": "m",
        "created_at": "2026-01-01T00:00:00.123Z",
        "message": {"role": f"a{index}", "content": text},
    }


def unheard_of(text, index=0):
    return {"v": 1, "lane": [{"index": index, "bit": {"wibble": text}}]}


DIALECTS = [chat, tool, anthropic, partial, responses, gemini, ollama, unheard_of]


def sse(events, *, end="\n\n", ascii_only=True):
    lines = [f"data: {json.dumps(event, ensure_ascii=ascii_only)}{end}" for event in events]
    return "".join([": hello", end, *lines, f"data: [DONE]{end}"]).encode()


def ndjson(events):
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def payloads(body):
    lines = [line.removeprefix(b"data: ") for line in body.splitlines()]
    return [json.loads(line) for line in lines if line.startswith(b"{")]


def leaves(value):
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def changed(before, after):
    """The strings of two streams of equal shape that differ."""
    pairs = []
    for one, other in zip(payloads(before), payloads(after), strict=True):
        pairs += [pair for pair in zip(leaves(one), leaves(other), strict=True) if pair[0] != pair[1]]
    return pairs


def joined(body, dialect):
    place = _path(dialect("\0"), "\0")
    return "".join(_at(event, place) for event in payloads(body))


def _path(value, wanted, so_far=()):
    if value == wanted:
        return so_far
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if (found := _path(inner, wanted, (*so_far, key))) is not None:
            return found
    return None


def _at(value, place):
    for key in place:
        value = value[key]
    return value


def split(text, cuts):
    edges = [0, *sorted(cuts), len(text)]
    return [text[start:stop] for start, stop in pairwise(edges)]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("write", [sse, ndjson])
def test_an_address_in_five_pieces_is_replaced_across_them(dialect, write):
    pieces = ["write to al", "ice", "@ex", "ample", ".com", " today"]
    body = write([dialect(piece) for piece in pieces])
    clean, _ = Redactor().stream(body, (len(body),), SSE if write is sse else NDJSON)
    expected = ["write to __email_1__", "", "", "", "", " today"]
    assert clean == write([dialect(piece) for piece in expected])


@pytest.mark.parametrize("dialect", DIALECTS[:-1])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_secrets_cut_anywhere_are_gone_and_the_rest_is_as_it_was(dialect, data):
    before, between, behind = (
        data.draw(st.sampled_from(["", "é\n", 'he said "', "\\n", "so: ", "…"])) for _ in range(3)
    )
    text = f"{before} bob@example.com {between} {KEY} {behind}"
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    body = sse([dialect(piece) for piece in split(text, cuts)], ascii_only=data.draw(st.booleans()))
    redactor = Redactor()
    lengths = (len(body) // 3, 0, len(body) - len(body) // 3)
    clean, chunks = redactor.stream(body, lengths, SSE)
    assert joined(clean, dialect) == f"{before} __email_1__ {between} __api_key_1__ {behind}"
    assert sum(chunks) == len(clean)
    assert len(chunks) == len(lengths)
    assert min(chunks) >= 0
    assert redactor.stream(clean, chunks, SSE) == (clean, chunks)
    assert Redactor().stream(clean, chunks, SSE) == (clean, chunks)
    assert redactor.text(text) == joined(clean, dialect)


@pytest.mark.parametrize("dialect", [chat, tool, anthropic, partial, responses, gemini])
def test_texts_that_alternate_are_not_joined_with_each_other(dialect):
    left = ["s", "k-proj-", "Zk3vQ9xR2m", "T7bW1nY5pL8cD4", " end"]
    right = ["bo", "b@", "exam", "ple.com", " end"]
    events = [
        dialect(piece, index) for pair in zip(left, right, strict=True) for index, piece in enumerate(pair)
    ]
    clean, _ = Redactor().stream(sse(events), (), SSE)
    wanted = ["__api_key_1__", "__email_1__", "", "", "", "", "", "", " end", " end"]
    assert clean == sse([dialect(piece, place % 2) for place, piece in enumerate(wanted)])


@pytest.mark.parametrize("dialect", [chat, anthropic, responses])
def test_keys_alone_are_found_although_their_prefix_is_cut(dialect):
    clean, _ = Redactor().stream(
        sse([dialect(piece) for piece in ["a s", "k", "-", KEY[3:9], KEY[9:], " b"]]), (), SSE
    )
    assert clean == sse([dialect(piece) for piece in ["a __api_key_1__", "", "", "", "", " b"]])


def test_arguments_that_are_json_in_json_may_be_cut_inside_their_escapes():
    arguments = json.dumps({"to": "\nalice\u0000".replace("\u0000", "@") + "example.com", "x": "y"})
    arguments = arguments.replace("@", "\\u0040")
    for cut in range(1, len(arguments)):
        body = sse([partial(arguments[:cut]), partial(arguments[cut:])])
        clean, _ = Redactor().stream(body, (), SSE)
        assert json.loads(joined(clean, partial)) == {"to": "\n__email_1__", "x": "y"}


def test_a_part_of_a_text_is_judged_with_all_of_it():
    body = sse([chat("number 4111111111111111"), chat("22 is no card, alice@example.co"), chat("m is one")])
    clean, _ = Redactor().stream(body, (), SSE)
    assert joined(clean, chat) == "number 411111111111111122 is no card, __email_1__ is one"


def test_whole_values_of_other_fields_are_not_joined():
    rows = [{"owner": "a@example.com"}, {"owner": "b@example.com"}, {"owner": "c@example.com"}]
    clean, _ = Redactor().stream(ndjson(rows), (), NDJSON)
    assert payloads(clean) == [{"owner": f"__email_{number}__"} for number in (1, 2, 3)]
    same = [{"owner": "a@example.com", "content": piece} for piece in ("x", "y", "z")]
    clean, _ = Redactor().stream(ndjson(same), (), NDJSON)
    assert payloads(clean) == [{"owner": "__email_1__", "content": piece} for piece in ("x", "y", "z")]


def test_the_final_snapshot_and_the_pieces_agree():
    pieces = [responses(piece) for piece in ["mail ", "alice@ex", "ample.com", "!"]]
    done = {"type": "response.output_text.done", "text": "mail alice@example.com!"}
    clean, _ = Redactor().stream(sse([*pieces, done]), (), SSE)
    assert payloads(clean)[-1]["text"] == "mail __email_1__!"
    assert joined(sse(payloads(clean)[:-1]), responses) == "mail __email_1__!"


def test_what_an_event_says_outside_of_json_is_searched_too():
    body = b": ops@example.com\n\nevent: output\ndata: al\n\nevent: output\ndata: ice@example.com\n\nevent: done\ndata: {}\n\n"
    clean, _ = Redactor().stream(body, (), SSE)
    assert (
        clean
        == b": __email_1__\n\nevent: output\ndata: __email_2__\n\nevent: output\ndata: \n\nevent: done\ndata: {}\n\n"
    )


def test_gemini_streams_a_json_array():
    pieces = ["to al", "ice@exa", "mple.com"]
    body = b"[" + b",\r\n".join(json.dumps(gemini(piece)).encode() for piece in pieces) + b"]"
    clean, _ = Redactor().stream(body, (), "application/json; charset=UTF-8")
    assert json.loads(clean) == [gemini(piece) for piece in ("to __email_1__", "", "")]


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_any_line_end_will_do(end):
    clean, _ = Redactor().stream(sse([chat("al"), chat("ice@example.com")], end=end), (), SSE)
    assert clean == sse([chat("__email_1__"), chat("")], end=end)


def test_a_learned_key_is_found_in_pieces():
    redactor = Redactor()
    redactor.learn((("x-api-key", "my-own-key"),))
    clean, _ = redactor.stream(sse([chat("it is my-"), chat("own-k"), chat("ey!")]), (), SSE)
    assert clean == sse([chat("it is __api_key_1__"), chat(""), chat("!")])


def test_a_body_that_is_no_stream_keeps_its_chunks_in_step():
    body = b'{"a": "alice@example.com", "b": 1}'
    clean, chunks = Redactor().stream(body, (10, 5, 5, len(body) - 20), "application/json")
    assert clean == b'{"a": "__email_1__", "b": 1}'
    assert chunks == (18, 0, 0, 10)


def test_a_stream_without_secrets_is_given_back_itself():
    body = sse([chat(f" word{number}") for number in range(40)])
    clean, chunks = Redactor().stream(body, (100, len(body) - 100), SSE)
    assert clean is body
    assert chunks == (100, len(body) - 100)


@pytest.mark.parametrize("count", [3, 8, 60])
@pytest.mark.parametrize("dialect", [chat, anthropic, responses, tool])
def test_the_short_look_misses_no_secret_in_a_long_stream(dialect, count):
    for place in (0, count // 2, count - 1):
        pieces = [f" w{number}" for number in range(count)]
        pieces[place : place + 1] = [" x s", "k-pro", "j-Zk3vQ9xR2mT7bW1", "nY5pL8cD4 "]
        clean, _ = Redactor().stream(sse([dialect(piece) for piece in pieces]), (), SSE)
        assert joined(clean, dialect).count("__api_key_1__") == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"data:", b"data: {", b'data: {"a": "b@example.com', b"\xff\n\n", b"data: ]}\n\n", b'{"a"', b"[1,"],
)
@pytest.mark.parametrize("content_type", [SSE, NDJSON, "application/json", ""])
def test_a_stream_that_was_cut_or_is_malformed_passes(body, content_type):
    clean, chunks = Redactor().stream(body, (len(body),), content_type)
    assert b"example.com" not in clean
    assert sum(chunks) == len(clean)


def test_a_hint_with_quotes_is_seen_in_a_long_stream():
    found = Detector("seat", (b'"seat": "',), re.compile(rb'"seat": "([A-Z]+)"'), group=1)
    events = [{"n": number, "seat": "QRSTUV"} for number in range(40)]
    clean, _ = Redactor([found]).stream(ndjson(events), (), NDJSON)
    assert payloads(clean) == [{"n": number, "seat": "__seat_1__"} for number in range(40)]


def test_a_secret_of_equal_pieces_is_found_where_only_the_ids_of_the_events_differ():
    def event(number):
        return {"id": f"c{number}", "choices": [{"index": 0, "delta": {"content": "tora "}}]}

    body = sse([event(number) for number in range(10, 20)])
    redactor = Redactor(literals=["tora tora tora"])
    clean, _ = redactor.stream(body, [len(body)], "text/event-stream")
    assert b"__secret_1__" in clean
    assert clean.count(b"tora") < 10
