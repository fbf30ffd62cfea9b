"""The `spantape` command: each of its commands is a few lines over one public function.

Data goes to stdout and words to stderr. A command exits with 0 for yes, 1 for no, and 2 where it was used wrongly.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from spantape._version import __version__
from spantape.cli._attest import attest_command, prove_command
from spantape.cli._collect import collect_command
from spantape.cli._convert import export_command, import_command
from spantape.cli._demo import demo_command
from spantape.cli._diff import diff_command
from spantape.cli._git import git_group
from spantape.cli._ls import ls_command
from spantape.cli._promote import promote_command
from spantape.cli._rerun import rerun_group
from spantape.cli._run import run_command
from spantape.cli._say import say
from spantape.cli._show import show_command
from spantape.cli._verify import verify_command
from spantape.errors import Miss, SpantapeError, UsageError

__all__ = ["cli", "main", "run"]


class _Settings:
    """What holds for every command."""

    def __init__(self) -> None:
        self.debug = bool(os.environ.get("SPANTAPE_DEBUG"))


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="spantape")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (also: SPANTAPE_DEBUG=1).")
@click.pass_obj
def cli(settings: _Settings, debug: bool) -> None:
    """Record model and tool calls as OpenTelemetry spans; replay them offline, byte for byte.

    Example: spantape demo
    """
    settings.debug = settings.debug or debug


for _command in (
    demo_command,
    run_command,
    collect_command,
    promote_command,
    ls_command,
    show_command,
    verify_command,
    attest_command,
    prove_command,
    rerun_group,
    diff_command,
    import_command,
    export_command,
    git_group,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command that the process was started with, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without our arrows gets their numbers
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command line `arguments`."""
    settings = _Settings()
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.filterwarnings("always", module="spantape")
        try:
            result: Any = cli.main(
                args=list(arguments), prog_name="spantape", obj=settings, standalone_mode=False
            )
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            say("stopped")
            return 130
        except BrokenPipeError:
            _close_stdout()
            return 1
        except (SpantapeError, Miss) as error:
            if settings.debug:
                raise
            say(f"spantape: {error}")
            return 2 if isinstance(error, UsageError) else 1
    return result if isinstance(result, int) else 0


def _show_warning(message: Warning | str, *_place: Any, **_more: Any) -> None:
    say(f"spantape: warning: {message}")


def _close_stdout() -> None:
    """Let the interpreter's last flush go nowhere: who read our output has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
