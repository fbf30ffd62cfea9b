"""Server-sent events: whole bodies, pieces, and where their payloads stand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._framing.sse import Decoder, Event, event_spans, events, is_stream, payloads

CASES = {
    "one event": (b"data: a\n\n", [Event("", b"a")]),
    "a named event": (b"event: ping\ndata: {}\n\n", [Event("ping", b"{}")]),
    "the name after the data": (b"data: {}\nevent: ping\n\n", [Event("ping", b"{}")]),
    "no space after the colon": (b"event:x\ndata:a\n\n", [Event("x", b"a")]),
    "only one space is dropped": (b"data:  a \n\n", [Event("", b" a ")]),
    "lines of data are joined": (b"data: a\ndata:\ndata: b\n\n", [Event("", b"a\n\nb")]),
    "carriage returns and line feeds": (
        b"data: a\r\n\r\ndata: b\r\n\r\n",
        [Event("", b"a"), Event("", b"b")],
    ),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [Event("", b"a"), Event("", b"b")]),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\r\n", [Event("", b"a"), Event("", b"b")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [Event("", b"a")]),
    "comments": (b": hi\n\ndata: a\n: there\n\n:\n\n", [Event("", b"a")]),
    "ids and retries": (b"id: 1\nretry: 5\ndata: a\n\n", [Event("", b"a")]),
    "more blank lines than needed": (
        b"\n\n\ndata: a\n\n\n\ndata: b\n\n\n",
        [Event("", b"a"), Event("", b"b")],
    ),
    "empty data": (b"data: \n\ndata\n\ndata:\n\n", [Event("", b""), Event("", b""), Event("", b"")]),
    "a name without data": (b"event: done\n\ndata: a\n\n", [Event("", b"a")]),
    "the last of two names": (b"event: a\nevent: b\ndata: c\n\n", [Event("b", b"c")]),
    "a foreign line between": (b"data: a\nfoo: bar\n{}\n\n", [Event("", b"a")]),
    "a name that is not UTF-8": (b"event: \xff\ndata: a\n\n", [Event("\ufffd", b"a")]),
    "named events, one with two lines of data": (
        b"event: a\ndata: 1\n\nevent: b\ndata: 2\ndata: 3\n\n",
        [Event("a", b"1"), Event("b", b"2\n3")],
    ),
    "an unfinished event is dropped": (b"data: a\n\ndata: b\n", [Event("", b"a")]),
    "an unfinished line is dropped": (b"event: a\ndata: a\n\nevent: b\ndata: {", [Event("a", b"a")]),
    "nothing": (b"", []),
    "not a stream": (b'{"a": 1}', []),
}


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_a_whole_body_gives_its_events(body, expected):
    assert events(body) == expected


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_a_body_fed_byte_by_byte_gives_the_same_events(body, expected):
    decoder = Decoder()
    assert [event for at in range(len(body)) for event in decoder.feed(body[at : at + 1])] == expected


def test_a_torn_event_comes_out_only_when_asked():
    body = b"data: a\n\nevent: b\ndata: c\ndata: d"
    assert events(body) == [Event("", b"a")]
    assert events(body, torn=True) == [Event("", b"a"), Event("b", b"c\nd")]


def test_a_torn_event_comes_out_at_close():
    decoder = Decoder()
    assert decoder.feed(b"data: a\n\nevent: b\nda") == [Event("", b"a")]
    assert decoder.feed(b"ta: c") == []
    assert decoder.close() == Event("b", b"c")
    assert decoder.close() is None
    assert decoder.feed(b"data: e\n\n") == [Event("", b"e")]


LINES = st.sampled_from(
    [b"data: a", b"data:b", b"data", b"event: x", b"event: y", b": c", b"", b"", b"id: 1", b"\xff", b"{}"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
BODIES = st.one_of(
    st.lists(st.tuples(LINES, ENDS)).map(lambda lines: b"".join(line + end for line, end in lines)),
    st.lists(st.tuples(LINES, st.just(b"\n"))).map(lambda lines: b"".join(line + end for line, end in lines)),
    st.lists(st.sampled_from([b"event: x\ndata: a\n\n", b"event: y\ndata: b\n\n", b"data: a\n\n"])).map(
        b"".join
    ),
    st.lists(
        st.sampled_from([b"d", b"data:", b" ", b"a", b"\n", b"\r", b"\xef\xbb\xbf", b"event:", b":"])
    ).map(b"".join),
    st.binary(max_size=60),
)


def by_the_book(body):
    """The standard's algorithm, line by line, with the torn event apart."""
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *lines, rest = text.split(b"\n")
    found, name, data = [], b"", []
    for line in [*lines, b"\n" + rest]:
        if line == b"":
            if data:
                found.append(Event(name.decode("utf-8", "replace"), b"\n".join(data)))
            name, data = b"", []
            continue
        field, _, value = line.removeprefix(b"\n").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    torn = Event(name.decode("utf-8", "replace"), b"\n".join(data)) if data else None
    return found, torn


def split_at(body, cuts):
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=400)
@given(BODIES)
def test_any_body_gives_what_the_standard_says(body):
    found, torn = by_the_book(body)
    whole = found if torn is None else [*found, torn]
    assert events(body) == found
    assert events(body, torn=True) == whole
    assert payloads(body) == [event.data for event in whole if event.data not in (b"", b"[DONE]")]


@settings(max_examples=400)
@given(BODIES, st.lists(st.integers(0, 100), max_size=6))
def test_any_cut_gives_the_same_events(body, cuts):
    decoder = Decoder()
    found = [event for piece in split_at(body, cuts) for event in decoder.feed(piece)]
    assert (found, decoder.close()) == by_the_book(body)


@settings(max_examples=300)
@given(BODIES)
def test_spans_hold_the_payloads_and_only_them(body):
    spans = event_spans(body)
    assert all(body[:start].removesuffix(b" ").endswith(b"data:") for start, _ in spans)
    assert all(not set(body[start:end]) & set(b"\r\n") for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    marked = body
    for start, end in reversed(spans):
        marked = marked[:start] + b"#" + marked[end:]
    blank = [b"#"] * len(spans)
    data = [line for event in events(marked, torn=True) for line in event.data.split(b"\n") if line]
    assert data == blank


def test_spans_leave_a_data_url_inside_a_payload_alone():
    body = b'data: {"u":"data:image/png"}\r\ndata:x\n\ndata: [DONE]'
    assert [body[start:end] for start, end in event_spans(body)] == [
        b'{"u":"data:image/png"}',
        b"x",
        b"[DONE]",
    ]


def test_payloads_leave_out_the_terminator_and_keep_the_torn_end():
    assert payloads(b"data: {}\n\ndata: [DONE]\n\n") == [b"{}"]
    assert payloads(b"event: a\ndata: {}\n\nevent: done\ndata: [DONE]\n\n") == [b"{}"]
    assert payloads(b'data: {}\n\ndata: {"a"') == [b"{}", b'{"a"']
    assert payloads(b"data: [DONE]\n\ndata: {}\n\n") == [b"{}"]


@pytest.mark.parametrize(
    "body", [b"data: a\n\n", b"\n\nevent: a\n", b": hi\n", b"\xef\xbb\xbfdata: {}", b"id: 4\n"]
)
def test_a_stream_is_told_by_its_first_bytes(body):
    assert is_stream(body)


@pytest.mark.parametrize("body", [b"{}", b' \n["data: "]', b"", b'\xef\xbb\xbf{"a": 1}', b'"text"'])
def test_json_is_no_stream(body):
    assert not is_stream(body)


def test_a_long_line_in_many_pieces_is_taken_in_linear_work():
    decoder = Decoder()
    decoder.feed(b"data: ")
    for _ in range(20_000):
        decoder.feed(b"x" * 100)
    assert len(decoder._pieces) > 20_000  # kept apart, joined once
    assert decoder.feed(b"\n\n") == [Event("", b"x" * 2_000_000)]
