"""Sources to tapes: every run that is whole becomes a sealed tape, and of every other it is said why not."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import zstandard

from spantape._spans import names
from spantape.errors import SpantapeError, TapeError
from spantape.promote.assembly import Assembly, Gathered, Member
from spantape.promote.completeness import missing, notes
from spantape.promote.facts import Facts, facts_of
from spantape.promote.foreign import read as foreign_call
from spantape.promote.grades import Graded
from spantape.promote.losses import counted, graded, marked
from spantape.promote.sources import Passed, SourceDamaged, find, read
from spantape.promote.steps import steps
from spantape.promote.where import Where
from spantape.tape import naming
from spantape.tape.build import Recording
from spantape.tape.folding import unfolded
from spantape.tape.limits import DEFAULT
from spantape.tape.model import Span, Tape
from spantape.tape.otlp import resource_line, span_line
from spantape.tape.read import load
from spantape.tape.write import seal_recording

State = Literal["promoted", "partial", "waits", "refused", "other", "unwanted"]

_BESIDE: Final = ("run", "draw")  # kinds of our spans that are no steps, and belong on the tape
_WORKERS: Final = 2
_IN_FLIGHT: Final = 4  # runs that are in memory at once
_BEST_BELOW: Final = 1 << 20
_FAST_LEVEL: Final = 3
_GOOD_LEVEL: Final = 9


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run.

    `state`: "promoted" (a sealed tape), "partial" (a tape without a seal, of a run that is not whole), "waits" (not
    whole), "refused" (it cannot be a tape), "other" (no step in it: no call of a model, tool or agent), "unwanted"
    (by the filter). `reasons` say why not; `losses` why steps are not exact, by their index; `notes` what is odd.
    """

    run_id: str
    state: State
    spans: int
    path: Path | None = None
    name: str = ""
    steps: int = 0
    fingerprint: str = ""
    grades: dict[str, int] = field(default_factory=dict)
    losses: tuple[tuple[int, Graded], ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted: runs of these traces (all, where none is named) that the filter lets through."""

    to: Path
    traces: frozenset[str] = frozenset()
    where: Where = field(default_factory=Where)
    partial: bool = False


@dataclass(slots=True)
class Told:
    """What is said beside the outcomes: files passed over, damage that was skipped, and how far it is."""

    passed: list[Passed] = field(default_factory=list)
    damaged: list[SourceDamaged] = field(default_factory=list)
    spans: int = 0
    runs: int = 0


def promote(
    sources: Iterable[str],
    asked: Asked,
    *,
    skip_damaged: bool = False,
    told: Told | None = None,
    watch: Callable[[Iterable[int]], Iterable[int]] = iter,
    done: Callable[[Tape], None] | None = None,
) -> Iterator[Outcome]:
    """The outcome of each run in `sources`, in order of the runs' first spans; tapes are written to `asked.to`.

    `watch` sees a number pass for each span that is read, for a display of progress. `done` is given each tape that
    is written, one after another.

    Raises:
        UsageError: a source is not there.
        SourceDamaged: one is damaged, and that is not to be skipped; no tape is written then.
    """
    told = Told() if told is None else told
    with Assembly() as assembly:
        for count in watch(_gather(sources, assembly, told, skip_damaged=skip_damaged)):
            told.spans = count
        yield from _each(assembly, asked, told, done)


def _gather(sources: Iterable[str], assembly: Assembly, told: Told, *, skip_damaged: bool) -> Iterator[int]:
    def on_damage(error: SourceDamaged) -> None:
        if not skip_damaged:
            raise error
        told.damaged.append(error)

    for source in find(sources):
        if isinstance(source, Passed):
            told.passed.append(source)
            continue
        for placed in read(source, on_damage):
            assembly.add(source.path, placed)
            yield assembly.spans


def _each(
    assembly: Assembly, asked: Asked, told: Told, done: Callable[[Tape], None] | None
) -> Iterator[Outcome]:
    """The outcomes, in order; compressing and syncing of one tape goes on beside the reading of the next."""
    running: deque[Future[tuple[Outcome, Tape | None]]] = deque()

    def finished() -> Outcome:
        outcome, tape = running.popleft().result()
        told.runs += 1
        if tape is not None and done is not None:
            done(tape)
        return outcome

    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="spantape-promote") as pool:
        try:
            for gathered in assembly.gathered():
                running.append(pool.submit(promote_run, gathered, asked))
                if len(running) >= _IN_FLIGHT:
                    yield finished()
            while running:
                yield finished()
        finally:
            for future in running:
                future.cancel()


def promote_run(gathered: Gathered, asked: Asked) -> tuple[Outcome, Tape | None]:
    """What becomes of one run, and its tape where one was written."""
    run_id, count = gathered.run_id, gathered.count
    try:
        members = gathered.members()
        spans = [member.span for member in members]
        if asked.traces and asked.traces.isdisjoint([run_id, *(span.trace_id for span in spans)]):
            return Outcome(run_id, "unwanted", count), None
        return _promoted(gathered, members, asked)
    except SpantapeError as error:
        return Outcome(run_id, "refused", count, reasons=(f"run {run_id}: {error}",)), None


def _promoted(gathered: Gathered, members: Sequence[Member], asked: Asked) -> tuple[Outcome, Tape | None]:
    run_id = gathered.run_id
    spans = [member.span for member in members]
    pairs = _stepped(members, gathered)
    facts = facts_of([span for span, _ in pairs], run_id=run_id, told_by=spans)
    if not facts.steps:
        return Outcome(run_id, "other", len(spans)), None
    if not asked.where(facts):
        return Outcome(run_id, "unwanted", len(spans)), None
    waits = missing(members, run_id)
    if waits is not None and not asked.partial:
        return Outcome(run_id, "waits", len(spans), name=facts.name, reasons=(waits,)), None
    return _written(facts, pairs, asked.to, waits)


def _stepped(members: Sequence[Member], gathered: Gathered) -> list[tuple[Span, bytes]]:
    """The spans that go on the tape, with their lines: as they came where all are ours, else with the steps made."""
    spans = [member.span for member in members]
    if all(foreign_call(span) is None for span in spans):
        return [(member.span, member.line) for member in members]
    kept = [span for span in spans if span.attributes.get(names.KIND) in _BESIDE]
    made = [step.span for step in steps(spans, gathered.events(), run_id=gathered.run_id)]
    return [(span, span_line(span)) for span in (*kept, *made)]


# --- one tape --------------------------------------------------------------------------------------------------------


def _written(
    facts: Facts, pairs: Sequence[tuple[Span, bytes]], to: Path, waits: str | None
) -> tuple[Outcome, Tape]:
    to.mkdir(parents=True, exist_ok=True)
    path = naming.free_path(to, naming.stem(facts.started_ns, facts.name, facts.run_id), facts.run_id)
    pairs = [*_earlier(path), *pairs]
    proven: set[str] = set()
    tape = _sealed(path, pairs, facts, proven)
    grades = [graded(step, proven) for step in tape.steps]
    lost = {
        (step.span.trace_id, step.span.span_id): grade
        for step, grade in zip(tape.steps, grades, strict=True)
        if grade.grade == "skeleton" and names.GRADE not in step.span.attributes
    }
    if lost:
        pairs = _with_grades(pairs, lost)
        tape = _sealed(path, pairs, facts, proven)
    if waits is not None:
        _unseal(path, facts, pairs)
    outcome = Outcome(
        facts.run_id,
        "promoted" if waits is None else "partial",
        len(pairs),
        path=path,
        name=facts.name,
        steps=len(tape.steps),
        fingerprint=tape.fingerprint,
        grades=counted(grades),
        losses=tuple((index, grade) for index, grade in enumerate(grades) if grade.grade != "exact"),
        reasons=() if waits is None else (waits,),
        notes=tuple(notes([span for span, _ in pairs])),
    )
    return outcome, tape


def _earlier(path: Path) -> list[tuple[Span, bytes]]:
    """What an earlier promotion made of the same run: spans may come in two exports."""
    if not path.exists():
        return []
    return [(span, span_line(span)) for span in unfolded(load(path).recording.spans, DEFAULT)]


def _sealed(path: Path, pairs: Iterable[tuple[Span, bytes]], facts: Facts, proven: set[str]) -> Tape:
    recording = Recording(proven=proven)
    size = 0
    for span, line in pairs:
        recording.add_span(span, line)
        size += len(line)
    level = _GOOD_LEVEL if size < _BEST_BELOW else _FAST_LEVEL
    return seal_recording(path, recording, header=_header(facts), level=level)


def _header(facts: Facts) -> dict[str, object]:
    known = {names.FORMAT: names.FORMAT_VERSION, names.RUN_ID: facts.run_id, names.RUN_NAME: facts.name}
    return {**facts.resource, **{key: value for key, value in known.items() if value}}


def _with_grades(
    pairs: Iterable[tuple[Span, bytes]], lost: Mapping[tuple[str, str], Graded]
) -> list[tuple[Span, bytes]]:
    """`pairs` with the grade on each span that is no more than a skeleton."""
    changed: list[tuple[Span, bytes]] = []
    for span, line in pairs:
        grade = lost.get((span.trace_id, span.span_id))
        said = span if grade is None else marked(span, grade)
        changed.append((said, line if grade is None else span_line(said)))
    return changed


def _unseal(path: Path, facts: Facts, pairs: Iterable[tuple[Span, bytes]]) -> None:
    """Put the run there without a seal: nothing vouches for its being whole, and its readers say so."""
    lines = [resource_line(_header(facts)), *(line for _, line in pairs)]
    passing = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        passing.write_bytes(zstandard.ZstdCompressor(level=_GOOD_LEVEL).compress(b"".join(lines)))
        passing.replace(path)
    except OSError as error:
        passing.unlink(missing_ok=True)
        raise TapeError(f"cannot be written ({error})", path=path) from error
