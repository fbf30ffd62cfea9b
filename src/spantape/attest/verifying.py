"""Attestations verified: the tape that one is about, or an error that says what is not so."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from spantape.attest._read import read_bytes
from spantape.attest.attesting import attestation_path
from spantape.attest.dsse import LARGEST, Envelope, read_envelope, signers_of, unproven
from spantape.attest.predicate import Statement, read_statement
from spantape.attest.sealed import SealedTape, read_sealed
from spantape.errors import (
    ClaimMismatch,
    DigestMismatch,
    FingerprintMismatch,
    NotVerified,
    OtherTape,
    Unsigned,
)
from spantape.rerun.keys import PublicKey, TrustedKey
from spantape.rerun.policy import TrustPolicy
from spantape.tape.fingerprint import canonical
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.model import Tape
from spantape.tape.verify import Check

Trust = TrustPolicy | Iterable[TrustedKey | PublicKey]
"""The keys whose signatures count: a policy's, those of `load_trust`, or public keys alone. None: nobody's does."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement that trusted keys signed: `signers`, at least one.

    `unproven` are the keyids of further signatures that are of no trusted key; they count for nothing.
    """

    statement: Statement
    signers: tuple[TrustedKey, ...]
    unproven: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """What does not count, in words."""
        hints = ", ".join(repr(keyid[:80]) if keyid else "no name" for keyid in self.unproven)
        return (f"not counted: signatures of no trusted key ({hints})",) if self.unproven else ()

    def check(self) -> Check:
        """Who signed what, in words."""
        attested = self.statement.predicate.attested
        by = ", ".join(f"{key} ({key.key.id})" if key.name or key.path else str(key) for key in self.signers)
        return Check("attested", f"{attested.time} by {by}")


@dataclass(frozen=True, slots=True)
class AttestedTape:
    """A tape that is what a trusted key attested, with the statement and each check that was made."""

    tape: Tape
    signed: Signed
    checks: tuple[Check, ...] = field(repr=False)


def verify(
    tape: str | os.PathLike[str],
    trust: Trust,
    *,
    attestation: str | os.PathLike[str] | Envelope | None = None,
    limits: Limits = DEFAULT,
) -> AttestedTape:
    """The tape at the path `tape`, proven to be the one that a trusted key attested.

    The attestation is the file beside the tape (`run.tape.att`), another file, or an envelope. Everything that it
    says of the tape is worked out again from the tape.

    Raises:
        Unsigned: there is no attestation, or no signature in it.
        UnknownKey: no trusted key signed it; so too where no key is trusted.
        BadSignature: it says that a trusted key signed it, and that key did not.
        OtherTape: it is of another run.
        DigestMismatch: it is of another file of the same run: the tape was changed after it was attested.
        FingerprintMismatch, ClaimMismatch: it says of the tape what the tape does not hold.
        SchemaViolation: it is no attestation of a tape; names the member.
        TapeError: the tape is damaged, has no seal, or cannot be read.
    """
    envelope, path = envelope_for(tape, attestation)
    signed = signed_statement(envelope, trust, path=path)
    sealed = read_sealed(tape, limits)
    check_claims(sealed, signed.statement, path)
    return AttestedTape(sealed.tape, signed, _checks(sealed, signed))


def signed_statement(
    envelope: Envelope, trust: Trust, *, what: str = "attestation", path: str | None = None
) -> Signed:
    """The statement in an envelope, once a trusted key is known to have signed it.

    Raises:
        Unsigned, UnknownKey, BadSignature: no trusted key did.
        SchemaViolation: it is no statement about a tape.
    """
    keys = trust.trusted_keys or () if isinstance(trust, TrustPolicy) else trust
    trusted = tuple(key if isinstance(key, TrustedKey) else TrustedKey(key) for key in keys)
    signers = signers_of(envelope, trusted, what=what, path=path)
    statement = read_statement(envelope, what=what, path=path)
    return Signed(statement, signers, unproven(envelope, signers))


def envelope_for(
    tape: str | os.PathLike[str], attestation: str | os.PathLike[str] | Envelope | None
) -> tuple[Envelope, str | None]:
    """The envelope to use for a tape, and the file that it came from.

    Raises:
        Unsigned: none was given, and none is beside the tape.
        EvidenceError: it cannot be read.
    """
    if isinstance(attestation, Envelope):
        return attestation, None
    path = attestation_path(tape) if attestation is None else Path(attestation)
    if attestation is None and not path.exists():
        raise Unsigned(
            "the tape is not attested: no file is there; make it with `spantape attest`, or name another with "
            "--attestation",
            what="attestation",
            path=path,
        )
    return load_envelope(path), str(path)


def load_envelope(path: str | os.PathLike[str]) -> Envelope:
    """The envelope in the file at `path`.

    Raises:
        EvidenceError: the file cannot be read.
        SchemaViolation: it holds no envelope.
    """
    return read_envelope(read_bytes(path, what="attestation", largest=LARGEST), path=path)


def check_claims(sealed: SealedTape, statement: Statement, path: str | None = None) -> None:
    """Return where the statement says of the tape what is so; `path` is the file that says it.

    Raises:
        OtherTape, DigestMismatch, FingerprintMismatch, ClaimMismatch: where it does not.
    """
    claimed = statement.predicate
    if sealed.file.sha256 != statement.subject.digest.sha256:
        raise _other_file(sealed, statement, path)
    openly = claimed.fingerprint.plain is not None
    claims, facts = _plain(claimed), _plain(sealed.statement(claimed.attested, fingerprint=openly).predicate)
    if claims != facts:
        raise _other_claim(claims, facts, sealed, path)


def _other_claim(
    claims: dict[str, Any], facts: dict[str, Any], sealed: SealedTape, path: str | None
) -> NotVerified:
    place = next(name for name in claims if claims[name] != facts[name])
    got, fact = claims[place], facts[place]
    if isinstance(got, dict) and isinstance(fact, dict) and got.keys() == fact.keys():
        inner = next(name for name in got if got[name] != fact[name])
        place, got, fact = f"{place}.{inner}", got[inner], fact[inner]
    kind = FingerprintMismatch if place.startswith("fingerprint.") else ClaimMismatch
    return kind(
        f"got {got!r:.100}, expected {fact!r:.100} as the tape {sealed.tape.path!r} has it",
        what="attestation",
        path=path,
        field=f"predicate.{place}",
    )


def _other_file(sealed: SealedTape, statement: Statement, path: str | None) -> NotVerified:
    got, tape = statement.predicate.tape, sealed.tape
    if got.run_id != tape.run_id:
        return OtherTape(
            f"is of run {got.run_id!r:.80}, expected run {tape.run_id!r} of the tape {tape.path!r}",
            what="attestation",
            path=path,
        )
    return DigestMismatch(
        f"is of a file of sha256 {statement.subject.digest.sha256}, the tape {tape.path!r} has {sealed.file.sha256}: "
        "it was changed after it was attested",
        what="attestation",
        path=path,
        field="subject[0].digest.sha256",
    )


def _plain(claims: Any) -> dict[str, Any]:
    """Claims as they come out of canonical JSON."""
    plain: dict[str, Any] = msgspec.json.decode(canonical(msgspec.to_builtins(claims)))
    return plain


def _checks(sealed: SealedTape, signed: Signed) -> tuple[Check, ...]:
    claimed = signed.statement.predicate
    return (
        signed.check(),
        Check("subject", f"sha256 {sealed.file.sha256}"),
        Check("fingerprint as attested", sealed.tape.fingerprint),
        Check("steps as attested", f"{claimed.steps.count} in the tree of root {claimed.steps.root}"),
        Check("claims", "run, models, environment, redactions and times are those of the tape"),
    )
