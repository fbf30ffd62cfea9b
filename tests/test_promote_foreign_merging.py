"""One call is one step, however many spans tell of it."""

from __future__ import annotations

from dataclasses import replace

import openai
import pytest

import foreign_calls as calls
import spantape
from foreign_spans import model_span, recorded
from spantape._spans import names
from spantape.promote import steps
from spantape.tape.build import tape_of
from spantape.tape.write import write_tape

BESIDE = ("beside_genai", "beside_openllmetry", "beside_openinference")
COUNTS = {"chat": 1, "chat_tools": 2, "messages": 1, "messages_streamed": 1}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("call", COUNTS)
def test_ours_and_theirs_for_one_call_are_one_exact_step(name, call):
    """Also where theirs opens after the call, or stands beside ours: OpenLLMetry's for anthropic."""
    run = recorded(name)[call]
    found = run.steps()
    assert [step.grade for step in found] == ["exact"] * COUNTS[call]
    assert all(len(step.sources) == 2 and step.sources[1] == "spantape" for step in found)
    told = [span.span_id for span in run.spans if span.scope != "test"]
    assert sorted(told) == sorted(each for step in found for each in step.merged)


@pytest.mark.parametrize("name", BESIDE)
def test_the_usage_of_the_outer_span_is_kept(name):
    (step,) = recorded(name)["chat"].steps()
    assert step.span.attributes["gen_ai.usage.input_tokens"] == 31
    assert step.span.attributes["gen_ai.usage.output_tokens"] == 7


def test_an_exact_span_under_one_that_goes_keeps_its_bytes():
    (step,) = recorded("beside_genai")["chat"].steps()
    (tape_step,) = tape_of([step.span]).steps
    assert tape_step.exchange().response.status == 200
    assert step.span.parent_id == ""


def test_where_ours_lost_its_payload_theirs_stands_in():
    spans = [
        replace(span, attributes={k: v for k, v in span.attributes.items() if k != names.RESPONSE_BODY})
        for span in recorded("beside_genai")["chat"].spans
    ]
    (step,) = steps(spans)
    assert (step.grade, step.sources) == ("reconstructed", ("OpenTelemetry GenAI", "spantape"))
    assert len(step.merged) == 2


def test_where_neither_holds_content_ours_says_why():
    lost = (names.RESPONSE_BODY, "gen_ai.output.messages")
    spans = [
        replace(span, attributes={k: v for k, v in span.attributes.items() if k not in lost})
        for span in recorded("beside_genai")["chat"].spans
    ]
    (step,) = steps(spans)
    assert step.grade == "skeleton"
    assert step.reasons[0].startswith("response.body")


def test_a_framework_over_an_instrumentation_is_one_step_a_call():
    (run,) = recorded("pydantic_ai_nested").values()
    found = run.steps()
    assert [step.kind for step in found] == ["agent", "exchange", "tool", "exchange"]
    for step in found:
        if step.kind == "exchange":
            assert step.sources == ("pydantic-ai", "OpenLLMetry") == step.span.attributes[names.SOURCES]
            assert (step.grade, len(step.merged)) == ("reconstructed", 2)


def test_what_one_span_lacks_the_other_fills_in():
    (run,) = recorded("pydantic_ai_nested").values()
    hollow = ("gen_ai.input.messages", "gen_ai.output.messages")
    spans = [
        replace(span, attributes={k: v for k, v in span.attributes.items() if k not in hollow})
        if span.scope.startswith("opentelemetry")
        else replace(
            span, attributes={k: v for k, v in span.attributes.items() if k != "gen_ai.request.model"}
        )
        for span in run.spans
    ]
    exchanges = [step for step in steps(spans) if step.kind == "exchange"]
    assert [(step.grade, step.unrecorded) for step in exchanges] == [("reconstructed", ())] * 2


def test_a_wrapper_around_two_calls_does_not_make_them_one():
    """A framework that falls back from one model to another: each answer has its own id."""
    (run,) = recorded("pydantic_ai_nested").values()
    inner = [span for span in run.spans if span.scope.startswith("opentelemetry")]
    outer = next(span for span in run.spans if span.name.startswith("chat"))
    ids = {outer.attributes["gen_ai.response.id"], *(s.attributes["gen_ai.response.id"] for s in inner)}
    assert len(ids) == 2
    found = steps([outer, *(replace(span, parent_id=outer.span_id) for span in inner)])
    assert sorted(len(step.merged) for step in found) == [1, 2]


def test_logfires_record_of_a_finished_stream_belongs_to_its_call():
    (step,) = recorded("logfire")["chat_streamed"].steps()
    assert (step.grade, len(step.merged)) == ("reconstructed", 2)
    (three,) = recorded("logfire")["messages_streamed"].steps()
    assert (three.sources, len(three.merged)) == (("Logfire", "Anthropic SDK"), 3)


def test_two_equal_streams_are_two_steps():
    first = recorded("logfire")["chat_streamed"].spans
    second = [
        replace(
            span,
            span_id=span.span_id[::-1],
            parent_id="",
            started_ns=span.started_ns + 10**9,
            ended_ns=span.ended_ns + 10**9,
        )
        for span in first
    ]
    assert len(steps([*first, *second])) == 2


# --- the run ---------------------------------------------------------------------------------------------------------


def test_the_steps_of_an_agent_stand_under_it_in_order():
    (run,) = recorded("pydantic_ai").values()
    found = run.steps()
    assert [step.kind for step in found] == ["agent", "exchange", "tool", "exchange"]
    tape = tape_of([step.span for step in found])
    assert [step.parent for step in tape.steps] == [None, 0, 0, 0]
    assert (tape.name, tape.steps[2].arguments) == ("weather", {"city": "Tromsø"})


def test_shuffled_and_repeated_spans_make_the_same_steps():
    (run,) = recorded("pydantic_ai_nested").values()
    again = steps([*reversed(run.spans), *run.spans])
    assert again == run.steps()


def test_the_spans_that_are_made_are_of_one_run():
    run = recorded("genai")["chat_tools"]
    assert {step.span.attributes[names.RUN_ID] for step in run.steps(run_id="r1")} == {"r1"}
    traces = {span.trace_id for span in run.spans}
    assert {step.span.attributes[names.RUN_ID] for step in run.steps()} == traces


def test_spans_of_other_work_are_no_steps():
    plain = replace(model_span("genai", "chat"), attributes={"http.request.method": "GET"}, scope="requests")
    assert steps([plain]) == []
    assert steps([]) == []


RESULT = '{"rain":true,"mm":3,"city":"Tromsø"}'


def agent(client, result=RESULT):
    """What pydantic-ai sent, as a program of one's own sends it."""
    tools = [{"type": "function", "function": {**calls.WEATHER, "strict": True}}]
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it raining in Tromsø?"},
    ]
    first = client.chat.completions.create(model=calls.MODEL, messages=list(history), tools=tools)
    call = first.choices[0].message.tool_calls[0]
    history.append(first.choices[0].message.model_dump(exclude_none=True))
    history.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return client.chat.completions.create(model=calls.MODEL, messages=history, tools=tools)


@pytest.mark.parametrize("name", ["pydantic_ai", "pydantic_ai_v2", "pydantic_ai_v3", "pydantic_ai_nested"])
def test_a_whole_run_of_an_agent_replays(name, tmp_path):
    """Its agent and its tool are those of another instrumentation: nobody has to enter them."""
    (run,) = recorded(name).values()
    write_tape(tmp_path / "run.tape", [step.span for step in run.steps()])
    with spantape.replay(tmp_path / "run.tape"):
        given = agent(openai.OpenAI(api_key="none"))
    assert given.choices[0].message.content == "It rains: 3 mm."


def test_a_decorated_tool_is_answered_from_the_span(tmp_path):
    (run,) = recorded("pydantic_ai").values()
    write_tape(tmp_path / "run.tape", [step.span for step in run.steps()])

    @spantape.tool(name="weather")
    def weather(city):
        raise AssertionError(city)

    with spantape.replay(tmp_path / "run.tape", allow_unused=True):
        assert weather("Tromsø") == {"rain": True, "mm": 3, "city": "Tromsø"}


def test_a_long_run_is_stored_in_proportion_to_what_is_new():
    """A composed request holds what the one before did not: 40 turns of a growing history."""
    span = model_span("genai", "chat")
    spans, history = [], []
    for turn in range(40):
        history += [f'{{"role":"user","parts":[{{"type":"text","content":"{turn} {"words " * 200}"}}]}}']
        attributes = {
            **span.attributes,
            "gen_ai.input.messages": f"[{','.join(history)}]",
            "gen_ai.response.id": f"id-{turn}",
        }
        spans.append(
            replace(
                span,
                span_id=f"{turn:016x}",
                parent_id="",
                started_ns=turn,
                ended_ns=turn + 1,
                attributes=attributes,
            )
        )
    found = steps(spans)
    stored = sum(len(step.span.attributes[names.REQUEST_BODY]) for step in found)
    assert stored < 40 * 2500
    tape = tape_of([step.span for step in found])
    assert len(tape.steps[-1].request_body()) > 40 * 1200


def test_each_attempt_of_ours_under_one_span_of_theirs_is_a_step():
    """A retried call: two attempts, of which the last has the usage."""
    run = recorded("beside_genai")["chat"]
    ours = next(span for span in run.spans if names.KIND in span.attributes)
    failed = {**ours.attributes, names.HTTP_STATUS: 429, names.STEP: 0}
    first = replace(ours, span_id="f" * 16, started_ns=ours.started_ns - 10, attributes=failed)
    found = steps([*run.spans, first])
    assert [(step.grade, step.span.attributes[names.HTTP_STATUS]) for step in found] == [
        ("exact", 429),
        ("exact", 200),
    ]
    assert ["gen_ai.usage.input_tokens" in step.span.attributes for step in found] == [False, True]


def langchain(name):
    """The run of LangChain in one file, whose spans are of many traces."""
    return recorded(name)[""].steps()


def test_spans_of_several_traces_that_tell_of_one_response_are_one_step():
    """LangChain's callbacks do not make their spans the current ones, so that those of the SDK stand beside them."""
    found = langchain("langchain_openinference")
    assert [step.kind for step in found] == ["exchange", "tool", "exchange"]
    assert [(step.grade, len(step.merged)) for step in found if step.kind == "exchange"] == [
        ("reconstructed", 2)
    ] * 2


@pytest.mark.parametrize("name", ["langchain_openinference", "langchain_openllmetry"])
def test_a_run_of_langchain_replays(name, tmp_path):
    write_tape(tmp_path / "run.tape", [step.span for step in langchain(name)])
    with spantape.replay(tmp_path / "run.tape"):
        given = agent(openai.OpenAI(api_key="none"), result="3 mm in Tromsø")
    assert given.choices[0].message.content == "It rains: 3 mm."


def test_a_message_about_a_result_is_not_the_result():
    reasons = {
        name: next(step.reasons for step in langchain(name) if step.kind == "tool")
        for name in ("langchain_openinference", "langchain_openllmetry")
    }
    told = "result: LangChain's message of it was recorded, not the value"
    assert all(told in each for each in reasons.values())


def agents_program(client):
    """What OpenAI's Agents SDK sent, as a program of one's own sends it."""
    tools = [{"type": "function", **calls.WEATHER, "strict": True}]
    asked = {"model": calls.MODEL, "instructions": "Be brief.", "tools": tools}
    history = [{"role": "user", "content": "Is it raining in Tromsø?"}]
    first = client.responses.create(input=list(history), **asked)
    call = next(item for item in first.output if item.type == "function_call")
    history.append(
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    )
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "3 mm in Tromsø"})
    return client.responses.create(input=history, **asked).output_text


@pytest.mark.parametrize("name", ["agents_openllmetry", "agents_openinference", "agents_logfire"])
def test_a_run_of_the_agents_sdk_replays(name, tmp_path):
    (run,) = recorded(name).values()
    found = run.steps()
    assert [step.kind for step in found if step.kind != "agent"] == ["exchange", "tool", "exchange"]
    assert {step.grade for step in found} == {"reconstructed"}
    assert "weather" in [step.span.attributes.get(names.AGENT_NAME) for step in found]
    write_tape(tmp_path / "run.tape", [step.span for step in found])
    with spantape.replay(tmp_path / "run.tape"):
        assert agents_program(openai.OpenAI(api_key="none")) == "It rains: 3 mm."


def test_calls_that_a_mock_gave_one_id_stay_apart():
    """Four calls at one time, two of them told by two instrumentations each, all under the id of one answer."""
    (run,) = recorded("pydantic_ai_nested").values()
    outer, inner = (
        next(s for s in run.spans if s.name == name) for name in ("chat gpt-4o-mini", "openai.chat")
    )
    same = {"gen_ai.response.id": "chatcmpl-mock"}
    outers = [
        replace(outer, span_id=f"{n:016x}", parent_id="", attributes={**outer.attributes, **same})
        for n in range(1, 5)
    ]
    inners = [
        replace(
            inner,
            span_id=f"{n + 16:016x}",
            parent_id="",
            attributes={**inner.attributes, **same},
            started_ns=outer.started_ns,
        )
        for n in range(1, 3)
    ]
    found = steps([*outers, *inners])
    assert sorted(len(step.merged) for step in found) == [1, 1, 2, 2]
