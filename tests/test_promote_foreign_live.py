"""The other instrumentations as they are installed here: what they write today is read as what they wrote before."""

from __future__ import annotations

import anthropic
import openai
import openai.resources.responses
import pytest

import foreign_calls as calls
from beside_others import OTHERS
from foreign_spans import recorded
from spantape.player.reconstructed import meaning_of_step
from spantape.promote import steps
from spantape.tape.build import recorded_spans, tape_of
from spantape.testing import ModelServer

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pydantic.warnings.PydanticDeprecatedSince20"
)

FILES = {"genai": "genai", "openinference": "openinference", "opentelemetry": "openllmetry"}
OWNERS = [
    getattr(module, prefix + name)
    for module, name in (
        (openai.resources.chat.completions, "Completions"),
        (openai.resources.completions, "Completions"),
        (openai.resources.responses, "Responses"),
        (openai.resources.embeddings, "Embeddings"),
        (openai, "OpenAI"),
        (anthropic.resources.messages, "Messages"),
    )
    for prefix in ("", "Async")
]
CALLS = {"openai": ("chat", "chat_tools", "responses_streamed"), "anthropic": ("messages", "messages_tools")}
RUNS = [(other, call) for other in OTHERS for call in CALLS[other.sdk]]


@pytest.fixture(autouse=True)
def _as_they_were(monkeypatch):
    """Content on, and their wrappers taken out: OpenLLMetry's for openai leaves its own in."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    before = {(owner, name): value for owner in OWNERS for name, value in vars(owner).items()}
    yield
    for owner in OWNERS:
        for name, value in list(vars(owner).items()):
            if not callable(value) or value is before.get((owner, name)):
                continue
            if (owner, name) in before:
                setattr(owner, name, before[owner, name])
            else:
                delattr(owner, name)


def file_of(other):
    return next(file for mark, file in FILES.items() if mark in other.module.split("."))


def meanings(found):
    tape = tape_of([step.span for step in found])
    return [meaning_of_step(step).fields() for step in tape.steps]


@pytest.mark.parametrize(("other", "call"), RUNS, ids=[f"{other.id}-{call}" for other, call in RUNS])
def test_what_is_written_today_means_what_was_kept(other, call, spans):
    run, script = (calls.OPENAI if other.sdk == "openai" else calls.ANTHROPIC)[call]
    with ModelServer(script) as server, other.on(spans.provider):
        client = openai.OpenAI if other.sdk == "openai" else anthropic.Anthropic
        run(client(base_url=server.base_url(other.sdk), api_key="none", max_retries=0))
    found = steps(recorded_spans(spans.all()))
    kept = recorded(file_of(other))[call].steps()
    assert [(step.grade, step.unrecorded) for step in found] == [
        (step.grade, step.unrecorded) for step in kept
    ]
    assert meanings(found) == meanings(kept)
