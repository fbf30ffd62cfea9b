# ruff: noqa: INP001 - a script beside what it makes
"""Make the vectors of attestations and proofs beside this file: `python vectors/attestation/make_vectors.py`.

Keys and clock are fixed, and the tapes are plain JSON lines, so every byte comes out the same on any machine.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from vector_cases import Cases, as_json, claims, envelope_schema, envelopes, predicates, proofs, statements
from vector_tapes import KEYS, attested, tapes

from spantape.attest import merkle
from spantape.attest.dsse import pae
from spantape.attest.predicate import PAYLOAD_TYPE
from spantape.attest.record import content_of, record_bytes
from spantape.attest.salts import salted
from spantape.attest.sealed import read_sealed

HERE = Path(__file__).parent


def values(name: str) -> dict[str, Any]:
    """What an implementation works out on the way from the tape `name` to its root."""
    sealed = read_sealed(HERE / "tapes" / name)
    salt = sealed.file.fingerprint_salt()
    return {
        "sha256": sealed.file.sha256,
        "seed": sealed.file.seed.hex(),
        "fingerprint": sealed.tape.fingerprint,
        "fingerprint_salt": salt.hex(),
        "fingerprint_salted": salted(salt, bytes.fromhex(sealed.tape.fingerprint)),
        "steps": [
            {
                "record": record_bytes(step, content_of(step)).decode(),
                "salt": sealed.file.step_salt(step.index).hex(),
                "leaf": sealed.leaves[step.index].hex(),
            }
            for step in sealed.tape.steps
        ],
        "root": merkle.root(sealed.leaves).hex(),
    }


def trees() -> list[dict[str, Any]]:
    """Trees of 0 to 9 leaves, the data of leaf i being the text `leaf i`, with the audit path of each leaf."""
    made = []
    for size in range(10):
        leaves = [merkle.leaf_hash(b"leaf %d" % index) for index in range(size)]
        paths = [[each.hex() for each in merkle.audit_path(leaves, index)] for index in range(size)]
        made.append({"size": size, "root": merkle.root(leaves).hex(), "paths": paths})
    return made


def encodings() -> list[dict[str, str]]:
    """What a signature covers, for payload types and payloads whose characters and bytes are not as many."""
    pairs = (
        ("http://example.com/HelloWorld", b"hello world"),
        (PAYLOAD_TYPE, '{"é":"✓"}'.encode()),
        ("application/x-é✓", b"\x00\xff"),
        ("", b""),
    )
    return [
        {"payloadType": kind, "payload": b64encode(body).decode(), "pae": b64encode(pae(kind, body)).decode()}
        for kind, body in pairs
    ]


def main() -> int:
    """Write every file."""
    for folder in ("keys", "tapes", "attestations", "proofs"):
        (HERE / folder).mkdir(exist_ok=True)
    for name, key in KEYS.items():
        (HERE / "keys" / f"{name}.pub").write_text(key.public.to_text())
    for name, content in tapes().items():
        (HERE / "tapes" / name).write_bytes(content)
    good = attested(HERE / "tapes" / "run.jsonl")
    cases = Cases([], {})
    for name in ("one-step", "no-steps"):
        tape = HERE / "tapes" / f"{name}.jsonl"
        cases.tape(name, attested(tape).to_json(), "alice", tape=tape.name)
    openly = attested(HERE / "tapes" / "run.jsonl", fingerprint=True)
    cases.tape("fingerprint-stated", openly.to_json(), "alice")
    for add in (envelopes, envelope_schema, statements, predicates, claims, proofs):
        add(cases, good)
    made = {
        **cases.files,
        "cases.json": as_json(cases.listed),
        "values.json": as_json({name: values(f"{name}.jsonl") for name in ("run", "one-step", "no-steps")}),
        "trees.json": as_json(trees()),
        "pae.json": as_json(encodings()),
    }
    for name, content in made.items():
        (HERE / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
