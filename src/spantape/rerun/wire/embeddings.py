"""OpenAI's embeddings in the step record's terms: each input is one user message; there is no sampling."""

from __future__ import annotations

from typing import Final

from spantape._dialects import openai_embeddings
from spantape.rerun.wire._base import Api, Members, messages_as_texts, texts_as_messages


def _read(rest: Members) -> Members:
    return {"system_prompt": "", "messages": texts_as_messages(rest.pop("input", None), "input")}


def _put(body: Members, inputs: Members) -> None:
    body["input"] = messages_as_texts(inputs, "openai.embeddings")


EMBEDDINGS: Final = Api(openai_embeddings.EMBEDDINGS, "/embeddings", {}, _read, _put)
