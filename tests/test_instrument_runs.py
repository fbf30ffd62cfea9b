"""Calls without a root: a conversation is one run, with links, however many go on at once; a root makes it exact."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.util._once import Once

import spantape
from beside_others import ours
from spantape._spans import names
from spantape.testing import ModelServer
from spantape_exporters.tape import TapeSpanExporter

SYSTEM = "You are a patient teacher of geography, and you answer in one short sentence. " * 4


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def on(spans):
    with spantape.instrument(spans.provider):
        yield


@pytest.fixture
def openai_client(server):
    with openai.OpenAI(base_url=server.base_url("openai"), api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(server):
    with anthropic.Anthropic(base_url=server.base_url("anthropic"), api_key="none", max_retries=0) as client:
        yield client


class Chat:
    """A conversation over chat completions: each turn resends the history."""

    def __init__(self, client, *, stream=False):
        self.client, self.stream = client, stream
        self.messages = [{"role": "system", "content": SYSTEM}]

    def turn(self, text):
        self.messages.append({"role": "user", "content": text})
        answer = self.client.chat.completions.create(model="m", messages=self.messages, stream=self.stream)
        said = (
            "".join(chunk.choices[0].delta.content or "" for chunk in answer)
            if self.stream
            else answer.choices[0].message.content
        )
        self.messages.append({"role": "assistant", "content": said})
        return said


class Responses:
    """A conversation over the responses API, its input growing."""

    def __init__(self, client):
        self.client, self.input = client, []

    def turn(self, text):
        self.input.append({"role": "user", "content": text})
        answer = self.client.responses.create(model="m", input=self.input, instructions=SYSTEM)
        self.input += answer.output
        return answer.output_text


class Chain:
    """A conversation over the responses API, each turn naming the answer before it."""

    def __init__(self, client, *, stream=False):
        self.client, self.stream, self.last = client, stream, None

    def turn(self, text):
        more = {"previous_response_id": self.last} if self.last else {}
        answer = self.client.responses.create(model="m", input=text, stream=self.stream, **more)
        if self.stream:
            (answer,) = (event.response for event in answer if event.type == "response.completed")
        self.last = answer.id
        return answer.output_text


class Claude:
    """A conversation over anthropic messages."""

    def __init__(self, client):
        self.client, self.messages = client, []

    def turn(self, text):
        self.messages.append({"role": "user", "content": text})
        answer = self.client.messages.create(model="m", max_tokens=99, system=SYSTEM, messages=self.messages)
        self.messages.append({"role": "assistant", "content": answer.content})
        return answer.content[0].text


def run_ids(spans):
    return [span.attributes[names.RUN_ID] for span in spans]


def linked(spans):
    """For each span, which of `spans` it links to."""
    place = {span.context.span_id: index for index, span in enumerate(spans)}
    return [[place[link.context.span_id] for link in span.links] for span in spans]


OPENAI = {
    "chat": Chat,
    "streamed chat": lambda client: Chat(client, stream=True),
    "responses": Responses,
    "chain": Chain,
    "streamed chain": lambda client: Chain(client, stream=True),
}


@pytest.mark.parametrize("kind", list(OPENAI))
def test_a_loop_of_openai_calls_is_one_run_linked_turn_to_turn(kind, on, spans, openai_client):
    talk = OPENAI[kind](openai_client)
    for turn in range(4):
        talk.turn(f"What of town {turn}?")
    every = spans.all()
    assert run_ids(every) == [format(every[0].context.trace_id, "032x")] * 4
    assert linked(every) == [[], [0], [1], [2]]
    assert [span.attributes[names.STEP] for span in every] == [0, 1, 2, 3]
    assert len({span.context.trace_id for span in every}) == 4


def test_a_loop_of_anthropic_calls_is_one_run(on, spans, anthropic_client):
    talk = Claude(anthropic_client)
    for turn in range(3):
        talk.turn(f"What of town {turn}?")
    assert len(set(run_ids(spans.all()))) == 1
    assert linked(spans.all()) == [[], [0], [1]]


def test_a_loop_under_anthropics_own_tracing_is_one_run_and_one_tape(
    spans, anthropic_client, server, monkeypatch, tmp_path
):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    trace.set_tracer_provider(spans.provider)
    spans.provider.add_span_processor(SimpleSpanProcessor(TapeSpanExporter(tmp_path)))

    def conversation():
        talk = Claude(anthropic_client.with_options())
        return [talk.turn(f"What of town {turn}?") for turn in range(3)]

    with spantape.instrument():
        said = conversation()
    spans.provider.shutdown()
    server.close()
    every = ours(spans.all())
    assert len(set(run_ids(every))) == 1
    assert len({span.context.trace_id for span in every}) == 3
    assert linked(every) == [[], [0], [1]]
    (path,) = tmp_path.glob("*.tape")
    with spantape.replay(path):
        assert conversation() == said


@pytest.mark.parametrize("kind", list(OPENAI))
def test_two_conversations_that_take_turns_stay_two_runs(kind, on, spans, openai_client):
    talks = [OPENAI[kind](openai_client) for _ in range(2)]
    for turn in range(3):
        for which, talk in enumerate(talks):
            talk.turn(f"Talk {which}: what of town {turn}?")
    every = spans.all()
    ids = run_ids(every)
    assert len(set(ids)) == 2
    assert ids[0::2] == [ids[0]] * 3
    assert ids[1::2] == [ids[1]] * 3


def test_64_conversations_at_once_are_64_runs(on, spans, openai_client):
    def converse(which):
        talk = Chat(openai_client)
        for turn in range(3):
            talk.turn(f"Talk {which}: what of town {turn}?")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(converse, range(64)))
    runs = {}
    for span in spans.all():
        runs.setdefault(span.attributes[names.RUN_ID], []).append(span)
    assert sorted(len(members) for members in runs.values()) == [3] * 64
    for members in runs.values():
        talks = {span.attributes[names.INPUT_MESSAGES].split("Talk ")[1].split(":")[0] for span in members}
        assert len(talks) == 1


def test_single_calls_with_the_same_words_are_runs_of_their_own(on, spans, openai_client):
    for _ in range(3):
        Chat(openai_client).turn("Hello!")
    assert len(set(run_ids(spans.all()))) == 3


def test_a_history_is_on_spans_once_and_each_later_span_says_how_much_came_before(on, spans, openai_client):
    talk = Chat(openai_client)
    for turn in range(3):
        talk.turn(f"What of town {turn}?")
    befores = [span.attributes.get(names.MESSAGES_BEFORE, 0) for span in spans.all()]
    assert befores[0] == 0
    assert befores == sorted(set(befores))
    shown = [span.attributes[names.INPUT_MESSAGES] for span in spans.all()]
    for turn, text in enumerate(shown):
        assert f'"content":"What of town {turn}?"' in text
        assert sum(f'"content":"What of town {turn}?"' in other for other in shown) == 1
    assert sum(text.count("patient teacher") for text in shown) == SYSTEM.count("patient teacher")


def test_under_an_agent_the_run_is_the_trace(on, spans, openai_client):
    @spantape.agent
    def plan():
        Chat(openai_client).turn("One?")
        Chat(openai_client).turn("Two?")

    plan()
    (root,) = (span for span in spans.all() if span.attributes[names.KIND] == "agent")
    assert set(run_ids(spans.all())) == {format(root.context.trace_id, "032x")}
    assert {span.context.trace_id for span in spans.all()} == {root.context.trace_id}


def test_under_a_web_frameworks_span_the_run_is_the_trace(on, spans, openai_client):
    tracer = spans.provider.get_tracer("web")
    talk = Chat(openai_client)
    roots = []
    for turn in range(2):
        with tracer.start_as_current_span("POST /chat", kind=SpanKind.SERVER) as root:
            roots.append(format(root.context.trace_id, "032x"))
            talk.turn(f"What of town {turn}?")
            talk.turn("And then?")
    assert run_ids(ours(spans.all())) == [roots[0], roots[0], roots[1], roots[1]]
