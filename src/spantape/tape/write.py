"""Tapes written: span by span through a journal, or at once from spans that are there already.

Closing compacts the journal into one sealed file, which takes the tape's place in one step or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import zstandard

from spantape._spans import names
from spantape.errors import TapeError
from spantape.tape.build import Recording, build_tape, first_run
from spantape.tape.journal import Journal, journal_lines, journal_path
from spantape.tape.limits import DEFAULT
from spantape.tape.model import Span, Tape, Value
from spantape.tape.otlp import LineWriter, resource_line, span_line
from spantape.tape.read import load
from spantape.tape.seal import Seal, trailer
from spantape.tape.unpack import WINDOW_LOG

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

JOURNAL: Final = "spantape.journal"

_MIB: Final = 1 << 20
_LEVELS: Final = ((2, 19), (4, 17), (8, 15), (16, 13), (32, 12), (64, 9), (256, 6))
"""(up to so many MiB, level): each about a second of CPU at its limit."""
_FAST_LEVEL: Final = 3
_PART_BYTES: Final = 1 << 20


class TapeWriter:
    """One run being recorded to `path`.

    Every span given to `add` is in `<path>.journal` when the call returns; `close` makes the tape of them. `name`
    and `run_id` say which run it is, `resource` what recorded it; the spans of a tape that it `extends` are put on
    it when it is closed. Safe to use from many threads; a forked child
    may add spans, and its parent closes.

    Raises:
        JournalBusy: another recording is writing the same path.
        TapeError: the file cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        name: str = "",
        run_id: str = "",
        resource: Mapping[str, Any] | None = None,
        extends: Tape | None = None,
    ) -> None:
        self.path = Path(path)
        self._before = () if extends is None else extends.spans
        self._header = {**(resource or {}), **_identity(name, run_id)}
        self._lines = LineWriter()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TapeError(f"cannot be written ({error})", path=self.path) from error
        self._journal = Journal(journal_path(self.path), resource_line({**self._header, JOURNAL: True}))

    def add(self, span: ReadableSpan) -> None:
        """Put a finished span on the tape; it is on the file when this returns.

        Raises:
            TapeError: the file cannot be written, or the tape is closed.
        """
        self._journal.append(self._lines.line(span))

    def close(self, *, to: str | os.PathLike[str] | None = None, merge: bool = False) -> Tape:
        """The sealed tape of all spans that were added; the journal is gone.

        The tape goes to the path that the writer was made with, or `to` another. A tape that was there before is
        replaced; with `merge`, its spans are kept beside the new ones. In a forked child, which only has the
        journal from its parent, this lets go of it and gives back what is on it so far.

        Raises:
            TapeError: it cannot be written; the journal then holds every span, and `close` may be called again.
        """
        path = self.path if to is None else Path(to)
        self._journal.stop()
        if self._journal.inherited:
            self._journal.close()
            return build_tape(self._recorded(Recording()), path=str(self._journal.path), sealed=False)
        try:
            earlier = load(path, lines=True).recording if merge and path.exists() else Recording()
            tape = seal_recording(path, self._recorded(earlier), header=self._header)
        except BaseException:
            self._journal.resume()
            raise
        self._journal.remove()
        return tape

    def abort(self) -> None:
        """Drop what was recorded; a tape that was at the path before stays."""
        if self._journal.inherited:
            self._journal.close()
        else:
            self._journal.remove()

    def release(self) -> None:
        """Let go of the file and leave the journal where it is, to be read as a partial tape."""
        self._journal.close()

    def _recorded(self, recording: Recording) -> Recording:
        path = self._journal.path
        for span in self._before:
            recording.add_span(span, span_line(span))
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                for line in journal_lines(file, size, path, DEFAULT, recording.notes):
                    recording.add(line, str(path))
        except OSError as error:
            raise TapeError(f"its journal {str(path)!r} cannot be read ({error})", path=self.path) from error
        return recording


def write_tape(
    path: str | os.PathLike[str],
    spans: Iterable[Span],
    *,
    name: str = "",
    run_id: str = "",
    resource: Mapping[str, Value] | None = None,
) -> Tape:
    """The sealed tape of `spans`, written to `path` in one step; a tape that was there before is replaced.

    Raises:
        TapeError: it cannot be written, or the spans are none that a tape can hold.
    """
    recording = Recording()
    for span in spans:
        recording.add_span(span, span_line(span))
    header = {**(resource or {}), **_identity(name, run_id)}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return seal_recording(Path(path), recording, header=header)


def _identity(name: str, run_id: str) -> dict[str, Value]:
    known: dict[str, Value] = {names.FORMAT: names.FORMAT_VERSION, names.RUN_ID: run_id, names.RUN_NAME: name}
    return {key: value for key, value in known.items() if value}


def seal_recording(
    path: Path,
    recording: Recording,
    *,
    header: Mapping[str, Any],
    level: int | None = None,
    sync: bool = True,
) -> Tape:
    """The sealed tape of `recording`, in the place of whatever was at `path`.

    `level` is zstd's; without it, the best that takes about a second at most. Without `sync` the tape may be lost with the
    power until the caller syncs it: who writes many does that once for all.

    Raises:
        TapeError: it cannot be written, or a span on it is not what a span of ours must be.
    """
    header = {**header, names.RUN_ID: header.get(names.RUN_ID) or first_run(recording.spans)}
    recording.headers = [header]
    tape = build_tape(recording, path=str(path), sealed=True)
    lines = [resource_line(header), *recording.folded_lines()]
    content = hashlib.sha256()
    for line in lines:
        content.update(line)
    seal = Seal(len(tape.steps), len(tape.spans), tape.fingerprint, content.hexdigest(), tape.run_id)
    try:
        _replace(path, [*lines, seal.line()], level, sync=sync)
    except OSError as error:
        raise TapeError(f"cannot be written ({error})", path=path) from error
    return tape


def _replace(path: Path, lines: Sequence[bytes], level: int | None, *, sync: bool) -> None:
    passing = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with passing.open("xb") as file:
            _pack(file, lines, level)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        passing.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            passing.unlink()
        raise
    if sync:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Put the names in a directory on the disk, where the system knows such a thing."""
    if os.name != "posix":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _pack(file: BinaryIO, lines: Sequence[bytes], level: int | None) -> None:
    size = sum(map(len, lines))
    parameters = _parameters(size, level)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=size)
    total = hashlib.sha256()

    def put(data: bytes) -> None:
        total.update(data)
        file.write(data)

    for part in _joined(lines):
        put(compressor.compress(part))
    put(compressor.flush())
    file.write(trailer(total.digest()))


def _joined(lines: Sequence[bytes]) -> Iterable[bytes]:
    held: list[bytes] = []
    held_bytes = 0
    for line in lines:
        held.append(line)
        held_bytes += len(line)
        if held_bytes >= _PART_BYTES:
            yield b"".join(held)
            held, held_bytes = [], 0
    yield b"".join(held)


def _parameters(size: int, level: int | None) -> zstandard.ZstdCompressionParameters:
    if level is None:
        level = next((level for limit, level in _LEVELS if size <= limit * _MIB), _FAST_LEVEL)
    window_log = min(max(size.bit_length(), 10), WINDOW_LOG)
    return zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=size,
        window_log=window_log,
        enable_ldm=True,
        write_checksum=True,
        write_content_size=True,
    )
