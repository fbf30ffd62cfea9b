"""Verifying gives what is proven, or raises; the words of v0.1 are for reports."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerun_documents import (
    ACROSS,
    ACTUAL,
    ACTUAL_STEPS,
    KEY,
    OTHER,
    SEMANTIC,
    STEP,
    STEPS,
    UP,
    edited,
    places,
    without,
)
from spantape.errors import (
    BadSignature,
    EvidenceError,
    NotVerified,
    SchemaViolation,
    UnknownKey,
    Unsigned,
    UsageError,
)
from spantape.rerun import (
    Result,
    TrustedKey,
    TrustPolicy,
    capture,
    check,
    encode_embedding,
    sign,
    to_bytes,
    verify,
    verifying,
)

BUNDLE = capture(STEP, KEY)
UNSIGNED = capture(STEP)
EXTENDED = capture(STEPS, KEY)
TRUSTED = TrustPolicy([KEY.public])


# --- what is proven ----------------------------------------------------------------------------------------------


def test_what_is_proven_is_given_back():
    proven = verify(BUNDLE, ACTUAL, TRUSTED)
    assert proven.bundle is BUNDLE
    assert proven.actual is ACTUAL
    assert proven.signer == KEY.public
    assert proven.trusted == TrustedKey(KEY.public)
    assert proven.warnings == ()


def test_a_signature_by_anyone_says_by_whom_and_trusts_nobody():
    proven = verify(BUNDLE, ACTUAL)
    assert (proven.signer, proven.trusted) == (KEY.public, None)
    proven = verify(UNSIGNED, ACTUAL)
    assert (proven.signer, proven.trusted) == (None, None)


def test_the_trusted_key_comes_with_its_name():
    named = TrustedKey(KEY.public, "me", "me.pub")
    policy = TrustPolicy([TrustedKey(OTHER.public, "you"), named])
    assert verify(BUNDLE, ACTUAL, policy).trusted is named


def test_documents_may_be_given_as_their_text():
    proven = verify(to_bytes(BUNDLE), json.dumps(ACTUAL, indent=2).encode(), TRUSTED)
    assert (proven.bundle, proven.actual) == (BUNDLE, ACTUAL)
    for bundle, actual in ((b"{", ACTUAL), (BUNDLE, b'{"a":1,"a":1}')):
        with pytest.raises(SchemaViolation, match=r"(bundle|actual), (line 1 column 2|a): "):
            verify(bundle, actual)


def test_warnings_do_not_fail():
    drifted = {**ACTUAL, "runtime": {"fingerprint": "fp_2"}}
    assert verify(BUNDLE, drifted).warnings == ("FingerprintDrift:bundle=fp_1,actual=fp_2",)
    assert check(BUNDLE, drifted).to_json() == {
        "verified": True,
        "errors": [],
        "warnings": ["FingerprintDrift:bundle=fp_1,actual=fp_2"],
    }


def test_several_steps_are_proven_at_once():
    assert verify(EXTENDED, ACTUAL_STEPS, TRUSTED).signer == KEY.public


# --- what is not -------------------------------------------------------------------------------------------------

EDITED = edited(BUNDLE, ("sampling", "seed"), 8)


@pytest.mark.parametrize(
    ("bundle", "policy", "error"),
    [
        (UNSIGNED, TRUSTED, Unsigned),
        (UNSIGNED, TrustPolicy(require_signature=True), Unsigned),
        (without(EXTENDED, "signature"), None, Unsigned),
        (sign(BUNDLE, OTHER), TRUSTED, UnknownKey),
        (sign(EDITED, OTHER), TRUSTED, UnknownKey),
        (EDITED, None, BadSignature),
        (EDITED, TRUSTED, BadSignature),
        (EDITED, TrustPolicy([OTHER.public]), BadSignature),
        (edited(EDITED, ("signature", "pubkey"), OTHER.public.to_base64()), TRUSTED, BadSignature),
        (edited(BUNDLE, ("signature", "sig"), ""), None, BadSignature),
        (edited(BUNDLE, ("signature", "pubkey"), "AQ" + "A" * 41 + "="), None, BadSignature),
    ],
)
def test_who_signed_has_errors_of_its_own(bundle, policy, error):
    actual = ACTUAL if "steps" not in bundle else ACTUAL_STEPS
    with pytest.raises(error) as raised:
        verify(bundle, actual, policy)
    assert type(raised.value) is error
    assert isinstance(raised.value, NotVerified)
    assert isinstance(raised.value, EvidenceError)
    assert raised.value.result == check(bundle, actual, policy)
    assert [one.partition(":")[0] for one in raised.value.result.errors] == [error.__name__]


def test_another_answer_is_not_verified_and_the_result_is_at_hand():
    with pytest.raises(NotVerified, match="actual: InputHashMismatch:messages_sha256; Transcript") as raised:
        verify(BUNDLE, {"inputs": {**ACTUAL["inputs"], "messages": []}, "output": {}}, TRUSTED)
    assert type(raised.value) is NotVerified
    assert raised.value.result.errors == (
        "InputHashMismatch:messages_sha256",
        "TranscriptHashMismatch:the actual record has no output.transcript",
    )


def test_who_signed_comes_before_what_was_said():
    other = {**ACTUAL, "output": {}}
    with pytest.raises(UnknownKey) as raised:
        verify(sign(BUNDLE, OTHER), other, TRUSTED)
    assert [error.partition(":")[0] for error in raised.value.result.errors] == [
        "UnknownKey",
        "TranscriptHashMismatch",
    ]


def test_a_document_that_is_none_ends_it_the_bundle_first():
    assert check({}, {}) == Result(("SchemaViolation:bundle: rerun_version: missing",))
    assert check(EDITED, {"inputs": 5}) == Result(
        ("SchemaViolation:actual: inputs: expected an object, got a number 5",)
    )
    with pytest.raises(SchemaViolation) as raised:
        verify(BUNDLE, {}, TRUSTED)
    assert (raised.value.what, raised.value.field) == ("actual", "inputs")


@pytest.mark.parametrize("document", [None, 5, "text", [], b"5", b""])
def test_what_is_no_object_is_no_document(document):
    assert check(document, ACTUAL).errors[0].startswith("SchemaViolation:bundle: ")
    assert check(BUNDLE, document).errors[0].startswith("SchemaViolation:actual: ")


def test_a_value_without_canonical_form_is_a_violation_and_the_only_error():
    actual = edited(ACTUAL, ("inputs", "messages"), [{"score": float("nan")}])
    assert check(EDITED, actual) == Result(
        ("SchemaViolation:actual: inputs.messages[0].score: nan is not a JSON number",)
    )
    actual = edited(ACTUAL_STEPS, ("steps", 1, "output", "calls", 0, 0, "arguments"), {"n": 2**53 + 1})
    (error,) = check(EXTENDED, actual).errors
    assert error.startswith("SchemaViolation:actual: steps[1].output.calls[0][0].arguments.n: ")


def test_depth_is_a_violation_not_a_crash():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert check(BUNDLE, edited(ACTUAL, ("inputs", "messages"), [])).errors
    actual = {**ACTUAL, "inputs": {**ACTUAL["inputs"], "messages": deep}}
    assert check(BUNDLE, actual).errors == ("SchemaViolation:actual: inputs.messages: nested too deeply",)
    shape = {"array": []}
    for _ in range(100_000):
        shape = {"array": [shape]}
    path = ("steps", 1, "tolerance", "calls", "arguments")
    bundle = capture(edited(STEPS, path, "shape"))
    bundle["steps"][1]["expected"]["calls"] = [[{"name": "book", "arguments": shape}]]
    assert check(bundle, ACTUAL_STEPS).errors == ("SchemaViolation:bundle: nested too deeply",)


# --- edits -------------------------------------------------------------------------------------------------------

KNOWN = {"BadSignature", "SchemaViolation", "Unsigned", "UnknownKey"}


@pytest.mark.parametrize(("bundle", "actual"), [(BUNDLE, ACTUAL), (EXTENDED, ACTUAL_STEPS)])
def test_no_member_can_be_changed_or_taken_away_under_a_signature(bundle, actual):
    for path in places(bundle):
        for value in (None, "x", 2, {}, "sha256:" + "0" * 64):
            with pytest.raises((BadSignature, SchemaViolation, Unsigned, UnknownKey)):
                verify(edited(bundle, path, value), actual, TRUSTED)
        if not isinstance(path[-1], str):
            continue
        lacking = copy.deepcopy(bundle)
        holder = lacking
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]
        with pytest.raises((BadSignature, SchemaViolation, Unsigned)):
            verify(lacking, actual, TRUSTED)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(to_bytes(BUNDLE)) - 1), st.integers(1, 255))
def test_no_byte_of_a_file_can_be_changed(position, flip):
    data = bytearray(to_bytes(BUNDLE))
    data[position] ^= flip
    result = check(bytes(data), ACTUAL, TRUSTED)
    assert {error.partition(":")[0] for error in result.errors} & KNOWN


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_any_document_is_a_result(document):
    for bundle, actual in ((document, ACTUAL), (BUNDLE, document), (EXTENDED, document)):
        (error,) = check(bundle, actual).errors
        assert error.startswith("SchemaViolation:")


def test_a_signature_that_held_is_not_taken_for_one_over_other_bytes_or_by_another_key():
    verifying._prove_once.cache_clear()
    for _ in range(2):
        assert verify(BUNDLE, ACTUAL, TRUSTED).signer == KEY.public
    assert verifying._prove_once.cache_info().hits == 1
    for bundle in (EDITED, edited(BUNDLE, ("signature", "pubkey"), OTHER.public.to_base64())):
        for _ in range(2):
            with pytest.raises(BadSignature):
                verify(bundle, ACTUAL)
    assert verifying._prove_once.cache_info().currsize == 1


def test_the_proof_of_a_large_bundle_is_not_kept():
    verifying._prove_once.cache_clear()
    large = capture(
        edited(SEMANTIC, ("expected", "semantic_embedding"), encode_embedding([1.0] * 20_000)), KEY
    )
    assert check(large, {**ACTUAL, "output": {"embedding": UP}}).errors == (
        "EmbeddingDimensionMismatch:expected 20000, got 2",
    )
    assert verifying._prove_once.cache_info().currsize == 0


# --- meaning -----------------------------------------------------------------------------------------------------


def meaning(embedding, threshold=0.9, expected=UP):
    step = edited(SEMANTIC, ("tolerance", "threshold"), threshold)
    bundle = capture(edited(step, ("expected", "semantic_embedding"), expected))
    return check(bundle, {**ACTUAL, "output": {"embedding": embedding}}).errors


def test_a_cosine_at_the_threshold_passes_whatever_the_order_of_summation():
    values = encode_embedding([0.1 * n for n in range(1, 385)])
    assert meaning(values, 1, values) == ()
    assert meaning(encode_embedding([1, 1, 1, 1]), 0.5, encode_embedding([1, 0, 0, 0])) == ()
    assert meaning(encode_embedding([1, 1, 1, 1]), 0.5 + 1e-13, encode_embedding([1, 0, 0, 0])) == ()


def test_a_cosine_below_it_fails_and_is_shown_to_be_below():
    assert meaning(ACROSS) == ("SemanticBelowThreshold:cosine=0.0000,threshold=0.9",)
    near = encode_embedding([1, 1, 1, 1])
    (error,) = meaning(near, 0.500001, encode_embedding([1, 0, 0, 0]))
    assert error == "SemanticBelowThreshold:cosine=0.5000,threshold=0.500001"


def test_a_cosine_that_four_decimals_would_lift_is_shown_whole():
    (error,) = meaning(encode_embedding([0.8999995, 0.4358909]), 0.9)
    assert error.startswith("SemanticBelowThreshold:cosine=0.89999")
    assert error.endswith(",threshold=0.9")


def test_a_vector_of_zeros_is_equal_to_nothing():
    zero = encode_embedding([0, 0])
    for one, other in ((zero, UP), (UP, zero), (zero, zero)):
        (error,) = meaning(one, -1, other)
        assert error == "SemanticBelowThreshold:cosine=undefined (a vector of zeros),threshold=-1"


# --- policy ------------------------------------------------------------------------------------------------------


def test_a_policy_that_trusts_nobody_is_a_mistake():
    with pytest.raises(UsageError, match="got no key, expected at least one; None trusts any"):
        TrustPolicy([])
    with pytest.raises(UsageError, match="expected PublicKey or TrustedKey, got PrivateKey"):
        TrustPolicy([KEY])


def test_trusted_keys_ask_for_a_signature():
    assert TRUSTED.asks_for_signature
    assert TrustPolicy(require_signature=True).asks_for_signature
    assert not TrustPolicy().asks_for_signature
    assert TrustPolicy(iter([KEY.public])).trusts(KEY.public)
    assert not TRUSTED.trusts(OTHER.public)
