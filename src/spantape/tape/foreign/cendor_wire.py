"""What cendor kept of a model call, as the request and response bytes of the provider's API.

An SDK's object dumped to JSON is the API's JSON with nulls for what was absent and a few helper members beside it; a
list of dumped chunks is the stream. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from spantape.tape.foreign.bodies import json_bytes
from spantape.tape.foreign.guess import JSON, NDJSON, SSE
from spantape.tape.foreign.places import Place

_OPAQUE: Final = frozenset(
    {"input", "args", "metadata", "parameters", "schema", "input_schema", "tools", "logit_bias", "arguments"}
)
"""Members whose content is the program's own: nothing of it is touched."""

_NULLS: Final = frozenset(
    {"content", "refusal", "finish_reason", "logprobs", "stop_reason", "stop_sequence", "error"}
    | {
        "incomplete_details",
        "instructions",
        "previous_response_id",
        "max_output_tokens",
        "system_fingerprint",
    }
)
"""Members that APIs send as null."""

_HELPERS: Final = frozenset({"parsed", "parsed_arguments", "parsed_output", "snapshot", "__json_buf"})
"""Members that SDKs add to what came."""

_ANTHROPIC_EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "message_start": ("type", "message"),
    "content_block_start": ("type", "index", "content_block"),
    "content_block_delta": ("type", "index", "delta"),
    "content_block_stop": ("type", "index"),
    "message_delta": ("type", "delta", "usage", "context_management"),
    "message_stop": ("type",),
    "ping": ("type",),
    "error": ("type", "error"),
}
"""The events on the wire with their members: a stream helper adds others to both."""

_BASES: Final = {
    "openai": "https://api.openai.com/v1/",
    "azure_openai": "https://api.openai.com/v1/",
    "groq": "https://api.groq.com/openai/v1/",
    "mistral": "https://api.mistral.ai/v1/",
    "huggingface": "https://router.huggingface.co/v1/",
    "deepseek": "https://api.deepseek.com/",
    "openrouter": "https://openrouter.ai/api/v1/",
    "together": "https://api.together.xyz/v1/",
}
_CAMEL: Final = re.compile(r"_([a-z0-9])")


@dataclass(frozen=True, slots=True)
class Wire:
    """A call as it would have been on the wire; `body` None where `why` says that it cannot be told."""

    url: str
    request: Mapping[str, Any]
    body: bytes | None
    content_type: str = JSON
    why: str = ""
    is_known: bool = True


def wire_of(request: Place, response: Any, marker: str) -> Wire:
    """The wire form of a call: `request` is its kept part, `response` its dumped answer, `marker` its response type.

    Raises:
        TapeError: the request is not of the format.
    """
    provider = request["provider"].typed(str, "").lower()
    model, messages = request["model"].typed(str, ""), request["messages"].typed(list, [])
    streamed = isinstance(response, list)
    make = _MAKERS.get(provider, _openai)
    wire = make(provider, model, messages, response, marker)
    if streamed or request["stream"].value is True:
        asked = wire.request if provider in ("google", "bedrock") else {**wire.request, "stream": True}
        wire = Wire(wire.url, asked, wire.body, wire.content_type, wire.why, wire.is_known)
    return wire


def _unreadable(response: Any) -> str:
    return (
        "" if isinstance(response, dict | list) else f"its response is {type(response).__name__}, no object"
    )


# --- OpenAI and those who speak as it does -----------------------------------------------------------------------


def _openai(provider: str, model: str, messages: list[Any], response: Any, marker: str) -> Wire:
    base = _BASES.get(provider, _BASES["openai"])
    known = provider in _BASES
    first = next((each for each in _each(response) if isinstance(each, dict)), {})
    made, kind = first.get("object"), first.get("type")
    if made == "response" or (isinstance(kind, str) and kind.startswith("response.")):
        body = _named_events(response) if isinstance(response, list) else _object(response, marker)
        return Wire(
            f"{base}responses", {"model": model, "input": messages}, body, _kind(response), is_known=known
        )
    if made == "list":
        texts = [message.get("content") if isinstance(message, dict) else message for message in messages]
        return Wire(
            f"{base}embeddings", {"model": model, "input": texts}, _object(response, marker), is_known=known
        )
    body = _unnamed_events(response) if isinstance(response, list) else _object(response, marker)
    asked = {"model": model, "messages": messages}
    return Wire(f"{base}chat/completions", asked, body, _kind(response), _unreadable(response), known)


def _each(response: Any) -> Sequence[Any]:
    return response if isinstance(response, list) else [response]


def _kind(response: Any) -> str:
    return SSE if isinstance(response, list) else JSON


def _object(response: Any, marker: str) -> bytes | None:
    if not isinstance(response, dict):
        return None
    return json_bytes(response if marker in ("mapping", "envelope") else cleaned(response))


def _unnamed_events(chunks: Sequence[Any]) -> bytes:
    lines = [b"data: " + json_bytes(cleaned(chunk)) + b"\n\n" for chunk in chunks]
    return b"".join([*lines, b"data: [DONE]\n\n"])


def _named_events(events: Sequence[Any]) -> bytes:
    return b"".join(_named(event.get("type"), cleaned(event)) for event in events if isinstance(event, dict))


def _named(kind: object, event: Any) -> bytes:
    return b"event: " + str(kind).encode() + b"\ndata: " + json_bytes(event) + b"\n\n"


def cleaned(value: Any) -> Any:
    """A dumped SDK object as the API wrote it: without the nulls of absent members and without helpers."""
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: member if key in _OPAQUE else cleaned(member)
        for key, member in value.items()
        if key not in _HELPERS and (member is not None or key in _NULLS)
    }


# --- Anthropic ---------------------------------------------------------------------------------------------------


def _anthropic(_provider: str, model: str, messages: list[Any], response: Any, marker: str) -> Wire:
    body = _anthropic_events(response) if isinstance(response, list) else _object(response, marker)
    asked = {"model": model, "messages": messages}
    return Wire("https://api.anthropic.com/v1/messages", asked, body, _kind(response), _unreadable(response))


def _anthropic_events(events: Sequence[Any]) -> bytes:
    made = []
    for event in events:
        members = _ANTHROPIC_EVENTS.get(str(event.get("type"))) if isinstance(event, dict) else None
        if members is not None:
            clean = cleaned({key: event[key] for key in members if key in event})
            made.append(_named(event["type"], clean))
    return b"".join(made)


# --- others ------------------------------------------------------------------------------------------------------


def _ollama(_provider: str, model: str, messages: list[Any], response: Any, marker: str) -> Wire:
    url, asked = "http://localhost:11434/api/chat", {"model": model, "messages": messages}
    if isinstance(response, list):
        body = b"".join(json_bytes(cleaned(chunk)) + b"\n" for chunk in response)
        return Wire(url, asked, body, NDJSON)
    return Wire(url, {**asked, "stream": False}, _object(response, marker), why=_unreadable(response))


def _google(_provider: str, model: str, messages: list[Any], response: Any, _marker: str) -> Wire:
    name = quote(model.removeprefix("models/") or "unknown")
    url = f"https://generativelanguage.googleapis.com/v1beta/models/{name}:"
    asked = {"contents": [_google_content(message) for message in messages]}
    if isinstance(response, list):
        events = [b"data: " + json_bytes(_camel(cleaned(chunk))) + b"\n\n" for chunk in response]
        return Wire(f"{url}streamGenerateContent?alt=sse", asked, b"".join(events), SSE)
    body = json_bytes(_camel(cleaned(response))) if isinstance(response, dict) else None
    return Wire(f"{url}generateContent", asked, body, why=_unreadable(response))


def _google_content(message: Any) -> Any:
    """A content as the API takes it; cendor keeps what the program gave: text, a dumped object, or role and content."""
    if isinstance(message, str):
        return {"role": "user", "parts": [{"text": message}]}
    if isinstance(message, dict) and isinstance(message.get("content"), str) and "parts" not in message:
        return {"role": message.get("role", "user"), "parts": [{"text": message["content"]}]}
    return _camel(cleaned(message))


def _camel(value: Any) -> Any:
    """A dumped object with its members spelled as the API does."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    gone = ("sdk_http_response", "automatic_function_calling_history")
    return {
        _CAMEL.sub(lambda found: found[1].upper(), key): member
        if key in ("args", "response")
        else _camel(member)
        for key, member in value.items()
        if key not in gone
    }


def _bedrock(_provider: str, model: str, messages: list[Any], response: Any, _marker: str) -> Wire:
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{quote(model, safe='')}/converse"
    asked = {"messages": messages}
    if isinstance(response, list):
        return Wire(
            f"{url}-stream", asked, None, why="the frames of a Bedrock stream are not in the recording"
        )
    if not isinstance(response, dict):
        return Wire(url, asked, None, why=_unreadable(response))
    body = {key: value for key, value in response.items() if key != "ResponseMetadata"}
    return Wire(url, asked, json_bytes(body))


_MAKERS: Final[Mapping[str, Callable[[str, str, list[Any], Any, str], Wire]]] = {
    "anthropic": _anthropic,
    "ollama": _ollama,
    "google": _google,
    "gemini": _google,
    "bedrock": _bedrock,
}
