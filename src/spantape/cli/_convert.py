"""`spantape import` and `spantape export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spantape.cli._outward import send_tapes, write_tapes
from spantape.cli._say import counted, put_json, say, watched

if TYPE_CHECKING:
    from spantape.tape.foreign.importing import Imported, Outcome

_IN = click.Choice(["auto", "exchanges", "vcr", "har", "cendor", "tracefork", "otlp"])
_PROTOCOL = click.Choice(["http/protobuf", "http/json", "grpc"])
_OUT = click.Choice(["exchanges", "otlp-json", "otlp-proto", "openinference", "genai", "har", "vcr"])


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
    JSON Lines, a tracefork tape, store or blob, spans in OTLP JSON Lines or protobuf, or JSON Lines of exchanges, many
    of which are one run in order. Where the output is a directory, or a FILE is one, each run becomes a tape in it.
    What a format does not hold is taken by rule, and the report names it.

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


@click.command("export", short_help="Write tapes in other formats, or send them over OTLP.")
@click.argument("tapes", type=click.Path(), nargs=-1, required=True, metavar="TAPE...")
@click.option(
    "-o", "--output", type=click.Path(), metavar="FILE|DIR", help="Where to write; by default to stdout."
)
@click.option(
    "--format",
    "form",
    type=_OUT,
    help="JSON Lines, one HTTP exchange each (the default); the spans as they are, in OTLP JSON Lines or protobuf; "
    "spans as Phoenix or as OpenTelemetry's GenAI conventions have them, with whole histories; an HTTP archive (HAR "
    "1.2); or a vcrpy cassette in YAML.",
)
@click.option("--run", "run_id", metavar="ID", help="The run to export, where the file holds several.")
@click.option(
    "--otlp", "url", metavar="URL", help="Send the spans there: http(s)://HOST:PORT or grpc(s)://HOST:PORT."
)
@click.option("--protocol", type=_PROTOCOL, help="How to send; else as OTEL_EXPORTER_OTLP_PROTOCOL says.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header to send; may be repeated."
)
def export_command(
    *,
    tapes: tuple[str, ...],
    output: str | None,
    form: str | None,
    run_id: str | None,
    url: str | None,
    protocol: str | None,
    headers: tuple[str, ...],
) -> int:
    """Write TAPEs in another format, or send them to a collector or viewer over OTLP.

    Formats of exchanges leave out the steps of tools and agents, which crossed no wire. Where the output is a
    directory, each tape becomes a file in it. --otlp heeds OTEL_EXPORTER_OTLP_HEADERS, _PROTOCOL, _TIMEOUT,
    _COMPRESSION and the certificates, and exits with 1 where a span was not taken.

    Example: spantape export run.tape --format har -o run.har
    """
    if url is None:
        if protocol or headers:
            raise click.UsageError("--protocol and --header are of --otlp URL, which is not given")
        return write_tapes(tapes, output, form or "exchanges", run_id)
    if output is not None:
        raise click.UsageError("--otlp sends and -o writes; give one of them")
    return send_tapes(tapes, url, form or "otlp-proto", run_id, protocol=protocol, headers=headers)
