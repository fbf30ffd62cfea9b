"""A call as it is recorded: its secrets replaced, or nothing to replace in it.

Most calls hold no secret, and clients send the same URL and headers with each. So what is known to be clean is not
looked at again, the rest is looked at, and only what might hold a secret is searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantape._model import Failure, Headers, header
from spantape._spans.kept import kept, sent
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
    url, asked, answered = call.url, sent(call.headers).kept, kept(outcome.headers, response=True)
    if not redactor.knows(url, asked):
        url, asked = redactor.url(url), redactor.headers(asked, response=False)
    body, lengths = outcome.body, outcome.lengths
    content_type = header(answered, "content-type") or ""
    if len(body) >= _LONG or is_stream(body, content_type) or not redactor.is_clean(body):
        body, lengths = _response(redactor, outcome, content_type)
    if _may_hold(redactor, answered):
        answered = redactor.headers(answered, response=True)
    error = outcome.error
    if error is not None:
        error = Failure(error.type, redactor.text(error.message))
    return Recorded(url, asked, answered, body, lengths, error)


def together(*counted: tuple[str, ...]) -> tuple[str, ...]:
    """Counts of replacements ("<kind>:<count>" by name), added up."""
    if not all(counted):
        return next(filter(None, counted), ())
    sums: dict[str, int] = {}
    for kind, _, count in (one.partition(":") for some in counted for one in some):
        sums[kind] = sums.get(kind, 0) + int(count)
    return tuple(f"{kind}:{sums[kind]}" for kind in sorted(sums))


def _may_hold(redactor: Redactor, answered: Headers) -> bool:
    """Whether response headers are worth a search: free text, or what the program sent and is said again."""
    for name, value in answered:
        if "@" in value or name in _FREE_HEADERS:
            return True
    return redactor.knows_of("\n".join([value for _, value in answered]))


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
