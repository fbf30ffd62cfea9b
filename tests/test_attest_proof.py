"""One step disclosed: it proves alone, nothing else does, and the other steps stay unknown."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._model import Exchange, Failure, Request, Response
from spantape._spans import names
from spantape.attest import attest, load_proof, merkle, proof, prove, read_proof, verify_proof, write_proof
from spantape.attest.dsse import sign
from spantape.attest.predicate import PAYLOAD_TYPE
from spantape.attest.record import AgentRecord, ExchangeRecord, ToolRecord
from spantape.attest.sealed import read_sealed
from spantape.errors import (
    BadSignature,
    DigestMismatch,
    ProofMismatch,
    SchemaViolation,
    SpantapeError,
    TapeError,
    UnknownKey,
    Unsigned,
    UsageError,
)
from spantape.rerun.keys import PrivateKey
from tape_spans import (
    CHAT,
    JSON,
    agent_span,
    chat,
    exchange,
    exchange_span,
    run_spans,
    sealed,
    span,
    tool_span,
)

ALICE, BOB = (PrivateKey(bytes([byte]) * 32) for byte in (1, 2))


def mixed_run():
    """An agent, an exchange, its delta, a tool, an exchange that failed, and one of bytes."""
    timeout = Exchange(
        Request("POST", CHAT, JSON, b"{}"), None, "error", Failure("httpx2.ReadTimeout", "late")
    )
    binary = Exchange(Request("GET", "https://api.example.com/x", (), b""), Response(200, JSON, b"\xff\x00"))
    return [
        agent_span(0),
        exchange_span(1, exchange(0), parent=f"{1:016x}"),
        exchange_span(2, exchange(1), chat(0)),
        tool_span(3, {"city": "Oslo"}, {"celsius": 4.5}),
        exchange_span(4, timeout),
        exchange_span(5, binary),
    ]


@pytest.fixture
def tape(tmp_path):
    path = tmp_path / "run.tape"
    sealed(path, mixed_run())
    return path


@pytest.fixture
def envelope(tape):
    return attest(tape, ALICE)


def proven(tape, step, envelope):
    return verify_proof(prove(tape, step, attestation=envelope), [ALICE.public])


def edited(made, **members):
    value = json.loads(made.to_json()) | members
    return read_proof(json.dumps(value).encode())


def test_an_exchange_comes_back_with_its_bodies(tape, envelope):
    found = proven(tape, 2, envelope)
    assert found.content == {"request": chat(1), "response": exchange(1).response.body}
    record = found.record
    assert isinstance(record, ExchangeRecord)
    assert (record.index, record.method, record.url, record.status, record.end) == (
        2,
        "POST",
        CHAT,
        200,
        "complete",
    )
    assert record.request_headers == record.response_headers == JSON
    assert record.request_sha256 == hashlib.sha256(chat(1)).hexdigest()
    assert (record.started_ns, record.ended_ns, record.trace_id) == ("1002", "2002", "ab" * 16)


def test_a_tool_comes_back_with_arguments_and_result(tape, envelope):
    found = proven(tape, 3, envelope)
    assert isinstance(found.record, ToolRecord)
    assert (found.record.name, found.record.error) == ("search", None)
    assert found.content == {"arguments": b'{"city": "Oslo"}', "result": b'{"celsius": 4.5}'}


def test_an_agent_and_what_ran_under_it_are_proven(tape, envelope):
    assert isinstance(proven(tape, 0, envelope).record, AgentRecord)
    assert proven(tape, 1, envelope).record.parent == 0


def test_an_exchange_that_failed_has_its_error_and_no_response(tape, envelope):
    found = proven(tape, 4, envelope)
    assert found.content == {"request": b"{}", "response": None}
    assert (found.record.error.type, found.record.error.message) == ("httpx2.ReadTimeout", "late")
    assert str(found.record) == f"POST {CHAT} → httpx2.ReadTimeout"


def test_bytes_that_are_no_text_come_back_as_they_were(tape, envelope):
    assert proven(tape, 5, envelope).content == {"request": b"", "response": b"\xff\x00"}


def test_a_step_recorded_without_content_is_proven_without_it(tmp_path):
    attributes = {
        key: value
        for key, value in run_spans(1)[0].attributes.items()
        if key not in (names.REQUEST_BODY, names.RESPONSE_BODY)
    }
    path = tmp_path / "run.tape"
    sealed(path, [span(0, attributes | {names.CONTENT: "none"})])
    found = proven(path, 0, attest(path, ALICE))
    assert found.content == {"request": None, "response": None}
    assert (found.record.request_sha256, found.record.status) == (None, 200)


@pytest.mark.parametrize("count", [*range(1, 10), 33])
def test_every_step_of_a_tape_of_any_length_proves(tmp_path, count):
    path = tmp_path / "run.tape"
    sealed(path, [tool_span(index, {"n": index}) for index in range(count)])
    made = attest(path, ALICE)
    for step in {0, count // 2, count - 1}:
        assert proven(path, step, made).content["arguments"] == b'{"n": %d}' % step


def test_a_proof_is_a_small_file_that_verifies_alone(tmp_path):
    path = tmp_path / "run.tape"
    sealed(path, [tool_span(index, {"n": index}) for index in range(200)])
    write_proof(prove(path, 150, attestation=attest(path, ALICE)), tmp_path / "proof.json")
    path.unlink()
    assert (tmp_path / "proof.json").stat().st_size < 6000
    found = verify_proof(tmp_path / "proof.json", [ALICE.public])
    assert found.content["arguments"] == b'{"n": 150}'
    assert [check.name for check in found.checks] == ["attested", "tape", "step", "content"]


def test_the_file_gives_the_proof_back(tape, envelope, tmp_path):
    made = prove(tape, 5, attestation=envelope)
    write_proof(made, tmp_path / "proof.json")
    assert load_proof(tmp_path / "proof.json") == made


# --- what is not told --------------------------------------------------------------------------------------------


def test_a_proof_holds_nothing_of_the_other_steps(tape, envelope):
    told = prove(tape, 3, attestation=envelope).to_json()
    for text in (b"question", b"answer", b"planner", CHAT.encode(), b"ReadTimeout"):
        assert text not in told


def test_a_neighbour_of_two_possible_contents_cannot_be_told_from_its_hash(tmp_path):
    """Whoever knows all of the other step but its answer, and tries both, finds neither hash in the proof."""
    path = tmp_path / "run.tape"
    sealed(path, [tool_span(0, {}, "approved"), tool_span(1, {}, "public")])
    made = prove(path, 1, attestation=attest(path, ALICE))
    leaves = read_sealed(path)
    shown = set(made.path)
    assert shown == {leaves.leaves[0]}
    for answer in ("approved", "denied"):
        guess = tmp_path / f"{answer}.tape"
        sealed(guess, [tool_span(0, {}, answer), tool_span(1, {}, "public")])
        record = prove(guess, 0, attestation=attest(guess, BOB)).record.encode()
        for salt in (b"", made.salt, b"\x00" * 32):
            assert merkle.leaf_hash(salt + record) not in shown


def test_the_fingerprint_does_not_tell_the_only_step_that_is_not_shown(tape, envelope):
    """A bare fingerprint is a chain over all steps: guesses of the one that is missing could be tested on it."""
    fingerprint = read_sealed(tape).tape.fingerprint
    assert fingerprint.encode() not in envelope.payload
    assert hashlib.sha256(bytes.fromhex(fingerprint)).hexdigest().encode() not in envelope.payload


def test_the_salts_of_two_steps_and_two_tapes_are_unrelated(tape, tmp_path):
    sealed(tmp_path / "other.tape", mixed_run()[:5])
    found = [read_sealed(path).file for path in (tape, tmp_path / "other.tape")]
    salts = {file.step_salt(step) for file in found for step in range(5)} | {
        one.fingerprint_salt() for one in found
    }
    assert len(salts) == 12
    assert not any(file.seed in salts for file in found)


# --- what does not pass ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [[], [BOB.public]])
def test_a_proof_under_a_key_that_is_not_trusted_is_refused(tape, envelope, trust):
    with pytest.raises(UnknownKey, match="signed by an unknown key"):
        verify_proof(prove(tape, 0, attestation=envelope), trust)


def test_a_proof_under_a_bad_signature_is_refused(tape, envelope):
    made = prove(tape, 0, attestation=envelope)
    forged = replace(made, envelope=replace(envelope, payload=envelope.payload + b" "))
    with pytest.raises(BadSignature):
        verify_proof(forged, [ALICE.public])


def test_a_proof_under_no_signature_is_refused(tape, envelope):
    made = prove(tape, 0, attestation=envelope)
    with pytest.raises(Unsigned):
        verify_proof(replace(made, envelope=replace(envelope, signatures=())), [ALICE.public])


def test_the_step_of_one_tape_does_not_prove_under_the_attestation_of_another(tape, envelope, tmp_path):
    other = tmp_path / "other.tape"
    sealed(other, [*mixed_run()[:5], exchange_span(5, exchange(3))])
    made = prove(tape, 1, attestation=envelope)
    with pytest.raises(ProofMismatch, match="not the one that was attested"):
        verify_proof(replace(made, envelope=attest(other, ALICE)), [ALICE.public])


def test_a_step_does_not_prove_as_its_neighbour(tape, envelope):
    first, second = (prove(tape, step, attestation=envelope) for step in (1, 2))
    with pytest.raises(ProofMismatch):
        verify_proof(replace(first, path=second.path), [ALICE.public])
    with pytest.raises(ProofMismatch):
        verify_proof(replace(first, record=second.record), [ALICE.public])
    with pytest.raises(ProofMismatch, match=r"content\.request"):
        verify_proof(replace(first, content=second.content), [ALICE.public])


def test_a_path_of_a_wrong_length_is_refused(tape, envelope):
    made = prove(tape, 5, attestation=envelope)
    for path in (made.path[:-1], (*made.path, made.path[0]), ()):
        with pytest.raises(ProofMismatch, match=rf"got a path of {len(path)} hashes, expected 2"):
            verify_proof(replace(made, path=path), [ALICE.public])


def test_a_statement_without_steps_proves_none(tape, envelope):
    statement = json.loads(envelope.payload)
    statement["predicate"]["steps"]["count"] = 0
    lying = sign(PAYLOAD_TYPE, json.dumps(statement).encode(), [ALICE])
    with pytest.raises(ProofMismatch, match="leaf 0 of a tree of 0"):
        verify_proof(replace(prove(tape, 0, attestation=envelope), envelope=lying), [ALICE.public])


def test_content_that_the_record_does_not_name_is_refused(tape, envelope):
    made = prove(tape, 3, attestation=envelope)
    with pytest.raises(ProofMismatch, match="got arguments, result, extra, expected arguments and result"):
        verify_proof(replace(made, content={**made.content, "extra": b""}), [ALICE.public])


@pytest.mark.parametrize("held", [b"", None, b'{"city": "Rome"}'])
def test_content_other_than_recorded_is_refused(tape, envelope, held):
    made = prove(tape, 3, attestation=envelope)
    with pytest.raises(
        ProofMismatch, match=r"content\.arguments: got sha256 (of nothing|\w{64}), recorded \w{64}"
    ):
        verify_proof(replace(made, content={**made.content, "arguments": held}), [ALICE.public])


@settings(max_examples=60)
@given(st.data())
def test_a_changed_byte_of_a_proof_is_refused_or_means_the_same(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("flip") / "run.tape"
    sealed(path, mixed_run())
    made = prove(path, 5, attestation=attest(path, ALICE))
    held = bytearray(made.to_json())
    held[data.draw(st.integers(0, len(held) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = verify_proof(read_proof(bytes(held)), [ALICE.public])
    except SpantapeError:
        return
    expected = verify_proof(made, [ALICE.public])
    assert (found.record, found.content) == (expected.record, expected.content)
    assert found.signed.statement == expected.signed.statement


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["_type", "envelope", "record", "salt", "path", "content"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_is_a_proof_or_the_error_of_a_schema(value):
    with pytest.raises(SchemaViolation):
        read_proof(json.dumps(value).encode())


# --- asking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-1, 6, 10**30])
def test_a_step_that_the_tape_does_not_have_is_wrong_usage(tape, envelope, step):
    with pytest.raises(UsageError, match=f"got step {step}, expected one of the 6"):
        prove(tape, step, attestation=envelope)


def test_a_tape_that_is_not_attested_proves_nothing(tape):
    with pytest.raises(Unsigned, match="not attested"):
        prove(tape, 0)


def test_an_attestation_of_another_file_proves_nothing(tape, envelope):
    sealed(tape, mixed_run()[:3])
    with pytest.raises(DigestMismatch):
        prove(tape, 0, attestation=envelope)


def test_a_proof_larger_than_a_verifier_takes_is_not_made(tape, envelope, monkeypatch):
    monkeypatch.setattr(proof, "LARGEST", 1000)
    with pytest.raises(TapeError, match=r"step 1: its proof would be larger than 1,000 bytes"):
        prove(tape, 1, attestation=envelope)
    with pytest.raises(SchemaViolation, match="larger than 1,000 bytes"):
        read_proof(b" " * 1001)


def test_members_that_are_edited_are_read_as_they_are(tape, envelope):
    made = prove(tape, 3, attestation=envelope)
    assert edited(made).content == made.content
    assert (
        edited(made, content={"result": None, "arguments": {"base64": "e30="}}).content["arguments"] == b"{}"
    )
    with pytest.raises(SchemaViolation, match=r"content\.result: expected one of `text` and `base64`"):
        edited(made, content={"result": {}})
