"""Files of other tools, known by their content: a table of formats, and the way through it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from spantape.errors import TapeDamaged, TapeError, TapeNotFound, UsageError
from spantape.tape.foreign import cendor, exchange_lines, har, tracefork_blob, tracefork_sqlite, vcr
from spantape.tape.foreign.model import Recording
from spantape.tape.foreign.peek import Peek
from spantape.tape.foreign.places import UnknownFormat
from spantape.tape.foreign.sqlite_safe import SQLITE_MAGIC
from spantape.tape.journal import MARK
from spantape.tape.unpack import is_zstd


class Format(NamedTuple):
    """A foreign format: how it is called, how a file of it is known, and how it is read.

    `read` is None for our own lines, of which many files may be one run.
    """

    name: str
    title: str
    fits: Callable[[Peek], bool]
    read: Callable[[Peek], Sequence[Recording]] | None


FORMATS: Final = (
    Format("exchanges", "JSON Lines of HTTP exchanges", exchange_lines.fits, None),
    Format("vcr", "a vcrpy cassette", vcr.fits, vcr.read),
    Format("har", "an HTTP archive (HAR)", har.fits, har.read),
    Format("cendor", "a cendor cassette or its JSON Lines", cendor.fits, cendor.read),
    Format("tracefork", "a tracefork tape or store", tracefork_sqlite.fits, tracefork_sqlite.read),
    Format("tracefork", "a tracefork blob", tracefork_blob.fits, tracefork_blob.read),
)
NAMES: Final = tuple(dict.fromkeys(form.name for form in FORMATS))

_GZIP: Final = b"\x1f\x8b"
_SPANS: Final = re.compile(rb'\s*\{\s*"resourceSpans"')


def format_of(path: str | os.PathLike[str], form: str | None = None) -> tuple[Format, Peek]:
    """The format of the file at `path`, by its content, and what was read to tell; `form` is one to insist on.

    Raises:
        TapeNotFound: no file is there.
        UnknownFormat: it is of no format that is known, or not of `form`.
        TapeError: it is a tape already, or cannot be read.
    """
    place = Path(path)
    if not place.exists():
        raise TapeNotFound("No such file or directory", path=place)
    if not place.is_file():
        raise TapeError("is no regular file, expected a recording", path=place)
    peek = Peek(place)
    _refuse_spans(peek)
    wanted = [each for each in FORMATS if form in (None, each.name)]
    if not wanted:
        raise UsageError(f"got the format {form!r}, expected one of {', '.join(NAMES)}")
    found = next((each for each in wanted if each.fits(peek)), None)
    if found is None:
        raise UnknownFormat(f"got {_likeness(peek)}, expected {_listed(wanted)}", path=place)
    return found, peek


def recordings(path: str | os.PathLike[str], form: str | None = None) -> list[Recording]:
    """The runs in a foreign file; `Raises` as `format_of`, and where the file is not what its format says."""
    found, peek = format_of(path, form)
    if found.read is None:
        raise UsageError(f"{peek.path}: got {found.title}, which `import_tape` reads")
    try:
        return list(found.read(peek))
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise TapeDamaged(f"is {found.title} that cannot be read ({error!r:.200})", path=peek.path) from error


def _refuse_spans(peek: Peek) -> None:
    """Say so where the file is a tape, or a collector's file: it needs no import."""
    if is_zstd(peek.head) or peek.head.startswith(MARK) or _SPANS.match(peek.head):
        raise TapeError(
            "got spans, expected a recording of another tool: it is a tape already, and a file of spans needs no import: "
            "`spantape show`, `verify` and `export` read it as it is",
            path=peek.path,
        )


def _likeness(peek: Peek) -> str:
    """What a file is, as far as that is plain to see."""
    head = peek.head
    if not head.strip():
        return "an empty file"
    if head.startswith(_GZIP):
        return "a gzip file (unpack it first)"
    if head.startswith(SQLITE_MAGIC):
        return f"an SQLite file with the tables {', '.join(sorted(peek.tables)) or '(none)'}"
    shown = peek.document if peek.first is None else peek.first
    if isinstance(shown, dict):
        return f"JSON with the members {', '.join(list(shown)[:6]) or '(none)'}"
    return "text of another kind" if b"\0" not in head else "binary data of another kind"


def _listed(formats: Sequence[Format]) -> str:
    titles = [form.title for form in formats]
    return " or ".join(filter(None, (", ".join(titles[:-1]), titles[-1])))
