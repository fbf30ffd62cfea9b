"""The recorded step that is most like a request: cheap, and with bounded work however long the tape is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Final

import msgspec

from spantape._fields import common_prefix
from spantape._model import Request
from spantape.errors import TapeError
from spantape.player.matching import split_url
from spantape.player.meaning import Meaning, meaning_of
from spantape.player.reconstructed import is_reconstructed, meaning_of_step
from spantape.tape.model import ExchangeStep, Step

_LOOKED_INTO: Final = 16  # candidates whose bodies are compared
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def nearest_exchange(steps: Sequence[Step], request: Request, used: Container[int]) -> ExchangeStep | None:
    """The recorded exchange most like the request, None where there is none.

    Those of the same method and path come before others, unused ones before used ones, the first before later ones.
    """
    ranked: dict[tuple[bool, bool], list[ExchangeStep]] = {}
    path = split_url(request.url).path
    for position, step in enumerate(steps):
        if step.kind == "exchange":
            elsewhere = (step.method, split_url(step.url).path) != (request.method, path)
            ranked.setdefault((elsewhere, position in used), []).append(step)
    if not ranked:
        return None
    likely = _closest_in_size(ranked[min(ranked)], len(request.body))
    similarity = _similarity_to(request.body)
    if any(map(is_reconstructed, likely)) and (meaning := meaning_of(request)) is not None:
        means = _similarity_to(_written(meaning))
        return max(
            likely,
            key=lambda step: means(_meant(step)) if is_reconstructed(step) else similarity(_body(step)),
        )
    return max(likely, key=lambda step: similarity(_body(step)))


def _meant(step: ExchangeStep) -> bytes:
    meaning = meaning_of_step(step)
    return b"" if meaning is None else _written(meaning)


def _written(meaning: Meaning) -> bytes:
    return msgspec.json.encode(meaning.fields())


def _closest_in_size(steps: Sequence[ExchangeStep], size: int) -> list[ExchangeStep]:
    """The first of the steps and those closest in size, in recorded order."""
    if len(steps) <= _LOOKED_INTO:
        return list(steps)
    by_size = sorted(range(1, len(steps)), key=lambda place: abs(steps[place].request_size - size))
    return [steps[place] for place in sorted([0, *by_size[: _LOOKED_INTO - 1]])]


def _body(step: ExchangeStep) -> bytes:
    try:
        return step.request_body()
    except TapeError:
        return b""


def _similarity_to(body: bytes) -> Callable[[bytes], tuple[float, float]]:
    """A function from bodies to how much they share with `body`: whole fields and items first, then both ends."""
    pieces = _pieces(body)

    def similarity(other: bytes) -> tuple[float, float]:
        theirs = _pieces(other)
        shared = sum(len(piece) * count for piece, count in (pieces & theirs).items())
        return shared / max(_weight(pieces), _weight(theirs), 1), _common_ends(body, other)

    return similarity


def _pieces(body: bytes) -> Counter[bytes]:
    """A JSON object's members, a list among them as its items, with how often each stands there."""
    try:
        members = _MEMBERS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Counter()
    found: Counter[bytes] = Counter()
    for name, raw in members.items():
        value = bytes(raw)
        items = [bytes(item) for item in _ITEMS.decode(value)] if value[:1] == b"[" else [value]
        found.update(name.encode("utf-8", "replace") + b"\0" + item for item in items)
    return found


def _weight(pieces: Counter[bytes]) -> int:
    return sum(len(piece) * count for piece, count in pieces.items())


def _common_ends(a: bytes, b: bytes) -> float:
    start = common_prefix(a, b)
    left = min(len(a), len(b)) - start
    end = common_prefix(a[len(a) - left :][::-1], b[len(b) - left :][::-1])
    return (start + end) / max(len(a), len(b), 1)
