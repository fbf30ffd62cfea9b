# ruff: noqa: INP001 - beside what it makes
"""The cases of the vectors: documents named by their fault, and what verifying each must say."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vector_tapes import KEYS, OTHER_RUN, attested

from spantape.attest import Envelope, Signature, prove
from spantape.attest.dsse import sign
from spantape.attest.predicate import PAYLOAD_TYPE
from spantape.tape.fingerprint import canonical

HERE = Path(__file__).parent


@dataclass
class Cases:
    """What was made so far: the list of cases, and the files that they name."""

    listed: list[dict[str, Any]]
    files: dict[str, bytes]

    def tape(
        self,
        name: str,
        document: bytes | None,
        *expected: str,
        tape: str = "run.jsonl",
        trust: str = "alice",
    ) -> None:
        """A case of `verify TAPE --trust … --attestation …`; `expected` are signers, or an error and its member."""
        file = None if document is None else f"attestations/{name}.att"
        self._keep(file, document)
        given = {"name": name, "tape": f"tapes/{tape}", "attestation": file}
        self.listed.append(given | _outcome(trust, expected))

    def proof(self, name: str, document: bytes, *expected: str, trust: str = "alice") -> None:
        """A case of `verify PROOF --trust …`; `expected` as for `tape`."""
        file = f"proofs/{name}.json"
        self._keep(file, document)
        self.listed.append({"name": f"proof-{name}", "proof": file} | _outcome(trust, expected))

    def _keep(self, file: str | None, document: bytes | None) -> None:
        if file is not None and document is not None:
            if file in self.files:
                raise KeyError(f"two cases write {file}")
            self.files[file] = document


def _outcome(trust: str, expected: tuple[str, ...]) -> dict[str, Any]:
    keys = {"trust": [f"keys/{each}.pub" for each in trust.split()]}
    if expected[0].islower():
        return keys | {"signers": list(expected)}
    return keys | {"error": expected[0], "member": expected[1] if len(expected) > 1 else None}


def as_json(value: object) -> bytes:
    """A file of JSON."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _sign(statement: bytes, *signers: str, kind: str = PAYLOAD_TYPE) -> Envelope:
    return sign(kind, statement, [KEYS[name] for name in signers or ("alice",)])


Edit = Callable[[dict[str, Any]], Any]


def _edited(document: bytes, edit: Edit) -> bytes:
    value = json.loads(document)
    edit(value)
    return as_json(value)


def _put(*place: str | int, to: Any) -> Edit:
    def edit(value: Any) -> None:
        for key in place[:-1]:
            value = value[key]
        value[place[-1]] = to

    return edit


def _drop(*place: str | int) -> Edit:
    def edit(value: Any) -> None:
        for key in place[:-1]:
            value = value[key]
        del value[place[-1]]

    return edit


def _flipped(text: str) -> str:
    """Base64 text of the same bytes but for one bit."""
    return ("B" if text[0] == "A" else "A") + text[1:]


def envelopes(cases: Cases, good: Envelope) -> None:
    """What becomes of the envelope around a good statement."""
    whole, payload = good.to_json(), good.payload
    alice = good.signatures[0]
    both = _sign(payload, "alice", "bob")
    broken = replace(both.signatures[1], sig=b"\x01" + both.signatures[1].sig[1:])
    sig = b64encode(alice.sig).decode()
    cases.tape("good", whole, "alice")
    cases.tape("two-signers", both.to_json(), "alice", "bob", trust="alice bob")
    cases.tape("two-signers-one-trusted", both.to_json(), "bob", trust="bob mallory")
    mixed = replace(good, signatures=(broken, alice))
    cases.tape("bad-signature-beside-a-good-one", mixed.to_json(), "alice", trust="alice bob")
    cases.tape(
        "keyid-of-another",
        replace(good, signatures=(replace(alice, keyid=KEYS["bob"].id),)).to_json(),
        "alice",
    )
    cases.tape("keyid-missing", _edited(whole, _drop("signatures", 0, "keyid")), "alice")
    cases.tape("base64-url-safe", _edited(whole, _url_safe), "alice")
    cases.tape(
        "members-of-others",
        _edited(whole, lambda e: e.update(extra=[{}]) or e["signatures"][0].update(cert="x")),
        "alice",
    )
    cases.tape("no-attestation", None, "Unsigned")
    cases.tape("no-signature", replace(good, signatures=()).to_json(), "Unsigned", "signatures")
    cases.tape("no-key-trusted", whole, "UnknownKey", "signatures", trust="")
    cases.tape(
        "unknown-key", _sign(payload, "mallory").to_json(), "UnknownKey", "signatures", trust="alice bob"
    )
    claimed = Signature(KEYS["alice"].id, _sign(payload, "mallory").signatures[0].sig)
    cases.tape(
        "unknown-key-under-a-trusted-keyid",
        replace(good, signatures=(claimed,)).to_json(),
        "BadSignature",
        "signatures[0]",
    )
    cases.tape(
        "signature-flipped",
        _edited(whole, _put("signatures", 0, "sig", to=_flipped(sig))),
        "BadSignature",
        "signatures[0]",
    )
    cases.tape(
        "signature-cut",
        replace(good, signatures=(replace(alice, sig=alice.sig[:-1]),)).to_json(),
        "BadSignature",
        "signatures[0]",
    )
    cases.tape(
        "only-bad-signatures",
        replace(good, signatures=(broken,)).to_json(),
        "BadSignature",
        "signatures[0]",
        trust="alice bob",
    )
    changed = replace(good, payload=payload.replace(b"m-1-2025", b"m-1-2026"))
    cases.tape("payload-changed", changed.to_json(), "BadSignature", "signatures[0]")
    cases.tape(
        "payload-spaced-anew",
        replace(good, payload=as_json(json.loads(payload))).to_json(),
        "BadSignature",
        "signatures[0]",
    )
    other = _sign(payload, kind="application/json")
    cases.tape("payload-type-other", other.to_json(), "SchemaViolation", "payloadType")
    cases.tape(
        "payload-type-changed",
        replace(other, payload_type=PAYLOAD_TYPE).to_json(),
        "BadSignature",
        "signatures[0]",
    )


def _url_safe(envelope: dict[str, Any]) -> None:
    for holder, name in ((envelope, "payload"), (envelope["signatures"][0], "sig")):
        holder[name] = holder[name].replace("+", "-").replace("/", "_")


def envelope_schema(cases: Cases, good: Envelope) -> None:
    """Envelopes that are none."""
    whole = good.to_json()
    text = b64encode(good.payload).decode()
    sig = b64encode(good.signatures[0].sig).decode()

    def refused(name: str, document: bytes, *member: str) -> None:
        cases.tape(f"envelope-{name}", document, "SchemaViolation", *member)

    refused("not-json", b"{]")
    refused("not-an-object", b"[]\n")
    refused("nested-too-deep", b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"," + whole[1:])
    refused("payload-missing", _edited(whole, _drop("payload")), "payload")
    refused("payload-type-missing", _edited(whole, _drop("payloadType")), "payloadType")
    refused("signatures-missing", _edited(whole, _drop("signatures")), "signatures")
    refused("signatures-no-list", _edited(whole, _put("signatures", to={})), "signatures")
    refused("signatures-too-many", replace(good, signatures=good.signatures * 65).to_json(), "signatures")
    refused("sig-missing", _edited(whole, _drop("signatures", 0, "sig")), "signatures[0].sig")
    refused("keyid-null", _edited(whole, _put("signatures", 0, "keyid", to=None)), "signatures[0].keyid")
    refused("payload-no-base64", _edited(whole, _put("payload", to="no base64!")), "payload")
    refused("payload-without-padding", _edited(whole, _put("payload", to="eyJ9Ig")), "payload")
    refused("payload-stray-bits", _edited(whole, _put("payload", to="eyJ9Ih==")), "payload")
    refused("payload-two-alphabets", _edited(whole, _put("payload", to="-+-+")), "payload")
    refused(
        "sig-no-base64", _edited(whole, _put("signatures", 0, "sig", to=sig[:-1] + "!")), "signatures[0].sig"
    )
    refused("payload-a-number", _edited(whole, _put("payload", to=1)), "payload")
    refused(
        "member-twice", whole.replace(b'{"payload":', b'{"payload":"' + text.encode() + b'","payload":', 1)
    )


def statements(cases: Cases, good: Envelope) -> None:
    """Statements that a trusted key signed, and that are none of ours."""
    payload = good.payload

    def refused(name: str, statement: bytes, *member: str) -> None:
        cases.tape(f"statement-{name}", _sign(statement).to_json(), "SchemaViolation", *member)

    def edited(name: str, edit: Edit, *member: str) -> None:
        refused(name, canonical(_changed(payload, edit)), *member)

    cases.tape("statement-spaced", _sign(as_json(json.loads(payload))).to_json(), "alice")
    extra = canonical(_changed(payload, lambda s: s.update(extra=1) or s["subject"][0].update(uri="x")))
    cases.tape("statement-members-of-others", _sign(extra).to_json(), "alice")
    refused("not-json", b"not json")
    refused("empty", b"")
    refused("byte-order-mark", b"\xef\xbb\xbf" + payload)
    refused("not-utf-8", payload.replace(b"vectors", b"vector\xff", 1))
    refused("member-twice", payload.replace(b'"predicateType"', b'"predicateType":"x","predicateType"', 1))
    edited("type-other", _put("_type", to="https://in-toto.io/Statement/v0.1"), "_type")
    edited(
        "predicate-type-other", _put("predicateType", to="https://slsa.dev/provenance/v1"), "predicateType"
    )
    edited("predicate-missing", _drop("predicate"), "predicate")
    edited("no-subject", _put("subject", to=[]), "length of subject")
    edited("two-subjects", lambda s: s["subject"].append(s["subject"][0]), "length of subject")
    edited(
        "subject-without-sha256", _put("subject", 0, "digest", to={"sha512": "0"}), "subject[0].digest.sha256"
    )
    edited(
        "subject-digest-upper-case",
        _put("subject", 0, "digest", "sha256", to="AB" * 32),
        "subject[0].digest.sha256",
    )


def _changed(payload: bytes, edit: Edit) -> Any:
    value = json.loads(payload)
    edit(value)
    return value


def predicates(cases: Cases, good: Envelope) -> None:
    """Predicates that a trusted key signed, and that are none of version 1."""
    members = json.loads(good.payload)["predicate"]

    def edited(name: str, edit: Edit, member: str) -> None:
        statement = _changed(good.payload, lambda s: edit(s["predicate"]))
        cases.tape(
            f"predicate-{name}",
            _sign(canonical(statement)).to_json(),
            "SchemaViolation",
            f"predicate.{member}",
        )

    for member in members:
        edited(f"{member}-missing", _drop(member), member)
    edited("member-unknown", _put("color", to="red"), "color")
    edited("steps-member-unknown", _put("steps", "size", to=5), "steps.size")
    edited("tape-format-2", _put("tape", "format", to=2), "tape.format")
    edited("steps-count-negative", _put("steps", "count", to=-1), "steps.count")
    edited("steps-count-a-text", _put("steps", "count", to="5"), "steps.count")
    edited("steps-count-a-fraction", _put("steps", "count", to=5.5), "steps.count")
    edited("steps-root-short", _put("steps", "root", to="ab"), "steps.root")
    edited("steps-tree-unknown", _put("steps", "tree", to="flat"), "steps.tree")
    edited("steps-leaf-unknown", _put("steps", "leaf", to="spantape.step.v0"), "steps.leaf")
    edited(
        "fingerprint-algorithm-unknown", _put("fingerprint", "algorithm", to="md5"), "fingerprint.algorithm"
    )
    edited("attested-time-local", _put("attested", "time", to="2025-06-15T15:06:40+00:00"), "attested.time")
    edited("environment-a-number", _put("environment", "os.type", to=1), "environment[...]")
    edited("redactions-negative", _put("redactions", "email", to=-1), "redactions[...]")
    edited("models-no-list", _put("models", to={}), "models")


def claims(cases: Cases, good: Envelope) -> None:
    """Well-formed attestations by a trusted key that are not of the tape beside them."""
    whole = good.to_json()
    cases.tape(
        "tape-changed-afterwards", whole, "DigestMismatch", "subject[0].digest.sha256", tape="changed.jsonl"
    )
    cases.tape("tape-of-another-run", whole, "OtherTape", tape="other.jsonl")
    cases.tape("tape-partial", whole, "TapeError", tape="partial.jsonl")
    cases.tape("tape-damaged", whole, "TapeDamaged", "seal", tape="damaged.jsonl")

    def false(name: str, edit: Edit, member: str, error: str = "ClaimMismatch") -> None:
        statement = _changed(good.payload, lambda s: edit(s["predicate"]))
        cases.tape(f"false-{name}", _sign(canonical(statement)).to_json(), error, f"predicate.{member}")

    zeros = "0" * 64
    false("fingerprint", _put("fingerprint", "salted", to=zeros), "fingerprint.salted", "FingerprintMismatch")
    false(
        "fingerprint-plain",
        _put("fingerprint", "plain", to=zeros),
        "fingerprint.plain",
        "FingerprintMismatch",
    )
    false("root", _put("steps", "root", to=zeros), "steps.root")
    false("count", _put("steps", "count", to=4), "steps.count")
    false("run", _put("tape", "runId", to=OTHER_RUN), "tape.runId")
    false("spans", _put("tape", "spans", to=1), "tape.spans")
    false("model", _put("models", 0, "answered", to="m-9"), "models")
    false("environment", _put("environment", "os.type", to="windows"), "environment.os.type")
    false("environment-less", _drop("environment", "os.type"), "environment")
    false("redactions-fewer", _put("redactions", "email", to=1), "redactions.email")
    false("redactions-none", _put("redactions", to={}), "redactions")
    false("trace", _put("traceId", to=None), "traceId")
    false("time-recorded", _put("recorded", "ended", to="2024-01-01T00:00:00Z"), "recorded.ended")


def proofs(cases: Cases, good: Envelope) -> None:
    """Proofs of the steps of the run, and what becomes of them."""
    run_tape = HERE / "tapes" / "run.jsonl"
    made = [prove(run_tape, step, attestation=good).to_json() for step in range(5)]
    for step, proof in enumerate(made):
        cases.proof(f"step-{step}", proof, "alice")
    alone = HERE / "tapes" / "one-step.jsonl"
    one = prove(alone, 0, attestation=attested(alone)).to_json()
    cases.proof("only-step", one, "alice")
    whole, last = made[1], made[4]
    member = json.loads(whole)
    cases.proof("no-key-trusted", whole, "UnknownKey", "signatures", trust="")
    cases.proof("unknown-key", whole, "UnknownKey", "signatures", trust="bob")

    def edited(name: str, edit: Edit, error: str, *field: str, of: bytes = whole) -> None:
        cases.proof(name, _edited(of, edit), error, *field)

    def record(text: str, by: str) -> Edit:
        return _put("record", to=member["record"].replace(text, by))

    mismatch, violation = "ProofMismatch", "SchemaViolation"
    edited("signature-flipped", lambda p: _flip_signature(p["envelope"]), "BadSignature", "signatures[0]")
    edited("envelope-of-another-tape", _put("envelope", to=json.loads(one)["envelope"]), mismatch, "path")
    edited("record-changed", record('"status":200', '"status":500'), mismatch, "record")
    edited("record-spaced-anew", record('"status":200', '"status": 200'), mismatch, "record")
    edited("index-changed", record('"index":1', '"index":0'), mismatch, "record")
    edited("index-beyond-the-tree", record('"index":1', '"index":5'), mismatch, "path")
    edited("salt-changed", _put("salt", to="0" * 64), mismatch, "record")
    edited("path-changed", _put("path", 0, to="0" * 64), mismatch, "record")
    edited("path-turned", lambda p: p["path"].reverse(), mismatch, "record")
    edited("path-short", _drop("path", -1), mismatch, "path")
    edited("path-long", lambda p: p["path"].append("0" * 64), mismatch, "path")
    edited("path-of-the-last-long", lambda p: p["path"].append("0" * 64), mismatch, "path", of=last)
    edited(
        "content-changed",
        _put("content", "response", "text", to='{"content":"ho"}'),
        mismatch,
        "content.response",
    )
    edited("content-withheld", _put("content", "request", to=None), mismatch, "content.request")
    edited("content-missing", _drop("content", "request"), mismatch, "content")
    edited("content-added", _put("content", "result", to=None), mismatch, "content")
    edited(
        "content-where-none-was",
        _put("content", "response", to={"text": ""}),
        mismatch,
        "content.response",
        of=made[3],
    )
    edited("content-both-forms", _put("content", "request", "base64", to=""), violation, "content.request")
    edited("content-no-form", _put("content", "request", to={}), violation, "content.request")
    edited(
        "content-no-base64",
        _put("content", "response", "base64", to="%"),
        violation,
        "content.response.base64",
        of=last,
    )
    for name in member:
        edited(f"member-{name.lstrip('_')}-missing", _drop(name), violation, name)
    edited("member-unknown", _put("color", to="red"), violation, "color")
    edited("envelope-member-unknown", _put("envelope", "color", to="red"), violation, "envelope.color")
    edited("type-other", _put("_type", to="urn:spantape:proof:step:v2"), violation, "_type")
    edited("record-not-json", _put("record", to="{"), violation)
    edited("record-member-unknown", record('"status":200', '"status":200,"x":1'), violation, "x")
    edited("record-member-twice", record('"status":200', '"status":500,"status":200'), violation)
    edited("record-kind-unknown", record('"kind":"exchange"', '"kind":"draw"'), violation, "kind")
    cases.proof(
        "member-twice", whole.replace(b'"salt":', b'"salt":"' + b"0" * 64 + b'","salt":', 1), violation
    )


def _flip_signature(envelope: dict[str, Any]) -> None:
    envelope["signatures"][0]["sig"] = _flipped(envelope["signatures"][0]["sig"])
