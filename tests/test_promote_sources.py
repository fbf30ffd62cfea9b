"""Every form that a source may have is read to the same spans; what is damaged is named with its place."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import promote_sources as made
import spantape
from spantape._spans import names
from spantape.errors import TapeError, UsageError
from spantape.promote.assembly import Assembly
from spantape.promote.facts import facts_of
from spantape.promote.promoting import Asked, Told, promote
from spantape.promote.sources import Passed, Source, SourceDamaged, decode, find, read
from spantape.promote.sources._base import LOG
from spantape.tape.otlp import span_line
from spantape.tape.write import TapeWriter, write_tape
from tape_spans import sdk_run


def spans_in(path, on_damage=None):
    damaged = []
    (source,) = find([str(path)])
    found = [
        decode(placed.found.form, placed.found.data)[0]
        for placed in read(source, on_damage or damaged.append)
    ]
    return found, damaged


def refuse(error):
    raise error


@pytest.fixture
def expected(tmp_path):
    return write_tape(tmp_path / "expected" / "x.tape", made.run(), name="planner")


@pytest.mark.parametrize("form", made.FORMS)
def test_a_run_in_any_form_becomes_the_same_tape(form, tmp_path, expected):
    source = tmp_path / "source"
    source.write_bytes(made.FORMS[form](made.run()))
    (outcome,) = promote([str(source)], Asked(tmp_path / "tapes"))
    assert (outcome.state, outcome.reasons, outcome.losses) == ("promoted", (), ())
    assert outcome.grades == {"exact": 4, "reconstructed": 0, "skeleton": 0}
    assert outcome.fingerprint == expected.fingerprint
    again = spantape.read_tape(outcome.path)
    assert again.sealed
    assert [step.request_body() for step in again.steps if step.kind == "exchange"] == [
        step.request_body() for step in expected.steps if step.kind == "exchange"
    ]


@pytest.mark.parametrize("form", ["lines", "protobuf", "length-prefixed zstd protobuf", "Jaeger"])
def test_the_parts_of_a_span_survive(form, tmp_path):
    path = tmp_path / "source"
    path.write_bytes(made.FORMS[form](made.run()))
    spans, damaged = spans_in(path)
    assert damaged == []
    for got, wanted in zip(spans, made.run(), strict=True):
        assert (got.trace_id, got.span_id, got.parent_id) == (
            wanted.trace_id,
            wanted.span_id,
            wanted.parent_id,
        )
        assert dict(got.attributes) == dict(wanted.attributes)
        assert got.name == wanted.name
        assert got.resource["service.name"] == "shop"


def test_a_sealed_tape_is_a_source(tmp_path, expected):
    (outcome,) = promote([expected.path], Asked(tmp_path / "tapes"))
    assert outcome.fingerprint == expected.fingerprint
    assert outcome.run_id == expected.run_id


def test_a_journal_is_a_source(tmp_path):
    writer = TapeWriter(tmp_path / "cut.tape", run_id="5eed" * 8)
    for span in sdk_run(3):
        writer.add(span)
    writer.release()
    (outcome,) = promote([str(tmp_path / "cut.tape.journal")], Asked(tmp_path / "tapes"))
    assert (outcome.state, outcome.steps) == ("promoted", 4)


def test_the_journal_of_a_running_collect_is_a_source(tmp_path):
    from concurrent.futures import wait

    from spantape.collect._journal import Journal

    (tmp_path / ".collect").mkdir()
    journal = Journal(tmp_path / ".collect", fsync=False)
    body = made.proto(made.run())
    wait([journal.append(body, len(body))])
    (outcome,) = promote([str(tmp_path)], Asked(tmp_path / "tapes"))
    journal.close()
    assert (outcome.state, outcome.steps) == ("promoted", 4)


# --- finding -------------------------------------------------------------------------------------------------------


def test_a_directory_gives_what_exporters_write_and_names_the_rest(tmp_path):
    for name in ("b.jsonl", "a.pb", "c.json.gz", "deep/d.jsonl.zst", "traces-2026-11-21T01-00-00.000.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "README.md").write_text("words")
    (tmp_path / ".hidden.jsonl").write_text("")
    found = list(find([str(tmp_path)]))
    passed = [one.path for one in found if isinstance(one, Passed)]
    assert passed == [str(tmp_path / "README.md")]
    assert len(found) == 6


def test_a_glob_and_a_path_together_give_each_file_once(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(b"")
    found = list(find([str(tmp_path / "*.jsonl"), str(tmp_path / "a.jsonl")]))
    assert [source.path for source in found] == [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]


@pytest.mark.parametrize("name", ["nothing.jsonl", "*.nothing"])
def test_what_stands_for_nothing_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="expected a file, a directory, a glob that matches, or a URL"):
        list(find([str(tmp_path / name)]))


def test_urls_go_through_fsspec(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a.jsonl.gz", gzip.compress(made.json_lines(made.run())))
    memory.pipe("/bucket/notes.md", b"words")
    write_tape(tmp_path / "x.tape", made.run(1))
    memory.pipe("/bucket/b.tape", (tmp_path / "x.tape").read_bytes())
    try:
        told = Told()
        outcomes = list(promote(["memory://bucket"], Asked(tmp_path / "tapes"), told=told))
        assert sorted(outcome.steps for outcome in outcomes) == [4, 4]
        assert [passed.path for passed in told.passed] == ["memory:///bucket/notes.md"]
        (one,) = promote(["memory://bucket/*.gz"], Asked(tmp_path / "tapes"))
        assert one.state == "promoted"
        with pytest.raises(UsageError, match="nothing is there"):
            list(find(["memory://bucket/none.jsonl"]))
    finally:
        memory.rm("/bucket", recursive=True)


def test_an_unknown_file_system_is_refused():
    pytest.importorskip("fsspec")
    with pytest.raises(UsageError, match="which fsspec cannot open"):
        list(find(["nosuch://x/y"]))


# --- damage --------------------------------------------------------------------------------------------------------

GOOD = made.json_lines(made.run())
PREFIXED = made.prefixed(*(made.proto([one]) for one in made.run()))


@pytest.mark.parametrize(
    ("data", "place", "kept"),
    [
        (GOOD + b'{"resourceSpans": 3}\n', "line 5", 4),
        (b"{}\n" + GOOD, "line 1", 4),
        (GOOD + b"You asked: hi\n", "line 5", 4),
        (b"\n\n" + GOOD + b'{"resourceSpans":[{"scop', "line 7", 4),
        (GOOD.replace(made.AGENT_ID.encode(), b"zz", 1), "line 1", 3),
        (zstandard.compress(GOOD)[:-20], "frame at byte 0", None),
        (gzip.compress(GOOD)[:-30], "frame at byte 0", None),
        (PREFIXED[:-3], "message 4", 3),
        (PREFIXED + b"\x7f\xff\xff\xff", "message 5", 4),
        (made.prefixed(zstandard.compress(made.proto(made.run()))[:-5]), "message 1", 0),
        (made.prefixed(b"\x0a\x05abcde", made.proto(made.run())), "message 1", 4),
        (made.proto(made.run())[:-4], None, 3),
        (json.dumps(made.document(made.run()), indent=1).encode()[:-9], "document 1", 0),
        (json.dumps({"data": [{"traceID": "1", "spans": [{"traceID": 7}]}]}).encode(), "line 1", 0),
        (b'{"what": 1}', "line 1", 0),
        (b"\x00\x01\x02 no source", None, 0),
        (b"[" * 100_000, None, 0),
    ],
)
def test_damage_is_named_and_skipped_only_where_asked(data, place, kept, tmp_path):
    path = tmp_path / "source.jsonl"
    path.write_bytes(data)
    with pytest.raises(SourceDamaged) as caught:
        spans_in(path, refuse)
    assert f"source {str(path)!r}" in str(caught.value)
    if place is not None:
        assert caught.value.place == place
    spans, damaged = spans_in(path)
    assert len(damaged) == 1
    if kept is not None:
        assert len(spans) == kept


def test_a_changed_tape_is_damage(tmp_path, expected):
    path = tmp_path / "x.tape"
    shutil.copy(expected.path, path)
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    with pytest.raises(SourceDamaged, match="changed after it was sealed"):
        spans_in(path, refuse)


def test_nothing_is_written_where_a_source_is_damaged(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(GOOD + b"torn")
    with pytest.raises(SourceDamaged, match="line 5"):
        list(promote([str(tmp_path / "a.jsonl")], Asked(tmp_path / "tapes")))
    assert not (tmp_path / "tapes").exists()


def test_an_empty_file_and_other_signals_hold_no_spans(tmp_path):
    path = tmp_path / "x.jsonl"
    for data in (
        b"",
        b"\n",
        b'{"resourceLogs":[]}\n',
        b'{"resourceMetrics":[{}]}\n',
        b'{"resourceSpans":[]}',
        b"[]",
    ):
        path.write_bytes(data)
        assert spans_in(path) == ([], [])


# --- what other backends do to spans -------------------------------------------------------------------------------


def test_jaeger_kinds_status_links_and_events_come_back(tmp_path):
    other = {"refType": "FOLLOWS_FROM", "traceID": "f" * 32, "spanID": "e" * 16}
    tags = [
        {"key": "span.kind", "type": "string", "value": "client"},
        {"key": "otel.status_code", "type": "string", "value": "ERROR"},
        {"key": "otel.status_description", "type": "string", "value": "late"},
        {"key": "otel.scope.name", "type": "string", "value": "lib"},
        {"key": names.CUT, "type": "string", "value": '["a","b"]'},
        {"key": "ratio", "type": "float64", "value": 0.5},
        {"key": "data", "type": "binary", "value": "AAE="},
    ]
    log = {"timestamp": 3, "fields": [{"key": "event", "type": "string", "value": "retry"}]}
    one = {"traceID": "ab" * 16, "spanID": "cd" * 8, "references": [other], "tags": tags, "logs": [log]}
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps({"data": [{"traceID": "ab" * 16, "spans": [one | {"startTime": 2, "duration": 5}]}]})
    )
    ((span,), _) = spans_in(path)
    assert (span.kind, span.status_code, span.status_message, span.scope) == (3, 2, "late", "lib")
    assert (span.started_ns, span.ended_ns, span.parent_id) == (2000, 7000, "")
    assert dict(span.attributes) == {names.CUT: ("a", "b"), "ratio": 0.5, "data": b"\x00\x01"}
    assert [link["trace_id"] for link in span.links] == ["f" * 32]
    assert [(event["name"], event["time_ns"]) for event in span.events] == [("retry", 3000)]


def test_langfuse_ids_of_its_own_are_digested_and_its_names_are_those_of_its_sdk(tmp_path):
    observation = {
        "id": "gen-1",
        "traceId": "123e4567-e89b-12d3-a456-426614174000",
        "type": "GENERATION",
        "startTime": "2026-11-21T01:00:00.123Z",
        "endTime": None,
        "model": "gpt-4o",
        "input": [{"role": "user", "content": "hi"}],
        "costDetails": {"total": 0.25},
        "level": "ERROR",
        "parentObservationId": None,
    }
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(observation) + "\n")
    ((span,), _) = spans_in(path)
    assert span.trace_id == "123e4567e89b12d3a456426614174000"
    assert len(span.span_id) == 16
    assert span.started_ns == 1_795_222_800_123_000_000
    assert (span.ended_ns, span.status_code) == (0, 2)
    assert span.attributes["langfuse.observation.input"] == '[{"role": "user", "content": "hi"}]'
    assert span.attributes["langfuse.observation.cost_details"] == '{"total": 0.25}'


def test_phoenix_flat_otlp_spans_are_read(tmp_path):
    one = {
        "name": "chat",
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "parent_span_id": None,
        "start_time_unix_nano": 1,
        "end_time_unix_nano": 2,
        "attributes": [{"key": "llm.model_name", "value": {"string_value": "m", "int_value": None}}],
        "status": {"code": 1, "message": ""},
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"data": [one], "next_cursor": None}))
    ((span,), _) = spans_in(path)
    assert (span.name, span.ended_ns, dict(span.attributes)) == ("chat", 2, {"llm.model_name": "m"})


def test_a_line_that_can_stand_on_a_tape_is_passed_through_as_it_came(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(GOOD)
    (source,) = find([str(path)])
    for placed, wanted in zip(read(source, refuse), made.run(), strict=True):
        span, line = decode(placed.found.form, placed.found.data)
        assert line == span_line(wanted)
        assert span.span_id == wanted.span_id


# --- any input -----------------------------------------------------------------------------------------------------

DOCUMENTS = {
    name: json.loads(made.FORMS[name](made.run(turns=1)))
    for name in ("one line", "snake_case", "Tempo v1", "Tempo v2", "Jaeger", "Phoenix", "Langfuse trace")
}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2026-11-21T01:00:00Z", "ab" * 16, "99999-01-01", "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def altered(draw):
    """A document of some format in which one value is another, of any type."""
    document = json.loads(json.dumps(DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))]))
    holder = document
    while True:
        key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 5)) == 0:
            holder[key] = draw(anything)
            return document
        holder = inner


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(altered())
def test_no_document_does_more_than_be_damaged(document):
    data = json.dumps(document).encode("utf-8", "surrogatepass")
    source = Source("x.json", lambda: io.BytesIO(data))
    with contextlib.suppress(TapeError), Assembly() as assembly:
        for placed in read(source, refuse):
            assembly.add("x.json", placed)
        for gathered in assembly.gathered():
            facts_of([member.span for member in gathered.members()], run_id=gathered.run_id)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(made.FORMS)), st.data())
def test_no_flipped_or_cut_byte_does_more_than_be_damaged(form, data):
    bad = bytearray(made.FORMS[form](made.run(turns=1)))
    at = data.draw(st.integers(0, len(bad) - 1))
    bad[at] ^= data.draw(st.integers(1, 255))
    bad = bad[: data.draw(st.sampled_from([len(bad), at]))]
    source = Source("x.json", lambda: io.BytesIO(bytes(bad)))
    with contextlib.suppress(TapeError):
        for placed in read(source, refuse):
            if placed.found.form != LOG:
                decode(placed.found.form, placed.found.data)
