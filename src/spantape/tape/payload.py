"""Payload attributes as a tape keeps them: readable text where they are UTF-8, never compressed twice.

A zstd blob inside a compressed file would hide what neighbouring steps share, and what a person wants to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spantape._spans import names
from spantape._spans.codec import decompress, split_encoding
from spantape.errors import TapeDamaged

_PAYLOADS: Final = (
    (names.REQUEST_BODY, names.REQUEST_ENCODING, names.REQUEST_SIZE),
    (names.RESPONSE_BODY, names.RESPONSE_ENCODING, names.RESPONSE_SIZE),
)


def plain_payloads(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """`attributes` with every zstd payload unfolded and every UTF-8 payload as text.

    The same mapping where nothing is to be done. A payload that does not unfold stays as it is: its reader will
    name what is wrong with it.
    """
    changed: dict[str, Any] | None = None
    for body, encoding, size in _PAYLOADS:
        value = attributes.get(body)
        if isinstance(value, bytes):
            if changed is None:
                changed = dict(attributes)
            _unfold(changed, body, encoding, size)
    return attributes if changed is None else changed


def _unfold(attributes: dict[str, Any], body: str, encoding: str, size: str) -> None:
    is_delta, packing = split_encoding(str(attributes.get(encoding, "")))
    data = attributes[body]
    limit = attributes.get(size)
    if packing == "zstd" and isinstance(limit, int):
        try:
            data = decompress(data, limit)
        except (TapeDamaged, ValueError, OverflowError, MemoryError):
            return
        packing = ""
        attributes.pop(encoding)
        if is_delta:
            attributes[encoding] = "delta"
    if not packing:
        attributes[body] = _text(data)


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
