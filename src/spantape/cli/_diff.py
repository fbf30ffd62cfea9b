"""`spantape diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spantape.cli._say import put, put_json, working

if TYPE_CHECKING:
    from spantape._fields import FieldDifference
    from spantape.tape.diff import StepDifference, TapeDiff


@click.command("diff", short_help="Compare two tapes, field by field.")
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@click.option(
    "--tolerance",
    metavar="LEVEL",
    help="byte (the default), structural (same steps, tool calls and values; texts are not compared), or "
    "semantic[:0.9] (that, and the texts mean the same).",
)
@click.option(
    "--policy", type=click.Path(), metavar="FILE", help="Tolerance per step, tool and field, in TOML."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(first: str, second: str, tolerance: str | None, policy: str | None, as_json: bool) -> int:
    """Show how the steps of the tape SECOND differ from those of FIRST, field by field.

    Exits with 0 where they did the same within the tolerance, 1 where they did not. Times and ids are no difference.

    Example: spantape diff before.tape after.tape --tolerance semantic
    """
    from spantape.tape.diff import diff

    with working(f"comparing {first} and {second}"):
        found = diff(first, second, tolerance=tolerance, policy=policy)
    if as_json:
        put_json(_diff_object(found))
    else:
        put(str(found))
    return 1 if found else 0


def _diff_object(found: TapeDiff) -> dict[str, Any]:
    return {
        "equal": not found,
        "tolerance": found.tolerance,
        "first_steps": found.first_count,
        "second_steps": found.second_count,
        "differences": [_difference_object(difference) for difference in found],
        "draws": [_field_object(field) for field in found.draws],
        "tolerated": [_difference_object(difference) for difference in found.tolerated],
    }


def _difference_object(difference: StepDifference) -> dict[str, Any]:
    """One step that differs; a side of a field that has nothing there is left out."""
    from spantape.tape.diff import step_name

    step = difference.first or difference.second
    return {
        "change": difference.change,
        "first": difference.first.index if difference.first else None,
        "second": difference.second.index if difference.second else None,
        "name": step_name(step) if step else "",
        "severity": difference.severity,
        "fields": [_field_object(field) for field in difference.fields],
    }


def _field_object(field: FieldDifference) -> dict[str, Any]:
    """One place; its severity and reason are left out where nothing was weighed."""
    from spantape._fields import MISSING

    weighed = {name: said for name in ("severity", "reason") if (said := getattr(field, name, ""))}
    sides = (("first", field.recorded), ("second", field.got))
    return (
        {"path": field.path}
        | {side: _plain(value) for side, value in sides if value is not MISSING}
        | weighed
    )


def _plain(value: Any) -> Any:
    """A value as JSON writes it: an exact number of a parsed text as the float that it is near."""
    from decimal import Decimal
    from math import isfinite

    if isinstance(value, Decimal):
        near = float(value)
        return (
            int(value)
            if near.is_integer() and abs(near) < 1 << 53
            else near
            if isfinite(near)
            else str(value)
        )
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
