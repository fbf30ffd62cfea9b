"""A difference of two tapes says where, so that a person sees it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape.errors import TapeNotFound
from spantape.tape.build import tape_of
from spantape.tape.diff import body_value, diff
from tape_spans import agent_span, chat, exchange, exchange_span, run_spans, sealed, span, tool_span


def asked(index, body, answer=b"{}", *, url="https://h/v1/chat", **more):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return exchange_span(index, Exchange(Request("POST", url, (), sent), Response(200, (), answer)), **more)


def between(first, second):
    return diff(tape_of(first), tape_of(second))


def test_a_tape_does_not_differ_from_itself():
    same = between(run_spans(4), [exchange_span(i, exchange(i)) for i in range(4)])
    assert not same
    assert len(same) == 0
    assert str(same) == "no difference in 4 steps"


def test_a_changed_message_is_shown_by_its_path():
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "old text"}, {"role": "user", "content": "b"}],
    }
    other = json.loads(json.dumps(body).replace("old text", "new text"))
    [changed] = between([asked(0, body)], [asked(0, other)])
    assert changed.change == "changed"
    assert [field.path for field in changed.fields] == ["request.body.messages[0].content"]
    assert '  request.body.messages[0].content: "old text" → "new text"' in str(changed)


def test_an_inserted_step_shifts_no_other():
    steps = [asked(i, {"n": i}) for i in range(6)]
    extra = replace(asked(9, {"n": "extra"}), started_ns=1_002, span_id="ee" * 8)
    found = between(steps, [*steps, extra])
    assert [(one.change, one.second.index) for one in found] == [("added", 3)]
    assert [one.change for one in between([*steps, extra], steps)] == ["removed"]


def test_answers_are_compared_field_by_field():
    one, other = b'{"id":1,"out":{"text":"a"}}', b'{"id":1,"out":{"text":"b"},"new":[1]}'
    [changed] = between([asked(0, {}, one)], [asked(0, {}, other)])
    assert [field.path for field in changed.fields] == ["response.body.out.text", "response.body.new"]
    assert "response.body.new: nothing → [1]" in str(changed)


def test_streams_are_compared_event_by_event():
    one = b'event: delta\ndata: {"text":"a"}\n\ndata: [DONE]\n\n'
    [changed] = between([asked(0, {}, one)], [asked(0, {}, one.replace(b'"a"', b'"b"'))])
    assert [field.path for field in changed.fields] == ["response.body[0].data.text"]


def test_bytes_that_mean_the_same_are_still_a_difference():
    [changed] = between([asked(0, b'{"a": 1}')], [asked(0, b'{"a":1}')])
    assert "equal as JSON" in str(changed)


def test_status_end_and_error_are_differences():
    recorded = exchange(0)
    other = replace(
        recorded, response=replace(recorded.response, status=429), end="closed", error=Failure("E", "m")
    )
    [changed] = between([exchange_span(0, recorded)], [exchange_span(0, other)])
    assert [(field.path, field.recorded, field.got) for field in changed.fields] == [
        ("status", 200, 429),
        ("end", "complete", "closed"),
        ("error", None, "E"),
    ]


def test_a_response_that_never_came_is_a_difference():
    [changed] = between(
        [exchange_span(0, exchange(0))], [exchange_span(0, replace(exchange(0), response=None))]
    )
    assert [field.path for field in changed.fields] == ["status", "response.body"]


def test_tools_are_compared_by_arguments_and_result():
    [changed] = between([tool_span(0, {"q": "a"}, [1, 2])], [tool_span(0, {"q": "b"}, [1, 3])])
    assert [field.path for field in changed.fields] == ["arguments.q", "result[1]"]


def test_steps_of_other_names_are_not_one_changed_step():
    found = between(
        [agent_span(0, "a"), asked(1, {"x": 1})], [agent_span(0, "b"), asked(1, {"x": 2}, url="https://h/o")]
    )
    assert sorted(one.change for one in found) == ["added", "added", "removed", "removed"]


def test_what_was_never_recorded_is_compared_by_digest():
    whole = exchange_span(0, exchange(0))
    bare = {k: v for k, v in exchange_span(0, exchange(1)).attributes.items() if k != names.REQUEST_BODY}
    [changed] = between([whole], [span(0, {**bare, names.CONTENT: "none"})])
    assert changed.fields[0].got.startswith("not recorded, sha256 ")


def test_many_differences_are_cut_for_people_and_counted():
    one, other = ({f"k{i}": i + add for i in range(50)} for add in (0, 100))
    [changed] = between([asked(0, one)], [asked(0, other)])
    assert len(changed.fields) == 50
    assert "and 30 more differences" in str(changed)


def test_paths_are_read(tmp_path):
    sealed(tmp_path / "a.tape", run_spans(2))
    sealed(tmp_path / "b.tape", run_spans(3))
    assert [one.change for one in diff(tmp_path / "a.tape", str(tmp_path / "b.tape"))] == ["added"]
    with pytest.raises(TapeNotFound):
        diff(tmp_path / "a.tape", tmp_path / "c.tape")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b"plain", "plain"),
        (b"", ""),
        (b'{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (
            b'data: {"a":1}\n\ndata: [DONE]\n\n',
            [{"event": "", "data": {"a": 1}}, {"event": "", "data": "[DONE]"}],
        ),
        (b"event: x\ndata: to", [{"event": "x", "data": "to"}]),
    ],
)
def test_a_body_as_a_value(body, value):
    assert body_value(body) == value


def test_bytes_are_shown_by_size_and_digest():
    assert body_value(b"\xff\xff").startswith("<2 bytes, sha256 ")
    assert body_value(chat(0))["model"] == "m"
