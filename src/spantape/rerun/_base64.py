"""Standard base64 (RFC 4648, section 4) in its one form: padded, no blanks, no stray bits."""

from __future__ import annotations

import base64
import binascii


def from_base64(text: str) -> bytes:
    """The bytes of `text`.

    Raises:
        ValueError: it is not what an encoder writes: another alphabet, blanks, no padding, bits that are dropped.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(_advice(text)) from error
    if to_base64(data) != text:
        raise ValueError("expected standard base64, got text whose last character has bits that are dropped")
    return data


def to_base64(data: bytes) -> str:
    """`data` in standard base64."""
    return base64.b64encode(data).decode()


def _advice(text: str) -> str:
    if "-" in text or "_" in text:
        return "expected standard base64 with + and /, got the URL-safe alphabet"
    if any(character.isspace() for character in text):
        return "expected standard base64 without blanks"
    return "expected standard base64 with its padding"
