"""Attestations made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from spantape._version import __version__
from spantape.attest.dsse import LARGEST, MOST_SIGNATURES, Envelope, sign
from spantape.attest.predicate import PAYLOAD_TYPE, Attested
from spantape.attest.sealed import read_sealed, rfc3339
from spantape.errors import EvidenceError, TapeError, UsageError
from spantape.rerun.keys import PrivateKey
from spantape.tape.limits import DEFAULT, Limits

SUFFIX: Final = ".att"
SOFTWARE: Final = f"spantape {__version__}"


def attest(
    tape: str | os.PathLike[str],
    *keys: PrivateKey,
    fingerprint: bool = False,
    clock: Callable[[], int] = time.time_ns,
    software: str = SOFTWARE,
    limits: Limits = DEFAULT,
) -> Envelope:
    """The signed statement over the whole tape at the path `tape`: one signature of each of the `keys`.

    The tape is read whole and all of it is checked first. With `fingerprint`, the statement holds the tape's
    fingerprint openly, so that behaviours can be compared without the tape; whoever is shown all steps but a few can
    then test guesses of those. Without, it is hidden under a salt that the tape gives. `clock` gives the time of the attestation in nanoseconds
    since the epoch; the environment that is attested is the one on the tape, not this machine's.

    Raises:
        TapeDamaged: the tape is not what was sealed.
        TapeError: it has no seal, so nothing says that it is complete; or what it holds is too much to state.
        UsageError: no key was given, or more than a verifier takes.
    """
    if not 0 < len(keys) <= MOST_SIGNATURES:
        raise UsageError(f"attest(): got {len(keys)} keys to sign with, expected 1 to {MOST_SIGNATURES}")
    sealed = read_sealed(tape, limits)
    payload = sealed.statement(Attested(rfc3339(clock()), software), fingerprint=fingerprint).to_json()
    envelope = sign(PAYLOAD_TYPE, payload, keys)
    if len(envelope.to_json()) > LARGEST:
        raise TapeError(f"its attestation would be larger than {LARGEST:,} bytes, refused", path=tape)
    return envelope


def attestation_path(tape: str | os.PathLike[str]) -> Path:
    """Where the attestation of a tape is looked for: beside it, with `.att` behind its name."""
    path = Path(tape)
    return path.with_name(path.name + SUFFIX)


def write_attestation(envelope: Envelope, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write an envelope to the file `path`, in one step.

    Raises:
        EvidenceError: the file exists and `overwrite` is not set, or it cannot be written.
    """
    if not overwrite and Path(path).exists():
        raise EvidenceError(
            "exists, and may hold the signature of another; --force (overwrite=True) replaces it",
            what="attestation",
            path=path,
        )
    write_document(envelope.to_json(), path, what="attestation")


def write_document(data: bytes, path: str | os.PathLike[str], *, what: str) -> None:
    """Write `data` to the file `path` in one step; a file that was there is replaced.

    Raises:
        EvidenceError: it cannot be written.
    """
    target = Path(path)
    made = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        made.write_bytes(data)
        made.replace(target)
    except (OSError, ValueError) as error:
        made.unlink(missing_ok=True)
        raise EvidenceError(f"cannot be written: {error}", what=what, path=path) from error
