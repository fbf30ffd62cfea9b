"""A tape as text for `git diff`: the same for the same behaviour, whenever and wherever it was recorded.

No times, no durations, no paths of a home directory; ids that a server made are numbered in order of appearance; what a
request resends of an earlier one is said in a line. Secrets are replaced before anything is shown, also those of tapes
that were recorded with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from spantape._model import header
from spantape._spans import names
from spantape._spans.redaction import Redactor
from spantape.errors import TapeError
from spantape.tape.fingerprint import path_of
from spantape.tape.model import AgentStep, Draw, ExchangeStep, Step, Tape, ToolStep
from spantape.tape.outward.content import content_of
from spantape.tape.outward.plain_values import Names, fields, json_of

_LOOPBACK: Final = re.compile(r"^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+$")
_REQUEST_HEADERS: Final = re.compile(r"(content-type|accept|anthropic-.*|openai-.*|x-goog-api-client)$")
_RESPONSE_HEADERS: Final = frozenset({"content-type", "retry-after", "location"})
_DRAWN_TIMES: Final = frozenset({"clock", "time"})
_UNTOLD: Final = (TapeError, RecursionError, ValueError)
_HISTORIES: Final = ("messages", "input", "contents")


def plain_lines(tape: Tape) -> Iterator[str]:
    """The lines of `tape`, without line ends.

    What the tape cannot give (it was recorded without content) is said in its place; nothing is raised.
    """
    yield from _Plain().lines(tape)


class _Plain:
    """One tape being told: its secrets, its ids, and the requests that were told already."""

    def __init__(self) -> None:
        self._redactor = Redactor()
        self._names = Names()
        self._told: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = {}

    def lines(self, tape: Tape) -> Iterator[str]:
        """The lines of the tape; credentials and ids are learned first: an agent stands before what it was made of."""
        for step in tape.steps:
            if isinstance(step, ExchangeStep):
                self._redactor.learn(step.request_headers)
                with suppress(*_UNTOLD):
                    self._names.learn(self._answer(step)[1])
        yield self._clean(f"tape: {tape.name or 'a run'}")
        yield f"steps: {len(tape.steps)}"
        if not tape.sealed:
            yield "not sealed: the recording was cut short"
        draws = list(tape.draws)
        for step in tape.steps:
            while draws and draws[0].before <= step.index:
                yield from self._draw(draws.pop(0))
            yield ""
            yield from self._step(step)
        for draw in draws:
            yield from self._draw(draw)

    def _clean(self, text: str) -> str:
        return self._redactor.text(text)

    def _clean_value(self, value: Any) -> Any:
        """A value without secrets: looked for in its JSON, where names tell what a text is."""
        written = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return json.loads(self._redactor.body(written))

    def _fields(self, path: str, value: Any, *, made: bool = False) -> Iterator[str]:
        """A value, a line for each of its fields; `made` says that a server made it, so that times in it are no content."""
        for line in fields(path, self._names.settled(self._clean_value(value), made=made)):
            yield "  " + self._clean(line)

    # --- steps ---------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> Iterator[str]:
        yield self._clean(f"step {step.index}: {self._title(step)}")
        if step.parent is not None:
            yield f"  under: step {step.parent}"
        if names.GRADE in step.span.attributes:
            yield self._clean(f"  grade: {step.span.attributes[names.GRADE]!s}")
        try:
            if isinstance(step, ExchangeStep):
                yield from self._exchange(step)
            else:
                yield from self._invocation(step)
        except _UNTOLD as error:
            yield self._untold(error)
        if step.error is not None:
            yield from self._fields("error", f"{step.error.type}: {step.error.message}")

    def _title(self, step: Step) -> str:
        if not isinstance(step, ExchangeStep):
            return f"{step.kind} {step.name}"
        parts = urlsplit(self._redactor.url(step.url))
        host = _LOOPBACK.sub(r"\1", parts.netloc.rpartition("@")[2])
        return f"{step.method} {parts.scheme}://{host}{path_of(parts.geturl())}"

    def _invocation(self, step: ToolStep | AgentStep) -> Iterator[str]:
        yield from self._fields("arguments", step.arguments)
        if step.error is None:
            yield from self._fields("result", step.result)

    def _draw(self, draw: Draw) -> Iterator[str]:
        yield ""
        yield self._clean(f"draw {draw.index}: {draw.source}")
        if draw.source in _DRAWN_TIMES:
            return
        try:
            self._names.learn(draw.value, key="id")
            yield from self._fields("value", draw.value)
        except _UNTOLD as error:
            yield self._untold(error)

    def _untold(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, TapeError) else "it is no JSON of a usual size and depth"
        return self._clean(f"  not told: {reason}")

    # --- exchanges -----------------------------------------------------------------------------------------------

    def _exchange(self, step: ExchangeStep) -> Iterator[str]:
        headers = {name: value for name, value in step.request_headers if _REQUEST_HEADERS.match(name)}
        yield from self._fields("request.header", headers)
        yield from self._request(step)
        if step.status is None:
            return
        yield f"  status: {step.status}"
        if step.end != "complete":
            yield f"  end: {step.end}"
        yield from self._response(step)

    def _request(self, step: ExchangeStep) -> Iterator[str]:
        body = self._clean_value(json_of(step.request_body()))
        if not isinstance(body, dict):
            yield from self._fields("request", body)
            return
        place = (step.method, path_of(step.url))
        number, before = self._told.get(place, (0, {}))
        self._told[place] = (step.index, body)
        for key, value in body.items():
            yield from self._member(key, value, number, before.get(key))

    def _member(self, key: str, value: Any, number: int, before: Any) -> Iterator[str]:
        """One member of a request; what it resends of `before`, that of step `number`, in a line."""
        if isinstance(value, list | dict) and value and value == before:
            yield self._clean(f"  request.{key}: as in step {number}")
            return
        same = 0
        if key in _HISTORIES and isinstance(value, list) and isinstance(before, list):
            pairs = zip(value, before, strict=False)
            same = next(
                (at for at, (one, other) in enumerate(pairs) if one != other), min(len(value), len(before))
            )
        if not same:
            yield from self._fields(f"request.{key}", value)
            return
        yield f"  request.{key}[0..{same - 1}]: as in step {number}"
        for index in range(same, len(value)):
            yield from self._fields(f"request.{key}[{index}]", value[index])

    def _response(self, step: ExchangeStep) -> Iterator[str]:
        response = step.response
        if response is None:
            return
        headers = {name: value for name, value in response.headers if name in _RESPONSE_HEADERS}
        yield from self._fields("response.header", headers)
        name, value = self._answer(step)
        yield from self._fields(name, value, made=True)

    def _answer(self, step: ExchangeStep) -> tuple[str, Any]:
        """What was answered: the JSON of the body, or what a stream says in all, which comes in other pieces each time."""
        try:
            response = step.response
        except TapeError:
            response = None
        if response is None:
            return "response", None
        value = json_of(response.body)
        content = None if isinstance(value, dict | list) else content_of(step)
        if content is not None and content.answered.messages:
            return "answer", {"messages": content.answered.messages, **content.answered.attributes}
        if isinstance(value, str):
            lengths = response.chunks or (len(response.body),)
            content_type = header(response.headers, "content-type") or ""
            value = json_of(self._redactor.stream(response.body, lengths, content_type)[0])
        return "response", value
