"""Which recorded exchange answers a request: by digest, in canonical form, whatever its placeholders, by a known part.

The canonical index is built step by step, only when a digest is not found, and only among steps of the same method,
path, query and headers; a program that asks in recorded order makes it one step longer for each call.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from spantape._model import Headers, Request, digest
from spantape.errors import TapeError
from spantape.player.canonical import PLACEHOLDER, canonical_body, has_placeholder, renumbered
from spantape.player.partial import Partial
from spantape.player.rules import MatchRules
from spantape.tape.model import ExchangeStep

Pairs = tuple[tuple[str, str], ...]
Exact = tuple["Route", str]
Queue = deque[int]


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as it is matched: `host` with its scheme, path without a slash at its end, query sorted."""

    host: str
    path: str
    query: Pairs


@dataclass(frozen=True, slots=True)
class Route:
    """All of a request that must agree but its body; `host` is "" where it is not matched."""

    method: str
    host: str
    path: str
    query: Pairs
    headers: Pairs

    def text(self) -> bytes:
        """The route as bytes, different for different routes."""
        return repr((self.method, self.host, self.path, self.query, self.headers)).encode(
            "utf-8", "backslashreplace"
        )


@lru_cache(maxsize=1024)
def split_url(url: str) -> Url:
    """The parts of a URL; one that cannot be split is all path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return Url("", url, ())
    query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return Url(f"{parts.scheme}://{parts.netloc}".lower(), parts.path.rstrip("/") or "/", query)


class Routes:
    """Makes routes as the rules say: ignored query parameters and headers are left out."""

    def __init__(self, rules: MatchRules) -> None:
        ignored = rules.ignored
        self._host = rules.host
        self._query: frozenset[str] = ignored.query
        self._headers = frozenset() if "*" in ignored.header else frozenset(rules.headers) - ignored.header

    def of(self, method: str, url: str, headers: Headers) -> Route:
        """The route of a request."""
        parts = split_url(url)
        query = parts.query
        if self._query and query:
            query = () if "*" in self._query else tuple(p for p in query if p[0] not in self._query)
        return Route(method, parts.host if self._host else "", parts.path, query, self._kept(headers))

    def _kept(self, headers: Headers) -> Pairs:
        wanted = [pair for pair in headers if pair[0] in self._headers]
        if not wanted:
            return ()
        merged: dict[str, list[str]] = {}
        for name, value in wanted:
            merged.setdefault(name, []).append(_plain_value(name, value))
        return tuple(sorted((name, _sorted_list(values)) for name, values in merged.items()))


def _plain_value(name: str, value: str) -> str:
    """A header's value without what is random in each request: the boundary of a multipart body."""
    return value.split(";", 1)[0] if name == "content-type" and value.startswith("multipart/") else value


def _sorted_list(values: list[str]) -> str:
    """The values of one header as one comma-separated list, sorted: clients join sets in any order."""
    items = [item.strip() for value in values for item in value.split(",")]
    return ", ".join(sorted(items))


@dataclass(slots=True)
class Lane:
    """The steps whose routes agree but for placeholder numbers, and how far they are indexed by canonical form."""

    positions: Sequence[int]
    done: int = 0
    canonical: dict[bytes, Queue] = field(default_factory=dict)
    renumbered: dict[bytes, Queue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Forms:
    """Digests of a request in canonical form, and with its placeholders renumbered: None where it has none."""

    canonical: bytes
    renumbered: bytes | None


Take = Callable[[Queue], int | None]
"""Gives the first position of a queue that may still be answered, takes it, and drops those that may not."""


class Matcher:
    """The exchange steps of a tape, to be found by request. Positions are those in `steps`.

    Not locked: its one owner, the player, is.
    """

    def __init__(self, steps: Sequence[tuple[int, ExchangeStep]], rules: MatchRules) -> None:
        self.rules: Final = rules
        self.routes: Final = Routes(rules)
        self.unreadable: Final[list[str]] = []
        self._steps = dict(steps)
        self._order: list[int] = []
        self._forms: dict[int, Forms] = {}
        self._keys: dict[int, Exact] = {}
        self._exact: dict[Exact, Queue] = {}
        self._lanes: dict[Route, Lane] | None = None
        self._partial: Partial | None = None
        for position, step in steps:
            self._keys[position] = (
                self.routes.of(step.method, step.url, step.request_headers),
                step.request_digest,
            )

    def groups(self) -> Iterable[list[int]]:
        """The positions of exactly equal requests, each group in recorded order."""
        found: dict[Exact, list[int]] = {}
        for position, key in self._keys.items():
            found.setdefault(key, []).append(position)
        return found.values()

    def enqueue(self, positions: Iterable[int]) -> None:
        """Make these positions answerable, in this order; others are never found."""
        self._order = list(positions)
        answerable = ((position, self._steps[position]) for position in self._order)
        self._partial = Partial(answerable, self.rules, self.routes.of)
        for position in self._order:
            self._exact.setdefault(self._keys[position], deque()).append(position)

    def key(self, request: Request) -> Exact:
        """What a request is found by first: its route and the digest of its body."""
        return self.routes.of(request.method, request.url, request.headers), digest(request.body)

    def recorded_key(self, position: int) -> Exact:
        """The key of a recorded step."""
        return self._keys[position]

    def find_exact(self, key: Exact, take: Take) -> int | None:
        """A step with the same route and digest, or None."""
        queue = self._exact.get(key)
        return None if queue is None else take(queue)

    def text(self, request: Request) -> bytes:
        """A request in canonical form."""
        route = self.routes.of(request.method, request.url, request.headers)
        return route.text() + b"\0" + canonical_body(request.body, request.headers, self.rules)

    def forms(self, route: Route, body: bytes, headers: Headers) -> Forms:
        """The digests of a request by which the canonical index finds it."""
        text = route.text() + b"\0" + canonical_body(body, headers, self.rules)
        again = _short(renumbered(text)) if has_placeholder(text) else None
        return Forms(_short(text), again)

    def find_canonical(self, route: Route, forms: Forms, take: Take) -> int | None:
        """A step that is equal in canonical form; as the last resort one that differs only in placeholder numbers."""
        lane = self._lane(route)
        if lane is None:
            return None
        while (found := _taken(lane.canonical, forms.canonical, take)) is None:
            if not self._index_one(lane):
                break
        if found is None and forms.renumbered is not None:
            found = _taken(lane.renumbered, forms.renumbered, take)
        return found

    def find_partial(self, request: Request, take: Take) -> int | None:
        """A step whose recording holds only a part of its request, and that part agrees; or None."""
        queues = () if self._partial is None else self._partial.queues(request)
        return next((found for queue in queues if (found := take(queue)) is not None), None)

    def equal_to(self, route: Route, forms: Forms) -> list[int]:
        """Every position whose request is canonically the same, answered or not, in recorded order."""
        lane = self._lane(route)
        positions = lane.positions if lane else ()
        return sorted(p for p in positions if self._recorded_forms(p).canonical == forms.canonical)

    def _lane(self, route: Route) -> Lane | None:
        if self._lanes is None:
            grouped: dict[Route, list[int]] = {}
            for position in self._order:
                grouped.setdefault(_loose(self._keys[position][0]), []).append(position)
            self._lanes = {key: Lane(positions) for key, positions in grouped.items()}
        return self._lanes.get(_loose(route))

    def _index_one(self, lane: Lane) -> bool:
        if lane.done == len(lane.positions):
            return False
        position = lane.positions[lane.done]
        forms = self._recorded_forms(position)
        lane.canonical.setdefault(forms.canonical, deque()).append(position)
        if forms.renumbered is not None:
            lane.renumbered.setdefault(forms.renumbered, deque()).append(position)
        lane.done += 1
        return True

    def _recorded_forms(self, position: int) -> Forms:
        if position not in self._forms:
            self._forms[position] = self._read_forms(position)
        return self._forms[position]

    def _read_forms(self, position: int) -> Forms:
        step = self._steps[position]
        try:
            body = step.request_body()
        except TapeError as error:  # it can still be answered by its digest; the others are not worse for it
            self.unreadable.append(f"step {step.index} is matched by digest only: {error}")
            return Forms(b"unreadable %d" % position, None)
        return self.forms(self._keys[position][0], body, step.request_headers)


def _taken(index: dict[bytes, Queue], key: bytes, take: Take) -> int | None:
    queue = index.get(key)
    return None if queue is None else take(queue)


def _loose(route: Route) -> Route:
    """The route with its placeholders stripped of their numbers, as far as it has any."""
    text = route.text()
    if b"__" not in text:
        return route
    return Route("", "", PLACEHOLDER.sub(rb"__\1__", text).decode(), (), ())


def _short(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
