"""`spantape import` and `spantape export`."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO

import click

from spantape.cli._say import counted, say, watched, working
from spantape.errors import TapeError

_FORMATS = click.Choice(["exchanges"])
_FORMAT_HELP = "JSON Lines, one HTTP exchange each."


@click.command("import", short_help="Make a tape of recorded traffic.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option("-o", "--output", required=True, type=click.Path(), metavar="TAPE", help="The tape to write.")
@click.option("--format", "_form", type=_FORMATS, default="exchanges", show_default=True, help=_FORMAT_HELP)
@click.option(
    "--redact", is_flag=True, help="Replace secrets and personal data; without it, bytes stay verbatim."
)
def import_command(files: tuple[str, ...], output: str, _form: str, redact: bool) -> int:
    """Make a tape of recorded traffic; the exchanges of all FILEs, in order, are one run.

    Example: spantape import traffic.jsonl -o traffic.tape
    """
    from spantape.tape.importing import import_tape

    tape = import_tape(files, output, redact=redact, watch=watched("importing"))
    say(f"{output}: {counted(len(tape.steps), 'step')}, fingerprint {tape.fingerprint}")
    return 0


@click.command("export", short_help="Write the exchanges of a tape.")
@click.argument("tape", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="Where to write; by default to stdout."
)
@click.option("--format", "_form", type=_FORMATS, default="exchanges", show_default=True, help=_FORMAT_HELP)
@click.option("--run", "run_id", metavar="ID", help="The run to export, where the file holds several.")
def export_command(tape: str, output: str | None, _form: str, run_id: str | None) -> int:
    """Write the exchanges of a TAPE; the steps of tools and agents, which crossed no wire, are left out.

    Example: spantape export run.tape --format exchanges -o run.jsonl
    """
    from spantape.tape.exchanges import export_exchanges
    from spantape.tape.read import read_tape

    with working(f"reading {tape}"):
        read = read_tape(tape, run=run_id)
    count = 0
    with _opened(output) as file:
        for line in watched("exporting")(export_exchanges(read)):
            file.write(line.encode() + b"\n")
            count += 1
    if output is not None:
        say(f"{output}: {counted(count, 'exchange')}")
    return 0


def _opened(output: str | None) -> AbstractContextManager[IO[bytes]]:
    if output is None:
        sys.stdout.flush()
        return nullcontext(sys.stdout.buffer)
    try:
        return Path(os.fspath(output)).open("wb")
    except OSError as error:
        raise TapeError(f"cannot be written ({error.strerror or error})", path=output) from error
