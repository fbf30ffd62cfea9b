"""Attestations that another party signs too."""

from __future__ import annotations

import os
from dataclasses import replace

from spantape.attest.dsse import MOST_SIGNATURES, Envelope, sign
from spantape.attest.predicate import read_statement
from spantape.attest.sealed import read_sealed
from spantape.attest.verifying import check_claims
from spantape.errors import UsageError
from spantape.rerun.keys import PrivateKey
from spantape.tape.limits import DEFAULT, Limits


def countersign(
    tape: str | os.PathLike[str], envelope: Envelope, *keys: PrivateKey, limits: Limits = DEFAULT
) -> Envelope:
    """The attestation `envelope` of the tape at the path `tape`, signed also by each of the `keys`.

    Whoever countersigns vouches for the same statement, its time of attesting included, and so it is first checked
    against the tape; who signed it before does not matter here. A key that signed already signs once.

    Raises:
        NotVerified: the attestation is not of this tape, or says of it what is not so.
        SchemaViolation: it is no attestation of a tape.
        TapeError: the tape is damaged, has no seal, or cannot be read.
        UsageError: it would have more signatures than a verifier takes.
    """
    check_claims(read_sealed(tape, limits), read_statement(envelope))
    added = sign(envelope.payload_type, envelope.payload, keys).signatures
    signatures = tuple(dict.fromkeys((*envelope.signatures, *added)))
    if len(signatures) > MOST_SIGNATURES:
        raise UsageError(f"got {len(signatures)} signatures, expected at most {MOST_SIGNATURES}")
    return replace(envelope, signatures=signatures)
