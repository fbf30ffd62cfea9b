"""`spantape diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spantape.cli._say import put, put_json, working

if TYPE_CHECKING:
    from spantape.tape.diff import StepDifference, TapeDiff


@click.command("diff", short_help="Compare two tapes, field by field.")
@click.argument("first", type=click.Path())
@click.argument("second", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff_command(first: str, second: str, as_json: bool) -> int:
    """Show how the steps of the tape SECOND differ from those of FIRST, field by field.

    Exits with 0 where they did the same, 1 where they did not. Times and ids are no difference.

    Example: spantape diff before.tape after.tape
    """
    from spantape.tape.diff import diff

    with working(f"comparing {first} and {second}"):
        found = diff(first, second)
    if as_json:
        put_json(_diff_object(found))
    else:
        put(str(found))
    return 1 if found else 0


def _diff_object(found: TapeDiff) -> dict[str, Any]:
    return {
        "equal": not found,
        "first_steps": found.first_count,
        "second_steps": found.second_count,
        "differences": [_difference_object(difference) for difference in found],
    }


def _difference_object(difference: StepDifference) -> dict[str, Any]:
    """One step that differs; a side of a field that has nothing there is left out."""
    from spantape._fields import MISSING
    from spantape.tape.diff import step_name

    step = difference.first or difference.second
    return {
        "change": difference.change,
        "first": difference.first.index if difference.first else None,
        "second": difference.second.index if difference.second else None,
        "name": step_name(step) if step else "",
        "fields": [
            {"path": field.path}
            | ({} if field.recorded is MISSING else {"first": field.recorded})
            | ({} if field.got is MISSING else {"second": field.got})
            for field in difference.fields
        ],
    }
