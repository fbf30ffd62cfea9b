"""Bundles are made: captured from a step record, signed, written and read."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from spantape.errors import EvidenceError, NotCanonical, SchemaViolation
from spantape.rerun._base64 import to_base64
from spantape.rerun.canonical import canonicalize
from spantape.rerun.graphs import describe
from spantape.rerun.keys import PrivateKey
from spantape.rerun.reading import read_file
from spantape.rerun.schema import (
    EXTENDED,
    VERSION,
    check_bundle,
    check_captured,
    check_record,
    hash_of,
    is_extended,
    violation,
)

__all__ = ["Bundle", "capture", "read_bundle", "sign", "signed_bytes", "to_bytes", "write_bundle"]

Bundle = dict[str, Any]
"""A bundle as its JSON object; `check_bundle` says whether it is one."""


def capture(record: dict[str, Any], key: PrivateKey | None = None) -> Bundle:
    """The bundle of a step record, signed where a key is given.

    A record as v0.1 has it gives a v0.1 bundle; one with `steps` gives a bundle of our extension. Inputs and
    transcripts are in the bundle as hashes only. The record is left as it is, and the bundle shares members with it.

    Raises:
        SchemaViolation: the record, or the bundle that it makes, lacks a member, has an unknown one, or one of the
            wrong type; or a value in it has no canonical form. The member is named.
    """
    check_record(record)
    bundle = _of_steps(record) if is_extended(record) else {"rerun_version": VERSION, **_of_step(record, "")}
    check_captured(bundle)
    return bundle if key is None else _signed(bundle, key)


def sign(bundle: Bundle, key: PrivateKey) -> Bundle:
    """A copy of `bundle` signed by `key`; a signature that it had is replaced.

    In our extension the signer is named inside what is signed too, so that a signature taken off is missed.

    Raises:
        SchemaViolation: it is no bundle, or a value in it has no canonical form.
    """
    check_bundle(bundle)
    return _signed(bundle, key)


def _signed(bundle: Bundle, key: PrivateKey) -> Bundle:
    signer = {"alg": "ed25519", "pubkey": key.public.to_base64()}
    signed = {**bundle, "signer": signer} if bundle["rerun_version"] == EXTENDED else dict(bundle)
    signature = to_base64(key.sign(signed_bytes(signed)))
    return {**signed, "signature": {**signer, "sig": signature}}


def signed_bytes(bundle: Bundle) -> bytes:
    """What the signature covers: the canonical bytes of the bundle without its signature.

    Raises:
        SchemaViolation: a value in it has no canonical form.
    """
    try:
        return canonicalize({name: member for name, member in bundle.items() if name != "signature"})
    except NotCanonical as error:
        raise violation("bundle", error) from error


def to_bytes(bundle: Bundle) -> bytes:
    """What a `.rr` file holds: the canonical bytes of the whole bundle.

    Raises:
        SchemaViolation: it is no bundle, or a value in it has no canonical form.
    """
    check_bundle(bundle)
    try:
        return canonicalize(bundle)
    except NotCanonical as error:
        raise violation("bundle", error) from error


def write_bundle(bundle: Bundle, path: str | PathLike[str]) -> None:
    """Write the bundle to a `.rr` file, in canonical bytes.

    Raises:
        SchemaViolation: as `to_bytes`.
        EvidenceError: the file cannot be written.
    """
    data = to_bytes(bundle)
    try:
        Path(path).write_bytes(data)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise EvidenceError(f"cannot be written: {reason}", what="bundle", path=path) from error


def read_bundle(path: str | PathLike[str]) -> Bundle:
    """The bundle in a `.rr` file: its shape is checked, its signature is not (`verify` does).

    Raises:
        SchemaViolation: it is no bundle; file and member are named.
        NotCanonical: it is not JSON that means one thing.
        EvidenceError: the file cannot be read.
    """
    bundle: Bundle = read_file(path, what="bundle")
    try:
        check_bundle(bundle)
    except SchemaViolation as error:
        raise SchemaViolation(error.reason, what="bundle", path=path, field=error.field) from error
    return bundle


def _of_steps(record: dict[str, Any]) -> Bundle:
    steps = [_of_step(step, f"steps[{index}].") for index, step in enumerate(record["steps"])]
    return {"rerun_version": EXTENDED, "steps": steps}


def _of_step(step: dict[str, Any], place: str) -> dict[str, Any]:
    expected = dict(step["expected"])
    if "transcript" in expected:
        transcript = expected.pop("transcript")
        expected["transcript_sha256"] = hash_of(transcript, what="step", place=f"{place}expected.transcript")
    if "calls" in expected:
        expected["calls"] = describe(
            expected["calls"], step["tolerance"]["calls"], what="step", place=f"{place}expected.calls"
        )
    hashes = {
        f"{name}_sha256": hash_of(value, what="step", place=f"{place}inputs.{name}")
        for name, value in step["inputs"].items()
    }
    return {**step, "inputs": hashes, "expected": expected}
