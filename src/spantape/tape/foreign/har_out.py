"""Tapes as HTTP archives (HAR 1.2), which browsers and viewers load.

What the format has no member for (chunks, how a stream ended, grades) stands under `_spantape`, as the format allows.

See: <http://www.softwareishard.com/blog/har-12-spec/>
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from spantape._model import Headers, Response, header
from spantape._spans import names
from spantape._spans.chunks import write_chunks
from spantape._version import __version__
from spantape.tape.foreign.har import OURS
from spantape.tape.foreign.model import grade_of
from spantape.tape.foreign.written import Written, exchange_steps, phrase, response_of
from spantape.tape.model import ExchangeStep, Tape

_HTTP: Final = "HTTP/1.1"  # the format demands one; a tape holds none


def export_har(tape: Tape) -> Written:
    """The exchanges of `tape` as one archive, made while it is written.

    Raises:
        TapeError: a body cannot be told.
    """
    written = Written(())
    written.pieces = _pieces(tape, written)
    return written


def _pieces(tape: Tape, written: Written) -> Iterator[bytes]:
    creator = {"name": "spantape", "version": __version__}
    yield b'{"log":{"version":"1.2","creator":' + _json(creator) + b',"entries":['
    for number, step in enumerate(exchange_steps(tape, written)):
        yield (b",\n" if number else b"\n") + _json(_entry(step, written))
    yield b"\n]}}\n"
    written.notes.add("the HTTP version is not on a tape: HTTP/1.1 is written")


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _entry(step: ExchangeStep, written: Written) -> dict[str, Any]:
    took = max(0, step.span.ended_ns - step.span.started_ns) / 1e6
    response = response_of(step, written)
    entry = {
        "startedDateTime": _iso(step.span.started_ns),
        "time": took,
        "request": _request(step, written),
        "response": _response(response, step),
        "cache": {},
        "timings": _timings(response, took),
    }
    if ours := _ours(step, response):
        entry[OURS] = ours
    return entry


def _iso(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{rest:09d}Z"


def _timings(response: Response | None, took: float) -> dict[str, float]:
    """All of the time as waiting, or until the first chunk where its time is known."""
    wait = took
    if response is not None and response.chunk_times_ns:
        wait = min(took, response.chunk_times_ns[0] / 1e6)
    return {"send": 0, "wait": wait, "receive": took - wait}


def _ours(step: ExchangeStep, response: Response | None) -> dict[str, Any]:
    ours: dict[str, Any] = {}
    if response is not None and response.chunks:
        ours["chunks"] = write_chunks(response.chunks, response.chunk_times_ns)
    if step.end != "complete":
        ours["end"] = step.end
    if step.error is not None:
        ours["error"] = {"type": step.error.type, "message": step.error.message}
    grade, reason = grade_of(step.span)
    return ours if grade == "exact" else {**ours, "grade": grade, "reason": reason}


def _request(step: ExchangeStep, written: Written) -> dict[str, Any]:
    body = step.request_body()
    request: dict[str, Any] = {
        "method": step.method,
        "url": step.url,
        "httpVersion": _HTTP,
        "cookies": [],
        "headers": _headers(step.request_headers),
        "queryString": _query(step.url),
        "headersSize": -1,
        "bodySize": len(body),
    }
    if body:
        posted = _content(body)
        request["postData"] = {"mimeType": header(step.request_headers, "content-type") or "", **posted}
        if "encoding" in posted:
            written.notes.add(
                "a request body that is no text is base64, with an `encoding` that not every viewer reads",
                f"step {step.index}",
            )
    return request


def _response(response: Response | None, step: ExchangeStep) -> dict[str, Any]:
    if response is None:
        why = f"{step.error.type}: {step.error.message}" if step.error else "no response came"
        return _response_object(0, "", (), {"size": 0, "mimeType": "x-unknown"}) | {"_error": why}
    content: dict[str, Any] = {"size": len(response.body), "mimeType": _kind(response)}
    if grade_of(step.span)[0] != "skeleton":
        content |= _content(response.body)
    elif isinstance(size := step.span.attributes.get(names.RESPONSE_SIZE), int):
        content["size"] = max(1, size)
    return _response_object(response.status, phrase(response.status), response.headers, content)


def _response_object(status: int, phrase: str, headers: Headers, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": status,
        "statusText": phrase,
        "httpVersion": _HTTP,
        "cookies": [],
        "headers": _headers(headers),
        "content": content,
        "redirectURL": header(headers, "location") or "",
        "headersSize": -1,
        "bodySize": -1,
    }


def _kind(response: Response) -> str:
    return header(response.headers, "content-type") or "x-unknown"


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _query(url: str) -> list[dict[str, str]]:
    try:
        query = urlsplit(url).query
    except ValueError:
        return []
    return [{"name": name, "value": value} for name, value in parse_qsl(query, keep_blank_values=True)]


def _content(body: bytes) -> dict[str, str]:
    """A body as text, or base64 where a reader would not give its bytes back: U+FFFD reads as a loss."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\ufffd"
    if "\ufffd" in text:
        return {"text": b64encode(body).decode(), "encoding": "base64"}
    return {"text": text}
