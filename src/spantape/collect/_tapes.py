"""A whole run out of the journal into its file: a tape where it has spans of ours, else a file of OTLP JSON lines.

One function over plain data, so that it runs in a thread or in another process alike.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, Literal

from spantape._spans import names
from spantape.collect._journal import sync_directory
from spantape.collect._lines import LineMaker
from spantape.collect._runs import REF_NUMBERS
from spantape.errors import TapeError
from spantape.tape import naming
from spantape.tape.build import Recording
from spantape.tape.model import Span, Value
from spantape.tape.read import load
from spantape.tape.write import seal_recording

TAPE: Final = ".tape"
LINES: Final = ".otlp.jsonl"

_HEAD_CACHE: Final = 256


@dataclass(frozen=True, slots=True)
class Job:
    """A run to be written into `directory`.

    `refs` are the numbers of `Run.refs`, `segments` the files that they mean. `look_up` are the short ids (of the run
    and of its traces) under which files are there already. `level` is zstd's, None for the best; with `keep_others`
    off, a run without a span of ours is dropped.
    """

    directory: Path
    run_id: str
    refs: Sequence[int]
    segments: Mapping[int, Path]
    traces: tuple[str, ...] = ()
    look_up: frozenset[str] = frozenset()
    level: int | None = None
    keep_others: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a run.

    `kind` is "tape", "lines" for one without a span of ours, or of which no tape can be made (`reason` says why),
    "unchanged" where every span was on file already, and "dropped" for one that was not to be kept. `added` spans are
    new; `late` says that a file of the run was there before.
    """

    kind: Literal["tape", "lines", "unchanged", "dropped"]
    run_id: str
    traces: tuple[str, ...]
    added: int
    path: Path | None = None
    name: str = ""
    spans: int = 0
    steps: int = 0
    fingerprint: str = ""
    late: bool = False
    reason: str = ""


@dataclass(slots=True)
class _Found:
    """The spans of a run, read: those of earlier files first."""

    recording: Recording = field(default_factory=Recording)
    tape: Path | None = None
    others: list[Path] = field(default_factory=list)
    header: dict[str, Value] = field(default_factory=dict)
    before: int = 0


def write_run(job: Job) -> Written:
    """What became of the run: its file is written, synced and in place when this returns.

    Raises:
        TapeError: the file cannot be written, or the journal not be read.
    """
    lines = list(_lines(job))
    with naming.held(job.directory):
        found = _earlier(job)
        try:
            for line in lines:
                found.recording.add(line, None)
            return _put(job, found)
        except TapeError as error:
            if isinstance(error.__cause__, OSError):
                raise
            return _put_lines(job, lines, str(error), spans=found.recording.spans[found.before :])


def _put(job: Job, found: _Found) -> Written:
    spans = found.recording.spans
    added = len(spans) - found.before
    if not added:
        path = found.tape or next(iter(found.others), None)
        return Written("unchanged", job.run_id, job.traces, 0, path, late=True)
    if not any(names.KIND in span.attributes for span in spans):
        if not job.keep_others:
            return dropped(job)
        lines = [line for line, _ in found.recording.lines]
        return _put_lines(job, lines, "", into=next(iter(found.others), None), spans=spans, added=added)
    return _put_tape(job, found, added)


def dropped(job: Job) -> Written:
    """What became of a run that nobody wants kept."""
    return Written("dropped", job.run_id, job.traces, 0)


def _put_tape(job: Job, found: _Found, added: int) -> Written:
    spans = found.recording.spans
    path = found.tape or naming.free_path(job.directory, _stem(job, spans), job.run_id)
    resource = next((span.resource for span in spans if names.KIND in span.attributes), {})
    header = found.header or {**resource, names.FORMAT: names.FORMAT_VERSION, names.RUN_ID: job.run_id}
    tape = seal_recording(path, found.recording, header=header, level=job.level)
    for other in found.others:
        other.unlink(missing_ok=True)
    return Written(
        "tape",
        job.run_id,
        job.traces,
        added,
        path,
        name=tape.name,
        spans=len(tape.spans),
        steps=len(tape.steps),
        fingerprint=tape.fingerprint,
        late=found.before > 0,
    )


def _put_lines(
    job: Job,
    lines: Sequence[bytes],
    reason: str,
    *,
    into: Path | None = None,
    spans: Sequence[Span] = (),
    added: int | None = None,
) -> Written:
    path = into or _free_lines_path(job, spans)
    _replace(path, lines)
    count = len(lines) if added is None else added
    late = into is not None
    return Written(
        "lines", job.run_id, job.traces, count, path, _name(spans), len(lines), late=late, reason=reason
    )


def _free_lines_path(job: Job, spans: Sequence[Span]) -> Path:
    stem, number = _stem(job, spans), 2
    path = job.directory / f"{stem}{LINES}"
    while path.exists():
        path, number = job.directory / f"{stem}-{number}{LINES}", number + 1
    return path


def _replace(path: Path, lines: Iterable[bytes]) -> None:
    passing = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with passing.open("xb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise TapeError(f"cannot be written ({error})", path=path) from error
    finally:
        with contextlib.suppress(OSError):
            passing.unlink(missing_ok=True)


# --- names -------------------------------------------------------------------------------------------------------


def _stem(job: Job, spans: Sequence[Span]) -> str:
    started_ns = min((span.started_ns for span in spans if span.started_ns), default=0)
    return naming.stem(started_ns, _name(spans), job.run_id)


def _name(spans: Sequence[Span]) -> str:
    """The name of a run's best span: `run` before agent before root; of equals the one that ended last."""
    best = max(spans, key=lambda span: (_rank(span), span.ended_ns), default=None)
    if best is None:
        return ""
    kind = best.attributes.get(names.KIND)
    named = best.attributes.get(names.RUN_NAME if kind == "run" else names.AGENT_NAME)
    return str(named or best.name)


def _rank(span: Span) -> int:
    kind = span.attributes.get(names.KIND)
    return 3 if kind == "run" else 2 if kind == "agent" else 0 if span.parent_id else 1


# --- what is there already ---------------------------------------------------------------------------------------


def _earlier(job: Job) -> _Found:
    """What earlier files hold of the run; a file that cannot be read is left alone."""
    found = _Found()
    for path in _files(job, job.run_id, TAPE):
        if found.tape is None and naming.is_of(path, job.run_id):
            with contextlib.suppress(TapeError):
                _take_file(found, path)
                found.header = found.recording.headers[0]
                found.tape = path
    for trace in job.traces:
        for path in _files(job, trace, LINES):
            with contextlib.suppress(TapeError):
                if _is_of_trace(path, trace):
                    _take_file(found, path)
                    found.others.append(path)
    found.before = len(found.recording.spans)
    return found


def _files(job: Job, run_id: str, ending: str) -> list[Path]:
    short = naming.short_id(run_id)
    if short not in job.look_up:
        return []
    return sorted(job.directory.glob(f"*-{short}{ending}")) + sorted(
        job.directory.glob(f"*-{short}-*{ending}")
    )


def _take_file(found: _Found, path: Path) -> None:
    loaded = load(path, lines=True).recording
    found.recording.headers += loaded.headers
    for line, span in loaded.lines:
        found.recording.add_span(span, line)


def _is_of_trace(path: Path, trace: str) -> bool:
    spans = load(path).recording.spans
    return bool(spans) and all(span.trace_id == trace for span in spans)


def short_ids_in(directory: Path) -> Iterator[str]:
    """The short ids of the runs that have files in `directory`, and other parts of names that could be."""
    for entry in os.scandir(directory):
        for ending in (TAPE, LINES):
            if entry.name.endswith(ending):
                parts = entry.name.removesuffix(ending).split("-")[2:]
                tails = ("-".join(parts[at:]) for at in range(len(parts)))
                yield from (tail for tail in (*parts, *tails) if len(tail) <= naming.ID_CHARACTERS)


# --- spans from the journal --------------------------------------------------------------------------------------


def _lines(job: Job) -> Iterator[bytes]:
    maker = LineMaker()
    files: dict[int, BinaryIO] = {}
    heads: dict[tuple[int, int], bytes] = {}
    with contextlib.ExitStack() as opened:
        try:
            for at in range(0, len(job.refs), REF_NUMBERS):
                segment, head_at, head_size, span_at, span_size = job.refs[at : at + REF_NUMBERS]
                file = files.get(segment)
                if file is None:
                    file = files[segment] = opened.enter_context(job.segments[segment].open("rb"))
                head = heads.get((segment, head_at))
                if head is None:
                    if len(heads) >= _HEAD_CACHE:
                        heads.clear()
                    head = heads[segment, head_at] = _bytes(file, head_at, head_size)
                yield maker.line(head, _bytes(file, span_at, span_size))
        except OSError as error:
            raise TapeError(f"its spans cannot be read from the journal ({error})") from error


def _bytes(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
