"""Names that may be there: a set of fixed size that errs on one side only.

See: Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final

_BITS: Final = 1 << 25
_PLACES: Final = struct.Struct("<4I")


class Known:
    """Texts that were added, in 4 MiB however many: what was added is always in it, what was not seldom.

    Of a million texts, one in ten thousand others is taken for one of them.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bits = bytearray(_BITS // 8)
        self.update(texts)

    def update(self, texts: Iterable[str]) -> None:
        """Add `texts`."""
        for text in texts:
            for place in _places(text):
                self._bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, text: str) -> bool:
        return all(self._bits[place >> 3] >> (place & 7) & 1 for place in _places(text))


def _places(text: str) -> list[int]:
    numbers = _PLACES.unpack(hashlib.blake2b(text.encode(), digest_size=_PLACES.size).digest())
    return [number % _BITS for number in numbers]
