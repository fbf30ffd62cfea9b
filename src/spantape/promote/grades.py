"""How much of a call its spans hold, said honestly: what can be replayed from them, and why no better.

*exact*: ours, with the raw payload, and its bytes have the recorded digests. *reconstructed*: all that was said is
there, so an answer can be composed that the real SDK accepts; the request is matched by its meaning. *skeleton*: the
structure only; a replay is refused, with the reason and the setting that would have kept the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from spantape._dialects.compose import COMPOSABLE, Said, Uncomposable, compose, compose_error, encoded
from spantape._model import Response
from spantape._spans import names
from spantape.errors import TapeError
from spantape.promote.foreign import ForeignCall
from spantape.tape.model import Span, Step

Grade = Literal["exact", "reconstructed", "skeleton"]

RANK: Final[dict[Grade, int]] = {"exact": 0, "reconstructed": 1, "skeleton": 2}
"""Better grades first."""

_JSON: Final = (("content-type", "application/json"),)
_ERROR_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade, why it is not better, and the members of the request that nobody recorded."""

    grade: Grade
    reasons: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()


EXACT: Final = Graded("exact")


def grade_step(step: Step) -> Graded:
    """The grade of a step of ours: exact where its payload is there and has the digests that were recorded."""
    try:
        if step.kind == "exchange":
            _ = step.request_body(), step.response
        elif step.kind == "tool":
            _ = step.arguments, step.result
    except TapeError as error:
        return Graded("skeleton", (f"{error.field or step.kind}: {error.reason}",))
    return _stated(step.span) or EXACT


def _stated(span: Span) -> Graded | None:
    """The grade that a span was given when it was promoted before."""
    attributes: Mapping[str, Any] = span.attributes
    if attributes.get(names.GRADE) != "reconstructed":
        return None
    reasons, left_out = (attributes.get(name, ()) for name in (names.GRADE_REASONS, names.UNRECORDED))
    return Graded("reconstructed", tuple(reasons), tuple(left_out))


def grade_call(call: ForeignCall) -> Graded:
    """The grade of a call that other instrumentations told of; never exact, since none keeps the bytes."""
    if call.losses:
        return Graded("skeleton", _once(map(str, call.losses)))
    if call.kind == "tool" and not isinstance(call.arguments, Mapping):
        return Graded("skeleton", ("arguments: they were recorded without their names",))
    if call.kind != "model":
        return Graded("reconstructed")
    try:
        answer_of(call)
    except Uncomposable as error:
        return Graded("skeleton", (str(error),))
    return Graded("reconstructed", _left_out(call), unrecorded(call))


def unrecorded(call: ForeignCall) -> tuple[str, ...]:
    """The members of the call's request that its spans do not tell, so that a replay cannot compare them."""
    told = {
        "model": call.model,
        "system": call.system is not None,
        "messages": call.messages is not None,
        "tools": call.tools is not None,
        "media": call.media_told,
    }
    return tuple(name for name, is_told in told.items() if not is_told)


def _left_out(call: ForeignCall) -> tuple[str, ...]:
    """What keeps a reconstructed call from being more."""
    left_out = unrecorded(call)
    rest = f"; its request was recorded without {', '.join(left_out)}" if left_out else ""
    return (f"{call.source} keeps what was said, not the bytes{rest}",)


def answer_of(call: ForeignCall) -> Response:
    """The response that the call got, composed of what its spans tell.

    Raises:
        Uncomposable: no answer can be composed that says it.
    """
    if call.api not in COMPOSABLE:
        raise Uncomposable(
            f"no answers can be composed for provider {call.provider!r}, operation {call.operation!r}"
        )
    failed_before = (
        call.stream or not call.outputs
    )  # else the SDK raised of its own, on an answer that is there
    if call.error is not None and failed_before:
        if call.status is None:
            raise Uncomposable(f"it failed ({call.error.type}), and the span does not tell what was answered")
        kind = _ERROR_TYPES.get(call.status, "api_error")
        return compose_error(call.api, call.status, kind, call.error.message)
    if call.response is not None and not call.stream:
        return Response(200, _JSON, encoded(call.response))
    return compose(call.api, said_of(call), stream=call.stream)


def said_of(call: ForeignCall) -> Said:
    """What the call's response says, as the composers take it."""
    return Said(
        call.outputs or (),
        model=call.response_model or call.model,
        id=call.response_id,
        usage=call.usage,
        created=call.span.started_ns // 10**9,
        vectors=call.vectors,
    )


def _once(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))
