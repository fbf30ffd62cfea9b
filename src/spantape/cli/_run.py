"""`spantape run`."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from spantape.cli._say import command_name, counted, say

if TYPE_CHECKING:
    from spantape._program.launch import Outcome
    from spantape._session import Mode

_MODES = click.Choice(["record", "replay", "auto", "rerecord", "extend"])


@click.command(
    "run",
    short_help="Record or replay a whole program, as it is.",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- PROGRAM [ARGUMENTS]..."
)
@click.option(
    "-o", "--tape", "tape", type=click.Path(), metavar="TAPE", help="By default a new one in ./tapes."
)
@click.option("--mode", type=_MODES, default="record", show_default=True, help="What to do with the tape.")
@click.option("--allow-unused", is_flag=True, help="Replaying, let recorded steps stay unasked for.")
@click.option("--no-redact", is_flag=True, help="Keep secrets and personal data as they are.")
def run_command(
    command: tuple[str, ...], tape: str | None, mode: str, allow_unused: bool, no_redact: bool
) -> int:
    """Record a Python PROGRAM, as it is, or replay it offline.

    Its own exit code is passed through. Processes that it starts are recorded too. Replaying, a call that the tape
    does not hold, or a recorded step that nobody asks for, makes the exit code 1.

    Example: spantape run -o run.tape -- python app.py
    """
    from spantape._program.launch import launch

    if tape is None and mode in ("replay", "rerecord", "extend"):
        raise click.UsageError(f"--mode {mode} needs a tape: give it with -o")
    chosen = tape or str(_new_tape(command))
    outcome = launch(command, tape=chosen, mode=cast("Mode", mode), redact=not no_redact)
    _tell(outcome, chosen)
    return _exit_code(outcome, allow_unused)


def _new_tape(command: tuple[str, ...]) -> Path:
    """A path in ./tapes named by the time and the program: `python -m app.main` is `app-main`."""
    words = (
        [word for word in command[1:] if not word.startswith("-")]
        if "python" in Path(command[0]).name
        else []
    )
    name = Path(words[0] if words else command[0])
    slug = re.sub(r"[^a-z0-9]+", "-", (name.stem if name.suffix == ".py" else name.name).lower()).strip("-")
    return Path("tapes") / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{slug or 'run'}.tape"


def _exit_code(outcome: Outcome, allow_unused: bool) -> int:
    if outcome.misses or (outcome.mode == "replay" and outcome.problems):
        return 1
    if outcome.returncode:
        return outcome.returncode if outcome.returncode > 0 else 128 - outcome.returncode
    return 1 if outcome.unused and not allow_unused else 0


def _tell(outcome: Outcome, tape: str) -> None:
    for problem in outcome.problems:
        say(f"spantape run: {problem}")
    for miss in outcome.misses:
        say(f"spantape run: {miss}")
    for path in outcome.left:
        say(f"spantape run: {path} holds what a process had recorded when it was killed")
    if outcome.mode == "replay":
        say(f"spantape run: {outcome.answered} of {outcome.steps} steps of {tape} were replayed")
        if outcome.unused and not outcome.misses:
            say(f"spantape run: steps {_listed(outcome.unused)} were not asked for")
    elif not outcome.processes and not outcome.left:
        say(
            "spantape run: nothing was recorded: no Python process with spantape installed imported a library that "
            "can be recorded"
        )
    elif not outcome.left:
        say(f"spantape run: {counted(outcome.steps, 'step')} on {tape}; next: {command_name()} show {tape}")


def _listed(indices: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, indices[:20]))
    return shown if len(indices) <= 20 else f"{shown} and {len(indices) - 20} more"
