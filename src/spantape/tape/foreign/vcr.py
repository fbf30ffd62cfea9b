"""vcrpy cassettes, in: YAML and JSON, of every serialiser that is about.

`{interactions: [{request: {method, uri, body, headers}, response: {status, headers, body}}], version: 1}`, a bare list
of interactions in the oldest. Bodies are text, `!!binary`, `{string: …}`, `{base64_string: …}`, a parsed object
(`parsed_body`, and custom serialisers), or text that was pretty-printed; still content-encoded or not.

See: <https://vcrpy.readthedocs.io/en/latest/advanced.html>
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from spantape._dialects import recognise
from spantape._model import Exchange, Headers, Request, Response, header
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.fingerprint import path_of
from spantape.tape.foreign.bodies import (
    Body,
    base64_bytes,
    content_length,
    json_bytes,
    plain_headers,
    pretty_printed,
    undone,
)
from spantape.tape.foreign.model import ForeignExchange, Notes, Recording
from spantape.tape.foreign.peek import Peek
from spantape.tape.foreign.places import Place, UnknownFormat
from spantape.tape.foreign.yaml_safe import Literal, read_yaml

NAME: Final = "vcr"

_LISTS: Final = ("interactions", "http_interactions")  # the second: VCR for Ruby and R, betamax
_TYPES: Final = ("json", "text", "base64", "none")  # of bodies that are a type and a content
_PARSED: Final = "the recording holds the JSON parsed, its bytes are composed"
_PRETTY: Final = "the recorder pretty-printed the JSON"
_ALTERED: Final = "content-length does not fit: the body was changed after it was recorded"


def fits(peek: Peek) -> bool:
    """Whether the file is a cassette."""
    document = peek.document
    if isinstance(document, dict):
        return any(isinstance(document.get(key), list) for key in _LISTS)
    if isinstance(document, list):
        return (
            bool(document) and isinstance(document[0], dict) and {"request", "response"} <= set(document[0])
        )
    return peek.first is None and peek.looks_like_yaml


def read(peek: Peek) -> list[Recording]:
    """The one run of a cassette.

    Raises:
        TapeError: it is not of the format; names the interaction and the member.
    """
    path = str(peek.path)
    document = Place(peek.document if peek.document is not None else read_yaml(peek.text, path), "", path)
    interactions = document
    if not isinstance(document.value, list):
        interactions = next((document[key] for key in _LISTS if key in document), document)
    if not isinstance(interactions.value, list):
        raise UnknownFormat("got no list of interactions, expected a vcrpy cassette", path=path)
    notes = Notes()
    if document["allow_playback_repeats"].value:
        notes.add("allow_playback_repeats: on a tape each exchange is answered once")
    read_ones = [_interaction(one, notes) for one in interactions.items()]
    return [Recording(NAME, tuple(_timed(read_ones, notes)), notes)]


def _timed(found: list[tuple[ForeignExchange, int | None]], notes: Notes) -> list[ForeignExchange]:
    """The exchanges at the times when they were recorded, where every one has one and they are in order."""
    times = [time for _, time in found if time is not None]
    if not times or len(times) < len(found) or times != sorted(times):
        notes.add(
            "times are not in the format: steps stand in the order of the file, which is that of completion"
        )
        return [one for one, _ in found]
    from dataclasses import replace

    return [replace(one, started_ns=time, ended_ns=time) for one, time in found]


def _interaction(one: Place, notes: Notes) -> tuple[ForeignExchange, int | None]:
    if "request" not in one:
        raise TapeError("got no request, expected a request and its response", path=one.path, field=one.at)
    request, asked = _request(one["request"], notes)
    response, answered = _response(one["response"], notes)
    grade, reason = _together(asked, answered)
    known: tuple[str, ...] = ()
    if asked.reason == _PARSED or _lacks_headers(request):
        known = ("url", "body")
    return ForeignExchange(Exchange(request, response), grade, reason, known), _recorded_at(one)


def _together(asked: Body, answered: Body) -> tuple[Any, str]:
    parts = [
        f"{side}: {body.reason}"
        for side, body in (("request", asked), ("response", answered))
        if body.grade != "exact"
    ]
    return ("reconstructed" if parts else "exact"), "; ".join(parts)


def _lacks_headers(request: Request) -> bool:
    """Whether the recorder dropped request headers that the API demands."""
    found = recognise(request.method, "", path_of(request.url), request.body)
    demands = found is not None and found.name.startswith("anthropic") and "api.anthropic.com" in request.url
    return demands and header(request.headers, "anthropic-version") is None


def _recorded_at(one: Place) -> int | None:
    stated = one["recorded_at"].value
    try:
        return round(datetime.fromisoformat(str(stated)).timestamp() * 1_000_000) * 1_000 if stated else None
    except (ValueError, OverflowError):
        return None


# --- request -----------------------------------------------------------------------------------------------------


def _request(side: Place, notes: Notes) -> tuple[Request, Body]:
    headers = _headers(side["headers"])
    url = side["uri"].needed(str) if "uri" in side else side["url"].needed(str)
    body = _checked(_body(side, headers), headers)
    method = side["method"].method()
    if not method:
        method = "POST" if body.data else "GET"
        notes.add(f"no method is recorded: {method} is taken", side.at)
    return Request(method, url, headers, body.data), body


def _body(side: Place, headers: Headers) -> Body:
    if "parsed_body" in side:
        return _composed(side["parsed_body"], headers)
    body = side["body"]
    if isinstance(body.value, dict):
        for key, read_part in (("string", _bytes), ("base64_string", _coded)):
            if key in body:
                return read_part(body[key], headers)
        if set(body.value) <= {"string", "base64_string", "encoding"}:
            return Body(b"")
        if set(body.value) == {"type", "content"} and body["type"].value in _TYPES:
            return _of_type(body, headers)
    return _bytes(body, headers)


def _bytes(body: Place, headers: Headers) -> Body:
    value = body.value
    if value is None:
        return Body(b"")
    if isinstance(value, bytes):
        return Body(value)
    if isinstance(value, Literal) and (parsed := pretty_printed(value)) is not None:
        return _respelled(value, parsed, headers)
    if isinstance(value, str):
        try:
            return Body(value.encode())
        except UnicodeEncodeError as error:
            raise body.damaged(f"got text that is no Unicode ({error})") from error
    if isinstance(value, list) and all(isinstance(piece, bytes | str) for piece in value) and value:
        return Body(b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in value))
    return _composed(body, headers)


def _of_type(body: Place, headers: Headers) -> Body:
    """A body that says of its content what it is, as pydantic-ai's newer cassettes do."""
    kind, content = body["type"].value, body["content"]
    if kind == "none" or content.value is None:
        return Body(b"")
    if kind == "base64" and isinstance(content.value, str):
        return _coded(content, headers)
    return _composed(content, headers) if kind == "json" else _bytes(content, headers)


def _respelled(text: str, parsed: Any, headers: Headers) -> Body:
    """A pretty-printed body as it was, where its length tells; else as the recorder spelled it."""
    data, length = text.encode(), content_length(headers)
    if length == len(data):
        return Body(data)
    composed = json_bytes(parsed, length)
    return Body(composed if len(composed) == length else data, "reconstructed", _PRETTY)


def _coded(body: Place, _headers: Headers) -> Body:
    try:
        return Body(base64_bytes(body.needed(str)))
    except ValueError as error:
        raise body.damaged(f"is not base64 ({error})") from error


def _composed(value: Place, headers: Headers) -> Body:
    try:
        return Body(json_bytes(_plain(value.value), content_length(headers)), "reconstructed", _PARSED)
    except (ValueError, RecursionError) as error:
        raise value.damaged(f"is no body: {error}") from error


def _plain(value: Any) -> Any:
    """A parsed body without our marks of how its text was written."""
    if isinstance(value, dict):
        return {_key(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Literal) else value


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    raise ValueError(f"got the key {key!r:.40}, expected text")


def _checked(body: Body, headers: Headers) -> Body:
    length = content_length(headers)
    if (
        body.grade == "exact"
        and length not in (None, len(body.data))
        and header(headers, "content-encoding") is None
    ):
        return Body(body.data, "reconstructed", _ALTERED)
    return body


# --- response ----------------------------------------------------------------------------------------------------


def _response(side: Place, notes: Notes) -> tuple[Response, Body]:
    if side.value is None:
        raise side.wrong("a response")
    headers = _headers(side["headers"])
    raw = _content(side, headers)
    try:
        plain, was_coded = undone(raw.data, headers)
    except TapeDamaged as error:
        raise side["body"].damaged(error.reason) from error
    body = raw if was_coded else _checked(raw, headers)
    if not was_coded and header(headers, "content-encoding") is not None:
        notes.add(
            "content-encoding stands in the headers of a body that is decoded already: the header is left out"
        )
    return Response(_status(side, notes), plain_headers(headers, plain), plain), body


def _content(side: Place, headers: Headers) -> Body:
    """The body as it stands; older stubs for httpx put it under `content`."""
    if "content" in side and "body" not in side and "parsed_body" not in side:
        return _bytes(side["content"], headers)
    return _body(side, headers)


def _status(side: Place, notes: Notes) -> int:
    status = side["status"]
    stated = status["code"] if isinstance(status.value, dict) else status
    if stated.value is None:
        stated = side["status_code"]
    if stated.value is None:
        notes.add("no status is recorded: 200 is taken", side.at)
        return 200
    code = stated.needed(int)
    if not 100 <= code <= 999:
        raise stated.wrong("a status between 100 and 999")
    return code


def _headers(side: Place) -> Headers:
    if isinstance(side.value, list):
        return tuple(_pair(pair) for pair in side.items())
    found: list[tuple[str, str]] = []
    for name, values in side.typed(dict, {}).items():
        each = values if isinstance(values, list) else [values]
        at = Place(name, side.at, side.path)
        found += [(_name(at), text) for value in each if (text := _value(value, at)) is not None]
    return tuple(found)


def _pair(pair: Place) -> tuple[str, str]:
    values = pair.needed(list)
    if len(values) != 2:
        raise pair.wrong("a name and its value")
    return _name(Place(values[0], pair.at, pair.path)), _value(values[1], pair) or ""


def _name(place: Place) -> str:
    name = place.value.decode("latin-1") if isinstance(place.value, bytes) else place.value
    if not isinstance(name, str) or not name or ": " in name or "\n" in name:
        raise place.wrong('a header name, without ": "')
    return name.lower()


def _value(value: Any, at: Place) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, int | float):
        return str(value)
    raise Place(value, f"{at.at}.{at.value}", at.path).wrong("a header value")
