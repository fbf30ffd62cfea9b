"""Response bytes composed of messages: read back they say the same, and the real SDKs accept them."""

from __future__ import annotations

import anthropic
import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._dialects import _names
from spantape._dialects._base import Asked
from spantape._dialects._routes import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES
from spantape._dialects.compose import Said, Uncomposable, compose, compose_error
from spantape.errors import UsageError

DIALECTS = {dialect.name: dialect for dialect in (CHAT, RESPONSES, MESSAGES, COMPLETIONS, EMBEDDINGS)}
CALLED = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Tromsø"}}


def said_back(name, said, *, stream):
    response = compose(name, said, stream=stream)
    assert sum(response.chunks) in (0, len(response.body))
    kind = dict(response.headers)["content-type"]
    return DIALECTS[name].answer(response.body, response.status, kind, Asked(operation="chat"))


# --- anything that an API can say comes back ----------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(TEXT, JSON, max_size=3) | st.just("not JSON {")
CALLS = st.builds(
    lambda call_id, name, arguments: {
        "type": "tool_call",
        "id": call_id,
        "name": name,
        "arguments": arguments,
    },
    st.from_regex(r"call_[a-z0-9]{1,12}", fullmatch=True),
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
    ARGUMENTS,
)
TEXTS = st.builds(lambda text: {"type": "text", "content": text}, TEXT)
REASONINGS = st.builds(lambda text: {"type": "reasoning", "content": text}, TEXT)
TOKENS = st.integers(0, 10**9)


def message(parts, finish):
    return {"role": "assistant", "parts": parts, "finish_reason": finish}


@st.composite
def chat_choices(draw):
    """A choice has at most one reasoning and one text, in this order, before its calls."""
    choices = []
    for _ in range(draw(st.integers(1, 3))):
        parts = draw(st.lists(REASONINGS, max_size=1)) + draw(st.lists(TEXTS, max_size=1))
        parts += draw(st.lists(CALLS, max_size=2, unique_by=lambda part: part["id"]))
        choices.append(
            message(parts, draw(st.sampled_from(["stop", "tool_call", "length", "content_filter", "error"])))
        )
    return choices


@st.composite
def one_answer(draw):
    """Parts in any order, ended as an API without choices can say it."""
    parts = draw(st.lists(TEXTS | REASONINGS | CALLS, min_size=1, max_size=5))
    natural = "tool_call" if any(part["type"] == "tool_call" for part in parts) else "stop"
    return [message(parts, draw(st.sampled_from([natural, "length", "content_filter"])))]


@st.composite
def usages(draw):
    usage = {_names.OUTPUT_TOKENS: draw(TOKENS)}
    read, written = draw(TOKENS), draw(TOKENS)
    usage[_names.INPUT_TOKENS] = read + written + draw(TOKENS)
    optional = {_names.CACHE_READ_TOKENS: read, _names.CACHE_WRITE_TOKENS: written}
    optional[_names.REASONING_TOKENS] = draw(TOKENS)
    for key in draw(st.sets(st.sampled_from(sorted(optional)))):
        usage[key] = optional[key]
    return usage


MODELS = st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True)
STREAM = st.booleans()


def assert_comes_back(name, messages, usage, model, *, stream):
    said = Said(messages, model=model, id="id-1", usage=usage)
    found = said_back(name, said, stream=stream)
    assert found.messages == messages
    assert found.error is None
    assert found.attributes == {
        _names.RESPONSE_ID: "id-1",
        _names.RESPONSE_MODEL: model,
        _names.FINISH_REASONS: [each["finish_reason"] for each in messages],
        **usage,
    }


@settings(max_examples=60, deadline=None)
@given(chat_choices(), usages(), MODELS, STREAM)
def test_a_chat_completion_says_what_it_was_composed_of(messages, usage, model, stream):
    assert_comes_back("openai.chat", messages, usage, model, stream=stream)


@settings(max_examples=60, deadline=None)
@given(one_answer(), usages(), MODELS, STREAM)
def test_a_response_says_what_it_was_composed_of(messages, usage, model, stream):
    assert_comes_back("openai.responses", messages, usage, model, stream=stream)


@settings(max_examples=60, deadline=None)
@given(one_answer(), usages(), MODELS, STREAM)
def test_a_message_says_what_it_was_composed_of(messages, usage, model, stream):
    assert_comes_back("anthropic.messages", messages, usage, model, stream=stream)


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(["stop", "length", "error"]), STREAM)
def test_a_text_completion_says_what_it_was_composed_of(texts, finish, stream):
    messages = [message([part], finish) for part in texts]
    assert_comes_back("openai.completions", messages, {_names.INPUT_TOKENS: 3}, "m", stream=stream)


@settings(max_examples=30, deadline=None)
@given(one_answer(), st.sampled_from(["openai.responses", "anthropic.messages"]))
def test_a_broken_stream_still_says_what_its_events_said(messages, name):
    """The events before the last one, which of a response holds everything once more, add up to the same parts."""
    whole = compose(name, Said(messages, model="m", id="id-1"), stream=True)
    body = whole.body[: len(whole.body) - whole.chunks[-1]]
    found = DIALECTS[name].answer(body, 200, "text/event-stream", Asked(operation="chat"))
    assert [each["parts"] for each in found.messages] == [messages[0]["parts"]]


SERVER_TOOL = [
    {
        "type": "server_tool_call",
        "id": "ws_1",
        "name": "web_search",
        "server_tool_call": {"type": "web_search", "action": {"type": "search", "query": "rain"}},
    },
    {"type": "text", "content": "It rains."},
]
CLAUDE_SERVER_TOOL = [
    {
        "type": "server_tool_call",
        "id": "srvtoolu_1",
        "name": "web_search",
        "server_tool_call": {"type": "web_search", "query": "rain"},
    },
    {
        "type": "server_tool_call_response",
        "id": "srvtoolu_1",
        "server_tool_call_response": {"type": "web_search", "content": [{"title": "Rain"}]},
    },
    {"type": "compaction", "content": "So far it rained."},
    {"type": "text", "content": "It rains."},
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("name", "parts"), [("openai.responses", SERVER_TOOL), ("anthropic.messages", CLAUDE_SERVER_TOOL)]
)
def test_what_the_provider_ran_itself_comes_back(name, parts, stream):
    found = said_back(name, Said([message(parts, "stop")], model="m"), stream=stream)
    assert found.messages == [message(parts, "stop")]


def test_what_an_api_has_no_form_for_is_refused_by_name():
    image = {"type": "blob", "modality": "image", "content": "aGk="}
    for name in ("openai.chat", "openai.responses", "anthropic.messages", "openai.completions"):
        with pytest.raises(Uncomposable, match=rf"'blob'.*{name}"):
            compose(name, Said([message([image], "stop")]))
    with pytest.raises(UsageError, match=r"cohere\.chat"):
        compose("cohere.chat", Said())


def test_what_was_not_recorded_is_made_of_the_content():
    """Equal content makes equal bytes; other content another id."""
    hello, bye = ([message([{"type": "text", "content": text}], "stop")] for text in ("Hello", "Bye"))
    one, again, other = (compose("openai.chat", Said(said, model="m")).body for said in (hello, hello, bye))
    assert one == again
    ids = [
        DIALECTS["openai.chat"].answer(b, 200, "", Asked()).attributes[_names.RESPONSE_ID]
        for b in (one, other)
    ]
    assert len(set(ids)) == 2


def test_a_finish_that_was_not_recorded_follows_from_the_parts():
    for name in ("openai.chat", "openai.responses", "anthropic.messages"):
        said = Said([{"role": "assistant", "parts": [CALLED]}], model="m")
        assert said_back(name, said, stream=False).messages[0]["finish_reason"] == "tool_call"


# --- the real SDKs -------------------------------------------------------------------------------------------------


def answering(response):
    def handler(_request):
        return httpx2.Response(response.status, headers=list(response.headers), content=response.body)

    return httpx2.Client(transport=httpx2.MockTransport(handler))


@pytest.fixture
def openai_client():
    clients = []

    def make(response):
        http = answering(response)
        clients.append(http)
        return openai.OpenAI(api_key="none", http_client=http)

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def claude_client():
    clients = []

    def make(response):
        http = answering(response)
        clients.append(http)
        return anthropic.Anthropic(api_key="none", http_client=http)

    yield make
    for client in clients:
        client.close()


SAID = Said(
    [
        message(
            [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Let me look."}, CALLED],
            "tool_call",
        )
    ],
    model="m-1",
    id="id-1",
    usage={_names.INPUT_TOKENS: 31, _names.OUTPUT_TOKENS: 7, _names.CACHE_READ_TOKENS: 4},
)
ASKED = [{"role": "user", "content": "Rain?"}]


def test_openai_reads_a_chat_completion(openai_client):
    found = openai_client(compose("openai.chat", SAID)).chat.completions.create(model="m", messages=ASKED)
    choice = found.choices[0]
    assert (found.id, found.model, choice.finish_reason) == ("id-1", "m-1", "tool_calls")
    assert choice.message.content == "Let me look."
    assert choice.message.tool_calls[0].function.arguments == '{"city":"Tromsø"}'
    assert (found.usage.prompt_tokens, found.usage.total_tokens) == (31, 38)
    assert found.usage.prompt_tokens_details.cached_tokens == 4


def test_openai_reads_a_streamed_chat_completion(openai_client):
    client = openai_client(compose("openai.chat", SAID, stream=True))
    with client.chat.completions.stream(model="m", messages=ASKED) as stream:
        found = stream.get_final_completion()
    assert found.choices[0].message.content == "Let me look."
    assert found.choices[0].message.tool_calls[0].function.arguments == '{"city":"Tromsø"}'
    assert found.usage.completion_tokens == 7


def test_a_stream_has_no_usage_unless_it_was_asked_for(openai_client):
    said = Said(SAID.messages, model="m", usage=SAID.usage, include_usage=False)
    client = openai_client(compose("openai.chat", said, stream=True))
    chunks = list(client.chat.completions.create(model="m", messages=ASKED, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_openai_reads_choices_and_refusals(openai_client):
    said = Said(
        [
            message([{"type": "refusal", "content": "No."}], "stop"),
            message([{"type": "text", "content": "Yes."}], "stop"),
        ]
    )
    found = openai_client(compose("openai.chat", said)).chat.completions.create(
        model="m", messages=ASKED, n=2
    )
    assert [choice.message.refusal for choice in found.choices] == ["No.", None]
    assert [choice.message.content for choice in found.choices] == [None, "Yes."]


def test_openai_reads_a_response(openai_client):
    found = openai_client(compose("openai.responses", SAID)).responses.create(model="m", input="Rain?")
    assert [item.type for item in found.output] == ["reasoning", "message", "function_call"]
    assert (found.output_text, found.status, found.model) == ("Let me look.", "completed", "m-1")
    assert found.output[2].call_id == "call_1"
    assert found.usage.input_tokens_details.cached_tokens == 4


def test_openai_reads_a_streamed_response(openai_client):
    client = openai_client(compose("openai.responses", SAID, stream=True))
    with client.responses.stream(model="m", input="Rain?") as stream:
        found = stream.get_final_response()
    assert found.output_text == "Let me look."
    assert found.output[2].arguments == '{"city":"Tromsø"}'


def test_openai_reads_completions_and_embeddings(openai_client):
    text = Said([message([{"type": "text", "content": "rains."}], "stop")], model="m")
    found = openai_client(compose("openai.completions", text)).completions.create(model="m", prompt="It ")
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("rains.", "stop")
    vectors = Said(vectors=[[0.25, 0.5]], model="e", usage={_names.INPUT_TOKENS: 2})
    embedded = openai_client(compose("openai.embeddings", vectors)).embeddings.create(model="e", input="x")
    assert embedded.data[0].embedding == [0.25, 0.5]
    with pytest.raises(Uncomposable, match="no vectors"):
        compose("openai.embeddings", Said())


def test_anthropic_reads_a_message(claude_client):
    client = claude_client(compose("anthropic.messages", SAID))
    found = client.messages.create(model="m", max_tokens=9, messages=ASKED)
    assert [block.type for block in found.content] == ["thinking", "text", "tool_use"]
    assert (found.id, found.stop_reason, found.content[2].input) == ("id-1", "tool_use", {"city": "Tromsø"})
    assert (found.usage.input_tokens, found.usage.cache_read_input_tokens) == (27, 4)


def test_anthropic_reads_a_streamed_message(claude_client):
    client = claude_client(compose("anthropic.messages", SAID, stream=True))
    with client.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
        found = stream.get_final_message()
    assert [block.type for block in found.content] == ["thinking", "text", "tool_use"]
    assert found.content[2].input == {"city": "Tromsø"}
    assert (found.stop_reason, found.usage.output_tokens) == ("tool_use", 7)


def test_errors_are_raised_as_the_sdks_own_and_not_retried(openai_client, claude_client):
    with pytest.raises(openai.RateLimitError, match=r"Slow down\."):
        openai_client(compose_error("openai.chat", 429, "rate_limit_error", "Slow down.")).models.list()
    with pytest.raises(anthropic.InternalServerError, match="Overloaded"):
        claude_client(
            compose_error("anthropic.messages", 529, "overloaded_error", "Overloaded")
        ).models.list()
