"""Secrets that a response streams in pieces: found in the joined text of equal fields, replaced across the events.

Most streams hold none, so a cheap look comes first: at the body with what all events have in common left out, and at
its texts joined by field name. Only where one of them holds something is every event read, whatever its dialect.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from spantape._framing.delta import find_delta
from spantape._framing.repeats import fold
from spantape._spans.detectors import Detector
from spantape._spans.redaction import Edit, Redactor, Secret
from spantape._spans.search import Literal, Plain, scan, unescape

_DELTAS: Final = frozenset(
    b"arguments code completion content delta generated_text input output output_text partial_json reasoning "
    b"reasoning_content refusal response summary text thinking transcript value".split()
)
"""Names of fields that carry a text piece by piece. Others may, but may as well hold one whole value in each event."""

_STREAM_TYPES: Final = ("event-stream", "ndjson", "stream+json", "jsonl", "json-lines")


def is_stream(body: bytes, content_type: str) -> bool:
    """Whether `body` is a stream of events: SSE, NDJSON, or the JSON array that Gemini streams."""
    kind = _kind(content_type)
    if kind == "json":
        return _is_streamed_array(body)
    return kind == "stream" or (kind == "" and body.startswith((b"data:", b"event:", b":")))


@lru_cache(maxsize=256)
def _kind(content_type: str) -> str:
    """What a body of that type is: "stream", "json" or "other"; "" where there is no type."""
    kind = content_type.lower()
    if any(name in kind for name in _STREAM_TYPES):
        return "stream"
    return "json" if "json" in kind else "other" if kind else ""


def _is_streamed_array(body: bytes) -> bool:
    return body.startswith(b"[") and b'"candidates"' in body


def stream_edits(redactor: Redactor, body: bytes, content_type: str) -> list[Edit]:
    """The replacements of the secrets in the stream `body`, in order and without overlap."""
    if not _is_suspicious(redactor, body):
        return []
    whole = redactor.locate(body)
    groups = _groups(body, is_sse="json" not in content_type.lower())
    split = [secret for group in groups for secret in _split_secrets(redactor, group)]
    settled = _Spans([piece.span for group in groups if group.is_delta for piece in group.pieces])
    taken = _Spans([span for secret in split for span in secret.spans])
    rest = [
        _Split(((one.start, one.stop),), one)
        for one in whole
        if not settled.touch(one.start, one.stop) and not taken.touch(one.start, one.stop)
    ]
    edits = [edit for secret in sorted([*split, *rest]) for edit in _edits(redactor, secret)]
    return sorted(edits)


# --- the cheap look ----------------------------------------------------------------------------------------------


def _is_suspicious(redactor: Redactor, body: bytes) -> bool:
    """Whether `body` may hold secrets, whole or in pieces; True also where only the exact look can tell."""
    short = body if redactor.seeks_quotes() else _shortened(body)
    redactor.observe(short)
    detectors, literals = redactor.candidates(short)
    if (detectors or literals) and redactor.locate(body):
        return True
    alternates = _OTHER_INDEX.search(short) is not None or b'"output_index":1' in short
    return (alternates and _interleaved(body)) or _holds_pieces(redactor, short)


def _shortened(body: bytes) -> bytes:
    """`body` with what its events have in common before and behind their text written once.

    Cut at quotes, which no hint then holds, so that each hint that is in `body` is in what is left; the name of the field
    stays before each text.
    """
    folded = fold(body)
    if folded is None:
        return _without_repeats(body)
    return body if folded.repeats_text() else folded.body


def _without_repeats(body: bytes) -> bytes:
    events = body.split(b"\n\n") if b"\n\n" in body[:_FIRST] else body.split(b"\n")
    if len(events) < _FEW:
        return body
    left, right = events[len(events) // 2], events[len(events) // 2 + 1]
    prefix, suffix = find_delta(left, right)
    before = left[: left.rfind(b'"', 0, prefix) + 1]
    quote = left.find(b'"', max(len(left) - suffix, len(before)))
    if not before or quote < 0:
        return body
    behind = left[quote:]
    field = _FIELD_START.search(before[-_LONGEST_FIELD:])
    head = field[0] if field is not None else b'"'
    start, stop = len(before), 1 - len(behind) or None
    news = [
        head + event[start:stop] if event.startswith(before) and event.endswith(behind) else event
        for event in events
    ]
    return b"\n".join([*news, before, behind])


_FIRST: Final = 8192
_LONGEST_FIELD: Final = 40
_FEW: Final = 6
_FIELD_START: Final = re.compile(rb'(?:"[a-z_]+": ?)?"\Z')

_TEXTS: Final = re.compile(rb'"([A-Za-z_][A-Za-z0-9_]*)": ?"((?:[^"\\]++|\\.)*+)"')
_TOOL_INDEX: Final = re.compile(rb'"tool_calls": ?\[\{(?:[^{}\[\]]*?)"index": ?([0-9]+)')
_OTHER_INDEX: Final = re.compile(rb'"index": ?[1-9]')
_INDEX: Final = re.compile(rb'"index": ?([0-9]+)')
_ITEM_INDEX: Final = re.compile(rb'"output_index": ?([0-9]+)')


def _holds_pieces(redactor: Redactor, body: bytes) -> bool:
    """Whether the texts of `body`, joined by field name, hold a secret."""
    texts: dict[bytes, list[bytes]] = {}
    for name, text in _TEXTS.findall(body):
        texts.setdefault(name, []).append(text)
    joined = b"\n".join([b"".join(pieces) for pieces in texts.values()])
    detectors, literals = redactor.candidates(joined)
    return bool(detectors or literals) and bool(scan(unescape(joined).data, detectors, literals))


def _interleaved(body: bytes) -> bool:
    """Whether texts of several choices, tool calls or items may alternate in `body`."""
    if b'"output_index":1' in body and not _ascends([int(index) for index in _ITEM_INDEX.findall(body)]):
        return True
    if b'"choices"' not in body and b'"candidates"' not in body:
        return not _ascends([int(index) for index in _INDEX.findall(body)])
    others = len(_OTHER_INDEX.findall(body))
    tools = [int(index) for index in _TOOL_INDEX.findall(body)]
    return others > sum(index > 0 for index in tools) or not _ascends(tools)


def _ascends(indexes: Sequence[int]) -> bool:
    return all(one <= other for one, other in pairwise(indexes))


# --- the exact look ----------------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """A string of an event: where its content stands in the body, and where in the joined text of its group."""

    span: tuple[int, int]
    plain: Plain
    start: int
    stop: int


class _Group(NamedTuple):
    """The strings at one place of the events, in order."""

    is_delta: bool
    pieces: list[_Piece]
    text: bytes


class _Split(NamedTuple):
    """A secret with the spans of the body that it takes up."""

    spans: tuple[tuple[int, int], ...]
    secret: Secret


class _Spans:
    """Spans that do not overlap, to ask whether another touches any."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self._spans = sorted(span for span in spans if span[0] < span[1])
        self._starts = [start for start, _ in self._spans]

    def touch(self, start: int, stop: int) -> bool:
        place = bisect_right(self._starts, start) - 1
        if place >= 0 and self._spans[place][1] > start:
            return True
        return place + 1 < len(self._spans) and self._spans[place + 1][0] < stop


def _edits(redactor: Redactor, split: _Split) -> Iterator[Edit]:
    replacement = redactor.place(split.secret.kind, split.secret.value)
    for start, stop in split.spans:
        yield Edit(start, stop, replacement)
        replacement = b""


def _split_secrets(redactor: Redactor, group: _Group) -> Iterator[_Split]:
    """The secrets in the joined text of `group`; of a field that is no known delta, only those in several pieces."""
    detectors, literals = redactor.candidates(group.text)
    if not (detectors or literals):
        return
    plain = unescape(group.text)
    for found in scan(plain.data, detectors, literals):
        start, stop = plain.raw(found.start, found.stop)
        pieces = [piece for piece in group.pieces if piece.start < stop and start < piece.stop]
        if not group.is_delta and (
            len(pieces) == 1
            or any(scan(unescape(piece.plain.data).data, detectors, literals) for piece in pieces)
        ):
            continue
        spans = tuple(_raw_span(piece, start, stop) for piece in pieces)
        yield _Split(spans, Secret(*spans[0], found.kind, plain.data[found.start : found.stop]))


def _is_secret(text: bytes, detectors: Sequence[Detector], literals: Sequence[Literal]) -> bool:
    found = scan(unescape(text).data, detectors, literals)
    return len(found) == 1 and found[0].start == 0 and found[0].stop == len(unescape(text).data)


def _raw_span(piece: _Piece, start: int, stop: int) -> tuple[int, int]:
    first, last = piece.plain.raw(max(start, piece.start) - piece.start, min(stop, piece.stop) - piece.start)
    return piece.span[0] + first, piece.span[0] + last


def _groups(body: bytes, *, is_sse: bool) -> list[_Group]:
    """The strings of all events of `body` that have company at their place, by place."""
    places: dict[object, list[tuple[int, int]]] = {}
    names: dict[object, bytes] = {}
    for leaf in list(_leaves(body, is_sse=is_sse)):  # an index may stand behind the text that it is for
        place = leaf.place()
        places.setdefault(place, []).append(leaf.span)
        names[place] = leaf.name()
    groups = []
    for place, spans in places.items():
        if len(spans) > 1:
            group = _group(body, spans, is_delta=names[place] in _DELTAS)
            if group.is_delta or len({piece.plain.data for piece in group.pieces}) > 1:
                groups.append(group)
    return groups


def _group(body: bytes, spans: Sequence[tuple[int, int]], *, is_delta: bool) -> _Group:
    pieces: list[_Piece] = []
    at = 0
    for start, stop in spans:
        plain = _decoded(body[start:stop])
        pieces.append(_Piece((start, stop), plain, at, at + len(plain.data)))
        at += len(plain.data)
    return _Group(is_delta, pieces, b"".join(piece.plain.data for piece in pieces))


_JSON_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROLS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def _decoded(text: bytes) -> Plain:
    """The content of a JSON string with exactly its own level of escapes undone."""
    if b"\\" not in text:
        return Plain(text)
    parts: list[bytes] = []
    escapes: list[tuple[int, int, int, int]] = []
    at = length = 0
    for match in _JSON_ESCAPE.finditer(text):
        start, stop = match.span()
        letter = match[2]
        if letter is None:
            plain = chr(int(match[1], 16)).encode("utf-8", "surrogatepass")
        else:
            plain = _CONTROLS.get(letter, letter)
        parts += (text[at:start], plain)
        length += start - at
        escapes.append((length, length + len(plain), start, stop))
        length += len(plain)
        at = stop
    parts.append(text[at:])
    return Plain(b"".join(parts), escapes)


# --- events and their strings ------------------------------------------------------------------------------------

_LINE: Final = re.compile(rb"(?:^|(?<=[\r\n]))(?:(data|event): ?)?([^\r\n]+)")
_TOKEN: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)"|([{}\[\],:])|([^\s{}\[\],:"]+)', re.DOTALL)
_MARKS: Final = frozenset(
    b"type event_type event index item_id output_index content_index summary_index part_index choice_index".split()
)


class _Node:
    """An object or array of an event. `marks` are those members of an object that tell apart whose text it carries."""

    __slots__ = ("is_array", "label", "marks", "parent")

    def __init__(self, parent: _Node | None, label: object, *, is_array: bool) -> None:
        self.parent = parent
        self.label = label
        self.is_array = is_array
        self.marks: dict[bytes, bytes] = {}

    def place(self) -> tuple[object, ...]:
        if self.parent is None:
            return (tuple(sorted(self.marks.items())),)
        index = self.marks.get(b"index") if self.parent.is_array else None
        return (*self.parent.place(), self.label if index is None else (b"index", index))


class _Leaf(NamedTuple):
    """A string at `label` in `node`; with no node, the text of an event that is no JSON."""

    node: _Node | None
    label: object
    span: tuple[int, int]

    def place(self) -> object:
        return self.label if self.node is None else (self.node.place(), self.label)

    def name(self) -> bytes:
        label: object = self.label
        node = self.node
        while node is not None and not isinstance(label, bytes):
            label, node = node.label, node.parent
        return label if isinstance(label, bytes) else b"text"


def _leaves(body: bytes, *, is_sse: bool) -> Iterator[_Leaf]:
    if _is_streamed_array(body):
        for start, stop in _elements(body):
            yield from _strings(body, start, stop)
        return
    event = b""
    last = 0
    for line in _LINE.finditer(body):
        if line.start() - last > 2 or body[last : line.start()] in (b"\n\n", b"\r\r"):  # a blank line
            event = b""
        last = line.end()
        if line[1] == b"event":
            event = line[2]
        elif line[1] == b"data" or not is_sse:
            yield from _payload(body, line.start(2), line.end(2), event)


def _payload(body: bytes, start: int, stop: int, event: bytes) -> Iterator[_Leaf]:
    if body[start : start + 1] in (b"{", b"[", b'"') and body[start:stop].rstrip() != b"[DONE]":
        yield from _strings(body, start, stop)
    elif body[start:stop].rstrip() != b"[DONE]":
        yield _Leaf(None, (b"event", event), (start, stop))


def _strings(body: bytes, start: int, stop: int) -> Iterator[_Leaf]:
    """The strings of the JSON value at `start:stop`, member names aside."""
    node: _Node | None = None
    key: bytes = b""
    position = 0
    positions: list[int] = []
    awaits_value = True
    for token in _TOKEN.finditer(body, start, stop):
        punctuation = token[2]
        if punctuation is None:
            label: object = position if node is None or node.is_array else key
            if not awaits_value:
                key = token[1] if token[1] is not None else b""
                continue
            if node is not None and not node.is_array and key in _MARKS:
                node.marks[key] = token[0]
            if token[1] is not None:
                yield _Leaf(node or _Node(None, b"", is_array=True), label, token.span(1))
        elif punctuation in b"{[":
            label = position if node is None or node.is_array else key
            node = _Node(node, label, is_array=punctuation == b"[")
            positions.append(position)
            position, awaits_value = 0, punctuation == b"["
        elif punctuation in b"}]":
            if node is None:
                return
            node = node.parent
            position = positions.pop()
        elif punctuation == b":":
            awaits_value = True
        else:
            position += 1
            awaits_value = node is None or node.is_array


def _elements(body: bytes) -> Iterator[tuple[int, int]]:
    """The spans of the elements of the JSON array `body`."""
    depth = 0
    start = 1
    for token in _TOKEN.finditer(body):
        punctuation = token[2]
        if punctuation is None or punctuation == b":":
            continue
        if punctuation in b"{[":
            depth += 1
        elif punctuation in b"}]":
            depth -= 1
            if depth == 0:
                yield start, token.start()
                return
        elif depth == 1:
            yield start, token.start()
            start = token.end()
