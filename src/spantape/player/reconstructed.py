"""Steps that were put together from other tools' spans: found by what a request means, answered in the form asked for.

Such a step says so (`spantape.grade`) and names what of its request was not recorded, which is not compared. Its answer
was composed, so it is composed anew where the program asks in another way: streamed or not, or over another wire API.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from spantape._dialects import Answered, Dialect, recognise
from spantape._dialects import _names as conventions
from spantape._dialects.compose import COMPOSABLE, Said, Uncomposable, compose
from spantape._model import Request, Response, header
from spantape._spans import names
from spantape.errors import TapeError
from spantape.player.matching import Queue, Take, split_url
from spantape.player.meaning import MEMBERS, Meaning, meaning_of
from spantape.tape.model import ExchangeStep

RECONSTRUCTED: Final = "reconstructed"


def is_reconstructed(step: ExchangeStep) -> bool:
    """Whether the step was put together from spans that hold no payload of ours."""
    return step.span.attributes.get(names.GRADE) == RECONSTRUCTED


def unrecorded(step: ExchangeStep) -> tuple[str, ...]:
    """The members of the step's request that nobody recorded, so that they are not compared."""
    told = step.span.attributes.get(names.UNRECORDED)
    return tuple(str(name) for name in told) if isinstance(told, tuple | list) else ()


def compared(step: ExchangeStep) -> tuple[str, ...]:
    """The members of the step's request that are compared."""
    left_out = unrecorded(step)
    return tuple(name for name in MEMBERS if name not in left_out)


def meaning_of_step(step: ExchangeStep) -> Meaning | None:
    """What the step's request means, None where it cannot be read."""
    try:
        return meaning_of(request_of(step))
    except TapeError:
        return None


def request_of(step: ExchangeStep) -> Request:
    """The step's request; `Raises` as its body does."""
    return Request(step.method, step.url, step.request_headers, step.request_body())


class Meanings:
    """The reconstructed steps of a tape by what their requests mean; positions are those in `steps`.

    Read when it is first asked, and never where there are none. Not locked: its one owner, the player, is.
    """

    def __init__(self, steps: Sequence[tuple[int, ExchangeStep]]) -> None:
        self._steps = [(position, step) for position, step in steps if is_reconstructed(step)]
        self._keys: dict[frozenset[str], dict[bytes, Queue]] | None = None

    def find(self, request: Request, take: Take) -> int | None:
        """A step that means the same, None where there is none left."""
        return self._first(request, take)

    def equal_to(self, request: Request) -> list[int]:
        """Every position that means the same, answered or not, in recorded order."""
        found: list[int] = []
        self._first(request, found.extend)
        return sorted(found)

    def _first(self, request: Request, take: Callable[[Queue], int | None]) -> int | None:
        if not self._steps or (meaning := meaning_of(request)) is None:
            return None
        for without, queues in self._indexed().items():
            queue = queues.get(meaning.key(without))
            found = None if queue is None else take(queue)
            if found is not None:
                return found
        return None

    def _indexed(self) -> dict[frozenset[str], dict[bytes, Queue]]:
        """The positions by key, for each set of members that is not compared; the fullest comparisons first."""
        if self._keys is None:
            keys: dict[frozenset[str], dict[bytes, Queue]] = {}
            for position, step in self._steps:
                without = frozenset(unrecorded(step))
                meaning = meaning_of_step(step)
                if meaning is not None:
                    queue = keys.setdefault(without, {}).setdefault(meaning.key(without), deque())
                    queue.append(position)
            self._keys = dict(sorted(keys.items(), key=lambda item: len(item[0])))
        return self._keys


def answered_as_asked(step: ExchangeStep, request: Request) -> ExchangeStep:
    """The step with its answer in the form that the request asks for."""
    wanted = _form(request)
    if wanted is None or step.status is None or step.status >= 400:
        return step
    return replace(step, load_response=lambda: _answer(step, wanted, request))


def _answer(step: ExchangeStep, wanted: Dialect, request: Request) -> Response | None:
    response = step.response
    recorded = _form(request_of(step))
    if response is None or recorded is None:
        return response
    asked = wanted.ask(request.body, request.url)
    kind = header(response.headers, "content-type") or ""
    same_form = wanted is recorded and asked.stream == kind.startswith("text/event-stream")
    if same_form and (not asked.stream or names.SOURCES not in step.span.attributes):
        return response  # as it is; a stream composed from spans may lack what this request asks for
    found = recorded.answer(response.body, response.status, kind, recorded.ask(step.request_body(), step.url))
    try:
        return compose(wanted.name, _said(found, request.body), stream=asked.stream)
    except Uncomposable:  # the recorded form is all that there is
        return response


def _said(found: Answered, body: bytes) -> Said:
    attributes = found.attributes
    usage = {k: v for k, v in attributes.items() if k.startswith("gen_ai.usage.") and isinstance(v, int)}
    return Said(
        found.messages,
        model=str(attributes.get(conventions.RESPONSE_MODEL, "")),
        id=str(attributes.get(conventions.RESPONSE_ID, "")),
        usage=usage,
        include_usage=wants_usage(body),
    )


def wants_usage(body: bytes) -> bool:
    """Whether a chat completion request asks for usage at the end of its stream."""
    try:
        options: Any = msgspec.json.decode(body).get("stream_options")
    except (msgspec.DecodeError, AttributeError):
        return False
    return isinstance(options, dict) and options.get("include_usage") is True


def _form(request: Request) -> Dialect | None:
    """The wire API of a request, where answers can be composed for it."""
    url = split_url(request.url)
    found = recognise(request.method, url.host.partition("://")[2], url.path, request.body)
    return found if found is not None and found.name in COMPOSABLE else None
