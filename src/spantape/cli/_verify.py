"""`spantape verify`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from spantape.cli._keys import trust_policy
from spantape.cli._say import put, put_json, say, working
from spantape.errors import EvidenceError, TapeError, UsageError

if TYPE_CHECKING:
    from spantape.attest import Signed
    from spantape.rerun.policy import TrustPolicy
    from spantape.tape.verify import Receipt

_FIRST_MEMBER: Final = re.compile(rb'\s*\{\s*"(\w+)"\s*:')
_PROOF_MEMBERS: Final = frozenset({b"_type", b"record", b"content", b"salt", b"path", b"envelope"})
_ENVELOPE_MEMBERS: Final = frozenset({b"payload", b"payloadType", b"signatures"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """What to hold the files against; `trust` is None where nobody asked who vouches for them."""

    run: str | None
    partial: bool
    trust: TrustPolicy | None
    attestation: str | None


@click.command("verify", short_help="Prove that tapes are what was written, and by whom.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="TAPE|PROOF...")
@click.option("--run", "run_id", metavar="ID", help="The run to verify, where a file holds several.")
@click.option(
    "--partial", is_flag=True, help="Accept a tape without a seal: nothing vouches that it is complete."
)
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(),
    metavar="KEY|DIR",
    help="A public key, or a directory of them: each file must be attested by one of these.",
)
@click.option(
    "--attestation", type=click.Path(), metavar="FILE", help="The attestation; by default TAPE.att."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(
    files: tuple[str, ...],
    *,
    run_id: str | None,
    partial: bool,
    trust: tuple[str, ...],
    attestation: str | None,
    as_json: bool,
) -> int:
    """Prove that each TAPE is what was written: file, seal, fingerprint and every payload.

    With --trust, prove also that a trusted key attested it (`spantape attest`). A PROOF of one step (`spantape prove`)
    verifies alone. Exits with 1, and names the place, where a file is damaged, has no seal or is not attested.

    Example: spantape verify tapes/*.tape
    """
    if attestation is not None and len(files) > 1:
        raise UsageError(f"--attestation is of one tape, got {len(files)} files")
    asked = _Asked(run_id, partial, _policy(trust, attestation), attestation)
    told = []
    for path in files:
        try:
            with working(f"verifying {path}"):
                said, text = _verified(path, asked)
        except (TapeError, EvidenceError) as error:
            said, text = _failed(path, error), ""
            say(f"spantape: {error}")
        told.append(said)
        if text and not as_json:
            put(text)
    if as_json:
        put_json(told)
    return 0 if all(each["ok"] for each in told) else 1


def _policy(trust: tuple[str, ...], attestation: str | None) -> TrustPolicy | None:
    asked = trust or attestation is not None
    return trust_policy(trust, require_signature=True) if asked else None


def _verified(path: str, asked: _Asked) -> tuple[dict[str, Any], str]:
    """What was proven of a file, as an object and as text."""
    first = _first_member(path)
    if first in _ENVELOPE_MEMBERS:
        raise EvidenceError(
            "vouches for a tape and proves nothing alone; verify that tape: "
            f"spantape verify TAPE --attestation {path} --trust KEY",
            what="attestation",
            path=path,
        )
    return _proof(path, asked) if first in _PROOF_MEMBERS else _tape(path, asked)


def _first_member(path: str) -> bytes | None:
    """The name of the first member where the file is a JSON object: that of a tape's line is `resourceSpans`."""
    try:
        with Path(path).open("rb") as file:
            found = _FIRST_MEMBER.match(file.read(1024))
    except (OSError, ValueError):  # the reader that the file is for will say it
        return None
    return found[1] if found else None


def _failed(path: str, error: TapeError | EvidenceError) -> dict[str, Any]:
    step = error.step if isinstance(error, TapeError) else None
    return {"path": path, "ok": False, "error": str(error), "step": step, "field": error.field}


# --- tapes -------------------------------------------------------------------------------------------------------


def _tape(path: str, asked: _Asked) -> tuple[dict[str, Any], str]:
    from spantape.tape.verify import verify_tape

    receipt = verify_tape(path, run=asked.run)
    receipt, signed = _attested(path, receipt, asked)
    ok = receipt.sealed or asked.partial
    if not receipt.sealed:
        say(
            f"spantape: {receipt.path}: no seal, so nothing vouches that it is complete"
            + ("" if ok else "; --partial accepts that")
        )
    told = {
        **asdict(receipt),
        "path": path,
        "ok": ok,
        "checks": dict(receipt.checks),
        "attestation": _attestation(signed),
        "error": None,
    }
    return told, f"{'ok ' if ok else 'NOT'} {receipt}"


def _attested(path: str, receipt: Receipt, asked: _Asked) -> tuple[Receipt, Signed | None]:
    if asked.trust is None:
        return replace(receipt, notes=(*receipt.notes, *_unasked(path))), None
    from spantape.attest import verify

    found = verify(path, asked.trust, attestation=asked.attestation)
    checks = (*receipt.checks, *found.checks)
    return replace(receipt, checks=checks, notes=(*receipt.notes, *found.signed.notes())), found.signed


def _unasked(path: str) -> Iterator[str]:
    beside = Path(f"{path}.att")
    if beside.exists():
        yield f"not checked: {beside} is there; --trust KEY asks who vouches"


def _attestation(signed: Signed | None) -> dict[str, Any] | None:
    if signed is None:
        return None
    return {
        "signers": [{"id": key.key.id, "name": key.name, "path": key.path} for key in signed.signers],
        "unproven": list(signed.unproven),
        "statement": msgspec.to_builtins(signed.statement),
    }


# --- proofs ------------------------------------------------------------------------------------------------------


def _proof(path: str, asked: _Asked) -> tuple[dict[str, Any], str]:
    from spantape.attest import verify_proof

    if asked.attestation is not None:
        raise UsageError(f"{path}: a proof carries its attestation; --attestation is for tapes")
    proven = verify_proof(path, asked.trust or ())
    told = {
        "path": path,
        "ok": True,
        "step": proven.record.index,
        "record": msgspec.to_builtins(proven.record),
        "checks": dict(proven.checks),
        "attestation": _attestation(proven.signed),
        "error": None,
    }
    lines = [f"ok  {path}: {proven.record}", *(f"  {name}: {detail}" for name, detail in proven.checks)]
    return told, "\n".join([*lines, *proven.signed.notes()])
