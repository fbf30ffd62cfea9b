"""How much a file may ask of its reader before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps in bytes; a file that passes one is refused with a `TapeDamaged` that names it.

    `total_bytes` bounds a file's uncompressed lines, `line_bytes` one of them, `body_bytes` one rebuilt body,
    `rebuilt_bytes` what a verification rebuilds in all, `derived_bytes` what reading does to work out digests.
    """

    total_bytes: int = 4 * _GIB
    line_bytes: int = _GIB
    body_bytes: int = _GIB
    rebuilt_bytes: int = 256 * _GIB
    derived_bytes: int = 4 * _GIB


DEFAULT = Limits()
