"""JSON Lines of exchanges, in and out: one plain JSON object per HTTP exchange, bodies byte for byte.

Keys: `method`, `url`, `request_headers`, `response_headers` (lower-case names; a repeated one joined with ", "),
`request_body` / `response_body` (text where it is UTF-8, else null with `…_b64` beside it; null without a body),
`status` (null without a response), and where they say something `chunks`, `end`, `error`. Keys that are none of these
are kept on the span, and come back.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

import msgspec

from spantape._framing.delta import find_delta
from spantape._model import End, Exchange, Failure, Headers, Request, Response, digest
from spantape._spans import names
from spantape._spans.chunks import read_chunks, write_chunks
from spantape._spans.codec import write_exchange
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.fingerprint import parse_json, path_of
from spantape.tape.model import ExchangeStep, Span, Tape, Value
from spantape.tape.otlp import span_line

EXTRA: Final = "spantape.import.extra"
"""JSON: `keys`, the keys of the imported line in their order where that is not the usual one, and `values` of the
keys that no attribute holds."""

_USUAL: Final = (
    "method",
    "url",
    "request_headers",
    "request_body",
    "status",
    "response_headers",
    "response_body",
)
_HELD: Final = frozenset((*_USUAL, "request_body_b64", "response_body_b64", "chunks", "end", "error"))
_ENDS: Final = ("complete", "closed", "error", "abandoned")
_CLIENT: Final = 3
_RECENT: Final = 16
_RECENT_BYTES: Final = 64 << 20
_KEYFRAME_EVERY: Final = 64
_WORTH: Final = 64


# --- in ----------------------------------------------------------------------------------------------------------


def import_exchanges(
    lines: Iterable[str | bytes | Mapping[str, Any]],
    *,
    run_id: str = "",
    started_ns: int = 0,
    path: str | None = None,
) -> list[Span]:
    """The spans of exchanges given as JSON lines (or as their objects), in their order; blank lines are skipped.

    Bodies are kept verbatim. The lines hold no times: the spans start at `started_ns` and one nanosecond apart. The
    run's id is taken from the content where none is given, so equal lines make equal spans. `path` is the file that
    errors name.

    Raises:
        TapeError: a line is not an exchange; names the line.
    """
    bases = Bases()
    attributes = [
        _attributes(_object(line, number, path), number, path, bases)
        for number, line in enumerate(lines, 1)
        if not (isinstance(line, str | bytes) and not line.strip())
    ]
    spans = [_span(index, given, started_ns) for index, given in enumerate(attributes)]
    content = hashlib.sha256()
    for span in spans:
        content.update(span_line(span))
    run = run_id or content.hexdigest()[:32]
    trace = hashlib.sha256(run.encode()).hexdigest()[:32]
    return [_identified(span, index, run, trace) for index, span in enumerate(spans)]


def _object(line: str | bytes | Mapping[str, Any], number: int, path: str | None) -> Mapping[str, Any]:
    try:
        value = (
            line
            if isinstance(line, Mapping)
            else parse_json(line if isinstance(line, str) else line.decode())
        )
    except (ValueError, RecursionError) as error:
        raise _bad(number, f"is not JSON ({error})", path) from error
    if not isinstance(value, Mapping):
        raise _bad(number, f"got a JSON {type(value).__name__}, expected an object", path)
    if not isinstance(value.get("method"), str) or not isinstance(value.get("url"), str):
        raise _bad(
            number, "got no method and url, expected an HTTP exchange (WebSocket frames are none)", path
        )
    return value


def _bad(number: int, reason: str, path: str | None, field: str | None = None) -> TapeError:
    place = f"line {number}" if field is None else f"line {number}, {field}"
    return TapeError(f"{place}: {reason}", path=path)


def _attributes(line: Mapping[str, Any], number: int, path: str | None, bases: Bases) -> dict[str, Any]:
    try:
        exchange = _exchange(line)
    except (TapeDamaged, KeyError, TypeError, ValueError) as error:
        raise _bad(number, f"{error}", path) from error
    base = bases.best(exchange.request)
    attributes: dict[str, Any] = {names.FORMAT: names.FORMAT_VERSION, names.KIND: "exchange"}
    attributes |= write_exchange(exchange, base)
    if extra := _extra(line):
        attributes[EXTRA] = json.dumps(extra)  # ASCII: what came in as an escape may be no character
    bases.remember(exchange.request, grown=base is not None)
    return attributes


def _exchange(line: Mapping[str, Any]) -> Exchange:
    request = Request(line["method"], line["url"], _headers(line, "request"), _body(line, "request"))
    status = line.get("status")
    if status is not None and (type(status) is not int or status < 0):
        raise TypeError(f"got status {status!r:.40}, expected an integer or null")
    response = None
    if status is not None:
        body = _body(line, "response")
        chunks, times = read_chunks(_typed(line, "chunks", str, ""), len(body))
        response = Response(status, _headers(line, "response"), body, chunks, times)
    end = _typed(line, "end", str, "complete")
    if end not in _ENDS:
        raise ValueError(f"got end {end!r:.40}, expected one of {', '.join(_ENDS)}")
    error = _typed(line, "error", Mapping, None)
    failure = (
        None if error is None else Failure(_typed(error, "type", str, ""), _typed(error, "message", str, ""))
    )
    return Exchange(request, response, cast("End", end), failure)


def _typed(line: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = line.get(key, default)
    if value is not default and not isinstance(value, kind):
        raise TypeError(f"got {key} {value!r:.40}, expected {kind.__name__}")
    return value


def _headers(line: Mapping[str, Any], side: str) -> Headers:
    key = f"{side}_headers"
    given = line.get(key) or {}
    if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
        raise TypeError(f"got {key} {given!r:.60}, expected an object of names and texts")
    odd = [name for name in given if ": " in name]
    if odd:
        raise ValueError(f'got the header name {odd[0]!r:.60}, expected one without ": "')
    return tuple((name.lower(), value) for name, value in given.items())


def _body(line: Mapping[str, Any], side: str) -> bytes:
    text, coded = line.get(f"{side}_body"), line.get(f"{side}_body_b64")
    if isinstance(coded, str):
        return b64decode(coded, validate=True)
    if text is None and coded is None:
        return b""
    if not isinstance(text, str):
        raise TypeError(f"got {side}_body {text!r:.40}, expected text or null")
    return text.encode()


def _extra(line: Mapping[str, Any]) -> dict[str, Any]:
    """What the exchange does not say of its line: an unusual set of keys, their order, and foreign values."""
    extra: dict[str, Any] = {}
    values = {key: value for key, value in line.items() if key not in _HELD}
    for side in ("request", "response"):
        for key in (f"{side}_headers", f"{side}_body", f"{side}_body_b64"):
            if key in line and (line[key] is None or (side == "response" and line.get("status") is None)):
                values[key] = line[key]
    if tuple(line) != _USUAL:
        extra["keys"] = list(line)
    if values:
        extra["values"] = values
    return extra


class Bases:
    """Recent request bodies that a later one may have grown from: bounded in number and bytes."""

    def __init__(self) -> None:
        self._recent: OrderedDict[str, tuple[str, bytes, int]] = OrderedDict()
        self._bytes = 0
        self._depth = 0

    def best(self, request: Request) -> bytes | None:
        """The remembered body that shares most with the request's, None where none shares enough."""
        self._depth = 0
        path, best, shared = path_of(request.url), None, _WORTH
        for known_path, body, depth in reversed(self._recent.values()):
            if known_path != path or depth + 1 >= _KEYFRAME_EVERY:
                continue
            prefix, suffix = find_delta(body, request.body)
            if prefix + suffix > max(shared, len(request.body) // 4):
                best, shared, self._depth = body, prefix + suffix, depth + 1
        return best

    def remember(self, request: Request, *, grown: bool) -> None:
        """Offer the request's body as a base from now on."""
        if not request.body:
            return
        key = digest(request.body)
        if key in self._recent:
            self._recent.move_to_end(key)
            return
        self._recent[key] = (path_of(request.url), request.body, self._depth if grown else 0)
        self._bytes += len(request.body)
        while len(self._recent) > _RECENT or (self._bytes > _RECENT_BYTES and len(self._recent) > 1):
            _, (_, body, _) = self._recent.popitem(last=False)
            self._bytes -= len(body)


def _span(index: int, attributes: dict[str, Value], started_ns: int) -> Span:
    method = cast("str", attributes[names.HTTP_METHOD])
    attributes[names.STEP] = index
    started = started_ns + index
    return Span("", "", "", method, started, started, attributes, kind=_CLIENT, scope=names.SCOPE)


def _identified(span: Span, index: int, run: str, trace: str) -> Span:
    span_id = hashlib.sha256(f"{run} {index}".encode()).hexdigest()[:16]
    attributes = {**span.attributes, names.RUN_ID: run}
    return replace(span, trace_id=trace, span_id=span_id, attributes=attributes)


# --- out ---------------------------------------------------------------------------------------------------------


def export_exchanges(tape: Tape) -> Iterator[str]:
    """The exchanges of `tape` as JSON lines without line ends, in order; tool and agent steps are left out.

    Raises:
        TapeError: a body cannot be told.
    """
    for step in tape.steps:
        if isinstance(step, ExchangeStep):
            yield _line(exchange_object(step))


def _line(value: Mapping[str, Any]) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (
        OverflowError,
        UnicodeEncodeError,
    ):  # huge integers and lone surrogates, kept from an imported line
        return json.dumps(value, separators=(",", ":"))


def exchange_object(step: ExchangeStep) -> dict[str, Any]:
    """One exchange as the object of its JSON line; `Raises` as `export_exchanges`."""
    extra = _read_extra(step)
    keys, values = extra.get("keys", _USUAL), extra.get("values", {})
    response = step.response
    plain: dict[str, Any] = {
        "method": step.method,
        "url": step.url,
        "request_headers": _joined(step.request_headers),
    }
    plain |= _body_pair("request", step.request_body(), coded="request_body_b64" in keys)
    plain |= {
        "status": step.status,
        "response_headers": _joined(response.headers if response else ()),
        **_body_pair("response", response.body if response else None, coded="response_body_b64" in keys),
    }
    if response is not None and response.chunks:
        plain["chunks"] = write_chunks(response.chunks, response.chunk_times_ns)
    if step.end != "complete":
        plain["end"] = step.end
    if step.error is not None:
        plain["error"] = {"type": step.error.type, "message": step.error.message}
    plain |= values
    if "keys" in extra:
        return {key: plain[key] for key in keys if key in plain}
    return plain


def _read_extra(step: ExchangeStep) -> Mapping[str, Any]:
    text = step.span.attributes.get(EXTRA)
    if text is None:
        return {}
    try:
        extra = parse_json(cast("str", text))
    except (ValueError, TypeError, RecursionError) as error:
        raise TapeDamaged(f"is not JSON ({error})", step=step.index, field=EXTRA) from error
    if (
        not isinstance(extra, dict)
        or not _are_keys(extra.get("keys", []))
        or not isinstance(extra.get("values", {}), dict)
    ):
        raise TapeDamaged("got JSON of another form, expected keys and values", step=step.index, field=EXTRA)
    return extra


def _are_keys(keys: object) -> bool:
    return isinstance(keys, list) and all(isinstance(key, str) for key in keys)


def _joined(headers: Headers) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _body_pair(side: str, body: bytes | None, *, coded: bool) -> dict[str, str | None]:
    if body is None:
        return {f"{side}_body": None}
    text = None if coded else _text(body)
    if text is not None:
        return {f"{side}_body": text}
    return {f"{side}_body": None, f"{side}_body_b64": b64encode(body).decode()}


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
