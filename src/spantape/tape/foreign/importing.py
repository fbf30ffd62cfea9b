"""Files of other tools made tapes: each run one tape, with a report of what was taken by rule."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

from spantape._spans import names
from spantape._spans.redaction import Redactor
from spantape.errors import TapeError, UsageError
from spantape.tape.foreign.model import Recording
from spantape.tape.foreign.places import UnknownFormat
from spantape.tape.foreign.reading import format_of, recordings
from spantape.tape.foreign.redacting import redacted
from spantape.tape.foreign.spans import spans_of
from spantape.tape.foreign.tracefork import FINGERPRINT, FINGERPRINT_HASHED, check_imported
from spantape.tape.importing import import_tape
from spantape.tape.model import Tape
from spantape.tape.outward.importing import SPANS, holds_spans, import_spans, runs_in
from spantape.tape.read import read_tape
from spantape.tape.write import write_tape

FORMAT: Final = "spantape.import.format"  # resource: the format that a tape was imported from
RUN: Final = "spantape.import.run"  # resource: which run of a file of several

Watch = Callable[[Iterable[Any]], Iterable[Any]]

_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """One tape that an import wrote: where, from which file and run, how its steps are graded, what was taken by rule."""

    path: str
    source: str
    format: str
    run: str
    name: str
    steps: int
    draws: int
    fingerprint: str
    grades: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def tape(self) -> Tape:
        """The tape, read from its file; many imports are not held in memory."""
        return read_tape(self.path)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import of many files came to: the tapes, the files passed over, and those that failed."""

    imported: tuple[Imported, ...]
    skipped: tuple[str, ...] = ()
    failed: tuple[TapeError, ...] = ()


def import_files(
    files: Sequence[str | os.PathLike[str]],
    to: str | os.PathLike[str],
    *,
    form: str | None = None,
    run: str | None = None,
    redact: bool = False,
    watch: Watch = iter,
) -> Outcome:
    """The tapes made of `files`, whose formats are known by their content; `form` is one to insist on.

    Where `to` is a tape, `files` are one recording, or our own JSON Lines, which then are one run in order. Where it is
    a directory (it is there as one, ends in a slash, or one of `files` is a directory), each run becomes a tape of its
    own in it. `run` chooses one where a file holds several. Files in a directory that are no recordings are passed
    over. With `redact`, secrets are replaced. `watch` sees lines pass, or the files
    of a directory.

    Raises:
        UsageError: several runs are to be one tape.
        TapeError: a file cannot be read, is no recording, or a tape cannot be written; for files of a directory it
            is in the outcome instead.
    """
    many = (
        Path(to).is_dir()
        or os.fspath(to).endswith(("/", os.sep))
        or any(Path(file).is_dir() for file in files)
    )
    if many:
        return _many(files, Path(to), form=form, run=run, redact=redact, watch=watch)
    if len(files) == 1 and form in (None, SPANS) and holds_spans(files[0]):
        return Outcome((_of_spans(Path(files[0]), Path(to), run, redact=redact),))
    formats = [format_of(file, form)[0] for file in files]
    if all(each.read is None for each in formats):
        tape = import_tape(files, to, redact=redact, watch=watch)
        return Outcome((_told(tape, ", ".join(map(str, files)), "exchanges"),))
    if len(files) > 1:
        raise UsageError(
            f"got {len(files)} recordings for one tape; give a directory to write one tape for each: -o DIR/"
        )
    found = _chosen(recordings(files[0], form), run, os.fspath(files[0]))
    return Outcome((_written(found, Path(to), os.fspath(files[0]), redact=redact),))


def _chosen(found: Sequence[Recording], run: str | None, path: str) -> Recording:
    if run is not None:
        return _of_run(found, run, path)
    if len(found) != 1:
        listed = ", ".join(repr(each.run) for each in found[:5]) + (" …" if len(found) > 5 else "")
        raise UsageError(
            f"{path}: got {len(found)} runs, expected one; choose with --run, of {listed or 'none'}, or write a tape "
            "for each into a directory: -o DIR/"
        )
    return found[0]


def _of_run(found: Sequence[Recording], run: str, path: str) -> Recording:
    for each in found:
        if each.run == run:
            return each
    listed = ", ".join(repr(each.run) for each in found[:5])
    raise TapeError(
        f"got run {run!r}, expected one of {listed or '(the file has but one, unnamed)'}", path=path
    )


def _written(found: Recording, to: Path, source: str, *, redact: bool) -> Imported:
    entries, replaced = redacted(found.entries, Redactor()) if redact else (list(found.entries), [])
    spans = spans_of(replace(found, entries=tuple(entries)), replaced)
    attributes = dict(found.attributes)
    if any(replaced):
        dropped = [key for key in (FINGERPRINT, FINGERPRINT_HASHED) if attributes.pop(key, None)]
        if dropped:
            found.notes.add("tracefork's fingerprint is not kept: redaction changed what it is of")
    resource = {FORMAT: found.format, **({RUN: found.run} if found.run else {}), **attributes}
    tape = write_tape(to, spans, name=found.name or to.stem, resource=resource)
    check_imported(tape)
    return _told(tape, source, found.format, found.run, found.notes.lines())


def _of_spans(path: Path, to: Path, run: str | None, *, redact: bool) -> Imported:
    """The tape of a file of spans, which are kept as they are."""
    if redact:
        raise UsageError(
            f"{path}: got spans, whose secrets are replaced where they are recorded; import them without --redact"
        )
    tape = import_spans(path, to, run=run)
    return _told(tape, str(path), SPANS, tape.run_id)


def _told(tape: Tape, source: str, form: str, run: str = "", notes: tuple[str, ...] = ()) -> Imported:
    grades = Counter(str(step.span.attributes.get(names.GRADE, "exact")) for step in tape.steps)
    return Imported(
        path=tape.path or "",
        source=source,
        format=form,
        run=run,
        name=tape.name,
        steps=len(tape.steps),
        draws=len(tape.draws),
        fingerprint=tape.fingerprint,
        grades=dict(grades),
        notes=notes,
    )


# --- into a directory --------------------------------------------------------------------------------------------


def _many(
    files: Sequence[str | os.PathLike[str]],
    to: Path,
    *,
    form: str | None,
    run: str | None,
    redact: bool,
    watch: Watch,
) -> Outcome:
    taken: set[Path] = set()
    imported: list[Imported] = []
    skipped: list[str] = []
    failed: list[TapeError] = []
    for path, inside in watch(list(_found(files, to))):
        try:
            for tape in _each(path, to / (inside or path.name), taken, form, run, redact=redact):
                imported.append(tape)  # noqa: PERF402 - those before a failure are kept
        except TapeError as error:
            if isinstance(error, UnknownFormat) and inside is not None:
                skipped.append(f"{path}: {error.reason}")
            else:
                failed.append(error)
    return Outcome(tuple(imported), tuple(skipped), tuple(failed))


def _found(files: Sequence[str | os.PathLike[str]], to: Path) -> Iterator[tuple[Path, str | None]]:
    """The files, and for those of a directory their place in it; hidden ones and the output are left alone."""
    for file in map(Path, files):
        if not file.is_dir():
            yield file, None
            continue
        for directory, below, held in os.walk(file):
            place = Path(directory)
            below[:] = sorted(
                name for name in below if not name.startswith(".") and not _same(place / name, to)
            )
            for name in sorted(held):
                if not name.startswith(".") and (place / name).is_file():
                    yield place / name, str((place / name).relative_to(file))


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _each(
    path: Path, place: Path, taken: set[Path], form: str | None, run: str | None, *, redact: bool
) -> Iterator[Imported]:
    """The tapes of one file, written beside each other; `place` is where it would stand in the output."""
    if form in (None, SPANS) and holds_spans(path):
        runs = runs_in(path) if run is None else [run]
        for each in runs:
            yield _of_spans(path, _free(place, each if len(runs) > 1 else "", taken), each, redact=redact)
        return
    if format_of(path, form)[0].read is None:
        tape = import_tape([path], _free(place, "", taken), redact=redact)
        yield _told(tape, str(path), "exchanges")
        return
    found = recordings(path, form)
    for recording in found if run is None else [_of_run(found, run, str(path))]:
        name = recording.run if len(found) > 1 else ""
        yield _written(recording, _free(place, name, taken), str(path), redact=redact)


def _free(place: Path, run: str, taken: set[Path]) -> Path:
    """A path of a tape that this import has not taken: by the file's stem, else its name, else a number."""
    suffix = "." + (_NAME.sub("_", run)[:_LONGEST] or "_") if run else ""
    named = (f"{name}{suffix}" for name in (place.stem, place.name))
    numbered = (f"{place.name}{suffix}.{number}" for number in count(2))
    candidates = (place.with_name(f"{name}.tape") for name in chain(named, numbered))
    path = next(path for path in candidates if path not in taken)
    taken.add(path)
    return path
