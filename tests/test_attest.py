"""A whole tape attested and verified: what the statement says, and what does not pass."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape.attest import (
    Envelope,
    attest,
    attestation_path,
    countersign,
    load_envelope,
    prove,
    signed_statement,
    verify,
    verify_proof,
    write_attestation,
)
from spantape.attest.dsse import sign
from spantape.attest.predicate import PAYLOAD_TYPE, Model
from spantape.attest.sealed import environment_of, models_of, read_sealed, redactions_of, rfc3339
from spantape.errors import (
    BadSignature,
    ClaimMismatch,
    DigestMismatch,
    EvidenceError,
    OtherTape,
    SchemaViolation,
    SpantapeError,
    TapeDamaged,
    TapeError,
    TapeNotFound,
    UnknownKey,
    Unsigned,
    UsageError,
)
from spantape.rerun.keys import PrivateKey
from spantape.tape.read import read_tape
from spantape.tape.write import TapeWriter, write_tape
from spantape.testing.clock import FixedClock
from tape_spans import (
    CHAT,
    JSON,
    RUN,
    agent_span,
    any_spans,
    edited,
    exchange,
    exchange_span,
    run_spans,
    sdk_run,
    sealed,
    span,
    tool_span,
    values,
)

ALICE, BOB = (PrivateKey(bytes([byte]) * 32) for byte in (1, 2))
HEADER = {
    "service.name": "weather",
    "process.runtime.version": "3.12.1",
    "spantape.version": "0.1.0",
    "spantape.package.openai": "3.52.0",
    "host.name": "a machine",
    "process.pid": 7,
}


@pytest.fixture
def tape(tmp_path):
    path = tmp_path / "run.tape"
    sealed(path)
    return path


def stated(envelope):
    return json.loads(envelope.payload)


def attest_beside(path, *keys):
    envelope = attest(path, *(keys or (ALICE,)))
    write_attestation(envelope, attestation_path(path), overwrite=True)
    return envelope


# --- what is stated ----------------------------------------------------------------------------------------------


def test_the_statement_is_about_the_file_of_the_tape(tape):
    statement = stated(attest(tape, ALICE))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:spantape:attestation:tape:v1"
    digest = read_sealed(tape).file.sha256
    assert statement["subject"] == [{"name": "run.tape", "digest": {"sha256": digest}}]


def test_the_predicate_says_what_the_tape_holds(tmp_path):
    asked = {names.PROVIDER: "openai", names.REQUEST_MODEL: "m", "gen_ai.response.model": "m-1"}
    spans = [
        agent_span(0),
        span(1, run_spans(1)[0].attributes | asked | {names.STEP: 1, names.REDACTED: ("email:2", "iban:1")}),
        tool_span(2, {"q": 1}),
    ]
    path = tmp_path / "run.tape"
    tape = write_tape(path, spans, name="a run", run_id=RUN, resource=HEADER)
    envelope = attest(path, ALICE, clock=FixedClock(), software="a test")
    predicate = stated(envelope)["predicate"]
    root, salted = predicate["steps"].pop("root"), predicate["fingerprint"].pop("salted")
    assert predicate == {
        "tape": {"format": 1, "runId": RUN, "name": "a run", "spans": 3},
        "fingerprint": {"algorithm": "spantape.fingerprint.v1", "plain": None},
        "steps": {"count": 3, "tree": "rfc6962-sha256", "leaf": "spantape.step.v1"},
        "models": [{"provider": "openai", "requested": "m", "answered": "m-1"}],
        "environment": {
            "service.name": "weather",
            "process.runtime.version": "3.12.1",
            "spantape.version": "0.1.0",
            "spantape.package.openai": "3.52.0",
        },
        "redactions": {"email": 2, "iban": 1},
        "traceId": "ab" * 16,
        "recorded": {"started": "1970-01-01T00:00:00Z", "ended": "1970-01-01T00:00:00Z"},
        "attested": {"time": "2023-11-14T22:13:20Z", "software": "a test"},
    }
    assert len(root) == len(salted) == 64
    assert tape.fingerprint not in envelope.payload.decode()


def test_the_fingerprint_is_stated_openly_on_request_only(tape):
    openly = attest(tape, ALICE, fingerprint=True)
    fingerprint = read_tape(tape).fingerprint
    assert stated(openly)["predicate"]["fingerprint"]["plain"] == fingerprint
    assert verify(tape, [ALICE.public], attestation=openly).tape.fingerprint == fingerprint
    assert fingerprint.encode() not in attest(tape, ALICE).payload


def test_the_same_tape_key_and_time_give_the_same_attestation(tape):
    assert attest(tape, ALICE, clock=FixedClock()) == attest(tape, ALICE, clock=FixedClock())


def test_a_run_of_several_traces_has_no_one_trace(tmp_path):
    spans = [replace(one, trace_id=f"{index + 1:032x}") for index, one in enumerate(run_spans(2))]
    sealed(tmp_path / "run.tape", spans)
    assert stated(attest(tmp_path / "run.tape", ALICE))["predicate"]["traceId"] is None


def test_models_of_other_instrumentations_count_and_each_is_named_once():
    def of(**attributes):
        return span(0, {f"gen_ai.{name.replace('_', '.')}": value for name, value in attributes.items()})

    spans = [
        of(request_model="b"),
        of(request_model="a", provider_name="p"),
        of(request_model="b"),
        of(usage=1),
    ]
    assert models_of([*spans, of(request_model=7)]) == (Model("", "b", ""), Model("p", "a", ""))


def test_redactions_are_summed_and_what_is_no_count_is_passed_over():
    def of(*entries):
        return span(0, {names.REDACTED: entries})

    spans = [of("email:2", "my:kind:1"), of("email:3", "no count", ":4", "x:-1", "x:1.5", "x:" + "9" * 99, 7)]
    assert redactions_of([*spans, span(1, {names.REDACTED: 5})]) == {"email": 5, "my:kind": 1}


def test_the_environment_is_the_programs_and_texts_only():
    assert environment_of({"os.type": "linux", "service.version": 2, "user.name": "ada"}) == {
        "os.type": "linux"
    }


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (999_999_999, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1_750_000_000_123_456_789, "2025-06-15T15:06:40Z"),
        ((1 << 64) - 1, "2554-07-21T23:34:33Z"),
        (-(1 << 63), "1677-09-21T00:12:43Z"),
    ],
)
def test_times_are_the_second_that_they_lie_in(time_ns, expected):
    assert rfc3339(time_ns) == expected


# --- what verifies -----------------------------------------------------------------------------------------------


def test_verifying_gives_back_the_tape_and_who_vouches_for_it(tape):
    attest_beside(tape)
    found = verify(tape, [ALICE.public])
    assert found.tape.fingerprint == read_tape(tape).fingerprint
    assert [key.key for key in found.signed.signers] == [ALICE.public]
    assert found.signed.unproven == ()
    assert [check.name for check in found.checks] == [
        "attested",
        "subject",
        "fingerprint as attested",
        "steps as attested",
        "claims",
    ]


def test_several_keys_sign_together_and_each_is_trusted_alone(tape):
    attest_beside(tape, ALICE, BOB)
    for key, other in ((ALICE, BOB), (BOB, ALICE)):
        signed = verify(tape, [key.public]).signed
        assert [signer.key for signer in signed.signers] == [key.public]
        assert signed.unproven == (other.id,)


def test_another_party_countersigns_the_same_statement(tape):
    envelope = attest(tape, ALICE)
    both = countersign(tape, envelope, BOB)
    assert both.payload == envelope.payload
    signed = verify(tape, [ALICE.public, BOB.public], attestation=both).signed
    assert [signer.key for signer in signed.signers] == [ALICE.public, BOB.public]
    assert countersign(tape, both, BOB, ALICE) == both


def test_an_attestation_that_is_not_of_the_tape_is_not_countersigned(tape):
    envelope = attest(tape, ALICE)
    statement = stated(envelope)
    statement["predicate"]["steps"]["count"] = 3
    false = sign(PAYLOAD_TYPE, json.dumps(statement).encode(), [ALICE])
    with pytest.raises(ClaimMismatch, match=r"predicate\.steps\.count: got 3, expected 4"):
        countersign(tape, false, BOB)
    sealed(tape, run_spans(2))
    with pytest.raises(DigestMismatch):
        countersign(tape, envelope, BOB)


def test_no_more_sign_than_a_verifier_takes(tape):
    keys = [PrivateKey(bytes([number]) * 32) for number in range(65)]
    envelope = countersign(tape, attest(tape, keys[0]), *keys[:64])
    assert len(verify(tape, [keys[63].public], attestation=envelope).signed.unproven) == 63
    with pytest.raises(UsageError, match="got 65 signatures, expected at most 64"):
        countersign(tape, envelope, keys[64])


def test_the_attestation_may_lie_elsewhere(tape, tmp_path):
    write_attestation(attest(tape, ALICE), tmp_path / "elsewhere.json")
    assert verify(tape, [ALICE.public], attestation=tmp_path / "elsewhere.json").tape.sealed


def test_a_tape_that_was_renamed_is_still_the_one(tape):
    envelope = attest(tape, ALICE)
    assert verify(tape.rename(tape.with_name("other.tape")), [ALICE.public], attestation=envelope).tape.sealed


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_tapes_of_any_length_are_attested(tmp_path, count):
    spans = run_spans(count) or [span(0, {"db.system.name": "sqlite", names.RUN_ID: RUN})]
    sealed(tmp_path / "run.tape", spans)
    envelope = attest(tmp_path / "run.tape", ALICE)
    assert (
        verify(
            tmp_path / "run.tape", [ALICE.public], attestation=envelope
        ).signed.statement.predicate.steps.count
        == count
    )


_read_keys = st.sampled_from(
    [
        names.REQUEST_MODEL,
        names.PROVIDER,
        names.REDACTED,
        "gen_ai.response.model",
        "os.type",
        "spantape.package.x",
    ]
)


@settings(max_examples=40)
@given(
    st.lists(any_spans, max_size=3, unique_by=lambda one: one.span_id),
    st.dictionaries(_read_keys, values, max_size=4),
)
def test_whatever_a_tape_holds_is_attested_and_verifies(tmp_path_factory, spans, odd):
    path = tmp_path_factory.mktemp("any") / "run.tape"
    own = [*run_spans(2), tool_span(2, {"a": 1.5})]
    own[1] = replace(own[1], attributes={**own[1].attributes, **odd})
    write_tape(path, [*own, *spans], name="a run", run_id=RUN, resource=odd)
    envelope = attest(path, ALICE)
    assert verify(path, [ALICE.public], attestation=envelope).tape.run_id == RUN
    assert verify_proof(prove(path, 0, attestation=envelope), [ALICE.public]).record.index == 0


def test_odd_texts_on_a_tape_are_attested_and_proven(tmp_path):
    odd = "\ud800\x00\u2028é" * 2
    request = Request(
        "POST", CHAT + "#" + odd.encode("utf-8", "replace").decode(), (("x-odd", "a\nb"),), b"\xff"
    )
    failed = Exchange(request, None, "error", Failure("some.Error", odd.replace("\ud800", "?")))
    spans = [
        exchange_span(0, failed),
        tool_span(1, json.dumps({odd: odd}), 10**400),
        tool_span(2, "[NaN, -0.0, 1e400]"),
        exchange_span(3, Exchange(Request("GET", "", (), b""), Response(204, (), b""))),
    ]
    path = tmp_path / "run.tape"
    sealed(path, spans)
    envelope = attest(path, ALICE)
    assert verify(path, [ALICE.public], attestation=envelope).tape.sealed
    for step in range(4):
        assert verify_proof(prove(path, step, attestation=envelope), [ALICE.public]).record.index == step


# --- what does not pass ------------------------------------------------------------------------------------------


def test_a_tape_without_an_attestation_is_unsigned(tape):
    with pytest.raises(Unsigned, match=r"run\.tape\.att.*not attested.*spantape attest"):
        verify(tape, [ALICE.public])


def test_an_attestation_that_was_named_and_is_not_there_is_an_error(tape, tmp_path):
    with pytest.raises(EvidenceError, match="cannot be read"):
        verify(tape, [ALICE.public], attestation=tmp_path / "none.att")


@pytest.mark.parametrize("trust", [[], [BOB.public]])
def test_a_signature_of_no_trusted_key_is_unknown(tape, trust):
    attest_beside(tape)
    with pytest.raises(UnknownKey, match="signed by an unknown key"):
        verify(tape, trust)


@pytest.mark.parametrize("keys", [[], [ALICE] * 65])
def test_attesting_without_a_key_or_with_too_many_is_refused(tape, keys):
    with pytest.raises(UsageError, match=f"got {len(keys)} keys to sign with, expected 1 to 64"):
        attest(tape, *keys)


def test_a_tape_that_changed_afterwards_is_another_file_of_its_run(tape):
    attest_beside(tape)
    sealed(tape, [*run_spans(4), tool_span(4, {})])
    with pytest.raises(DigestMismatch, match="changed after it was attested"):
        verify(tape, [ALICE.public])


def test_a_tape_of_another_run_is_another_tape(tape, tmp_path):
    envelope = attest(tape, ALICE)
    other = tmp_path / "other.tape"
    write_tape(other, sdk_free_spans(), name="other", run_id="f" * 32)
    with pytest.raises(OtherTape, match=f"is of run '{RUN}', expected run '{'f' * 32}'"):
        verify(other, [ALICE.public], attestation=envelope)


def sdk_free_spans():
    return [replace(one, attributes=one.attributes | {names.RUN_ID: "f" * 32}) for one in run_spans(1)]


def test_the_same_run_packed_anew_is_another_file(tape, tmp_path):
    envelope = attest(tape, ALICE)
    again = tmp_path / "again.tape"
    sealed(again, [*run_spans(4)[:3], exchange_span(3, exchange(3), None, name="renamed")])
    assert read_tape(again).fingerprint == read_tape(tape).fingerprint
    with pytest.raises(DigestMismatch):
        verify(again, [ALICE.public], attestation=envelope)


@given(st.data())
@settings(max_examples=40)
def test_any_flipped_bit_of_the_tape_is_noticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("flip") / "run.tape"
    sealed(path, run_spans(2))
    attest_beside(path)
    bit = data.draw(st.integers(0, path.stat().st_size * 8 - 1))
    edited(path, lambda held: held.__setitem__(bit // 8, held[bit // 8] ^ (1 << bit % 8)))
    with pytest.raises(SpantapeError):
        verify(path, [ALICE.public])


@given(st.data())
@settings(max_examples=60)
def test_a_changed_byte_of_the_attestation_is_refused_or_means_the_same(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("flip") / "run.tape"
    sealed(path, run_spans(1))
    envelope = attest_beside(path)
    file = attestation_path(path)
    at = data.draw(st.integers(0, file.stat().st_size - 1))
    edited(file, lambda held: held.__setitem__(at, data.draw(st.integers(0, 255))))
    try:
        found = verify(path, [ALICE.public]).signed
    except SpantapeError:
        return
    assert found.statement == signed_statement(envelope, [ALICE.public]).statement


def test_a_partial_tape_is_refused_with_the_reason(tape, tmp_path):
    journal = tmp_path / "cut.tape"
    writer = TapeWriter(journal, name="cut", run_id=RUN)
    for one in sdk_run(1):
        writer.add(one)
    writer.release()
    with pytest.raises(
        TapeError, match=r"cut\.tape\.journal.*recording that was cut short.*cannot be attested"
    ):
        attest(journal, ALICE)
    with pytest.raises(TapeError, match="cannot be attested"):
        verify(journal, [ALICE.public], attestation=attest(tape, ALICE))


def test_a_damaged_tape_is_not_attested(tape):
    edited(tape, lambda held: held.__setitem__(len(held) // 2, held[len(held) // 2] ^ 1))
    with pytest.raises(TapeDamaged):
        attest(tape, ALICE)


def test_a_tape_that_is_not_there_is_not_attested(tmp_path):
    with pytest.raises(TapeNotFound):
        attest(tmp_path / "none.tape", ALICE)


def test_a_status_that_no_double_holds_is_not_attested(tmp_path):
    spans = [span(0, run_spans(1)[0].attributes | {names.HTTP_STATUS: 2**60})]
    sealed(tmp_path / "run.tape", spans)
    with pytest.raises(
        TapeError, match=r"step 0, http\.response\.status_code: got status 1152921504606846976"
    ):
        attest(tmp_path / "run.tape", ALICE)


def test_an_attestation_that_would_be_too_large_is_not_made(tmp_path):
    spans = [
        span(index, {names.REQUEST_MODEL: "m" * 60_000 + str(index), names.RUN_ID: RUN})
        for index in range(20)
    ]
    sealed(tmp_path / "run.tape", spans)
    with pytest.raises(TapeError, match="larger than 1,048,576 bytes"):
        attest(tmp_path / "run.tape", ALICE)


def test_a_false_claim_is_refused_though_a_trusted_key_signed_it(tape):
    statement = stated(attest(tape, ALICE))
    statement["predicate"]["models"] = [{"provider": "p", "requested": "better", "answered": "best"}]
    envelope = sign(PAYLOAD_TYPE, json.dumps(statement).encode(), [ALICE])
    with pytest.raises(ClaimMismatch, match=r"predicate\.models: got \[\{.*better.*expected \[\]"):
        verify(tape, [ALICE.public], attestation=envelope)


def test_a_proof_of_who_signed_comes_before_what_is_said(tape):
    """What a statement says is not even looked at before a trusted key is known to have signed it."""
    junk = sign(PAYLOAD_TYPE, b"not json", [BOB])
    with pytest.raises(UnknownKey):
        verify(tape, [ALICE.public], attestation=junk)
    with pytest.raises(SchemaViolation):
        verify(tape, [BOB.public], attestation=junk)


# --- files -------------------------------------------------------------------------------------------------------


def test_an_attestation_that_is_there_is_not_replaced_unless_asked_for(tape, tmp_path):
    file = tmp_path / "run.tape.att"
    first, second = attest(tape, ALICE), attest(tape, BOB)
    write_attestation(first, file)
    with pytest.raises(EvidenceError, match="exists, and may hold the signature of another"):
        write_attestation(second, file)
    assert load_envelope(file) == first
    write_attestation(second, file, overwrite=True)
    assert load_envelope(file) == second


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tape, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(EvidenceError, match="cannot be written"):
        write_attestation(attest(tape, ALICE), tmp_path / "folder", overwrite=True)
    with pytest.raises(EvidenceError, match="cannot be written"):
        write_attestation(attest(tape, ALICE), tmp_path / "none" / "run.att")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "run.tape"]


def test_the_file_is_one_line_of_json(tape, tmp_path):
    write_attestation(attest(tape, ALICE), tmp_path / "run.att")
    text = (tmp_path / "run.att").read_text()
    assert text.count("\n") == 1
    assert list(json.loads(text)) == ["payload", "payloadType", "signatures"]


def test_a_bad_signature_is_told_from_an_unknown_key(tape):
    envelope = attest(tape, ALICE)
    changed = Envelope(envelope.payload_type, envelope.payload + b" ", envelope.signatures)
    with pytest.raises(BadSignature, match="says that it is by"):
        verify(tape, [ALICE.public], attestation=changed)


def test_what_is_signed_does_not_hold_what_was_said(tape):
    text = base64.b64encode(attest(tape, ALICE).payload) + attest(tape, ALICE).payload
    assert b"question" not in text
    assert b"answer 1" not in text
    assert JSON[0][1].encode() not in text
