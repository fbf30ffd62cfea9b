"""What of a call goes on its span, and what on an event: as OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says."""

from __future__ import annotations

import contextlib
import logging

import openai
import pytest
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.util._once import Once

import spantape
from spantape._spans import names
from spantape.errors import NotReplayable
from spantape.tape.build import recorded_spans
from spantape.tape.write import write_tape
from spantape.testing import ModelServer

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CONTENT = (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES)
PAYLOAD = (names.REQUEST_BODY, names.RESPONSE_BODY)


@pytest.fixture
def logs(monkeypatch):
    """The log records of a LoggerProvider that is the global one."""
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", None)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER_SET_ONCE", Once())
    _logs.set_logger_provider(provider)
    return lambda: [data.log_record for data in exporter.get_finished_logs()]


@contextlib.contextmanager
def instrumented_client(spans, script=None):
    """A client of a scripted server, under the instrumentation."""
    with (
        ModelServer(script) as server,
        spantape.instrument(spans.provider),
        openai.OpenAI(base_url=server.base_url("openai"), api_key="none", max_retries=0) as client,
    ):
        yield client


@pytest.fixture
def program(spans, monkeypatch):
    """Two turns of a chat and a tool, under a value of the variable (None: not set)."""

    @spantape.tool
    def look(city: str) -> str:
        return f"rain in {city}"

    def talk(server_url):
        with openai.OpenAI(base_url=server_url, api_key="none", max_retries=0) as client:
            messages = [
                {"role": "system", "content": "Be brief. " * 30},
                {"role": "user", "content": "Hello?"},
            ]
            said = client.chat.completions.create(model="m", messages=messages).choices[0].message.content
            messages += [{"role": "assistant", "content": said}, {"role": "user", "content": "And now?"}]
            tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
            client.chat.completions.create(model="m", messages=messages, tools=tools)
            return look("Oslo")

    def run(value):
        if value is not None:
            monkeypatch.setenv(VARIABLE, value)
        with ModelServer() as server, spantape.instrument(spans.provider):
            talk(server.base_url("openai"))
        first, second, tool = spans.all()
        return first.attributes, second.attributes, tool.attributes

    run.talk = talk
    return run


def test_unset_spans_have_the_payload_and_what_is_new(program, logs):
    first, second, tool = program(None)
    assert all(name in first and name in second for name in (*CONTENT, *PAYLOAD))
    assert second[names.MESSAGES_BEFORE] >= 2
    assert "Be brief" in first[names.INPUT_MESSAGES]
    assert "Be brief" not in second[names.INPUT_MESSAGES]
    assert '"And now?"' in second[names.INPUT_MESSAGES]
    assert tool[names.TOOL_RESULT] == '"rain in Oslo"'
    assert logs() == []


@pytest.mark.parametrize("value", ["SPAN_ONLY", "span_only", "true", "True "])
def test_span_only_gives_every_span_the_whole_history(program, logs, value):
    _, second, tool = program(value)
    assert second[names.MESSAGES_BEFORE] == 0, "nothing came before what is shown"
    assert "Be brief." in second[names.INPUT_MESSAGES]
    assert names.REQUEST_BODY in second
    assert names.TOOL_ARGUMENTS in tool
    assert logs() == []


@pytest.mark.parametrize("value", ["NO_CONTENT", "no_content", "false"])
def test_no_content_leaves_neither_messages_nor_payload_anywhere(program, logs, spans, value, tmp_path):
    for attributes in program(value):
        assert attributes[names.CONTENT] == "none"
        for held in attributes.values():
            assert not any(word in str(held) for word in ("Hello", "brief", "Oslo"))
    assert logs() == []
    assert len({span.attributes[names.RUN_ID] for span in spans.all()[:2]}) == 1
    write_tape(tmp_path / "n.tape", recorded_spans(spans.all()[:2]))
    with (
        pytest.raises(NotReplayable, match=r"step 0, request.body.*NO_CONTENT"),
        spantape.replay(tmp_path / "n.tape"),
    ):
        program.talk("http://127.0.0.1:9/v1")


def test_a_value_that_nobody_knows_is_said_and_taken_as_no_content(program, caplog):
    with caplog.at_level(logging.WARNING, "spantape"):
        first, _, _ = program("everything")
    assert "EVENT_ONLY" in caplog.text
    assert "'everything'" in caplog.text
    assert first[names.CONTENT] == "none"


def test_event_only_puts_messages_on_events_and_the_payload_on_spans(program, logs):
    first, second, tool = program("EVENT_ONLY")
    for attributes in (first, second):
        assert not any(name in attributes for name in CONTENT)
        assert all(name in attributes for name in PAYLOAD)
    assert names.TOOL_RESULT not in tool
    assert tool[names.RESULT] == '"rain in Oslo"'
    assert len(logs()) == 2


def test_span_and_event_puts_messages_on_both(program, logs):
    first, second, _ = program("SPAN_AND_EVENT")
    assert all(name in first and name in second for name in CONTENT)
    assert len(logs()) == 2


def test_an_event_has_the_conventions_name_structure_and_context(program, logs, spans):
    program("EVENT_ONLY")
    first, second = logs()
    span = spans.all()[1]
    assert second.event_name == "gen_ai.client.inference.operation.details"
    assert second.severity_number.value == 5
    assert (second.trace_id, second.span_id) == (span.context.trace_id, span.context.span_id)
    attributes = second.attributes
    assert [message["role"] for message in attributes[names.INPUT_MESSAGES]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert attributes[names.OUTPUT_MESSAGES][0]["role"] == "assistant"
    assert [tool["name"] for tool in attributes[names.TOOL_DEFINITIONS]] == ["look"]
    assert names.TOOL_DEFINITIONS not in first.attributes
    for name in (names.OPERATION, names.PROVIDER, names.REQUEST_MODEL, "gen_ai.usage.input_tokens"):
        assert attributes[name] == span.attributes[name]
    assert not any(name.startswith("spantape.") for name in attributes)


@pytest.mark.parametrize(("content", "events"), [(None, 2), ("NO_CONTENT", 2), ("SPAN_ONLY", 2)])
def test_events_alone_can_be_asked_for_and_carry_no_messages_then(
    program, logs, monkeypatch, content, events
):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true")
    program(content)
    assert len(logs()) == events
    assert not any(name in record.attributes for record in logs() for name in CONTENT)


def test_events_can_be_switched_off_alone(program, logs, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "false")
    program("SPAN_AND_EVENT")
    assert logs() == []


def test_an_event_of_a_failed_call_says_the_error(spans, logs, monkeypatch):
    monkeypatch.setenv(VARIABLE, "EVENT_ONLY")
    with instrumented_client(spans, []) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    (record,) = logs()
    assert record.attributes[names.ERROR_TYPE] == spans.one().attributes[names.ERROR_TYPE]
    assert names.INPUT_MESSAGES in record.attributes
    assert names.OUTPUT_MESSAGES not in record.attributes


def test_embeddings_are_no_inference_and_emit_no_event(spans, logs, monkeypatch):
    monkeypatch.setenv(VARIABLE, "EVENT_ONLY")
    with instrumented_client(spans) as client:
        client.embeddings.create(model="m", input="x")
    assert logs() == []
    assert spans.one().attributes[names.OPERATION] == "embeddings"


def test_a_logger_that_fails_costs_the_span_nothing(spans, monkeypatch, caplog):
    monkeypatch.delenv("SPANTAPE_RAISE")
    monkeypatch.setenv(VARIABLE, "EVENT_ONLY")
    monkeypatch.setattr(_logs, "get_logger", lambda *_args: 1 / 0)
    with instrumented_client(spans) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert names.RESPONSE_BODY in spans.one().attributes
    assert "division by zero" in caplog.text
