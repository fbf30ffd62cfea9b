"""Limits and samplers of the program's own SDK: a payload is whole or its loss is named; nothing is silently wrong."""

from __future__ import annotations

import logging

import openai
import pytest
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)

import spantape
from spantape._spans import names
from spantape.errors import NotReplayable
from spantape.testing import ModelServer
from spantape_exporters.tape import TapeSpanExporter

LONG = "Tell me of the sea. " * 40


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """The SDK warns of each cut itself."""
    logging.getLogger("opentelemetry.attributes").setLevel(logging.ERROR)
    yield
    logging.getLogger("opentelemetry.attributes").setLevel(logging.NOTSET)


class Program:
    """A program that chats in turns, resending its history, under a provider with these settings."""

    def __init__(self, spans, tapes, server):
        self.spans = spans
        self.tapes = tapes
        spans.provider.add_span_processor(SimpleSpanProcessor(TapeSpanExporter(tapes)))
        self.base_url = server.base_url("openai")

    def talk(self, turns=3, *, stream=False):
        with openai.OpenAI(base_url=self.base_url, api_key="none", max_retries=0) as client:
            messages, answers = [], []
            for turn in range(turns):
                messages.append({"role": "user", "content": f"{turn}: {LONG}"})
                answer = client.chat.completions.create(model="m", messages=messages, stream=stream)
                said = (
                    "".join(chunk.choices[0].delta.content or "" for chunk in answer)
                    if stream
                    else answer.choices[0].message.content
                )
                answers.append(said)
                messages.append({"role": "assistant", "content": said})
            return answers

    def record(self, **settings):
        with spantape.instrument(self.spans.provider):
            said = self.talk(**settings)
        self.spans.provider.shutdown()
        return said

    def tape(self):
        (path,) = self.tapes.glob("*.tape")
        return path


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def program(tmp_path, make_spans, server):
    return lambda **settings: Program(make_spans(**settings), tmp_path / "tapes", server)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("length", [64, 100, 1000])
def test_a_length_limit_leaves_payloads_whole_as_bytes_and_they_replay(program, server, length, stream):
    made = program(span_limits=SpanLimits(max_span_attribute_length=length))
    said = made.record(stream=stream)
    server.close()
    bodies = [span.attributes[names.REQUEST_BODY] for span in made.spans.all()]
    assert any(isinstance(body, bytes) for body in bodies)
    assert not any(names.CUT in span.attributes for span in made.spans.all())
    with spantape.replay(made.tape()):
        assert made.talk(stream=stream) == said


def test_a_length_limit_from_the_environment_leaves_payloads_whole(program, server, monkeypatch):
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "100")
    made = program()
    said = made.record()
    server.close()
    with spantape.replay(made.tape()):
        assert made.talk() == said


def test_a_count_limit_drops_what_a_replay_does_not_need_first(program, server):
    made = program(span_limits=SpanLimits(max_span_attributes=30))
    said = made.record(stream=True)
    server.close()
    assert not any(names.CUT in span.attributes for span in made.spans.all())
    with spantape.replay(made.tape()):
        assert made.talk(stream=True) == said


@pytest.mark.parametrize("count", [5, 10, 15])
def test_a_small_count_limit_is_named_on_the_span_and_in_the_log_once(program, caplog, count):
    made = program(span_limits=SpanLimits(max_span_attributes=count))
    made.record()
    for span in made.spans.all():
        attributes = span.attributes
        lost = set(attributes[names.CUT])
        assert attributes[names.KIND] == "exchange"
        assert attributes[names.RUN_ID]
        assert lost
        assert lost.isdisjoint(attributes)
    ours = [record for record in caplog.records if record.name == "spantape"]
    assert len(ours) == 1
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in ours[0].getMessage()


@pytest.mark.parametrize("count", [5, 10, 15])
def test_the_tape_of_cut_spans_is_refused_with_the_step_and_the_field(program, server, count):
    made = program(span_limits=SpanLimits(max_span_attributes=count))
    made.record()
    server.close()
    (path, *_) = sorted(made.tapes.glob("*.tape"))
    with pytest.raises(NotReplayable, match=r"step 0.*LIMIT"), spantape.replay(path):
        made.talk()


def test_a_cut_tool_result_is_refused_and_never_half_a_number(program, tmp_path):
    made = program(span_limits=SpanLimits(max_span_attributes=5))

    @spantape.tool
    def count() -> int:
        return 12345

    with spantape.instrument(made.spans.provider):
        count()
    made.spans.provider.shutdown()
    with pytest.raises(NotReplayable, match=r"step 0.*LIMIT"), spantape.replay(made.tape()):
        count()


def test_a_long_tool_result_under_a_length_limit_comes_back_whole(program):
    made = program(span_limits=SpanLimits(max_span_attribute_length=50))

    @spantape.tool
    def read(page: str) -> str:
        return page + LONG

    with spantape.instrument(made.spans.provider):
        said = read("x" * 80)
    made.spans.provider.shutdown()
    with spantape.replay(made.tape()):
        assert read("x" * 80) == said


# --- sampling ----------------------------------------------------------------------------------------------------


class Scripted(Sampler):
    """Decides as told, call by call."""

    def __init__(self, *decisions):
        self.left = list(decisions)

    def should_sample(self, *_args, **_settings):
        return SamplingResult(self.left.pop(0))

    def get_description(self):
        return "scripted"


def test_calls_that_nobody_samples_leave_nothing_and_answer_as_ever(program):
    made = program(sampler=ALWAYS_OFF)
    assert len(made.record()) == 3
    assert made.spans.all() == []
    assert not made.tapes.exists()


@pytest.mark.parametrize("skipped", [Decision.DROP, Decision.RECORD_ONLY])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_call_that_was_not_sampled_is_no_base_of_those_that_were(program, server, skipped, at):
    decisions = [Decision.RECORD_AND_SAMPLE] * 4
    decisions[at] = skipped
    made = program(sampler=Scripted(*decisions))
    made.record(turns=4)
    server.close()
    steps = [step for path in made.tapes.glob("*.tape") for step in spantape.read_tape(path).steps]
    assert len(steps) == 3
    assert sorted(step.request_body().count(b'"user"') for step in steps) == sorted({1, 2, 3, 4} - {at + 1})
    assert len({step.span.attributes[names.RUN_ID] for step in steps}) == 1


def test_a_sampled_share_of_many_conversations_reads_without_a_missing_base(program, server):
    made = program(sampler=ParentBased(TraceIdRatioBased(0.5)))
    with spantape.instrument(made.spans.provider):
        for _ in range(6):
            made.talk(turns=4)
    made.spans.provider.shutdown()
    steps = [step for path in made.tapes.glob("*.tape") for step in spantape.read_tape(path).steps]
    assert len(steps) == len(made.spans.all())
    assert all(step.request_body().startswith(b"{") for step in steps)


def test_a_parent_that_is_not_sampled_takes_its_calls_along(program):
    made = program(sampler=ParentBased(Scripted(Decision.DROP, Decision.RECORD_AND_SAMPLE)))

    @spantape.agent
    def ask():
        return made.talk(turns=2)

    with spantape.instrument(made.spans.provider):
        ask()
        ask()
    kinds = [span.attributes[names.KIND] for span in made.spans.all()]
    assert kinds == ["exchange", "exchange", "agent"]
    first, second, _ = made.spans.all()
    assert names.BASE_DIGEST not in first.attributes
    assert second.attributes[names.BASE_DIGEST] == first.attributes[names.REQUEST_DIGEST]
