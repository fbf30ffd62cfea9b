"""The demo: it holds, it checks what it says, and it fails where something does not hold."""

import shlex
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.request
from pathlib import Path

import pytest

from cli_tapes import make_runner
from spantape import cli, read_tape
from spantape.cli import _demo
from spantape.demo import proof
from spantape.demo import run as demo
from spantape.demo.guard import NetworkGuard
from spantape.testing import ModelServer


@pytest.fixture
def spantape(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_runner(capsys)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    directory = tmp_path_factory.mktemp("demo")
    return demo.run_demo(directory)


def failed(receipt):
    return [check.name for check in receipt.checks if not check.ok]


def test_every_check_holds_within_five_seconds(ran):
    assert failed(ran) == []
    assert len(ran.checks) == 11
    assert ran.seconds < 5


def test_the_agent_used_both_sdks_streamed_and_not_with_tools(ran):
    tape = read_tape(ran.tape)
    assert {step.name for step in tape.steps if step.kind == "tool"} == {"weather", "packing_list"}
    exchanges = [step for step in tape.steps if step.kind == "exchange"]
    seen = {
        (step.dialect, dict(step.response.headers)["content-type"].partition(";")[0]) for step in exchanges
    }
    assert seen == {
        (dialect, content_type)
        for dialect in ("openai.chat", "anthropic.messages")
        for content_type in ("application/json", "text/event-stream")
    }


def test_the_replays_fingerprint_is_of_a_tape_of_its_own(ran):
    assert read_tape(ran.second_tape).fingerprint == ran.second_fingerprint == ran.fingerprint
    assert read_tape(ran.second_tape).run_id != read_tape(ran.tape).run_id
    assert (ran.replay_connections, ran.live_connections > 0) == (0, True)


def test_the_command_prints_a_receipt_and_lines_that_work(spantape):
    shown = spantape("demo")
    assert shown.code == 0
    assert shown.out.count("\nok  ") == 11
    assert "0 on replay" in shown.out
    assert 'messages[1].content: recorded "Is it warmer' in shown.out
    lines = [line.strip() for line in shown.out.partition("Try next:\n")[2].splitlines()]
    assert len(lines) == 5
    for line in lines:
        name, *arguments = shlex.split(line)
        assert name == "spantape"
        assert cli.run(arguments) == 0, line


def test_json_is_the_receipt(spantape):
    shown = spantape("demo", "--json", "-d", "elsewhere")
    assert Path("elsewhere/demo.tape").exists()
    assert shown.code == 0
    assert shown.json()["ok"] is True
    assert shown.json()["fingerprint"] == shown.json()["second_fingerprint"]


def test_settings_of_the_shell_do_not_disturb_it(tmp_path, monkeypatch):
    for name, value in {
        "OTEL_SDK_DISABLED": "true",
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "10",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    assert failed(demo.run_demo(tmp_path)) == []


@pytest.mark.parametrize(
    ("where", "broken", "checks"),
    [
        ("_control", lambda *_: "", ["a changed prompt misses, and the place is named"]),
        (
            "_replay",
            lambda files, planner: proof.Replay("another", ("socket.connect x",), _replayed(files, planner)),
            ["the replay gave the same answer", "network calls while replaying: 0"],
        ),
    ],
)
def test_what_does_not_hold_fails_its_check_and_the_command(spantape, monkeypatch, where, broken, checks):
    monkeypatch.setattr(demo, where, broken)
    shown = spantape("demo")
    assert shown.code == 1
    assert [line[5:].partition(": ")[0] for line in shown.out.splitlines() if line.startswith("FAIL")] == [
        check.partition(": ")[0] for check in checks
    ]
    assert "checks FAILED" in shown.out


_real_replay = demo._replay


def _replayed(files, planner):
    return _real_replay(files, planner).receipt


def test_a_secret_that_is_recorded_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "ADDRESS", "Oslo")  # a word that is on the tape
    assert failed(demo.run_demo(tmp_path)) == ["no key and no e-mail address was recorded"]


def test_missing_packages_are_named_with_the_line_that_installs_them(spantape, monkeypatch):
    monkeypatch.setattr(_demo, "find_spec", lambda _package: None)
    shown = spantape("demo")
    assert shown.code == 1
    assert f"{sys.executable} -m pip install 'openai>=3' 'anthropic>=2'" in shown.err


def test_the_packages_that_it_wants_are_those_of_the_extra():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    assert project["project"]["optional-dependencies"]["demo"] == list(_demo._WANTED.values())


def address(server):
    return "127.0.0.1", int(server.url.rpartition(":")[2])


def test_the_guard_sees_every_way_out_from_any_library():
    with ModelServer() as server, NetworkGuard() as guard:
        urllib.request.urlopen(
            f"{server.url}/v1/chat/completions", data=b'{"model": "m", "messages": []}'
        ).close()
        thread = threading.Thread(target=lambda: socket.create_connection(address(server)).close())
        thread.start()
        thread.join()
    port = str(address(server)[1])  # other tests' exporters may be at work in this process
    assert sum(seen.startswith("socket.connect ") and port in seen for seen in guard.seen) == 2
    before = len(guard.seen)
    socket.getaddrinfo("127.0.0.1", 80)
    assert len(guard.seen) == before, "closed, it sees nothing more"


def test_it_runs_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "spantape", "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert (tmp_path / "tapes" / "demo.tape").exists()
