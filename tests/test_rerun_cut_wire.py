"""A request read in the step record's terms and written again asks the same; what it has more is kept or refused."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import corpus_exchanges
from spantape._dialects import recognise
from spantape.errors import UsageError
from spantape.rerun.wire import APIS, Call, NotACallError, api_named, likely_api, read_call, render

HI = [{"role": "user", "content": "Hi"}]
ENDS = {
    "openai.chat": "/v1/chat/completions",
    "openai.responses": "/v1/responses",
    "openai.completions": "/v1/completions",
    "openai.embeddings": "/v1/embeddings",
    "anthropic.messages": "/v1/messages",
}


def read(api, body, path=None):
    raw = body if isinstance(body, bytes) else json.dumps({"model": "m", **body}).encode()
    path = path or ENDS[api]
    dialect = recognise("POST", "api.openai.com", path, raw)
    return read_call(dialect.name, raw, dialect.ask(raw, path))


def again(api, body):
    """The request that is sent for what `body` asks, without its model."""
    sent = render(read(api, body))
    assert sent.pop("model") == "m"
    return sent


REQUESTS = {
    "openai.chat": [
        {"messages": HI},
        {"messages": [{"role": "system", "content": "Be brief."}, *HI], "temperature": 0, "top_p": 1},
        {"messages": [{"role": "developer", "content": "Be brief."}, *HI], "max_completion_tokens": 9},
        {"messages": [{"role": "system", "content": "Be brief.", "name": "boss"}, *HI], "max_tokens": 9},
        {"messages": [{"role": "system", "content": ""}, *HI], "random_seed": 3},
        {"messages": [{"role": "system", "content": [{"type": "text", "text": x} for x in "ab"]}]},
        {"messages": HI, "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"},
        {"messages": HI, "tools": [], "functions": [{"name": "g"}], "function_call": "auto"},
        {"messages": HI, "tools": [{"type": "custom"}], "functions": [{"name": "g", "parameters": {}}]},
        {"messages": HI, "tools": [{"name": "no type"}]},
        {"messages": HI, "response_format": {"type": "json_object"}, "stop": ["x"], "n": 2, "user": "u"},
        {"messages": HI, "temperature": "warm", "seed": 1.5, "max_tokens": True},
        {"messages": HI, "max_tokens": 1, "max_completion_tokens": 2},
        {"messages": HI, "reasoning_effort": "low", "stop": ["x", "y"], "top_k": 4, "presence_penalty": 0.5},
        {"messages": HI, "reasoning": {"effort": "low", "exclude": True}, "frequency_penalty": -1},
        {"messages": []},
    ],
    "openai.responses": [
        {"input": HI, "instructions": "Be brief.", "max_output_tokens": 4, "reasoning": {"effort": "low"}},
        {
            "input": [{"type": "function_call_output", "call_id": "c", "output": "4"}],
            "tools": [{"type": "x"}],
        },
        {"input": [], "previous_response_id": "resp_1"},
        {"input": HI, "instructions": [{"role": "developer", "content": "x"}]},
        {
            "input": HI,
            "reasoning": {"effort": "high", "summary": "auto"},
            "text": {"format": {"type": "text"}},
        },
    ],
    "openai.completions": [
        {"prompt": "Once"},
        {"prompt": ["a", "b"], "suffix": "end", "seed": 3, "max_tokens": 5},
        {"prompt": [1, 2, 3]},
        {"prompt": [[1, 2], [3]]},
    ],
    "openai.embeddings": [
        {"input": "Once"},
        {"input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"},
        {"input": [1, 2, 3]},
    ],
    "anthropic.messages": [
        {
            "messages": HI,
            "max_tokens": 9,
            "system": "Be brief.",
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 3,
        },
        {"messages": HI, "max_tokens": 9, "system": [{"type": "text", "text": x} for x in "ab"]},
        {
            "messages": HI,
            "max_tokens": 9,
            "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        },
        {"messages": HI, "max_tokens": 9, "tools": [{"name": "f", "input_schema": {}}], "thinking": {}},
        {"messages": HI, "max_tokens": 9, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"messages": HI, "max_tokens": 9, "output_config": {"effort": "low"}, "stop_sequences": ["x"]},
    ],
}
CASES = [(api, body) for api, bodies in REQUESTS.items() for body in bodies]


@pytest.mark.parametrize(("api", "body"), CASES, ids=[f"{api} {list(body)}" for api, body in CASES])
def test_what_is_sent_again_is_what_was_sent(api, body):
    sent = again(api, body)
    expected = dict(body)
    if body.get("tools") == [] and "functions" in body:
        del expected["tools"]
    assert sent == expected
    assert read(api, sent) == read(api, body)


def test_every_wire_api_has_a_case():
    assert REQUESTS.keys() == APIS.keys()


@pytest.mark.parametrize(
    ("api", "one", "other"),
    [
        ("openai.chat", {"messages": HI}, {"messages": HI, "tools": None, "stream": True}),
        ("openai.chat", {"messages": HI}, {"messages": HI, "stream_options": {"include_usage": True}}),
        (
            "openai.chat",
            {"messages": [{"role": "system", "content": "x"}]},
            {"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}]},
        ),
        ("openai.responses", {"input": "Hi"}, {"input": HI}),
        ("openai.responses", {"input": "Hi"}, {"input": HI, "instructions": ""}),
        ("openai.completions", {"prompt": "Hi"}, {"prompt": ["Hi"]}),
        ("openai.chat", {"messages": HI, "stop": "x"}, {"messages": HI, "stop": ["x"]}),
        ("openai.embeddings", {"input": "Hi"}, {"input": ["Hi"]}),
        ("openai.embeddings", {"input": [1, 2]}, {"input": [[1, 2]]}),
        (
            "anthropic.messages",
            {"messages": HI, "system": "x"},
            {"messages": HI, "system": [{"type": "text", "text": "x"}]},
        ),
    ],
)
def test_two_spellings_of_one_request_are_one_call(api, one, other):
    assert read(api, one) == read(api, other)


def test_sampling_has_one_name_whatever_the_wire_calls_it():
    assert read("openai.chat", {"messages": HI, "max_completion_tokens": 9, "random_seed": 3}).sampling == {
        "max_tokens": 9,
        "seed": 3,
    }
    assert read("openai.responses", {"input": "Hi", "max_output_tokens": 9}).sampling == {"max_tokens": 9}
    assert read("openai.chat", {"messages": HI}).sampling == {}


def test_reasoning_models_say_how_hard_they_think():
    assert read("openai.chat", {"messages": HI, "reasoning": {"effort": "low"}}).sampling == {
        "reasoning_effort": "low"
    }
    assert read("openai.responses", {"input": "Hi", "reasoning": {"effort": "low"}}).options == {}
    thinking = {"type": "enabled", "budget_tokens": 1024}
    assert read("anthropic.messages", {"messages": HI, "thinking": thinking}).sampling == {
        "reasoning_tokens": 1024
    }
    bare = Call("anthropic.messages", "m", {"reasoning_tokens": 1024}, {"system_prompt": "", "messages": HI})
    assert render(bare)["thinking"] == thinking


def test_a_system_prompt_of_several_blocks_is_their_texts():
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {}}]
    call = read("anthropic.messages", {"messages": HI, "system": blocks})
    assert call.inputs["system_prompt"] == "a\n\nb"
    assert call.options == {"system": blocks}


def test_the_deployment_in_the_path_is_the_model():
    path = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    call = read("openai.chat", {"messages": HI}, path)
    assert call.model == "my-gpt"


def test_vertex_is_sent_no_model():
    path = "/v1/projects/p/locations/l/publishers/anthropic/models/claude-3:rawPredict"
    body = {"anthropic_version": "vertex-2023-10-16", "messages": HI, "max_tokens": 5}
    call = read("anthropic.messages", json.dumps(body).encode(), path)
    assert call.model == "claude-3"
    assert render(call) == body


@pytest.mark.parametrize(
    ("api", "body", "says"),
    [
        ("openai.chat", {"prompt": {"id": "p"}}, "no messages: its 'messages' is missing"),
        ("openai.chat", {"messages": "Hi"}, "no messages: its 'messages' is 'Hi'"),
        ("openai.chat", b'{"messages": [', "has no canonical JSON form"),
        ("openai.chat", b'{"messages": [], "messages": [1]}', "has no canonical JSON form"),
        ("openai.chat", b'["messages"]', "is not a JSON object"),
        ("openai.chat", b'{"messages": [{"role": "user", "content": "Hi"}]}', "names no model"),
        ("openai.responses", {"instructions": "x"}, "has no input"),
        ("openai.completions", {"prompt": []}, "no texts: its 'prompt' is an empty list"),
        ("openai.embeddings", {"input": None}, "no texts: its 'input' is missing"),
        ("anthropic.messages", {"messages": None}, "its 'messages' is missing"),
    ],
)
def test_what_cannot_be_asked_again_says_why(api, body, says):
    raw = body if isinstance(body, bytes) else json.dumps({"model": "m", **body}).encode()
    asked = recognise("POST", "api.anthropic.com", ENDS[api], raw).ask(raw, ENDS[api])
    with pytest.raises(NotACallError, match=says):
        read_call(api, raw, asked)


@pytest.mark.parametrize(
    ("api", "inputs", "options"),
    [
        ("openai.chat", {"system_prompt": "", "messages": HI}, {"messages": []}),
        ("openai.chat", {"system_prompt": "", "messages": HI}, {"temperature": 1}),
        ("openai.chat", {"system_prompt": "", "messages": HI}, {"max_completion_tokens": 1}),
        ("openai.chat", {"system_prompt": "", "messages": HI}, {"tools": [{"type": "function"}]}),
        ("openai.chat", {"system_prompt": "", "messages": HI}, {"model": "other"}),
        ("openai.chat", {"system_prompt": "", "messages": HI}, {"stream": True}),
        ("anthropic.messages", {"system_prompt": "x", "messages": HI}, {"system": "y"}),
        ("openai.responses", {"system_prompt": "x", "messages": HI}, {"instructions": "y"}),
    ],
)
def test_options_cannot_change_what_is_asked(api, inputs, options):
    with pytest.raises(UsageError, match=f"the options {next(iter(options))} change what {api} is asked"):
        render(Call(api, "m", {}, inputs, options))


def test_sampling_that_an_api_does_not_have_is_refused():
    inputs = {"system_prompt": "", "messages": HI}
    with pytest.raises(UsageError, match=r"anthropic\.messages has no seed, which the sampling gives"):
        render(Call("anthropic.messages", "m", {"seed": 1}, inputs))
    assert render(Call("openai.embeddings", "m", {"temperature": 0}, inputs)) == {"model": "m", "input": "Hi"}


@pytest.mark.parametrize("api", ["openai.completions", "openai.embeddings"])
@pytest.mark.parametrize(
    "inputs",
    [
        {"system_prompt": "x", "messages": HI},
        {"system_prompt": "", "messages": HI, "tools": []},
        {"system_prompt": "", "messages": [{"role": "assistant", "content": "Hi"}]},
        {"system_prompt": "", "messages": ["Hi"]},
    ],
)
def test_an_api_that_takes_texts_refuses_the_rest(api, inputs):
    with pytest.raises(UsageError, match="takes texts alone"):
        render(Call(api, "m", {}, inputs))


def test_apis_are_found_by_name():
    assert api_named("openai.chat").path == "/chat/completions"
    with pytest.raises(UsageError, match=r"got wire API 'gemini', expected one of openai\.chat"):
        api_named("gemini")


@pytest.mark.parametrize(
    ("vendor", "messages", "api"),
    [
        ("anthropic", HI, "anthropic.messages"),
        ("groq", HI, "openai.chat"),
        ("openai", [{"type": "function_call_output", "call_id": "c", "output": "4"}], "openai.responses"),
        ("openai", [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}], "openai.responses"),
        ("gcp.vertex_ai", [{"role": "user", "content": [{"type": "tool_result"}]}], "anthropic.messages"),
        ("openai", [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "openai.chat"),
        ("openai", ["odd", None, {"role": "user", "content": ["odd"]}], "openai.chat"),
    ],
)
def test_apis_are_told_from_the_messages_and_the_vendor(vendor, messages, api):
    assert likely_api(vendor, {"messages": messages}).name == api


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_KEYS = sorted({key for bodies in REQUESTS.values() for body in bodies for key in body})
_messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": _json}), max_size=3
)
_bodies = st.dictionaries(st.sampled_from(_KEYS), _json, max_size=4).flatmap(
    lambda rest: st.builds(
        lambda asked: rest | asked, st.dictionaries(st.sampled_from(["messages", "input"]), _messages)
    )
)


@pytest.mark.parametrize("api", sorted(APIS))
@settings(max_examples=60)
@given(body=_bodies)
def test_whatever_a_request_says_is_said_again_or_refused(api, body):
    try:
        call = read(api, body)
    except NotACallError:
        return
    assert read(api, {key: value for key, value in render(call).items() if key != "model"}) == call


@pytest.mark.corpus
@pytest.mark.skipif(
    not corpus_exchanges.CORPUS.is_dir(), reason="the shared corpus is not beside the project"
)
def test_recorded_requests_are_sent_again_as_they_were():
    checked = 0
    for path in corpus_exchanges.files():
        for recorded in corpus_exchanges.exchanges(path):
            dialect = recognise(recorded.method, recorded.host, recorded.place, recorded.request)
            try:
                asked = dialect and dialect.ask(recorded.request, recorded.target)
                call = asked and read_call(dialect.name, recorded.request, asked)
            except NotACallError:
                continue
            if call:
                assert _same(json.loads(recorded.request), render(call)), (path, urlsplit(recorded.url).path)
                checked += 1
    assert checked > 500


def _same(sent, again):
    """Equal, but for what travels and for a lone text that was wrapped or bare."""
    dropped = ("model", "stream", "stream_options")
    kept = {key: value for key, value in sent.items() if value is not None and key not in dropped}
    if isinstance(kept.get("input"), str) and isinstance(again.get("input"), list):
        kept["input"] = [{"role": "user", "content": kept["input"]}]
    for key in ("input", "prompt"):
        if isinstance(kept.get(key), list) and len(kept[key]) == 1 and isinstance(again.get(key), str):
            kept[key] = kept[key][0]
    if isinstance(again.get("system"), str) and isinstance(kept["system"], list):
        kept["system"] = kept["system"][0]["text"]
    if isinstance(kept.get("stop"), str):
        kept["stop"] = [kept["stop"]]
    if kept.get("instructions") == "":
        del kept["instructions"]
    return kept == {key: value for key, value in again.items() if key != "model"}
