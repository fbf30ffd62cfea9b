"""`import spantape.auto` and nothing else: spans and tapes, wherever the OTEL_* variables say; never a broken host."""

from __future__ import annotations

import pytest

import programs
import spantape
from spantape._spans import names
from spantape.testing import ModelServer, OtlpReceiver, attributes_of

AUTO = "import spantape.auto\n" + programs.CHAT
ASK = "print(chat())\n"
OWN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""
SHOW = "print([span.name for span in exporter.get_finished_spans()])\n"


@pytest.fixture(scope="module")
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def run(tmp_path, server):
    return lambda code, **variables: programs.run(tmp_path, code, server.base_url("openai"), **variables)


def test_without_any_setting_tapes_are_written_here_and_replay(run, tmp_path):
    said = programs.said(run(AUTO + ASK))
    (path,) = programs.tapes(tmp_path)
    replayed = f"import spantape\n{programs.CHAT}\nwith spantape.replay({str(path)!r}):\n    {ASK}"
    assert programs.said(run(replayed, MODEL_URL="http://127.0.0.1:9/v1")) == said == "You asked: Hello?\n"


def test_an_otlp_endpoint_gets_the_spans_and_no_tape_is_written(run, tmp_path):
    with OtlpReceiver() as receiver:
        programs.said(run(AUTO + ASK, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url))
        (span,) = receiver.wait_for(1)
    assert names.REQUEST_BODY in attributes_of(span)
    assert programs.tapes(tmp_path) == []


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}],
    ids=lambda variables: next(iter(variables)),
)
def test_with_no_exporter_or_no_sdk_the_program_runs_as_ever(run, tmp_path, variables):
    process = run(AUTO + ASK, **variables)
    assert programs.said(process) == "You asked: Hello?\n"
    assert process.stderr == ""
    assert not (tmp_path / "tapes").exists()


def test_the_console_exporter_prints_the_span(run):
    assert '"gen_ai.operation.name": "chat"' in programs.said(run(AUTO + ASK, OTEL_TRACES_EXPORTER="console"))


def test_an_exporter_that_nobody_offers_is_said(run):
    process = run(AUTO + ASK, OTEL_TRACES_EXPORTER="zipline")
    assert programs.said(process) == "You asked: Hello?\n"
    assert "'zipline'" in process.stderr


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_provider_that_the_program_sets_is_used(run, tmp_path, order):
    code = OWN + AUTO if order == "before" else AUTO + OWN
    process = run(code + ASK + SHOW)
    assert programs.said(process) == "You asked: Hello?\n['chat m']\n"
    assert process.stderr == ""
    assert not (tmp_path / "tapes").exists()


def test_a_provider_that_is_set_after_the_first_call_is_refused_by_opentelemetry_and_tapes_go_on(
    run, tmp_path
):
    process = run(AUTO + ASK + OWN + ASK)
    assert programs.said(process) == "You asked: Hello?\n" * 2
    assert "Overriding of current TracerProvider is not allowed" in process.stderr
    steps = [step for path in programs.tapes(tmp_path) for step in spantape.read_tape(path).steps]
    assert len(steps) == 2


def test_a_failure_of_ours_is_logged_and_the_program_runs(run):
    broken = "import spantape._seams._patch as p\np.install = lambda *_: 1 / 0\n"
    process = run(broken + AUTO + ASK)
    assert process.stdout == "You asked: Hello?\n"
    assert process.returncode == 0
    assert "division by zero" in process.stderr
