"""A step record becomes a bundle of hashes, signed, in canonical bytes."""

import copy
import hashlib
import json

import jcs
import pytest

from rerun_documents import KEY, OTHER, SEMANTIC, STEP, STEPS, edited, without
from spantape.errors import EvidenceError, NotCanonical, SchemaViolation
from spantape.rerun import EXTENDED, capture, read_bundle, sign, to_bytes, write_bundle
from spantape.rerun.schema import check_bundle


def hash_of(value):
    return f"sha256:{hashlib.sha256(jcs.canonicalize(value)).hexdigest()}"


def test_a_bundle_holds_hashes_and_nothing_that_was_said():
    bundle = capture(STEP)
    inputs = STEP["inputs"]
    assert bundle == {
        "rerun_version": "0.1",
        **{name: STEP[name] for name in ("model", "sampling", "runtime", "tolerance")},
        "inputs": {f"{name}_sha256": hash_of(inputs[name]) for name in inputs},
        "expected": {"transcript_sha256": hash_of("Oslo")},
    }
    assert b"Norway" not in to_bytes(bundle)


def test_what_is_optional_may_be_left_out():
    step = {**STEP, "inputs": without(STEP["inputs"], "tools"), "expected": {"transcript": None}}
    bundle = capture(step)
    assert set(bundle["inputs"]) == {"system_prompt_sha256", "messages_sha256"}
    assert bundle["expected"] == {"transcript_sha256": hash_of(None)}


def test_a_signature_covers_the_canonical_bytes_without_itself():
    bundle = capture(STEP, KEY)
    assert without(bundle, "signature") == capture(STEP)
    assert bundle["signature"]["alg"] == "ed25519"
    assert bundle["signature"]["pubkey"] == KEY.public.to_base64()
    assert sign(capture(STEP), KEY) == bundle


@pytest.mark.parametrize("record", [STEP, SEMANTIC, STEPS])
def test_what_is_captured_is_a_bundle(record):
    check_bundle(capture(record))
    check_bundle(capture(record, KEY))


def test_signing_again_replaces_the_signature():
    for record in (STEP, STEPS):
        assert sign(capture(record, KEY), OTHER) == capture(record, OTHER)


def test_nothing_that_is_given_is_changed():
    for record in (STEP, STEPS):
        before = copy.deepcopy(record)
        bundle = capture(record)
        assert record == before
        unsigned = copy.deepcopy(bundle)
        sign(bundle, KEY)
        assert bundle == unsigned


def test_several_steps_make_a_bundle_of_the_extension_that_names_its_signer():
    bundle = capture(STEPS, KEY)
    assert bundle["rerun_version"] == EXTENDED == "0.1+spantape.1"
    assert bundle["signer"] == without(bundle["signature"], "sig")
    assert bundle["steps"][0]["sampling"] == {"reasoning_effort": "low"}
    assert bundle["steps"][1]["expected"] == {
        "calls": [[{"name": "book", "arguments": hash_of({"nights": 2})}]]
    }


@pytest.mark.parametrize(
    ("arguments", "described"),
    [
        ("digest", {"name": "book", "arguments": hash_of({"nights": 2})}),
        ("shape", {"name": "book", "arguments": {"object": {"nights": "number"}}}),
        ("ignored", {"name": "book"}),
    ],
)
def test_calls_are_stated_as_far_as_their_policy_looks(arguments, described):
    path = ("steps", 1, "tolerance", "calls", "arguments")
    bundle = capture(edited(STEPS, path, arguments))
    assert bundle["steps"][1]["expected"]["calls"] == [[described]]


def test_absent_arguments_are_null():
    bundle = capture(edited(STEPS, ("steps", 1, "expected", "calls"), [[{"name": "stop"}]]))
    assert bundle["steps"][1]["expected"]["calls"] == [[{"name": "stop", "arguments": hash_of(None)}]]


@pytest.mark.parametrize(
    ("record", "place", "says"),
    [
        ([], None, "expected an object, got an array"),
        (without(STEP, "model"), "model", "missing"),
        ({**STEP, "signature": {}}, "signature", "unknown member"),
        (
            edited(STEP, ("inputs", "messages"), "hello"),
            "inputs.messages",
            "expected an array, got a string 'hello'",
        ),
        (edited(STEP, ("sampling", "seed"), True), "sampling.seed", "expected a number, got a boolean true"),
        (edited(STEP, ("sampling", "seed"), 2**63 - 1), "sampling.seed", "9223372036854775807 would become"),
        (edited(STEP, ("sampling", "top_p"), float("nan")), "sampling.top_p", "nan is not a JSON number"),
        (
            edited(STEP, ("inputs", "messages", 0, "content"), ["x", float("inf")]),
            "inputs.messages[0].content[1]",
            "inf is not a JSON number",
        ),
        (
            edited(STEP, ("inputs", "system_prompt"), "\ud800"),
            "inputs.system_prompt",
            "half a surrogate pair",
        ),
        (edited(STEP, ("expected", "transcript"), {"a": b"x"}), "expected.transcript.a", "got bytes"),
        ({"steps": []}, "steps", "at least one item"),
        (
            edited(STEPS, ("steps", 1, "expected", "calls", 0, 0, "arguments"), {"n": 2**53 + 1}),
            "steps[1].expected.calls[0][0].arguments.n",
            "would become",
        ),
        (
            edited(STEPS, ("steps", 1, "inputs", "messages"), [{1: 2}]),
            "steps[1].inputs.messages[0]",
            "got int 1",
        ),
        ({**STEP, 5: 6}, "5", "unknown member"),
    ],
)
def test_a_record_that_is_none_is_refused_by_its_member(record, place, says):
    with pytest.raises(SchemaViolation) as raised:
        capture(record)
    assert (raised.value.what, raised.value.field) == ("step", place)
    assert says in raised.value.reason


def test_a_bundle_with_text_that_no_utf8_has_is_not_signed():
    with pytest.raises(SchemaViolation, match=r"bundle, model\.id: half a surrogate pair"):
        capture(edited(STEP, ("model", "id"), "\ud800"), KEY)
    with pytest.raises(SchemaViolation, match=r"bundle, model\.id: half a surrogate pair"):
        to_bytes(capture(edited(STEP, ("model", "id"), "\ud800")))


def test_only_a_bundle_is_signed_and_written():
    for broken in ({}, without(capture(STEP), "model"), {**capture(STEP), "rerun_version": "0.3"}):
        for function in (lambda bundle: sign(bundle, KEY), to_bytes):
            with pytest.raises(SchemaViolation, match=r"bundle, (rerun_version|model)"):
                function(broken)


def test_a_file_holds_the_canonical_bytes(tmp_path):
    for record in (STEP, SEMANTIC, STEPS):
        bundle = capture(record, KEY)
        write_bundle(bundle, tmp_path / "a.rr")
        assert (tmp_path / "a.rr").read_bytes() == jcs.canonicalize(bundle) == to_bytes(bundle)
        assert read_bundle(tmp_path / "a.rr") == bundle


def test_a_file_that_holds_no_bundle_says_so(tmp_path):
    path = tmp_path / "a.rr"
    path.write_text(json.dumps(without(capture(STEP), "tolerance")))
    with pytest.raises(SchemaViolation) as raised:
        read_bundle(path)
    assert str(raised.value) == f"bundle {str(path)!r}, tolerance: missing"
    path.write_text('{"a": 1, "a": 2}')
    with pytest.raises(NotCanonical, match=r"a\.rr', a: stands twice"):
        read_bundle(path)
    with pytest.raises(EvidenceError, match=r"no\.rr': cannot be read: No such file"):
        read_bundle(tmp_path / "no.rr")
    with pytest.raises(EvidenceError, match=r"a\.rr': cannot be written: No such file"):
        write_bundle(capture(STEP), tmp_path / "no" / "a.rr")
