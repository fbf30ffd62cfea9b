"""Tapes read: sealed ones, journals of recordings that were cut short, and a collector's files."""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from spantape.errors import PartialTapeWarning, TapeDamaged, TapeError, TapeNotFound
from spantape.tape.build import Recording, build_tape
from spantape.tape.journal import MARK, is_journal, journal_lines, journal_path
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.model import Tape
from spantape.tape.seal import PREFIX, TRAILER_BYTES, Seal, digest_of, read_seal, read_trailer
from spantape.tape.unpack import Torn, is_zstd, lines, pieces


def read_tape(path: str | os.PathLike[str], *, run: str | None = None, limits: Limits = DEFAULT) -> Tape:
    """The tape at `path`, every byte of it checked.

    Where no tape is there but its journal is, or `path` is a journal, what was recorded until the cut is read. A
    collector's file of OTLP JSON lines (plain, zstd, gzip) is read likewise; `run` chooses where it holds several
    runs. Both warn with `PartialTapeWarning`, since nothing vouches for their being complete.

    Raises:
        TapeNotFound: neither a tape nor a journal is there.
        TapeDamaged: the bytes are not those that were written, or a limit is passed.
        TapeError: it cannot be read.
        UsageError: there are several runs and none is chosen.
    """
    loaded = load(path, limits)
    tape = build_tape(
        loaded.recording, path=str(loaded.path), sealed=loaded.seal is not None, run=run, limits=limits
    )
    if loaded.seal is None:
        _warn_partial(tape, loaded)
    else:
        check_seal(loaded.seal, tape, loaded)
    return tape


@dataclass(slots=True)
class Loaded:
    """A file's lines, before they are made a tape: `checks` names what of the bytes has been proven."""

    path: Path
    recording: Recording
    seal: Seal | None = None
    journal: bool = False
    content: str = ""
    checks: list[tuple[str, str]] = field(default_factory=list)


def load(path: str | os.PathLike[str], limits: Limits = DEFAULT, *, lines: bool = False) -> Loaded:
    """What the file at `path` holds, its trailer and content digest checked; its lines too where asked for.

    `Raises` as `read_tape`.
    """
    found = _find(Path(path))
    try:
        with found.open("rb") as file:
            return _load(file, Loaded(found, Recording(keeps_lines=lines)), limits)
    except OSError as error:
        raise TapeError(f"cannot be read ({error})", path=found) from error


def _find(path: Path) -> Path:
    if path.is_dir():
        raise TapeError("is a directory, expected a tape", path=path)
    if path.exists():
        return path
    journal = journal_path(path)
    if journal.exists():
        return journal
    raise TapeNotFound("no tape is there; record one first", path=path)


def _load(file: BinaryIO, loaded: Loaded, limits: Limits) -> Loaded:
    path = loaded.path
    size = os.fstat(file.fileno()).st_size
    head = file.read(len(MARK))
    file.seek(0)
    if is_journal(head, path):
        loaded.journal = True
        for line in journal_lines(file, size, path, limits, loaded.recording.notes):
            loaded.recording.add(line, str(path))
        return loaded
    if size == 0:
        raise TapeDamaged("got an empty file, expected a tape", path=path)
    end = _check_trailer(file, size, loaded)
    _load_lines(file, end, loaded, limits)
    _check_packing(head, loaded, end == size)
    return loaded


def _check_trailer(file: BinaryIO, size: int, loaded: Loaded) -> int:
    stated = read_trailer(file, size)
    if stated is None:
        return size
    end = size - TRAILER_BYTES
    got = digest_of(file, end)
    if got != stated:
        raise TapeDamaged(
            f"got bytes of sha256 {got.hex()}, sealed with {stated.hex()}: the file was changed after it was sealed",
            path=loaded.path,
            field="trailer",
        )
    loaded.checks.append(("trailer", f"sha256 {got.hex()} of {end} bytes"))
    return end


def _load_lines(file: BinaryIO, end: int, loaded: Loaded, limits: Limits) -> None:
    content = hashlib.sha256()
    recording = loaded.recording
    last = b""
    try:
        for line in lines((piece.data for piece in pieces(file, end)), limits):
            content.update(last)
            last = line
            _take_line(line, loaded)
    except Torn as torn:
        raise TapeDamaged(
            f"the bytes break off at byte {torn.at} of {end} ({torn.why}), in the frame that began at byte {torn.frame}; "
            f"{recording.progress()}",
            path=loaded.path,
        ) from torn
    except TapeDamaged as error:
        raise TapeDamaged(error.reason, path=loaded.path, field=error.field) from error
    loaded.content = content.hexdigest()
    if loaded.seal is not None and last != loaded.seal.line():
        raise TapeDamaged(
            "got a seal line that is not written as the format says", path=loaded.path, field="seal"
        )


def _take_line(line: bytes, loaded: Loaded) -> None:
    if loaded.seal is not None:
        raise TapeDamaged("got more lines after the seal, expected it to be the last")
    if line.isspace():
        return
    recording = loaded.recording
    spans = len(recording.spans)
    recording.add(line, None)
    if recording.headers and (seal := read_seal(recording.headers[-1], str(loaded.path))) is not None:
        recording.headers.pop()
        loaded.seal = seal
    elif len(recording.spans) == spans and PREFIX.encode() in line:
        raise TapeDamaged("got a line that was a seal and is none", field="seal")


def _check_packing(head: bytes, loaded: Loaded, bare: bool) -> None:
    if loaded.seal is None:
        if not bare:
            raise TapeDamaged("got a trailer but no seal line", path=loaded.path, field="seal")
    elif bare and (is_zstd(head) or head[:1] != b"{"):
        raise TapeDamaged(
            "got a sealed tape without its trailer: it was cut or re-compressed; "
            "unpack it with zstdcat to read it as plain JSON lines",
            path=loaded.path,
            field="trailer",
        )


def check_seal(seal: Seal, tape: Tape, loaded: Loaded) -> None:
    """Note in `loaded.checks` what the seal states and the tape has.

    Raises:
        TapeDamaged: they differ.
    """
    pairs = (
        ("content", loaded.content, seal.content),
        ("steps", len(tape.steps), seal.steps),
        ("spans", len(tape.spans), seal.spans),
        ("fingerprint", tape.fingerprint, seal.fingerprint),
        ("run.id", tape.run_id, seal.run_id),
    )
    for name, got, stated in pairs:
        if got != stated:
            raise TapeDamaged(f"got {name} {got}, sealed with {stated}", path=loaded.path, field="seal")
        loaded.checks.append((name, f"{got}"))


def _warn_partial(tape: Tape, loaded: Loaded) -> None:
    what = "the journal of a recording that was cut short" if loaded.journal else "a file without a seal"
    notes = "".join(f"; {note}" for note in tape.notes)
    message = f"tape {tape.path!r}: read {what}: {len(tape.steps)} whole steps{notes}"
    warnings.warn(message, PartialTapeWarning, stacklevel=3)
