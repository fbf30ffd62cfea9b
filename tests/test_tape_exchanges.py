"""Exchanges as JSON Lines go in and come out byte for byte."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.build import tape_of
from spantape.tape.exchanges import EXTRA, export_exchanges, import_exchanges
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from spantape.tape.write import write_tape
from tape_spans import chat, exchange, exchange_span, sealed, texts, tool_span

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


def through_a_file(lines, path):
    write_tape(path, import_exchanges(lines))
    return list(export_exchanges(read_tape(path)))


def line(**changes):
    usual = {"method": "POST", "url": "https://h/p?q=1", "request_headers": {}, "request_body": "{}"}
    return usual | {"status": 200, "response_headers": {}, "response_body": "ok"} | changes


_names = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=8)
_headers = st.dictionaries(_names, texts, max_size=3)
_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)),
    max_leaves=4,
)
_HELD = ("method", "url", "status", "chunks", "end", "error")
_extras = st.dictionaries(
    texts.filter(lambda key: key not in _HELD and not key.startswith("re")), _json, max_size=3
)


def _bodies(side):
    key = f"{side}_body"
    coded = st.binary(max_size=20).map(lambda data: b64encode(data).decode())
    return st.one_of(
        texts.map(lambda text: {key: text}),
        st.just({key: None}),
        coded.map(lambda text: {key: None, f"{key}_b64": text}),
    )


@st.composite
def exchange_lines(draw):
    made = {"method": draw(_names), "url": draw(texts), "request_headers": draw(_headers)}
    made |= draw(_bodies("request"))
    made |= {"status": draw(st.integers(0, 999)), "response_headers": draw(_headers)}
    made |= draw(_bodies("response")) | draw(_extras)
    order = draw(st.permutations(list(made)))
    return {key: made[key] for key in order}


@given(st.lists(exchange_lines(), max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_exchanges_come_back_equal_and_in_order(lines):
    back = [json.loads(text) for text in export_exchanges(tape_of(import_exchanges(lines)))]
    assert back == lines
    assert [list(one) for one in back] == [list(one) for one in lines]
    assert [list(one["request_headers"]) for one in back] == [list(one["request_headers"]) for one in lines]


def test_they_survive_the_file(tmp_path):
    lines = [
        line(request_body=chat(turn).decode(), request_reserialised=True, masked=True) for turn in range(40)
    ]
    lines += [line(request_body=None, request_missing=True), line(request_body="", response_body="")]
    texts_ = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in lines]
    assert through_a_file(texts_, tmp_path / "a.tape") == texts_
    assert verify_tape(tmp_path / "a.tape").bodies == 2 * len(lines)


def test_no_body_and_an_empty_one_stay_two_things(tmp_path):
    lines = [line(response_body=None), line(response_body="")]
    assert [json.loads(one) for one in through_a_file(lines, tmp_path / "a.tape")] == lines


def test_a_growing_history_is_held_as_deltas():
    spans = import_exchanges([line(request_body=chat(turn).decode()) for turn in range(100)])
    held = [len(one.attributes[names.REQUEST_BODY]) for one in spans]
    assert sum(held) < 4 * len(chat(99))
    assert max(one.attributes[names.STEP] for one in spans) == 99


def test_equal_lines_make_equal_spans():
    lines = [line(), line(status=404)]
    assert import_exchanges(lines) == import_exchanges([json.dumps(one) for one in lines])
    assert import_exchanges(lines)[0].trace_id != import_exchanges(lines[:1])[0].trace_id
    assert import_exchanges(lines, run_id="r")[0].attributes[names.RUN_ID] == "r"


def test_what_the_corpus_form_lacks_is_kept_too():
    recorded = [
        Exchange(
            Request("POST", "http://h/", (), b"a"), Response(200, (), b"abc", (1, 2), (1000, 3000)), "closed"
        ),
        Exchange(
            Request("POST", "http://h/", (), b"b"), None, "error", Failure("httpx2.ReadTimeout", "late")
        ),
        Exchange(Request("POST", "http://h/", (), b"c"), Response(200, (), b"abc", (3,))),
    ]
    exported = list(export_exchanges(tape_of([exchange_span(i, one) for i, one in enumerate(recorded)])))
    assert json.loads(exported[0])["chunks"] == "1+1,2+2"
    assert json.loads(exported[1])["error"] == {"type": "httpx2.ReadTimeout", "message": "late"}
    assert [step.exchange() for step in tape_of(import_exchanges(exported)).steps] == recorded


def test_repeated_headers_are_joined_on_the_way_out():
    many = Exchange(Request("GET", "http://h/", (("a", "1"), ("b", "2"), ("a", "3"))), Response(200))
    [out] = export_exchanges(tape_of([exchange_span(0, many)]))
    assert json.loads(out)["request_headers"] == {"a": "1, 3", "b": "2"}


def test_tools_are_no_exchanges():
    tape = tape_of([tool_span(0, {}), exchange_span(1, exchange(0))])
    assert len(list(export_exchanges(tape))) == 1


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", "line 2: is not JSON"),
        ("[1]", "line 2: got a JSON list"),
        ('{"kind":"message","direction":"sent","frame":"{}"}', "line 2: got no method and url"),
        (line(status="200"), "line 2: got status '200'"),
        (line(request_headers=["a"]), "line 2: got request_headers"),
        (line(request_headers={"a: b": "c"}), "line 2: got the header name"),
        (line(response_body=7), "line 2: got response_body 7"),
        (line(response_body=None, response_body_b64="!"), "line 2"),
        (line(request_body="\ud800"), "line 2"),
        (line(end="bang"), "line 2: got end 'bang'"),
        (line(chunks="x"), "line 2: .*chunk"),
        (line(error="x"), "line 2: got error 'x'"),
        (b"\xff", "line 2: is not JSON"),
        ("[" * 100_000, "line 2: is not JSON"),
    ],
)
def test_a_line_that_is_no_exchange_is_named(bad, says):
    with pytest.raises(TapeError, match=rf"'x.jsonl': {says}"):
        import_exchanges([line(), bad], path="x.jsonl")


def test_blank_lines_are_skipped():
    assert len(import_exchanges([json.dumps(line()), "", "\n", json.dumps(line())])) == 2


@pytest.mark.parametrize("text", ["{", "[]", '{"keys":[1]}', '{"values":3}'])
def test_an_odd_note_of_an_import_is_named(text):
    recorded = exchange_span(0, exchange(0))
    odd = exchange_span(0, exchange(0), attributes={**recorded.attributes, EXTRA: text})
    with pytest.raises(TapeDamaged, match=r"step 0, spantape.import.extra"):
        list(export_exchanges(tape_of([odd])))


def test_an_imported_tape_is_sealed_like_any(tmp_path):
    tape = sealed(tmp_path / "a.tape", import_exchanges([line()]))
    assert read_tape(tmp_path / "a.tape") == tape


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside the project")
def test_every_file_of_the_corpus_comes_back_byte_for_byte(tmp_path):
    files = 0
    for path in sorted(CORPUS.glob("*/*.jsonl")):
        given_ = [text for text in path.read_text(encoding="utf-8").split("\n") if text]
        if "method" not in json.loads(given_[0]):
            continue  # a WebSocket recording
        back = through_a_file(given_, tmp_path / "a.tape")
        assert [json.loads(one) for one in back] == [json.loads(one) for one in given_], path
        files += 1
    assert files > 100
