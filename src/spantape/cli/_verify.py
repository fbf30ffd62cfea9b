"""`spantape verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from spantape.cli._say import put, put_json, say, working
from spantape.errors import TapeError

if TYPE_CHECKING:
    from spantape.tape.verify import Receipt


@click.command("verify", short_help="Prove that tapes are what was written.")
@click.argument("tapes", type=click.Path(), nargs=-1, required=True, metavar="TAPE...")
@click.option("--run", "run_id", metavar="ID", help="The run to verify, where a file holds several.")
@click.option(
    "--partial", is_flag=True, help="Accept a tape without a seal: nothing vouches that it is complete."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(tapes: tuple[str, ...], run_id: str | None, partial: bool, as_json: bool) -> int:
    """Prove that each TAPE is what was written: file, seal, fingerprint and every payload.

    Exits with 1, and names the place, where a tape is damaged or has no seal.

    Example: spantape verify tapes/*.tape
    """
    from spantape.tape.verify import verify_tape

    told: list[dict[str, Any]] = []
    for path in tapes:
        try:
            with working(f"verifying {path}"):
                receipt = verify_tape(path, run=run_id)
        except TapeError as error:
            told.append(
                {"path": path, "ok": False, "error": str(error), "step": error.step, "field": error.field}
            )
            say(f"spantape: {error}")
            continue
        ok = receipt.sealed or partial
        told.append(
            {**asdict(receipt), "path": path, "ok": ok, "checks": dict(receipt.checks), "error": None}
        )
        if not as_json:
            _put_receipt(receipt, ok)
    if as_json:
        put_json(told)
    return 0 if all(each["ok"] for each in told) else 1


def _put_receipt(receipt: Receipt, ok: bool) -> None:
    put(f"{'ok ' if ok else 'NOT'} {receipt}")
    if not receipt.sealed:
        say(
            f"spantape: {receipt.path}: no seal, so nothing vouches that it is complete"
            + ("" if ok else "; --partial accepts that")
        )
