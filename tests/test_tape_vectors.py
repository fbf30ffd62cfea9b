"""The vectors are what our reader finds, and what a reader written from their README alone finds."""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
from base64 import b64decode
from pathlib import Path

import jcs
import pytest
import zstandard

from spantape.errors import MissingBase, PartialTapeWarning, TapeDamaged, TapeError
from spantape.tape.fingerprint import json_digest
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape

VECTORS = Path(__file__).parent.parent / "vectors" / "tape"
EXPECTED = json.loads((VECTORS / "run.expected.json").read_text())


def found_in(tape):
    return runpy.run_path(str(VECTORS / "make_vectors.py"))["expected"](tape)


@pytest.mark.parametrize("name", ["run.tape", "run.jsonl"])
def test_the_sealed_run_is_read_as_expected(name):
    tape = read_tape(VECTORS / name)
    assert tape.sealed
    assert found_in(tape) == EXPECTED
    assert verify_tape(VECTORS / name).fingerprint == EXPECTED["fingerprint"]


def test_the_unfolded_run_is_the_same_run():
    with pytest.warns(PartialTapeWarning):
        tape = read_tape(VECTORS / "unfolded.jsonl")
    assert found_in(tape) == EXPECTED | {"name": "planner"}


def test_the_cut_journal_holds_all_but_its_last_step():
    with pytest.warns(PartialTapeWarning, match="torn tail"):
        tape = read_tape(VECTORS / "cut.tape.journal")
    assert found_in(tape)["steps"] == EXPECTED["steps"][:-1]


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("flipped-bit.tape", TapeDamaged, "changed after it was sealed"),
        ("cut.tape", TapeDamaged, r"break off at byte \d+ of \d+ .*; 0 whole steps precede"),
        ("no-trailer.tape", TapeDamaged, "cut or re-compressed"),
        ("wrong-fingerprint.jsonl", TapeDamaged, "got fingerprint c9bf29e6.* sealed with 00000"),
        ("newer-format.jsonl", TapeError, "upgrade spantape"),
    ],
)
def test_a_fault_is_named(name, error, says):
    with pytest.raises(error, match=says):
        read_tape(VECTORS / name)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("missing-base.jsonl", MissingBase, r"step 1, request.body: its base body sha256 bede85c4"),
        ("base-cycle.jsonl", TapeDamaged, "cycle"),
    ],
)
def test_a_fault_of_bases_is_named_when_the_body_is_asked_for(name, error, says):
    with pytest.warns(PartialTapeWarning):
        tape = read_tape(VECTORS / name)
    asked = [
        step for step in tape.steps if step.kind == "exchange" and "base" in " ".join(step.span.attributes)
    ]
    with pytest.raises(error, match=says):
        asked[0].request_body()
    with pytest.raises(error, match=says):
        verify_tape(VECTORS / name)


def test_json_texts_have_the_digests_given():
    for text, digest in json.loads((VECTORS / "fingerprint.json").read_text()).items():
        assert json_digest(text) == digest


def test_making_the_vectors_again_makes_the_same_lines(tmp_path):
    shutil.copy(VECTORS / "make_vectors.py", tmp_path)
    assert runpy.run_path(str(tmp_path / "make_vectors.py"))["main"]() == 0
    for path in VECTORS.iterdir():
        if path.suffix in (".jsonl", ".json"):
            assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


# --- a reader of its own, from the README alone ------------------------------------------------------------------


def plain_value(value):
    if "arrayValue" in value:
        return [plain_value(member) for member in value["arrayValue"]["values"]]
    if "bytesValue" in value:
        return b64decode(value["bytesValue"])
    if "intValue" in value:
        return int(value["intValue"])
    return value["stringValue"]


def plain_pairs(pairs):
    return {pair["key"]: plain_value(pair["value"]) for pair in pairs}


def as_bytes(value):
    return value.encode() if isinstance(value, str) else value


def bodies_of(spans):
    """The request body of each span id, worked out through `spantape.request.base.span`."""
    bodies = {}
    for span_id, span in spans.items():
        chain = [span]
        while "spantape.request.base.span" in chain[-1]:
            chain.append(spans[chain[-1]["spantape.request.base.span"]])
        body = as_bytes(chain.pop()["spantape.request.body"])
        for grown in reversed(chain):
            prefix, suffix = grown["spantape.request.base.prefix"], grown["spantape.request.base.suffix"]
            body = body[:prefix] + as_bytes(grown["spantape.request.body"]) + body[len(body) - suffix :]
        bodies[span_id] = body
    return bodies


def described(span, bodies, span_id):
    error = span.get("error.type") if "spantape.error.message" in span else None
    if span["spantape.kind"] == "exchange":
        response = span.get("spantape.response.body")
        return {
            "kind": "exchange",
            "method": span["http.request.method"],
            "path": span["url.full"].removeprefix("https://api.example.com") or "/",
            "request": hashlib.sha256(bodies[span_id]).hexdigest(),
            "status": span.get("http.response.status_code"),
            "response": None if response is None else hashlib.sha256(as_bytes(response)).hexdigest(),
            "end": span.get("spantape.end", "complete"),
            "error": error,
        }
    kind = span["spantape.kind"]
    nan = {"parse_constant": lambda name: {"spantape.float": name}}
    digests = {key: json.loads(span[f"spantape.{key}"], **nan) for key in ("arguments", "result")}
    hashed = {key: hashlib.sha256(jcs.canonicalize(value)).hexdigest() for key, value in digests.items()}
    return {"kind": kind, "name": span[f"gen_ai.{kind}.name"], **hashed, "error": error}


def test_a_reader_written_from_the_readme_finds_the_same():
    raw = (VECTORS / "run.tape").read_bytes()
    frame, trailer = raw[:-48], raw[-48:]
    assert trailer == bytes.fromhex("5A2A4D18 28000000") + b"SPANTAPE" + hashlib.sha256(frame).digest()
    lines = zstandard.ZstdDecompressor().decompress(frame).splitlines(keepends=True)
    groups = [json.loads(line)["resourceSpans"][0] for line in lines]
    header, seal = (plain_pairs(groups[at]["resource"]["attributes"]) for at in (0, -1))
    assert header["spantape.run.id"] == seal["spantape.seal.run.id"] == EXPECTED["run_id"]
    assert seal["spantape.seal.content"] == hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    spans = {}
    for group in groups[1:-1]:
        [span] = group["scopeSpans"][0]["spans"]
        spans[span["spanId"]] = plain_pairs(span["attributes"])
    steps = {key: span for key, span in spans.items() if "spantape.kind" in span}
    assert (len(steps), len(spans)) == (seal["spantape.seal.steps"], seal["spantape.seal.spans"])
    bodies = bodies_of({key: span for key, span in steps.items() if span["spantape.kind"] == "exchange"})
    chain = hashlib.sha256(b"spantape.fingerprint.v1").digest()
    for span_id, span in steps.items():
        chain = hashlib.sha256(chain + jcs.canonicalize(described(span, bodies, span_id))).digest()
    assert chain.hex() == seal["spantape.seal.fingerprint"] == EXPECTED["fingerprint"]
    exchanges = [step for step in EXPECTED["steps"] if step["kind"] == "exchange"]
    assert [b64decode(step["request_base64"]) for step in exchanges] == [
        bodies[step["span_id"]] for step in exchanges
    ]
