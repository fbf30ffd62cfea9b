"""Bundles straight from tapes: what each call of a model was asked and answered, signed.

::

    from spantape import read_tape, rerun

    for record, bundle, actual in rerun.cut(read_tape("run.tape"), key=key, tolerance="semantic:0.9"):
        …

A step that gives temperature and top_p, and no other sampling than v0.1 has a place for, is a v0.1 bundle; any other
is one of our extension, which takes sampling as the request gave it: a value that was not sent is never filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from spantape.errors import NotCut, SchemaViolation, UsageError
from spantape.rerun.bundles import Bundle, capture
from spantape.rerun.cut_evidence import V01_EMBEDDER, Evidence, Measure, UnfitError
from spantape.rerun.cut_runtime import Runtimes, check_runtime, runtime_at
from spantape.rerun.cut_step import REDACTED_KINDS, Heard, hear, kinds_of
from spantape.rerun.cut_tolerance import RerunTolerance, tolerances_in, tolerances_of
from spantape.rerun.keys import PrivateKey
from spantape.rerun.wire import Call
from spantape.tape.diff import step_name
from spantape.tape.model import Step, Tape
from spantape.tape.read import read_tape
from spantape.tolerance.policy import Policy, effective_policy

if TYPE_CHECKING:
    from spantape.semantic.embedders import Embedder

_V01_SAMPLING: Final = frozenset({"temperature", "top_p", "seed", "max_tokens"})
_V01_NEEDS: Final = frozenset({"temperature", "top_p"})
_V01_RUNTIMES: Final = ("cloud", "local-vllm", "local-transformers")


@dataclass(frozen=True, slots=True)
class Cut:
    """One step as evidence; it unpacks into (record, bundle, actual).

    `record` is the step record that `capture` took, `actual` the record of what the tape itself answers, which the
    bundle verifies. `step` is the step's index on its tape, `call` what it asked in full. `beyond_v01` says in words
    what v0.1 has no place for, () for a v0.1 bundle; `extended` is record and actual as a step of the extension.
    """

    step: int
    call: Call
    record: dict[str, Any]
    bundle: Bundle
    actual: dict[str, Any]
    beyond_v01: tuple[str, ...] = ()
    extended: tuple[dict[str, Any], dict[str, Any]] = field(default=({}, {}), repr=False)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter((self.record, self.bundle, self.actual))

    @property
    def version(self) -> str:
        """The version of the bundle."""
        return str(self.bundle["rerun_version"])


@dataclass(frozen=True, slots=True)
class Cutter:
    """Makes evidence of steps.

    `runtime` is where the model runs: for every host, or by host (`{"localhost:8000": "local-vllm"}`), others being
    "cloud". `redacted` takes redacted steps as they stand. The embedder, by default the best that is installed,
    serves semantic tolerance. Of several tolerances, by default byte alone, the first that can compare an answer is the
    step's; where a `policy` has a rule for the step, that one holds instead.

    Raises:
        UsageError: a runtime is none that is known.
    """

    key: PrivateKey | None = None
    tolerances: tuple[RerunTolerance, ...] | None = None
    runtime: Runtimes = "cloud"
    redacted: bool = False
    embedder: Embedder | None = None
    policy: Policy | None = None

    def __post_init__(self) -> None:
        given = [self.runtime] if isinstance(self.runtime, str) else self.runtime.values()
        for runtime in given:
            check_runtime(runtime, runtime)

    def cut(self, step: Step, *, path: str | None = None, kinds: Iterable[str] = REDACTED_KINDS) -> Cut:
        """The evidence of one step; `path` is the file that errors name, `kinds` those of its placeholders.

        Raises:
            NotCut: it calls no model, it has no answer to expect, or it cannot be believed to be whole.
            EmbedderError: the embedder failed.
        """
        heard = hear(step, path=path, redacted=() if self.redacted else frozenset(kinds))
        try:
            return self._cut(step.index, heard, *self._measured(heard, self._tolerances(step)))
        except UnfitError as error:
            raise NotCut(str(error), why="unfit", path=path, step=step.index) from error
        except SchemaViolation as error:
            raise NotCut(error.reason, why="lost", path=path, step=step.index, field=error.field) from error

    def _cut(self, index: int, heard: Heard, tolerance: RerunTolerance, evidence: Evidence) -> Cut:
        record = self._record(heard, tolerance, evidence)
        seen = output_record(heard, evidence, extended=True)
        beyond = tuple(_beyond_v01(record))
        own: dict[str, Any] = {"steps": [record]}
        actual: dict[str, Any] = {"steps": [seen]}
        if not beyond:
            own = {**record, "expected": evidence.expected()}
            actual = output_record(heard, evidence, extended=False)
        return Cut(index, heard.call, own, capture(own, self.key), actual, beyond, (record, seen))

    def _tolerances(self, step: Step) -> tuple[RerunTolerance, ...]:
        if self.policy is None:
            return self.tolerances or (RerunTolerance(),)
        return tolerances_in(self.policy, step.index, step_name(step), self.tolerances)

    def _measured(
        self, heard: Heard, tolerances: tuple[RerunTolerance, ...]
    ) -> tuple[RerunTolerance, Evidence]:
        *others, last = tolerances
        for tolerance in others:
            try:
                return tolerance, self._evidence(tolerance, heard)
            except UnfitError:
                continue
        return last, self._evidence(last, heard)

    def _evidence(self, tolerance: RerunTolerance, heard: Heard) -> Evidence:
        return Measure(tolerance, self.embedder).of_transcript(heard.transcript, heard.model)

    def _record(self, heard: Heard, tolerance: RerunTolerance, evidence: Evidence) -> dict[str, Any]:
        """The step record as a step of the extension."""
        model = {"vendor": heard.vendor, "id": heard.call.model}
        if heard.fingerprint is not None:
            model["fingerprint"] = heard.fingerprint
        return {
            "model": model,
            "sampling": heard.call.sampling,
            "inputs": heard.call.inputs,
            "runtime": {"class": runtime_at(heard.place, self.runtime)},
            "tolerance": tolerance.member(),
            "expected": evidence.expected(extended=True),
        }


def _beyond_v01(record: dict[str, Any]) -> Iterator[str]:
    sampling, runtime, expected = record["sampling"].keys(), record["runtime"]["class"], record["expected"]
    yield from (f"no {name}" for name in sorted(_V01_NEEDS - sampling))
    yield from sorted(sampling - _V01_SAMPLING)
    if runtime not in _V01_RUNTIMES:
        yield f"runtime {runtime}"
    if "calls" in expected:
        yield "calls of tools"
    if expected.get("embedder", {}).get("id", V01_EMBEDDER) != V01_EMBEDDER:
        yield f"embedder {expected['embedder']['id']}"


def output_record(heard: Heard, evidence: Evidence, *, extended: bool) -> dict[str, Any]:
    """What came of a call as an actual record, or, `extended`, as one of its steps."""
    actual: dict[str, Any] = {"inputs": heard.call.inputs, "output": evidence.output(extended=extended)}
    if heard.fingerprint is not None:
        actual["runtime"] = {"fingerprint": heard.fingerprint}
    return actual


def cut(
    tape: Tape | str | PathLike[str],
    *,
    steps: Iterable[int] | None = None,
    key: PrivateKey | None = None,
    tolerance: str | RerunTolerance | Sequence[RerunTolerance] | None = None,
    policy: Policy | str | PathLike[str] | None = None,
    runtime: Runtimes = "cloud",
    redacted: bool = False,
    embedder: Embedder | None = None,
    skipped: Callable[[NotCut], None] | None = None,
) -> Iterator[Cut]:
    """The evidence of the calls of a model on `tape`, in order; each unpacks into (step record, bundle, actual record).

    `steps` are the indexes of those to cut, by default all. Bundles are signed where a `key` is given. `tolerance`
    is said as `cut_tolerance` reads it, by default byte; a `policy` (a `Policy`, or the path of its TOML file) sets it
    per step, and `tolerance` then replaces the policy's own default. For the rest see `Cutter`. Of all steps, those
    that cannot be cut are left out, and `skipped` is called with each; one that was asked for by its index is an error.

    Raises:
        NotCut: a step that was asked for cannot be cut.
        TapeError: a path was given, and its tape cannot be read.
        UsageError: a setting means nothing, or the tape has no such step; PolicyError, one of it: the policy cannot be
            read.
    """
    cutter = Cutter(
        key,
        None if tolerance is None else tolerances_of(tolerance),
        runtime,
        redacted,
        embedder,
        None if policy is None else effective_policy(None, policy),
    )
    read = tape if isinstance(tape, Tape) else read_tape(tape)
    chosen = _chosen(read, steps)
    return _cut_each(cutter, read, chosen, skipped if steps is None else None, whole=steps is None)


def _chosen(tape: Tape, steps: Iterable[int] | None) -> list[Step]:
    if steps is None:
        return list(tape.steps)
    asked = sorted(set(steps))
    missing = [index for index in asked if not 0 <= index < len(tape.steps)]
    if missing:
        raise UsageError(f"tape {tape.path!r} has no step {missing[0]}: it has {len(tape.steps)}, from 0 on")
    return [tape.steps[index] for index in asked]


def _cut_each(
    cutter: Cutter,
    tape: Tape,
    steps: Iterable[Step],
    skipped: Callable[[NotCut], None] | None,
    *,
    whole: bool,
) -> Iterator[Cut]:
    kinds = kinds_of(tape.steps)
    for step in steps:
        try:
            made = cutter.cut(step, path=tape.path, kinds=kinds)
        except NotCut as error:
            if not whole:
                raise
            if skipped is not None:
                skipped(error)
            continue
        yield made
