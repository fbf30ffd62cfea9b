"""HTTP archives, in and out: what a browser or a proxy saved replays, and what we write is a valid archive."""

import base64
import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spantape
from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape.errors import NotReplayable, TapeError
from spantape.tape.foreign.har_out import export_har
from spantape.tape.foreign.importing import import_files
from spantape.tape.write import write_tape
from tape_spans import exchange_span, sealed, tool_span

URL = "https://api.example.com/v1/chat/completions?a=1&a=2"


def entry(*, request=None, response=None, **more):
    return {
        "startedDateTime": "2026-01-01T00:00:00.123Z",
        "time": 250.5,
        "request": {
            "method": "POST",
            "url": URL,
            "headers": [
                {"name": "Content-Type", "value": "application/json"},
                {"name": ":path", "value": "/v1"},
            ],
            "postData": {"mimeType": "application/json", "text": '{"a":"é"}'},
        }
        | (request or {}),
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Encoding", "value": "br"}, {"name": "X-A", "value": "1"}],
            "content": {"size": 9, "mimeType": "application/json", "text": '{"b":"ü"}'},
        }
        | (response or {}),
    } | more


def archive(*entries):
    return {"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": list(entries)}}


def imported(tmp_path, document, **more):
    (tmp_path / "in").write_text(document if isinstance(document, str) else json.dumps(document))
    (found,) = import_files([tmp_path / "in"], tmp_path / "t.tape", **more).imported
    return found


def only_step(tmp_path, *entries):
    (step,) = imported(tmp_path, archive(*entries)).tape.steps
    return step


def exported(tape):
    written = export_har(tape)
    return json.loads(b"".join(written.pieces)), written


# --- in ----------------------------------------------------------------------------------------------------------


def test_an_entry_becomes_an_exchange_at_its_time(tmp_path):
    step = only_step(tmp_path, entry())
    assert (step.method, step.url, step.status) == ("POST", URL, 200)
    assert step.request_body() == '{"a":"é"}'.encode()
    assert step.request_headers == (("content-type", "application/json"),)
    assert step.response.body == '{"b":"ü"}'.encode()
    assert step.response.headers == (("x-a", "1"), ("content-type", "application/json"))
    assert step.span.started_ns == 1767225600_123_000_000
    assert step.span.ended_ns - step.span.started_ns == 250_500_000
    assert names.GRADE not in step.span.attributes


def test_steps_stand_in_the_order_of_their_time(tmp_path):
    entries = [
        entry(startedDateTime=f"2026-01-01T00:00:0{n}+00:00", request={"method": f"M{n}"}) for n in (3, 1, 2)
    ]
    assert [step.method for step in imported(tmp_path, archive(*entries)).tape.steps] == ["M1", "M2", "M3"]
    entries[1]["startedDateTime"] = "soon"
    found = imported(tmp_path, archive(*entries))
    assert [step.method for step in found.tape.steps] == ["M3", "M1", "M2"]
    assert any("not every entry has a time" in note for note in found.notes)


def test_bytes_are_base64(tmp_path):
    coded = {"text": base64.b64encode(b"\xff\0").decode(), "encoding": "base64"}
    step = only_step(tmp_path, entry(request={"postData": coded}, response={"content": coded}))
    assert (step.request_body(), step.response.body) == (b"\xff\0", b"\xff\0")


def test_text_is_encoded_as_its_type_says(tmp_path):
    content = {"mimeType": "text/plain; charset=ISO-8859-1", "text": "ü"}
    assert only_step(tmp_path, entry(response={"content": content})).response.body == b"\xfc"
    content["mimeType"] = "text/plain; charset=nonsense"
    assert only_step(tmp_path, entry(response={"content": content})).response.body == "ü".encode()


@pytest.mark.parametrize(
    ("change", "grade"),
    [
        ({"response": {"content": {"text": "lost \ufffd"}}}, "reconstructed"),
        ({"response": {"content": {"size": 5}}}, "skeleton"),
        ({"response": {"content": {"size": 0}}}, "exact"),
        ({"response": {"headers": [{"name": "content-length", "value": "3"}]}}, "reconstructed"),
        ({"request": {"postData": {"params": [{"name": "a b", "value": "ü"}]}}}, "reconstructed"),
        ({"request": {"postData": {"params": [{"name": "f", "fileName": "x"}]}}}, "skeleton"),
    ],
)
def test_what_an_archive_lost_is_graded(tmp_path, change, grade):
    found = imported(tmp_path, archive(entry(**change)))
    assert found.grades == {grade: 1}
    if grade == "skeleton":
        with pytest.raises(NotReplayable, match="archive holds"):
            _ = found.tape.steps[0].response


def test_a_request_that_got_no_response_failed(tmp_path):
    step = only_step(tmp_path, entry(response={"status": 0, "_error": "net::ERR_ABORTED"}))
    assert (step.status, step.end, step.error) == (
        None,
        "error",
        Failure("ConnectionError", "net::ERR_ABORTED"),
    )


def test_websockets_are_left_out_by_name(tmp_path):
    found = imported(
        tmp_path, archive(entry(), entry(_webSocketMessages=[{}]), entry(response={"status": 101}))
    )
    assert len(found.tape.steps) == 1
    assert any("WebSocket" in note and "log.entries[1], log.entries[2]" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"request": {"url": None}}, r"log\.entries\[0\]\.request\.url"),
        ({"request": {"headers": [5]}}, r"request\.headers\[0\]\.name"),
        ({"request": {"headers": [{"name": "a\nb", "value": ""}]}}, r"request\.headers\[0\]\.name"),
        ({"response": {"status": "ok"}}, r"response\.status"),
        ({"response": {"status": 7}}, r"response\.status"),
        (
            {"response": {"content": {"text": "?", "encoding": "base64"}}},
            r"response\.content\.text: is not base64",
        ),
        ({"response": {"content": {"text": "?", "encoding": "rot13"}}}, r"got the encoding 'rot13'"),
        ({"_spantape": {"chunks": "9999"}}, r"_spantape\.chunks"),
    ],
)
def test_a_member_of_a_wrong_kind_is_named_by_its_place(tmp_path, change, place):
    with pytest.raises(TapeError, match=place):
        imported(tmp_path, archive(entry(**change)))


# --- out ---------------------------------------------------------------------------------------------------------

_ENTRY = {
    "startedDateTime": str,
    "time": float | int,
    "request": dict,
    "response": dict,
    "cache": dict,
    "timings": dict,
}
_REQUEST = {
    "method": str,
    "url": str,
    "httpVersion": str,
    "cookies": list,
    "headers": list,
    "queryString": list,
}
_RESPONSE = {
    "status": int,
    "statusText": str,
    "httpVersion": str,
    "cookies": list,
    "headers": list,
    "content": dict,
}
_SIZES = {"headersSize": int, "bodySize": int}


def assert_valid(document):
    """Every member that HAR 1.2 demands is there, and of its type."""
    log = document["log"]
    assert log["version"] == "1.2"
    assert set(log["creator"]) == {"name", "version"}
    for one in log["entries"]:
        datetime.fromisoformat(one["startedDateTime"])
        for value, members in (
            (one, _ENTRY),
            (one["request"], _REQUEST | _SIZES),
            (one["response"], _RESPONSE | _SIZES | {"redirectURL": str}),
            (one["response"]["content"], {"size": int, "mimeType": str}),
            (one["timings"], dict.fromkeys(("send", "wait", "receive"), float | int)),
        ):
            for name, kind in members.items():
                assert isinstance(value[name], kind), name
        assert one["time"] == pytest.approx(sum(one["timings"].values()))
        for pair in one["request"]["headers"] + one["response"]["headers"] + one["request"]["queryString"]:
            assert set(pair) == {"name", "value"}


def test_an_archive_has_what_the_format_demands(tmp_path):
    tape = sealed(tmp_path / "a.tape", [*map(_span, range(3)), tool_span(3, {"q": 1}, 2)])
    document, written = exported(tape)
    assert_valid(document)
    assert written.count == 3
    assert document["log"]["entries"][0]["request"]["queryString"] == [
        {"name": "a", "value": "1"},
        {"name": "a", "value": "2"},
    ]
    shown = "\n".join(written.notes.lines())
    assert "left out: tool calls" in shown
    assert "HTTP/1.1" in shown


def _span(index):
    request = Request("POST", URL, (("content-type", "application/json"),), b"\xff" if index == 1 else b"{}")
    if index == 2:
        return exchange_span(index, Exchange(request, None, "error", Failure("httpx2.ReadTimeout", "slow")))
    chunks, times = (1, 2), (5_000, 9_000)
    return exchange_span(
        index, Exchange(request, Response(200, (("x", "y"),), b"abc", chunks, times), "closed")
    )


exchanges = st.builds(
    Exchange,
    st.builds(
        Request,
        st.sampled_from(["GET", "POST"]),
        st.just("https://h/p?q=%20"),
        st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text("xyz,; ", max_size=5)), max_size=3).map(
            tuple
        ),
        st.one_of(st.binary(max_size=30), st.text(max_size=20).map(str.encode)),
    ),
    st.builds(
        Response,
        st.integers(200, 599),
        st.just((("content-type", "text/plain"),)),
        st.one_of(st.binary(max_size=30), st.text(max_size=20).map(str.encode)),
    ),
    st.sampled_from(["complete", "closed", "abandoned"]),
)


@given(st.lists(exchanges, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_reads_back_as_it_was(tmp_path_factory, given_exchanges):
    tmp_path = tmp_path_factory.mktemp("har")
    tape = write_tape(tmp_path / "a.tape", [exchange_span(n, each) for n, each in enumerate(given_exchanges)])
    document, _ = exported(tape)
    assert_valid(document)
    back = imported(tmp_path, document).tape
    assert [step.exchange() for step in back.steps] == given_exchanges
    assert [step.span.started_ns for step in back.steps] == [step.span.started_ns for step in tape.steps]


def test_chunks_ends_and_grades_come_back(tmp_path):
    tape = sealed(tmp_path / "a.tape", [_span(0), _span(2)])
    streamed, failed = imported(tmp_path, exported(tape)[0]).tape.steps
    assert (streamed.response.chunks, streamed.response.chunk_times_ns) == ((1, 2), (5_000, 9_000))
    assert streamed.end == "closed"
    assert failed.error == Failure("httpx2.ReadTimeout", "slow")
    reconstructed = imported(tmp_path, archive(entry(response={"content": {"text": "\ufffd"}}))).tape
    again = imported(tmp_path, exported(reconstructed)[0]).tape
    assert (
        again.steps[0].span.attributes[names.GRADE_REASONS]
        == reconstructed.steps[0].span.attributes[names.GRADE_REASONS]
    )


def test_a_skeleton_stays_one(tmp_path):
    skeleton = imported(tmp_path, archive(entry(response={"content": {"size": 5}}))).tape
    document, written = exported(skeleton)
    assert "text" not in document["log"]["entries"][0]["response"]["content"]
    assert any("a skeleton" in note for note in written.notes.lines())
    assert imported(tmp_path, document).grades == {"skeleton": 1}


def test_a_skeleton_is_refused_when_a_replay_begins(tmp_path):
    imported(tmp_path, archive(entry(response={"content": {"size": 5}})))
    with pytest.raises(NotReplayable, match="HAR with content"), spantape.replay(tmp_path / "t.tape"):
        pass
