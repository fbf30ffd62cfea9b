"""Runs written to a directory of tapes; what an earlier promotion wrote of a run is taken along."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import zstandard

from spantape._spans import names
from spantape.errors import TapeError
from spantape.promote.assembly import Member
from spantape.promote.facts import Facts, facts_of
from spantape.promote.grades import Graded
from spantape.promote.losses import graded, marked
from spantape.promote.sources._base import JSON
from spantape.tape import naming
from spantape.tape.build import Recording
from spantape.tape.folding import unfolded
from spantape.tape.limits import DEFAULT
from spantape.tape.model import Span, Tape
from spantape.tape.otlp import resource_line, span_line
from spantape.tape.read import load
from spantape.tape.write import seal_recording, sync_directory

_SYNCING: Final = 4  # files that are synced at a time
_WAITING: Final = 256
_FAST_FROM: Final = 1 << 20
_FAST_LEVEL: Final = 3
_GOOD_LEVEL: Final = 6
_MARKS: Final = (names.GRADE, names.GRADE_REASONS)

Key = tuple[str, str]


class Directory:
    """The tapes in `path`, which is made when the first is written. A context manager: left, all is on the disk.

    The disk is waited for beside the work, since a tape's two syncs may take as long as making it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._syncing: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(_SYNCING, thread_name_prefix="spantape-sync")
        self._there: dict[str, list[Path]] = {}
        for tape in sorted(path.glob("*.tape")):
            self._there.setdefault(_short(tape), []).append(tape)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if error is None:
            self._settle(self._syncing)
        if error is None and self.path.is_dir():
            sync_directory(self.path)

    def _sync(self, path: Path) -> None:
        self._syncing.append(self._pool.submit(_sync_file, path))
        if len(self._syncing) >= _WAITING:
            done, self._syncing = self._syncing[: _WAITING // 2], self._syncing[_WAITING // 2 :]
            self._settle(done)

    def _settle(self, syncing: Sequence[Future[None]]) -> None:
        try:
            for future in syncing:
                future.result()
        except OSError as error:
            raise TapeError(f"cannot be written ({error})", path=error.filename or self.path) from error

    def _of(self, run_id: str) -> Path | None:
        """The tape of a run that was there before."""
        short = naming.short_id(run_id)
        there: Sequence[Path] = self._there.get(short, ())
        if "-" in short:  # of an id that is no hex; its name cannot be told apart by its dashes
            there = [tape for tapes in self._there.values() for tape in tapes if f"-{short}" in tape.stem]
        return next((tape for tape in there if naming.is_of(tape, run_id)), None)

    def earlier(self, run_id: str) -> list[Member]:
        """The spans that an earlier promotion wrote of a run: they may come in two exports.

        Raises:
            TapeError: its tape is there and damaged.
        """
        path = self._of(run_id)
        if path is None:
            return []
        spans = [_unmarked(span) for span in unfolded(load(path).recording.spans, DEFAULT)]
        lines = [(span, span_line(span)) for span in spans]
        return [Member(span, line, JSON, line, str(path)) for span, line in lines]

    def write(
        self, facts: Facts, pairs: Sequence[tuple[Span, bytes]], *, sealed: bool
    ) -> tuple[Path, Tape, list[Graded]]:
        """The tape of a run's spans, with the grade of each of its steps; of a repeated span the first counts.

        Raises:
            TapeError: it cannot be written, or a span is not what one of ours must be.
        """
        self._make()
        before = self._of(facts.run_id)
        whole = facts_of(
            [span for span, _ in pairs], run_id=facts.run_id, name=facts.name, resource=facts.resource
        )
        path = naming.free_path(
            self.path, naming.stem(whole.started_ns, facts.name, facts.run_id), facts.run_id
        )
        tape, grades = _graded_tape(path, pairs, facts)
        if not sealed:
            _unseal(path, facts, tape)
        self._sync(path)
        if before is not None and before != path:
            before.unlink(missing_ok=True)
        return path, tape, grades

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TapeError(f"cannot be made ({error.strerror or error})", path=self.path) from error


def _sync_file(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _short(tape: Path) -> str:
    """The run's short id in the name of a tape, without the number that tells equal names apart."""
    parts = tape.stem.split("-")
    return parts[-2] if len(parts) > 3 and parts[-1].isdecimal() and len(parts[-1]) < 6 else parts[-1]


def _unmarked(span: Span) -> Span:
    """A span without the grade that an earlier promotion gave it: what it lacked may have come since."""
    if span.attributes.get(names.GRADE) != "skeleton" or names.SOURCES in span.attributes:
        return span
    return replace(span, attributes={k: v for k, v in span.attributes.items() if k not in _MARKS})


def _graded_tape(path: Path, pairs: Sequence[tuple[Span, bytes]], facts: Facts) -> tuple[Tape, list[Graded]]:
    proven: set[str] = set()
    tape = _sealed(path, pairs, facts, proven)
    grades = [graded(step, proven) for step in tape.steps]
    lost: dict[Key, Graded] = {
        (step.span.trace_id, step.span.span_id): grade
        for step, grade in zip(tape.steps, grades, strict=True)
        if grade.grade == "skeleton" and names.GRADE not in step.span.attributes
    }
    return (_sealed(path, _with_grades(pairs, lost), facts, proven) if lost else tape), grades


def _sealed(path: Path, pairs: Iterable[tuple[Span, bytes]], facts: Facts, proven: set[str]) -> Tape:
    recording = Recording(proven=proven)
    size = 0
    for span, line in pairs:
        recording.add_span(span, line)
        size += len(line)
    level = _GOOD_LEVEL if size < _FAST_FROM else _FAST_LEVEL
    return seal_recording(path, recording, header=_header(facts), level=level, sync=False)


def _header(facts: Facts) -> dict[str, object]:
    known = {names.FORMAT: names.FORMAT_VERSION, names.RUN_ID: facts.run_id, names.RUN_NAME: facts.name}
    return {**facts.resource, **{key: value for key, value in known.items() if value}}


def _with_grades(pairs: Iterable[tuple[Span, bytes]], lost: Mapping[Key, Graded]) -> list[tuple[Span, bytes]]:
    """`pairs` with the grade on each span that is no more than a skeleton."""
    changed: list[tuple[Span, bytes]] = []
    for span, line in pairs:
        grade = lost.get((span.trace_id, span.span_id))
        said = span if grade is None else marked(span, grade)
        changed.append((said, line if grade is None else span_line(said)))
    return changed


def _unseal(path: Path, facts: Facts, tape: Tape) -> None:
    """Put the run there without a seal: nothing vouches for its being whole, and its readers say so."""
    lines = [resource_line(_header(facts)), *map(span_line, tape.spans)]
    passing = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        passing.write_bytes(zstandard.ZstdCompressor(level=_GOOD_LEVEL).compress(b"".join(lines)))
        passing.replace(path)
    except OSError as error:
        passing.unlink(missing_ok=True)
        raise TapeError(f"cannot be written ({error})", path=path) from error
