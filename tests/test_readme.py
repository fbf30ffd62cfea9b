"""The README holds: its Python runs in order and prints what stands below it, its commands too, its lists are whole."""

import io
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from spantape import cli
from spantape.testing import ModelServer

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARYING = (
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "<digest>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r" +[\d,]+\.\d$", re.MULTILINE), " <ms>"),
    (re.compile(r"(?<=\S) {2,}"), "  "),  # a table is as wide as its times
    (re.compile(r"\d+\.\d+ ?s\b"), "<seconds>"),
    (re.compile(r"sha256 <digest> of \d+ bytes"), "sha256 <digest> of <n> bytes"),
    (re.compile(r"version \d[\w.]*"), "version <version>"),
    (re.compile(r"\d{8}T\d{6}Z-(\w+)-[0-9a-f]{12}\b"), r"<time>-\1-<run>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
)


def blocks():
    return [(match[1], match[2]) for match in BLOCK.finditer(README)]


def of_kind(*kinds):
    return [text for kind, text in blocks() if kind in kinds]


def section(title):
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def comparable(text):
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def story():
    """The blocks that are run, in order, each with the output that is shown for it."""
    found = blocks()
    for (kind, text), (next_kind, shown) in zip(found, [*found[1:], ("", "")], strict=True):
        if kind == "python":
            yield kind, text, shown if next_kind == "text" else None
        elif kind == "console":
            yield kind, text, None


def tell():
    """Run the story here, in a process of its own: it switches things on. Prints what each part printed, as JSON."""
    namespace = {"__name__": "readme"}
    told = []
    for kind, text, shown in story():
        if kind == "console":
            told += [(command, printed_by(command), wanted) for command, wanted in commands(text)]
        elif "def test_" in text:
            Path("test_readme_example.py").write_text(text)
        else:
            with redirect_stdout(io.StringIO()) as out:
                exec(compile(text, "README.md", "exec"), namespace)
            told.append((text, out.getvalue(), out.getvalue() if shown is None else shown))
    sys.stdout.write(json.dumps(told))


def commands(text):
    """The `$` lines of a console block, each with what follows it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def printed_by(command):
    program, *arguments = shlex.split(command)
    if program == "spantape":
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)  # JSON is written as bytes
        with redirect_stdout(out), redirect_stderr(out):
            cli.run(arguments)
        return out.buffer.getvalue().decode()
    assert program == "python"
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False).stdout


def test_every_block_runs_in_order_and_prints_what_is_shown(tmp_path):
    with ModelServer() as server:
        found = {"OPENAI_BASE_URL": server.base_url("openai"), "OPENAI_API_KEY": "none"}
        environment = {**os.environ, **found, "PYTHONPATH": str(Path(__file__).parent)}
        code = "import test_readme; test_readme.tell()"
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == len(of_kind("python")) - 1 + len(re.findall(r"^\$ ", README, re.MULTILINE))
    for part, printed, shown in told:
        assert comparable(printed) == comparable(shown), part


def test_the_first_block_is_runnable_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("first.py").write_text(of_kind("python")[0])
    runpy.run_path("first.py")
    assert comparable(capsys.readouterr().out) == comparable(of_kind("text")[0])


@pytest.mark.parametrize("title", ["Demo", "Tests"])
def test_demo_and_tests_are_one_line_each(title):
    (command,) = re.findall(r"^```sh\n(.*?)\n```$", section(title), re.MULTILINE | re.DOTALL)
    assert "\n" not in command
    assert command.startswith("python3 -m venv .venv && ")


def test_the_list_of_commands_is_that_of_the_program():
    listed = re.findall(r"^\| `spantape (\w+)[^|]*\| ([^|]+?) \|$", section("Command line"), re.MULTILINE)
    assert dict(listed) == {
        name: command.get_short_help_str(100) for name, command in cli.cli.commands.items()
    }


def test_every_variable_that_is_read_stands_in_the_table():
    internal = {"SPANTAPE_RUN", "SPANTAPE_RAISE"}  # between our own processes, and for our own tests
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "exporters").rglob("*.py")]
    read = {name for path in sources for name in re.findall(r'"(SPANTAPE_[A-Z_]+)"', path.read_text())}
    listed = set(re.findall(r"^\| `(SPANTAPE_[A-Z_]+)`", README, re.MULTILINE))
    assert listed == read - internal


def test_every_file_that_it_links_to_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
