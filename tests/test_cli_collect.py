"""`spantape collect` as a program: real agents in processes of their own send to it, and it is ended and killed."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

import programs
import spantape
from cli_tapes import make_runner
from collect_requests import agent_run, protobuf
from spantape._model import digest
from spantape.tape.verify import verify_tape
from spantape.testing import ModelServer, text, tool_call

PROTOBUF = {"content-type": "application/x-protobuf"}
ENDED = -signal.SIGKILL if os.name == "posix" else 1

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends programs by signals")


class Program:
    """A running `spantape collect`: its events as they come, and a client."""

    def __init__(self, directory, *arguments, before=(), **variables):
        self.directory = directory
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANTAPE_"))}
        command = [sys.executable, "-m", "spantape", "collect", "--json", "--workers", "0"]
        endpoints = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*before, *command, *endpoints, "-o", str(directory), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=kept | variables,
            text=True,
        )
        self.events = queue.Queue()
        self.errors = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({"event": "end"})

    def _read_errors(self):
        self.errors.extend(self.process.stderr)

    def event(self, *kinds):
        """The next event of these kinds."""
        while (event := self.events.get(timeout=20))["event"] not in kinds:
            assert event["event"] != "end", "".join(self.errors)
        return event

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@contextmanager
def collecting(directory, *arguments, **given):
    program = Program(directory, *arguments, **given)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


@pytest.fixture
def spantape_command(capsys):
    return make_runner(capsys)


# --- a real agent ----------------------------------------------------------------------------------------------------

AGENT = """
import json, os, openai
client = openai.OpenAI(base_url=os.environ["MODEL_URL"], api_key="none", max_retries=0)

def weather(city):
    return {"celsius": 4.5}

def agent(question):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    messages = [{"role": "user", "content": question}]
    while True:
        answer = client.chat.completions.create(model="m", messages=messages, tools=tools).choices[0].message
        if not answer.tool_calls:
            return answer.content
        messages.append(answer.model_dump(exclude_none=True))
        for call in answer.tool_calls:
            result = weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
"""
ASK = "print(agent('What do I wear in Oslo?'))\n"
SCRIPT = [tool_call("weather", {"city": "Oslo"}, "call_1"), text("A coat: it is 4.5 °C.")]
SAID = "A coat: it is 4.5 °C.\n"

JSON_SENDER = """
import base64, json, os, urllib.request
from google.protobuf import json_format
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

class JsonExporter(SpanExporter):
    def export(self, spans):
        document = json_format.MessageToDict(encode_spans(spans))
        for group in document["resourceSpans"]:
            for scope in group["scopeSpans"]:
                for span in scope["spans"]:
                    for holder in (span, *span.get("links", ())):
                        for key in ("traceId", "spanId", "parentSpanId"):
                            if key in holder:
                                holder[key] = base64.b64decode(holder[key]).hex()
        url = os.environ["COLLECT"] + "/v1/traces"
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(document).encode(), headers)) as answer:
            assert answer.status == 200
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(JsonExporter()))
trace.set_tracer_provider(provider)
"""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc", "json"])
def test_an_agent_elsewhere_that_imports_auto_is_a_tape_that_replays(tmp_path, protocol):
    """Nothing but `import spantape.auto` and where to send to; then the model's server is gone."""
    with (
        collecting(tmp_path / "tapes", "--idle", "0", "--wait", "3600") as collect,
        ModelServer(SCRIPT) as server,
    ):
        listening = collect.event("listening")
        endpoint = listening["grpc" if protocol == "grpc" else "http"]
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        code = f"import spantape.auto\n{AGENT}{ASK}"
        if protocol == "json":
            settings, code = {"COLLECT": endpoint}, JSON_SENDER + code
        assert programs.said(programs.run(tmp_path, code, server.base_url("openai"), **settings)) == SAID
        assert httpx2.post(f"{listening['http']}/flush").json()["tapes"] == 1
        wrote = collect.event("tape")
        sent = [digest(request.body) for request in server.requests]
    tape = spantape.read_tape(wrote["path"])
    assert (tape.sealed, tape.fingerprint, wrote["steps"]) == (True, wrote["fingerprint"], 2)
    assert [digest(step.request_body()) for step in tape.steps] == sent  # not a byte is another
    replay = f"import spantape\n{AGENT}\nwith spantape.replay({wrote['path']!r}):\n    {ASK}"
    assert programs.said(programs.run(tmp_path, replay, "http://127.0.0.1:9/v1")) == SAID


# --- killed ----------------------------------------------------------------------------------------------------------


def test_killed_in_the_middle_it_loses_nothing_that_it_acknowledged(tmp_path):
    runs = [agent_run(f"{number:012x}" + "0" * 20, turns=4) for number in range(40)]
    bodies = [protobuf(spans[at : at + 2]) for at in (0, 2, 4) for spans in runs]
    acknowledged = []

    with collecting(tmp_path / "tapes", "--idle", "0.05", "--workers", "1") as first:
        url = f"{first.event('listening')['http']}/v1/traces"
        kill_at = len(bodies) // 2

        def send(body):
            try:
                answer = client.post(url, content=body, headers=PROTOBUF)
            except httpx2.TransportError:
                return
            if answer.status_code == 200:
                acknowledged.append(body)
                if len(acknowledged) == kill_at:
                    first.process.kill()

        with httpx2.Client() as client, ThreadPoolExecutor(8) as pool:
            list(pool.map(send, bodies))
        assert first.wait() == ENDED
    assert kill_at <= len(acknowledged) < len(bodies)

    left = [body for body in bodies if body not in acknowledged]
    with collecting(tmp_path / "tapes") as second:
        url = f"{second.event('listening')['http']}/v1/traces"
        with httpx2.Client() as client:
            for body in left:  # what was not acknowledged is sent again, as exporters do; no more than that
                assert client.post(url, content=body, headers=PROTOBUF).status_code == 200
        assert second.end() == 0
    paths = sorted((tmp_path / "tapes").glob("*.tape"))
    tapes = {tape.run_id: tape for tape in map(spantape.read_tape, paths)}
    assert len(paths) == len(tapes) == 40
    for spans in runs:
        tape = tapes.pop(spans[0].attributes["spantape.run.id"])
        sent = {f"{span.context.span_id:016x}" for span in spans}
        assert {span.span_id for span in tape.spans} == sent
        assert verify_tape(tape.path).bodies == 8


def test_what_the_disk_refuses_half_way_is_not_acknowledged_and_what_it_took_is_kept(tmp_path):
    """The system lets a file grow to a few records only: one is cut where it reaches that, as on a full disk."""
    runs = [agent_run(f"{number:012x}" + "0" * 20, turns=2) for number in range(12)]
    limited = ("sh", "-c", 'ulimit -f 16; exec "$@"', "sh")
    with collecting(tmp_path / "tapes", "--idle", "3600", before=limited) as first:
        url = f"{first.event('listening')['http']}/v1/traces"
        statuses = []
        for spans in runs:
            body = protobuf(spans)
            for _ in range(3):
                statuses.append(httpx2.post(url, content=body, headers=PROTOBUF).status_code)
                if statuses[-1] == 200:
                    break
        assert first.event("failed")["what"] == "journal"
        first.end(signal.SIGKILL)
    assert statuses.count(200) == 12
    assert statuses.count(503) >= 2
    with collecting(tmp_path / "tapes") as second:
        recovered = second.event("recovered")
        assert (recovered["requests"], recovered["spans"], "skipped" in recovered) == (12, 36, False)
        assert second.end() == 0
    paths = list((tmp_path / "tapes").glob("*.tape"))
    assert sorted(len(spantape.read_tape(path).steps) for path in paths) == [3] * 12


@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="asks the system for the children of a process"
)
def test_killed_it_leaves_no_process_behind(tmp_path):
    with collecting(tmp_path / "tapes", "--workers", "1") as collect:
        url = collect.event("listening")["http"]
        httpx2.post(f"{url}/v1/traces", content=protobuf(agent_run()), headers=PROTOBUF)
        assert httpx2.post(f"{url}/flush").json()["tapes"] == 1  # so the worker is there
        process = collect.process.pid
        children = Path(f"/proc/{process}/task").glob("*/children")
        workers = [int(child) for found in children for child in found.read_text().split()]
        assert workers
        collect.end(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(is_running(worker) for worker in workers):
            assert time.monotonic() < deadline


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_the_next_collector_says_what_it_took_up(tmp_path):
    with collecting(tmp_path / "tapes", "--idle", "3600") as first:
        url = first.event("listening")["http"]
        httpx2.post(f"{url}/v1/traces", content=protobuf(agent_run()), headers=PROTOBUF)
        assert first.end(signal.SIGKILL) == ENDED
    done = subprocess.run(
        [sys.executable, "-m", "spantape", "collect", "-o", str(tmp_path / "tapes"), "--flush"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    [path] = (tmp_path / "tapes").glob("*.tape")
    assert done.stdout == f"{path}: 3 steps, planner\n"
    assert "took up 3 spans of 1 request from an earlier collect" in done.stderr


# --- ended -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ended_it_writes_what_it_has_and_says_what_it_did(tmp_path, number):
    with collecting(tmp_path / "tapes", "--idle", "3600") as collect:
        url = collect.event("listening")["http"]
        httpx2.post(f"{url}/v1/traces", content=protobuf(agent_run()), headers=PROTOBUF)
        assert collect.end(number) == 0
        assert collect.event("tape")["steps"] == 3
        assert collect.event("stopped")["counts"]["spans"] == 3


def test_a_run_is_written_when_it_is_whole(tmp_path):
    with collecting(tmp_path / "tapes", "--idle", "0.05") as collect:
        url = collect.event("listening")["http"]
        httpx2.post(f"{url}/v1/traces", content=protobuf(agent_run()), headers=PROTOBUF)
        assert spantape.read_tape(collect.event("tape")["path"]).sealed


def test_a_token_comes_from_the_environment(tmp_path):
    with collecting(tmp_path / "tapes", SPANTAPE_COLLECT_TOKEN="s3cret") as collect:
        url = f"{collect.event('listening')['http']}/v1/traces"
        assert httpx2.post(url, headers=PROTOBUF).status_code == 401
        headers = {**PROTOBUF, "authorization": "Bearer s3cret"}
        assert httpx2.post(url, headers=headers).status_code == 200


# --- wrong usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--http", "0.0.0.0:0"), "and no token: set --token or SPANTAPE_COLLECT_TOKEN"),
        (("--http", "nonsense"), "got address 'nonsense', expected HOST:PORT"),
        (("--http", "off", "--grpc", "off"), "leaves nothing to listen on"),
        (("--idle", "-1"), "idle_s -1.0"),
        (("--token", ""), "a token that no header can carry"),
    ],
)
def test_what_cannot_be_meant_is_2_with_the_reason(spantape_command, tmp_path, arguments, said):
    ran = spantape_command("collect", "-o", tmp_path, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_port_in_use_is_2_with_the_next_move(spantape_command, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = spantape_command("collect", "-o", tmp_path, "--http", f"127.0.0.1:{port}", "--grpc", "off")
    assert ran.code == 2
    assert f"cannot listen on 127.0.0.1:{port} (another program listens there)" in ran.err
    assert "--http 127.0.0.1:0" in ran.err


def test_without_its_packages_it_names_the_extra(tmp_path):
    (tmp_path / "uvicorn.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "spantape", "collect", "-o", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "collecting needs the package 'uvicorn': pip install 'spantape[collect]'" in done.stderr
