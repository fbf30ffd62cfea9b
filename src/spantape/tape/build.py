"""Lines gathered into a recording, and a recording made into a tape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantape._spans import names
from spantape.errors import TapeDamaged, TapeError, UsageError
from spantape.tape.fingerprint import fingerprint
from spantape.tape.folding import folded_lines, unfolded
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.model import Span, Tape, Value
from spantape.tape.otlp import LineWriter
from spantape.tape.otlp_read import read_document
from spantape.tape.steps import draws_of, in_order, steps_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_OWN_KEYS = frozenset({names.FORMAT, names.RUN_ID, names.RUN_NAME, "spantape.journal"})


@dataclass(slots=True)
class Recording:
    """What lines hold: spans with the lines they came in, and the resources of lines without spans.

    A reader that will not write them again does without the lines. `proven` holds, once the lines were folded, the ids of
    the spans whose request bodies were rebuilt and have their digests.
    """

    spans: list[Span] = field(default_factory=list)
    lines: list[tuple[bytes, Span]] = field(default_factory=list)
    headers: list[dict[str, Value]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keeps_lines: bool = True
    proven: set[str] = field(default_factory=set)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def add(self, line: bytes, path: str | None) -> None:
        """Take one line.

        Raises:
            TapeDamaged: it is not an OTLP TracesData document; names the steps before it.
        """
        try:
            document = read_document(line)
        except TapeDamaged as error:
            raise TapeDamaged(f"{error.reason}; {self.progress()}", path=path) from error
        self.headers.extend(document.bare_resources)
        fresh = [span for span in document.spans if self._is_new(span)]
        self.spans.extend(fresh)
        if fresh and self.keeps_lines:
            self.lines.append((line, fresh[0]))

    def add_span(self, span: Span, line: bytes) -> None:
        """Take a span whose line is known."""
        if self._is_new(span):
            self.spans.append(span)
            self.lines.append((line, span))

    def _is_new(self, span: Span) -> bool:
        # exporters and collectors deliver at least once: the same span may come again
        key = (span.trace_id, span.span_id)
        if key in self._seen:
            return False
        if span.span_id:
            self._seen.add(key)
        return True

    def folded_lines(self) -> list[bytes]:
        """The lines with spans, in the order of the first new span in each, folded."""
        by_span = {id(span): line for line, span in self.lines}
        ordered = in_order(span for _, span in self.lines)
        return folded_lines([(by_span[id(span)], span) for span in ordered], self.spans, self.proven)

    def progress(self) -> str:
        """How many whole steps there are so far, in words."""
        kinds = ("exchange", "tool", "agent")
        steps = sum(span.attributes.get(names.KIND) in kinds for span in self.spans)
        return f"{steps} whole steps precede it"


def build_tape(
    recording: Recording,
    *,
    path: str | None,
    sealed: bool,
    run: str | None = None,
    limits: Limits = DEFAULT,
) -> Tape:
    """The tape of a recording; `run` chooses one where there are several.

    Raises:
        UsageError: there are several runs and none is chosen, or the chosen one is not there.
        TapeError: a span of ours is not what it must be.
    """
    held = unfolded(recording.spans, limits)
    header = recording.headers[0] if recording.headers else {}
    stated = header.get(names.RUN_ID)
    run_id, spans = (stated, held) if isinstance(stated, str) and run is None else _one_run(held, run, path)
    steps, draws = steps_of(spans, path=path, limits=limits), draws_of(spans, path=path)
    resource: Mapping[str, Value] = header or (spans[0].resource if spans else {})
    return Tape(
        path=path,
        run_id=run_id,
        name=_name(header, spans),
        steps=steps,
        fingerprint=fingerprint(steps, draws),
        sealed=sealed,
        notes=tuple(recording.notes),
        resource={key: value for key, value in resource.items() if key not in _OWN_KEYS},
        spans=tuple(in_order(spans)),
        draws=draws,
    )


def tape_of(spans: Iterable[Span], *, run: str | None = None, limits: Limits = DEFAULT) -> Tape:
    """The tape that `spans` make, in no file; `run` chooses one where they are of several.

    Raises:
        UsageError: there are several runs and none is chosen, or the chosen one is not there.
        TapeError: a span of ours is not what it must be.
    """
    return build_tape(Recording(spans=list(spans)), path=None, sealed=False, run=run, limits=limits)


def recorded_spans(spans: Iterable[ReadableSpan]) -> list[Span]:
    """Finished SDK spans as recorded ones, as they come back from a file."""
    writer = LineWriter()
    return [recorded for span in spans for recorded in read_document(writer.line(span)).spans]


def runs_of(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """`spans` by run, runs in order of their first span as given.

    A span without a run id is of the first run seen in its trace; in a trace without any, the trace is the run,
    under the trace's id.
    """
    held = list(spans)
    of_trace: dict[str, str] = {}
    for span in held:
        if run := _run_id(span):
            of_trace.setdefault(span.trace_id, run)
    runs: dict[str, list[Span]] = {}
    for span in held:
        run = _run_id(span) or of_trace.get(span.trace_id, span.trace_id)
        runs.setdefault(run, []).append(span)
    return runs


def first_run(spans: Sequence[Span]) -> str:
    """The id of the run of the first span, "" where there is none."""
    return next(iter(runs_of(spans)), "")


def _run_id(span: Span) -> str:
    value = span.attributes.get(names.RUN_ID)
    return value if isinstance(value, str) else ""


def _one_run(spans: Sequence[Span], run: str | None, path: str | None) -> tuple[str, list[Span]]:
    runs = runs_of(spans)
    if run is not None:
        if run not in runs:
            raise TapeError(f"got run {run!r}, expected one of {_listed(runs)}", path=path)
        return run, runs[run]
    ours = {
        key: members
        for key, members in runs.items()
        if any(names.KIND in span.attributes for span in members)
    }
    if len(ours) > 1:
        raise UsageError(
            f"{path or 'the spans'}: got {len(ours)} runs, expected one; choose with run=, of {_listed(ours)}"
        )
    for key, members in (ours or runs).items():
        return key, members
    return "", []


def _listed(runs: Iterable[str]) -> str:
    known = list(runs)
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return ", ".join(repr(run) for run in known[:5]) + more


def _name(header: Mapping[str, Value], spans: Sequence[Span]) -> str:
    stated = header.get(names.RUN_NAME)
    if isinstance(stated, str):
        return stated
    for key in (names.RUN_NAME, names.AGENT_NAME):
        for span in spans:
            named = span.attributes.get(key)
            if isinstance(named, str):
                return named
    return ""
