"""Recordings that hold only a part of each request, matched on that part.

Foreign recordings may keep no URL, no headers, or only some members of a body; `spantape.request.known` says what they
keep. What they do not keep is compared with nothing, so these steps are asked last, after every step that is equal.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from spantape._dialects import recognise
from spantape._model import Request
from spantape._spans import names
from spantape.errors import TapeError
from spantape.player.canonical import canonical_body, canonical_number, parse_exact
from spantape.player.rules import MatchRules
from spantape.tape.model import ExchangeStep

Queue = deque[int]

_JSON: Final = b"json\0"
_TEXTS: Final = frozenset({"input", "contents", "messages", "prompt"})


class Known(NamedTuple):
    """What a recording holds of a request: its parts, and which of the headers that must agree."""

    parts: tuple[str, ...]
    headers: frozenset[str]


class Partial:
    """The steps that hold a part of their request, by that part."""

    def __init__(
        self,
        steps: Iterable[tuple[int, ExchangeStep]],
        rules: MatchRules,
        route: Callable[[str, str, Any], Any],
    ) -> None:
        self._rules = rules
        self._route = route
        self._queues: dict[Known, dict[bytes, Queue]] = {}
        for position, step in steps:
            if parts := _stated(step.span.attributes):
                self._add(position, step, parts)

    def _add(self, position: int, step: ExchangeStep, parts: tuple[str, ...]) -> None:
        try:
            body = step.request_body()
        except TapeError:
            return  # it can still be answered by its digest
        request = Request(step.method, step.url, step.request_headers, body)
        held = frozenset(name for name, _ in self._route(step.method, step.url, step.request_headers).headers)
        known = Known(parts, held)
        self._queues.setdefault(known, {}).setdefault(self._key(request, known), deque()).append(position)

    def queues(self, request: Request) -> Iterator[Queue]:
        """The queues of the steps whose known part is that of the request, those that know most first."""
        for known in sorted(self._queues, key=lambda known: (-len(known.parts), known.parts)):
            if queue := self._queues[known].get(self._key(request, known)):
                yield queue

    def _key(self, request: Request, known: Known) -> bytes:
        route = self._route(request.method, request.url, request.headers)
        headers = sorted(pair for pair in route.headers if pair[0] in known.headers)
        place = (route.method, route.path, route.query) if "url" in known.parts else _spoken(request)
        body = canonical_body(request.body, request.headers, self._rules)
        if "body" not in known.parts:
            body = _members(body, [part.removeprefix("body.") for part in known.parts if part != "url"])
        return hashlib.sha256(
            repr((headers, place)).encode("utf-8", "backslashreplace") + b"\0" + body
        ).digest()


def _stated(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(attributes.get(names.REQUEST_KNOWN, ()))


def _spoken(request: Request) -> str:
    """The wire API of a request whose URL is not known: any server of it will do."""
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return request.url
    dialect = recognise(request.method, parts.netloc, parts.path, request.body)
    return parts.path if dialect is None else dialect.name


def _members(canonical: bytes, wanted: Iterable[str]) -> bytes:
    """The wanted members of a canonical JSON body; absent, null and false are one."""
    if not canonical.startswith(_JSON):
        return canonical
    value = parse_exact(canonical.removeprefix(_JSON).decode(), canonical_number)
    if not isinstance(value, dict):
        return canonical
    kept = {
        name: _told(value[name]) if name in _TEXTS else value[name]
        for name in wanted
        if name in value and value[name] is not None and value[name] is not False
    }
    return _JSON + msgspec.json.encode(kept, order="sorted")


def _told(value: Any) -> Any:
    """A conversation of one bare text as that text: SDKs take both spellings."""
    item = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(item, dict) and set(item) == {"role", "content"} and item["role"] == "user":
        item = item["content"]
    return item if isinstance(item, str) else value
