"""Recorded traffic from elsewhere made a tape: verbatim, or with its secrets replaced."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spantape._model import Headers
from spantape._spans.chunks import read_chunks, write_chunks
from spantape._spans.redaction import Redactor
from spantape.errors import TapeError
from spantape.tape.exchanges import import_exchanges
from spantape.tape.fingerprint import parse_json
from spantape.tape.model import Tape
from spantape.tape.write import write_tape

Lines = Callable[[Iterable[bytes]], Iterable[bytes]]

_SIDES: Final = ("request", "response")
_KNOWN: Final = frozenset(
    (*(f"{side}_{part}" for side in _SIDES for part in ("headers", "body", "body_b64")), "url", "chunks")
)


def import_tape(
    files: Sequence[str | os.PathLike[str]],
    to: str | os.PathLike[str],
    *,
    redact: bool = False,
    watch: Lines = iter,
) -> Tape:
    """The tape, written to `to`, of the exchanges in `files` (JSON Lines), in order, as one run.

    Bodies are kept byte for byte; with `redact`, secrets are replaced as a recording would have done it, and headers
    that it would not have kept are left out. `watch` sees the lines pass, for a display of progress.

    Raises:
        TapeError: a file cannot be read, or a line is not an exchange (names file and line); or `to` cannot be written.
    """
    place = _Place()
    redactor = Redactor() if redact else None
    lines: Iterable[Any] = watch(_lines(files, place))
    if redactor is not None:
        lines = (_redacted(line, redactor) for line in lines)
    try:
        spans = import_exchanges(lines)
    except TapeError as error:
        raise TapeError(place.local(error.reason), path=place.path) from error
    except OSError as error:
        raise TapeError(f"cannot be read ({error.strerror or error})", path=place.path) from error
    return write_tape(to, spans, name=Path(to).stem)


class _Place:
    """Which line of which file is being read."""

    def __init__(self) -> None:
        self.path: str | None = None
        self.number = 0
        self._before = 0

    def enter(self, path: str) -> None:
        self.path, self._before, self.number = path, self._before + self.number, 0

    def local(self, reason: str) -> str:
        """`reason` with its count of all lines brought to a count of this file's."""
        counted = f"line {self._before + self.number}"
        if reason.startswith(counted):
            return f"line {self.number}{reason.removeprefix(counted)}"
        return f"line {self.number}: {reason}"


def _lines(files: Sequence[str | os.PathLike[str]], place: _Place) -> Iterator[bytes]:
    for path in files:
        place.enter(os.fspath(path))
        with Path(path).open("rb") as file:
            for line in file:
                place.number += 1
                if place.number == 1:
                    _check_kind(line)
                yield line


def _check_kind(line: bytes) -> None:
    """Say what else a file is, where that is plain to see."""
    if line.startswith(b"\x28\xb5\x2f\xfd") or line.lstrip().startswith(b'{"resourceSpans"'):
        raise TapeError(
            "got spans, expected JSON lines of exchanges; a file of spans needs no import: "
            "`spantape show`, `verify` and `export` read it as it is"
        )


# --- redaction ---------------------------------------------------------------------------------------------------


def _redacted(line: bytes, redactor: Redactor) -> bytes | dict[str, Any]:
    """The object of `line` with its secrets replaced, in the order in which a recording meets them.

    A line that is no JSON object is given back as it is: it is refused further on, by its number.
    """
    try:
        given = parse_json(line.decode())
    except (ValueError, RecursionError):
        return line
    if not isinstance(given, dict):
        return line
    try:
        return _clean(given, redactor)
    except (TapeError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TapeError(f"cannot be redacted, since it is not of the format ({error})") from error


def _clean(given: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    clean = dict(given)
    redactor.learn(_headers(given, "request"))
    _put_body(clean, "request", redactor.body(_body(given, "request")))
    if isinstance(given.get("url"), str):
        clean["url"] = redactor.url(given["url"])
    _clean_headers(clean, given, redactor, "request")
    _clean_response(clean, given, redactor)
    _clean_headers(clean, given, redactor, "response")
    rest = {key: clean_value(value, redactor) for key, value in given.items() if key not in _KNOWN}
    return {**clean, **rest}


def _clean_headers(clean: dict[str, Any], given: Mapping[str, Any], redactor: Redactor, side: str) -> None:
    if given.get(f"{side}_headers"):
        clean[f"{side}_headers"] = dict(redactor.headers(_headers(given, side), response=side == "response"))


def _clean_response(clean: dict[str, Any], given: Mapping[str, Any], redactor: Redactor) -> None:
    body = _body(given, "response")
    lengths, times = read_chunks(given.get("chunks") or "", len(body))
    content_type = dict(_headers(given, "response")).get("content-type", "")
    body, shifted = redactor.stream(body, lengths or (len(body),), content_type)
    _put_body(clean, "response", body)
    if lengths:
        clean["chunks"] = write_chunks(shifted, times)


def _headers(given: Mapping[str, Any], side: str) -> Headers:
    headers = given.get(f"{side}_headers") or {}
    return tuple((name.lower(), value) for name, value in headers.items())


def _body(given: Mapping[str, Any], side: str) -> bytes:
    coded = given.get(f"{side}_body_b64")
    if coded is not None:
        return b64decode(coded, validate=True)
    text = given.get(f"{side}_body")
    return b"" if text is None else text.encode()


def _put_body(clean: dict[str, Any], side: str, body: bytes) -> None:
    if clean.get(f"{side}_body_b64") is not None:
        clean[f"{side}_body_b64"] = b64encode(body).decode()
    elif clean.get(f"{side}_body") is not None:
        clean[f"{side}_body"] = body.decode()


def clean_value(value: Any, redactor: Redactor) -> Any:
    """A JSON value with the secrets in its texts replaced."""
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, dict):
        return {redactor.text(key): clean_value(member, redactor) for key, member in value.items()}
    if isinstance(value, list):
        return [clean_value(member, redactor) for member in value]
    return value
