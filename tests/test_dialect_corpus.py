"""Every recorded HTTP exchange of the shared corpus, read by the dialects and, beside them, by plain JSON."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dialect_forgiving import refusals
from spantape._dialects import known_host, provider_name, recognise
from spantape._framing import sse

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
MANIFEST = CORPUS / "manifest.jsonl"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not MANIFEST.exists(), reason="the shared corpus is not beside the project"),
]

# operations of the manifest: the dialect, and the operation name of its spans
OPERATIONS = {
    "chat.completions": ("openai.chat", "chat"),
    "prompts.completions": ("openai.chat", "chat"),
    "completions": ("openai.completions", "text_completion"),
    "embeddings": ("openai.embeddings", "embeddings"),
    "responses": ("openai.responses", "chat"),
    "responses.input_tokens": ("openai.responses", None),
    "responses.retrieve": ("openai.responses", "fetch_response"),
    "messages": ("anthropic.messages", "chat"),
    "messages.count_tokens": ("anthropic.messages", None),
    "chat": ("openai.chat", "chat"),  # Writer; Cohere's are v1.chat and v2.chat
}
# whose name in the manifest is not the one that we give
PROVIDERS = {
    "azure-openai": "azure.ai.openai",
    "bedrock-mantle": "aws.bedrock",
    "google-genai": "gcp.gemini",
    "mistral": "mistral_ai",
    "openai-compatible": "openai",
    "other": "openai",
    "snowflake-cortex": "snowflake",
    "vertexai": "gcp.vertex_ai",
    "vllm": "openai",
    "voyageai": "voyage_ai",
    "zai": "z_ai",
}
FINISHES = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "tool_use": "tool_call",
}


def manifest():
    return [json.loads(line) for line in MANIFEST.read_text().splitlines()] if MANIFEST.exists() else []


FILES = [entry for entry in manifest() if entry["kind"] == "http"]
EACH_FILE = pytest.mark.parametrize("entry", FILES, ids=[entry["file"] for entry in FILES])


def body(exchange, side):
    text = exchange[f"{side}_body"]
    if text is not None:
        return text.encode()
    return base64.b64decode(exchange.get(f"{side}_body_b64") or "")


class Read:
    """One exchange, as the dialects read it."""

    def __init__(self, exchange):
        url = urlsplit(exchange["url"])
        self.exchange = exchange
        self.host, self.place = url.netloc, url.path
        self.path = f"{url.path}?{url.query}" if url.query else url.path
        self.request, self.response = body(exchange, "request"), body(exchange, "response")
        self.status = exchange["status"]
        self.dialect = recognise(exchange["method"], self.host, self.path, self.request)
        if self.dialect is not None:
            content_type = exchange["response_headers"].get("content-type", "")
            self.asked = self.dialect.ask(self.request, self.path)
            self.answered = self.dialect.answer(self.response, self.status, content_type, self.asked)


def exchanges(entry):
    text = (CORPUS / entry["file"]).read_text(encoding="utf-8")
    return [Read(json.loads(line)) for line in text.split("\n") if line]


def expected_operation(read):
    """The manifest's word for an exchange, told by its URL alone, None for those that no dialect here speaks."""
    method, place = read.exchange["method"], read.place.rstrip("/")
    if method == "GET":
        return "responses.retrieve" if re.search(r"/responses/resp_\w+$", place) else None
    if method != "POST":
        return None
    if re.search(r"/api/(chat|embeddings)$", place) or "cohere" in read.host:
        return None
    ends = {
        r"/v1/messages/count_tokens": "messages.count_tokens",
        r"/v1/messages": "messages",
        r"/chat/completions": "chat.completions",
        r"/prompts/[^/]+/completions": "prompts.completions",
        r"/completions": "completions",
        r"/embeddings": "embeddings",
        r"/responses": "responses",
        r"/responses/compact": "responses",
        r"/responses/input_tokens": "responses.input_tokens",
        r"writer\.com(:443)?/v1/chat": "chat",
    }
    return next((name for end, name in ends.items() if re.search(end + "$", read.host + place)), None)


@EACH_FILE
def test_exchanges_are_recognised(entry):
    reads = exchanges(entry)
    for read in reads:
        expected = expected_operation(read)
        assert expected is None or expected in OPERATIONS
        dialect, operation = OPERATIONS[expected] if expected else (None, None)
        assert (read.dialect.name if read.dialect else None) == dialect
        if read.dialect is not None:
            assert read.asked.operation == operation
            assert not expected or expected in entry["operations"] or expected == "chat.completions"
    if entry["operation"] in OPERATIONS:
        assert any(read.dialect and read.dialect.name == OPERATIONS[entry["operation"]][0] for read in reads)
    if entry["streaming"] == "none" and not entry["operation"].startswith("api."):
        assert not any(
            read.dialect and sse.is_stream(read.response) and b"data:" in read.response for read in reads
        )


@EACH_FILE
def test_providers_are_named(entry):
    for read in exchanges(entry):
        headers = tuple(read.exchange["request_headers"].items())
        name = provider_name(read.host, read.path, headers, read.dialect)
        local = read.host.startswith("localhost:") or read.host.endswith(
            (".workers.dev", ".snowflakecomputing.com")
        )
        assert known_host(read.host) or local
        if (
            read.dialect is not None
            and len(entry["providers"]) == 1
            and entry["provider"] != "pydantic-gateway"
        ):
            assert name == PROVIDERS.get(entry["provider"], entry["provider"])


@EACH_FILE
def test_requests_give_back_what_json_says(entry):
    for read in exchanges(entry):
        wire = request_of(read)
        if wire is None:
            continue
        deployment = re.search(r"/deployments/([^/]+)/", read.place)
        assert read.asked.model == (deployment[1] if deployment else wire.get("model"))
        assert read.asked.stream is (wire.get("stream") is True)
        messages = wire.get("messages", wire.get("input")) if "embeddings" not in read.dialect.name else []
        if read.dialect.name == "openai.completions":
            messages = wire["prompt"]
        count = 1 if isinstance(messages, str) else len(messages or [])
        rendered = read.asked.render(0)
        assert (read.asked.message_count, len(rendered)) == (count, count)
        assert read.asked.render(count - 1) == rendered[count - 1 :]
        assert_content(wire, rendered)
        for ours, theirs in (("temperature", "temperature"), ("top_p", "top_p")):
            assert read.asked.attributes.get(f"gen_ai.request.{ours}") == wire.get(theirs)
        assert len(read.asked.tools() if read.asked.tools else []) == len(
            wire.get("tools") or wire.get("functions") or []
        )


def request_of(read):
    """The request as JSON, None where it was not recorded, or not as the JSON that it was (Writer's, once)."""
    try:
        return json.loads(read.request) if read.dialect is not None and read.request else None
    except json.JSONDecodeError:
        assert "writer" in read.host
        return None


def assert_content(wire, rendered):
    """Every plain text that was sent is there, in its place."""
    for sent, message in zip(wire.get("messages") or [], rendered, strict=False):
        assert message["role"] == sent["role"]
        if (
            isinstance(sent.get("content"), str)
            and sent["content"]
            and sent["role"] not in ("tool", "function")
        ):
            assert {"type": "text", "content": sent["content"]} in message["parts"]
        calls = [part for part in message["parts"] if part["type"] == "tool_call"]
        blocks = sent["content"] if isinstance(sent.get("content"), list) else []
        assert len(calls) == len(sent.get("tool_calls") or []) + sum(
            block["type"] == "tool_use" for block in blocks
        )


@EACH_FILE
def test_answers_give_back_what_json_says(entry):
    for read in exchanges(entry):
        if read.dialect is None:
            continue
        attributes = dict(read.answered.attributes)
        assert (read.answered.error is not None) == (read.status >= 400 or reports_an_error(read.response))
        if read.status >= 400 or read.asked.operation is None:
            assert attributes == {}
            continue
        plain = PLAIN[read.dialect.name](read)
        if read.asked.operation == "fetch_response":
            plain = {key: value for key, value in plain.items() if "usage" not in key}
        compared = {key: value for key, value in attributes.items() if key in COMPARED}
        assert compared == {key: value for key, value in plain.items() if value not in (None, "")}
        if read.answered.messages and attributes.get(FINISH):
            assert [message["finish_reason"] for message in read.answered.messages] == attributes[FINISH]


ID, MODEL, FINISH = "gen_ai.response.id", "gen_ai.response.model", "gen_ai.response.finish_reasons"
INPUT, OUTPUT = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED, WRITTEN = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"
REASONED, DIMENSIONS = "gen_ai.usage.reasoning.output_tokens", "gen_ai.embeddings.dimension.count"
COMPARED = (ID, MODEL, FINISH, INPUT, OUTPUT, CACHED, WRITTEN, REASONED, DIMENSIONS)


def values(read):
    """The JSON values of the answer: one, or one for each event."""
    text = read.response.decode().replace("\r\n", "\n").strip()
    if text.startswith("{"):
        return [json.loads(text)]
    lines = [line[5:].strip() for line in text.split("\n") if line.startswith("data:")]
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def reports_an_error(response):
    return b'"error":{"' in response.replace(b" ", b"").replace(b"\n", b"")


def first(items):
    return next((item for item in items if item), None)


def usage_of(found):
    """The counts of OpenAI's APIs, by their names in the field table."""
    found = found or {}
    given = (
        found.get("prompt_tokens_details")
        or found.get("input_tokens_details")
        or found.get("prompt_token_details")
        or {}
    )
    made = (
        found.get("completion_tokens_details")
        or found.get("output_tokens_details")
        or found.get("completion_token_details")
        or {}
    )
    cached = [
        given.get("cached_tokens"),
        *map(found.get, ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")),
    ]
    return {
        INPUT: found.get("prompt_tokens", found.get("input_tokens")),
        OUTPUT: found.get("completion_tokens", found.get("output_tokens")),
        CACHED: next((count for count in cached if count is not None), None),
        WRITTEN: given.get("cache_write_tokens"),
        REASONED: made.get("reasoning_tokens"),
    }


def plain_choices(read):
    """Chat and text completions."""
    chunks = values(read)
    finishes = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or ([{}] if "value" in chunk else []):
            index = choice.get("index") or 0
            finishes[index] = choice.get("finish_reason") or finishes.get(index)
    usages = [chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") for chunk in chunks]
    return {
        ID: first(chunk.get("id") for chunk in chunks),
        MODEL: first(chunk.get("model") for chunk in chunks),
        FINISH: [FINISHES.get(finishes[index], finishes[index] or "error") for index in sorted(finishes)]
        or None,
        **usage_of(first(reversed(usages))),
    }


def plain_response(read):
    """The responses API; of a stream the last response."""
    whole = next(
        (
            value.get("response", value)
            for value in reversed(values(read))
            if "response" in value or "output" in value
        ),
        {},
    )
    calls = [
        item["type"] in ("function_call", "custom_tool_call") or item.get("execution") == "client"
        for item in whole.get("output") or []
    ]
    finish = "tool_call" if any(calls) else "stop"
    if whole.get("object") == "response.compaction":
        finish = "compaction"
    unfinished = whole.get("status") in ("queued", "in_progress")
    return {
        ID: whole.get("id"),
        MODEL: whole.get("model"),
        FINISH: None if unfinished else [finish],
        **usage_of(whole.get("usage")),
    }


def plain_embeddings(read):
    found = values(read)[0]
    usage = found.get("usage") or {}
    vector = found["data"][0]["embedding"]
    size = len(base64.b64decode(vector)) // 4 if isinstance(vector, str) else len(vector)
    return {
        ID: found.get("id"),
        MODEL: found.get("model"),
        INPUT: usage.get("prompt_tokens", usage.get("total_tokens")),
        DIMENSIONS: size,
    }


def plain_message(read):
    """Anthropic's messages."""
    whole = {}
    for value in values(read):
        kind = value["type"]
        if kind in ("message", "message_start"):
            whole = value.get("message", value)
        elif kind == "message_delta":
            fresh = {key: count for key, count in value["usage"].items() if count is not None}
            whole = {**whole, **value["delta"], "usage": {**whole["usage"], **fresh}}
    usage = whole["usage"]
    read_, written = usage.get("cache_read_input_tokens"), usage.get("cache_creation_input_tokens")
    return {
        ID: whole["id"],
        MODEL: whole["model"],
        FINISH: [FINISHES.get(whole["stop_reason"], whole["stop_reason"])],
        INPUT: usage["input_tokens"] + (read_ or 0) + (written or 0),
        OUTPUT: usage["output_tokens"],
        CACHED: read_,
        WRITTEN: written,
        REASONED: (usage.get("output_tokens_details") or {}).get("thinking_tokens"),
    }


PLAIN = {
    "openai.chat": plain_choices,
    "openai.completions": plain_choices,
    "openai.responses": plain_response,
    "openai.embeddings": plain_embeddings,
    "anthropic.messages": plain_message,
}


@EACH_FILE
def test_both_ways_of_reading_give_the_same(entry):
    typed = [meaning(read) for read in exchanges(entry) if read.dialect is not None]
    with refusals():
        assert [meaning(read) for read in exchanges(entry) if read.dialect is not None] == typed


def meaning(read):
    asked = read.asked
    on_demand = [render() if render else None for render in (asked.system, asked.tools)]
    return (asked.model, asked.stream, asked.attributes, asked.render(0), on_demand, read.answered)


@EACH_FILE
def test_whole_texts_come_out_of_streams(entry):
    """The text of a streamed answer is the concatenation of its pieces, choice by choice."""
    for read in exchanges(entry):
        if read.dialect is None or read.status >= 400 or not sse.is_stream(read.response):
            continue
        said = [
            "".join(part["content"] for part in message["parts"] if part["type"] == "text")
            for message in read.answered.messages
        ]
        texts = {}
        for value in values(read):
            for index, piece in pieces(value):
                texts[index] = texts.get(index, "") + piece
        if texts or not any(said):
            assert said == [texts[index] for index in sorted(texts)] or (
                not any(said) and not any(texts.values())
            )


def pieces(value):
    """The pieces of answer text in one event."""
    for choice in value.get("choices") or []:
        content = (choice.get("delta") or {}).get("content", choice.get("text"))
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        yield choice.get("index", 0), content or ""
    if "value" in value:
        yield 0, value["value"]
    if value.get("type") == "response.output_text.delta":
        yield 0, value["delta"]
    if value.get("type") == "content_block_delta":
        yield 0, value["delta"].get("text", "")


@EACH_FILE
def test_any_cut_of_an_answer_is_survived(entry):
    for read in exchanges(entry):
        if read.dialect is None:
            continue
        size = len(read.response)
        for end in {size // 5, size // 2, size - 3, size - 1} - {size}:
            cut = read.response[: max(end, 0)]
            answered = read.dialect.answer(cut, read.status, "text/event-stream", read.asked)
            assert json.dumps(answered.messages), "messages are JSON, however little of them came"


@EACH_FILE
def test_spans_of_payloads_are_the_payloads(entry):
    for read in exchanges(entry):
        if b"data:" not in read.response or not sse.is_stream(read.response):
            continue
        spans = [read.response[start:end] for start, end in sse.event_spans(read.response)]
        assert b"\n".join(spans) == b"\n".join(event.data for event in sse.events(read.response, torn=True))
