"""DSSE envelopes: what a signature covers, whose signatures count, and what other implementations say of ours."""

import base64
import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import securesystemslib.dsse
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from spantape.attest.dsse import (
    LARGEST,
    Envelope,
    Signature,
    pae,
    read_base64,
    read_envelope,
    sign,
    signers_of,
    unproven,
)
from spantape.errors import BadSignature, SchemaViolation, UnknownKey, Unsigned
from spantape.rerun.keys import PrivateKey, PublicKey, TrustedKey, load_trust

VECTORS = Path(__file__).parent.parent / "vectors" / "attestation"
ALICE, BOB = (PrivateKey(bytes([byte]) * 32) for byte in (1, 2))
TYPE = "application/vnd.in-toto+json"


def trusted(*keys):
    return [TrustedKey(key.public) for key in keys]


def test_what_is_signed_is_the_example_of_the_protocol():
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == expected


def test_lengths_count_bytes_not_characters():
    assert pae("é✓", "é".encode()) == b"DSSEv1 5 " + "é✓".encode() + b" 2 " + "é".encode()


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "pae.json").read_text()), ids=lambda c: c["payloadType"]
)
def test_the_encodings_of_the_vectors_are_found_again(case):
    assert pae(case["payloadType"], base64.b64decode(case["payload"])) == base64.b64decode(case["pae"])


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)
def test_what_differs_is_encoded_differently(kind, payload, other_kind, other_payload):
    same = (kind, payload) == (other_kind, other_payload)
    assert (pae(kind, payload) == pae(other_kind, other_payload)) is same


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary()), max_size=4),
)
def test_an_envelope_is_read_as_it_was_written(kind, payload, signatures):
    envelope = Envelope(kind, payload, tuple(Signature(*each) for each in signatures))
    assert read_envelope(envelope.to_json()) == envelope


@given(st.binary())
def test_reading_any_bytes_gives_an_envelope_or_the_error_of_a_schema(data):
    with contextlib.suppress(SchemaViolation):
        read_envelope(data)


# --- whose signatures count --------------------------------------------------------------------------------------


def test_the_trusted_keys_that_signed_come_back_each_once():
    envelope = sign(TYPE, b"{}", [ALICE, BOB, ALICE])
    assert [key.key for key in signers_of(envelope, trusted(BOB, ALICE))] == [ALICE.public, BOB.public]


def test_one_good_signature_of_a_trusted_key_is_enough_and_the_others_are_told():
    envelope = sign(TYPE, b"{}", [BOB, ALICE])
    signers = signers_of(envelope, trusted(ALICE))
    assert [key.key for key in signers] == [ALICE.public]
    assert unproven(envelope, signers) == (BOB.id,)


@pytest.mark.parametrize("keyid", ["", "anything", BOB.id])
def test_the_keyid_decides_nothing(keyid):
    envelope = sign(TYPE, b"{}", [ALICE])
    renamed = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=keyid),))
    assert [key.key for key in signers_of(renamed, trusted(BOB, ALICE))] == [ALICE.public]


def test_no_signature_is_not_signed_even_where_no_key_is_asked_for():
    with pytest.raises(Unsigned, match="no signature"):
        signers_of(Envelope(TYPE, b"{}", ()), [])


def test_without_trusted_keys_every_signer_is_unknown():
    with pytest.raises(UnknownKey, match=r"signed by an unknown key \(it says 'sha256:.*no key is trusted"):
        signers_of(sign(TYPE, b"{}", [ALICE]), [])


def test_a_key_that_is_not_trusted_is_unknown():
    with pytest.raises(UnknownKey, match=f"{BOB.id}.*expected one of the 1 trusted"):
        signers_of(sign(TYPE, b"{}", [BOB]), trusted(ALICE))


def test_an_unknown_signer_that_gives_no_keyid_is_told_so():
    envelope = sign(TYPE, b"{}", [BOB])
    with pytest.raises(UnknownKey, match="it does not say which"):
        signers_of(replace(envelope, signatures=(Signature("", envelope.signatures[0].sig),)), trusted(ALICE))


@pytest.mark.parametrize("change", [{"payload": b"{ }"}, {"payload_type": TYPE + "x"}])
def test_a_signature_over_something_else_is_bad(change):
    with pytest.raises(BadSignature, match="did not sign this payload"):
        signers_of(replace(sign(TYPE, b"{}", [ALICE]), **change), trusted(ALICE))


@given(st.integers(0, 511))
def test_any_flipped_bit_of_a_signature_is_bad(bit):
    envelope = sign(TYPE, b"{}", [ALICE])
    sig = bytearray(envelope.signatures[0].sig)
    sig[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadSignature):
        signers_of(replace(envelope, signatures=(Signature(ALICE.id, bytes(sig)),)), trusted(ALICE))


def test_a_hostile_keyid_is_cut_and_quoted_in_the_message():
    envelope = sign(TYPE, b"{}", [BOB])
    hostile = replace(envelope, signatures=(replace(envelope.signatures[0], keyid="\x1b[2J" + "x" * 9999),))
    with pytest.raises(UnknownKey) as caught:
        signers_of(hostile, trusted(ALICE))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


# --- reading -----------------------------------------------------------------------------------------------------


def test_an_envelope_that_is_too_large_is_refused():
    with pytest.raises(SchemaViolation, match="larger than 1,048,576 bytes"):
        read_envelope(b" " * (LARGEST + 1))


@pytest.mark.parametrize("text", ["YQ==", "-_-_", "+/+/", ""])
def test_base64_is_of_either_alphabet(text):
    assert read_base64(text) == base64.b64decode(text.replace("-", "+").replace("_", "/"))


@pytest.mark.parametrize(
    "text", ["YQ", "YQ=", "YQ===", "YR==", "+_+_", "Y Q=", "YQ==\n", "é===", "=", "YQ==YQ=="]
)
def test_what_is_not_quite_base64_is_refused(text):
    with pytest.raises(ValueError, match="base64"):
        read_base64(text)


def test_a_member_that_comes_twice_is_refused_where_it_stands():
    with pytest.raises(SchemaViolation, match="'sig' comes twice"):
        read_envelope(b'{"payload":"","payloadType":"","signatures":[{"sig":"","sig":""}]}')


def test_deep_nesting_is_refused_not_followed():
    with pytest.raises(SchemaViolation, match="nested too deep"):
        read_envelope(
            b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"payload":"","payloadType":"","signatures":[]}'
        )


# --- what others say ---------------------------------------------------------------------------------------------


def sslib_key(public: PublicKey):
    return SSlibKey(public.id, "ed25519", "ed25519", {"public": public.raw.hex()})


def test_securesystemslib_verifies_our_envelopes():
    envelope = sign(TYPE, '{"é":1}'.encode(), [ALICE, BOB])
    theirs = securesystemslib.dsse.Envelope.from_dict(json.loads(envelope.to_json()))
    assert theirs.pae() == pae(envelope.payload_type, envelope.payload)
    assert set(theirs.verify([sslib_key(ALICE.public), sslib_key(BOB.public)], 2)) == {ALICE.id, BOB.id}


def test_securesystemslib_refuses_what_we_refuse():
    envelope = replace(sign(TYPE, b"{}", [ALICE]), payload=b"{ }")
    theirs = securesystemslib.dsse.Envelope.from_dict(json.loads(envelope.to_json()))
    with pytest.raises(VerificationError):
        theirs.verify([sslib_key(ALICE.public)], 1)


def test_we_verify_securesystemslibs_envelopes():
    signer = CryptoSigner.generate_ed25519()
    theirs = securesystemslib.dsse.Envelope(b"payload", TYPE, {})
    theirs.sign(signer)
    envelope = read_envelope(json.dumps(theirs.to_dict()).encode())
    key = PublicKey(bytes.fromhex(signer.public_key.keyval["public"]))
    assert signers_of(envelope, [TrustedKey(key)])[0].key == key


def test_the_good_vector_is_good_to_securesystemslib_and_a_statement_to_in_toto():
    theirs = securesystemslib.dsse.Envelope.from_dict(
        json.loads((VECTORS / "attestations" / "good.att").read_bytes())
    )
    (alice,) = load_trust([VECTORS / "keys" / "alice.pub"])
    assert list(theirs.verify([sslib_key(alice.key)], 1)) == [alice.key.id]
    statement = InTotoStatement.copy_from_pb(json_format.Parse(theirs.payload, statement_pb2.Statement()))
    statement.validate()
    assert statement.pb.predicate_type == "urn:spantape:attestation:tape:v1"
    assert statement.pb.predicate["steps"]["count"] == 5
