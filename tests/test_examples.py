"""Every example runs as it stands, without a network, and says what it should."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SAYS = {
    "openai_tool_agent.py": "replay: Yes, twelve of them.\n4 of 4 steps answered, 1,305 bytes served\n",
    "anthropic_streaming.py": "5 pieces, the same as live: True\n",
    "rerun_evidence.py": "asked anew: the same answer\nasked anew: TranscriptHashMismatch\n",
    "otlp_endpoint.py": "replayed from what was collected: Good morning!\n",
}


def run(*arguments, cwd, **variables):
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_every_example_is_run_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.heavy
@pytest.mark.parametrize("name", sorted(SAYS))
def test_an_example_runs_and_ends_with(name, tmp_path):
    done = run(EXAMPLES / name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(SAYS[name])
    assert not list(tmp_path.iterdir()), "nothing is left behind"


@pytest.fixture
def project(tmp_path):
    kept_out = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(EXAMPLES / "pytest_project", tmp_path / "project", ignore=kept_out)


def test_the_pytest_project_replays_its_committed_tape_where_nothing_may_be_recorded(project):
    done = run("-m", "pytest", "-q", cwd=project, CI="1", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 replayed, 0 misses; network calls 0" in done.stdout


def test_a_change_of_its_agent_is_a_miss_that_names_the_place(project):
    agent = project / "agent.py"
    agent.write_text(agent.read_text().replace("The number of people", "How many people live"))
    done = run("-m", "pytest", "-q", cwd=project, CI="1")
    assert done.returncode == 1
    assert "tools[0].function.description" in done.stdout


@pytest.mark.heavy
def test_its_tape_can_be_recorded_again(project):
    tape = next(project.rglob("*.tape"))
    tape.unlink()
    assert run("-m", "pytest", "-q", cwd=project, CI="1").returncode == 1
    assert run("record.py", cwd=project).returncode == 0
    assert tape.exists()
    assert run("-m", "pytest", "-q", cwd=project, CI="1").returncode == 0
