"""The scripted model server speaks both wire formats, under the real SDKs, whole and streamed."""

from __future__ import annotations

import contextlib
import struct

import anthropic
import httpx
import httpx2
import openai
import pydantic
import pytest

from spantape.errors import UsageError
from spantape.testing import (
    Gate,
    ModelServer,
    Usage,
    disconnect,
    embedding,
    error,
    raw,
    reasoning,
    refusal,
    text,
    tool_call,
)

USER = [{"role": "user", "content": "Is it warm in Oslo?"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
RESPONSE_TOOLS = [{"type": "function", "name": "weather", "parameters": PARAMETERS, "strict": True}]
CLAUDE_TOOLS = [{"name": "weather", "input_schema": PARAMETERS}]
TWO_CALLS = tool_call("weather", {"city": "Oslo"}) + tool_call("weather", {"city": "Rome"})


@contextlib.contextmanager
def openai_client(script):
    with (
        ModelServer(script) as server,
        openai.OpenAI(
            base_url=server.base_url("openai"), api_key="none", max_retries=0, timeout=10
        ) as client,
    ):
        yield server, client


@contextlib.contextmanager
def claude_client(script):
    with (
        ModelServer(script) as server,
        anthropic.Anthropic(
            base_url=server.base_url("anthropic"), api_key="none", max_retries=0, timeout=10
        ) as client,
    ):
        yield server, client


def conforms(parsed: pydantic.BaseModel) -> None:
    """The SDK's own schema accepts what it was given: it builds its objects without checking."""
    type(parsed).model_validate(parsed.to_dict())


# --- chat completions ----------------------------------------------------------------------------------------------


def test_a_chat_completion_says_the_reply_for_the_model_that_was_asked():
    with openai_client([text("It is warm.").but(usage=Usage(input=5, output=3, cached=2))]) as (
        server,
        client,
    ):
        answer = client.chat.completions.create(model="gpt-x", messages=USER)
    conforms(answer)
    assert answer.model == "gpt-x"
    assert answer.choices[0].message.content == "It is warm."
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        5,
        3,
        8,
    )
    assert answer.usage.prompt_tokens_details.cached_tokens == 2
    assert answer._request_id.startswith("req_")
    assert server.requests[0].method == "POST"
    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].header("authorization") == "Bearer none"
    assert server.requests[0].json() == {"model": "gpt-x", "messages": USER}


def test_a_chat_completion_asks_for_tools_in_parallel():
    with openai_client([text("Let me see.") + TWO_CALLS]) as (_, client):
        answer = client.chat.completions.create(model="m", messages=USER, tools=CHAT_TOOLS)
    conforms(answer)
    calls = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content == "Let me see."
    assert [(c.function.name, c.function.arguments) for c in calls] == [
        ("weather", '{"city":"Oslo"}'),
        ("weather", '{"city":"Rome"}'),
    ]
    assert calls[0].id != calls[1].id


def test_a_chat_stream_brings_the_given_pieces_each_in_its_own_event():
    with openai_client([reasoning(["hm"]) + text(["It is ", "wa", "rm."])]) as (_, client):
        chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
    for chunk in chunks:
        conforms(chunk)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert deltas[0].role == "assistant"
    assert deltas[1].reasoning_content == "hm"
    assert [delta.content for delta in deltas[2:5]] == ["It is ", "wa", "rm."]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 5 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_chat_stream_counts_usage_in_a_last_chunk_only_where_it_is_asked_to():
    with openai_client([text("a b c")]) as (_, client):
        chunks = list(
            client.chat.completions.create(
                model="m", messages=USER, stream=True, stream_options={"include_usage": True}
            )
        )
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 3


def test_the_sdks_stream_helper_puts_streamed_tool_calls_together():
    with (
        openai_client([TWO_CALLS]) as (_, client),
        client.chat.completions.stream(
            model="m",
            messages=USER,
            tools=[{**CHAT_TOOLS[0], "function": {**CHAT_TOOLS[0]["function"], "strict": True}}],
        ) as stream,
    ):
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [call.function.parsed_arguments for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert final.choices[0].finish_reason == "tool_calls"


def test_several_choices_are_interleaved_in_a_stream_and_stand_side_by_side_without():
    with openai_client([text("a b"), text("a b")]) as (_, client):
        answer = client.chat.completions.create(model="m", messages=USER, n=2)
        chunks = list(client.chat.completions.create(model="m", messages=USER, n=2, stream=True))
    assert [(c.index, c.message.content) for c in answer.choices] == [(0, "a b"), (1, "a b")]
    assert [chunk.choices[0].index for chunk in chunks] == [0, 1] * 4


def test_a_refusal_stands_apart_from_the_content():
    with openai_client([refusal("I will not."), refusal("I will not.")]) as (_, client):
        answer = client.chat.completions.create(model="m", messages=USER)
        chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
    assert answer.choices[0].message.content is None
    assert answer.choices[0].message.refusal == "I will not."
    assert "".join(c.choices[0].delta.refusal or "" for c in chunks) == "I will not."


def test_parsed_output_is_the_pydantic_model_that_was_asked_for():
    class City(pydantic.BaseModel):
        name: str

    with openai_client([text('{"name": "Oslo"}')]) as (_, client):
        answer = client.chat.completions.parse(model="m", messages=USER, response_format=City)
    assert answer.choices[0].message.parsed == City(name="Oslo")


# --- responses -----------------------------------------------------------------------------------------------------


def test_a_response_holds_reasoning_text_and_calls_as_items():
    reply = reasoning("I think") + text("Let me see.") + TWO_CALLS
    with openai_client([reply.but(usage=Usage(reasoning=7))]) as (_, client):
        answer = client.responses.create(
            model="m", input="Oslo?", tools=RESPONSE_TOOLS, instructions="Be kind.", temperature=0.5
        )
    conforms(answer)
    assert [item.type for item in answer.output] == ["reasoning", "message", "function_call", "function_call"]
    assert answer.output_text == "Let me see."
    assert answer.output[0].summary[0].text == "I think"
    assert answer.output[3].arguments == '{"city":"Rome"}'
    assert answer.usage.output_tokens_details.reasoning_tokens == 7
    assert (answer.instructions, answer.temperature) == ("Be kind.", 0.5)
    assert answer.status == "completed"


def test_a_response_stream_ends_with_the_same_object_as_without_a_stream():
    reply = reasoning("I think so") + text("Let me see.") + TWO_CALLS
    with openai_client([reply, reply]) as (_, client):
        events = list(client.responses.create(model="m", input="Oslo?", tools=RESPONSE_TOOLS, stream=True))
        whole = client.responses.create(model="m", input="Oslo?", tools=RESPONSE_TOOLS)
    for event in events:
        conforms(event)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Let me see."
    assert events[-1].type == "response.completed"
    final = events[-1].response
    assert final.output_text == whole.output_text
    assert [item.type for item in final.output] == [item.type for item in whole.output]


def test_the_sdks_response_stream_helper_understands_every_event():
    with (
        openai_client([refusal("No.") + reasoning("hm") + TWO_CALLS]) as (_, client),
        client.responses.stream(model="m", input="Oslo?", tools=RESPONSE_TOOLS) as stream,
    ):
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.refusal.delta", "response.reasoning_summary_text.delta"} <= kinds
    assert [item.parsed_arguments for item in final.output[2:]] == [{"city": "Oslo"}, {"city": "Rome"}]


def test_a_response_that_is_cut_off_is_incomplete_with_the_reason():
    with openai_client([text("It is").but(finish="length")] * 2) as (_, client):
        answer = client.responses.create(model="m", input="?")
        last = list(client.responses.create(model="m", input="?", stream=True))[-1]
    conforms(answer)
    conforms(last)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert last.type == "response.incomplete"


def test_input_tokens_of_a_response_are_counted():
    with openai_client([]) as (_, client):
        assert client.responses.input_tokens.count(model="m", input="hello there").input_tokens > 0


# --- completions and embeddings ------------------------------------------------------------------------------------


def test_a_legacy_completion_comes_whole_and_streamed():
    with openai_client([text("a b"), text("a b")]) as (_, client):
        answer = client.completions.create(model="m", prompt="Say")
        chunks = list(
            client.completions.create(
                model="m", prompt="Say", stream=True, stream_options={"include_usage": True}
            )
        )
    conforms(answer)
    conforms(chunks[-1])  # the others have a null finish_reason, as OpenAI's own have, against its own schema
    assert answer.choices[0].text == "a b"
    assert "".join(c.choices[0].text for c in chunks[:-1]) == "a b"
    assert chunks[-1].usage.completion_tokens == 2


def test_equal_inputs_have_equal_embeddings_in_base64_and_in_floats():
    with openai_client([]) as (server, client):
        coded = client.embeddings.create(model="e", input=["a", "b", "a"], dimensions=4)
        plain = client.embeddings.create(
            model="e", input=["a", "b", "a"], dimensions=4, encoding_format="float"
        )
    conforms(coded)
    vectors = [item.embedding for item in coded.data]
    assert server.requests[0].json()["encoding_format"] == "base64"
    assert vectors[0] == vectors[2] != vectors[1]
    assert [len(vector) for vector in vectors] == [4, 4, 4]
    assert [item.embedding for item in plain.data] == vectors
    assert sum(n * n for n in vectors[0]) == pytest.approx(1)


def test_embeddings_can_be_scripted_by_a_function():
    with openai_client(lambda request: embedding([0.5, -1.0])) as (_, client):
        found = client.embeddings.create(model="e", input="a").data[0].embedding
    assert struct.pack("<2f", *found) == struct.pack("<2f", 0.5, -1.0)


def test_a_list_of_tokens_is_one_input():
    with openai_client([]) as (_, client):
        assert len(client.embeddings.create(model="e", input=[1, 2, 3]).data) == 1
        assert len(client.embeddings.create(model="e", input=[[1, 2], [3]]).data) == 2


# --- anthropic -----------------------------------------------------------------------------------------------------


def test_a_message_holds_thinking_text_and_tool_use_as_blocks():
    reply = reasoning("I think") + text("Let me see.") + TWO_CALLS
    with claude_client([reply.but(usage=Usage(input=10, cached=4, cache_write=1, output=6))]) as (
        server,
        client,
    ):
        answer = client.messages.create(model="claude-x", max_tokens=9, messages=USER, tools=CLAUDE_TOOLS)
    conforms(answer)
    assert [block.type for block in answer.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert answer.content[0].thinking == "I think"
    assert answer.content[3].input == {"city": "Rome"}
    assert answer.stop_reason == "tool_use"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (5, 4)
    assert answer.usage.cache_creation_input_tokens == 1
    assert answer._request_id.startswith("req_")
    assert server.requests[0].header("anthropic-version")


def test_a_streamed_message_is_the_same_message():
    reply = reasoning("I think so") + text("Let me see.") + TWO_CALLS
    with claude_client([reply, reply]) as (_, client):
        with client.messages.stream(model="c", max_tokens=9, messages=USER, tools=CLAUDE_TOOLS) as stream:
            kinds = [event.type for event in stream]
            streamed = stream.get_final_message()
        whole = client.messages.create(model="c", max_tokens=9, messages=USER, tools=CLAUDE_TOOLS)
    conforms(streamed)
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert (streamed.model, streamed.stop_reason, streamed.usage) == (
        whole.model,
        whole.stop_reason,
        whole.usage,
    )
    assert [b.type for b in streamed.content] == [b.type for b in whole.content]
    assert streamed.content[0] == whole.content[0]
    assert streamed.content[1].text == whole.content[1].text
    assert [b.input for b in streamed.content[2:]] == [{"city": "Oslo"}, {"city": "Rome"}]


def test_raw_message_events_conform_to_the_schema():
    with claude_client([text("a b") + TWO_CALLS]) as (_, client):
        events = list(client.messages.create(model="c", max_tokens=9, messages=USER, stream=True))
    for event in events:
        conforms(event)
    assert events[-2].usage.output_tokens == 6


def test_a_refusal_is_a_stop_reason_and_a_length_too():
    with claude_client([refusal("No."), text("It").but(finish="length")]) as (_, client):
        assert client.messages.create(model="c", max_tokens=9, messages=USER).stop_reason == "refusal"
        assert client.messages.create(model="c", max_tokens=9, messages=USER).stop_reason == "max_tokens"


def test_tokens_are_counted_without_taking_a_reply():
    with claude_client([text("x")]) as (server, client):
        assert client.messages.count_tokens(model="c", messages=USER).input_tokens > 0
        assert server.remaining == 1


# --- async ---------------------------------------------------------------------------------------------------------


async def test_the_async_openai_sdk_is_served_whole_and_streamed():
    with ModelServer([text("a b"), text("a b"), TWO_CALLS]) as server:
        async with openai.AsyncOpenAI(
            base_url=server.base_url("openai"), api_key="k", max_retries=0
        ) as client:
            answer = await client.chat.completions.create(model="m", messages=USER)
            stream = await client.chat.completions.create(model="m", messages=USER, stream=True)
            pieces = [chunk.choices[0].delta.content async for chunk in stream]
            async with client.responses.stream(model="m", input="?", tools=RESPONSE_TOOLS) as helper:
                final = await helper.get_final_response()
            vectors = await client.embeddings.create(model="e", input="a")
    assert answer.choices[0].message.content == "".join(filter(None, pieces)) == "a b"
    assert len(final.output) == 2
    assert len(vectors.data) == 1


async def test_the_async_anthropic_sdk_is_served_whole_and_streamed():
    with ModelServer([text("a b"), text("a b")]) as server:
        async with anthropic.AsyncAnthropic(
            base_url=server.base_url("anthropic"), api_key="k", max_retries=0
        ) as client:
            answer = await client.messages.create(model="c", max_tokens=9, messages=USER)
            async with client.messages.stream(model="c", max_tokens=9, messages=USER) as stream:
                pieces = [piece async for piece in stream.text_stream]
    assert answer.content[0].text == "".join(pieces) == "a b"


# --- scripts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_errors_come_back_as_the_openai_sdks_own_exceptions(status, kind):
    with openai_client([error(status, message="so it is", code="why", headers={"Retry-After": "7"})]) as (
        _,
        client,
    ):
        with pytest.raises(kind, match="so it is") as caught:
            client.chat.completions.create(model="m", messages=USER)
        assert caught.value.code == "why"
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
    ],
)
def test_errors_come_back_as_the_anthropic_sdks_own_exceptions(status, kind, name):
    with claude_client([error(status, message="so it is")]) as (_, client):
        with pytest.raises(kind, match="so it is") as caught:
            client.messages.create(model="c", max_tokens=9, messages=USER)
        assert caught.value.body["error"]["type"] == name


def test_an_error_without_an_error_status_is_refused():
    with pytest.raises(UsageError, match="400 to 599"):
        error(200)


def test_a_stream_can_break_off_with_an_error_inside_a_200():
    broken = text("a b c").breaking(after=2, message="lost the thread")
    with openai_client([broken, broken, broken]) as (_, client):
        for ask in (
            lambda: client.chat.completions.create(model="m", messages=USER, stream=True),
            lambda: client.completions.create(model="m", prompt="?", stream=True),
        ):
            seen = []
            with pytest.raises(openai.APIError, match="lost the thread"):
                seen.extend(ask())
        events = list(client.responses.create(model="m", input="?", stream=True))
    assert events[-1].type == "error"
    assert events[-1].message == "lost the thread"
    assert [e.delta for e in events if e.type == "response.output_text.delta"] == ["a ", "b "]
    with claude_client([broken]) as (_, client):
        texts = []
        with (
            pytest.raises(anthropic.APIStatusError, match="lost the thread"),
            client.messages.stream(model="c", max_tokens=9, messages=USER) as stream,
        ):
            texts.extend(stream.text_stream)
        assert texts == ["a ", "b "]


def test_a_used_up_list_says_so():
    with openai_client([text("one")]) as (server, client):
        client.chat.completions.create(model="m", messages=USER)
        assert server.remaining == 0
        with pytest.raises(openai.BadRequestError, match="the script has 1 replies, and this is request 2"):
            client.chat.completions.create(model="m", messages=USER)


def test_a_function_sees_the_request_and_may_leave_the_answer_to_the_brain():
    def script(request):
        return text("mine") if "Oslo" in request.prompt.text else None

    with openai_client(script) as (_, client):
        mine = client.chat.completions.create(model="m", messages=USER)
        other = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "so?"}])
    assert mine.choices[0].message.content == "mine"
    assert other.choices[0].message.content == "You asked: so?"


def test_what_a_script_raises_is_raised_again_where_the_block_is_left():
    def script(_request):
        raise RuntimeError('no "such" thing\nhere')

    with (
        pytest.raises(RuntimeError, match="such"),
        openai_client(script) as (_, client),
        pytest.raises(openai.InternalServerError, match="the script failed: RuntimeError: no 'such' thing"),
    ):
        client.chat.completions.create(model="m", messages=USER)


def test_an_error_of_the_block_itself_is_not_replaced_by_that_of_the_script():
    def script(_request):
        raise RuntimeError("script")

    with pytest.raises(openai.InternalServerError), openai_client(script) as (_, client):
        client.chat.completions.create(model="m", messages=USER)


def test_the_same_requests_get_the_same_bytes_in_any_order():
    def ask(server, *bodies):
        with httpx2.Client() as client:
            url = server.base_url("openai") + "/chat/completions"
            return {(body, n): client.post(url, content=body).content for n, body in enumerate(bodies)}

    one, two = b'{"messages":[]}', b'{"model":"x"}'
    with ModelServer() as first, ModelServer() as second:
        straight = ask(first, one, two)
        crossed = ask(second, two, one)
        again = ask(first, one)
    assert straight[one, 0] == crossed[one, 1]
    assert straight[two, 1] == crossed[two, 0]
    assert again[one, 0] != straight[one, 0]  # a second answer to the same question has an id of its own


def test_prefixes_of_gateways_and_azure_are_served_alike():
    with ModelServer([text("a"), text("b")]) as server:
        azure = openai.AzureOpenAI(
            azure_endpoint=server.url, api_key="k", api_version="2024-06-01", max_retries=0
        )
        with azure as client:
            answer = client.chat.completions.create(model="gpt-4", messages=USER)
    assert answer.choices[0].message.content == "a"
    assert server.requests[0].route == "/openai/deployments/gpt-4/chat/completions"
    assert server.requests[0].query == {"api-version": "2024-06-01"}


def test_raw_replies_are_sent_as_they_are():
    with openai_client([raw(200, {"Content-Type": "application/json"}, '{"odd": 1}')]) as (_, client):
        answer = client.chat.completions.with_raw_response.create(model="m", messages=USER)
    assert answer.http_response.content == b'{"odd": 1}'
    assert "openai-version" not in answer.headers


def test_a_dropped_connection_is_a_connection_error():
    with openai_client([disconnect()]) as (_, client), pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="m", messages=USER)


def test_a_stream_waits_at_its_gate_and_the_chunks_before_it_are_not_held_back():
    gate = Gate()
    with openai_client([text(["a", "b", "c"]).held(gate, before=3)]) as (_, client):
        stream = client.chat.completions.create(model="m", messages=USER, stream=True)
        seen = [next(stream).choices[0].delta.content for _ in range(3)]
        assert seen == ["", "a", "b"]
        assert gate.reached.wait(5)
        gate.open()
        assert [chunk.choices[0].delta.content for chunk in stream] == ["c", None]


def test_a_stream_cut_in_its_middle_is_an_error_after_what_came():
    with openai_client([text("a b c d").cut(after=700)]) as (_, client):
        seen = []
        with pytest.raises(openai.APIConnectionError):
            seen.extend(client.chat.completions.create(model="m", messages=USER, stream=True))
    assert 1 <= len(seen) <= 4


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_bodies_and_streams_travel_compressed(encoding):
    reply = text("It is warm. " * 20).compressed(encoding)
    with openai_client([reply, reply]) as (_, client):
        answer = client.chat.completions.with_raw_response.create(model="m", messages=USER)
        chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
    assert answer.headers["content-encoding"] == encoding
    assert answer.parse().choices[0].message.content == "It is warm. " * 20
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "It is warm. " * 20


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_compressed_stream_can_be_read_event_by_event(encoding):
    gate = Gate()
    with openai_client([text(["a", "b"]).compressed(encoding).held(gate, before=2)]) as (_, client):
        stream = client.chat.completions.create(model="m", messages=USER, stream=True)
        assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "a"]
        gate.open()
        assert next(stream).choices[0].delta.content == "b"
        stream.close()


def test_zstd_bodies_and_streams_can_be_read_piece_by_piece():
    body = text("hello " * 9).compressed("zstd")
    with ModelServer([body, body]) as server, httpx.Client(base_url=server.url, timeout=10) as client:
        assert client.post("/v1/completions", content=b"{}").json()["choices"][0]["text"] == "hello " * 9
        with client.stream("POST", "/v1/completions", content=b'{"stream": true}') as response:
            assert response.headers["content-encoding"] == "zstd"
            pieces = list(response.iter_bytes())
    assert len(pieces) == 11
    assert all(piece.startswith(b"data: ") and piece.endswith(b"\n\n") for piece in pieces)


def test_an_unknown_encoding_is_refused_with_those_that_are_known():
    with (
        pytest.raises(UsageError, match="gzip, deflate, br, zstd"),
        ModelServer([text("a").compressed("lzma")]) as s,
    ):
        httpx2.post(s.base_url("openai") + "/completions", content=b"{}")


def test_unknown_routes_get_a_json_404_and_take_nothing_from_the_script():
    with ModelServer([text("a")]) as server, httpx2.Client(base_url=server.url) as client:
        for answer in (client.get("/v1/models"), client.post("/v2/none"), client.get("/v1/chat/completions")):
            assert answer.status_code == 404
            assert answer.json()["error"]["type"] == "not_found_error"
        assert client.head("/").status_code == 404
        assert server.remaining == 1


def test_a_function_answers_any_route_with_raw_replies_and_errors():
    replies = {
        "/health": raw(204),
        "/odd": error(418, "teapot", "short and stout"),
        "/else": text("no model here"),
    }
    with (
        ModelServer(lambda request: replies[request.route]) as server,
        httpx2.Client(base_url=server.url) as client,
    ):
        assert client.get("/health").status_code == 204
        assert client.get("/odd").json()["error"] == {"type": "teapot", "message": "short and stout"}
        assert client.get("/else").status_code == 404


def test_a_malformed_request_body_is_answered_all_the_same():
    with ModelServer() as server, httpx2.Client(base_url=server.url) as client:
        for body in (
            b"",
            b"{",
            b"[1]",
            b'{"messages": 5, "tools": {"a": 1}, "stream": "x", "n": "y"}',
            b"\xff",
        ):
            for path in (
                "/v1/chat/completions",
                "/v1/responses",
                "/v1/messages",
                "/v1/completions",
                "/v1/embeddings",
            ):
                assert client.post(path, content=body).status_code == 200


def test_base_urls_are_what_each_sdk_wants():
    with ModelServer() as server:
        assert server.base_url("openai") == server.url + "/v1"
        assert server.base_url("anthropic") == server.url
        with pytest.raises(UsageError, match="expected 'openai' or 'anthropic'"):
            server.base_url("gemini")
