"""Sources that are read as a whole: our tapes and journals, and the segments of a running `collect`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from spantape._spans import names
from spantape.errors import TapeError
from spantape.promote.sources._base import Found, Source, SourceDamaged, found
from spantape.tape.folding import unfolded
from spantape.tape.journal import MARK
from spantape.tape.limits import DEFAULT
from spantape.tape.read import load
from spantape.tape.seal import read_trailer

Reader = Callable[[Source, BinaryIO, int, Callable[[SourceDamaged], None]], Iterator[Found]]

_SEGMENT: Final = b"SPTJ\x01\n"  # From: spantape.collect._segment


def reader_of(file: BinaryIO, size: int) -> Reader | None:
    """What reads `file` as a whole, None where nothing does; its position is its start."""
    head = file.read(len(MARK))
    file.seek(0)
    if head.startswith(_SEGMENT):
        return _segment
    is_tape = head == MARK or read_trailer(file, size) is not None
    file.seek(0)
    return _tape if is_tape else None


def _tape(
    source: Source, file: BinaryIO, _size: int, on_damage: Callable[[SourceDamaged], None]
) -> Iterator[Found]:
    try:
        with _on_disk(source, file) as path:
            recording = load(path).recording
        spans = unfolded(recording.spans, DEFAULT)
    except TapeError as error:
        on_damage(SourceDamaged(error.reason, path=source.path, place=error.field))
        return
    for note in recording.notes:
        on_damage(SourceDamaged(note, path=source.path))
    header = recording.headers[0].get(names.RUN_ID) if recording.headers else None
    for span in spans:
        yield found(span, header if isinstance(header, str) else "")


def _segment(
    source: Source, file: BinaryIO, _size: int, on_damage: Callable[[SourceDamaged], None]
) -> Iterator[Found]:
    from spantape.collect._segment import Skipped, requests_in
    from spantape.promote.sources.otlp_proto import read_proto

    with _on_disk(source, file) as path:
        for request in requests_in(path):
            if isinstance(request, Skipped):
                if not request.torn:  # a torn tail was never acknowledged, or is still being written
                    on_damage(SourceDamaged(str(request), path=source.path, place=f"byte {request.at}"))
            else:
                yield from read_proto(request)


@contextmanager
def _on_disk(source: Source, file: BinaryIO) -> Iterator[Path]:
    """The source as a local file; a copy of it where it is none."""
    if Path(source.path).is_file():
        yield Path(source.path)
        return
    with tempfile.TemporaryDirectory(prefix="spantape-") as made:
        path = Path(made) / "source"
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        yield path
