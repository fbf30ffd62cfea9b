"""`spantape import` and `spantape export`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from spantape.cli._say import counted, put_json, say, watched, working
from spantape.errors import TapeError

if TYPE_CHECKING:
    from spantape.tape.foreign.importing import Imported, Outcome

_IN = click.Choice(["auto", "exchanges", "vcr", "har", "cendor", "tracefork"])
_OUT = click.Choice(["exchanges", "har", "vcr"])


@click.command("import", short_help="Make a tape of recorded traffic.")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    metavar="TAPE|DIR",
    help="The tape, or where tapes go.",
)
@click.option(
    "--format", "form", type=_IN, default="auto", show_default=True, help="Insist on what the files are."
)
@click.option("--run", "run_id", metavar="ID", help="The run to import, where a file holds several.")
@click.option(
    "--redact", is_flag=True, help="Replace secrets and personal data; without it, bytes stay verbatim."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_command(
    files: tuple[str, ...], output: str, form: str, run_id: str | None, *, redact: bool, as_json: bool
) -> int:
    """Make a tape of recorded traffic.

    A FILE is known by its content: a vcrpy cassette (YAML or JSON), an HTTP archive (HAR), a cendor cassette or its
    JSON Lines, a tracefork tape, store or blob, or JSON Lines of exchanges, many of which are one run in order. Where
    the output is a directory, or a FILE is one, each run becomes a tape in it. What a format does not hold is taken by
    rule, and the report names it.

    Example: spantape import tests/cassettes -o tapes/
    """
    from spantape.tape.foreign.importing import import_files

    outcome = import_files(
        files,
        output,
        form=None if form == "auto" else form,
        run=run_id,
        redact=redact,
        watch=watched("importing"),
    )
    if as_json:
        put_json(_report(outcome))
    else:
        _say_outcome(outcome)
    for error in outcome.failed:
        say(f"spantape: {error}")
    if not outcome.imported and not outcome.failed:
        say("spantape: no recording was found")
    return 0 if outcome.imported and not outcome.failed else 1


def _say_outcome(outcome: Outcome) -> None:
    for one in outcome.imported:
        draws = f", {counted(one.draws, 'draw')}" if one.draws else ""
        say(f"{one.path}: {counted(one.steps, 'step')}{draws}{_graded(one)}, fingerprint {one.fingerprint}")
    for note, paths in _notes(outcome).items():
        told = f" (in {counted(len(paths), 'tape')})" if len(outcome.imported) > 1 else ""
        say(f"  {note}{told}" if len(paths) != 1 or not told else f"  {paths[0]}: {note}")
    for text in outcome.skipped:
        say(f"passed over: {text}")


def _notes(outcome: Outcome) -> dict[str, list[str]]:
    """Each note once, with the tapes that it is of."""
    found: dict[str, list[str]] = {}
    for one in outcome.imported:
        for note in one.notes:
            found.setdefault(note, []).append(one.path)
    return found


def _graded(one: Imported) -> str:
    """The grades, where not every step is exact."""
    if set(one.grades) <= {"exact"}:
        return ""
    return f" ({', '.join(f'{count:,} {grade}' for grade, count in sorted(one.grades.items()))})"


def _report(outcome: Outcome) -> dict[str, Any]:
    return {
        "tapes": [_tape_object(one) for one in outcome.imported],
        "skipped": list(outcome.skipped),
        "failed": [{"path": error.path, "error": str(error)} for error in outcome.failed],
    }


def _tape_object(one: Imported) -> dict[str, Any]:
    return {
        "path": one.path,
        "source": one.source,
        "format": one.format,
        "run": one.run,
        "name": one.name,
        "steps": one.steps,
        "draws": one.draws,
        "grades": dict(one.grades),
        "notes": list(one.notes),
        "fingerprint": one.fingerprint,
    }


# --- out ---------------------------------------------------------------------------------------------------------


@click.command("export", short_help="Write the exchanges of a tape.")
@click.argument("tape", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE", help="Where to write; by default to stdout."
)
@click.option(
    "--format",
    "form",
    type=_OUT,
    default="exchanges",
    show_default=True,
    help="JSON Lines, one HTTP exchange each; an HTTP archive (HAR 1.2); or a vcrpy cassette in YAML.",
)
@click.option("--run", "run_id", metavar="ID", help="The run to export, where the file holds several.")
def export_command(tape: str, output: str | None, form: str, run_id: str | None) -> int:
    """Write the exchanges of a TAPE; the steps of tools and agents, which crossed no wire, are left out.

    Example: spantape export run.tape --format har -o run.har
    """
    from spantape.tape.read import read_tape

    with working(f"reading {tape}"):
        read = read_tape(tape, run=run_id)
    pieces, count, notes = _exported(read, form)
    with _opened(output) as file:
        for piece in pieces:
            file.write(piece)
    if output is not None:
        say(f"{output}: {counted(count(), 'exchange')}")
    for note in notes():
        say(f"  {note}")
    return 0


def _exported(tape: Any, form: str) -> tuple[Iterable[bytes], Any, Any]:
    """What to write, and functions that say how many exchanges it was and what it could not hold."""
    if form == "exchanges":
        from spantape.tape.exchanges import export_exchanges

        exchanges = [step for step in tape.steps if step.kind == "exchange"]
        lines = (line.encode() + b"\n" for line in watched("exporting")(export_exchanges(tape)))
        return lines, lambda: len(exchanges), tuple
    from spantape.tape.foreign.har_out import export_har
    from spantape.tape.foreign.vcr_out import export_vcr

    written = (export_har if form == "har" else export_vcr)(tape)
    return written.pieces, lambda: written.count, written.notes.lines


def _opened(output: str | None) -> AbstractContextManager[IO[bytes]]:
    if output is None:
        sys.stdout.flush()
        return nullcontext(sys.stdout.buffer)
    try:
        return Path(os.fspath(output)).open("wb")
    except OSError as error:
        raise TapeError(f"cannot be written ({error.strerror or error})", path=output) from error
