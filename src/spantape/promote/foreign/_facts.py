"""Facts that spans of all instrumentations have under one name or another: usage, failures, wire APIs, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from spantape._dialects import _names
from spantape._model import Failure
from spantape._spans import names
from spantape.promote.foreign._call import Loss
from spantape.promote.foreign._values import number, text
from spantape.tape.model import Span

# by attribute of ours: where it stands, newest name first
USAGE: Final[Mapping[str, tuple[str, ...]]] = {
    _names.INPUT_TOKENS: (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
    ),
    _names.OUTPUT_TOKENS: (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    _names.CACHE_READ_TOKENS: (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "gen_ai.usage.details.cache_read_tokens",
        "ai.usage.cachedInputTokens",
    ),
    _names.CACHE_WRITE_TOKENS: (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "gen_ai.usage.details.cache_write_tokens",
    ),
    _names.REASONING_TOKENS: (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
    ),
}
_OPTIONS: Final = (
    _names.TEMPERATURE,
    _names.TOP_P,
    _names.TOP_K,
    _names.MAX_TOKENS,
    _names.SEED,
    _names.CHOICE_COUNT,
    _names.STOP_SEQUENCES,
    _names.FREQUENCY_PENALTY,
    _names.PRESENCE_PENALTY,
)
_STATUSES: Final[Mapping[str, int]] = {
    "BadRequestError": 400,
    "invalid_request_error": 400,
    "AuthenticationError": 401,
    "authentication_error": 401,
    "PermissionDeniedError": 403,
    "permission_error": 403,
    "NotFoundError": 404,
    "not_found_error": 404,
    "ConflictError": 409,
    "RequestTooLargeError": 413,
    "UnprocessableEntityError": 422,
    "RateLimitError": 429,
    "rate_limit_error": 429,
    "InternalServerError": 500,
    "api_error": 500,
    "ServiceUnavailableError": 503,
    "DeadlineExceededError": 504,
    "OverloadedError": 529,
    "overloaded_error": 529,
}
_OTHER_APIS: Final = frozenset(
    {
        "aws", "aws.bedrock", "bedrock", "cohere", "gcp.gemini", "gcp.gen_ai", "gcp.vertex_ai", "gemini", "google",
        "google_genai", "ibm.watsonx.ai", "ollama", "replicate", "sagemaker", "vertex_ai", "vertexai", "watsonx",
    }
)  # fmt: skip
"""Providers whose own APIs have no composer; behind a gateway, an answer has the id of OpenAI's API."""

_CODE: Final = re.compile(r"(?:Error code: |status(?: code)?[ =:]+)(\d{3})\b")
_MESSAGE: Final = re.compile(r"""['"]message['"]: ?(['"])(.*?)\1""", re.DOTALL)
_LIMITS: Final = (
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT (and OTEL_ATTRIBUTE_COUNT_LIMIT) above the number of attributes"
)
LENGTH_LIMIT: Final = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT (and OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT) unset"


def usage(span: Span) -> dict[str, int]:
    """The token counts, under the conventions' names."""
    found = {key: number(span, *places) for key, places in USAGE.items()}
    return {key: count for key, count in found.items() if count is not None and not _is_filler(key, count)}


def _is_filler(key: str, count: int) -> bool:
    """A 0 that instrumentations write for counts which the wire did not have."""
    return count == 0 and key not in (_names.INPUT_TOKENS, _names.OUTPUT_TOKENS)


def options(span: Span) -> dict[str, Any]:
    """The `gen_ai.request.*` options that a request body can be given."""
    found = {key: span.attributes.get(key) for key in _OPTIONS}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in found.items()
        if value is not None
    }


def failure(span: Span) -> tuple[Failure | None, int | None]:
    """Why the call failed and its HTTP status, as far as the span tells: None, None where it did not."""
    raised = next((event for event in span.events if event.get("name") == "exception"), None)
    attributes: Any = {} if raised is None else raised.get("attributes") or {}
    kind = str(attributes.get("exception.type") or "") or text(span, names.ERROR_TYPE)
    if span.status_code != 2 and not kind:
        return None, None
    told = str(attributes.get("exception.message") or "") or span.status_message
    given = span.attributes.get(names.HTTP_STATUS)
    status = given if isinstance(given, int) and given >= 400 else _status(kind, told)
    return Failure(kind or "Error", _message(told)), status


def _status(kind: str, told: str) -> int | None:
    found = _CODE.search(told)
    if found is not None:
        return int(found[1])
    return _STATUSES.get(kind.rpartition(".")[2]) or _STATUSES.get(told.partition(":")[0])


def _message(told: str) -> str:
    """The server's message in what the SDKs raise: `Error code: 429 - {'error': {'message': …}}`."""
    if not _CODE.search(told):
        return told
    found = _MESSAGE.search(told)
    return found[2] if found is not None else told.partition(" - ")[2] or told


def wire_api(provider: str, operation: str, response_id: str, api_type: str = "") -> str | None:
    """The dialect that the call spoke, as far as it can be told; None for a provider whose API has no composer."""
    if provider in _OTHER_APIS and not response_id.startswith("chatcmpl-"):
        return None
    if operation == "embeddings":
        return "openai.embeddings" if provider != "anthropic" else None
    if provider == "anthropic" or response_id.startswith("msg_"):
        return "anthropic.messages"
    if api_type == "responses" or response_id.startswith("resp_"):
        return "openai.responses"
    if operation == "text_completion":
        return "openai.completions"
    return "openai.chat" if operation in ("chat", "generate_content", "") else None


def limits(span: Span, *, indexed: bool) -> tuple[Loss, ...]:
    """What the limits of an SDK took from the span.

    Attributes that are evicted are the oldest, so of a span with one attribute for each message they may be any.
    """
    if not span.dropped_attributes:
        return ()
    count = span.dropped_attributes
    what = "messages" if indexed else "attributes"
    return (Loss(what, f"the span limits dropped {count} of its attributes", f"{_LIMITS}", input=True),)


def cut(what: str, *, input: bool) -> Loss:  # noqa: A002 - the word of `Loss`
    """The loss of a JSON text that was cut to a length."""
    return Loss(what, "the JSON was cut short", LENGTH_LIMIT, input=input)
