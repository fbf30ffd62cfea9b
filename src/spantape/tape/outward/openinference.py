"""Spans of the OpenInference conventions, as Arize Phoenix shows them: each call with its whole history.

See: <https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md>
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from spantape._dialects import _names
from spantape._spans import names
from spantape.tape.model import Span
from spantape.tape.outward.content import WHOLE, Content, carriers, content_of, key_of, name_of, public
from spantape.tape.outward.openinference_messages import flat, in_openinference
from spantape.tape.outward.source import Document, Source, with_attributes

KIND: Final = "openinference.span.kind"

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_KINDS: Final = {"agent": "AGENT", "tool": "TOOL", "run": "CHAIN"}
_TOKENS: Final = {
    _names.INPUT_TOKENS: "llm.token_count.prompt",
    _names.OUTPUT_TOKENS: "llm.token_count.completion",
    _names.CACHE_READ_TOKENS: "llm.token_count.prompt_details.cache_read",
    _names.CACHE_WRITE_TOKENS: "llm.token_count.prompt_details.cache_write",
    _names.AUDIO_INPUT_TOKENS: "llm.token_count.prompt_details.audio",
    _names.REASONING_TOKENS: "llm.token_count.completion_details.reasoning",
    _names.AUDIO_OUTPUT_TOKENS: "llm.token_count.completion_details.audio",
}
_HISTORY: Final = frozenset(
    {"messages", "input", "prompt", "system", "instructions", "tools", "functions", "contents"}
)
"""Members of a request that are no parameters of it: they stand in attributes of their own."""


def openinference_documents(source: Source) -> Iterator[Document]:
    """The spans of a run in OpenInference's words; draws are left out.

    Spans of other instrumentations stay as they are, with what they do not tell of a call added where it crossed the
    wire below them. What has no word there (headers, chunks, payloads) is left out.

    Raises:
        TapeError: the file was changed while it was read.
    """
    told = carriers(source.tape)
    for span, document in source.pairs():
        kind = span.attributes.get(names.KIND)
        if kind == "draw":
            continue
        step = told.get(key_of(span))
        content = None if step is None else content_of(step)
        said = _call(content) if content is not None else _bare(span)
        if kind is None:
            attributes = said | dict(span.attributes) if not _is_told(span) else dict(span.attributes)
        else:
            attributes = {**_kept(span, said), **(WHOLE if content is not None else {})}
        name = span.name if content is None else name_of(span, content)
        yield with_attributes(document, name, attributes)


def _is_told(span: Span) -> bool:
    """Whether a span tells its call in OpenInference's words already."""
    return any(key.startswith(("llm.input_messages.", "embedding.embeddings.")) for key in span.attributes)


def _kept(span: Span, said: Mapping[str, Any]) -> dict[str, Any]:
    """What of a span of ours stays beside `said`: all but the same in other words."""
    told = KIND in said
    kept = {
        key: value
        for key, value in public(span.attributes).items()
        if not (told and key.startswith(("gen_ai.", "openai.")))
    }
    return {**kept, **said}


def _bare(span: Span) -> dict[str, Any]:
    """What a span of ours says that is no call of a model whose bytes are there."""
    attributes = span.attributes
    kind = _KINDS.get(str(attributes.get(names.KIND)))
    if kind is None:
        return _unread(span)
    said: dict[str, Any] = {KIND: kind}
    said |= _value("input", attributes.get(names.ARGUMENTS)) | _value("output", attributes.get(names.RESULT))
    if kind == "AGENT":
        said["agent.name"] = attributes.get(names.AGENT_NAME, span.name)
    if kind == "TOOL":
        said["tool.name"] = attributes.get(names.TOOL_NAME, span.name)
        said |= {key: attributes[name] for name, key in _TOOL.items() if attributes.get(name) is not None}
    return said


_TOOL: Final = {
    names.TOOL_DESCRIPTION: "tool.description",
    names.ARGUMENTS: "tool.parameters",
    names.TOOL_CALL_ID: "tool_call.id",
}


def _unread(span: Span) -> dict[str, Any]:
    """A model call of ours without content (it was recorded so): its model and tokens."""
    attributes = span.attributes
    if names.KIND not in attributes or names.OPERATION not in attributes:
        return {}
    return {KIND: _kind(attributes[names.OPERATION]), **_models(attributes), **_usage(attributes)}


def _kind(operation: object) -> str:
    return "EMBEDDING" if operation == "embeddings" else "LLM"


# --- calls of a model --------------------------------------------------------------------------------------------


def _call(content: Content) -> dict[str, Any]:
    """What OpenInference says of a model call."""
    attributes = content.attributes
    request = _object(content.request)
    kind = _kind(content.asked.operation)
    said = {KIND: kind, **_models(attributes), **_usage(attributes)}
    parameters = {key: value for key, value in request.items() if key not in _HISTORY}
    said |= _value("input", _text(content.request))
    if kind == "EMBEDDING":
        return said | _embedding(content, request, parameters)
    said |= _output(content)
    said["llm.invocation_parameters"] = _encoded(parameters)
    said |= dict(in_openinference("llm.input_messages", _asked(content)))
    said |= dict(in_openinference("llm.output_messages", content.answered.messages))
    reasons = attributes.get(_names.FINISH_REASONS)
    if isinstance(reasons, list | tuple) and reasons:
        said["llm.finish_reason"] = reasons[0]
    return said | _tools(request)


def _asked(content: Content) -> list[dict[str, Any]]:
    """The messages of a request, its instructions first where they stand apart."""
    asked = content.asked
    system = asked.system() if asked.system is not None else []
    first = [{"role": "system", "parts": system}] if system else []
    return [*first, *asked.render(0)]


def _models(attributes: Mapping[str, Any]) -> dict[str, Any]:
    asked, answered = attributes.get(names.REQUEST_MODEL), attributes.get(_names.RESPONSE_MODEL)
    provider = attributes.get(names.PROVIDER)
    named = {
        "llm.model_name": answered or asked,
        "llm.request.model_name": asked,
        "llm.response.model_name": answered,
        "llm.provider": provider,
        "llm.system": str(provider).partition(".")[0] if provider else None,
    }
    return {key: value for key, value in named.items() if value}


def _usage(attributes: Mapping[str, Any]) -> dict[str, Any]:
    counts = {key: attributes[name] for name, key in _TOKENS.items() if isinstance(attributes.get(name), int)}
    both = [counts.get(_TOKENS[name]) for name in (_names.INPUT_TOKENS, _names.OUTPUT_TOKENS)]
    known = [count for count in both if count is not None]
    return counts | ({"llm.token_count.total": sum(known)} if known else {})


def _tools(request: Mapping[str, Any]) -> dict[str, Any]:
    """The tools as the request defines them, with their schemas."""
    tools = request.get("tools")
    listed = tools if isinstance(tools, list) else []
    return {f"llm.tools.{index}.tool.json_schema": _encoded(tool) for index, tool in enumerate(listed)}


def _embedding(content: Content, request: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The texts and the vectors; of vectors that came in base64 the numbers, in the place of the answer as it came."""
    asked, model = request.get("input"), content.attributes.get(names.REQUEST_MODEL, "")
    texts = asked if isinstance(asked, list) else [asked]
    answer = _object(content.response.body) if content.response is not None else {}
    found = answer.get("data")
    came = (
        [item.get("embedding") for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    )
    said = {} if any(isinstance(each, str) for each in came) else _output(content)
    said |= {"embedding.model_name": model, "embedding.invocation_parameters": _encoded(parameters)}
    for index, text in enumerate(texts):
        if isinstance(text, str):
            said[f"embedding.embeddings.{index}.embedding.text"] = text
    for index, vector in enumerate(map(_vector, came)):
        if vector:
            said[f"embedding.embeddings.{index}.embedding.vector"] = vector
    return said


def _vector(value: object) -> list[Any]:
    """The numbers of a vector, also of one in base64 (little-endian 32-bit floats); [] where it is none."""
    if isinstance(value, list):
        return value
    try:
        data = b64decode(value, validate=True) if isinstance(value, str) else b""
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    except (ValueError, struct.error):
        return []


# --- values ------------------------------------------------------------------------------------------------------


def _output(content: Content) -> dict[str, Any]:
    """The answer as it came where it is one JSON text, else what was said."""
    if content.response is None:
        return {}
    if _object(content.response.body):
        return _value("output", _text(content.response.body))
    messages = content.answered.messages
    texts = [part.get("content") for message in messages for part in message.get("parts", ())]
    if len(messages) == 1 and texts and all(flat(part) for part in messages[0]["parts"]):
        return {"output.value": "".join(map(str, texts)), "output.mime_type": _TEXT}
    return _value("output", _encoded(messages)) if messages else {}


def _value(side: str, text: object) -> dict[str, Any]:
    return {f"{side}.value": text, f"{side}.mime_type": _JSON} if isinstance(text, str) else {}


def _text(body: bytes) -> str | None:
    try:
        return body.decode() or None
    except UnicodeDecodeError:
        return None


def _object(body: bytes) -> dict[str, Any]:
    """A body's JSON object, {} where it is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _encoded(value: Mapping[str, Any] | Iterable[Any]) -> str:
    return msgspec.json.encode(value).decode()
