"""The vectors of attestations and proofs: our verifier says what they say, and one written from their README does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import jcs
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from spantape.attest import verify, verify_proof
from spantape.errors import SpantapeError
from spantape.rerun.keys import load_trust

VECTORS = Path(__file__).parent.parent / "vectors" / "attestation"
CASES = json.loads((VECTORS / "cases.json").read_text())
VALUES = json.loads((VECTORS / "values.json").read_text())


def verified(case):
    trust = load_trust(VECTORS / key for key in case["trust"])
    if "proof" in case:
        return verify_proof(VECTORS / case["proof"], trust).signed
    attestation = case["attestation"] and VECTORS / case["attestation"]
    return verify(VECTORS / case["tape"], trust, attestation=attestation).signed


@pytest.mark.parametrize("case", [each for each in CASES if "signers" in each], ids=lambda case: case["name"])
def test_what_is_attested_verifies_and_names_its_signers(case):
    assert [Path(key.path).stem for key in verified(case).signers] == case["signers"]


@pytest.mark.parametrize("case", [each for each in CASES if "error" in each], ids=lambda case: case["name"])
def test_a_fault_is_the_error_of_its_kind_at_its_place(case):
    with pytest.raises(SpantapeError) as caught:
        verified(case)
    assert type(caught.value).__name__ == case["error"]
    assert getattr(caught.value, "field", None) == case["member"]


def test_each_kind_of_error_has_its_vectors():
    kinds = {case["error"] for case in CASES if "error" in case}
    assert kinds == {
        "BadSignature",
        "ClaimMismatch",
        "DigestMismatch",
        "FingerprintMismatch",
        "OtherTape",
        "ProofMismatch",
        "SchemaViolation",
        "TapeDamaged",
        "TapeError",
        "UnknownKey",
        "Unsigned",
    }


def test_every_file_is_that_of_a_case():
    named = {case[member] for case in CASES for member in ("proof", "attestation") if case.get(member)}
    there = {
        f"{folder}/{path.name}"
        for folder in ("proofs", "attestations")
        for path in (VECTORS / folder).iterdir()
    }
    assert named == there


def test_making_the_vectors_again_makes_the_same_bytes(tmp_path):
    for script in VECTORS.glob("*.py"):
        shutil.copy(script, tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_vectors.py"], check=True)
    made = {
        path.relative_to(tmp_path): path
        for path in tmp_path.rglob("*")
        if path.suffix not in ("", ".py", ".pyc")
    }
    kept = {
        path.relative_to(VECTORS): path
        for path in VECTORS.rglob("*")
        if path.suffix not in ("", ".py", ".md", ".pyc")
    }
    assert made.keys() == kept.keys()
    for name, path in made.items():
        assert path.read_bytes() == kept[name].read_bytes(), name


# --- a verifier of its own, from the README alone ----------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def signed_payload(envelope, keys):
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    for key in keys:
        load_pem_public_key((VECTORS / key).read_bytes()).verify(
            base64.b64decode(envelope["signatures"][0]["sig"]), signed
        )
    assert kind == b"application/vnd.in-toto+json"
    return json.loads(payload)


def climbed(leaf, index, size, path):
    """The root that a leaf leads to, by the recursive definition."""
    if size == 1:
        assert not path
        return leaf
    k = 1
    while k * 2 < size:
        k *= 2
    *below, sibling = path
    if index < k:
        return sha256(b"\x01" + climbed(leaf, index, k, below) + sibling)
    return sha256(b"\x01" + sibling + climbed(leaf, index - k, size - k, below))


@pytest.mark.parametrize(
    "case", [each for each in CASES if "proof" in each and "signers" in each], ids=lambda case: case["name"]
)
def test_a_verifier_from_the_readme_alone_proves_the_good_proofs(case):
    proof = json.loads((VECTORS / case["proof"]).read_bytes())
    steps = signed_payload(proof["envelope"], case["trust"])["predicate"]["steps"]
    record = json.loads(proof["record"])
    leaf = sha256(b"\x00" + bytes.fromhex(proof["salt"]) + proof["record"].encode())
    path = [bytes.fromhex(each) for each in proof["path"]]
    assert climbed(leaf, record["index"], steps["count"], path).hex() == steps["root"]
    for name, held in proof["content"].items():
        expected = record[f"{name}Sha256"]
        data = held and (held["text"].encode() if "text" in held else base64.b64decode(held["base64"]))
        assert (None if data is None else sha256(data).hex()) == expected


@pytest.mark.parametrize("name", sorted(VALUES))
def test_seeds_and_salts_from_the_readme_alone_are_those_of_the_values(name):
    given = VALUES[name]
    data = (VECTORS / "tapes" / f"{name}.jsonl").read_bytes()
    seed = hmac.digest(b"spantape.attestation.seed.v1", data, "sha256")
    assert (sha256(data).hex(), seed.hex()) == (given["sha256"], given["seed"])
    salt = hmac.digest(seed, b"fingerprint", "sha256")
    assert sha256(salt + bytes.fromhex(given["fingerprint"])).hex() == given["fingerprint_salted"]
    for index, step in enumerate(given["steps"]):
        salt = hmac.digest(seed, f"step {index}".encode(), "sha256")
        assert salt.hex() == step["salt"]
        assert sha256(b"\x00" + salt + step["record"].encode()).hex() == step["leaf"]


def plain_value(value):
    if "arrayValue" in value:
        return [plain_value(member) for member in value["arrayValue"]["values"]]
    if "bytesValue" in value:
        return base64.b64decode(value["bytesValue"])
    return int(value["intValue"]) if "intValue" in value else value["stringValue"]


def pairs(attributes):
    return {pair["key"]: plain_value(pair["value"]) for pair in attributes}


def spans_of(lines):
    """Each span as OTLP has it, its attributes as plain values."""
    for line in lines:
        for resource in line["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield span | {"attributes": pairs(span["attributes"])}


def octets(value):
    return value.encode() if isinstance(value, str) else value


def request_of(span, by_id):
    """The request body, through the spans that it grew from."""
    attributes = span["attributes"]
    middle = octets(attributes["spantape.request.body"])
    if "spantape.request.base.span" not in attributes:
        return middle
    base = request_of(by_id[attributes["spantape.request.base.span"]], by_id)
    prefix, suffix = attributes["spantape.request.base.prefix"], attributes["spantape.request.base.suffix"]
    return base[:prefix] + middle + base[len(base) - suffix :]


def headers_of(text):
    return [list(line.partition(": ")[::2]) for line in text.split("\n")] if text else []


def hexed(data):
    return None if data is None else sha256(octets(data)).hex()


def parent_of(span, by_id, index_of):
    above = by_id.get(span.get("parentSpanId"))
    if above is None:
        return None
    kind = above["attributes"].get("spantape.kind")
    return index_of[above["spanId"]] if kind in ("tool", "agent") else parent_of(above, by_id, index_of)


def record_of(span, by_id, index_of):
    told = span["attributes"]
    failed = "spantape.error.message" in told
    record = {
        "kind": told["spantape.kind"],
        "index": index_of[span["spanId"]],
        "parent": parent_of(span, by_id, index_of),
        "traceId": span["traceId"],
        "spanId": span["spanId"],
        "startedNs": span["startTimeUnixNano"],
        "endedNs": span["endTimeUnixNano"],
        "error": {"type": told["error.type"], "message": told["spantape.error.message"]} if failed else None,
    }
    if record["kind"] != "exchange":
        name = told["gen_ai.tool.name"] if record["kind"] == "tool" else told["gen_ai.agent.name"]
        digests = {f"{one}Sha256": hexed(told.get(f"spantape.{one}")) for one in ("arguments", "result")}
        return record | {"name": name} | digests
    return record | {
        "method": told["http.request.method"],
        "url": told["url.full"],
        "requestHeaders": headers_of(told["spantape.request.headers"]),
        "requestSha256": hexed(request_of(span, by_id)),
        "status": told.get("http.response.status_code"),
        "responseHeaders": headers_of(told.get("spantape.response.headers", "")),
        "responseSha256": hexed(told.get("spantape.response.body")),
        "end": told.get("spantape.end", "complete"),
    }


def second_of(nanoseconds):
    return datetime.fromtimestamp(int(nanoseconds) // 10**9, UTC).isoformat().replace("+00:00", "Z")


def test_records_and_claims_from_the_readme_alone_are_those_of_the_attestation():
    lines = [json.loads(line) for line in (VECTORS / "tapes" / "run.jsonl").read_text().splitlines()]
    header = pairs(lines[0]["resourceSpans"][0]["resource"]["attributes"])
    seal = pairs(lines[-1]["resourceSpans"][0]["resource"]["attributes"])
    spans = sorted(spans_of(lines), key=lambda span: int(span["startTimeUnixNano"]))
    by_id = {span["spanId"]: span for span in spans}
    index_of = {}
    for span in spans:
        if "spantape.kind" in span["attributes"]:
            index_of[span["spanId"]] = len(index_of)
    records = [record_of(by_id[span_id], by_id, index_of) for span_id in index_of]
    given = VALUES["run"]
    assert [jcs.canonicalize(record).decode() for record in records] == [
        step["record"] for step in given["steps"]
    ]
    envelope = json.loads((VECTORS / "attestations" / "good.att").read_bytes())
    statement = signed_payload(envelope, ["keys/alice.pub"])
    assert statement["subject"] == [{"name": "run.jsonl", "digest": {"sha256": given["sha256"]}}]
    asked = [span["attributes"] for span in spans if "gen_ai.request.model" in span["attributes"]]
    models = {
        tuple(told.get(f"gen_ai.{key}", "") for key in ("provider.name", "request.model", "response.model"))
        for told in asked
    }
    assert statement["predicate"] == {
        "tape": {
            "format": 1,
            "runId": header["spantape.run.id"],
            "name": header["spantape.run.name"],
            "spans": 6,
        },
        "fingerprint": {
            "algorithm": "spantape.fingerprint.v1",
            "salted": given["fingerprint_salted"],
            "plain": None,
        },
        "steps": {
            "count": len(records),
            "tree": "rfc6962-sha256",
            "leaf": "spantape.step.v1",
            "root": given["root"],
        },
        "models": [
            dict(zip(("provider", "requested", "answered"), one, strict=True)) for one in sorted(models)
        ],
        "environment": {
            key: header[key]
            for key in header
            if key in ("service.name", "process.runtime.name", "process.runtime.version", "os.type")
            or key in ("spantape.version", "spantape.package.openai")
        },
        "redactions": {"email": 2, "iban": 2},
        "traceId": "a1" * 16,
        "recorded": {
            "started": second_of(min(int(span["startTimeUnixNano"]) for span in spans)),
            "ended": second_of(max(int(span["endTimeUnixNano"]) for span in spans)),
        },
        "attested": {"time": "2025-06-15T15:06:40Z", "software": "vectors"},
    }
    assert seal["spantape.seal.fingerprint"] == given["fingerprint"]
