"""`instrument()`: whose provider spans go to, what the OTEL_* variables choose, and how it is taken back."""

from __future__ import annotations

import logging
import os

import openai
import pytest
from opentelemetry import trace
from opentelemetry.util._once import Once

import programs
import spantape
from spantape import _instrument
from spantape._instrument import exporter_names
from spantape._spans import names
from spantape.instrumentor import SpantapeInstrumentor
from spantape.testing import ModelServer, OtlpReceiver, attributes_of

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def chat(server):
    with openai.OpenAI(base_url=server.base_url("openai"), api_key="none", max_retries=0) as client:
        yield lambda: client.chat.completions.create(model="m", messages=HI)


@pytest.fixture
def no_provider(monkeypatch):
    """No global TracerProvider, as when a program starts."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())


# --- whose provider ----------------------------------------------------------------------------------------------


def test_spans_go_to_the_provider_that_is_given(spans, chat):
    with spantape.instrument(spans.provider):
        chat()
    assert spans.one().name == "chat m"
    assert spans.one().instrumentation_scope.name == "spantape"


def test_spans_go_to_the_global_provider_where_one_is_set(no_provider, spans, chat):
    trace.set_tracer_provider(spans.provider)
    with spantape.instrument():
        chat()
    assert spans.one().name == "chat m"


def test_where_none_is_set_one_is_made_from_the_environment_and_set(no_provider, chat, monkeypatch):
    with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "ferry")
        with spantape.instrument():
            provider = trace.get_tracer_provider()
            chat()
        provider.shutdown()
        (span,) = receiver.wait_for(1)
        assert attributes_of(span)[names.OPERATION] == "chat"
        (resource,) = (group.resource for export in receiver.exports for group in export.resource_spans)
        assert attributes_of(resource)["service.name"] == "ferry"


def test_a_second_call_changes_nothing_and_one_removal_is_enough(spans, make_spans, chat):
    other = make_spans()
    first, second = spantape.instrument(spans.provider), spantape.instrument(other.provider)
    chat()
    second.remove()
    chat()
    first.remove()
    assert (len(spans.all()), len(other.all())) == (1, 0)


def test_a_handle_that_was_removed_does_not_remove_the_next_instrumentation(spans, chat):
    old = spantape.instrument(spans.provider)
    old.remove()
    with spantape.instrument(spans.provider):
        old.remove()
        chat()
    assert len(spans.all()) == 1


def test_uninstrument_switches_off_and_does_nothing_the_second_time(spans, chat):
    spantape.instrument(spans.provider)
    spantape.uninstrument()
    spantape.uninstrument()
    chat()
    assert spans.all() == []


def test_the_instrumentor_that_opentelemetry_knows_switches_on_and_off(spans, chat):
    instrumentor = SpantapeInstrumentor()
    instrumentor.instrument(tracer_provider=spans.provider)
    chat()
    instrumentor.uninstrument()
    chat()
    assert len(spans.all()) == 1


# --- exporters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, ["tape"]),
        ({"OTEL_TRACES_EXPORTER": ""}, ["tape"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ["otlp_proto_http"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, ["otlp_proto_grpc"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ["otlp_proto_http"]),
        ({"OTEL_TRACES_EXPORTER": "otlp,tape"}, ["otlp_proto_http", "tape"]),
        ({"OTEL_TRACES_EXPORTER": " otlp , tape "}, ["otlp_proto_http", "tape"]),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ["otlp_proto_grpc"]),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            ["otlp_proto_http"],
        ),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_TRACES_EXPORTER": "console"}, ["console"]),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, []),
    ],
    ids=lambda case: str(case)[:60],
)
def test_the_environment_chooses_the_exporters(variables, chosen, monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert exporter_names() == chosen


def test_an_exporter_that_nobody_offers_is_said_and_the_others_are_used(
    no_provider, chat, monkeypatch, caplog, tmp_path
):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipline,tape")
    monkeypatch.setenv("SPANTAPE_DIR", str(tmp_path / "kept"))
    with caplog.at_level(logging.WARNING, "spantape"), spantape.instrument():
        chat()
    trace.get_tracer_provider().shutdown()
    assert "'zipline'" in caplog.text
    assert len(programs.tapes(tmp_path, "kept")) == 1


def test_an_exporter_that_cannot_be_made_is_said_and_the_program_goes_on(
    no_provider, chat, monkeypatch, caplog
):
    monkeypatch.delenv("SPANTAPE_RAISE")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "tape")
    monkeypatch.setenv("SPANTAPE_TAPE_IDLE_SECONDS", "soon")
    with caplog.at_level(logging.WARNING, "spantape"), spantape.instrument():
        assert chat().choices
    assert "SPANTAPE_TAPE_IDLE_SECONDS='soon'" in caplog.text


def test_a_disabled_sdk_leaves_the_program_as_it_is(no_provider, chat, monkeypatch, tmp_path):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("SPANTAPE_DIR", str(tmp_path / "none"))
    with spantape.instrument():
        assert chat().choices
        chat()
    assert not (tmp_path / "none").exists()


# --- a provider that comes late ----------------------------------------------------------------------------------


def test_late_instrumentation_uses_a_provider_that_is_set_before_the_first_call(no_provider, spans, chat):
    with _instrument.instrument_late():
        trace.set_tracer_provider(spans.provider)
        chat()
    assert spans.one().name == "chat m"


def test_late_instrumentation_makes_a_provider_at_the_first_call(no_provider, chat, monkeypatch, tmp_path):
    monkeypatch.setenv("SPANTAPE_DIR", str(tmp_path / "kept"))
    with _instrument.instrument_late():
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        chat()
        chat()
    trace.get_tracer_provider().shutdown()
    assert len(programs.tapes(tmp_path, "kept")) == 2


# --- processes ---------------------------------------------------------------------------------------------------

FORKS = (
    """
import spantape
spantape.instrument()
"""
    + programs.CHAT
    + """
print(chat("before"))
children = []
for number in range(2):
    pid = os.fork()
    if pid == 0:
        client = connect()  # a connection that parent and child share is nobody's
        chat(f"child {number}")
        from opentelemetry import trace
        trace.get_tracer_provider().shutdown()
        os._exit(0)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(chat("after"), codes)
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_server_that_forks_after_instrument_records_in_parent_and_children(tmp_path, server):
    process = programs.run(tmp_path, FORKS, server.base_url("openai"))
    assert programs.said(process) == "You asked: before\nYou asked: after [0, 0]\n"
    asked = [
        step.request_body() for path in programs.tapes(tmp_path) for step in spantape.read_tape(path).steps
    ]
    assert sorted(body.split(b'"content":"')[1].split(b'"')[0] for body in asked) == [
        b"after",
        b"before",
        b"child 0",
        b"child 1",
    ]
