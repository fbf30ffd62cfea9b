"""`spantape git`: tapes as text in `git diff`, `git log -p` and `git show`."""

from __future__ import annotations

import click

from spantape.cli._say import plain, say


@click.group("git", short_help="Let git show what changed in a tape.")
def git_group() -> None:
    """Let git show what changed in a tape.

    Example: spantape git install
    """


@git_group.command("install", short_help="Set git up to show tapes as text.")
@click.option("--global", "everywhere", is_flag=True, help="For every repository of this user.")
@click.option("--remove", is_flag=True, help="Undo it.")
def install_command(*, everywhere: bool, remove: bool) -> int:
    """Set git up to show tapes as text: a diff driver in its configuration, and a line in .gitattributes.

    Without --global, both are of the repository here. What is there already stays; what was changed is said.

    Example: spantape git install
    """
    from spantape.tape.outward.git import install, uninstall

    changes = (uninstall if remove else install)(everywhere=everywhere)
    for change in changes:
        say(change)
    if not changes:
        say("nothing to remove" if remove else "set up already; nothing was changed")
    return 0


@git_group.command("textconv", short_help="Print a tape as text for git.")
@click.argument("tape", type=click.Path())
def textconv_command(tape: str) -> int:
    """Print a TAPE as text: the same for the same behaviour, without times, with ids numbered and secrets replaced.

    git calls it. A file that is no tape, or a damaged one, is said to be so, and the exit code is 0 all the same: git
    would give up on the whole log otherwise.

    Example: spantape git textconv run.tape
    """
    from spantape.tape.outward.git import text_of

    for line in text_of(tape):
        click.echo(plain(line).encode("utf-8", "backslashreplace") + b"\n", nl=False)
    return 0
