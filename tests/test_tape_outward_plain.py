"""Tapes as text for git: the same for the same behaviour, one line a field, and never a secret."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli_tapes import line, openai_client, record_guide
from spantape import read_tape, record
from spantape._model import Exchange, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.tape.build import tape_of
from spantape.tape.exchanges import import_exchanges
from spantape.tape.outward.git import text_of
from spantape.tape.outward.plain import plain_lines
from spantape.tape.write import write_tape
from spantape.testing import ModelServer, text, tool_call
from tape_spans import JSON, RUN, run_spans, sealed, span, tool_span

KEY = "sk-proj-Zq8vT3mX1cB7nL5kJ2hG4fD6sA9pQwErTyUiOpMn"
MAIL = "ada.lovelace@analytical-engines.org"


def lines_of(path):
    return list(plain_lines(read_tape(path)))


def exchanges_tape(path, *exchanges):
    return write_tape(path, import_exchanges([line(**each) for each in exchanges]))


def asked(*contents, **more):
    messages = [{"role": "user", "content": content} for content in contents]
    return {"request_body": json.dumps({"model": "m", "messages": messages, **more})}


def test_two_recordings_of_one_behaviour_are_the_same_text(tmp_path):
    texts = []
    for directory in ("one", "other"):
        (tmp_path / directory).mkdir()
        texts.append(lines_of(record_guide(tmp_path / directory / "a.tape")))
    assert texts[0] == texts[1]
    assert texts[0][:5] == [
        "tape: a",
        "steps: 3",
        "",
        "step 0: agent guide",
        '  arguments.client: "<openai.OpenAI>"',
    ]


def test_a_changed_prompt_is_one_changed_line_a_place(tmp_path):
    first = lines_of(record_guide(tmp_path / "a.tape", "Weather?"))
    (tmp_path / "b").mkdir()
    second = lines_of(record_guide(tmp_path / "b" / "a.tape", "Rain?"))
    changed = [
        (one, other)
        for one, other in zip(first, second, strict=True)
        if one != other and ".usage." not in one
    ]
    assert changed == [
        ('  arguments.question: "Weather?"', '  arguments.question: "Rain?"'),
        ('  request.messages[0].content: "Weather?"', '  request.messages[0].content: "Rain?"'),
    ]


def test_a_text_of_several_lines_is_told_line_by_line(tmp_path):
    tape = exchanges_tape(tmp_path / "a.tape", asked("one\ntwo"))
    told = lines_of(tape.path)
    at = told.index("  request.messages[0].content:")
    assert told[at + 1 : at + 3] == ["    | one", "    | two"]


def test_what_a_request_resends_is_said_in_a_line(tmp_path):
    tools = [{"type": "function", "function": {"name": "f"}}]
    tape = exchanges_tape(tmp_path / "a.tape", asked("one", tools=tools), asked("one", "two", tools=tools))
    told = "\n".join(lines_of(tape.path))
    assert told.count('"one"') == 1
    assert "request.messages[0..0]: as in step 0\n  request.messages[1].role" in told
    assert "request.tools: as in step 0" in told


def test_ids_of_a_server_are_numbered_wherever_they_stand(tmp_path):
    def call(client):
        first = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
        (made,) = first.choices[0].message.tool_calls
        history = [
            {"role": "assistant", "tool_calls": [made.to_dict()]},
            {"role": "tool", "tool_call_id": made.id, "content": "4"},
        ]
        client.chat.completions.create(model="gpt-4o", messages=history)
        return made.id

    script = [tool_call("lookup", {"city": "Oslo"}), text("4 °C")]
    with ModelServer(script) as server, openai_client(server) as client, record(tmp_path / "a.tape"):
        made = call(client)
    told = "\n".join(lines_of(tmp_path / "a.tape"))
    assert made not in told
    (number,) = {one.rpartition(": ")[2] for one in told.splitlines() if "tool_calls[0].id" in one}
    assert f"request.messages[1].tool_call_id: {number}" in told
    assert 'response.created: "<time>"' in told


def test_what_a_program_said_is_not_taken_for_an_id_or_a_time(tmp_path):
    values = {"id": "order-2024-00017", "created": 17, "timestamp": "noon"}
    tape = write_tape(tmp_path / "a.tape", [tool_span(0, values, {"created_at": 5})], run_id=RUN)
    told = lines_of(tape.path)
    assert '  arguments.id: "order-2024-00017"' in told
    assert "  arguments.created: 17" in told
    assert "  result.created_at: 5" in told


def test_a_stream_is_told_as_what_it_says(tmp_path):
    def recorded(path, pieces):
        with (
            ModelServer([text(pieces)]) as server,
            openai_client(server) as client,
            record(path),
        ):
            asks = [{"role": "user", "content": "x"}]
            list(client.chat.completions.create(model="gpt-4o", messages=asks, stream=True))
        return [each for each in lines_of(path) if each.startswith("  answer.messages")]

    first = recorded(tmp_path / "a.tape", ["Sunny", " today"])
    assert first == recorded(tmp_path / "b.tape", ["Sun", "ny to", "day"])
    assert '  answer.messages[0].parts[0].content: "Sunny today"' in first


def test_draws_keep_their_place_and_clocks_their_secret(tmp_path):
    def drawn(index, source, value):
        given = {
            names.KIND: "draw",
            names.RUN_ID: RUN,
            names.DRAW_SOURCE: source,
            names.DRAW_VALUE: json.dumps(value),
        }
        return span(index, given, name=source)

    made = str(uuid.UUID(int=7 << 100))
    spans = [
        drawn(0, "uuid", made),
        tool_span(1, {"id": made}),
        drawn(2, "clock", 1.7e9),
        drawn(3, "random", 0.25),
    ]
    told = lines_of(write_tape(tmp_path / "a.tape", spans, run_id=RUN).path)
    assert told[2:] == [
        "",
        "draw 0: uuid",
        '  value: "<id 1>"',
        "",
        "step 0: tool search",
        '  arguments.id: "<id 1>"',
        "  result: null",
        "",
        "draw 1: clock",
        "",
        "draw 2: random",
        "  value: 0.25",
    ]


def test_home_directories_and_ports_of_this_machine_are_not_told(tmp_path):
    arguments = {"path": "/home/ada/work/x.txt", "also": "see /Users/ada/y and /usr/home/x"}
    tape = write_tape(tmp_path / "a.tape", [tool_span(0, arguments)], run_id=RUN)
    assert lines_of(tape.path)[4:6] == [
        '  arguments.path: "~/work/x.txt"',
        '  arguments.also: "see ~/y and /usr/home/x"',
    ]
    told = lines_of(exchanges_tape(tmp_path / "b.tape", {"url": "http://127.0.0.1:40123/v1/x"}).path)
    assert "step 0: POST http://127.0.0.1/v1/x" in told


# --- secrets -----------------------------------------------------------------------------------------------------


def with_secrets(path):
    """A tape with a key and a mail address everywhere that one can be, recorded without redaction."""
    stream = "".join(
        f'data: {{"text":{json.dumps(piece)}}}\n\n' for piece in (f"mail {MAIL[:9]}", f"{MAIL[9:]} now")
    )
    exchange = Exchange(
        Request(
            "POST",
            f"https://user:{KEY}@api.example.com/v1/x?api_key={KEY}&q={MAIL}",
            (("authorization", f"Bearer {KEY}"), *JSON),
            json.dumps({"prompt": f"key {KEY}\nmail {MAIL}", MAIL: KEY}).encode(),
        ),
        Response(
            200,
            (("content-type", "text/event-stream"), ("location", f"https://x/?token={KEY}")),
            stream.encode(),
        ),
    )
    attributes = {names.KIND: "exchange", names.RUN_ID: RUN, names.STEP: 0, **write_exchange(exchange)}
    failed = {names.ERROR_TYPE: "ValueError", names.ERROR_MESSAGE: f"bad {KEY} of {MAIL}"}
    tool = tool_span(1, {"to": MAIL, "password": "hunter2-Correct-Horse-9"}, [KEY, f"a\nb {MAIL}"])
    broken = tool_span(2, {"to": MAIL})
    broken.attributes.update(failed)
    return write_tape(path, [span(0, attributes), tool, broken], run_id=RUN, name=f"run of {MAIL}")


def test_no_secret_is_shown(tmp_path):
    told = "\n".join(text_of(with_secrets(tmp_path / "a.tape").path))
    for secret in (KEY, MAIL, MAIL[9:], "hunter2", KEY[8:]):
        assert secret not in told
    assert told.count("__email_1__") >= 5


def test_a_tape_recorded_without_redaction_is_shown_without_secrets(tmp_path):
    path = tmp_path / "a.tape"
    with (
        ModelServer([text(f"I wrote to {MAIL}")]) as server,
        openai_client(server) as client,
        record(path, redact=False),
    ):
        asks = [{"role": "user", "content": f"my key is {KEY}, my mail {MAIL}"}]
        client.chat.completions.create(model="gpt-4o", messages=asks)
    assert KEY.encode() in read_tape(path).steps[0].request_body()
    told = "\n".join(text_of(path))
    assert KEY not in told
    assert MAIL not in told
    assert '"I wrote to __email_1__"' in told


def test_a_credential_of_no_known_form_is_known_by_the_header_that_carried_it(tmp_path):
    token = "plover-xyzzy-7781-quux"
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    (called,) = import_exchanges([line(request_headers=headers)], run_id=RUN, started_ns=9_000)
    tape = write_tape(tmp_path / "a.tape", [tool_span(0, {"given": f"use {token}"}), called], run_id=RUN)
    told = "\n".join(lines_of(tape.path))
    assert "arguments.given" in told
    assert token not in told


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, json_values, st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_anything_is_told_and_the_same_each_time(arguments, result, body):
    def told():
        called = Exchange(Request("POST", "http://x/y", (), body), Response(200, JSON, body))
        attributes = {names.KIND: "exchange", names.RUN_ID: RUN, **write_exchange(called)}
        return list(plain_lines(tape_of([tool_span(0, arguments, result), span(1, attributes)])))

    first = told()
    assert first == told()
    assert [each for each in first if each.startswith("step ")] == [
        "step 0: tool search",
        "step 1: POST http://x/y",
    ]


def test_two_secrets_stay_two(tmp_path):
    tape = exchanges_tape(tmp_path / "a.tape", asked(MAIL), asked("bob@example.org"))
    told = "\n".join(lines_of(tape.path))
    assert "__email_1__" in told
    assert "__email_2__" in told


# --- what is no whole tape ---------------------------------------------------------------------------------------


def test_a_damaged_tape_is_said_to_be_one_and_told_apart_from_another(tmp_path):
    tape = sealed(tmp_path / "a.tape")
    data = bytearray((tmp_path / "a.tape").read_bytes())
    texts = set()
    for place in (40, 50):
        data[place] ^= 255
        (tmp_path / "b.tape").write_bytes(data)
        first, second = text_of(tmp_path / "b.tape")
        assert first.startswith("no tape that can be read: ")
        texts.add(second)
    assert len(texts) == 2
    assert tape.steps


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0\1\2"])
def test_a_file_that_is_no_tape_is_said_to_be_none(tmp_path, content):
    (tmp_path / "x.tape").write_bytes(content)
    assert next(text_of(tmp_path / "x.tape")).startswith("no tape that can be read")
    assert next(text_of(tmp_path / "none.tape")).startswith("no tape that can be read")


def test_a_tape_without_content_says_so(tmp_path):
    given = {
        names.KIND: "exchange",
        names.RUN_ID: RUN,
        names.CONTENT: "none",
        names.HTTP_METHOD: "GET",
        names.URL_FULL: "http://x/",
    }
    told = lines_of(write_tape(tmp_path / "a.tape", [span(0, given)], run_id=RUN).path)
    assert told[3].startswith("step 0: GET http://x/")
    assert any("not told: " in each for each in told)


def test_nesting_and_numbers_past_all_measure_are_no_error(tmp_path):
    deep = "[" * 5000 + "]" * 5000
    spans = [tool_span(0, deep), tool_span(1, '{"a":' + "9" * 5000 + "}"), *run_spans(1)]
    tape = exchanges_tape(tmp_path / "b.tape", {"response_body": deep, "request_body": deep})
    for path in (write_tape(tmp_path / "a.tape", spans[:2], run_id=RUN).path, tape.path):
        assert len(list(text_of(path))) > 3


def test_every_run_of_a_file_is_told(tmp_path):
    from spantape.tape.outward.formats import format_named
    from spantape.tape.outward.source import read_source

    other = tool_span(5, {"a": 1}, trace_id="ef" * 16)
    other.attributes[names.RUN_ID] = "0ther"
    tapes = [sealed(tmp_path / "a.tape", turns=1), write_tape(tmp_path / "b.tape", [other], run_id="0ther")]
    data = format_named("otlp-json").write([read_source(tape.path) for tape in tapes])
    (tmp_path / "c.tape").write_bytes(b"".join(data))
    told = list(text_of(tmp_path / "c.tape"))
    assert told.count("steps: 1") == 2
    assert told.count("not sealed: the recording was cut short") == 2
