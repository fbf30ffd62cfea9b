"""Whatever an exchange holds, it is cut and verifies, or is refused by name: nothing else comes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spantape._model import Exchange, Request, Response
from spantape.errors import NotCut
from spantape.rerun import PrivateKey, TrustPolicy, to_bytes, verify
from spantape.rerun.cut_tolerance import tolerances_of
from spantape.rerun.cutting import Cutter
from spantape.semantic.embedders import HashedEmbedder
from spantape.tape.build import tape_of
from tape_spans import JSON, exchange_span

KEY = PrivateKey.generate()
TRUST = TrustPolicy([KEY.public])
ENDS = ("chat/completions", "responses", "completions", "embeddings", "messages")
CUTTERS = [
    Cutter(KEY, tolerances_of(text), embedder=HashedEmbedder())
    for text in ("byte", "structural:shape", "semantic:0.5,structural,byte")
]
WORDS = [
    "id",
    "type",
    "role",
    "content",
    "text",
    "messages",
    "input",
    "prompt",
    "model",
    "choices",
    "message",
    "delta",
    "output",
    "data",
    "embedding",
    "index",
    "name",
    "arguments",
    "tool_calls",
    "function",
    "parts",
    "temperature",
    "top_p",
    "seed",
    "max_tokens",
    "system",
    "instructions",
    "tools",
    "stop",
    "assistant",
    "user",
    "tool_use",
    "tool_result",
    "function_call",
    "output_text",
    "reasoning",
    "thinking",
    "error",
    "usage",
    "finish_reason",
    "stop_reason",
]

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from(WORDS),
    st.sampled_from(["", "\ud800", "\u0000", "é\u0301", '{"a": 1}', '{"a": 1e999}', "AAAA"]),
    st.text(max_size=3),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
_objects = st.dictionaries(st.sampled_from(WORDS), _values, max_size=5)
_asked = st.fixed_dictionaries(
    {
        "model": st.just("m"),
        "messages": st.lists(_objects, max_size=2),
        "input": st.just("x") | _values,
        "prompt": st.just("x") | _values,
    },
    optional=dict.fromkeys(("tools", "temperature", "top_p", "system", "stop", "seed"), _values),
)
_message = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.just("hello") | _values}, optional={"tool_calls": _values}
)
_answered = st.fixed_dictionaries(
    {
        "choices": st.lists(st.fixed_dictionaries({"message": _message, "text": st.just("hello")}), max_size=2) | _values,
        "output": st.lists(_objects, max_size=2),
        "content": st.lists(_objects, max_size=2) | st.just("hello"),
        "type": st.just("message"),
        "data": st.lists(st.fixed_dictionaries({"embedding": st.lists(st.floats(width=32), max_size=2) | _values}), max_size=2),
    }
)  # fmt: skip


def written(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("end", ENDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(asked=_asked, answered=_answered)
def test_an_exchange_is_cut_and_verifies_or_is_refused(end, asked, answered):
    url = f"https://api.{'anthropic' if end == 'messages' else 'openai'}.com/v1/{end}"
    request = Request("POST", url, JSON, written(asked))
    (step,) = tape_of([exchange_span(0, Exchange(request, Response(200, JSON, written(answered))))]).steps
    for cutter in CUTTERS:
        try:
            made = cutter.cut(step)
        except NotCut:
            continue
        verify(to_bytes(made.bundle), made.actual, TRUST)


@settings(max_examples=60)
@given(body=st.binary(max_size=40), answer=st.binary(max_size=40), status=st.integers(100, 599))
def test_bytes_that_are_no_json_are_refused(body, answer, status):
    request = Request("POST", "https://api.openai.com/v1/chat/completions", JSON, body)
    (step,) = tape_of([exchange_span(0, Exchange(request, Response(status, JSON, answer)))]).steps
    with pytest.raises(NotCut):
        CUTTERS[0].cut(step)
