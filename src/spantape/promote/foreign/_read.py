"""What readers of all dialects share: a call put together from what stands where, and told what of it is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Asked, Dialect, Message
from spantape._dialects.anthropic_messages import MESSAGES
from spantape._dialects.compose import encoded
from spantape._dialects.openai_chat import CHAT
from spantape._dialects.openai_completions import COMPLETIONS
from spantape._dialects.openai_embeddings import EMBEDDINGS
from spantape._dialects.openai_responses import RESPONSES
from spantape.promote.foreign import _facts
from spantape.promote.foreign._call import ForeignCall, Loss, Part
from spantape.promote.foreign._messages import empty_inputs, has_gap, without_system
from spantape.promote.foreign._values import UNREADABLE, has_mask, is_mask, is_vector, loose, objects, parsed
from spantape.tape.model import Span

DIALECTS: Final[Mapping[str, tuple[Dialect, str]]] = {
    dialect.name: (dialect, path)
    for dialect, path in (
        (CHAT, "/v1/chat/completions"),
        (RESPONSES, "/v1/responses"),
        (COMPLETIONS, "/v1/completions"),
        (EMBEDDINGS, "/v1/embeddings"),
        (MESSAGES, "/v1/messages"),
    )
}
_OBJECTS: Final = {
    "chat.completion": "openai.chat",
    "chat.completion.chunk": "openai.chat",
    "text_completion": "openai.completions",
    "response": "openai.responses",
    "list": "openai.embeddings",
}
LANGCHAIN: Final = Loss("result", "LangChain's message of it was recorded, not the value")
_KEEPS_VECTORS: Final = ("OpenInference", "Vercel AI SDK")
_SUSPICIOUS: Final = 64  # characters from which equal lengths are no accident
_USUAL_FROM: Final = 128  # characters from which a usual limit is none either


def base(span: Span, source: str, **told: Any) -> ForeignCall:
    """A call with the facts that all instrumentations write alike."""
    error, status = _facts.failure(span)
    given = {
        "usage": _facts.usage(span),
        "options": _facts.options(span),
        "error": error,
        "status": status,
        **told,
    }
    return ForeignCall(span, source, **given)


def ran_tool(
    span: Span,
    source: str,
    setting: str,
    *,
    name: str,
    arguments: Any,
    result: Any,
    losses: Sequence[Loss] = (),
) -> ForeignCall:
    """A tool that ran, with its arguments and its result as their attributes hold them, or why they do not."""
    call = base(span, source, kind="tool", operation="execute_tool", name=name or span.name)
    told = {
        what: value for what, value in (("arguments", arguments), ("result", result)) if not _hidden(value)
    }
    found = list(losses)
    if "arguments" not in told:
        found.append(Loss("arguments", "the span does not hold them", setting, input=True))
    if "result" not in told and call.error is None:
        found.append(Loss("result", "the span does not hold it", setting))
    call = replace(call, arguments=loose(told.get("arguments")), result=loose(told.get("result")))
    return call.losing(*found, *_facts.limits(span, indexed=False))


def _hidden(value: Any) -> bool:
    return value is None or is_mask(value)


def tool_definitions(value: Any) -> list[dict[str, Any]] | None:
    """Definitions of tools in any API's shape as names, descriptions and parameters; None where it is no list."""
    if not isinstance(value, list):
        return None
    return [_definition(tool) for tool in objects(value)]


def _definition(tool: dict[str, Any]) -> dict[str, Any]:
    inner = tool.get("function")
    described = inner if isinstance(inner, dict) else tool
    made: dict[str, Any] = {"name": described.get("name") or tool.get("type") or ""}
    if isinstance(described.get("description"), str):
        made["description"] = described["description"]
    for key in ("parameters", "input_schema", "inputSchema", "parameters_json_schema"):
        if isinstance(described.get(key), dict):
            made["parameters"] = described[key]
            break
    return made


# --- raw requests and responses --------------------------------------------------------------------------------------


def api_of_response(value: Any) -> str | None:
    """The dialect of a raw response, told by its own words; None where it is none."""
    if not isinstance(value, dict):
        return None
    if value.get("type") == "message" and isinstance(value.get("content"), list):
        return "anthropic.messages"
    return _OBJECTS.get(str(value.get("object")))


def api_of_request(value: Any) -> str | None:
    """The dialect of a raw request, told by its members; None where it is none."""
    if not isinstance(value, dict) or not isinstance(value.get("model"), str):
        return None
    messages = value.get("messages")
    if isinstance(messages, list) and all(isinstance(item, dict) and "role" in item for item in messages):
        claude = "system" in value or ("max_tokens" in value and str(value["model"]).startswith("claude"))
        return "anthropic.messages" if claude else "openai.chat"
    if "input" in value:
        return "openai.embeddings" if "encoding_format" in value else "openai.responses"
    return "openai.completions" if "prompt" in value else None


def with_request(call: ForeignCall, api: str, raw: Mapping[str, Any]) -> ForeignCall:
    """The call with what its raw request says."""
    dialect, path = DIALECTS[api]
    asked = dialect.ask(encoded(raw), path)
    messages, system = without_system(asked.render(0))
    if asked.system is not None:
        system = [*asked.system(), *system]
    tools = [] if asked.tools is None else tool_definitions(asked.tools())
    return replace(
        call,
        api=api,
        request=raw,
        operation=asked.operation or call.operation,
        model=asked.model or call.model,
        messages=messages if api != "openai.embeddings" else _texts(raw.get("input")),
        system=system,
        tools=tools,
        stream=asked.stream or call.stream,
        options={**asked.attributes, **call.options},
    )


def _texts(value: Any) -> list[Message]:
    texts = value if isinstance(value, list) else [value]
    return [
        {"role": "user", "parts": [{"type": "text", "content": text}]}
        for text in texts
        if isinstance(text, str)
    ]


def with_response(call: ForeignCall, api: str, raw: Mapping[str, Any]) -> ForeignCall:
    """The call with what its raw response says; one joined from chunks counts as whole."""
    dialect, _ = DIALECTS[api]
    answered = dialect.answer(encoded(raw), 200, "application/json", Asked(operation=dialect.operation))
    attributes = answered.attributes
    counts = {k: v for k, v in attributes.items() if k.startswith("gen_ai.usage.") and isinstance(v, int)}
    return replace(
        call,
        api=api,
        response=raw,
        outputs=answered.messages or call.outputs,
        response_id=str(attributes.get("gen_ai.response.id") or call.response_id),
        response_model=str(attributes.get("gen_ai.response.model") or call.response_model),
        usage={**call.usage, **counts},
        vectors=_vectors(raw) if api == "openai.embeddings" else call.vectors,
    )


def _vectors(raw: Mapping[str, Any]) -> list[list[float]]:
    found: list[Any] = [item.get("embedding") for item in objects(raw.get("data"))]
    return found if all(map(is_vector, found)) else []


# --- what is lost ----------------------------------------------------------------------------------------------------


def checked(call: ForeignCall, setting: str, *, indexed: bool = False) -> ForeignCall:
    """The call with everything named that its span should hold and does not; `setting` would have kept content."""
    if call.kind != "model":
        return call.losing(*_facts.limits(call.span, indexed=False))
    losses = [*_facts.limits(call.span, indexed=indexed), *_absent(call, setting), *_masked(call, setting)]
    call = replace(call, media_told=call.media_told and not _media_lost(call.messages or ()))
    told = any(loss.setting == _facts.LENGTH_LIMIT for loss in (*call.losses, *losses))
    if not told and (length := cut_length(call.span)) is not None:
        losses.append(
            Loss(
                "content",
                f"texts end at {length} characters, a limit of the SDK",
                _facts.LENGTH_LIMIT,
                input=True,
            )
        )
    if not call.tools and _calls_tools(call):
        call = replace(call, tools=None)  # there were some
    if call.request is not None and has_mask(call.request):
        call = replace(call, request=None)
    return call.losing(*losses)


def _calls_tools(call: ForeignCall) -> bool:
    told = (*(call.messages or ()), *(call.outputs or ()))
    return any(part.get("type") == "tool_call" for message in told for part in message.get("parts") or ())


def _absent(call: ForeignCall, setting: str) -> Iterator[Loss]:
    """What the span does not hold at all; where it holds the other side, no setting would have kept it."""
    known = {loss.input for loss in call.losses}
    answered = call.outputs or call.vectors or call.error is not None
    if call.messages is None and True not in known:
        yield _missing("input messages", setting if not call.outputs else "", call, input=True)
    elif empty := empty_inputs(call.messages or ()):
        why = f"number {', '.join(map(str, empty[:5]))} is there without its content"
        yield Loss("input messages", why, input=True)
    if not answered and False not in known:
        if call.operation == "embeddings":
            yield _no_vectors(call, setting)
        else:
            yield _missing("output messages", setting if call.messages is None else "", call)
    elif call.outputs and _is_cut_short(call):
        yield Loss("output messages", "they are empty, though the model wrote tokens")


def _no_vectors(call: ForeignCall, setting: str) -> Loss:
    if call.source in _KEEPS_VECTORS:
        return Loss("vectors", "the span does not hold them", setting)
    return Loss("vectors", f"{call.source} does not record them")


def _missing(what: str, setting: str, call: ForeignCall, *, input: bool = False) -> Loss:  # noqa: A002 - the word of `Loss`
    if setting:
        return Loss(what, "the span does not hold them", setting, input=input)
    return Loss(what, f"{call.source} left them out of this span, though it recorded content", input=input)


def _is_cut_short(call: ForeignCall) -> bool:
    said = any(message.get("parts") for message in call.outputs or ())
    return not said and call.usage.get("gen_ai.usage.output_tokens", 0) > 0


def _masked(call: ForeignCall, setting: str) -> Iterator[Loss]:
    if has_mask([_spoken(call.messages or ()), list(call.system or ())]):
        yield Loss("input messages", "content is masked", setting, input=True)
    if has_mask(list(call.outputs or ())):
        yield Loss("output messages", "content is masked", setting)


def _spoken(messages: Sequence[Message]) -> list[list[Part]]:
    """The parts of the messages that are no media."""
    return [[part for part in message.get("parts") or () if not _is_media(part)] for message in messages]


def _is_media(part: Part) -> bool:
    return part.get("type") in ("blob", "uri", "file")


def _media_lost(messages: Sequence[Message]) -> bool:
    found = [part for message in messages for part in message.get("parts") or () if _is_media(part)]
    masked = any(is_mask(part.get("uri")) or is_mask(part.get("content")) for part in found)
    return masked or has_gap(list(messages))


def cut_length(span: Span) -> int | None:
    """The length at which an SDK cut the span's texts; None where it did not, as far as one can tell.

    Where two different texts have the same length and none is longer, it is a limit; so is the length of one text
    that is no JSON, where people set their limits there: a power of two, or whole thousands.
    """
    texts = {value for value in span.attributes.values() if isinstance(value, str)}
    longest = max(map(len, texts), default=0)
    cut = [value for value in texts if len(value) == longest]
    if longest >= _SUSPICIOUS and len(cut) > 1:
        return longest
    usual = longest >= _USUAL_FROM and (longest & (longest - 1) == 0 or longest % 1000 == 0)
    return longest if usual and parsed(cut[0]) is UNREADABLE else None
