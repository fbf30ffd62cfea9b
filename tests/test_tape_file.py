"""A tape is written, read, sealed, and never silently wrong."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._spans import names
from spantape.errors import PartialTapeWarning, TapeDamaged, TapeError, TapeNotFound, UsageError
from spantape.tape.build import recorded_spans, runs_of, tape_of
from spantape.tape.limits import Limits
from spantape.tape.otlp import span_line
from spantape.tape.read import read_tape
from spantape.tape.seal import TRAILER_BYTES
from spantape.tape.verify import verify_tape
from spantape.tape.write import TapeWriter, write_tape
from tape_spans import (
    RUN,
    agent_span,
    any_spans,
    chat,
    edited,
    exchange,
    exchange_span,
    names_in,
    run_spans,
    sdk_run,
    sealed,
    span,
    tool_span,
)


def unpacked(path) -> bytes:
    packed = path.read_bytes()[:-TRAILER_BYTES]
    return zstandard.ZstdDecompressor().decompress(packed)


def lines_of(path) -> list[dict]:
    return [json.loads(line) for line in unpacked(path).splitlines()]


def attributes_of(line: dict) -> dict:
    [group] = line["resourceSpans"]
    return {pair["key"]: pair["value"] for pair in group["resource"]["attributes"]}


def test_a_run_comes_back_whole(tmp_path):
    written = sealed(tmp_path / "a.tape", turns=5)
    tape = read_tape(tmp_path / "a.tape")
    assert tape.sealed
    assert (tape.run_id, tape.name, tape.notes) == (RUN, "a run", ())
    assert [step.exchange() for step in tape.steps] == [exchange(turn) for turn in range(5)]
    assert tape.fingerprint == written.fingerprint
    assert [dict(span.attributes) for span in tape.spans] == [dict(span.attributes) for span in run_spans(5)]


@given(st.lists(any_spans, max_size=4, unique_by=lambda one: (one.trace_id, one.span_id)))
@settings(max_examples=60, deadline=None)
def test_any_spans_come_back_from_a_file(tmp_path_factory, spans):
    path = tmp_path_factory.getbasetemp() / "any.tape"
    write_tape(path, spans, run_id=RUN)
    assert sorted(read_tape(path).spans, key=repr) == sorted(spans, key=repr)


def test_sdk_spans_come_back_in_order_of_start(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", name="n", run_id=RUN, resource={"service.name": "s"})
    for recorded in reversed(sdk_run(4)):
        writer.add(recorded)
    tape = writer.close()
    assert [step.kind for step in tape.steps] == ["agent"] + ["exchange"] * 4
    assert [step.parent for step in tape.steps[1:]] == [0] * 4 or tape.steps[1].parent is None
    assert tape.resource == {"service.name": "s"}
    assert read_tape(tmp_path / "a.tape") == tape
    assert names_in(tmp_path) == ["a.tape"]


def test_the_last_line_is_the_seal_and_the_first_names_the_run(tmp_path):
    tape = sealed(tmp_path / "a.tape")
    first, *_, last = map(attributes_of, lines_of(tmp_path / "a.tape"))
    assert first[names.RUN_ID] == {"stringValue": RUN}
    assert first[names.RUN_NAME] == {"stringValue": "a run"}
    assert last["spantape.seal.steps"] == {"intValue": "4"}
    assert last["spantape.seal.fingerprint"] == {"stringValue": tape.fingerprint}


def test_payloads_on_the_tape_are_readable_text(tmp_path):
    sealed(tmp_path / "a.tape")
    assert "question 3: wörd" in unpacked(tmp_path / "a.tape").decode()


def test_a_sealed_tape_holds_no_digest_that_follows_from_its_bodies(tmp_path):
    sealed(tmp_path / "a.tape", turns=3)
    text = unpacked(tmp_path / "a.tape").decode()
    assert names.REQUEST_DIGEST not in text
    assert names.RESPONSE_DIGEST not in text
    assert "spantape.request.base.span" in text
    assert (
        read_tape(tmp_path / "a.tape").steps[2].request_digest
        == run_spans(3)[2].attributes[names.REQUEST_DIGEST]
    )


def test_a_wrong_digest_stays_on_the_tape_and_is_named(tmp_path):
    first, second = run_spans(2)
    wrong = replace(second, attributes={**second.attributes, names.REQUEST_DIGEST: "0" * 64})
    tape = sealed(tmp_path / "a.tape", [first, wrong])
    with pytest.raises(TapeDamaged, match=r"step 1, request.body: got sha256 \w+, recorded 000"):
        tape.steps[1].request_body()
    with pytest.raises(TapeDamaged, match="step 1"):
        verify_tape(tmp_path / "a.tape")


@pytest.mark.skipif(
    not shutil.which("zstd") or not shutil.which("jq"), reason="needs the programs zstd and jq"
)
def test_zstd_and_jq_read_it(tmp_path):
    sealed(tmp_path / "a.tape")
    plain = subprocess.run(["zstd", "-dc", tmp_path / "a.tape"], check=True, capture_output=True).stdout
    query = ".resourceSpans[].scopeSpans[].spans[]?.name"
    names_ = subprocess.run(["jq", "-r", query], input=plain, check=True, capture_output=True).stdout
    assert names_.decode().split("\n")[:4] == ["span 0", "span 1", "span 2", "span 3"]


# --- damage ------------------------------------------------------------------------------------------------------


def test_every_one_of_60_random_bit_flips_is_detected(tmp_path):
    path = tmp_path / "a.tape"
    sealed(path, turns=20)
    whole = path.read_bytes()
    chance = random.Random(60)
    for bit in chance.sample(range(len(whole) * 8), 60):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(TapeDamaged, match=r"a\.tape"):
            read_tape(path)


def test_every_bit_flip_in_a_plain_sealed_file_is_detected(tmp_path):
    sealed(tmp_path / "a.tape", turns=1)
    plain = unpacked(tmp_path / "a.tape")
    path = tmp_path / "plain.tape"
    chance = random.Random(61)
    for bit in chance.sample(range(len(plain) * 8), 300):
        flipped = bytearray(plain)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(TapeError, match=r"plain\.tape"):
            read_tape(path)


def test_truncation_at_every_byte_is_a_named_error(tmp_path):
    path = tmp_path / "a.tape"
    sealed(path, turns=2)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(TapeDamaged, match=r"a\.tape"):
            read_tape(path)


def test_a_cut_names_the_byte_and_the_steps_before_it(tmp_path):
    spans = [exchange_span(i, exchange(i, answer=random.Random(i).randbytes(40_000))) for i in range(6)]
    sealed(tmp_path / "a.tape", spans)
    whole = (tmp_path / "a.tape").read_bytes()
    (tmp_path / "a.tape").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(TapeDamaged, match=rf"at byte {len(whole) * 3 // 4} .*; [2-4] whole steps precede"):
        read_tape(tmp_path / "a.tape")


def test_a_sealed_tape_without_its_trailer_was_cut_or_recompressed(tmp_path):
    sealed(tmp_path / "a.tape")
    plain = unpacked(tmp_path / "a.tape")
    for packed in (zstandard.ZstdCompressor().compress(plain), gzip.compress(plain)):
        (tmp_path / "a.tape").write_bytes(packed)
        with pytest.raises(TapeDamaged, match="cut or re-compressed"):
            read_tape(tmp_path / "a.tape")


def test_a_sealed_tape_unpacked_by_hand_is_read(tmp_path):
    tape = sealed(tmp_path / "a.tape")
    (tmp_path / "b.jsonl").write_bytes(unpacked(tmp_path / "a.tape"))
    read = read_tape(tmp_path / "b.jsonl")
    assert read.sealed
    assert read.fingerprint == tape.fingerprint


def test_a_plain_sealed_file_cut_or_grown_is_damaged(tmp_path):
    sealed(tmp_path / "a.tape")
    plain = unpacked(tmp_path / "a.tape")
    first, second, *rest = plain.splitlines(keepends=True)
    for changed in (plain[:-1], b"".join([first, *rest]), b"".join([second, first, *rest]), plain + second):
        (tmp_path / "b.jsonl").write_bytes(changed)
        with pytest.raises(TapeDamaged, match=r"b.jsonl"):
            read_tape(tmp_path / "b.jsonl")


def test_two_tapes_in_one_file_are_damaged(tmp_path):
    sealed(tmp_path / "a.tape")
    edited(tmp_path / "a.tape", lambda data: data.extend(bytes(data)))
    with pytest.raises(TapeDamaged, match="changed after it was sealed"):
        read_tape(tmp_path / "a.tape")


def test_a_newer_seal_asks_for_an_upgrade(tmp_path):
    sealed(tmp_path / "a.tape")
    newer = unpacked(tmp_path / "a.tape").replace(
        b'format","value":{"intValue":"1"}},{"key":"spantape.seal.steps',
        b'format","value":{"intValue":"2"}},{"key":"spantape.seal.steps',
    )
    (tmp_path / "b.jsonl").write_bytes(newer)
    with pytest.raises(TapeError, match="upgrade spantape"):
        read_tape(tmp_path / "b.jsonl")


def test_no_tape_is_named(tmp_path):
    with pytest.raises(TapeNotFound, match=r"none.tape"):
        read_tape(tmp_path / "none.tape")
    with pytest.raises(TapeError, match="directory"):
        read_tape(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip", b"\x28\xb5", b"not json\n", b"[]\n", random.Random(5).randbytes(99)]
)
def test_what_is_no_tape_is_named(tmp_path, content):
    (tmp_path / "a.tape").write_bytes(content)
    with pytest.raises(TapeDamaged, match=r"a\.tape"):
        read_tape(tmp_path / "a.tape")


def test_a_zstd_bomb_is_refused(tmp_path):
    bomb = zstandard.ZstdCompressor(level=1).compress(b'{"resourceSpans":[]}\n' * 2_000_000)
    (tmp_path / "a.tape").write_bytes(bomb)
    with pytest.raises(TapeDamaged, match=r"Limits.total_bytes"):
        read_tape(tmp_path / "a.tape", limits=Limits(total_bytes=1 << 20))
    (tmp_path / "b.tape").write_bytes(zstandard.ZstdCompressor(level=1).compress(b" " * (64 << 20)))
    with pytest.raises(TapeDamaged, match=r"Limits.line_bytes"):
        read_tape(tmp_path / "b.tape", limits=Limits(line_bytes=1 << 20))


def test_requests_that_rebuild_to_too_much_are_refused(tmp_path):
    sealed(tmp_path / "a.tape", turns=5)
    with pytest.raises(TapeDamaged, match=r"Limits.derived_bytes"):
        read_tape(tmp_path / "a.tape", limits=Limits(derived_bytes=1000))
    with pytest.raises(TapeDamaged, match=r"Limits.rebuilt_bytes"):
        verify_tape(tmp_path / "a.tape", limits=Limits(rebuilt_bytes=1000))


# --- files without a seal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_collectors_file_is_a_partial_tape(tmp_path, pack):
    grouped = [json.loads(span_line(one))["resourceSpans"][0] for one in reversed(run_spans(4))]
    lines = [json.dumps({"resourceSpans": grouped[:2]}), json.dumps({"resourceSpans": grouped[1:]})]
    (tmp_path / "out.jsonl").write_bytes(pack("\n".join(lines).encode()))
    with pytest.warns(PartialTapeWarning, match="4 whole steps"):
        tape = read_tape(tmp_path / "out.jsonl")
    assert not tape.sealed
    assert tape.run_id == RUN
    assert [step.exchange() for step in tape.steps] == [exchange(turn) for turn in range(4)]


def test_a_torn_collectors_file_is_damaged(tmp_path):
    whole = b"".join(map(span_line, run_spans(3)))
    for pack in (bytes, gzip.compress, zstandard.ZstdCompressor().compress):
        packed = pack(whole)
        (tmp_path / "out").write_bytes(packed[: len(packed) - 5])
        with pytest.raises(TapeDamaged, match=r"whole steps precede"):
            read_tape(tmp_path / "out")


def test_of_several_runs_one_is_chosen(tmp_path):
    other = [
        replace(one, trace_id="cd" * 16, attributes={**one.attributes, names.RUN_ID: "other"})
        for one in run_spans(2)
    ]
    (tmp_path / "out.jsonl").write_bytes(b"".join(map(span_line, [*run_spans(3), *other])))
    with pytest.raises(UsageError, match="got 2 runs"):
        read_tape(tmp_path / "out.jsonl")
    with pytest.warns(PartialTapeWarning):
        assert len(read_tape(tmp_path / "out.jsonl", run="other").steps) == 2
    with pytest.raises(TapeError, match=r"got run 'x', expected one of"):
        tape_of([*run_spans(1), *other], run="x")


def test_spans_without_a_run_id_go_with_their_trace():
    stray = span(9, {"db.system": "x"})
    elsewhere = span(10, {"db.system": "x"}, trace_id="cd" * 16)
    runs = runs_of([stray, elsewhere, *run_spans(1)])
    assert [one.name for one in runs[RUN]] == ["span 9", "span 0"]
    assert [one.name for one in runs["cd" * 16]] == ["span 10"]


# --- what a tape means -------------------------------------------------------------------------------------------


def test_foreign_spans_are_kept_and_give_no_step(tmp_path):
    sealed(tmp_path / "a.tape", [span(0, {"db.system": "x"}), *run_spans(0), tool_span(1, {"q": 1}, [2])])
    tape = read_tape(tmp_path / "a.tape")
    assert [step.kind for step in tape.steps] == ["tool"]
    assert len(tape.spans) == 2
    assert (tape.steps[0].arguments, tape.steps[0].result) == ({"q": 1}, [2])


def test_the_same_span_delivered_twice_is_one_step(tmp_path):
    first, second = run_spans(2)
    assert len(sealed(tmp_path / "a.tape", [first, second, first]).steps) == 2


def test_an_extended_tape_holds_both_runs_steps(tmp_path):
    before = sealed(tmp_path / "a.tape", turns=2)
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN, extends=before)
    for recorded in sdk_run(1):
        writer.add(recorded)
    assert [step.kind for step in writer.close().steps] == ["exchange", "exchange", "agent", "exchange"]
    assert read_tape(tmp_path / "a.tape").steps[1].request_body() == chat(1)


def test_merging_keeps_what_was_there(tmp_path):
    sealed(tmp_path / "a.tape", turns=3)
    writer = TapeWriter(tmp_path / "b.tape", run_id=RUN)
    for recorded in sdk_run(1):
        writer.add(recorded)
    assert len(writer.close(to=tmp_path / "a.tape", merge=True).steps) == 5
    assert len(verify_tape(tmp_path / "a.tape").checks) == 7


def test_aborting_leaves_the_tape_that_was_there(tmp_path):
    before = sealed(tmp_path / "a.tape")
    writer = TapeWriter(tmp_path / "a.tape", run_id="x")
    writer.add(sdk_run(1)[0])
    writer.abort()
    assert read_tape(tmp_path / "a.tape") == before
    assert names_in(tmp_path) == ["a.tape"]


def test_a_tape_without_steps_is_a_tape(tmp_path):
    TapeWriter(tmp_path / "a.tape", run_id=RUN).close()
    assert read_tape(tmp_path / "a.tape").steps == ()


def test_verification_says_what_it_proved(tmp_path):
    sealed(
        tmp_path / "a.tape",
        [agent_span(0), *[replace(s, span_id=f"{i + 9:016x}") for i, s in enumerate(run_spans(3))]],
    )
    receipt = verify_tape(tmp_path / "a.tape")
    assert receipt.sealed
    assert [check.name for check in receipt.checks] == [
        "trailer", "content", "steps", "spans", "fingerprint", "run.id", "payloads",
    ]  # fmt: skip
    assert receipt.bodies == 6
    assert receipt.bytes == sum(len(e.request.body) + len(e.response.body) for e in map(exchange, range(3)))
    assert "rebuilt" in str(receipt)


def test_sdk_spans_are_a_tape_without_any_file(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    spans = sdk_run(3)
    for recorded in spans:
        writer.add(recorded)
    assert tape_of(recorded_spans(spans)).fingerprint == writer.close().fingerprint


def test_a_huge_body_goes_through(tmp_path):
    body = random.Random(1).randbytes(3 << 20).hex().encode() * 4
    big = replace(exchange(0), request=replace(exchange(0).request, body=body))
    sealed(tmp_path / "a.tape", [exchange_span(0, big), exchange_span(1, big, body)])
    assert [step.request_body() for step in read_tape(tmp_path / "a.tape").steps] == [body, body]
