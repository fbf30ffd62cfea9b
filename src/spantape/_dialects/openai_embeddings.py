"""OpenAI's embeddings, also as Azure, Mistral, Voyage, vLLM and others speak them.

Neither texts nor vectors are read: the conventions have no attribute for them. The number of dimensions is that of
the first vector of the answer, else what the request asks for.

See: <https://platform.openai.com/docs/api-reference/embeddings>
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from spantape._dialects import _errors, _finish, _json, _names, _openai
from spantape._dialects._base import Answered, Asked, Attribute, Dialect
from spantape._dialects._json import Count

_FLOAT_BYTES = 4
_BYTES_PER_DIMENSION = {
    "int8": 1.0,
    "uint8": 1.0,
    "binary": 0.125,
    "ubinary": 0.125,
}  # Voyage's `output_dtype`


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    encoding_format: str | None = None
    dimensions: Count | None = None
    output_dimension: Count | None = None  # Voyage, Mistral
    output_dtype: str | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Count | None = None
    total_tokens: Count | None = None


class _Vector(msgspec.Struct, gc=False):
    embedding: Raw = Raw()


class _Embeddings(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    data: list[Raw] | None = None
    usage: _Usage | None = None
    error: Any = None


_REQUEST = _json.Reader(_Request)
_EMBEDDINGS = _json.Reader(_Embeddings)
_VECTOR = _json.Reader(_Vector)

_META = _openai.members(("id", _names.RESPONSE_ID), ("model", _names.RESPONSE_MODEL))


def ask(body: bytes, path: str) -> Asked:
    """What an embeddings request asks for."""
    request = _REQUEST.one(body) or _Request()
    attributes: dict[str, Attribute] = {}
    formats = [form for form in (request.encoding_format, request.output_dtype) if form]
    if formats:
        attributes[_names.ENCODING_FORMATS] = formats
    dimensions = request.output_dimension if request.dimensions is None else request.dimensions
    if dimensions is not None:
        attributes[_names.DIMENSION_COUNT] = dimensions
    return Asked(
        operation="embeddings", model=_openai.requested_model(request.model, path), attributes=attributes
    )


def answer(body: bytes, status: int, _content_type: str, asked: Asked) -> Answered:
    """What an embeddings answer, or an error in its place, says."""
    if status >= 400:
        return Answered(error=_errors.of_body(body, status))
    found = _EMBEDDINGS.one(body)
    if found is None:
        return Answered()
    attributes = _META(found)
    if found.usage is not None:
        tokens = found.usage.total_tokens if found.usage.prompt_tokens is None else found.usage.prompt_tokens
        if tokens is not None:
            attributes[_names.INPUT_TOKENS] = tokens
    if found.data and (dimensions := _dimensions(found.data[0], asked)):
        attributes[_names.DIMENSION_COUNT] = dimensions
    error = _errors.of_object(found.error)
    return Answered(attributes, error=None if error is None else (error[0] or _finish.ERROR, error[1]))


def _dimensions(raw: Raw, asked: Asked) -> int:
    """The length of the vector: of its array, counted by commas, or of the numbers that its base64 text holds."""
    vector = _VECTOR.one(raw)
    text = b"" if vector is None else bytes(vector.embedding).strip()
    if text.startswith(b'"'):
        return int(len(text.strip(b'"').rstrip(b"=")) * 3 // 4 / _width(asked))
    if not text.startswith(b"[") or b"[" in text[1:] or not text[1:-1].strip():
        return 0
    return text.count(b",") + 1


def _width(asked: Asked) -> float:
    formats = asked.attributes.get(_names.ENCODING_FORMATS)
    named = formats if isinstance(formats, list) else ()
    return next((_BYTES_PER_DIMENSION[form] for form in named if form in _BYTES_PER_DIMENSION), _FLOAT_BYTES)


EMBEDDINGS = Dialect("openai.embeddings", "embeddings", ask, answer)
