"""`opentelemetry-instrument python app.py`: not a line of ours in the program."""

from __future__ import annotations

import sys

import pytest

import programs
import spantape
from spantape._spans import names
from spantape.testing import ModelServer, OtlpReceiver, attributes_of

pytest.importorskip("opentelemetry.distro")

APP = (
    programs.CHAT
    + """
print(chat())
stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Again?"}], stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in stream))
"""
)
WRAPPED = ("-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()", sys.executable)
SAID = "You asked: Hello?\nYou asked: Again?\n"


@pytest.fixture
def receiver():
    with OtlpReceiver() as running:
        yield running


@pytest.fixture
def run(tmp_path, receiver):
    """The program under `opentelemetry-instrument`, its spans going to the receiver and to tapes."""

    def start(url, **variables):
        settings = {
            "OTEL_TRACES_EXPORTER": "otlp,tape",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "SPANTAPE_DIR": "kept",
            # the other instrumentations of this environment have tests of their own
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,anthropic,httpx,httpx2,genai-openai,genai-anthropic",
        }
        return programs.run(tmp_path, APP, url, before=WRAPPED, **settings | variables)

    return start


def test_spans_arrive_and_a_tape_is_written_that_replays(run, receiver, tmp_path):
    with ModelServer() as server:
        process = run(server.base_url("openai"))
    assert programs.said(process) == SAID
    ours = [span for span in receiver.wait_for(2) if names.KIND in attributes_of(span)]
    assert [attributes_of(span)[names.OPERATION] for span in ours] == ["chat", "chat"]
    paths = programs.tapes(tmp_path, "kept")
    assert len(paths) == 2  # two calls that have nothing to do with each other are two runs
    steps = {path: step for path in paths for step in spantape.read_tape(path).steps}
    answers = sorted(step.response.body for step in steps.values())
    assert answers == sorted(attributes_of(span)[names.RESPONSE_BODY].encode() for span in ours)

    (hello,) = (path for path, step in steps.items() if b"Hello?" in step.request_body())
    replay = f"import spantape\n{programs.CHAT}\nwith spantape.replay({str(hello)!r}):\n    print(chat())\n"
    again = programs.run(tmp_path, replay, "http://127.0.0.1:9/v1")
    assert programs.said(again) == "You asked: Hello?\n"


def test_disabled_by_name_nothing_of_ours_happens(run, receiver, tmp_path):
    with ModelServer() as server:
        process = run(
            server.base_url("openai"),
            OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="spantape,openai,anthropic,httpx,httpx2,genai-openai,genai-anthropic",
        )
    assert programs.said(process) == SAID
    assert receiver.spans() == []
    assert programs.tapes(tmp_path, "kept") == []


def test_together_with_all_the_others_each_call_is_counted_once(run, receiver, tmp_path):
    with ModelServer() as server:
        process = run(server.base_url("openai"), OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="")
    assert process.stdout == SAID
    assert process.returncode == 0
    spans = [attributes_of(span) for span in receiver.spans()]
    ours = [attributes for attributes in spans if attributes.get(names.KIND) == "exchange"]
    assert len(ours) == 2
    assert not any(key.startswith("gen_ai.usage") for attributes in ours for key in attributes)
