"""Attempts of one call: which recorded failures were followed by another try, and how to replay them without a pause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from spantape._model import Headers, header
from spantape.errors import TapeError
from spantape.tape.model import ExchangeStep, Step

ATTEMPT_HEADER: Final = "x-stainless-retry-count"
_CALL_HEADER: Final = "amz-sdk-invocation-id"
_RETRIED_STATUS: Final = frozenset({408, 409, 425, 429})
_LEFT_BY_THE_PROGRAM: Final = frozenset(
    {"CancelledError", "Cancelled", "KeyboardInterrupt", "SystemExit", "GeneratorExit"}
)


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attempts on a tape, by position.

    `order` lists the positions to answer, those of a call that succeeded in the end at the place of its first
    attempt; `skipped` are the failures left out of it; `followed` are failures that were tried again; `number`
    counts the attempts, from 0, of those calls of which several are to be answered.
    """

    order: tuple[int, ...]
    skipped: frozenset[int]
    followed: frozenset[int]
    number: Mapping[int, int]


def failed(step: ExchangeStep) -> bool:
    """Whether clients try such an exchange again: no response came, or one with a status that asks for it.

    See: RFC 9110 section 15; `_should_retry` of the openai and anthropic SDKs.
    """
    if step.status is None:
        name = step.error.type.rpartition(".")[2] if step.error else ""
        return name not in _LEFT_BY_THE_PROGRAM
    return (
        step.status in _RETRIED_STATUS or step.status >= 500 or (step.status >= 400 and _asked_to_retry(step))
    )


def _asked_to_retry(step: ExchangeStep) -> bool:
    try:
        response = step.response
    except TapeError:  # whoever asks for this step is told; whether it was tried again does not depend on it
        return False
    return response is not None and header(response.headers, "x-should-retry") == "true"


def find_attempts(steps: Sequence[Step], groups: Iterable[Sequence[int]], *, skip: bool) -> Attempts:
    """The attempts among `steps`; each group holds the positions of equal requests in recorded order.

    With `skip`, the failures of a call that succeeded in the end are skipped, unless something else was done
    between two of its attempts: then the program saw the failure, and it is answered as recorded.
    """
    order: list[tuple[int, int]] = []
    skipped: set[int] = set()
    followed: set[int] = set()
    number: dict[int, int] = {}
    for group in groups:
        for chain in _chains(steps, group):
            followed.update(chain[:-1])
            if skip and _is_one_call(steps, chain):
                skipped.update(chain[:-1])
                order.append((chain[0], chain[-1]))
                continue
            order += [(position, position) for position in chain]
            if len(chain) > 1:
                number.update((position, count) for count, position in enumerate(chain))
    return Attempts(tuple(p for _, p in sorted(order)), frozenset(skipped), frozenset(followed), number)


def without_pause(headers: Headers) -> Headers:
    """The response headers with their recorded pause taken out, so that a client that retries does so at once.

    `retry-after-ms: 0.001` is one microsecond to the openai and anthropic SDKs, which read it first and fall back
    to an exponential backoff (0.4 s and more) where it is absent, 0 or below; `retry-after: 0` is no pause to
    clients that know that header alone (urllib3, and those after RFC 9110 section 10.2.3).

    See: `_calculate_retry_timeout` in the `_base_client.py` of both SDKs.
    """
    kept = tuple(pair for pair in headers if pair[0] not in {"retry-after", "retry-after-ms"})
    return (*kept, ("retry-after", "0"), ("retry-after-ms", "0.001"))


def attempt_number(headers: Headers) -> int | None:
    """Which attempt of its call a request says it is, from 0; None where it does not say."""
    text = header(headers, ATTEMPT_HEADER) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _chains(steps: Sequence[Step], group: Sequence[int]) -> list[list[int]]:
    """The group as calls: each a list of attempts of which all but the last failed."""
    chains: list[list[int]] = []
    waiting: list[list[int]] = []  # those whose last attempt failed
    for position in group:
        step = _exchange(steps, position)
        chain = _pop_former(steps, waiting, step)
        if chain is None:
            chains.append(chain := [])
        chain.append(position)
        if failed(step):
            waiting.append(chain)
    return chains


def _pop_former(steps: Sequence[Step], waiting: list[list[int]], step: ExchangeStep) -> list[int] | None:
    """The call that `step` is the next attempt of, taken out of `waiting`."""
    may_be = [chain for chain in waiting if _follows(_exchange(steps, chain[-1]), step)]
    if not may_be:
        return None
    chain = min(may_be, key=lambda c: not _counts_up(_exchange(steps, c[-1]), step))
    waiting[:] = [other for other in waiting if other is not chain]
    return chain


def _follows(former: ExchangeStep, step: ExchangeStep) -> bool:
    """Whether `step`, an equal request, may be the next attempt after `former`, which failed.

    A client that counts its attempts and says that this is its first had given up before: its program saw the
    failure and asked again itself.
    """
    if attempt_number(step.request_headers) == 0:
        return False
    return former.parent == step.parent and (
        former.span.ended_ns <= step.span.started_ns or _counts_up(former, step)
    )


def _counts_up(former: ExchangeStep, step: ExchangeStep) -> bool:
    """Whether the requests themselves say that they are attempts of one call, one after the other."""
    count = attempt_number(step.request_headers)
    if count:
        return attempt_number(former.request_headers) == count - 1
    call = header(step.request_headers, _CALL_HEADER)
    return call is not None and call == header(former.request_headers, _CALL_HEADER)


def _is_one_call(steps: Sequence[Step], chain: Sequence[int]) -> bool:
    if len(chain) == 1 or failed(_exchange(steps, chain[-1])):
        return False
    return all(_nothing_between(steps, a, b) for a, b in pairwise(chain))


def _nothing_between(steps: Sequence[Step], first: int, second: int) -> bool:
    """Whether the program did nothing else between two attempts: no other step lies wholly between them."""
    former, step = _exchange(steps, first), _exchange(steps, second)
    if _counts_up(former, step):
        return True
    return not any(
        between.parent == former.parent
        and former.span.ended_ns <= between.span.started_ns
        and between.span.ended_ns <= step.span.started_ns
        for between in steps[first + 1 : second]
        if not _same_request(between, former)
    )


def _same_request(step: Step, former: ExchangeStep) -> bool:
    return step.kind == "exchange" and step.request_digest == former.request_digest


def _exchange(steps: Sequence[Step], position: int) -> ExchangeStep:
    step = steps[position]
    if step.kind != "exchange":
        raise TypeError(f"position {position} is a {step.kind}, expected an exchange")
    return step
