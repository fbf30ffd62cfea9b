"""What the bodies of the corpus say, read as plain JSON, beside the dialects."""

from __future__ import annotations

import json
import re

# the operation of each call's span; None where it is no inference
SPAN_OPERATIONS = {
    "chat": "chat",
    "chat.prompt": "chat",
    "chat.writer": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "responses": "chat",
    "responses.compact": "chat",
    "responses.input_tokens": None,
    "responses.retrieve": "fetch_response",
    "messages": "chat",
    "messages.count_tokens": None,
}

# the end of a host and the start of its path, and whose it is
_PROVIDERS = (
    (r"api\.anthropic\.com/", "anthropic"),
    (r"openai\.azure\.com/", "azure.ai.openai"),
    (r"bedrock-mantle\.[a-z0-9-]+\.api\.aws/", "aws.bedrock"),
    (r"api\.cerebras\.ai/", "cerebras"),
    (r"crusoecloud\.com/", "crusoe"),
    (r"api\.deepseek\.com/", "deepseek"),
    (r"generativelanguage\.googleapis\.com/", "gcp.gemini"),
    (r"api\.groq\.com/", "groq"),
    (r"localhost:8787/groq/", "groq"),
    (r"localhost:8787/anthropic/", "anthropic"),
    (r"inference\.heroku\.com/", "heroku"),
    (r"router\.huggingface\.co/", "huggingface"),
    (r"api\.mistral\.ai/", "mistral_ai"),
    (r"(localhost|127\.0\.0\.1):11434/", "ollama"),
    (r"openrouter\.ai/", "openrouter"),
    (r"api\.portkey\.ai/", "portkey"),
    (r"gateway\.pydantic\.dev/", "pydantic_gateway"),
    (r"snowflakecomputing\.com/", "snowflake"),
    (r"api\.together\.(ai|xyz)/", "together"),
    (r"api\.voyageai\.com/", "voyage_ai"),
    (r"api\.writer\.com(:443)?/", "writer"),
    (r"api\.z\.ai/", "z_ai"),
)


def provider(recorded):
    """Whose API it is; an unknown host that speaks OpenAI's is taken for OpenAI's."""
    place = recorded.host + recorded.place
    own = "anthropic" if recorded.operation.startswith("messages") else "openai"
    return next((name for end, name in _PROVIDERS if re.search(end, place)), own)


def asked_model(recorded):
    """The model that was asked for: the deployment in an Azure path, else the body's."""
    deployment = re.search(r"/deployments/([^/]+)/", recorded.place)
    return deployment[1] if deployment else recorded.body.get("model") or None


def wire_meaning(operation, body, status):
    """The usage (None: not said), whether a finish reason is told, and whether an error is in it."""
    said = {"input_tokens": None, "output_tokens": None, "finishes": False, "error": False}
    values = _values(body)
    if status >= 400:
        return {**said, "error": True}
    read = {"messages": _message, "responses": _response, "embeddings": _embeddings}
    for value in values:
        said["error"] = said["error"] or bool(value.get("error")) or value.get("type") == "error"
        read.get(operation.partition(".")[0], _choices)(value, said)
    if operation == "responses.retrieve":
        said.update(input_tokens=None, output_tokens=None)  # counted when they were made
    return said


def _values(body):
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").strip()
    if not re.match(r"(data|event|id|retry)?:", text):
        try:
            value = json.loads(text)
        except ValueError:
            return []
        return [value] if isinstance(value, dict) else []
    datas = [line[5:].strip() for line in text.split("\n") if line.startswith("data:")]
    return [json.loads(data) for data in datas if data and data != "[DONE]"]


def _count(said, usage, inputs, outputs):
    for name, given in (("input_tokens", inputs), ("output_tokens", outputs)):
        value = next((usage[one] for one in given if usage.get(one) is not None), None)
        said[name] = said[name] if value is None else value


def _choices(value, said):
    usage = value.get("usage") or (value.get("x_groq") or {}).get("usage") or {}
    _count(said, usage, ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    choices = value.get("choices") or []
    said["finishes"] = said["finishes"] or bool(choices) or "value" in value


def _embeddings(value, said):
    _count(said, value.get("usage") or {}, ("prompt_tokens", "total_tokens"), ())


def _response(value, said):
    response = value.get("response") or value
    if not isinstance(response, dict) or response.get("object") not in ("response", "response.compaction"):
        return
    _count(said, response.get("usage") or {}, ("input_tokens",), ("output_tokens",))
    over = response.get("status") not in ("queued", "in_progress")
    said["finishes"] = over
    said["error"] = said["error"] or bool(response.get("error"))


def _message(value, said):
    """A whole message, or the parts of one: the counts of later parts take the place of earlier ones."""
    message = value.get("message") if value.get("type") == "message_start" else value
    if message.get("type") not in ("message", "message_delta"):
        return
    counts = said.setdefault("counts", {})
    counts.update({key: count for key, count in (message.get("usage") or {}).items() if count is not None})
    if "input_tokens" in counts:
        said["input_tokens"] = sum(counts.get(name, 0) for name in _COUNTED_APART)
    said["output_tokens"] = counts.get("output_tokens")
    stopped = message.get("stop_reason") or (message.get("delta") or {}).get("stop_reason")
    said["finishes"] = said["finishes"] or bool(stopped)


_COUNTED_APART = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
