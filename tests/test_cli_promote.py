"""`spantape promote`, from the command line; and the whole way from a program to a test that passes offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

import programs
import promote_sources as made
import spantape as library
from cli_tapes import make_runner
from spantape.testing import ModelServer, OtlpReceiver
from test_promote_testfile import SHOP

pytest.importorskip("openai")


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


@pytest.fixture
def source(tmp_path):
    """A file of two whole runs, one that waits, and one of no steps."""
    other = replace(made.run(3)[0], attributes={"http.route": "/"}, parent_id="")
    path = tmp_path / "traces.jsonl"
    path.write_bytes(made.json_lines([*made.run(0), *made.run(1), *made.run(2)[:-1], other]))
    return path


def test_tapes_go_to_stdout_with_their_grades_and_words_to_stderr(spantape, source, tmp_path):
    ran = spantape("promote", source, "-o", tmp_path / "tapes")
    assert ran.code == 1  # one run waits
    lines = ran.out.splitlines()
    assert len(lines) == 2
    for line in lines:
        path, _, rest = line.partition(": ")
        assert rest.startswith("4 steps (exact 4, reconstructed 0, skeleton 0), fingerprint ")
        assert library.read_tape(path).fingerprint == rest.rpartition(" ")[2]
    assert "waits: run 00000000000000000000000000000003: step 0" in ran.err
    assert "12 spans, 2 tapes, 1 waiting, 1 trace without a call of a model, tool or agent" in ran.err


def test_all_promoted_is_0_and_json_is_for_programs(spantape, tmp_path):
    (tmp_path / "x.jsonl").write_bytes(made.json_lines(made.run()))
    ran = spantape("promote", tmp_path / "x.jsonl", "-o", tmp_path / "tapes", "--json")
    assert ran.code == 0
    (run,) = ran.json()["runs"]
    assert run["state"] == "promoted"
    assert run["grades"] == {"exact": 4, "reconstructed": 0, "skeleton": 0}
    assert library.read_tape(run["tape"]).fingerprint == run["fingerprint"]


def test_only_the_trace_asked_for(spantape, source, tmp_path):
    ran = spantape("promote", source, "-o", tmp_path / "t", "--trace", f"{2:032X}")
    assert (ran.code, len(ran.out.splitlines())) == (0, 1)
    assert "000000000000.tape" in ran.out


def test_only_the_runs_asked_for(spantape, source, tmp_path):
    ran = spantape(
        "promote", source, "-o", tmp_path / "t", "--where", "service.name=shop", "--where", "steps>9"
    )
    assert (ran.code, ran.out) == (1, "")
    assert "nothing was promoted" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--where", "cost>>1"], "expected a number"),
        (["--tolerance", "vague", "--test", "test_x.py"], "expected byte, structural, semantic"),
        (["--test", "x.txt"], "expected a .py file"),
        (["nothing-there.jsonl"], "expected a file, a directory"),
    ],
)
def test_wrong_usage_is_2_and_writes_nothing(spantape, source, tmp_path, arguments, told):
    ran = spantape("promote", source, "-o", tmp_path / "tapes", *arguments)
    assert ran.code == 2
    assert told in ran.err
    assert not (tmp_path / "tapes").exists()


def test_damage_stops_it_and_is_skipped_where_asked(spantape, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(made.json_lines(made.run()) + b"{torn\n")
    ran = spantape("promote", path, "-o", tmp_path / "tapes")
    assert (ran.code, ran.out) == (1, "")
    assert f"source '{path}', line 5: " in ran.err
    ran = spantape("promote", path, "-o", tmp_path / "tapes", "--skip-damaged")
    assert (ran.code, len(ran.out.splitlines())) == (1, 1)
    assert f"skipped: source '{path}', line 5: " in ran.err


# --- end to end ----------------------------------------------------------------------------------------------------

AGENTS = (
    SHOP
    + """
import os, openai

def ask(question, client=openai.OpenAI):
    made = client(base_url=os.environ["MODEL_URL"], api_key="none", max_retries=0)
    return made.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])

@spantape.tool
def weather(city: str) -> dict[str, float]:
    return {"celsius": 4.5}

@spantape.agent(name="guide")
def guide(question: str) -> str:
    first = ask(question).choices[0].message.content
    return ask(f"{first} {weather('Oslo')}").choices[0].message.content

@spantape.agent(name="aguide")
async def aguide(question: str) -> str:
    return (await ask(question, openai.AsyncOpenAI)).choices[0].message.content

@spantape.agent
def buys(given: Order, tone: Tone = Tone.DRY) -> Order:
    ask(str(given))
    return Order(given.id + 1, given.items)

@spantape.agent
def gives_up(question: str) -> str:
    raise ValueError(ask(question).choices[0].message.content)
"""
)
PROGRAM = """
import spantape.auto, asyncio, contextlib
from shop.agents import *
guide("Where to?")
asyncio.run(aguide("And then?"))
buys(Order(1, ["tea"]))
with contextlib.suppress(ValueError):
    gives_up("Why?")
"""
NO_NETWORK = """
import socket
def refuse(*_args, **_more):
    raise AssertionError("the network was used")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A project whose program has exported its traces twice, and the request bodies that its model was sent.

    `traces.jsonl` is what OpenTelemetry's own exporter of OTLP JSON wrote (to stdout, where nothing names a file),
    `traces.pb` what an OTLP receiver got, as protobuf behind lengths.
    """
    pytest.importorskip("opentelemetry.exporter.otlp.json.file")
    project = tmp_path_factory.mktemp("project")
    (project / "shop").mkdir()
    (project / "shop" / "agents.py").write_text(AGENTS)
    (project / "conftest.py").write_text(NO_NETWORK)
    settings = {
        "OTEL_TRACES_EXPORTER": "otlp_json_file,otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    with ModelServer() as server, OtlpReceiver() as receiver:
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.url
        lines = programs.said(programs.run(project, PROGRAM, server.base_url("openai"), **settings))
        messages = [export.SerializeToString() for export in receiver.exports]
        sent = {exchange.body for exchange in server.requests}
    (project / "traces.jsonl").write_text(lines)
    (project / "traces.pb").write_bytes(made.prefixed(*messages))
    return project, sent


def test_an_agent_in_production_becomes_a_test_that_passes_offline(exported, spantape, monkeypatch):
    project, sent = exported
    monkeypatch.chdir(project)
    ran = spantape("promote", "traces.jsonl", "-o", "tapes", "--test", "tests/test_production.py", "--json")
    assert ran.code == 0, ran.err
    report = ran.json()
    assert [run["grades"]["exact"] for run in report["runs"]] == [4, 2, 2, 2]
    tapes = [library.read_tape(run["tape"]) for run in report["runs"]]
    bodies = {step.request_body() for tape in tapes for step in tape.steps if step.kind == "exchange"}
    assert bodies == sent  # each byte, proven by its digest as it was read

    over_http = spantape("promote", "traces.pb", "-o", "others", "--json").json()
    assert [run["fingerprint"] for run in over_http["runs"]] == [tape.fingerprint for tape in tapes]

    text = (project / "tests" / "test_production.py").read_text()
    assert 'result = guide(question="Where to?")' in text
    assert 'asyncio.run(aguide(question="And then?"))' in text
    assert 'call(buys, given={"id": 1, "items": ["tea"]}, tone="dry")' in text
    done = pytest_run(project)
    assert "4 passed" in done.stdout, done.stdout[-3000:]


def test_the_test_fails_where_the_agent_has_changed(exported, spantape, monkeypatch):
    project, _ = exported
    monkeypatch.chdir(project)
    assert spantape("promote", "traces.pb", "-o", "tapes", "--test", "tests/test_production.py").code == 0
    changed = AGENTS.replace("return Order(given.id + 1", "return Order(given.id + 2")
    (project / "shop" / "agents.py").write_text(
        changed.replace("(ask(question).ch", "(ask(question + '!').ch")
    )
    done = pytest_run(project)
    (project / "shop" / "agents.py").write_text(AGENTS)
    assert "2 failed, 2 passed" in done.stdout, done.stdout[-3000:]
    assert "Why?!" in done.stdout


def pytest_run(project):
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("OTEL_", "SPANTAPE_", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "tests"],
        cwd=project,
        env=kept | {"MODEL_URL": "http://127.0.0.1:9/v1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_json_tells_of_what_waits(spantape, source, tmp_path):
    ran = spantape("promote", source, "-o", tmp_path / "tapes", "--json")
    told = json.loads(ran.out)
    assert [run["state"] for run in told["runs"]] == ["promoted", "promoted", "waits"]
    assert (told["others"], told["spans"], told["damaged"]) == (1, 12, [])


def test_steps_that_lack_the_same_are_named_together(spantape, tmp_path):
    spans = [
        replace(one, attributes={**one.attributes, "spantape.content": "none"}) for one in made.run(turns=12)
    ]
    for number, one in enumerate(spans):
        kept = {
            key: value for key, value in one.attributes.items() if not key.startswith("spantape.request.body")
        }
        spans[number] = replace(one, attributes=kept)
    (tmp_path / "x.jsonl").write_bytes(made.json_lines(spans))
    ran = spantape("promote", tmp_path / "x.jsonl", "-o", tmp_path / "tapes")
    assert ran.code == 0
    assert "(exact 2, reconstructed 0, skeleton 12)" in ran.out
    (line,) = (line for line in ran.err.splitlines() if "skeleton" in line)
    assert ", steps 1, 2, 3, 4, 5, 6, 7, 8 and 4 more: skeleton: " in line
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT" in line
