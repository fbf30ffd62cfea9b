"""`spantape ls`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spantape.cli._say import counted, plain, put_json, say, watched
from spantape.cli._show import put_lines

if TYPE_CHECKING:
    from spantape.promote.facts import Facts

_WIDE = 200  # columns where the output is no terminal, so that nothing is cut
_HEADINGS = ("started", "agent", "steps", "models", "tokens", "cost", "errors", "grade", "s", "tape")
_RIGHT = ("steps", "tokens", "cost", "errors", "s")
_SHOWN = 19


@click.command("ls", short_help="List the runs of a directory of tapes.")
@click.argument("directory", type=click.Path(), default=".", metavar="[DIR]")
@click.option("--where", multiple=True, metavar="FILTER", help="Only such runs: 'error=true tokens>1000'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ls_command(directory: str, where: tuple[str, ...], as_json: bool) -> int:
    """List the runs of the tapes in DIR and below, oldest first: time, agent, steps, models, tokens, cost, errors.

    The cost is what spans state, never worked out; the grade is the least of a run's steps.

    Example: spantape ls tapes --where 'agent=planner error=true'
    """
    from spantape.promote.listing import list_tapes, tapes_in
    from spantape.promote.where import parse_where

    asked = parse_where(" ".join(where))
    paths = tapes_in(directory)
    found: list[tuple[Path, Facts, bool]] = []
    failed = 0
    for path, listed in list_tapes(watched("reading tapes")(paths)):
        if isinstance(listed, Exception):
            failed += 1
            say(f"spantape: {listed}")
        elif asked(listed.facts):
            found.append((path, listed.facts, listed.sealed))
    found.sort(key=lambda one: (one[1].started_ns, str(one[0])))
    if as_json:
        put_json([_object(*one) for one in found])
    elif found:
        _put_table([_row(*one) for one in found])
    say(f"{counted(len(found), 'run')} of {counted(len(paths), 'tape')}")
    return 1 if failed else 0


def _object(path: Path, facts: Facts, sealed: bool) -> dict[str, Any]:
    return {
        "tape": str(path),
        "run_id": facts.run_id,
        "name": facts.name,
        "service": facts.resource.get("service.name"),
        "sealed": sealed,
        "started_ns": facts.started_ns,
        "duration_ns": facts.ended_ns - facts.started_ns,
        "agents": list(facts.agents),
        "models": list(facts.models),
        "steps": facts.steps,
        "input_tokens": facts.input_tokens,
        "output_tokens": facts.output_tokens,
        "cost": facts.cost,
        "errors": facts.errors,
        "grade": facts.grade,
        "grades": dict(facts.grades),
    }


def _row(path: Path, facts: Facts, sealed: bool) -> Sequence[str]:
    started = datetime.fromtimestamp(facts.started_ns // 1_000_000_000, UTC).isoformat(sep=" ")[:_SHOWN]
    tokens = f"{facts.input_tokens:,}→{facts.output_tokens:,}"
    return (
        started,
        ", ".join(facts.agents) or facts.name,
        str(facts.steps),
        ", ".join(facts.models),
        tokens if facts.input_tokens or facts.output_tokens else "",
        "" if facts.cost is None else f"{facts.cost:.4f}",
        str(facts.errors or ""),
        facts.grade + ("" if sealed else ", not sealed"),
        f"{(facts.ended_ns - facts.started_ns) / 1e9:,.1f}",
        str(path),
    )


def _put_table(rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in _HEADINGS:
        justify: Any = "right" if heading in _RIGHT else "left"
        table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis", min_width=len(heading))
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    width = None if sys.stdout.isatty() else max(_WIDE, *map(_width, rows))
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    put_lines(captured.get())


def _width(row: Sequence[str]) -> int:
    return sum(map(len, row)) + 16 * len(row)
