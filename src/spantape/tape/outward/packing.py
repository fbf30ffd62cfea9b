"""Payloads of a span compressed again, as they were on their way to the tape, where it is too large to travel without."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

from spantape._spans import names
from spantape._spans.codec import compress
from spantape.tape.outward.source import Document

_PAYLOADS: Final = (
    (names.REQUEST_BODY, names.REQUEST_ENCODING, names.REQUEST_SIZE),
    (names.RESPONSE_BODY, names.RESPONSE_ENCODING, names.RESPONSE_SIZE),
)


def packed(document: Document) -> Document:
    """The document with its payloads as zstd bytes; itself where it has none, or they are packed already."""
    (group,) = document["resourceSpans"]
    (scope,) = group["scopeSpans"]
    (span,) = scope["spans"]
    values = {pair["key"]: pair["value"] for pair in span["attributes"]}
    for body, encoding, size in _PAYLOADS:
        _pack(values, body, encoding, size)
    attributes = [{"key": key, "value": value} for key, value in values.items()]
    scopes = [{**scope, "spans": [{**span, "attributes": attributes}]}]
    return {**document, "resourceSpans": [{**group, "scopeSpans": scopes}]}


def _pack(values: dict[str, Any], body: str, encoding: str, size: str) -> None:
    held = values.get(body)
    coded = values.get(encoding, {}).get("stringValue", "")
    if held is None or size not in values or coded not in ("", "delta"):
        return
    data = b64decode(held["bytesValue"]) if "bytesValue" in held else held.get("stringValue", "").encode()
    values[body] = {"bytesValue": b64encode(compress(data)).decode()}
    values[encoding] = {"stringValue": f"{coded}+zstd" if coded else "zstd"}
