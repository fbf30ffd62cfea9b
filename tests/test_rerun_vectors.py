"""The vectors are what their script makes, and what this implementation finds; so are those of others."""

import base64
import json
import runpy
import sys
from pathlib import Path

import jcs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rerun_documents import ACTUAL, KEY, SEMANTIC, STEP
from spantape.rerun import TrustPolicy, capture, conformance, to_bytes, verify
from spantape.rerun.conformance import run_vectors

VECTORS = Path(__file__).parent.parent / "vectors" / "rerun"
FOLDERS = ("capture", "extension", "trust", "v0.1")


@pytest.fixture(scope="module")
def made():
    before = dict(sys.modules), list(sys.path)
    files = runpy.run_path(str(VECTORS / "make_vectors.py"))["files"]()
    for name in set(sys.modules) - set(before[0]):
        if name.partition(".")[0] == "cases":
            del sys.modules[name]
    sys.path[:] = before[1]
    return files


def test_the_script_makes_the_vectors_byte_for_byte(made):
    there = {
        path.relative_to(VECTORS).as_posix(): path.read_bytes()
        for folder in (*FOLDERS, "keys")
        for path in (VECTORS / folder).rglob("*")
        if path.is_file()
    }
    there["canonical.json"] = (VECTORS / "canonical.json").read_bytes()
    assert there.keys() == made.keys()
    assert [name for name, data in made.items() if there[name] != data] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_vector_is_found_as_it_is_expected(folder):
    vectors = run_vectors(VECTORS / folder)
    assert len(vectors) == len(list((VECTORS / folder).iterdir()))
    assert {vector.path.name: vector.problems for vector in vectors if vector.problems} == {}


def test_the_clauses_and_each_kind_of_error_are_pinned():
    names = {path.name for path in (VECTORS / "v0.1").iterdir()}
    for clause in ("c1-", "c2-", "c3-", "c4-"):
        assert any(name.startswith(clause) for name in names)
    expected = [json.loads(path.read_bytes()) for path in VECTORS.rglob("expected.json")]
    kinds = {error.partition(":")[0] for one in expected for error in one["errorContains"]}
    readme = (VECTORS / "README.md").read_text()
    told = {
        part.partition(":")[0]
        for part in readme.split("`")
        if part.partition(":")[0].isalpha() and ":" in part
    }
    assert kinds == {kind for kind in told if kind[0].isupper()} - {"FingerprintDrift", "KIND"}


def test_signed_vectors_hold_under_other_libraries():
    """`jcs` and `cryptography` alone, without a line of ours."""
    count = 0
    for path in sorted((VECTORS / "v0.1").iterdir()):
        expected = json.loads((path / "expected.json").read_bytes())
        bundle = json.loads((path / "bundle.rr").read_bytes()) if expected["verified"] else {}
        if "signature" not in bundle:
            continue
        signature = bundle.pop("signature")
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature["pubkey"]))
        key.verify(base64.b64decode(signature["sig"]), jcs.canonicalize(bundle))
        count += 1
    assert count > 20


def foreign(path, **expected):
    """A vector as another implementation may have written it."""
    path.mkdir()
    for name in ("bundle.rr", "actual.json"):
        (path / name).write_bytes((VECTORS / "v0.1" / "c1-byte-replay-passes" / name).read_bytes())
    (path / "expected.json").write_text(json.dumps(expected))


def test_vectors_of_others_run_as_they_are(tmp_path, capsys):
    foreign(tmp_path / "right", verified=True, errorContains=[])
    assert conformance.main([str(tmp_path)]) == 0
    foreign(
        tmp_path / "wrong",
        verified=False,
        errorContains=["BadSignature"],
        warningContains=["FingerprintDrift"],
    )
    assert conformance.main([str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("wrong: ") == 3
    assert printed.endswith("1 of 2 vectors pass\n")


def test_no_vector_is_no_success(tmp_path):
    assert conformance.main([str(tmp_path)]) == 2


def test_captures_that_go_wrong_are_told(tmp_path):
    source = VECTORS / "capture" / "unsigned"
    record = (source / "step.json").read_bytes()
    for name, captured, bundle in (("other", True, b"{}"), ("made", False, b"")):
        path = tmp_path / name
        path.mkdir()
        (path / "step.json").write_bytes(record)
        (path / "bundle.rr").write_bytes(bundle)
        (path / "expected.json").write_text(json.dumps({"captured": captured, "errorContains": []}))
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "step.json").write_bytes(b"{}")
    (tmp_path / "none" / "expected.json").write_text('{"captured": true}')
    problems = {vector.path.name: " ".join(vector.problems) for vector in run_vectors(tmp_path)}
    assert problems["other"].startswith("expected other bytes, got b'{")
    assert problems["made"] == "expected no bundle, got one"
    assert problems["none"].startswith("expected a bundle, got step, ")


# what agent-rerun 0.1.0 takes, or crashes on; in our own words in `vectors/rerun/README.md`
TAKEN_BY_THEM = {
    "semantic-got-of-infinity",
    "semantic-got-of-nan",
    "semantic-got-with-a-blank",
    "signature-by-a-low-order-key",
    "signature-with-a-blank",
    "signature-with-stray-bits",
    "text-member-twice",
    "text-member-twice-by-escape",
    "text-record-member-twice",
    "text-signature-twice",
}
REFUSED_BY_THEM = {"text-seed-as-42.0", "transcript-is-null"}


def found_by_them(path):
    """Whether agent-rerun verifies a vector, None where it crashes."""
    verify = pytest.importorskip("agent_rerun", reason="agent-rerun is not installed").verify
    try:
        documents = [json.loads((path / name).read_text()) for name in ("bundle.rr", "actual.json")]
        return verify(*documents).verified
    except (ValueError, RecursionError):
        return None


def test_another_implementation_finds_the_same_its_holes_aside():
    taken, refused = set(), set()
    for path in sorted((VECTORS / "v0.1").iterdir()):
        ours = json.loads((path / "expected.json").read_bytes())["verified"]
        theirs = found_by_them(path)
        if theirs is True and not ours:
            taken.add(path.name)
        elif not theirs and ours:
            refused.add(path.name)
    assert (taken, refused) == (TAKEN_BY_THEM, REFUSED_BY_THEM)


def test_what_another_implementation_makes_verifies_here_and_the_reverse():
    agent_rerun = pytest.importorskip("agent_rerun", reason="agent-rerun is not installed")
    options = agent_rerun.CaptureOptions(signing_key=KEY.raw)
    for record in (STEP, SEMANTIC):
        theirs = agent_rerun.capture(record, options)
        assert to_bytes(theirs) == to_bytes(capture(record, KEY))
    assert verify(agent_rerun.capture(STEP, options), ACTUAL, TrustPolicy([KEY.public])).signer == KEY.public
    assert agent_rerun.verify(capture(STEP, KEY), ACTUAL).verified
