"""Beside other instrumentations of model SDKs: nothing is counted twice, and their traces replay."""

from __future__ import annotations

import contextlib

import anthropic
import httpx
import httpx2
import openai
import openai.resources.responses
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.util._once import Once

import spantape
from beside_others import ALL_CALLS, CALLS, LEAVING, OTHERS, counted, ours
from spantape._spans import names
from spantape.tape.build import recorded_spans, tape_of
from spantape.tape.write import write_tape
from spantape.testing import ModelServer

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pydantic.warnings.PydanticDeprecatedSince20"
)

OWNERS = [
    getattr(module, prefix + name)
    for module, name in (
        (openai.resources.chat.completions, "Completions"),
        (openai.resources.responses, "Responses"),
        (openai.resources.embeddings, "Embeddings"),
        (openai.resources.completions, "Completions"),
        (anthropic.resources.messages, "Messages"),
    )
    for prefix in ("", "Async")
] + [owner for library in (httpx2, httpx) for owner in (library.Client, library.AsyncClient)]
BOTH_ORDERS = pytest.mark.parametrize("first", ["theirs", "ours"])
BESIDE = [(other, call) for other in OTHERS for call in CALLS[other.sdk]]


def _wrapped():
    return {
        (owner, name): value for owner in OWNERS for name, value in vars(owner).items() if callable(value)
    }


@pytest.fixture(autouse=True)
def _as_they_were():
    """Their wrappers taken out: OpenLLMetry's for openai 0.62 leaves its own in when it is uninstrumented."""
    before = _wrapped()
    yield
    for (owner, name), value in _wrapped().items():
        if value is not before[owner, name]:
            setattr(owner, name, before[owner, name])


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture
def globally(spans, monkeypatch):
    """The spans of a provider that is the global one: anthropic's own tracing then opens spans."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    trace.set_tracer_provider(spans.provider)
    return spans


def calling(other, first, provider, function):
    """What `function` gives under both instrumentations, switched on in this order."""
    if first == "ours":
        with spantape.instrument(provider), other.on(provider):
            return function()
    with other.on(provider), spantape.instrument(provider):
        return function()


@BOTH_ORDERS
@pytest.mark.parametrize("case", BESIDE, ids=lambda case: f"{case[0].id}-{case[1].__name__}")
def test_one_call_is_counted_once_and_replays(case, first, spans, server, tmp_path):
    other, call = case
    url = server.base_url(other.sdk)
    live = calling(other, first, spans.provider, lambda: call(url))
    server.close()

    every = spans.all()
    assert {key: count for key, count in counted(every).items() if count != 1} == {}
    assert counted(every)["inferences"] == 1

    (span,) = ours(every)
    assert (span.name, span.kind) == ("POST", SpanKind.CLIENT)
    assert not [key for key in span.attributes if key.startswith(("gen_ai.", "llm."))]

    path = tmp_path / "theirs.tape"
    write_tape(path, recorded_spans(every))
    with spantape.replay(path):
        assert call(url) == live


@BOTH_ORDERS
@pytest.mark.parametrize("case", ALL_CALLS, ids=lambda case: case[1].__name__)
def test_alone_or_under_the_sdks_own_tracing_a_call_is_counted_once_and_replays(
    case, first, globally, server, tmp_path
):
    (sdk, call), spans = case, globally
    url = server.base_url(sdk)
    with spantape.instrument(spans.provider if first == "ours" else None):
        live = call(url)
    server.close()
    every = spans.all()
    assert {key: count for key, count in counted(every).items() if count != 1} == {}
    assert counted(every)["inferences"] == 1
    (span,) = ours(every)
    if sdk == "anthropic":
        (theirs,) = (other for other in every if other is not span)
        assert (span.name, span.parent.span_id) == ("POST", theirs.context.span_id)
    write_tape(tmp_path / "all.tape", recorded_spans(every))
    with spantape.replay(tmp_path / "all.tape"):
        assert call(url) == live


@BOTH_ORDERS
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.id)
def test_under_an_agent_all_is_one_run_and_one_trace(other, first, spans, server):
    (call, *_) = CALLS[other.sdk]

    @spantape.agent
    def work():
        return [call(server.base_url(other.sdk)) for _ in range(2)]

    calling(other, first, spans.provider, work)
    every = spans.all()
    assert len({span.context.trace_id for span in every}) == 1
    assert len({span.attributes[names.RUN_ID] for span in ours(every)}) == 1
    assert counted(every)["inferences"] == 2


@BOTH_ORDERS
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.id)
def test_theirs_goes_on_when_ours_is_taken_out(other, first, spans, server):
    (call, *_) = CALLS[other.sdk]
    with contextlib.ExitStack() as stack:
        if first == "theirs":
            stack.enter_context(other.on(spans.provider))
        handle = spantape.instrument(spans.provider)
        if first == "ours":
            stack.enter_context(other.on(spans.provider))
        handle.remove()
        call(server.base_url(other.sdk))
    assert counted(spans.all())["inferences"] == 1
    assert ours(spans.all()) == []


@BOTH_ORDERS
@pytest.mark.parametrize("other", LEAVING, ids=lambda other: other.id)
def test_ours_goes_on_when_theirs_is_taken_out(other, first, spans, server):
    (call, *_) = CALLS[other.sdk]
    with contextlib.ExitStack() as stack:
        if first == "theirs":
            stack.enter_context(other.on(spans.provider))
        handle = stack.enter_context(spantape.instrument(spans.provider))
        if first == "ours":
            stack.enter_context(other.on(spans.provider))
        other.make().uninstrument()
        call(server.base_url(other.sdk))
        handle.remove()
        call(server.base_url(other.sdk))
    (span,) = spans.all()
    assert span.name == "chat m"
    assert counted([span])["inferences"] == 1


@BOTH_ORDERS
@pytest.mark.parametrize("other", LEAVING, ids=lambda other: other.id)
def test_the_patched_classes_are_as_they_were_when_both_are_out(other, first, spans):
    before = _wrapped()
    calling(other, first, spans.provider, lambda: None)
    now = _wrapped()
    assert [key for key, value in now.items() if value is not before[key]] == []


def test_a_model_span_that_a_program_opens_itself_counts_alone(spans, server):
    tracer = spans.provider.get_tracer("mine")
    call = CALLS["openai"][0]
    with (
        spantape.instrument(spans.provider),
        tracer.start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}) as mine,
    ):
        call(server.base_url("openai"))
    (span,) = ours(spans.all())
    assert (span.name, span.parent.span_id) == ("POST", mine.context.span_id)
    assert counted(spans.all())["inferences"] == 1


def test_an_agent_span_of_another_instrumentation_is_no_call(spans, server):
    tracer = spans.provider.get_tracer("framework")
    with (
        spantape.instrument(spans.provider),
        tracer.start_as_current_span(
            "invoke_agent a", attributes={"gen_ai.operation.name": "invoke_agent"}
        ) as root,
    ):
        CALLS["openai"][0](server.base_url("openai"))
    (span,) = ours(spans.all())
    assert span.name == "chat m"
    assert span.attributes[names.RUN_ID] == format(root.context.trace_id, "032x")


def test_a_trace_of_theirs_reads_as_a_tape_with_their_spans_on_it(spans, server):
    other = next(other for other in OTHERS if other.sdk == "openai")
    calling(other, "theirs", spans.provider, lambda: CALLS["openai"][0](server.base_url("openai")))
    tape = tape_of(recorded_spans(spans.all()))
    assert [step.kind for step in tape.steps] == ["exchange"]
    assert sorted(span.scope for span in tape.spans) == sorted(
        span.instrumentation_scope.name for span in spans.all()
    )
