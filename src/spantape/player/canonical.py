"""Bodies in canonical form: two requests are the same when these bytes are.

What a format does not mean (JSON key order, spacing, number spelling; a multipart boundary) is taken out. What
cannot be read as its format says, or has a meaning that parsers disagree on (a key twice, NaN, half a surrogate),
stays the bytes that it is: nothing crashes, and no two different bodies become one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec

from spantape._model import Headers, header
from spantape.player.paths import Path, prune
from spantape.player.rules import MatchRules

Format = Literal["json", "form", "multipart", "bytes"]

PLACEHOLDER: Final = re.compile(rb"__([a-zA-Z][a-zA-Z0-9]*(?:_[a-zA-Z0-9]+)*?)_([0-9]+)__")
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]+)"|([^\s;,"]+))', re.IGNORECASE)
_FIRST_LINE: Final = re.compile(rb"--([^\r\n]{1,200})\r?\n")
_PART_NAME: Final = re.compile(rb'\bname="([^"\r\n]*)"', re.IGNORECASE)
_PLAIN_DIGITS: Final = 40  # a whole number up to this length is written out, a longer one with an exponent


class _UnreadableError(ValueError):
    """A JSON text whose meaning is not certain."""


def content_type(headers: Headers) -> str:
    """The media type in lower case without parameters, "" where there is none."""
    return (header(headers, "content-type") or "").split(";", 1)[0].strip().lower()


def body_format(body: bytes, headers: Headers) -> Format:
    """What kind of body this is: by its content type, and by its first bytes where that was not kept."""
    kind = content_type(headers)
    if kind.startswith("multipart/"):
        return "multipart"
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if "json" in kind:
        return "json"
    if kind:
        return "bytes"
    if _FIRST_LINE.match(body) and body.rstrip().endswith(b"--"):
        return "multipart"
    return "json"  # a body that is no JSON stays bytes


def canonical_body(body: bytes, headers: Headers, rules: MatchRules) -> bytes:
    """The body in canonical form, with what `rules` ignore taken out and what they call volatile blanked."""
    if () in rules.ignored.body:
        return b"ignored"
    body = rules.normalized(body)
    kind = body_format(body, headers)
    if kind == "multipart":
        return b"multipart\0" + b"".join(map(_counted, _kept_parts(body, headers, rules)))
    if kind == "form":
        return b"form\0" + _canonical_form(body, rules)
    canonical = _canonical_json(body, rules) if kind == "json" else None
    return b"bytes\0" + body if canonical is None else b"json\0" + canonical


def canonical_value(
    value: Any, ignored: tuple[Path, ...] = (), blank: Callable[[str], str] | None = None
) -> bytes:
    """A JSON value (of a tool's arguments) in canonical form; what is no JSON at all comes back as its `repr`."""
    try:
        return _encode(_reduced(_copied(value, canonical_number), ignored, blank))
    except (ValueError, TypeError, RecursionError):
        return b"repr\0" + repr(value).encode("utf-8", "backslashreplace")


def reduced_value(
    value: Any, ignored: tuple[Path, ...] = (), blank: Callable[[str], str] | None = None
) -> Any:
    """A JSON value to compare field by field, without what is ignored and with the volatile blanked."""
    try:
        return _reduced(_copied(value, float), ignored, blank)
    except (ValueError, TypeError, RecursionError):
        return repr(value)


def _copied(value: Any, number: Callable[[str], Any]) -> Any:
    return parse_exact(json.dumps(value, ensure_ascii=False), number)


def renumbered(text: bytes) -> bytes:
    """The text with its redaction placeholders numbered anew, each kind from 1 in order of first appearance.

    Two recordings that ran their calls in another order numbered the same secrets differently; in one request
    equal secrets stay equal and distinct ones distinct.
    """
    seen: dict[tuple[bytes, bytes], bytes] = {}
    counts: dict[bytes, int] = {}

    def replace(found: re.Match[bytes]) -> bytes:
        key = (found[1], found[2])
        if key not in seen:
            counts[found[1]] = counts.get(found[1], 0) + 1
            seen[key] = b"__%s_%d__" % (found[1], counts[found[1]])
        return seen[key]

    return PLACEHOLDER.sub(replace, text)


def paired(live: bytes, recorded: bytes) -> list[tuple[bytes, bytes]]:
    """The placeholders of one text with those of another in their places; none where they do not correspond."""
    ours = [found[0] for found in PLACEHOLDER.finditer(live)]
    theirs = [found[0] for found in PLACEHOLDER.finditer(recorded)]
    if len(ours) != len(theirs) or renumbered(live) != renumbered(recorded):
        return []
    return list(dict.fromkeys(zip(ours, theirs, strict=True)))


def has_placeholder(text: bytes) -> bool:
    """Whether redaction left a placeholder in the text."""
    return b"__" in text and PLACEHOLDER.search(text) is not None


def parse_exact(text: str, number: Callable[[str], Any]) -> Any:
    """The JSON value of `text`; numbers with a fraction or an exponent are what `number` makes of their literal.

    Raises:
        ValueError: the text is not JSON, has a key twice, NaN or Infinity, or an integer beyond Python's limit.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_unique, parse_float=number, parse_constant=_refuse)


def canonical_number(literal: str) -> msgspec.Raw:
    """A JSON number in one spelling for each value, without going through a float: `1.0`, `1e0` and `1` are `1`."""
    mantissa, _, exponent = literal.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    all_digits = (whole + fraction).lstrip("0")
    digits = all_digits.rstrip("0")
    if not digits:
        return msgspec.Raw(b"0")
    power = int(exponent or 0) - len(fraction) + len(all_digits) - len(digits)
    if 0 <= power <= _PLAIN_DIGITS - len(digits):
        return msgspec.Raw(f"{sign}{digits}{'0' * power}".encode())
    return msgspec.Raw(f"{sign}{digits}e{power}".encode())


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """The names and values of a form-urlencoded body, in order; bytes that are not UTF-8 are kept apart."""
    text = body.decode("utf-8", "surrogateescape")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def parts(body: bytes, headers: Headers) -> list[bytes]:
    """The pieces of a multipart body without its boundary: preamble, each part (headers and content), epilogue.

    A boundary that the content-type header does not give is read off the first line; without one the body is
    a single piece.
    """
    boundary = _boundary(body, headers)
    if boundary is None:
        return [body]
    return (b"\r\n" + body).split(b"\r\n--" + boundary)


def part_name(part: bytes) -> str | None:
    """The form name in the headers of a multipart piece, None where it has none."""
    found = _PART_NAME.search(part.partition(b"\r\n\r\n")[0])
    return None if found is None else found[1].decode("utf-8", "replace")


def names_ignored(rules: MatchRules) -> frozenset[str]:
    """The names of form fields and multipart parts that the body rules ignore: those of one plain name."""
    return frozenset(path[0] for path in rules.ignored.body if len(path) == 1 and isinstance(path[0], str))


def _canonical_json(body: bytes, rules: MatchRules) -> bytes | None:
    try:
        value = parse_exact(body.decode(), canonical_number)
        return _encode(_reduced(value, rules.ignored.body, rules.blank if rules.patterns else None))
    except (ValueError, RecursionError):
        return None


def _reduced(value: Any, ignored: tuple[Path, ...], blank: Callable[[str], str] | None) -> Any:
    if ignored:
        prune(value, ignored)
    return value if blank is None else blanked(value, blank)


def blanked(value: Any, blank: Callable[[str], str]) -> Any:
    """The JSON value with `blank` applied to each string in it, keys excepted."""
    if isinstance(value, str):
        return blank(value)
    if isinstance(value, list):
        return [blanked(item, blank) for item in value]
    if isinstance(value, Mapping):
        return {key: blanked(item, blank) for key, item in value.items()}
    return value


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _UnreadableError("a key stands twice")
    return made


def _refuse(literal: str) -> Any:
    raise _UnreadableError(f"{literal} is not JSON")


def _canonical_form(body: bytes, rules: MatchRules) -> bytes:
    ignored = names_ignored(rules)
    kept = sorted((name, rules.blank(value)) for name, value in form_fields(body) if name not in ignored)
    return b"".join(_counted(text.encode("utf-8", "surrogateescape")) for field in kept for text in field)


def _kept_parts(body: bytes, headers: Headers, rules: MatchRules) -> list[bytes]:
    ignored = names_ignored(rules)
    return [part for part in parts(body, headers) if part_name(part) not in ignored]


def _counted(piece: bytes) -> bytes:
    return b"%d:%s" % (len(piece), piece)


def _boundary(body: bytes, headers: Headers) -> bytes | None:
    found = _BOUNDARY.search(header(headers, "content-type") or "")
    if found is not None:
        boundary = (found[1] or found[2]).encode("latin-1", "replace")
        if b"--" + boundary in body:
            return boundary
    first = _FIRST_LINE.match(body)
    return None if first is None else first[1]
