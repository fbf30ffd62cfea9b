"""`spantape promote`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from spantape.cli._say import counted, put, put_json, say, watched

if TYPE_CHECKING:
    from spantape.promote.promoting import Outcome, State, Told

_FAILED: Final[tuple[State, ...]] = ("waits", "refused", "partial")
_UNSAID: Final[tuple[State, ...]] = ("other", "unwanted")
_WORDS: Final[dict[State, str]] = {
    "partial": "partial",
    "waits": "waiting",
    "refused": "refused",
    "unwanted": "not asked for",
}
_SHOWN = 8  # steps named in one line


@click.command("promote", short_help="Make tapes, and a test, of exported traces.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("-o", "--output", required=True, type=click.Path(), metavar="DIR", help="Where tapes go.")
@click.option(
    "--trace", "traces", multiple=True, metavar="ID", help="Only the run of this trace (or run id)."
)
@click.option(
    "--where",
    multiple=True,
    metavar="FILTER",
    help="Only such runs: 'service.name=shop error=true cost>0.1'.",
)
@click.option(
    "--test", "test", type=click.Path(), metavar="FILE", help="Write the pytest file that replays them."
)
@click.option(
    "--tolerance",
    default="byte",
    show_default=True,
    metavar="LEVEL",
    help="How equal the test wants the result: byte, structural, semantic or semantic:0.9.",
)
@click.option("--partial", is_flag=True, help="Make tapes, without a seal, of runs that are not whole too.")
@click.option(
    "--skip-damaged", is_flag=True, help="Name what is damaged and go on, instead of stopping there."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def promote_command(  # noqa: PLR0917 - click names each
    sources: tuple[str, ...],
    output: str,
    traces: tuple[str, ...],
    where: tuple[str, ...],
    test: str | None,
    tolerance: str,
    partial: bool,
    skip_damaged: bool,
    as_json: bool,
) -> int:
    """Make a tape of each run in the SOURCEs, which may stand in any order and be repeated.

    A SOURCE is a file, a directory, a glob or a URL (fsspec): OTLP as JSON Lines or protobuf, what the Collector's
    file exporter writes, tapes, the directory of `spantape collect`, and JSON of Jaeger, Tempo, Phoenix and Langfuse;
    plain, gzip or zstd. Exits with 1 where a run waits for spans, or cannot be a tape; each is named.

    Example: spantape promote traces.jsonl -o tests/tapes --test tests/test_production.py
    """
    from spantape.promote.promoting import Asked, Told, promote
    from spantape.promote.testfile import Tests
    from spantape.promote.where import parse_where
    from spantape.tolerance.level import parse_tolerance

    to = Path(output)
    asked = Asked(to, frozenset(one.lower() for one in traces), parse_where(" ".join(where)), partial)
    written = None if test is None else Tests(Path(test), parse_tolerance(tolerance))
    told = Told()
    done = None if written is None else written.add
    states: Counter[State] = Counter()
    runs: list[dict[str, Any]] = []
    watch = watched("reading spans")
    for outcome in promote(sources, asked, skip_damaged=skip_damaged, told=told, watch=watch, done=done):
        if not outcome.spans:  # log records whose spans are in no source
            continue
        states[outcome.state] += 1
        if as_json and outcome.state not in _UNSAID:
            runs.append(_object(outcome))
        _show(outcome, as_json=as_json)
    tests = 0 if written is None else len(written.cases)
    if written is not None and tests:
        written.write()
    _say_rest(states, told)
    if as_json:
        put_json(_report(runs, states, told, test if tests else None))
    elif tests:
        put(f"{test}: {counted(tests, 'test')}")
    return _code(states, told)


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if outcome.path is not None and not as_json:
        grades = ", ".join(f"{grade} {count}" for grade, count in outcome.grades.items())
        put(f"{outcome.path}: {counted(outcome.steps, 'step')} ({grades}), fingerprint {outcome.fingerprint}")
    for line in _losses(outcome):
        say(line)
    for note in outcome.notes:
        say(f"{outcome.path}: note: {note}")
    for reason in outcome.reasons:
        say(f"{outcome.state}: {reason}")


def _losses(outcome: Outcome) -> Iterator[str]:
    """Why steps are not exact, those with the same reasons together."""
    alike: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, grade in outcome.losses:
        alike.setdefault((grade.grade, grade.reasons), []).append(index)
    for (grade_name, reasons), steps in alike.items():
        told = ", ".join(map(str, steps[:_SHOWN])) + (
            f" and {len(steps) - _SHOWN} more" if steps[_SHOWN:] else ""
        )
        noun = "step" if len(steps) == 1 else "steps"
        yield f"{outcome.path}, {noun} {told}: {grade_name}" + (f": {'; '.join(reasons)}" if reasons else "")


def _say_rest(states: Counter[State], told: Told) -> None:
    for error in told.damaged:
        say(f"skipped: {error}")
    for passed in told.passed:
        say(f"passed over: {passed.path}: {passed.why}")
    parts = [counted(told.spans, "span"), counted(states["promoted"], "tape")]
    parts += [f"{states[state]} {word}" for state, word in _WORDS.items() if states[state]]
    if states["other"]:
        parts.append(f"{counted(states['other'], 'trace')} without a call of a model, tool or agent")
    say(", ".join(parts))


def _code(states: Counter[State], told: Told) -> int:
    promoted = states["promoted"] + states["partial"]
    if not promoted:
        say("nothing was promoted" + ("" if told.spans else ": the sources hold no spans"))
    failed = any(states[state] for state in _FAILED)
    return 1 if failed or not promoted or told.damaged else 0


def _report(
    runs: list[dict[str, Any]], states: Counter[State], told: Told, test: str | None
) -> dict[str, Any]:
    return {
        "runs": runs,
        "others": states["other"],
        "spans": told.spans,
        "damaged": [str(error) for error in told.damaged],
        "passed_over": [passed._asdict() for passed in told.passed],
        "test": test,
    }


def _object(outcome: Outcome) -> dict[str, Any]:
    return {
        "run_id": outcome.run_id,
        "state": outcome.state,
        "tape": None if outcome.path is None else str(outcome.path),
        "name": outcome.name,
        "spans": outcome.spans,
        "steps": outcome.steps,
        "fingerprint": outcome.fingerprint or None,
        "grades": outcome.grades,
        "losses": [
            {"step": index, "grade": grade.grade, "reasons": list(grade.reasons)}
            for index, grade in outcome.losses
        ],
        "reasons": list(outcome.reasons),
        "notes": list(outcome.notes),
    }
