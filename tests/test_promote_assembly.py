"""Spans become runs however they came, in memory that does not grow with them; what is missing is named."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import promote_sources as made
import spantape
from spantape._spans import names
from spantape.errors import PartialTapeWarning
from spantape.promote.assembly import BATCH_ROWS, Assembly
from spantape.promote.promoting import Asked, promote
from spantape.promote.sources import Placed
from spantape.promote.sources._base import found
from tape_spans import span


def put(assembly, spans, path="x.jsonl"):
    for number, one in enumerate(spans, 1):
        assembly.add(path, Placed(found(one), "line", number))


def grouped(spans):
    with Assembly() as assembly:
        put(assembly, spans)
        return {run.run_id: [member.span.span_id for member in run.members()] for run in assembly.gathered()}


def promoted(tmp_path, *files, **asked):
    tmp_path.mkdir(exist_ok=True)
    for number, data in enumerate(files):
        (tmp_path / f"{number}.jsonl").write_bytes(data)
    sources = [str(tmp_path / f"{number}.jsonl") for number in range(len(files))]
    return list(promote(sources, Asked(tmp_path / "tapes", **asked)))


def changed(spans, index, **attributes):
    one = spans[index]
    kept = {key: value for key, value in {**one.attributes, **attributes}.items() if value is not None}
    spans[index] = replace(one, attributes=kept)
    return spans


# --- grouping ------------------------------------------------------------------------------------------------------


def test_shuffled_repeated_and_split_runs_become_the_same_tapes(tmp_path):
    runs = [made.run(number, turns=3) for number in range(4)]
    every = [one for run in runs for one in run]
    straight = promoted(tmp_path / "a", made.json_lines(every))
    mixed = every * 2
    random.Random(5).shuffle(mixed)
    third = len(mixed) // 3
    parts = [mixed[:third], mixed[third : 2 * third], mixed[2 * third :]]
    again = promoted(tmp_path / "b", *map(made.json_lines, parts))
    assert {one.run_id: one.fingerprint for one in straight} == {one.run_id: one.fingerprint for one in again}
    assert {one.path.name: one.path.read_bytes() for one in straight if one.path} == {
        one.path.name: one.path.read_bytes() for one in again if one.path
    }


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_spans_says_nothing(chance):
    spans = made.run(0) + made.run(1) + made.run(1)
    chance.shuffle(spans)
    assert {run: sorted(members) for run, members in grouped(spans).items()} == {
        run: sorted(members) for run, members in grouped(made.run(0) + made.run(1)).items()
    }


def test_a_span_without_a_run_is_of_the_first_run_of_its_trace():
    outer = span(8, {"http.route": "/chat"}, trace_id=f"{1:032x}")
    assert grouped([outer, *made.run(0)])[f"{1:032x}"][0] == outer.span_id


def test_one_run_over_several_traces_is_one():
    spans = [replace(one, trace_id=f"{number + 7:032x}") for number, one in enumerate(made.run(0))]
    assert list(grouped(spans)) == [f"{1:032x}"]


def test_several_runs_in_one_trace_are_several():
    spans = made.run(0) + [replace(one, trace_id=f"{1:032x}") for one in made.run(1)]
    assert sorted(map(len, grouped(spans).values())) == [4, 4]


def test_a_trace_without_a_run_goes_with_the_one_that_its_root_links_to():
    def link(trace):
        return ({"trace_id": trace * 16, "span_id": "01" * 8, "attributes": {}},)

    first = span(0, {}, trace_id="aa" * 16)
    second = span(1, {}, trace_id="bb" * 16, links=link("aa"))
    third = span(2, {}, trace_id="cc" * 16, links=link("bb"))
    inner = span(3, {}, trace_id="dd" * 16, parent="02" * 8, links=link("aa"))
    stray = span(4, {}, trace_id="ee" * 16, links=link("99"))
    ours = replace(made.run(0)[0], trace_id="ff" * 16)
    to_ours = span(5, {}, trace_id="12" * 16, links=link("ff"))
    runs = grouped([third, first, second, inner, stray, to_ours, ours])
    assert sorted(map(len, runs.values())) == [1, 1, 2, 3]
    assert len(runs["aa" * 16]) == 3
    assert len(runs[f"{1:032x}"]) == 2


def test_links_in_a_circle_end():
    one = span(0, {}, trace_id="aa" * 16, links=({"trace_id": "bb" * 16, "span_id": "", "attributes": {}},))
    two = span(1, {}, trace_id="bb" * 16, links=({"trace_id": "aa" * 16, "span_id": "", "attributes": {}},))
    assert list(map(len, grouped([one, two]).values())) == [2]


def test_of_a_repeated_span_the_one_that_ended_stays():
    pending = replace(made.run(0)[0], ended_ns=0, attributes={names.RUN_ID: f"{1:032x}"})
    with Assembly() as assembly:
        put(assembly, [pending, *made.run(0)])
        (run,) = assembly.gathered()
        assert all(member.span.ended_ns for member in run.members())


# --- memory --------------------------------------------------------------------------------------------------------


def test_what_is_held_does_not_grow_with_the_spans():
    line = found(made.run(0)[0])
    most_rows = most_bytes = 0
    with Assembly() as assembly:
        for number in range(20_000):
            trace = f"{number:032x}"
            assembly.add("x", Placed(line._replace(trace_id=trace, run_id=trace), "line", number))
            most_rows, most_bytes = max(most_rows, assembly.held_rows), max(most_bytes, assembly.held_bytes)
        assert most_rows < BATCH_ROWS
        assert most_bytes < (1 << 20) + len(line.data)
        runs = iter(assembly.gathered())
        first = next(runs)
        assert (assembly.held_rows, assembly.held_bytes, len(first.raw)) == (0, 0, 1)
        assert assembly.runs == 20_000


# --- what is missing -----------------------------------------------------------------------------------------------


def test_a_run_without_its_root_waits_and_is_named(tmp_path):
    (outcome,) = promoted(tmp_path, made.json_lines(made.run()[:-1]))
    assert outcome.state == "waits"
    assert outcome.path is None
    (reason,) = outcome.reasons
    assert "step 0 (parent span 0000000000000001 of 'span 1') of 4 is missing" in reason
    assert "OTEL_TRACES_SAMPLER=parentbased_always_on" in reason


def test_a_run_that_comes_whole_over_two_sources_does_not_wait(tmp_path):
    spans = made.run()
    (outcome,) = promoted(tmp_path, made.json_lines(spans[2:]), made.json_lines(spans[:2]))
    assert outcome.state == "promoted"


def test_a_missing_step_in_the_middle_is_named(tmp_path):
    (outcome,) = promoted(tmp_path, made.json_lines(made.run(turns=3)[1:]))
    assert "step 1 of 5 is missing" in outcome.reasons[0]


def test_a_step_number_of_any_size_costs_nothing(tmp_path):
    (outcome,) = promoted(tmp_path, made.json_lines(changed(made.run(), 0, **{names.STEP: 1 << 62})))
    assert f"steps 1, 4, 5 and 4611686018427387898 more of {(1 << 62) + 1} are missing" in outcome.reasons[0]


def test_a_span_that_has_not_ended_waits(tmp_path):
    spans = made.run()
    spans[-1] = replace(spans[-1], ended_ns=0)
    (outcome,) = promoted(tmp_path, made.json_lines(spans))
    assert "has not ended" in outcome.reasons[0]


def test_a_partial_tape_has_no_seal_and_says_so(tmp_path):
    (outcome,) = promoted(tmp_path, made.json_lines(made.run()[:-1]), partial=True)
    assert (outcome.state, outcome.steps) == ("partial", 3)
    with pytest.warns(PartialTapeWarning, match="without a seal"):
        tape = spantape.read_tape(outcome.path)
    assert (tape.sealed, len(tape.steps)) == (False, 3)


def test_a_later_promotion_completes_a_run(tmp_path):
    spans = made.run()
    promoted(tmp_path, made.json_lines(spans[:-1]), partial=True)
    (whole,) = promoted(tmp_path, made.json_lines(spans))
    assert whole.state == "promoted"
    assert spantape.read_tape(whole.path).sealed


@pytest.mark.parametrize("run_id", [None, "a/run of-mine: ü", "1234567890123-2"])
@pytest.mark.parametrize("first", [slice(0, 2), slice(2, None), slice(1, 3)])
def test_a_run_that_comes_in_two_promotions_is_one_tape(tmp_path, first, run_id):
    spans = made.run(turns=3)
    for index in range(len(spans) if run_id else 0):
        changed(spans, index, **{names.RUN_ID: run_id})
    (half,) = promoted(tmp_path, made.json_lines(spans[first]), partial=True)
    rest = [one for one in spans if one not in spans[first]]
    (whole,) = promoted(tmp_path, made.json_lines(rest))
    assert (half.state, whole.state, whole.steps) == ("partial", "promoted", 5)
    assert whole.grades == {"exact": 5, "reconstructed": 0, "skeleton": 0}
    assert [path.name for path in (tmp_path / "tapes").iterdir()] == [whole.path.name]
    (at_once,) = promoted(tmp_path / "b", made.json_lines(spans))
    assert whole.fingerprint == at_once.fingerprint


def test_a_parent_that_holds_no_step_costs_nothing_and_is_noted(tmp_path):
    spans = made.run()
    spans[-1] = replace(spans[-1], parent_id="99" * 8)
    (outcome,) = promoted(tmp_path, made.json_lines(spans))
    assert outcome.state == "promoted"
    assert "its parent 9999999999999999 is in no source" in outcome.notes[0]


# --- what a step lacks ---------------------------------------------------------------------------------------------


def losses(tmp_path, spans):
    (outcome,) = promoted(tmp_path, made.json_lines(spans))
    assert outcome.state == "promoted"
    assert spantape.read_tape(outcome.path).sealed
    return outcome, {index: grade.reasons[0] for index, grade in outcome.losses}


def test_a_missing_base_is_named_with_the_setting_that_keeps_it(tmp_path):
    spans = changed(
        made.run(), 0, **{names.REQUEST_BODY: None, names.REQUEST_DIGEST: None, names.CONTENT: "none"}
    )
    outcome, told = losses(tmp_path, spans)
    assert outcome.grades == {"exact": 2, "reconstructed": 0, "skeleton": 2}
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT" in told[1]
    assert "is not on the tape" in told[2]
    assert "tail sampling by trace" in told[2]


def test_a_truncated_attribute_is_named_with_the_setting_that_keeps_it(tmp_path):
    spans = made.run(turns=1)
    body = spans[0].attributes[names.RESPONSE_BODY]
    outcome, told = losses(tmp_path, changed(spans, 0, **{names.RESPONSE_BODY: body[:20]}))
    assert outcome.grades["skeleton"] == 1
    assert "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" in told[1]
    with pytest.raises(spantape.TapeError):
        _ = spantape.read_tape(outcome.path).steps[1].response


def test_dropped_attributes_are_counted_with_the_setting_that_keeps_them(tmp_path):
    spans = made.run(turns=1)
    spans = changed(spans, 0, **{names.REQUEST_BODY: None})
    spans[0] = replace(spans[0], dropped_attributes=3)
    _, told = losses(tmp_path, spans)
    assert "3 attributes were dropped by a limit" in told[1]
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in told[1]


def test_what_the_limits_of_an_sdk_cut_is_named(tmp_path):
    spans = changed(made.run(turns=1), 0, **{names.CUT: (names.REQUEST_BODY,), names.REQUEST_BODY: None})
    _, told = losses(tmp_path, spans)
    assert "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT" in told[1]


def test_a_tool_without_its_arguments_is_a_skeleton(tmp_path):
    spans = changed(made.run(turns=1), 1, **{names.ARGUMENTS: None})
    spans[1] = replace(spans[1], dropped_attributes=1)
    outcome, told = losses(tmp_path, spans)
    assert outcome.grades["skeleton"] == 1
    assert "1 attribute was dropped" in told[2]


def test_a_skeleton_is_refused_on_replay_with_its_reason(tmp_path):
    spans = changed(made.run(turns=1), 0, **{names.REQUEST_BODY: None, names.CONTENT: "none"})
    outcome, _ = losses(tmp_path, spans)
    tape = spantape.read_tape(outcome.path)
    assert tape.steps[1].span.attributes[names.GRADE] == "skeleton"
    with (
        pytest.raises(spantape.NotReplayable, match="CAPTURE_MESSAGE_CONTENT"),
        spantape.replay(outcome.path),
    ):
        pass


def test_a_span_of_a_wrong_type_refuses_its_run_alone(tmp_path):
    spans = changed(made.run(0), 0, **{names.HTTP_STATUS: "ok"}) + made.run(1)
    first, second = promoted(tmp_path, made.json_lines(spans))
    assert (first.state, second.state) == ("refused", "promoted")
    assert "expected int" in first.reasons[0]
