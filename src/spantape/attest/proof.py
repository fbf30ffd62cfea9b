"""One step of an attested tape, disclosed and proven without the rest.

A proof is one small JSON file: the signed envelope, the record of the step with its salt, the audit path from its
leaf to the attested root, and the payloads that the record names by digest.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import msgspec

from spantape._model import digest
from spantape.attest import merkle
from spantape.attest._read import decoded, read_bytes
from spantape.attest.attesting import write_document
from spantape.attest.dsse import (
    MOST_SIGNATURES,
    Envelope,
    EnvelopeForm,
    SignatureForm,
    envelope_of,
    read_base64,
)
from spantape.attest.predicate import Sha256, read_statement
from spantape.attest.record import Content, Record, content_of, read_record, record_bytes
from spantape.attest.sealed import read_sealed
from spantape.attest.verifying import Signed, Trust, check_claims, envelope_for, signed_statement
from spantape.errors import ProofMismatch, SchemaViolation, TapeError, UsageError
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.verify import Check

PROOF_TYPE: Final = "urn:spantape:proof:step:v1"

LARGEST: Final = 128 << 20
"""A proof has at most this many bytes."""


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Bytes as JSON: `text` where they are UTF-8, else `base64`; one of the two."""

    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


class _SignatureForm(SignatureForm, frozen=True, forbid_unknown_fields=True):
    """A signature within a proof: nothing but what DSSE names."""


class _EnvelopeForm(EnvelopeForm, frozen=True, forbid_unknown_fields=True):
    """An envelope within a proof: nothing but what DSSE names."""

    signatures: Annotated[tuple[_SignatureForm, ...], msgspec.Meta(max_length=MOST_SIGNATURES)]


class _ProofForm(msgspec.Struct, frozen=True, rename={"type": "_type"}, forbid_unknown_fields=True):
    """A proof as JSON."""

    type: Literal["urn:spantape:proof:step:v1"]
    envelope: _EnvelopeForm
    record: str
    salt: Sha256
    path: Annotated[tuple[Sha256, ...], msgspec.Meta(max_length=64)]
    content: dict[str, Payload | None]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof file holds; that one exists proves nothing: see `verify_proof`.

    `record` is the exact text whose hash, under `salt`, is the leaf: it is never encoded anew. `path` are the
    sibling hashes from the leaf to the root, lowest first.
    """

    envelope: Envelope
    record: str = field(repr=False)
    salt: bytes = field(repr=False)
    path: tuple[bytes, ...] = field(repr=False)
    content: Content = field(repr=False)

    def to_json(self) -> bytes:
        """The JSON form, to be read by people too."""
        form = {
            "_type": PROOF_TYPE,
            "record": self.record,
            "content": {name: _payload(held) for name, held in self.content.items()},
            "salt": self.salt.hex(),
            "path": [each.hex() for each in self.path],
            "envelope": self.envelope.to_object(),
        }
        return msgspec.json.format(msgspec.json.encode(form), indent=2) + b"\n"


@dataclass(frozen=True, slots=True)
class ProvenStep:
    """A step that is on a tape which a trusted key attested, with its payloads and each check that was made.

    `content` has the payloads by name: `request` and `response` of an exchange, `arguments` and `result` (JSON
    texts) of a call; None where the tape has none.
    """

    record: Record
    content: Content = field(repr=False)
    signed: Signed
    checks: tuple[Check, ...] = field(repr=False)


def prove(
    tape: str | os.PathLike[str],
    step: int,
    *,
    attestation: str | os.PathLike[str] | Envelope | None = None,
    limits: Limits = DEFAULT,
) -> Proof:
    """The proof of the step with the index `step`, counted from 0, under the attestation of its tape.

    No key is needed, and who signed does not matter here: whoever gets the proof will ask.

    Raises:
        UsageError: the tape has no such step.
        Unsigned: there is no attestation.
        NotVerified: the attestation is not of this tape, or says of it what is not so.
        SchemaViolation: it is no attestation of a tape.
        TapeError: the tape is damaged, has no seal, or cannot be read.
    """
    envelope, path = envelope_for(tape, attestation)
    sealed = read_sealed(tape, limits)
    check_claims(sealed, read_statement(envelope, path=path), path)
    steps = sealed.tape.steps
    if not 0 <= step < len(steps):
        raise UsageError(
            f"got step {step}, expected one of the {len(steps)} of {sealed.tape.path!r}, counted from 0"
        )
    content = content_of(steps[step])
    proof = Proof(
        envelope=envelope,
        record=record_bytes(steps[step], content).decode(),
        salt=sealed.file.step_salt(step),
        path=merkle.audit_path(sealed.leaves, step),
        content=content,
    )
    if len(proof.to_json()) > LARGEST:
        raise TapeError(f"its proof would be larger than {LARGEST:,} bytes, refused", path=tape, step=step)
    return proof


def write_proof(proof: Proof, path: str | os.PathLike[str]) -> None:
    """Write a proof to the file `path`, in one step.

    Raises:
        EvidenceError: it cannot be written.
    """
    write_document(proof.to_json(), path, what="proof")


def verify_proof(proof: str | os.PathLike[str] | Proof, trust: Trust) -> ProvenStep:
    """The step that a proof discloses, once it is known to be on a tape that a trusted key attested.

    Nothing but the proof (a file, or one in memory) and the trusted keys is needed.

    Raises:
        Unsigned, UnknownKey, BadSignature: no trusted key signed the attestation in it.
        ProofMismatch: the step is not the one in the attested tree, or a payload is not the one that was recorded.
        SchemaViolation: it is no proof; names the member.
    """
    path = None if isinstance(proof, Proof) else os.fspath(proof)
    held = proof if isinstance(proof, Proof) else load_proof(proof)
    signed = signed_statement(held.envelope, trust, what="proof", path=path)
    record = read_record(held.record, what="proof", path=path)
    _check_root(held, record.index, signed, path)
    _check_content(held, record, path)
    return ProvenStep(record, held.content, signed, _checks(held, record, signed))


def load_proof(path: str | os.PathLike[str]) -> Proof:
    """The proof in the file at `path`, not verified; `Raises` as `read_proof`, and EvidenceError for no file."""
    return read_proof(read_bytes(path, what="proof", largest=LARGEST), path=path)


def read_proof(data: bytes, *, path: str | os.PathLike[str] | None = None) -> Proof:
    """The proof that a JSON text holds, not verified.

    Raises:
        SchemaViolation: it is none; names the member.
    """
    form = decoded(data, _ProofForm, what="proof", path=path, largest=LARGEST)
    return Proof(
        envelope=envelope_of(form.envelope, what="proof", path=path, prefix="envelope."),
        record=form.record,
        salt=bytes.fromhex(form.salt),
        path=tuple(bytes.fromhex(each) for each in form.path),
        content={name: _octets(held, f"content.{name}", path) for name, held in form.content.items()},
    )


def _payload(held: bytes | None) -> Payload | None:
    if held is None:
        return None
    try:
        return Payload(text=held.decode())
    except UnicodeDecodeError:
        return Payload(base64=base64.b64encode(held).decode())


def _octets(held: Payload | None, name: str, path: str | os.PathLike[str] | None) -> bytes | None:
    if held is None:
        return None
    if isinstance(held.text, str) and held.base64 is msgspec.UNSET:
        return held.text.encode()
    if isinstance(held.base64, str) and held.text is msgspec.UNSET:
        try:
            return read_base64(held.base64)
        except ValueError as error:
            raise SchemaViolation(str(error), what="proof", path=path, field=f"{name}.base64") from error
    raise SchemaViolation("expected one of `text` and `base64`", what="proof", path=path, field=name)


def _check_root(proof: Proof, index: int, signed: Signed, path: str | None) -> None:
    steps = signed.statement.predicate.steps
    leaf = merkle.leaf_hash(proof.salt + proof.record.encode())
    try:
        got = merkle.root_of_path(leaf, index, steps.count, proof.path).hex()
    except ValueError as error:
        raise ProofMismatch(str(error), what="proof", path=path, field="path") from error
    if got != steps.root:
        raise ProofMismatch(
            f"got root {got} from step {index}, expected the attested {steps.root}: "
            "the record, its salt or its path is not the one that was attested",
            what="proof",
            path=path,
            field="record",
        )


def _check_content(proof: Proof, record: Record, path: str | None) -> None:
    if proof.content.keys() != record.digests.keys():
        raise ProofMismatch(
            f"got {', '.join(proof.content) or 'nothing':.200}, expected {' and '.join(record.digests)}",
            what="proof",
            path=path,
            field="content",
        )
    for name, expected in record.digests.items():
        held = proof.content[name]
        got = None if held is None else digest(held)
        if got != expected:
            raise ProofMismatch(
                f"got sha256 {got or 'of nothing'}, recorded {expected or 'nothing'}",
                what="proof",
                path=path,
                field=f"content.{name}",
            )


def _checks(proof: Proof, record: Record, signed: Signed) -> tuple[Check, ...]:
    claimed = signed.statement.predicate
    sizes = (f"{name} of {len(held)} bytes" for name, held in proof.content.items() if held is not None)
    return (
        signed.check(),
        Check("tape", f"sha256 {signed.statement.subject.digest.sha256}, run {claimed.tape.run_id}"),
        Check("step", f"{record.index} of {claimed.steps.count} in the tree of root {claimed.steps.root}"),
        Check(
            "content", ", ".join(sizes) + ", each with its sha256" if any(proof.content.values()) else "none"
        ),
    )
