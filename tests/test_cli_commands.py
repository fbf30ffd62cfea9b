"""What holds for every command: help, version, exit codes, errors, streams."""

import json
import os
import subprocess
import sys

import click
import pytest

from cli_tapes import make_runner, record_guide
from spantape import __version__, cli
from spantape.cli._say import command_name, plain, put_json
from spantape.errors import Miss


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


@pytest.fixture
def added_command():
    """Adds a command for the time of a test."""
    names = []

    def add(function):
        names.append(function.__name__)
        cli.cli.add_command(click.command(function.__name__)(function))

    yield add
    for name in names:
        del cli.cli.commands[name]


@pytest.mark.parametrize("name", sorted(cli.cli.commands))
def test_every_command_has_help_with_an_example(spantape, name):
    shown = spantape(name, "--help")
    assert shown.code == 0
    assert f"Example: spantape {name}" in shown.out
    assert shown.out.startswith(f"Usage: spantape {name}")
    options = cli.cli.commands[name].params
    assert all(option.help for option in options if isinstance(option, click.Option)), (
        "an option without help"
    )


def test_the_list_of_commands_is_not_cut(spantape):
    assert "..." not in spantape("--help").out.partition("Commands:")[2]


def test_the_version_is_on_stdout(spantape):
    assert spantape("--version").out == f"spantape, version {__version__}\n"


@pytest.mark.parametrize(
    "wrong", [(), ("nothing",), ("show",), ("show", "a", "b"), ("diff", "a"), ("verify",), ("run",)]
)
def test_wrong_usage_is_2_and_words_are_on_stderr(spantape, wrong):
    shown = spantape(*wrong)
    assert (shown.code, shown.out) == (2, "")
    assert "Usage: spantape" in shown.err


def test_an_error_is_a_line_on_stderr_and_1(spantape, tmp_path):
    shown = spantape("show", tmp_path / "none.tape")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err == f"spantape: tape '{tmp_path}/none.tape': no tape is there; record one first\n"


def test_a_miss_is_told_like_an_error(spantape, added_command):
    def missing():
        raise Miss("nothing recorded answers POST /v1")

    added_command(missing)
    shown = spantape("missing")
    assert (shown.code, shown.err) == (1, "spantape: nothing recorded answers POST /v1\n")


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_traceback_comes_when_asked_for(spantape, added_command, monkeypatch, how):
    def missing():
        raise Miss("nothing")

    added_command(missing)
    if how == "variable":
        monkeypatch.setenv("SPANTAPE_DEBUG", "1")
    with pytest.raises(Miss):
        spantape(*(["--debug"] if how == "option" else []), "missing")


def test_control_c_is_130(spantape, added_command):
    def interrupted():
        raise KeyboardInterrupt

    added_command(interrupted)
    assert spantape("interrupted").code == 130


def test_a_closed_pipe_is_quiet(tmp_path):
    tape = record_guide(tmp_path / "a.tape")
    command = f"'{sys.executable}' -m spantape show --json '{tape}' | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_python_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "spantape", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"spantape, version {__version__}\n"


def test_help_loads_nothing_heavy():
    code = "import sys; from spantape import cli; cli.run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"opentelemetry.sdk", "numpy", "zstandard", "rich", "openai", "httpx2", "cryptography"}
    assert not heavy & set(done.stdout.split())


def test_what_moves_a_cursor_is_spelled_out():
    assert plain("a\x1b[2Jb\rc\nd\te\u202e") == "a\\x1b[2Jb\\rc\nd\te\\u202e"


def test_the_printed_name_can_be_typed(monkeypatch, tmp_path):
    program = tmp_path / "bin" / "spantape"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert command_name() == "bin/spantape"
    monkeypatch.setenv("PATH", str(program.parent))
    assert command_name() == "spantape"
    monkeypatch.setattr(sys, "argv", ["/somewhere/spantape/__main__.py"])
    assert command_name().endswith(" -m spantape")


def test_a_terminal_without_unicode_gets_numbers_and_json_stays_utf_8(tmp_path):
    tape = record_guide(tmp_path / "a.tape", answer="21 °C 🌞")
    for arguments in (["show", tape], ["show", tape, "--step", "2"], ["show", tape, "--step", "2", "--json"]):
        command = [sys.executable, "-m", "spantape", *map(str, arguments)]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert "21 °C 🌞" in json.loads(done.stdout.decode())["response"]["body"]


def test_json_of_what_json_can_hardly_say(capsys):
    put_json({"a": 1 << 90, "b": "\ud800"})
    assert json.loads(capsys.readouterr().out) == {"a": 1 << 90, "b": "\ud800"}
