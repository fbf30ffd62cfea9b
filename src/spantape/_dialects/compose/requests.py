"""Request bodies out of messages: what was asked, as far as it was recorded, in the form of a wire API.

Such a body is there to be read and compared; its bytes are not those that were sent. `ask` gives back the messages,
the system prompt and the tools that went into it, by their meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spantape._dialects import _names, _parts
from spantape._dialects._base import Message
from spantape._dialects.compose._base import Part, arguments_text, encoded, parts_of, text_of
from spantape.errors import UsageError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for, in the words of the conventions; None for what was not recorded.

    `options` hold `gen_ai.request.*` attributes.
    """

    model: str = ""
    messages: Sequence[Message] | None = None
    system: Sequence[Part] | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    stream: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


def compose_request(dialect: str, wanted: Wanted) -> tuple[str, bytes]:
    """The path (below the API's base) and the body of a request that means `wanted`.

    Raises:
        UsageError: no such dialect has a composer.
    """
    found = _REQUESTS.get(dialect)
    if found is None:
        raise UsageError(f"got the wire API {dialect!r}, expected one of {', '.join(sorted(_REQUESTS))}")
    path, render, options = found
    body: dict[str, Any] = {"model": wanted.model} if wanted.model else {}
    body |= render(wanted)
    body |= {name: wanted.options[key] for key, name in options.items() if key in wanted.options}
    if wanted.stream:
        body["stream"] = True
    return path, encoded(body)


# --- openai: chat ----------------------------------------------------------------------------------------------------


def _chat(wanted: Wanted) -> dict[str, Any]:
    messages = [message for given in wanted.messages or () for message in _chat_messages(given)]
    if system := _joined(wanted.system):
        messages.insert(0, {"role": "system", "content": system})
    tools = [{"type": "function", "function": _function(tool, "parameters")} for tool in wanted.tools or ()]
    return {"messages": messages, **({"tools": tools} if tools else {})}


def _chat_messages(message: Message) -> list[dict[str, Any]]:
    """A message; the results of tools in it are messages of their own."""
    parts = parts_of(message)
    results = [_chat_result(part) for part in parts if part.get("type") == "tool_call_response"]
    rest = [part for part in parts if part.get("type") not in ("tool_call_response", "reasoning")]
    if results and not rest:
        return results
    calls = [_chat_call(part) for part in rest if part.get("type") == "tool_call"]
    content = _contents([part for part in rest if part.get("type") != "tool_call"], _CHAT_PARTS)
    made: dict[str, Any] = {"role": message.get("role") or "user", "content": content}
    if isinstance(message.get("name"), str):
        made["name"] = message["name"]
    return [*results, {**made, "tool_calls": calls} if calls else made]


def _chat_result(part: Part) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": part.get("id") or "", "content": _result_text(part)}


def _chat_call(part: Part) -> dict[str, Any]:
    function = {"name": part.get("name") or "", "arguments": arguments_text(part)}
    return {"id": part.get("id") or "", "type": "function", "function": function}


# --- openai: responses -----------------------------------------------------------------------------------------------


def _responses(wanted: Wanted) -> dict[str, Any]:
    items = [item for message in wanted.messages or () for item in _items(message)]
    tools = [{"type": "function", **_function(tool, "parameters")} for tool in wanted.tools or ()]
    system = _joined(wanted.system)
    return {
        **({"instructions": system} if system else {}),
        "input": items,
        **({"tools": tools} if tools else {}),
    }


def _items(message: Message) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    spoken: list[Part] = []
    role = message.get("role") or "user"
    for part in [*parts_of(message), {"type": "end"}]:
        kind = part.get("type")
        if kind not in ("tool_call", "tool_call_response", "reasoning", "end"):
            spoken.append(part)
            continue
        if spoken:
            items.append({"role": role, "content": _contents(spoken, _RESPONSES_PARTS)})
            spoken = []
        if kind == "tool_call":
            call = {"name": part.get("name") or "", "arguments": arguments_text(part)}
            items.append({"type": "function_call", "call_id": part.get("id") or "", **call})
        elif kind == "tool_call_response":
            output = {"call_id": part.get("id") or "", "output": _result_text(part)}
            items.append({"type": "function_call_output", **output})
    return items


# --- anthropic -------------------------------------------------------------------------------------------------------


def _messages(wanted: Wanted) -> dict[str, Any]:
    made = [
        {"role": _claude_role(message), "content": _contents(_told(message), _CLAUDE_PARTS)}
        for message in wanted.messages or ()
    ]
    system = _joined(wanted.system)
    tools = [_function(tool, "input_schema") for tool in wanted.tools or ()]
    return {
        **({"system": system} if system else {}),
        "messages": made,
        **({"tools": tools} if tools else {}),
    }


def _told(message: Message) -> list[Part]:
    return [part for part in parts_of(message) if part.get("type") != "reasoning"]


def _claude_role(message: Message) -> str:
    role = message.get("role") or "user"
    return "user" if role == "tool" else role


def _claude_call(part: Part) -> dict[str, Any]:
    given = _parts.parsed(part.get("arguments"))
    block = {"id": part.get("id") or "", "name": part.get("name") or ""}
    return {"type": "tool_use", **block, "input": {} if given is None else given}


def _claude_result(part: Part) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": part.get("id") or "", "content": _result_text(part)}


def _claude_media(part: Part) -> dict[str, Any]:
    kind = "image" if part.get("modality") == "image" else "document"
    if part["type"] == "blob":
        source = {
            "type": "base64",
            "media_type": part.get("mime_type") or "",
            "data": part.get("content") or "",
        }
    elif part["type"] == "uri":
        source = {"type": "url", "url": part.get("uri") or ""}
    else:
        source = {"type": "file", "file_id": part.get("file_id") or ""}
    return {"type": kind, "source": source}


# --- shared ----------------------------------------------------------------------------------------------------------


def _joined(system: Sequence[Part] | None) -> str:
    return "\n\n".join(text for part in system or () if (text := text_of(part)))


def _function(tool: Mapping[str, Any], schema: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.get("name") or ""}
    if tool.get("description") is not None:
        made["description"] = tool["description"]
    made[schema] = tool.get("parameters") or {"type": "object"}
    return made


def _result_text(part: Part) -> str:
    """What a tool gave back as the text that a program sends: text parts joined, other values as JSON."""
    response = part.get("response", part.get("result"))
    if isinstance(response, str):
        return response
    if isinstance(response, list) and response and all(isinstance(item, dict) for item in response):
        texts = [item.get("content", item.get("text")) for item in response if item.get("type") == "text"]
        if len(texts) == len(response) and all(isinstance(text, str) for text in texts):
            return "\n".join(texts)
    return "" if response is None else encoded(response).decode()


def _contents(parts: list[Part], makers: Mapping[str, Callable[[Part], dict[str, Any]]]) -> Any:
    """A content: a string where it is one text, else an array; what no maker knows stays as it is."""
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].get("type") == "text":
        return text_of(parts[0])
    return [makers.get(str(part.get("type")), dict)(part) for part in parts]


def _url(part: Part) -> str:
    if part["type"] == "blob":
        return f"data:{part.get('mime_type') or ''};base64,{part.get('content') or ''}"
    return str(part.get("uri") or "")


def _chat_media(part: Part) -> dict[str, Any]:
    if part["type"] == "file":
        return {"type": "file", "file": {"file_id": part.get("file_id") or ""}}
    if part.get("modality") == "audio" and part["type"] == "blob":
        form = str(part.get("mime_type") or "audio/wav").partition("/")[2].replace("mpeg", "mp3")
        return {"type": "input_audio", "input_audio": {"data": part.get("content") or "", "format": form}}
    if part.get("modality") == "image":
        return {"type": "image_url", "image_url": {"url": _url(part)}}
    return {"type": "file", "file": {"file_data": _url(part)}}


def _responses_media(part: Part) -> dict[str, Any]:
    if part["type"] == "file":
        return {"type": "input_file", "file_id": part.get("file_id") or ""}
    if part.get("modality") == "image":
        return {"type": "input_image", "image_url": _url(part)}
    return {"type": "input_file", "file_data" if part["type"] == "blob" else "file_url": _url(part)}


def _completions(wanted: Wanted) -> dict[str, Any]:
    prompts = ["".join(map(text_of, parts_of(message))) for message in wanted.messages or ()]
    return {"prompt": prompts[0] if len(prompts) == 1 else prompts}


def _embeddings(wanted: Wanted) -> dict[str, Any]:
    inputs = ["".join(map(text_of, parts_of(message))) for message in wanted.messages or ()]
    return {"input": inputs[0] if len(inputs) == 1 else inputs}


_CHAT_PARTS: Final[dict[str, Callable[[Part], dict[str, Any]]]] = {
    "text": lambda part: {"type": "text", "text": text_of(part)},
    "blob": _chat_media,
    "uri": _chat_media,
    "file": _chat_media,
}
_RESPONSES_PARTS: Final[dict[str, Callable[[Part], dict[str, Any]]]] = {
    "text": lambda part: {"type": "input_text", "text": text_of(part)},
    "blob": _responses_media,
    "uri": _responses_media,
    "file": _responses_media,
}
_CLAUDE_PARTS: Final[dict[str, Callable[[Part], dict[str, Any]]]] = {
    "text": lambda part: {"type": "text", "text": text_of(part)},
    "tool_call": _claude_call,
    "tool_call_response": _claude_result,
    "blob": _claude_media,
    "uri": _claude_media,
    "file": _claude_media,
}
_COMMON: Final = {_names.TEMPERATURE: "temperature", _names.TOP_P: "top_p"}
_CHAT_OPTIONS: Final = {
    **_COMMON,
    _names.MAX_TOKENS: "max_tokens",
    _names.CHOICE_COUNT: "n",
    _names.SEED: "seed",
    _names.STOP_SEQUENCES: "stop",
    _names.FREQUENCY_PENALTY: "frequency_penalty",
    _names.PRESENCE_PENALTY: "presence_penalty",
}
_CLAUDE_OPTIONS: Final = {
    **_COMMON,
    _names.MAX_TOKENS: "max_tokens",
    _names.TOP_K: "top_k",
    _names.STOP_SEQUENCES: "stop_sequences",
}
_REQUESTS: Final[dict[str, tuple[str, Callable[[Wanted], dict[str, Any]], dict[str, str]]]] = {
    "openai.chat": ("/v1/chat/completions", _chat, _CHAT_OPTIONS),
    "openai.responses": ("/v1/responses", _responses, {**_COMMON, _names.MAX_TOKENS: "max_output_tokens"}),
    "anthropic.messages": ("/v1/messages", _messages, _CLAUDE_OPTIONS),
    "openai.completions": ("/v1/completions", _completions, _CHAT_OPTIONS),
    "openai.embeddings": ("/v1/embeddings", _embeddings, {}),
}
