"""`spantape show`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from spantape.cli._say import counted, plain, put, put_json, working

if TYPE_CHECKING:
    from spantape.tape.model import Draw, Step, Tape

_WIDE = 200  # columns where the output is no terminal, so that nothing is cut


@click.command("show", short_help="List the steps of a tape.")
@click.argument("tape", type=click.Path())
@click.option("--step", type=click.IntRange(min=0), metavar="N", help="Show all of step N, with its bodies.")
@click.option("--run", "run_id", metavar="ID", help="The run to show, where the file holds several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(tape: str, step: int | None, run_id: str | None, as_json: bool) -> int:
    """List the steps of a TAPE.

    TAPE may also be the journal of a recording that was cut short, or a collector's file of OTLP JSON lines.

    Example: spantape show run.tape --step 3
    """
    from spantape.tape.read import read_tape

    with working(f"reading {tape}"):
        read = read_tape(tape, run=run_id)
    if step is None:
        _put_tape(read, as_json)
        return 0
    if step >= len(read.steps):
        raise click.BadParameter(
            f"got {step}, expected one of 0 to {len(read.steps) - 1}", param_hint="--step"
        )
    _put_step(read, read.steps[step], as_json)
    return 0


def _put_tape(tape: Tape, as_json: bool) -> None:
    if as_json:
        put_json(_tape_object(tape))
        return
    put(f"{tape.path}: {tape.name or 'a run'}, {counted(len(tape.steps), 'step')}, {_state(tape)}")
    put(f"fingerprint {tape.fingerprint}")
    if tape.steps:
        _put_table(tape)
    for (grade, reason), indexes in _grades(tape).items():
        put(f"{grade}: {counted(len(indexes), 'step')} ({_listed(indexes)}): {reason}")
    for draw in tape.draws:
        put(f"draw {draw.index}, before step {draw.before}: {draw.source} {_told_draw(draw)}")
    for note in tape.notes:
        put(f"note: {note}")


def _grades(tape: Tape) -> dict[tuple[str, str], list[int]]:
    """The steps that are not exact, by grade and reason."""
    from spantape.tape.foreign.model import grade_of

    found: dict[tuple[str, str], list[int]] = {}
    for step in tape.steps:
        if (graded := grade_of(step.span))[0] != "exact":
            found.setdefault(graded, []).append(step.index)
    return found


def _listed(indexes: list[int]) -> str:
    return ", ".join(map(str, indexes[:10])) + (" …" if len(indexes) > 10 else "")


def _told_draw(draw: Draw) -> str:
    from spantape.cli._steps import told

    return _short(json.dumps(told(lambda: draw.value), ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= _WIDE // 2 else text[: _WIDE // 2] + "…"


def _state(tape: Tape) -> str:
    return "sealed" if tape.sealed else "not sealed"


def _tape_object(tape: Tape) -> dict[str, Any]:
    from spantape.cli._steps import draw_object, summary

    return {
        "path": tape.path,
        "name": tape.name,
        "run_id": tape.run_id,
        "sealed": tape.sealed,
        "fingerprint": tape.fingerprint,
        "notes": list(tape.notes),
        "resource": {key: value for key, value in tape.resource.items() if not isinstance(value, bytes)},
        "steps": [summary(tape, step) for step in tape.steps],
        "draws": [draw_object(draw) for draw in tape.draws],
    }


def _put_table(tape: Tape) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from spantape.cli._steps import HEADINGS, rows

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, heading in HEADINGS._asdict().items():
        right = name in ("number", "tokens", "size", "ms")
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=len(heading),
        )
    for row in rows(tape):
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as captured:
        console.print(table)
    put_lines(captured.get())


def put_lines(text: str) -> None:
    """Print what rich has laid out, without the blanks at the ends of its lines."""
    click.echo("\n".join(line.rstrip() for line in text.rstrip("\n").split("\n")))


# --- one step ----------------------------------------------------------------------------------------------------


def _put_step(tape: Tape, step: Step, as_json: bool) -> None:
    from spantape.cli._steps import full
    from spantape.tape.foreign.model import grade_of

    said = full(tape, step)
    if as_json:
        put_json(said)
        return
    put(f"step {step.index}, {step.kind}, {said['status']}, {said['duration_ns'] / 1e6:,.1f} ms")
    if said["grade"] != "exact":
        put(f"{said['grade']}: {grade_of(step.span)[1]}")
    if said["error"]:
        put(f"error {said['error']['type']}: {said['error']['message']}")
    if step.kind == "exchange":
        put(f"{said['method']} {said['url']}")
        _put_side("request", said["request"])
        _put_side("response", said["response"])
        return
    put(said["name"])
    for part in ("arguments", "result"):
        put(f"\n{part}\n{_pretty(said[part])}")


def _put_side(title: str, side: Any) -> None:
    put(f"\n{title}")
    if side is None:
        put("  none")
        return
    for name, value in side.get("headers", ()):
        put(f"  {name}: {value}")
    body = side.get("body", side)
    if body:
        put(f"\n{_pretty_body(body)}")


def _pretty_body(body: Any) -> str:
    """A body for people: JSON indented, other text as it is."""
    if not isinstance(body, str):
        return _pretty(body)
    try:
        return _pretty(json.loads(body))
    except (ValueError, RecursionError):
        return body


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
