"""Tapes as spans for viewers: every call of the real SDKs comes back out of them, and whole histories stand in each."""

from __future__ import annotations

import json

import pytest

import foreign_calls as calls
import spantape
from cli_tapes import record_guide
from spantape._spans import names
from spantape.promote import steps
from spantape.promote.foreign import read
from spantape.tape.build import tape_of
from spantape.tape.exchanges import import_exchanges
from spantape.tape.otlp_read import read_document
from spantape.tape.outward.formats import format_named
from spantape.tape.outward.source import read_source, source_of
from spantape.tape.write import write_tape
from spantape.testing import ModelServer
from tape_spans import RUN, exchange_span, run_spans, span
from test_promote_foreign_replay import ALL, client_of, outcome

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FORMS = ("openinference", "genai")
NO_WORD = {("genai", "embeddings")}
"""What the conventions have no attribute for: texts and vectors."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Each call, recorded: its tape, and what it gave."""
    directory = tmp_path_factory.mktemp("calls")
    found = {}
    for call, (_, script) in ALL.items():
        path = directory / f"{call}.tape"
        with ModelServer(script) as server:
            family = "openai" if call in calls.OPENAI else "anthropic"
            client = client_of(call, server.base_url(family)).with_options(max_retries=0)
            with client, spantape.record(path):
                found[call] = (path, outcome(call, client))
    return found


def exported(form, source):
    lines = b"".join(format_named(form).write([source])).splitlines()
    return [each for line in lines for each in read_document(line).spans]


# --- as others read it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", sorted(ALL))
@pytest.mark.parametrize("form", FORMS)
def test_what_is_exported_is_promoted_and_replays(form, call, recorded, tmp_path):
    path, live = recorded[call]
    spans = exported(form, read_source(path))
    ours = {(key, value) for each in spans for key, value in each.attributes.items() if "spantape." in key}
    assert ours == {(names.MESSAGES_BEFORE, 0)}
    found = [step for step in steps(spans) if step.kind == "exchange"]
    assert len(found) == sum(step.kind == "exchange" for step in spantape.read_tape(path).steps)
    if (form, call) in NO_WORD:
        assert {step.grade for step in found} == {"skeleton"}
        return
    assert {step.grade for step in found} == {"reconstructed"}, [step.reasons for step in found]
    write_tape(tmp_path / "back.tape", [step.span for step in found])
    with spantape.replay(tmp_path / "back.tape"):
        assert outcome(call, client_of(call)) == live


@pytest.mark.parametrize("form", FORMS)
def test_agents_and_tools_are_read_as_such(form, tmp_path):
    path = record_guide(tmp_path / "a.tape")
    agent, tool, model = filter(None, map(read, exported(form, read_source(path))))
    assert (agent.kind, agent.name) == ("agent", "guide")
    assert (tool.kind, tool.name, tool.arguments, tool.result) == (
        "tool",
        "lookup",
        {"city": "Oslo"},
        {"celsius": 4.5},
    )
    assert (model.kind, model.model, model.provider) == ("model", "gpt-4o", "openai")
    assert (model.usage["gen_ai.usage.input_tokens"], model.usage["gen_ai.usage.output_tokens"]) == (9, 3)


# --- as it is written --------------------------------------------------------------------------------------------


def of_turns(form, turns=3):
    """The attributes of the last span of a run whose requests are deltas, which showed only what was new."""
    return exported(form, source_of(tape_of(run_spans(turns))))[-1].attributes


def test_genai_shows_the_whole_history_of_a_delta_coded_request():
    attributes = of_turns("genai")
    messages = json.loads(attributes[names.INPUT_MESSAGES])
    assert [each["parts"][0]["content"].partition(":")[0] for each in messages] == [
        "question 0",
        "question 1",
        "question 2",
    ]
    (answer,) = json.loads(attributes[names.OUTPUT_MESSAGES])
    assert answer["parts"] == [{"type": "text", "content": "answer 2"}]
    assert (attributes[names.OPERATION], attributes[names.REQUEST_MODEL]) == ("chat", "m")


def test_openinference_shows_the_whole_history_of_a_delta_coded_request():
    attributes = of_turns("openinference")
    assert attributes["openinference.span.kind"] == "LLM"
    contents = [attributes[f"llm.input_messages.{index}.message.content"] for index in range(3)]
    assert [each.partition(":")[0] for each in contents] == ["question 0", "question 1", "question 2"]
    assert "llm.input_messages.3.message.role" not in attributes
    assert attributes["llm.output_messages.0.message.content"] == "answer 2"
    assert attributes["llm.model_name"] == "m"
    assert json.loads(attributes["input.value"])["model"] == "m"
    assert not [key for key in attributes if key.startswith("gen_ai.")]


def chat_of(messages, *, answer=None, **more):
    """The OpenInference attributes of one chat completion."""
    line = {
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "request_body": json.dumps({"model": "gpt-4o", "messages": messages, **more}),
        "status": 200,
        "response_headers": {"content-type": "application/json"},
        "response_body": json.dumps(answer or {}),
    }
    return exported("openinference", source_of(tape_of(import_exchanges([line]))))[0]


def test_openinference_writes_tools_calls_results_and_contents():
    function = {"name": "f", "arguments": '{"a":1}'}
    messages = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{calls.PIXEL}"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "4"},
    ]
    attributes = chat_of(messages, tools=calls.CHAT_TOOLS, temperature=0.5).attributes
    told = {
        key.removeprefix("llm.input_messages."): value
        for key, value in attributes.items()
        if key.startswith("llm.input_messages.")
    }
    assert told == {
        "0.message.role": "system",
        "0.message.content": "Be brief.",
        "1.message.role": "user",
        "1.message.contents.0.message_content.type": "text",
        "1.message.contents.0.message_content.text": "what is this",
        "1.message.contents.1.message_content.type": "image",
        "1.message.contents.1.message_content.image.image.url": f"data:image/png;base64,{calls.PIXEL}",
        "2.message.role": "assistant",
        "2.message.tool_calls.0.tool_call.id": "call_1",
        "2.message.tool_calls.0.tool_call.function.name": "f",
        "2.message.tool_calls.0.tool_call.function.arguments": '{"a":1}',
        "3.message.role": "tool",
        "3.message.tool_call_id": "call_1",
        "3.message.content": "4",
    }
    assert json.loads(attributes["llm.tools.0.tool.json_schema"]) == calls.CHAT_TOOLS[0]
    assert json.loads(attributes["llm.invocation_parameters"]) == {"model": "gpt-4o", "temperature": 0.5}


def test_names_are_those_of_the_published_conventions():
    semconv = pytest.importorskip("openinference.semconv.trace")
    known = {
        value
        for holder in vars(semconv).values()
        if isinstance(holder, type)
        for value in vars(holder).values()
        if isinstance(value, str)
    }
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    answer = {
        "id": "c",
        "object": "chat.completion",
        "model": "gpt-4o-1",
        "choices": [choice],
        "usage": usage,
    }
    attributes = chat_of([{"role": "user", "content": "x"}], answer=answer).attributes
    flat = {
        key
        for key in attributes
        if not key.startswith(("http.", "url.", "server.", "spantape.", "llm.input_m", "llm.output_m"))
    }
    assert flat <= known | {"openinference.span.kind"}
    assert attributes["llm.token_count.total"] == 7
    assert attributes["llm.token_count.prompt_details.cache_read"] == 1
    assert (attributes["llm.model_name"], attributes["llm.request.model_name"]) == ("gpt-4o-1", "gpt-4o")


@pytest.mark.parametrize("form", FORMS)
def test_an_imported_call_gets_its_name(form):
    (told,) = exported(form, source_of(imported()))
    assert told.name == "chat gpt-4o"


def test_an_imported_call_gets_its_attributes():
    tape = imported()
    (told,) = exported("genai", source_of(tape))
    assert told.attributes[names.PROVIDER] == "openai"
    assert told.started_ns == tape.spans[0].started_ns


def imported():
    line = {"method": "POST", "url": "https://api.openai.com/v1/chat/completions", "status": 200}
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
    return tape_of(import_exchanges([line | {"request_body": body, "response_body": "{}"}]))


# --- what is beside ----------------------------------------------------------------------------------------------


def under(outer):
    """A run in which another instrumentation's span is around an exchange."""
    inner = exchange_span(1, next(iter(exchanges_of())), parent=outer.span_id)
    return source_of(tape_of([outer, inner]))


def exchanges_of():
    from tape_spans import exchange

    yield exchange(1)


def test_a_call_that_another_instrumentation_saw_is_told_on_its_span():
    outer = span(
        0, {names.OPERATION: "chat", names.PROVIDER: "openai", "gen_ai.usage.input_tokens": 77}, name="chat m"
    )
    told, attempt = exported("genai", under(outer))
    assert len(json.loads(told.attributes[names.INPUT_MESSAGES])) == 2
    assert told.attributes["gen_ai.usage.input_tokens"] == 77
    assert not [key for key in attempt.attributes if key.startswith("gen_ai.")]
    told, attempt = exported("openinference", under(outer))
    assert told.attributes["openinference.span.kind"] == "LLM"
    assert "openinference.span.kind" not in attempt.attributes


def test_a_span_that_tells_its_call_already_stays_as_it_is():
    attributes = {"openinference.span.kind": "LLM", "llm.input_messages.0.message.content": "theirs"}
    told, attempt = exported("openinference", under(span(0, attributes)))
    assert told.attributes == attributes
    assert "openinference.span.kind" not in attempt.attributes


def test_calls_without_content_keep_their_model_and_tokens():
    given = {
        names.KIND: "exchange",
        names.RUN_ID: RUN,
        names.CONTENT: "none",
        names.OPERATION: "chat",
        names.REQUEST_MODEL: "m",
        "gen_ai.usage.input_tokens": 3,
    }
    source = source_of(tape_of([span(0, given)]))
    (told,) = exported("openinference", source)
    assert told.attributes == {
        "openinference.span.kind": "LLM",
        "llm.model_name": "m",
        "llm.request.model_name": "m",
        "llm.token_count.prompt": 3,
        "llm.token_count.total": 3,
    }
    (told,) = exported("genai", source)
    assert told.attributes == {key: value for key, value in given.items() if key.startswith("gen_ai.")}


def test_draws_are_left_out_and_plain_requests_stay_plain():
    draw = span(0, {names.KIND: "draw", names.RUN_ID: RUN, names.DRAW_SOURCE: "clock", names.DRAW_VALUE: "1"})
    line = {"method": "GET", "url": "https://example.com/x", "status": 200, "response_body": "ok"}
    (plain,) = import_exchanges([line], run_id=RUN, started_ns=5000)
    for form in FORMS:
        (told,) = exported(form, source_of(tape_of([draw, plain])))
        assert told.attributes == {
            "http.request.method": "GET",
            "url.full": "https://example.com/x",
            "http.response.status_code": 200,
        }
