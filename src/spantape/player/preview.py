"""Steps and requests as a person reads them: one line for each, and a body as named fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from spantape._fields import show
from spantape._model import Headers, digest
from spantape.errors import TapeError
from spantape.player.canonical import (
    blanked,
    body_format,
    form_fields,
    names_ignored,
    parse_exact,
    part_name,
    parts,
)
from spantape.player.matching import split_url
from spantape.player.paths import prune
from spantape.player.rules import MatchRules
from spantape.tape.model import ExchangeStep, Step

_HISTORIES: Final = ("messages", "input", "contents", "prompt")
_PREVIEWED: Final = 1 << 20  # bytes of a body that a preview still looks into


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that are no text, by size and digest."""

    size: int
    sha256: str

    def __repr__(self) -> str:
        return f"<{self.size:,} bytes, sha256 {self.sha256[:12]}…>"


def step_line(step: Step) -> str:
    """A step in one line: its index, what it called, and a short preview of what with."""
    return f"step {step.index}, {call_name(step)}{_preview(step)}"


def call_name(step: Step) -> str:
    """What a step called: method and path, or the name of a tool or an agent."""
    if step.kind == "exchange":
        return f"{step.method} {split_url(step.url).path}"
    return f"{step.kind} {step.name!r}"


def body_fields(body: bytes, headers: Headers, rules: MatchRules) -> Any:
    """A body as a value to compare field by field, without what the rules ignore.

    JSON as it is, numbers exact; a form and a multipart body as an object of their names; other text as a str;
    the rest as a `Blob`.
    """
    body = rules.normalized(body)
    kind = body_format(body, headers)
    if kind == "form":
        return _by_name(form_fields(body), rules)
    if kind == "multipart":
        named = ((part_name(part), _text_or_blob(part)) for part in parts(body, headers))
        return _by_name(((name or "(unnamed)", value) for name, value in named), rules)
    if kind == "json":
        return _json_fields(body, rules)
    return _text_or_blob(body)


def exact_number(literal: str) -> Decimal | str:
    """The number of a literal; the literal itself where its exponent is beyond any decimal."""
    try:
        return Decimal(literal)
    except InvalidOperation:
        return literal


def _json_fields(body: bytes, rules: MatchRules) -> Any:
    try:
        value = parse_exact(body.decode(), exact_number)
        prune(value, rules.ignored.body)
        return blanked(value, rules.blank) if rules.patterns else value
    except (ValueError, RecursionError):
        return _text_or_blob(body)


def _by_name(fields: Iterable[tuple[str, Any]], rules: MatchRules) -> dict[str, Any]:
    ignored = names_ignored(rules)
    found: dict[str, list[Any]] = {}
    for name, value in fields:
        if name not in ignored:
            found.setdefault(name, []).append(rules.blank(value) if isinstance(value, str) else value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _text_or_blob(data: bytes) -> str | Blob:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Blob(len(data), digest(data))
    return Blob(len(data), digest(data)) if "\0" in text else text


def _preview(step: Step) -> str:
    try:
        if step.kind != "exchange":
            return f" {show(step.arguments)}"
        if not 0 < step.request_size <= _PREVIEWED:
            return ""
        fields = body_fields(step.request_body(), step.request_headers, MatchRules())
    except TapeError:
        return " (what it was asked cannot be read)"
    return f" … {show(_last_said(fields))}"


def _last_said(fields: Any) -> Any:
    """The last message of a history under any of its usual names, with the content alone where it is plain text."""
    if not isinstance(fields, dict):
        return fields
    history = next((fields[name] for name in _HISTORIES if fields.get(name)), fields)
    last = history[-1] if isinstance(history, list) else history
    content = last.get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else last


def request_fields(step: ExchangeStep, rules: MatchRules) -> Any:
    """The body of a recorded request as `body_fields` gives it.

    Raises:
        TapeError: the body cannot be rebuilt.
    """
    return body_fields(step.request_body(), step.request_headers, rules)
