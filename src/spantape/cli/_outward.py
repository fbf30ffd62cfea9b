"""Tapes on their way out: `spantape export`, to files, to stdout and to OTLP endpoints."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Final, NamedTuple

import click

from spantape.cli._say import counted, say, watched, working
from spantape.errors import TapeError

_SPANS: Final = ("otlp-json", "otlp-proto", "openinference", "genai")
_ENDINGS: Final = {
    "exchanges": ".jsonl",
    "har": ".har",
    "vcr": ".yaml",
    "otlp-json": ".otlp.jsonl",
    "otlp-proto": ".otlp.pb",
    "openinference": ".openinference.jsonl",
    "genai": ".genai.jsonl",
}


class _Exported(NamedTuple):
    """What to write, then what there is to say of it."""

    pieces: Iterable[bytes]
    told: Callable[[], str]
    notes: Callable[[], Iterable[str]] = tuple


def write_tapes(tapes: Sequence[str], output: str | None, form: str, run: str | None) -> int:
    """The exit code of writing `tapes` to one file (stdout without an `output`), or to a directory each its own."""
    if output is None or not _is_directory(output):
        _write(_exported(tapes, form, run), output)
        return 0
    taken: set[Path] = set()
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TapeError(f"cannot be written ({error.strerror or error})", path=output) from error
    for tape in tapes:
        _write(_exported([tape], form, run), str(_free(Path(output), Path(tape), form, taken)))
    return 0


def _is_directory(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _free(directory: Path, tape: Path, form: str, taken: set[Path]) -> Path:
    """A path in `directory` that is not taken: by the tape's stem, else with a number."""
    stem, number = tape.stem, 1
    path = directory / f"{stem}{_ENDINGS[form]}"
    while path in taken:
        number += 1
        path = directory / f"{stem}.{number}{_ENDINGS[form]}"
    taken.add(path)
    return path


def _write(exported: _Exported, output: str | None) -> None:
    with _opened(output) as file:
        for piece in exported.pieces:
            file.write(piece)
    if output is not None:
        say(f"{output}: {exported.told()}")
    for note in exported.notes():
        say(f"  {note}")


def _opened(output: str | None) -> AbstractContextManager[IO[bytes]]:
    if output is None:
        sys.stdout.flush()
        return nullcontext(sys.stdout.buffer)
    try:
        return Path(output).open("wb")
    except OSError as error:
        raise TapeError(f"cannot be written ({error.strerror or error})", path=output) from error


# --- what is written ---------------------------------------------------------------------------------------------


def _exported(tapes: Sequence[str], form: str, run: str | None) -> _Exported:
    if form in _SPANS:
        return _spans(tapes, form, run)
    if form == "exchanges":
        return _exchanges(tapes, run)
    if len(tapes) > 1:
        raise click.UsageError(
            f"got {len(tapes)} tapes for one file of {form}; write each into a directory: -o DIR/"
        )
    return _archive(tapes[0], form, run)


def _spans(tapes: Sequence[str], form: str, run: str | None) -> _Exported:
    from spantape.tape.outward.formats import format_named
    from spantape.tape.outward.source import read_source

    sources = []
    for tape in tapes:
        with working(f"reading {tape}"):
            sources.append(read_source(tape, run=run))
    spans = sum(len(source.tape.spans) for source in sources)
    return _Exported(watched("exporting")(format_named(form).write(sources)), lambda: counted(spans, "span"))


def _exchanges(tapes: Sequence[str], run: str | None) -> _Exported:
    from spantape.tape.exchanges import export_exchanges
    from spantape.tape.read import read_tape

    read = []
    for tape in tapes:
        with working(f"reading {tape}"):
            read.append(read_tape(tape, run=run))
    count = sum(step.kind == "exchange" for tape in read for step in tape.steps)
    lines = (line.encode() + b"\n" for tape in read for line in export_exchanges(tape))
    return _Exported(watched("exporting")(lines), lambda: counted(count, "exchange"))


def _archive(tape: str, form: str, run: str | None) -> _Exported:
    from spantape.tape.foreign.har_out import export_har
    from spantape.tape.foreign.vcr_out import export_vcr
    from spantape.tape.read import read_tape

    with working(f"reading {tape}"):
        read = read_tape(tape, run=run)
    written = (export_har if form == "har" else export_vcr)(read)
    return _Exported(written.pieces, lambda: counted(written.count, "exchange"), written.notes.lines)


# --- what is sent ------------------------------------------------------------------------------------------------


def send_tapes(
    tapes: Sequence[str],
    url: str,
    form: str,
    run: str | None,
    *,
    protocol: str | None,
    headers: Sequence[str],
) -> int:
    """The exit code of sending the spans of `tapes` to `url`: 0 where every span was taken."""
    if form not in _SPANS:
        raise click.UsageError(f"got --format {form}, expected one of spans with --otlp: {', '.join(_SPANS)}")
    from spantape.tape.outward.endpoint import endpoint_of
    from spantape.tape.outward.formats import format_named
    from spantape.tape.outward.sending import send
    from spantape.tape.outward.source import read_source

    endpoint = endpoint_of(url, os.environ, protocol=protocol, headers=headers)
    write = format_named(form).documents
    sources = [read_source(tape, run=run) for tape in tapes]
    documents = (document for source in sources for document in write(source))
    sent = send(watched("sending")(documents), endpoint)
    again = f", {sent.retries} of {sent.requests} requests sent again" if sent.retries else ""
    say(f"{endpoint.url}: {counted(sent.taken, 'span')} taken of {sent.total:,}{again}")
    if sent.rejected:
        say(f"  rejected: {counted(sent.rejected, 'span')}")
    if sent.unsent:
        say(f"  not sent: {counted(sent.unsent, 'span')}, since the endpoint does not answer")
    for message in sent.messages:
        say(f"  it says: {message}")
    return 0 if sent.complete else 1
