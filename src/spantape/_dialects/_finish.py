"""Why a model stopped, in the conventions' words."""

from __future__ import annotations

from typing import Final

ERROR: Final = "error"

_WORDS: Final = {
    "compaction": "compaction",
    "content_filter": "content_filter",
    "end_turn": "stop",
    "eos": "stop",
    "function_call": "tool_call",
    "length": "length",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "model_length": "length",
    "refusal": "content_filter",
    "stop": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
}


def reason(wire: str | None) -> str:
    """The conventions' word for a provider's; one they do not have stays as it is, none at all is "error"."""
    return _WORDS.get(wire, wire) if wire else ERROR
