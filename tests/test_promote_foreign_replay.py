"""Spans of other instrumentations, made by the real ones, become tapes that the real SDKs replay.

`tests/spans/make.py` made the spans with the calls of `tests/foreign_calls.py`.
"""

from __future__ import annotations

from dataclasses import replace

import anthropic
import openai
import pytest

import foreign_calls as calls
import spantape
from foreign_spans import recorded
from spantape.promote import steps
from spantape.tape.build import tape_of
from spantape.tape.write import write_tape
from spantape.testing import ModelServer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ALL = {**calls.OPENAI, **calls.ANTHROPIC}
WHOLE = ("genai", "genai_events", "genai_old", "openllmetry", "openllmetry_old", "openinference", "logfire")
FILES = (*WHOLE, "langfuse", "anthropic_native")

# what an instrumentation leaves out of the spans, though it records content: its refusal is tested by its grade
LEFT_OUT = {
    ("anthropic_native", "messages_events"),
    ("genai", "embeddings"),
    ("genai_events", "embeddings"),
    ("genai_old", "chat_refused"),
    ("langfuse", "chat_refused"),
    ("langfuse", "embeddings"),
    ("logfire", "chat_refused"),
    ("logfire", "embeddings"),
    ("openllmetry", "chat_image"),
    ("openllmetry", "embeddings"),
    ("openllmetry_old", "chat_image"),
    ("openllmetry_old", "embeddings"),
    ("openllmetry_old", "messages_streamed"),
}


def runs():
    for name in FILES:
        for call, run in recorded(name).items():
            if any(step.kind == "exchange" for step in run.steps()):
                yield name, call


RUNS = sorted(runs())


def client_of(call, base_url=None):
    """A client as a program has it: with retries, and with no server to reach."""
    if call in calls.OPENAI:
        return openai.OpenAI(api_key="none", base_url=base_url)
    return anthropic.Anthropic(api_key="none", base_url=base_url)


def outcome(call, client):
    """What the call gives, in the parts that spans record."""
    try:
        given = ALL[call][0](client)
    except (openai.APIError, anthropic.APIError) as error:
        return type(error), getattr(error, "status_code", None)
    return [
        each if isinstance(each, str) else said(each)
        for each in (given if isinstance(given, tuple) else (given,))
    ]


def said(given):
    """The content of an SDK's object, without what no span records."""
    if isinstance(given, openai.types.chat.ChatCompletion):
        messages = [choice.message for choice in given.choices]
        told = [(m.content or m.refusal, asked([c.function for c in m.tool_calls or ()])) for m in messages]
        return given.model, told, [choice.finish_reason for choice in given.choices]
    if isinstance(given, openai.types.responses.Response):
        functions = [item for item in given.output if item.type == "function_call"]
        return given.model, given.output_text, asked(functions), given.status
    if isinstance(given, anthropic.types.Message):
        blocks = [block for block in given.content if block.type != "thinking"]
        told = [block.text if block.type == "text" else (block.name, block.input) for block in blocks]
        return given.model, told, given.stop_reason
    return [[round(number, 5) for number in each.embedding] for each in given.data]


def asked(functions):
    return [(each.name, each.arguments) for each in functions]


@pytest.fixture(scope="module")
def live():
    """What each call gave when a server answered."""
    found = {}
    for call, (_, script) in ALL.items():
        with ModelServer(script) as server:
            family = "openai" if call in calls.OPENAI else "anthropic"
            client = client_of(call, server.base_url(family)).with_options(max_retries=0)
            found[call] = outcome(call, client)
    return found


@pytest.mark.parametrize(("name", "call"), [run for run in RUNS if run not in LEFT_OUT])
def test_a_replay_gives_what_the_server_gave(name, call, live, tmp_path):
    found = recorded(name)[call].steps()
    assert {step.grade for step in found} == {"reconstructed"}
    write_tape(tmp_path / "run.tape", [step.span for step in found])
    with spantape.replay(tmp_path / "run.tape") as session:
        assert outcome(call, client_of(call)) == live[call]
    assert session.receipt().answered == len(found)


@pytest.mark.parametrize(("name", "call"), sorted(LEFT_OUT))
def test_a_replay_of_what_was_left_out_is_refused(name, call, tmp_path):
    found = recorded(name)[call].steps()
    assert {step.grade for step in found} == {"skeleton"}
    write_tape(tmp_path / "run.tape", [step.span for step in found])
    with pytest.raises(spantape.NotReplayable) as refusal, spantape.replay(tmp_path / "run.tape"):
        pass
    assert found[0].reasons[0] in str(refusal.value)


def test_every_file_gives_steps_for_the_calls_that_its_instrumentation_watches():
    assert len([run for run in RUNS if run[0] == "genai"]) == len(ALL)
    assert len([run for run in RUNS if run[0] == "openinference"]) == len(ALL)
    assert len(RUNS) > 100


def replayed(found, program, tmp_path, **settings):
    write_tape(tmp_path / "run.tape", [step.span for step in found])
    with spantape.replay(tmp_path / "run.tape", **settings):
        return program()


def test_usage_comes_back_where_it_was_recorded(tmp_path):
    for name in ("genai", "openllmetry", "openinference"):
        found = recorded(name)["chat"].steps()
        given = replayed(found, lambda: calls.chat(client_of("chat")), tmp_path)
        usage = given.usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (31, 7, 38)
        assert usage.prompt_tokens_details.cached_tokens == 4
        assert given.id.startswith("chatcmpl-")


def test_raw_answers_bring_what_no_message_holds(tmp_path):
    """OpenInference keeps the response as JSON: a signed thinking block comes back signed."""
    found = recorded("openinference")["messages_tools"].steps()
    first, _ = replayed(found, lambda: calls.messages_tools(client_of("messages_tools")), tmp_path)
    assert (first.content[0].thinking, first.content[0].signature) == ("Where is Alta?", "c3BhbnRhcGU=")


def test_embeddings_come_back_from_spans_that_hold_vectors(tmp_path):
    found = recorded("openinference")["embeddings"].steps()
    given = replayed(found, lambda: calls.embeddings(client_of("embeddings")), tmp_path)
    assert [len(each.embedding) for each in given.data] == [8, 8]


# --- the form of an answer is that of the request --------------------------------------------------------------------


def test_what_was_recorded_whole_is_streamed_where_the_program_streams(tmp_path):
    found = recorded("genai")["chat"].steps()

    def program():
        chunks = client_of("chat").chat.completions.create(
            model=calls.MODEL, messages=[dict(m) for m in calls.ASKED], stream=True
        )
        return [chunk.choices[0].delta.content for chunk in chunks]

    assert "".join(filter(None, replayed(found, program, tmp_path))) == "Hei, verden!"


def test_what_was_streamed_is_whole_where_the_program_does_not_stream(tmp_path):
    found = recorded("genai")["chat_streamed"].steps()
    given = replayed(found, lambda: calls.chat(client_of("chat")), tmp_path)
    assert given.choices[0].message.content == "Hei på deg, verden!"


def test_what_was_asked_over_one_api_is_answered_over_another(tmp_path):
    found = recorded("genai")["chat"].steps()

    def program():
        asked = [{"role": "user", "content": calls.ASKED[1]["content"]}]
        return client_of("responses").responses.create(
            model=calls.MODEL, instructions="Be brief.", input=asked
        )

    assert replayed(found, program, tmp_path).output_text == "Hei, verden!"


# --- matching by meaning ---------------------------------------------------------------------------------------------


def ask(content, **changes):
    asked = {
        "model": calls.MODEL,
        "messages": [calls.ASKED[0], {"role": "user", "content": content}],
        **changes,
    }
    return client_of("chat").chat.completions.create(**asked)


def test_a_request_that_means_another_thing_is_a_miss_that_says_what_was_compared(tmp_path):
    found = recorded("genai_old")["chat"].steps()
    with pytest.raises(spantape.Miss) as miss:
        replayed(found, lambda: ask("Say “hello” in Danish."), tmp_path)
    text = str(miss.value)
    assert "reconstructed from spans of OpenTelemetry GenAI" in text
    assert "compared by meaning: model, system, messages, media; not recorded, so not compared: tools" in text
    assert (
        'messages[0]: recorded "user: Say “hello” in Norwegian." got "user: Say “hello” in Danish."' in text
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "gpt-5"}, "model: recorded"),
        ({"tools": calls.CHAT_TOOLS}, "tools"),
        ({"messages": []}, "messages"),
    ],
)
def test_each_recorded_member_of_a_request_counts(changes, told, tmp_path):
    found = recorded("genai")["chat"].steps()
    with pytest.raises(spantape.Miss, match=told):
        replayed(found, lambda: ask("Say “hello” in Norwegian.", **changes), tmp_path)


def test_what_nobody_recorded_is_not_compared(tmp_path):
    """The events of the old conventions tell no tools, and Langfuse no model."""
    asked = calls.ASKED[1]["content"]
    for name, changes in (("genai_old", {"tools": calls.CHAT_TOOLS}), ("langfuse", {"model": "gpt-5"})):
        found = recorded(name)["chat"].steps()
        given = replayed(found, lambda changes=changes: ask(asked, **changes), tmp_path)
        assert given.choices[0].message.content == "Hei, verden!"


def test_what_a_meaning_does_not_hold_may_differ(tmp_path):
    found = recorded("genai")["chat"].steps()
    given = replayed(found, lambda: ask("Say   “hello” in\nNorwegian.", temperature=1.5, user="u"), tmp_path)
    assert given.choices[0].message.content == "Hei, verden!"


def test_one_step_answers_once(tmp_path):
    found = recorded("genai")["chat"].steps()

    def program():
        for _ in range(2):
            calls.chat(client_of("chat"))

    with pytest.raises(spantape.Miss, match="the same was recorded once, asked twice"):
        replayed(found, program, tmp_path)


def test_a_tape_of_reconstructed_steps_can_be_read_and_promoted_again():
    found = recorded("openllmetry")["chat_tools"].steps()
    tape = tape_of([step.span for step in found])
    assert [step.method for step in tape.steps] == ["POST", "POST"]
    again = steps([step.span for step in found])
    assert [(step.grade, step.unrecorded) for step in again] == [("reconstructed", ())] * 2


def test_a_program_that_asks_again_sees_the_failure_again(tmp_path):
    """One span covers the attempts of an SDK: two spans of equal requests are two calls of the program."""
    (failed,) = [s for s in recorded("genai")["chat_failed"].spans if s.scope != "test"]
    (answered,) = [s for s in recorded("genai")["chat"].spans if s.scope != "test"]
    later = {**answered.attributes, "gen_ai.input.messages": failed.attributes["gen_ai.input.messages"]}
    del later["gen_ai.request.temperature"]
    again = replace(answered, started_ns=failed.ended_ns + 1, ended_ns=failed.ended_ns + 2, attributes=later)

    def program():
        with pytest.raises(openai.RateLimitError):
            calls.chat_failed(client_of("chat"))
        return calls.chat_failed(client_of("chat")).choices[0].message.content

    assert replayed(steps([failed, again]), program, tmp_path) == "Hei, verden!"
