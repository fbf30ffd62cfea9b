r"""Where secrets stand in a text: cheap checks for what might be there, then patterns, on the text without escapes.

A text may be JSON, JSON in a JSON string, URL-encoded or plain; an escape hides what a pattern looks for (`\\u0040`)
or looks like a part of it (the `n` of `\\n`). So patterns run on a copy with the escapes of every level undone, and
what they find is mapped back to the bytes as they were.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from spantape._framing.delta import find_delta
from spantape._spans.detectors import SHAPE, Detector

PLACEHOLDER: Final = re.compile(rb"__([a-z]+(?:_[a-z]+)*)_([1-9][0-9]{0,8})__")
"""A placeholder in a text: its kind and its number."""


class Found(NamedTuple):
    """A secret at `start:stop` of a plain text."""

    start: int
    stop: int
    kind: str


# --- escapes -----------------------------------------------------------------------------------------------------

_ESCAPE: Final = re.compile(rb"\\(?<!\\\\)\\*+(?:u([0-9a-fA-F]{4})|([nrtbf/]))")
_ESCAPE_OR_PERCENT: Final = re.compile(_ESCAPE.pattern + rb"|%([0-9A-Fa-f]{2})")
_LETTERS: Final = {b"/": b"/"}
_BLANK: Final = (
    b"\v"  # white space that is no line end: a line end outside of strings separates JSON documents
)


class Plain:
    """A text with its escapes undone: `data`, and the way back to the offsets of the text it was made of."""

    __slots__ = ("_raw_starts", "_raw_stops", "_starts", "_stops", "data")

    def __init__(self, data: bytes, escapes: Sequence[tuple[int, int, int, int]] = ()) -> None:
        self.data = data
        self._starts = [escape[0] for escape in escapes]
        self._stops = [escape[1] for escape in escapes]
        self._raw_starts = [escape[2] for escape in escapes]
        self._raw_stops = [escape[3] for escape in escapes]

    def raw(self, start: int, stop: int) -> tuple[int, int]:
        """The offsets in the original text of `start:stop` in `data`; an escape that is touched is taken whole."""
        first = bisect_right(self._starts, start) - 1
        if first >= 0:
            inside = start < self._stops[first]
            start = self._raw_starts[first] if inside else self._raw_stops[first] + start - self._stops[first]
        last = bisect_left(self._starts, stop) - 1
        if last >= 0:
            inside = stop <= self._stops[last]
            stop = self._raw_stops[last] if inside else self._raw_stops[last] + stop - self._stops[last]
        return start, stop


def unescape(text: bytes) -> Plain:
    """`text` with JSON escapes of any level undone, and percent-encoding where it hides an at sign.

    Escaped quotes stay as they are, so that the levels of nested strings can still be told apart.
    """
    percent = b"%40" in text
    if not percent and b"\\" not in text:
        return Plain(text)
    parts: list[bytes] = []
    escapes: list[tuple[int, int, int, int]] = []
    at = length = 0
    for match in (_ESCAPE_OR_PERCENT if percent else _ESCAPE).finditer(text):
        start, stop = match.span()
        plain = _undone(match)
        parts += (text[at:start], plain)
        length += start - at
        escapes.append((length, length + len(plain), start, stop))
        length += len(plain)
        at = stop
    parts.append(text[at:])
    return Plain(b"".join(parts), escapes)


def _undone(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code is not None:
        plain = chr(int(code, 16)).encode("utf-8", "surrogatepass")
        return match[0] if plain in b'"\\' else plain if plain >= b" " else _BLANK
    if match[2] is not None:
        return _LETTERS.get(match[2], _BLANK)
    byte = bytes((int(match[3], 16),))
    return match[0] if byte in b'"\\\n' else byte


# --- what might be there -----------------------------------------------------------------------------------------

_BY_FREQUENCY: Final = b" etaonisrhlducmpgfybwvkx,.:0123456789/{}()[]'\"TASICENRDPOLMjFqzUVHGWYKBJXQZ\\=-_%@"
_RARE: Final = _BY_FREQUENCY.index(b"(")
_HOPS: Final = 32
_SHORT: Final = 2048
WORTH_KNOWING: Final = 8 * 1024
_MOST_KNOWN: Final = 256 * 1024
_KNOWN: Final = 8
_ENDS: Final = 48


class _Group(NamedTuple):
    """Hints that share a byte: the pattern finds any of them, starting at that byte."""

    anchor: bytes
    pattern: re.Pattern[bytes]
    hints: Mapping[bytes, list[int]]


class Gate:
    """Tells cheaply which detectors are worth running on a text."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._clean: tuple[bytes, ...] = ()
        self._always = [place for place, one in enumerate(detectors) if not one.hints and not one.shapes]
        self._shapes = _by_literal((place, one.shapes) for place, one in enumerate(detectors))
        hints = _by_literal((place, one.hints) for place, one in enumerate(detectors))
        self.seeks_quotes = any(b'"' in hint for hint in (*hints, *self._shapes))
        alone = {hint for hint in hints if len(hint) == 1 or max(map(_rarity, hint)) < _RARE}
        self._single = {hint: hints[hint] for hint in alone}
        self._bytes = [hint[0] for hint in alone if len(hint) == 1]
        self._words = [re.compile(b"|".join(map(re.escape, some))) for some in _alike(alone)]
        self._shape = re.compile(b"|".join(map(re.escape, self._shapes))) if self._shapes else None
        self._groups = _grouped({hint: places for hint, places in hints.items() if hint not in alone})
        self._no_anchors = bytes(code for code in range(256) if code not in self._groups)

    def news(self, text: bytes) -> tuple[int, int]:
        """The part of `text` that is not known to be clean: what lies between the ends that it shares with another.

        Programs send the same tools and instructions in run after run.
        """
        start, stop = 0, len(text)
        for known in reversed(self._clean):
            if known[:_ENDS] == text[:_ENDS] or known[-_ENDS:] == text[-_ENDS:]:
                prefix, suffix = find_delta(known, text)
                if len(text) - prefix - suffix < stop - start:
                    start, stop = prefix, len(text) - suffix
                    if (stop - start) * 8 < len(text):
                        break
        return start, stop

    def remember(self, text: bytes) -> None:
        """Take `text` as clean: it was searched whole, and holds neither secrets nor placeholders."""
        if WORTH_KNOWING <= len(text) <= _MOST_KNOWN:
            self._clean = (*self._clean[1 - _KNOWN :], text)

    def candidates(self, text: bytes) -> list[Detector]:
        """The detectors whose hints or shapes are in `text`, in their order."""
        places = set(self._always)
        for hint, some in self._single.items():
            if hint in text:
                places.update(some)
        for group in self._holding(text):
            places.update(place for hint, some in group.hints.items() if hint in text for place in some)
        if self._shapes:
            shape = text.translate(SHAPE)
            for hint, some in self._shapes.items():
                if hint in shape:
                    places.update(some)
        return [self._detectors[place] for place in sorted(places)] if places else []

    def hinted(self, text: bytes) -> bool:
        """Whether `candidates` would give any detector."""
        if self._always:
            return True
        for (
            byte
        ) in self._bytes:  # an integer is looked for by memchr, and a pattern costs less than `in` for bytes
            if byte in text:
                return True
        for pattern in self._words:
            if pattern.search(text) is not None:
                return True
        groups = self._groups
        for anchor in set(text.translate(None, self._no_anchors)) if len(text) <= _SHORT else groups:
            if _holds(text, groups[anchor]):
                return True
        if self._shape is None:
            return False
        return self._shape.search(text.translate(SHAPE)) is not None

    def _holding(self, text: bytes) -> Iterator[_Group]:
        """The groups of which a hint is in `text`."""
        anchors = set(text.translate(None, self._no_anchors)) if len(text) <= _SHORT else self._groups
        for anchor in anchors:
            if _holds(text, group := self._groups[anchor]):
                yield group


def _alike(hints: Iterable[bytes]) -> list[list[bytes]]:
    """Those of more than one byte, by the byte that they begin with: patterns are fast where all begin alike."""
    found: dict[int, list[bytes]] = {}
    for hint in sorted(hints):
        if len(hint) > 1:
            found.setdefault(hint[0], []).append(hint)
    return list(found.values())


def _by_literal(entries: Iterable[tuple[int, Sequence[bytes]]]) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for place, literals in entries:
        for literal in literals:
            found.setdefault(literal, []).append(place)
    return found


def _rarity(byte: int) -> int:
    place = _BY_FREQUENCY.find(byte)
    return place if place >= 0 else len(_BY_FREQUENCY)


def _grouped(hints: Mapping[bytes, list[int]]) -> dict[int, _Group]:
    """The hints by the rarest byte in each; a pattern looks behind only where what follows that byte fits."""
    anchors: dict[bytes, list[bytes]] = {}
    for hint in hints:
        anchors.setdefault(bytes((max(hint, key=_rarity),)), []).append(hint)
    groups = {}
    for anchor, members in anchors.items():
        ends: dict[bytes, list[bytes]] = {}
        for hint in members:
            before, _, after = hint.partition(anchor)
            behind = b"(?<=" + re.escape(hint) + b")" if before else b""
            ends.setdefault(after, []).append(behind)
        forms = [
            re.escape(after) + b"(?:" + b"|".join(sorted(behind)) + b")" for after, behind in ends.items()
        ]
        pattern = re.compile(re.escape(anchor) + b"(?:" + b"|".join(sorted(forms)) + b")")
        groups[anchor[0]] = _Group(anchor, pattern, {hint: hints[hint] for hint in members})
    return groups


def _holds(text: bytes, group: _Group) -> bool:
    at = 0
    if (
        len(text) > _SHORT
    ):  # `find` of one byte is many times faster than a pattern, as long as it seldom stops
        anchor, match = group.anchor, group.pattern.match
        for _ in range(_HOPS):
            at = text.find(anchor, at)
            if at < 0:
                return False
            if match(text, at):
                return True
            at += 1
    return group.pattern.search(text, at) is not None


# --- what is there -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    """A secret known by its value: the forms in which it may be written."""

    forms: tuple[bytes, ...]
    kind: str


def scan(text: bytes, detectors: Sequence[Detector], literals: Sequence[Literal] = ()) -> list[Found]:
    """The secrets in `text`, a plain text, in order and without overlap.

    Placeholders divide the text. What stands around a secret is searched again as if the text ended there, until
    nothing more is found: the text with its secrets replaced holds none.
    """
    found: list[Found] = []
    segments = _between(text, PLACEHOLDER) if b"__" in text else [(0, len(text))]
    while segments:
        start, stop = segments.pop()
        here = _first_of_each(_matches(text, start, stop, detectors, literals))
        if here:
            found += here
            edges = [start, *(edge for one in here for edge in (one.start, one.stop)), stop]
            segments += [pair for pair in zip(edges[::2], edges[1::2], strict=True) if pair[0] < pair[1]]
    return sorted(found)


def _between(text: bytes, pattern: re.Pattern[bytes]) -> list[tuple[int, int]]:
    edges = [0, *(edge for match in pattern.finditer(text) for edge in match.span()), len(text)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _first_of_each(found: list[Found]) -> list[Found]:
    """Of those that overlap, the one that begins first, the longest of these, the first of these."""
    found.sort(key=lambda one: (one.start, -one.stop))
    kept: list[Found] = []
    for one in found:
        if not kept or one.start >= kept[-1].stop:
            kept.append(one)
    return kept


def _matches(
    text: bytes, start: int, stop: int, detectors: Sequence[Detector], literals: Sequence[Literal]
) -> list[Found]:
    segment = text[start:stop]
    found = []
    for literal in literals:
        for form in literal.forms:
            found += [
                Found(start + at, start + at + len(form), literal.kind) for at in _places(segment, form)
            ]
    for detector in detectors:
        for match in detector.pattern.finditer(segment):
            span = _span(detector, match, segment)
            if span is not None and not _is_json_number(text, start + span[0], start + span[1]):
                found.append(Found(start + span[0], start + span[1], detector.kind))
    return found


def _places(text: bytes, form: bytes) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + len(form))


def _span(detector: Detector, match: re.Match[bytes], segment: bytes) -> tuple[int, int] | None:
    start, stop = match.span(detector.group)
    if detector.lead is not None:
        before = detector.lead.match(segment[start - 256 if start > 256 else 0 : start][::-1])
        if before is None or before.end() == 0:
            return None
        start -= before.end()
    if start == stop or (detector.check is not None and not detector.check(segment[start:stop])):
        return None
    return start, stop


def _is_json_number(text: bytes, start: int, stop: int) -> bool:
    """Whether `start:stop` is a number of JSON: a text in its place would not be the JSON that it was."""
    if not text[start:stop].isdigit():
        return False
    after = text[stop : stop + 64].lstrip()
    if after and after[:1] not in b",}]":
        return False
    before = text[start - 64 if start > 64 else 0 : start].rstrip()
    if before.endswith(b":"):
        return before[:-1].rstrip().endswith(b'"')
    if not before.endswith((b"[", b",")):
        return False
    line = text[text.rfind(b"\n", 0, start) + 1 : start]
    in_string = (line.count(b'"') - line.count(b'\\"')) % 2 == 1
    return not in_string and text.lstrip()[:1] in (b"{", b"[", b"d")
