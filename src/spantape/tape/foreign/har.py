"""HTTP archives (HAR 1.2), in.

Text of a response is decoded content; bytes are base64. What a browser adds with a leading underscore is passed over,
but for our own `_spantape`, which gives chunks, the end of a stream and grades back.

See: <http://www.softwareishard.com/blog/har-12-spec/>
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode

from spantape._model import End, Exchange, Failure, Headers, Request, Response, header
from spantape._spans.chunks import read_chunks
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.foreign.bodies import Body, base64_bytes, content_length, plain_headers
from spantape.tape.foreign.model import ForeignExchange, Grade, Notes, Recording
from spantape.tape.foreign.peek import Peek
from spantape.tape.foreign.places import Place

NAME: Final = "har"
OURS: Final = "_spantape"

_LOSSY: Final = "the text holds U+FFFD: some of its bytes were lost"
_ALTERED: Final = "content-length does not fit: the text was changed after it was recorded"
_ABSENT: Final = (
    "the archive holds no content of the response; export it with content ('save all as HAR with content')"
)
_FRACTION: Final = re.compile(r"[.,]([0-9]+)")  # datetime drops what is below a microsecond
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def fits(peek: Peek) -> bool:
    """Whether the file is an archive."""
    document = peek.document
    log = document.get("log") if isinstance(document, dict) else None
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def read(peek: Peek) -> list[Recording]:
    """The one run of an archive, its entries by the time when they started.

    Raises:
        TapeError: it is not of the format; names the entry and the member.
    """
    notes = Notes()
    log = Place(peek.document, "", str(peek.path))["log"]
    if not isinstance(log["entries"].value, list):
        raise TapeError("got no log.entries, expected an HTTP archive", path=peek.path)
    found = [one for entry in log["entries"].items() if (one := _entry(entry, notes)) is not None]
    return [Recording(NAME, tuple(_in_time(found, notes)), notes)]


def _in_time(found: list[ForeignExchange], notes: Notes) -> list[ForeignExchange]:
    if all(one.started_ns is not None for one in found):
        return sorted(found, key=lambda one: cast("int", one.started_ns))
    notes.add("not every entry has a time: steps stand in the order of the file, without times")
    return [replace(one, started_ns=None, ended_ns=None) for one in found]


def _entry(entry: Place, notes: Notes) -> ForeignExchange | None:
    if "_webSocketMessages" in entry or entry["response"]["status"].value == 101:
        notes.add("left out: a WebSocket is no exchange of a request and its response", entry.at)
        return None
    request, asked = _request(entry["request"], notes)
    started = _time(entry["startedDateTime"], notes)
    took = entry["time"].value
    ended = started
    if (
        started is not None
        and isinstance(took, int | float)
        and not isinstance(took, bool)
        and 0 < took < 1e12
    ):
        ended = started + round(took * 1e6)
    ours = entry[OURS]
    response, answered = _response(entry["response"], ours, notes)
    end, error = _end(entry, ours, response)
    grade, reason = _graded(asked, answered, ours)
    return ForeignExchange(
        Exchange(request, response, end, error), grade, reason, started_ns=started, ended_ns=ended
    )


def _graded(asked: Body, answered: Body, ours: Place) -> tuple[Grade, str]:
    stated = ours["grade"].value
    if stated in get_args(Grade) and stated != "exact":
        return cast("Grade", stated), ours["reason"].typed(str, "")
    pairs = [
        (side, body) for side, body in (("request", asked), ("response", answered)) if body.grade != "exact"
    ]
    reason = "; ".join(f"{side}: {body.reason}" for side, body in pairs)
    if any(body.grade == "skeleton" for _, body in pairs):
        return "skeleton", reason
    return ("reconstructed" if pairs else "exact"), reason


def _time(stated: Place, notes: Notes) -> int | None:
    text = stated.value
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        notes.add("a time that is no ISO 8601 is left out", stated.at)
        return None
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH
    fraction = _FRACTION.search(text)
    below = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    return max(0, (since.days * 86_400 + since.seconds) * 1_000_000_000 + below)


# --- request -----------------------------------------------------------------------------------------------------


def _request(side: Place, notes: Notes) -> tuple[Request, Body]:
    headers = _headers(side["headers"])
    body = _posted(side["postData"], headers)
    method = side["method"].method() or ("POST" if body.data else "GET")
    if "method" not in side:
        notes.add(f"no method is recorded: {method} is taken", side.at)
    url = side["url"].needed(str)
    headers = _typed(headers, side["postData"]["mimeType"].value)
    return Request(method, url, headers, body.data), body


def _posted(posted: Place, headers: Headers) -> Body:
    if isinstance(posted["text"].value, str):
        return _text(posted["text"], posted["encoding"].value, _charset(posted["mimeType"].value), headers)
    params = [(item["name"].value, item["value"].value) for item in posted["params"].items()]
    if not params:
        return Body(b"")
    if not all(isinstance(part, str) for pair in params for part in pair):
        return Body(b"", "skeleton", "the archive holds names of uploaded files, not their content")
    return Body(urlencode(params).encode(), "reconstructed", "the archive holds the form parsed")


def _charset(kind: object) -> str:
    """The character set that a content type names, as Python calls it; UTF-8 where it names none that is known."""
    _, _, named = str(kind or "").lower().partition("charset=")
    name = named.partition(";")[0].strip(" \"'") or "utf-8"
    try:
        "".encode(name)
    except LookupError:
        return "utf-8"
    return name


def _text(text: Place, encoding: object, charset: str, headers: Headers) -> Body:
    stated = text.needed(str)
    if encoding == "base64":
        try:
            return Body(base64_bytes(stated))
        except ValueError as error:
            raise text.damaged(f"is not base64 ({error})") from error
    if encoding not in (None, ""):
        raise text.damaged(f"got the encoding {encoding!r:.40}, expected base64")
    try:
        data = stated.encode(charset)
    except UnicodeEncodeError:
        data = stated.encode("utf-8", "surrogatepass")
    if "\ufffd" in stated:
        return Body(data, "reconstructed", _LOSSY)
    length = content_length(headers)
    if length not in (None, len(data)) and header(headers, "content-encoding") is None:
        return Body(data, "reconstructed", _ALTERED)
    return Body(data)


def _typed(headers: Headers, kind: object) -> Headers:
    """`headers` with the content type that stands beside the body, where they have none."""
    if header(headers, "content-type") is not None or not isinstance(kind, str) or kind in ("", "x-unknown"):
        return headers
    return (*headers, ("content-type", kind))


# --- response ----------------------------------------------------------------------------------------------------


def _response(side: Place, ours: Place, notes: Notes) -> tuple[Response | None, Body]:
    status = side["status"].typed(int, 0)
    if status == 0:
        return None, Body(b"")
    if not 100 <= status <= 999:
        raise side["status"].wrong("a status between 100 and 999")
    headers = _headers(side["headers"])
    body = _content(side["content"], headers)
    if body.grade == "skeleton":
        notes.add("a response without its content cannot be replayed", side.at)
    headers = _typed(headers, side["content"]["mimeType"].value)
    chunks, times = _chunks(ours["chunks"], len(body.data))
    return Response(status, plain_headers(headers, body.data), body.data, chunks, times), body


def _chunks(stated: Place, size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        return read_chunks(stated.typed(str, ""), size)
    except TapeDamaged as error:
        raise stated.damaged(error.reason) from error


def _content(content: Place, headers: Headers) -> Body:
    if isinstance(content["text"].value, str):
        return _text(content["text"], content["encoding"].value, _charset(content["mimeType"].value), headers)
    size = content["size"].value
    if isinstance(size, int) and size > 0:
        return Body(b"", "skeleton", _ABSENT)
    return Body(b"")


def _end(entry: Place, ours: Place, response: Response | None) -> tuple[End, Failure | None]:
    stated = ours["error"]
    error = None
    if isinstance(stated.value, dict):
        error = Failure(stated["type"].typed(str, ""), stated["message"].typed(str, ""))
    if response is None:
        why = (
            entry["response"]["_error"].value
            or entry["_error"].value
            or entry["response"]["statusText"].value
        )
        return "error", error or Failure("ConnectionError", str(why or "no response came")[:200])
    end: Any = ours["end"].value
    return (end if end in get_args(End) else "complete"), error


def _headers(side: Place) -> Headers:
    found = []
    for item in side.items():
        name, value = item["name"].needed(str), item["value"].typed(str, "")
        if name.startswith(":"):
            continue  # a pseudo-header of HTTP/2
        if not name or ": " in name or "\n" in name:
            raise item["name"].wrong('a header name, without ": "')
        found.append((name.lower(), value))
    return tuple(found)
