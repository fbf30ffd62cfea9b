"""Sources to tapes: every run that is whole becomes a sealed tape, and of every other it is said why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from spantape._spans import names
from spantape.errors import SpantapeError
from spantape.promote.assembly import Assembly, Gathered, Member
from spantape.promote.completeness import missing, notes
from spantape.promote.facts import Facts, facts_of
from spantape.promote.foreign import read as foreign_call
from spantape.promote.grades import Graded
from spantape.promote.losses import counted
from spantape.promote.sources import Passed, SourceDamaged, find, read
from spantape.promote.steps import steps
from spantape.promote.where import Where
from spantape.promote.writing import Directory
from spantape.tape.model import Span, Tape
from spantape.tape.otlp import span_line

State = Literal["promoted", "partial", "waits", "refused", "other", "unwanted"]

_BESIDE: Final = ("run", "draw")  # kinds of our spans that are no steps, and belong on the tape


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
    # one run after another: a second thread would only wait for the interpreter's lock, which was measured
    with Directory(asked.to) as written:
        for gathered in assembly.gathered():
            outcome, tape = promote_run(gathered, asked, written)
            told.runs += 1
            if tape is not None and done is not None:
                done(tape)
            yield outcome


def promote_run(gathered: Gathered, asked: Asked, written: Directory) -> tuple[Outcome, Tape | None]:
    """What becomes of one run, and its tape where one was written."""
    run_id, count = gathered.run_id, gathered.count
    try:
        members = gathered.members()
        spans = [member.span for member in members]
        if asked.traces and asked.traces.isdisjoint([run_id, *(span.trace_id for span in spans)]):
            return Outcome(run_id, "unwanted", count), None
        return _promoted(gathered, members, asked, written)
    except SpantapeError as error:
        return Outcome(run_id, "refused", count, reasons=(f"run {run_id}: {error}",)), None


def _promoted(
    gathered: Gathered, members: Sequence[Member], asked: Asked, written: Directory
) -> tuple[Outcome, Tape | None]:
    run_id = gathered.run_id
    spans = [member.span for member in members]
    pairs = _stepped(members, gathered)
    facts = facts_of([span for span, _ in pairs], run_id=run_id, told_by=spans)
    if not facts.steps:
        return Outcome(run_id, "other", len(spans)), None
    if not asked.where(facts):
        return Outcome(run_id, "unwanted", len(spans)), None
    earlier = written.earlier(run_id)
    waits = missing([*members, *earlier], run_id)
    if waits is not None and not asked.partial:
        return Outcome(run_id, "waits", len(spans), name=facts.name, reasons=(waits,)), None
    return _written([*pairs, *((member.span, member.line) for member in earlier)], facts, written, waits)


def _written(
    pairs: Sequence[tuple[Span, bytes]], facts: Facts, written: Directory, waits: str | None
) -> tuple[Outcome, Tape]:
    path, tape, grades = written.write(facts, pairs, sealed=waits is None)
    outcome = Outcome(
        facts.run_id,
        "promoted" if waits is None else "partial",
        len(tape.spans),
        path=path,
        name=facts.name,
        steps=len(tape.steps),
        fingerprint=tape.fingerprint,
        grades=counted(grades),
        losses=tuple((index, grade) for index, grade in enumerate(grades) if grade.grade != "exact"),
        reasons=() if waits is None else (waits,),
        notes=tuple(notes(tape.spans)),
    )
    return outcome, tape


def _stepped(members: Sequence[Member], gathered: Gathered) -> list[tuple[Span, bytes]]:
    """The spans that go on the tape, with their lines: as they came where all are ours, else with the steps made."""
    spans = [member.span for member in members]
    if all(foreign_call(span) is None for span in spans):
        return [(member.span, member.line) for member in members]
    kept = [span for span in spans if span.attributes.get(names.KIND) in _BESIDE]
    made = [step.span for step in steps(spans, gathered.events(), run_id=gathered.run_id)]
    return [(span, span_line(span)) for span in (*kept, *made)]
