"""Files of spans made sealed tapes: OTLP JSON Lines and OTLP protobuf, as `export` and other tools write them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from spantape._spans import names
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.build import Recording, build_tape, runs_of
from spantape.tape.journal import MARK
from spantape.tape.limits import DEFAULT
from spantape.tape.model import Tape
from spantape.tape.outward.otlp_json import document_line, lines_of
from spantape.tape.outward.otlp_proto import is_proto, read_proto
from spantape.tape.outward.source import Source
from spantape.tape.read import load
from spantape.tape.unpack import is_zstd
from spantape.tape.write import seal_recording

SPANS: Final = "otlp"
"""How `import` calls the format."""

_JSON: Final = re.compile(rb'\s*\{\s*"resourceSpans"')
_HEAD: Final = 1 << 16
_TAG: Final = b"\x0a"


def holds_spans(path: str | os.PathLike[str]) -> bool:
    """Whether the file at `path` is OTLP, JSON Lines or protobuf, by its content; False for a tape, which is sealed."""
    place = Path(path)
    if not place.is_file():
        return False
    with place.open("rb") as file:
        head = file.read(_HEAD)
        if is_zstd(head) or head.startswith(MARK):
            return False
        if _JSON.match(head):
            return load(place).seal is None
        return head[:1] == _TAG and is_proto(head + file.read(DEFAULT.line_bytes))


def import_spans(path: str | os.PathLike[str], to: str | os.PathLike[str], *, run: str | None = None) -> Tape:
    """The sealed tape at `to` of the spans in the file at `path`; `run` chooses where it holds several runs.

    Spans are kept as they are, with everything that the file says of them.

    Raises:
        TapeError: the file cannot be read, a span of ours is not what it must be, or none is ours.
        UsageError: it holds several runs and none is chosen.
    """
    return _sealed(_recording(Path(path)), os.fspath(path), Path(to), run)


def runs_in(path: str | os.PathLike[str]) -> list[str]:
    """The ids of the runs in a file of spans that spantape recorded, in their order; `Raises` as `import_spans`."""
    runs = runs_of(_recording(Path(path)).spans)
    return [run for run, spans in runs.items() if any(names.KIND in span.attributes for span in spans)]


def _sealed(recording: Recording, path: str, to: Path, run: str | None) -> Tape:
    if not any(names.KIND in span.attributes for span in recording.spans):
        reason = f"got {len(recording.spans)} spans, none of which spantape recorded; `spantape promote` reads those of others"
        raise TapeError(reason, path=path)
    tape = build_tape(recording, path=path, sealed=False, run=run)
    source = Source(tape, [line for line, _ in recording.lines])
    sealed = Recording()
    for line in lines_of(document for _, document in source.pairs()):
        sealed.add(line, path)
    to.parent.mkdir(parents=True, exist_ok=True)
    return seal_recording(to, sealed, header=source.header)


def _recording(path: Path) -> Recording:
    with path.open("rb") as file:
        head = file.read(1)
    if head != _TAG:
        return load(path, lines=True).recording
    recording = Recording()
    for document in _groups(path):
        recording.add(document_line(document), os.fspath(path))
    return recording


def _groups(path: Path) -> list[dict[str, Any]]:
    try:
        return list(read_proto(path.read_bytes()))
    except OSError as error:
        raise TapeError(f"cannot be read ({error.strerror or error})", path=path) from error
    except TapeDamaged as error:
        raise TapeDamaged(error.reason, path=path) from error
