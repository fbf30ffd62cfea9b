"""OpenAI's legacy text completions in the step record's terms: each prompt is one user message.

A prompt of token ids has them for its content. What stands behind the gap (`suffix`) is an option.
"""

from __future__ import annotations

from typing import Final

from spantape._dialects import openai_completions
from spantape.rerun.wire._base import Api, Members, messages_as_texts, texts_as_messages


def _read(rest: Members) -> Members:
    return {"system_prompt": "", "messages": texts_as_messages(rest.pop("prompt", None), "prompt")}


def _put(body: Members, inputs: Members) -> None:
    body["prompt"] = messages_as_texts(inputs, "openai.completions")


COMPLETIONS: Final = Api(
    openai_completions.COMPLETIONS,
    "/completions",
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "seed": ("seed", "random_seed"),
        "max_tokens": ("max_tokens",),
        "top_k": ("top_k",),
        "frequency_penalty": ("frequency_penalty",),
        "presence_penalty": ("presence_penalty",),
        "stop": ("stop",),
    },
    _read,
    _put,
)
