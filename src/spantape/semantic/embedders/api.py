"""Embeddings from a provider: any server with OpenAI's `/embeddings`, over HTTP or through the SDK's client."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from spantape._dialects import provider_name
from spantape.errors import EmbedderError, UsageError
from spantape.semantic.embedders._base import Vectors, as_texts, checked

_SHOWN: Final = 300  # characters of an error body in a message


class OpenAICompatibleEmbedder:
    """A model behind `POST {base_url}/embeddings`, asked for `batch` texts at a time.

    `client` is what makes the calls: an `openai.OpenAI` (its own retries and headers hold, `base_url` is then not
    used), or an `httpx`/`httpx2` client; without one, httpx2 or httpx is used. The key comes from `api_key`, else
    from OPENAI_API_KEY. `id` is the model's name, with the provider's before it where it has none
    (`openai/text-embedding-3-small`), and with `@dimensions` where fewer are asked for. `digest` is "": a provider
    does not tell its weights. Inside a recording the calls are on its tape, as any model call is.

    Raises:
        UsageError: `batch` or `dimensions` is not positive.
    """

    digest = ""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        dimensions: int | None = None,
        batch: int = 256,
        timeout: float = 60.0,
        client: Any = None,
        id: str | None = None,  # noqa: A002 - the protocol's word
    ) -> None:
        if batch < 1 or (dimensions is not None and dimensions < 1):
            raise UsageError(
                f"OpenAICompatibleEmbedder: got batch={batch!r} and dimensions={dimensions!r}, expected at least 1"
            )
        self.id = id or _id(base_url, model, dimensions)
        self._url = base_url.rstrip("/") + "/embeddings"
        self._key = api_key or os.environ.get("OPENAI_API_KEY", "")
        self._asked: dict[str, Any] = {"model": model, "encoding_format": "float"}
        if dimensions is not None:
            self._asked["dimensions"] = dimensions
        self._batch, self._timeout, self._client = batch, timeout, client

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text; see `Embedder.embed`. An empty list asks nobody and has the shape [0, 0].

        Raises:
            EmbedderError: the server cannot be reached, refuses, or does not answer with a vector for each text.
        """
        found = as_texts(texts)
        if not found:
            return np.zeros((0, 0), np.float32)
        parts = [found[start : start + self._batch] for start in range(0, len(found), self._batch)]
        rows = [row for part in parts for row in self._asked_for(part)]
        return checked(rows, len(found), self.id)

    def _asked_for(self, texts: list[str]) -> list[Any]:
        try:
            data = self._by_sdk(texts) if hasattr(self._client, "embeddings") else self._by_http(texts)
        except EmbedderError:
            raise
        except Exception as error:
            raise EmbedderError(f"embedder {self.id}: {self._url} failed: {error!r}") from error
        rows = dict(data)
        if len(data) != len(texts) or sorted(rows) != list(range(len(texts))):
            raise EmbedderError(
                f"embedder {self.id}: got {len(data)} vectors with indices {sorted(rows)[:8]}, "
                f"expected one for each of {len(texts)} texts"
            )
        return [rows[index] for index in range(len(texts))]

    def _by_sdk(self, texts: list[str]) -> list[tuple[int, Any]]:
        answer = self._client.embeddings.create(input=texts, **self._asked)
        return [(item.index, item.embedding) for item in answer.data]

    def _by_http(self, texts: list[str]) -> list[tuple[int, Any]]:
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        post = _http().post if self._client is None else self._client.post
        answer = post(self._url, json={**self._asked, "input": texts}, headers=headers, timeout=self._timeout)
        if answer.status_code != 200:
            raise EmbedderError(
                f"embedder {self.id}: {self._url} answered {answer.status_code}: {answer.text[:_SHOWN]}"
            )
        return list(self._read(answer.content))

    def _read(self, body: bytes) -> Iterator[tuple[int, Any]]:
        try:
            for item in json.loads(body)["data"]:
                yield item["index"], item["embedding"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise EmbedderError(
                f"embedder {self.id}: {self._url} gave no embeddings ({error!r}): {body[:_SHOWN]!r}"
            ) from error


def _id(base_url: str, model: str, dimensions: int | None) -> str:
    url = urlsplit(base_url)
    named = model if "/" in model else f"{provider_name(url.netloc, url.path, (), None) or 'openai'}/{model}"
    return named if dimensions is None else f"{named}@{dimensions}"


def _http() -> Any:
    for library in ("httpx2", "httpx"):
        try:
            return import_module(library)
        except ImportError:
            continue
    raise EmbedderError(
        "no HTTP library is installed that asks for embeddings\n  next: pip install httpx, or pass client=openai.OpenAI()"
    )
