"""Request bodies rebuilt through the bodies that they grew from.

The bases of a tape form a graph over digests. It is walked once from its keyframes, so that every body that can be
told has a shortest chain to one, and neither a cycle nor a long chain needs recursion. Rebuilt bodies are kept in a
bounded cache: steps asked for in order cost one delta each.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from spantape._spans import names
from spantape._spans.codec import read_body
from spantape.errors import MissingBase, TapeDamaged
from spantape.tape.limits import Limits

Attributes = Mapping[str, Any]

BASE_SPAN: Final = "spantape.request.base.span"
"""On a sealed tape, in the place of the base's digest: the id of the span that has the base body."""

_CACHE_BYTES: Final = 64 << 20


class Bodies:
    """The request bodies of one tape, by digest. Safe to use from many threads."""

    def __init__(self, payloads: Iterable[Attributes], limits: Limits) -> None:
        self._limits = limits
        self._sources = sources_of(payloads)
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def body(self, attributes: Attributes) -> bytes:
        """The request body in `attributes`.

        Raises:
            MissingBase: a base is not on the tape.
            NotReplayable: there is no body in `attributes`.
            TapeDamaged: a body does not decode, does not have its digest, or grows from itself.
        """
        self._check_size(attributes)
        base = base_digest(attributes)
        if base == "":
            raise MissingBase(
                f"its base, span {attributes.get(BASE_SPAN)}, is not on the tape", field="request.body"
            )
        return read_body(attributes, None if base is None else self._rebuilt(base))

    def _rebuilt(self, wanted: str) -> bytes | None:
        chain: list[Attributes] = []
        digest: str | None = wanted
        body = None
        while digest is not None:
            body = self._cached(digest)
            if body is not None:
                break
            source = self._sources.get(digest)
            if source is None:
                raise self._unreachable(digest)
            chain.append(source)
            digest = base_digest(source)
        for attributes in reversed(chain):
            self._check_size(attributes)
            body = read_body(attributes, body)
            self._keep(attributes[names.REQUEST_DIGEST], body)
        return body

    def _unreachable(self, digest: str) -> MissingBase | TapeDamaged:
        reason = f"its base body sha256 {digest} is not on the tape"
        if digest not in self._sources.orphans:
            return MissingBase(reason, field="request.body")
        return self._sources.blame(digest)

    def _check_size(self, attributes: Attributes) -> None:
        size = attributes.get(names.REQUEST_SIZE, 0)
        if size > self._limits.body_bytes:
            raise TapeDamaged(
                f"got a stated size of {size} bytes, refused above {self._limits.body_bytes} (Limits.body_bytes)",
                field="request.body",
            )

    def _cached(self, digest: str) -> bytes | None:
        with self._lock:
            body = self._cache.get(digest)
            if body is not None:
                self._cache.move_to_end(digest)
            return body

    def _keep(self, digest: str, body: bytes) -> None:
        with self._lock:
            if digest in self._cache:
                return
            self._cache[digest] = body
            self._cached_bytes += len(body)
            while self._cached_bytes > _CACHE_BYTES and len(self._cache) > 1:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])


def base_digest(attributes: Attributes) -> str | None:
    """The digest of the body that the one in `attributes` grew from, None for a whole one."""
    if not attributes.get(names.REQUEST_ENCODING, "").startswith("delta"):
        return None
    base: str = attributes.get(names.BASE_DIGEST, "")
    return base


class _Sources(dict[str, Attributes]):
    """For each digest that can be rebuilt, the attributes to do it from; `orphans` are those that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.orphans: dict[str, str] = {}

    def blame(self, digest: str) -> MissingBase | TapeDamaged:
        """Why the orphan `digest` cannot be rebuilt."""
        seen = set()
        while digest in self.orphans:
            if digest in seen:
                return TapeDamaged(f"its base bodies form a cycle at sha256 {digest}", field="request.body")
            seen.add(digest)
            digest = self.orphans[digest]
        return MissingBase(f"its base body sha256 {digest} is not on the tape", field="request.body")


def sources_of(payloads: Iterable[Attributes]) -> _Sources:
    """For each digest that can be rebuilt from `payloads`, those to do it from: whole ones, or the nearest to one."""
    sources = _Sources()
    growing: dict[str, list[Attributes]] = {}
    for attributes in payloads:
        if names.REQUEST_BODY not in attributes or names.REQUEST_DIGEST not in attributes:
            continue
        base = base_digest(attributes)
        if base is None:
            sources.setdefault(attributes[names.REQUEST_DIGEST], attributes)
        else:
            growing.setdefault(base, []).append(attributes)
    _walk(sources, growing)
    for base, grown in growing.items():
        for attributes in grown:
            if attributes[names.REQUEST_DIGEST] not in sources:
                sources.orphans.setdefault(attributes[names.REQUEST_DIGEST], base)
    return sources


def _walk(sources: _Sources, growing: Mapping[str, list[Attributes]]) -> None:
    reached = list(sources)
    while reached:
        following: list[str] = []
        for digest in reached:
            for attributes in growing.get(digest, ()):
                own = attributes[names.REQUEST_DIGEST]
                if own not in sources:
                    sources[own] = attributes
                    following.append(own)
        reached = following
