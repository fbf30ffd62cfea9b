"""A call as it is recorded: its secrets replaced, or nothing to replace in it.

Most calls hold no secret. So all their texts are looked at as one first, which costs little more than to look at the
smallest of them; only where something might be there are they searched one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantape._model import Failure, Headers
from spantape._spans.kept import kept
from spantape._spans.redaction import widened
from spantape._spans.streamed import is_stream

if TYPE_CHECKING:
    from spantape._spans.body import Base
    from spantape._spans.call import Call, Outcome
    from spantape._spans.redaction import Redactor

_LONG = 8 * 1024
_FREE_HEADERS = frozenset({"location", "link", "content-disposition"})
"""Response headers that are kept and whose value is anything: the others are ids, counts, times and names, at most
an id that the program sent."""


@dataclass(slots=True)
class Recorded:
    """What of a call goes on its span, the request body aside."""

    url: str
    request_headers: Headers
    response_headers: Headers
    body: bytes
    lengths: tuple[int, ...]
    error: Failure | None


def is_clean_request(redactor: Redactor, body: bytes, origin: Base | None) -> bool:
    """Whether a request body need not be searched; `origin` is the body that it grew from."""
    new = _new(body, origin)
    return len(new) < _LONG and redactor.is_clean(new)


def redacted(redactor: Redactor, call: Call, outcome: Outcome) -> Recorded:
    """The call with its secrets replaced, its request body aside: that one was searched when the call began."""
    asked, answered = kept(call.headers, response=False), kept(outcome.headers, response=True)
    content_type = next((value for name, value in answered if name == "content-type"), "")
    joined = len(outcome.body) < _LONG and not is_stream(outcome.body, content_type)
    texts = [
        call.url,
        *[value for _, value in asked],
        *[value for name, value in answered if name in _FREE_HEADERS],
    ]
    if outcome.error is not None:
        texts.append(outcome.error.message)
    look = [text.encode("utf-8", "surrogatepass") for text in texts]
    if joined:
        look.append(outcome.body)
    nothing = (
        "@" not in call.url
        and "?" not in call.url
        and redactor.is_clean(b"\n".join(look))
        and not _echoes(redactor, answered)
    )
    if nothing:
        body, lengths = (
            (outcome.body, outcome.lengths) if joined else _response(redactor, outcome, content_type)
        )
        return Recorded(call.url, asked, answered, body, lengths, outcome.error)
    url, asked = redactor.url(call.url), redactor.headers(asked, response=False)
    body, lengths = _response(redactor, outcome, content_type)
    error = outcome.error
    return Recorded(
        url,
        asked,
        redactor.headers(answered, response=True),
        body,
        lengths,
        None if error is None else Failure(error.type, redactor.text(error.message)),
    )


def together(*counted: tuple[str, ...]) -> tuple[str, ...]:
    """Counts of replacements ("<kind>:<count>" by name), added up."""
    if not all(counted):
        return next(filter(None, counted), ())
    sums: dict[str, int] = {}
    for kind, _, count in (one.partition(":") for some in counted for one in some):
        sums[kind] = sums.get(kind, 0) + int(count)
    return tuple(f"{kind}:{sums[kind]}" for kind in sorted(sums))


def _echoes(redactor: Redactor, answered: Headers) -> bool:
    """Whether a response header may say again what the program sent: an address, or a key that is known."""
    text = "\n".join([value for _, value in answered])
    return "@" in text or bool(redactor.literals_in(text.encode("utf-8", "surrogatepass")))


def _new(body: bytes, origin: Base | None) -> bytes:
    """What a search of `body` would look at: what is new since its base, widened to whole strings."""
    if origin is None:
        return body
    start, stop = widened(body, origin.prefix, len(body) - origin.suffix)
    return body[start:stop]


def _response(redactor: Redactor, outcome: Outcome, content_type: str) -> tuple[bytes, tuple[int, ...]]:
    if outcome.status is None:
        return outcome.body, outcome.lengths
    body, lengths = redactor.stream(outcome.body, outcome.lengths or (len(outcome.body),), content_type)
    return body, lengths if outcome.lengths else ()
