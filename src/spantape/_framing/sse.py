"""Server-sent events: bytes to events, whole or piece by piece.

Lines end in LF, CRLF or CR; a byte order mark, comments and unknown fields are skipped; `data` lines of one event
are joined by LF. An event that no blank line ended is *torn*: the standard drops it, so does `events` unless asked.

See: <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>
"""

from __future__ import annotations

import msgspec

_BOM = b"\xef\xbb\xbf"
_DONE = b"[DONE]"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: its name ("" where the stream gives none) and its data, lines joined by LF."""

    event: str
    data: bytes


class Decoder:
    """Events from a body that arrives in pieces, cut anywhere. The work is linear in the bytes fed."""

    __slots__ = ("_after_cr", "_head", "_lines", "_pieces")

    def __init__(self) -> None:
        self._head: bytes | None = b""  # the first bytes, while they may still be a byte order mark
        self._after_cr = False
        self._pieces: list[bytes] = []  # of the line that is not ended
        self._lines: list[bytes] = []  # of the event that is not ended

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        text = self._normal(self._without_mark(chunk))
        if b"\n" not in text:
            self._pieces.append(text)
            return []
        lines = (b"".join(self._pieces) + text).split(b"\n")
        self._pieces = [lines.pop()]
        return [event for line in lines if (event := self._take(line)) is not None]

    def close(self) -> Event | None:
        """The torn event at the end, None where there is none. The decoder may be used for another body."""
        last = (self._head or b"") + b"".join(self._pieces)
        torn = _of_lines([*self._lines, last])
        self.__init__()  # type: ignore[misc]  # the state is only what __init__ sets
        return torn

    def _without_mark(self, chunk: bytes) -> bytes:
        if self._head is None:
            return chunk
        chunk = self._head + chunk
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._head = chunk
            return b""
        self._head = None
        return chunk.removeprefix(_BOM)

    def _normal(self, text: bytes) -> bytes:
        """`text` with LF for every line end, also where the CR of a CRLF came with the piece before."""
        if not text:
            return text
        if self._after_cr:
            text = text.removeprefix(b"\n")
        self._after_cr = text.endswith(b"\r")
        return _with_lf(text)

    def _take(self, line: bytes) -> Event | None:
        if line:
            self._lines.append(line)
            return None
        lines, self._lines = self._lines, []
        return _of_lines(lines)


def events(body: bytes, *, torn: bool = False) -> list[Event]:
    """The events of a whole `body`, with `torn` also an unfinished last one as far as it came."""
    text = _with_lf(body.removeprefix(_BOM))
    if (plain := _plain(text)) is not None:
        return [Event("", data) for data in plain]
    if (named := _named(text)) is not None:
        return [Event(name, data) for name, data in zip(*named, strict=True)]
    blocks = text.split(b"\n\n")
    last = blocks.pop()
    found = [event for block in blocks if (event := _of_block(block)) is not None]
    if torn and (event := _of_block(last)) is not None:
        found.append(event)
    return found


def payloads(body: bytes) -> list[bytes]:
    """The data of each event, a torn last one included, `[DONE]` and empty ones left out.

    For streams of JSON: what is torn does not parse, and the reader of the JSON drops it.
    """
    text = _with_lf(body.removeprefix(_BOM))
    if (plain := _plain(text)) is not None:
        found = plain
    elif (named := _named(text)) is not None:
        found = named[1]
    else:
        found = [event.data for event in events(body, torn=True)]
    if found and found[-1] == _DONE:
        found.pop()
    return (
        found if all(found) and _DONE not in found else [data for data in found if data not in (b"", _DONE)]
    )


def is_stream(body: bytes) -> bool:
    """Whether `body` reads as server-sent events rather than as one JSON value.

    The first character tells, whatever the headers say: no line of a JSON-carrying stream starts with a bracket.
    """
    start = body[:64].removeprefix(_BOM).lstrip()[:1]
    return start not in (b"{", b"[", b'"', b"")


def event_spans(body: bytes) -> list[tuple[int, int]]:
    """Where in `body` the payload of each `data:` line stands: (start, end), end excluded.

    One range for each line, in order, without the optional space and the line end; also of a torn last event. A
    `data` line without a colon has no payload and no range.
    """
    spans: list[tuple[int, int]] = []
    has_cr = b"\r" in body
    first = len(_BOM) if body.startswith(_BOM) else 0
    at = body.find(b"data:", first)
    while at >= 0:
        end = at + 5
        if at == first or body[at - 1] in b"\r\n":
            start = end + 1 if body.startswith(b" ", end) else end
            end = _line_end(body, start, has_cr=has_cr)
            spans.append((start, end))
        at = body.find(b"data:", end)
    return spans


def _line_end(body: bytes, start: int, *, has_cr: bool) -> int:
    end = body.find(b"\n", start)
    if end < 0:
        end = len(body)
    cr = body.find(b"\r", start, end) if has_cr else -1
    return end if cr < 0 else cr


def _with_lf(text: bytes) -> bytes:
    if b"\r" not in text:
        return text
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _plain(text: bytes) -> list[bytes] | None:
    """The data of a stream of nothing but one-line `data: ` events, None where it is not just that."""
    if not (text.startswith(b"data: ") and text.endswith(b"\n\n")):
        return None
    found = text[6:-2].split(b"\n\ndata: ")
    return found if text.count(b"\n") == 2 * len(found) else None


def _named(text: bytes) -> tuple[list[str], list[bytes]] | None:
    """Names and data of a stream of nothing but `event: ` and `data: ` line pairs, None where it is not just that."""
    if not (text.startswith(b"event: ") and text.endswith(b"\n\n")):
        return None
    lines = text.split(b"\n")
    lines.pop()
    data = [line[6:] for line in lines[1::3] if line.startswith(b"data: ")]
    if 3 * len(data) != len(lines) or any(lines[2::3]):
        return None
    named = lines[0::3]
    names = {line: line[7:].decode("utf-8", "replace") for line in set(named) if line.startswith(b"event: ")}
    if len(names) != len(set(named)):
        return None
    return [names[line] for line in named], data


def _of_block(block: bytes) -> Event | None:
    if block.startswith(b"event: "):
        name, colon, data = block[7:].partition(b"\ndata: ")
        if colon and b"\n" not in data and b"\n" not in name:
            return Event(name.decode("utf-8", "replace"), data)
    elif block.startswith(b"data: ") and b"\n" not in block:
        return Event("", block[6:])
    return _of_lines(block.split(b"\n"))


def _of_lines(lines: list[bytes]) -> Event | None:
    """The event of `lines`, None where none of them is data: such a block is a comment or a keep-alive."""
    name = b""
    data: list[bytes] = []
    for line in lines:
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Event(name.decode("utf-8", "replace"), b"\n".join(data)) if data else None
