"""A body as the difference to the body that it grew from: common prefix, common suffix, new middle.

An agent resends its whole history each turn; the middle is then what is new in that turn, and a run's spans grow
linearly in its turns. Pure functions over bytes.
"""

from __future__ import annotations


def find_delta(base: bytes, body: bytes) -> tuple[int, int]:
    """The lengths (prefix, suffix) that `body` shares with `base`.

    `body == base[:prefix] + middle + base[len(base) - suffix:]`; prefix and suffix do not overlap in either. The
    middle of a UTF-8 text is UTF-8: no cut stands inside a character.
    """
    prefix = _character_start(body, common_prefix(base, body))
    room = min(len(base), len(body)) - prefix
    return prefix, len(body) - _character_end(body, len(body) - common_suffix(base, body, room))


def apply_delta(base: bytes, prefix: int, suffix: int, middle: bytes) -> bytes:
    """The body that `find_delta` described.

    Raises:
        ValueError: prefix and suffix do not fit the base.
    """
    if prefix < 0 or suffix < 0 or prefix + suffix > len(base):
        raise ValueError(
            f"got prefix {prefix} and suffix {suffix}, expected both within a base of {len(base)} bytes"
        )
    return base[:prefix] + middle + base[len(base) - suffix :]


def _character_start(text: bytes, at: int) -> int:
    """`at`, or the start of the UTF-8 character that it stands in."""
    if at < len(text) and text[at] & 0xC0 == 0x80:
        for start in range(at - 1, max(at - 4, -1), -1):
            if text[start] & 0xC0 != 0x80:
                return start
    return at


def _character_end(text: bytes, at: int) -> int:
    """`at`, or the end of the UTF-8 character that it stands in."""
    for end in range(at, min(at + 4, len(text))):
        if text[end] & 0xC0 != 0x80:
            return end
    return len(text) if len(text) - at < 4 else at


def common_prefix(left: bytes, right: bytes) -> int:
    """How many leading bytes are equal.

    Halving on slices: each comparison is one memcmp, and all slices together are no longer than the shorter
    input, so the cost is that of reading it twice, without a Python loop over bytes.
    """
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def common_suffix(left: bytes, right: bytes, room: int) -> int:
    """How many trailing bytes are equal, at most `room`."""
    low, high = 0, room
    while low < high:
        middle = (low + high + 1) // 2
        if left[len(left) - middle : len(left) - low] == right[len(right) - middle : len(right) - low]:
            low = middle
        else:
            high = middle - 1
    return low
