"""Spans that cannot be made here, by what is known of them: the AI SDK of JavaScript, and names of earlier releases."""

from __future__ import annotations

import json

import openai
import pytest

import spantape
from spantape._spans import names
from spantape.promote import Event, read_events, steps
from spantape.promote.foreign import read
from spantape.tape.model import Span
from spantape.tape.write import write_tape

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


def span(
    attributes, *, name="call", scope="", span_id="00000000000000aa", parent_id="", events=(), status_code=0
):
    trace = "0" * 31 + "1"
    return Span(
        trace, span_id, parent_id, name, 1, 9, attributes, scope=scope, events=events, status_code=status_code
    )


def event(name, body, *, time_ns=1, attributes=None):
    return Event("0" * 31 + "1", "00000000000000aa", name, time_ns, attributes or {}, body)


def only(*told, events=()):
    (step,) = steps(told, events)
    return step


def replayed(found, tmp_path, **asked):
    write_tape(tmp_path / "run.tape", [step.span for step in found])
    with spantape.replay(tmp_path / "run.tape"):
        return openai.OpenAI(api_key="none").chat.completions.create(**asked)


# --- the Vercel AI SDK -----------------------------------------------------------------------------------------------

VERCEL = {
    "operation.name": "ai.generateText.doGenerate",
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "openai.chat",
    "ai.model.id": "gpt-4o",
    "ai.prompt.messages": json.dumps(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Rain in Oslo?"}]},
        ]
    ),
    "ai.prompt.tools": (json.dumps({**WEATHER, "inputSchema": {"type": "object"}}),),
    "ai.response.toolCalls": json.dumps(
        [
            {
                "toolCallType": "function",
                "toolCallId": "call_1",
                "toolName": "weather",
                "args": '{"city":"Oslo"}',
            }
        ]
    ),
    "ai.response.finishReason": "tool-calls",
    "ai.response.id": "chatcmpl-1",
    "ai.response.model": "gpt-4o-2024-08-06",
    "ai.usage.promptTokens": 12,
    "ai.usage.completionTokens": 3,
}
LATER = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Rain in Oslo?"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "reasoning", "text": "Look it up."},
            {"type": "tool-call", "toolCallId": "call_1", "toolName": "weather", "input": {"city": "Oslo"}},
        ],
    },
    {
        "role": "tool",
        "content": [
            {
                "type": "tool-result",
                "toolCallId": "call_1",
                "toolName": "weather",
                "output": {"type": "json", "value": {"mm": 3}},
            }
        ],
    },
]
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Rain in Oslo?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def test_a_call_of_the_ai_sdk_replays_in_python(tmp_path):
    step = only(span(VERCEL, scope="ai"))
    assert (step.grade, step.unrecorded, step.sources) == ("reconstructed", (), ("Vercel AI SDK",))
    given = replayed([step], tmp_path, model="gpt-4o", messages=ASKED, tools=TOOLS)
    choice = given.choices[0]
    assert (choice.finish_reason, given.model) == ("tool_calls", "gpt-4o-2024-08-06")
    assert choice.message.tool_calls[0].function.arguments == '{"city":"Oslo"}'
    assert (given.usage.prompt_tokens, given.usage.completion_tokens) == (12, 3)


def test_both_spellings_of_the_ai_sdk_mean_the_same(tmp_path):
    """Arguments and results were `args` and `result` up to version 4, and are `input` and `output` since."""
    answer = {"ai.response.text": "3 mm.", "ai.response.finishReason": "stop", "ai.response.toolCalls": None}
    old = json.loads(json.dumps(LATER).replace('"input"', '"args"'))
    old[3]["content"][0] = {
        "type": "tool-result",
        "toolCallId": "call_1",
        "toolName": "weather",
        "result": {"mm": 3},
    }
    call = {"id": "x", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    turns = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "x", "content": '{"mm": 3}'},
    ]
    for messages in (LATER, old):
        step = only(span({**VERCEL, **answer, "ai.prompt.messages": json.dumps(messages)}))
        given = replayed([step], tmp_path, model="gpt-4o", messages=[*ASKED, *turns], tools=TOOLS)
        assert given.choices[0].message.content == "3 mm."


def test_the_whole_of_a_generate_text_stands_around_its_calls_and_tools():
    outer = span(
        {"ai.operationId": "ai.generateText", "ai.telemetry.functionId": "forecast"}, span_id="a" * 16
    )
    call = span(VERCEL, span_id="b" * 16, parent_id="a" * 16)
    tool = span(
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "weather",
            "ai.toolCall.args": '{"city":"Oslo"}',
            "ai.toolCall.result": '{"mm":3}',
        },
        span_id="c" * 16,
        parent_id="a" * 16,
    )
    found = steps([outer, call, tool])
    assert [(step.kind, step.grade) for step in found] == [
        ("agent", "reconstructed"),
        ("exchange", "reconstructed"),
        ("tool", "reconstructed"),
    ]
    assert found[0].span.attributes[names.AGENT_NAME] == "forecast"
    assert found[2].span.attributes[names.RESULT] == '{"mm":3}'


def test_the_ai_sdk_names_its_own_setting():
    step = only(
        span(
            {
                key: value
                for key, value in VERCEL.items()
                if not key.startswith(("ai.prompt", "ai.response.t"))
            }
        )
    )
    assert step.grade == "skeleton"
    assert all("recordInputs: true, recordOutputs: true" in reason for reason in step.reasons)


def test_the_ai_sdk_over_other_apis_is_told_by_its_provider():
    for provider, api in (
        ("openai.responses", "openai.responses"),
        ("anthropic.messages", "anthropic.messages"),
    ):
        changed = {**VERCEL, "ai.model.provider": provider, "ai.response.id": ""}
        assert read(span(changed)).api == api


def test_an_embedding_of_the_ai_sdk_has_its_vectors():
    told = {
        "ai.operationId": "ai.embedMany.doEmbed",
        "ai.model.id": "text-embedding-3-small",
        "ai.values": ('"one"', '"two"'),
        "ai.embeddings": ("[0.25,0.5]", "[0.75,1.0]"),
    }
    step = only(span(told))
    assert (step.grade, step.span.attributes[names.DIALECT]) == ("reconstructed", "openai.embeddings")


# --- the conventions before 1.37 -------------------------------------------------------------------------------------

OLD = {
    "gen_ai.system": "openai",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.response.id": "chatcmpl-1",
}


def test_events_on_the_span_itself_are_read():
    """What Azure's clients write: the body as JSON in an attribute of the event."""
    events = tuple(
        {"name": name, "time_ns": place, "attributes": {"gen_ai.event.content": json.dumps(body)}}
        for place, (name, body) in enumerate(
            [
                ("gen_ai.system.message", {"role": "system", "content": "Be brief."}),
                ("gen_ai.user.message", {"role": "user", "content": "Hello?"}),
                ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Hi."}}),
            ]
        )
    )
    call = read(span({**OLD, "gen_ai.system": "az.ai.inference"}, events=events))
    assert [part["content"] for part in call.system] == ["Be brief."]
    assert call.outputs == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hi."}], "finish_reason": "stop"}
    ]


def test_the_first_conventions_hold_two_events():
    said = {"gen_ai.prompt": json.dumps([{"role": "user", "content": "Hello?"}])}
    answer = {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "Hi."}])}
    events = (
        {"name": "gen_ai.content.prompt", "time_ns": 1, "attributes": said},
        {"name": "gen_ai.content.completion", "time_ns": 2, "attributes": answer},
    )
    assert only(span(OLD, events=events)).grade == "reconstructed"


def test_events_without_their_content_are_none():
    """OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=false leaves the events, empty."""
    events = [
        event("gen_ai.user.message", {}),
        event("gen_ai.choice", {"index": 0, "message": {"role": "assistant"}}),
    ]
    step = only(span(OLD), events=events)
    assert step.grade == "skeleton"
    assert "=true, with the log records exported too" in step.reasons[0]


def test_log_records_are_read_from_otlp_json():
    record = {
        "timeUnixNano": "7",
        "body": {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "Hello?"}}]}},
        "attributes": [{"key": "event.name", "value": {"stringValue": "gen_ai.user.message"}}],
        "traceId": "AB" * 16,
        "spanId": "CD" * 8,
    }
    nameless = {"traceId": "ab" * 16, "spanId": "cd" * 8, "body": {"stringValue": "a log line"}}
    line = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, nameless]}]}]}).encode()
    (found,) = read_events(line)
    assert (found.trace_id, found.span_id, found.time_ns) == ("ab" * 16, "cd" * 8, 7)
    assert (found.name, found.body) == ("gen_ai.user.message", {"content": "Hello?"})
    for bad in (
        b"[",
        b"[]",
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"spanId": "a", "attributes": [1]}]}]}]}',
    ):
        with pytest.raises(spantape.TapeError, match="no OTLP LogsData document"):
            read_events(bad)


# --- logfire and pydantic-ai before ----------------------------------------------------------------------------------


def test_logfires_raw_request_and_answer_are_read(tmp_path):
    told = {
        "request_data": json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello?"}]}),
        "response_data": json.dumps(
            {"message": {"role": "assistant", "content": "Hi."}, "usage": {"total_tokens": 3}}
        ),
    }
    step = only(span(told, scope="logfire.openai"))
    assert (step.grade, step.sources) == ("reconstructed", ("Logfire",))
    given = replayed([step], tmp_path, model="m", messages=[{"role": "user", "content": "Hello?"}])
    assert given.choices[0].message.content == "Hi."


def test_logfires_joined_stream_is_read():
    told = {
        "request_data": json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": "Hello?"}], "stream": True}
        ),
        "response_data": json.dumps({"combined_chunk_content": "Hi.", "chunk_count": 2}),
    }
    call = read(span(told, name="streaming response from m", scope="logfire.openai"))
    assert (call.outputs[0]["parts"], call.stream) == ([{"type": "text", "content": "Hi."}], True)


def test_pydantic_ais_list_of_events_is_read():
    """Version 1 of its format."""
    listed = [
        {"event.name": "gen_ai.system.message", "content": "Be brief.", "role": "system"},
        {"event.name": "gen_ai.user.message", "content": "Rain?", "role": "user"},
        {
            "event.name": "gen_ai.assistant.message",
            "role": "assistant",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
            ],
        },
        {
            "event.name": "gen_ai.tool.message",
            "role": "tool",
            "id": "c1",
            "name": "weather",
            "content": "3 mm",
        },
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Yes."}},
    ]
    parameters = {"function_tools": [{"name": "weather", "parameters_json_schema": {"type": "object"}}]}
    told = {**OLD, "events": json.dumps(listed), "model_request_parameters": json.dumps(parameters)}
    call = read(span(told, scope="pydantic-ai"))
    assert [message["role"] for message in call.messages] == ["user", "assistant", "tool"]
    assert call.messages[2]["parts"] == [{"type": "tool_call_response", "id": "c1", "response": "3 mm"}]
    assert [tool["name"] for tool in call.tools] == ["weather"]
    assert only(span(told, scope="pydantic-ai")).grade == "reconstructed"


def test_pydantic_ais_agents_of_before_are_agents():
    step = only(
        span(
            {"all_messages_events": "[]", "agent_name": "a", "gen_ai.usage.input_tokens": 3},
            scope="pydantic-ai",
        )
    )
    assert (step.kind, step.span.attributes[names.AGENT_NAME]) == ("agent", "a")


# --- tools and agents ------------------------------------------------------------------------------------------------

TOOL_SPANS = {
    "OpenTelemetry GenAI": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
        "gen_ai.tool.call.result": {"mm": 3},
    },
    "OpenInference": {
        "openinference.span.kind": "TOOL",
        "tool.name": "weather",
        "input.value": '{"city":"Oslo"}',
        "output.value": '{"mm":3}',
    },
    "OpenLLMetry": {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": "weather",
        "traceloop.entity.input": '{"inputs": {"args": [], "kwargs": {"city": "Oslo"}}}',
        "traceloop.entity.output": '{"mm":3}',
    },
    "Langfuse": {
        "langfuse.observation.type": "tool",
        "langfuse.observation.input": '{"args": [], "kwargs": {"city": "Oslo"}}',
        "langfuse.observation.output": '{"mm":3}',
    },
}


@pytest.mark.parametrize(("source", "attributes"), TOOL_SPANS.items())
def test_a_tool_that_ran_is_a_step(source, attributes):
    step = only(span(attributes, name="weather"))
    assert (step.kind, step.grade, step.sources) == ("tool", "reconstructed", (source,))
    assert json.loads(step.span.attributes[names.ARGUMENTS]) == {"city": "Oslo"}
    assert json.loads(step.span.attributes[names.RESULT]) == {"mm": 3}


def test_a_tool_that_failed_is_a_step_with_its_error():
    raised = {
        "name": "exception",
        "time_ns": 2,
        "attributes": {"exception.type": "ValueError", "exception.message": "no city"},
    }
    told = {k: v for k, v in TOOL_SPANS["OpenTelemetry GenAI"].items() if not k.endswith("result")}
    step = only(span(told, events=(raised,), status_code=2))
    assert step.grade == "reconstructed"
    assert (step.span.attributes[names.ERROR_TYPE], step.span.attributes[names.ERROR_MESSAGE]) == (
        "ValueError",
        "no city",
    )


def test_arguments_by_position_have_no_names():
    told = {**TOOL_SPANS["OpenLLMetry"], "traceloop.entity.input": '{"args": ["Oslo"], "kwargs": {}}'}
    step = only(span(told))
    assert step.reasons == ("arguments: those given by position were recorded without their names",)


def test_ours_stands_for_a_tool_that_others_watched_too():
    ours = span(
        {names.KIND: "tool", names.TOOL_NAME: "weather", names.ARGUMENTS: "{}", names.RESULT: "3"},
        span_id="b" * 16,
        parent_id="a" * 16,
    )
    theirs = span({**TOOL_SPANS["OpenTelemetry GenAI"]}, span_id="a" * 16)
    step = only(theirs, ours)
    assert (step.grade, step.sources) == ("exact", ("spantape",))


def test_other_spans_of_these_tools_are_no_steps():
    for attributes in (
        {"openinference.span.kind": "CHAIN", "input.value": "x"},
        {"langfuse.observation.type": "span"},
        {"traceloop.span.kind": "task"},
        {"ai.operationId": "ai.other"},
        {"gen_ai.operation.name": "retrieval"},
    ):
        assert steps([span(attributes)]) == []


# --- what frameworks write into OpenInference ------------------------------------------------------------------------


def test_a_raw_input_that_is_no_request_leaves_the_attributes_to_speak():
    """LangChain's own messages, with the indexed attributes beside them."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.provider": "openai",
        "input.value": '{"messages": [[{"lc": 1, "kwargs": {"content": "Hello?"}}]]}',
        "input.mime_type": "application/json",
        "output.value": '{"generations": [[{"text": "Hi."}]]}',
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Hello?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Hi.",
    }
    call = read(span(told))
    assert (call.request, call.response, call.api) == (None, None, "openai.chat")
    assert only(span(told)).unrecorded == ("model",)


def test_a_tool_that_gave_nothing_gave_nothing():
    """A recorded null is a result; no attribute is none."""
    told = {**TOOL_SPANS["OpenInference"], "output.value": "null"}
    step = only(span(told))
    assert (step.grade, step.span.attributes[names.RESULT]) == ("reconstructed", "null")
    assert only(span({k: v for k, v in told.items() if k != "output.value"})).grade == "skeleton"


def test_a_schema_is_not_what_a_tool_was_given():
    told = {k: v for k, v in TOOL_SPANS["OpenInference"].items() if k != "input.value"}
    step = only(span({**told, "tool.parameters": '{"type": "object"}'}))
    assert step.reasons[0].startswith("arguments: the span does not hold them")


def test_a_request_that_two_apis_could_have_is_of_the_one_that_answered():
    """Claude behind a gateway that speaks chat completions."""
    answer = {
        "object": "chat.completion",
        "id": "gen-1",
        "model": "claude-sonnet-4-5",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
        ],
    }
    asked = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hello?"}],
    }
    told = {
        "openinference.span.kind": "LLM",
        "input.value": json.dumps(asked),
        "output.value": json.dumps(answer),
    }
    assert read(span(told)).api == "openai.chat"
    failed = {**told, "output.value": None}
    assert read(span({**failed, "llm.provider": "anthropic"})).api == "anthropic.messages"


@pytest.mark.parametrize("vector", [True, "x", (), ("a",), 3.5])
def test_what_is_no_vector_is_none(vector):
    told = {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": "e",
        "embedding.embeddings.0.embedding.text": "one",
        "embedding.embeddings.0.embedding.vector": vector,
    }
    assert (
        only(span(told))
        .reasons[0]
        .startswith("vectors: the span does not hold them (to keep it: OPENINFERENCE")
    )
    assert only(span({**told, "embedding.embeddings.0.embedding.vector": (0.5, 1)})).grade == "reconstructed"
