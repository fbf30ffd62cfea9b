"""Why a request is not taken, each as what its sender is told.

See: <https://opentelemetry.io/docs/specs/otlp/#failures>, <https://opentelemetry.io/docs/specs/otlp/#failures-1>
"""

from __future__ import annotations

from typing import ClassVar, Final

from spantape.errors import SpantapeError

INVALID_ARGUMENT: Final = 3  # From: google/rpc/code.proto
NOT_FOUND: Final = 5
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16


class Refused(SpantapeError):
    """A request that is not taken: its HTTP status, its google.rpc.Code, and when to come again, if ever."""

    status: ClassVar[int] = 500
    code: ClassVar[int] = INTERNAL
    retry_after_s: ClassVar[int | None] = None


class BadRequest(Refused):
    """The body is not what its headers say; sending it again is of no use."""

    status, code = 400, INVALID_ARGUMENT


class WrongToken(Refused):
    """The token is missing, or another."""

    status, code = 401, UNAUTHENTICATED


class NotHere(Refused):
    """No such path."""

    status, code = 404, NOT_FOUND


class WrongMethod(Refused):
    """The path is there, for another method."""

    status, code = 405, UNIMPLEMENTED


class TooLarge(Refused):
    """The body is larger than is taken, as it came or unpacked."""

    status, code = 413, INVALID_ARGUMENT


class WrongMediaType(Refused):
    """A content type or an encoding that is not understood."""

    status, code = 415, INVALID_ARGUMENT


class Busy(Refused):
    """More is on its way than fits; nothing of this request was kept, so it is to be sent again."""

    status, code, retry_after_s = 429, RESOURCE_EXHAUSTED, 1


class NotStored(Refused):
    """The disk does not take it; nothing of this request was kept, so it is to be sent again."""

    status, code, retry_after_s = 503, UNAVAILABLE, 5


class Closing(Refused):
    """The collector is being stopped; another one may take it."""

    status, code, retry_after_s = 503, UNAVAILABLE, 5
