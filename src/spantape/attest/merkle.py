"""Merkle trees over leaf hashes, as Certificate Transparency builds them.

Leaves and nodes are hashed under different prefixes, so that no leaf can pose as a node, nor a node as a leaf. A node
that has no partner on its level is carried up as it is.

See: RFC 6962, section 2.1; RFC 9162, section 2.1.3
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

HASH_BYTES: Final = 32

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """The 32 bytes of the leaf that holds `data`."""
    return hashlib.sha256(_LEAF + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree over these leaf hashes, in their order; the sha256 of nothing where there are none."""
    if not leaves:
        return hashlib.sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def audit_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The sibling hashes that lead from the leaf `index` to the root, lowest first.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"got leaf {index}, expected one of {len(leaves)}")
    path = []
    level = list(leaves)
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        level = _above(level)
        index >>= 1
    return tuple(path)


def root_of_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of the tree of `size` leaves in which `leaf` stands at `index`, if `path` is its audit path.

    Raises:
        ValueError: no leaf of such a tree has that index, or its audit path has another length.
    """
    if not 0 <= index < size:
        raise ValueError(f"got leaf {index} of a tree of {size}")
    if len(path) != (expected := path_length(index, size)):
        raise ValueError(f"got a path of {len(path)} hashes, expected {expected} for leaf {index} of {size}")
    found = leaf
    siblings = iter(path)
    last = size - 1
    while last:
        if index & 1:
            found = _node(next(siblings), found)
        elif index < last:
            found = _node(found, next(siblings))
        index >>= 1
        last >>= 1
    return found


def path_length(index: int, size: int) -> int:
    """How many hashes the audit path of the leaf `index` has in a tree of `size` leaves."""
    length = 0
    last = size - 1
    while last:
        length += index & 1 or index < last
        index >>= 1
        last >>= 1
    return length


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The next level up."""
    joined = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return joined + list(level[-1:]) if len(level) % 2 else joined


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
