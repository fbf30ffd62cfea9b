"""Streams whose events repeat all but one text, folded: to look at one long event is cheaper than at hundreds.

A model streams its answer in events that differ in a few characters each. Where they are equal but for the content of
one JSON string, the events of such a run are one event with these contents joined: escapes are whole in each piece,
so the joined content is the joined text.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from spantape._framing.delta import find_delta

_TEXT: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_FEWEST: Final = 6
_LONGEST: Final = 4096
_MOST_KEPT: Final = 256 * 1024


class Folded(NamedTuple):
    """A stream with a run of events as one: `body`, and what stands in each of them `before` and `behind` its text."""

    body: bytes
    before: bytes
    behind: bytes

    def repeats_text(self) -> bool:
        """Whether each event of the run has a text that adds up and is the same in all: folded, it stands there once."""
        return _ADDS_UP.search(self.before) is not None or _ADDS_UP.search(self.behind) is not None


def fold(body: bytes) -> Folded | None:
    """`body` with its events that differ in the content of one string as one event, None where there are too few.

    What the events have in common is told from two in the middle of `body`. Nothing is left out but repetitions.
    """
    last: tuple[bytes, Folded | None] = _last[0]
    if last[0] is not body:
        last = (body, _folded(body))
        _last[0] = last if len(body) <= _MOST_KEPT else (b"", None)
    return last[1]


_last: list[tuple[bytes, Folded | None]] = [(b"", None)]
"""The body that was folded last: a response is looked at for secrets, and then read, one right after the other."""


def _folded(body: bytes) -> Folded | None:
    common = _common(body)
    if common is None:
        return None
    before, behind, blank = common
    events = body.split(blank)
    texts = _texts(events, before, behind)
    odd = [at for at, text in enumerate(texts) if text is None]
    if len(events) - len(odd) < _FEWEST:
        return None
    parts: list[bytes] = []
    at = 0
    for end in (*odd, len(events)):
        if at < end:
            parts += (before, b"".join(texts[at:end]), behind, blank)  # type: ignore[arg-type]  # no None between odd ones
        if end < len(events):
            parts += (events[end], blank)
        at = end + 1
    return Folded(b"".join(parts[:-1]), before, behind)


def fold_texts(body: bytes, piece: re.Pattern[bytes]) -> bytes:
    """`body` with its events folded where they carry pieces of a text, and nothing else that adds up; else `body`.

    `piece` is searched in what stands before the text, and says whether it is such a piece.
    """
    folded = fold(body)
    if folded is None or piece.search(folded.before) is None or folded.repeats_text():
        return body
    return folded.body


_ADDS_UP: Final = re.compile(
    rb'"(?:arguments|content|data|executed_tools|images|input|partial_json|reasoning|reasoning_content|'
    rb'reasoning_details|refusal|summary|text|thinking|transcript)": ?(?:"[^"]|\[)'
)


def _common(body: bytes) -> tuple[bytes, bytes, bytes] | None:
    """What most events share before and behind one text, cut at its quotes, and what stands between events."""
    blank = b"\r\n\r\n" if b"\r\n\r\n" in body[:_LONGEST] else b"\n\n"
    for at in (len(body) // 2, len(body) // 3):  # events of another kind may stand at one of them
        if (found := _shared(body, at, blank)) is not None:
            return (*found, blank)
    return None


def _shared(body: bytes, at: int, blank: bytes) -> tuple[bytes, bytes] | None:
    """What the event at `at` and the next one share before and behind a text."""
    start = body.rfind(blank, 0, at) + len(blank)
    stop = body.find(blank, start)
    end = body.find(blank, stop + len(blank))
    if start < len(blank) or stop < 0 or end < 0 or end - start > _LONGEST:
        return None
    left, right = body[start:stop], body[stop + len(blank) : end]
    prefix, suffix = find_delta(left, right)
    quote = left.rfind(b'"', 0, prefix)
    last = left.find(b'"', max(len(left) - suffix, quote + 1))
    return (left[: quote + 1], left[last:]) if last >= 0 and _begins_text(left, quote) else None


def _begins_text(event: bytes, quote: int) -> bool:
    """Whether the quote at `quote` begins a string."""
    before = _ESCAPE.sub(b"", event[: quote + 1])
    return quote >= 0 and event[quote - 1 : quote] != b"\\" and before.count(b'"') % 2 == 1


def _texts(events: list[bytes], before: bytes, behind: bytes) -> list[bytes | None]:
    """What stands between `before` and `behind` in each event, None for one that is not just a text between them."""
    start, stop = len(before), -len(behind)
    texts = [
        event[start:stop] if event[:start] == before and event[stop:] == behind else None for event in events
    ]
    joined = b"".join(filter(None, texts))
    if b'"' not in joined and b"\\" not in joined:
        return texts
    return [text if text is not None and _TEXT.fullmatch(text) else None for text in texts]
