"""A call as it is recorded: its secrets replaced, or nothing to replace in it.

Most calls hold no secret. So all their texts are looked at as one first, which costs little more than to look at the
smallest of them; only where something might be there are they searched one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spantape._model import Failure, Headers
from spantape._spans.kept import kept
from spantape._spans.streamed import is_stream

if TYPE_CHECKING:
    from spantape._spans.body import Base
    from spantape._spans.call import Call, Outcome
    from spantape._spans.redaction import Redactor

_LONG = 8 * 1024
_FREE_HEADERS = frozenset({"location", "link", "content-disposition"})
"""Response headers that are kept and whose value is anything: the others are ids, counts, times and names."""

_AROUND = 512
"""How much of what a body shares with its base is looked at again, so that no secret straddles the cut: hints are far
shorter, and where one is found, whole JSON strings are searched."""


@dataclass(slots=True)
class Recorded:
    """What of a call goes on its span, the request body aside; that one is `clean` where it need not be searched."""

    url: str
    request_headers: Headers
    response_headers: Headers
    body: bytes
    lengths: tuple[int, ...]
    error: Failure | None
    clean: bool


def redacted(redactor: Redactor, call: Call, outcome: Outcome, origin: Base | None) -> Recorded:
    """The call with its secrets replaced; `origin` is the body that its request grew from."""
    redactor.learn(call.headers)
    asked, answered = kept(call.headers, response=False), kept(outcome.headers, response=True)
    content_type = next((value for name, value in answered if name == "content-type"), "")
    streamed = is_stream(outcome.body, content_type)
    new = _new(call.body or b"", origin)
    joined = not streamed and len(outcome.body) < _LONG
    short = len(new) < _LONG
    texts = [call.url, *[value for _, value in asked], *[value for name, value in answered if name in _FREE_HEADERS]]
    if outcome.error is not None:
        texts.append(outcome.error.message)
    look = [text.encode("utf-8", "surrogatepass") for text in texts]
    if short:
        look.append(new)
    if joined:
        look.append(outcome.body)
    nothing = "@" not in call.url and "?" not in call.url and redactor.is_clean(b"\n".join(look))
    body, lengths = outcome.body, outcome.lengths
    if not (nothing and joined):
        body, lengths = _response(redactor, outcome, content_type)
    if nothing:
        return Recorded(call.url, asked, answered, body, lengths, outcome.error, clean=short)
    error = outcome.error
    return Recorded(
        redactor.url(call.url),
        redactor.headers(asked, response=False),
        redactor.headers(answered, response=True),
        body,
        lengths,
        None if error is None else Failure(error.type, redactor.text(error.message)),
        clean=False,
    )


def _new(body: bytes, origin: Base | None) -> bytes:
    if origin is None:
        return body
    start, stop = origin.prefix - _AROUND, len(body) - origin.suffix + _AROUND
    return body[start if start > 0 else 0 : stop]


def _response(redactor: Redactor, outcome: Outcome, content_type: str) -> tuple[bytes, tuple[int, ...]]:
    if outcome.status is None:
        return outcome.body, outcome.lengths
    body, lengths = redactor.stream(outcome.body, outcome.lengths or (len(outcome.body),), content_type)
    return body, lengths if outcome.lengths else ()
