"""What recorded spans mean: the steps of a run, in order of start.

Everything that a span of ours may hold is checked for its type here, once; payloads are decoded when they are asked
for. An error names the file, the step and the field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import zstandard

from spantape._model import End, Json, Response
from spantape._spans import names
from spantape._spans.codec import read_error, read_headers, read_response, refuse_cut, why_missing
from spantape.errors import NotReplayable, TapeDamaged, TapeError
from spantape.tape.bodies import BASE_SPAN, Bodies
from spantape.tape.fingerprint import parse_json
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.model import AgentStep, Draw, ExchangeStep, Span, Step, ToolStep

T = TypeVar("T")

_KINDS: Final = ("exchange", "tool", "agent")
_DRAW: Final = "draw"
_ENDS: Final = ("complete", "closed", "error", "abandoned")

_STRINGS: Final = "strings"
_PAYLOAD: Final = "text or bytes"
_LINES: Final = "text or strings"
_TYPES: Final[Mapping[str, str | type]] = {
    names.RUN_ID: str,
    names.STEP: int,
    names.DIALECT: str,
    names.END: str,
    names.ERROR_TYPE: str,
    names.ERROR_MESSAGE: str,
    names.CUT: _STRINGS,
    names.CONTENT: str,
    names.HTTP_METHOD: str,
    names.HTTP_STATUS: int,
    names.URL_FULL: str,
    names.REQUEST_HEADERS: _LINES,
    names.REQUEST_BODY: _PAYLOAD,
    names.REQUEST_ENCODING: str,
    names.REQUEST_DIGEST: str,
    names.REQUEST_SIZE: int,
    names.BASE_DIGEST: str,
    BASE_SPAN: str,
    names.BASE_PREFIX: int,
    names.BASE_SUFFIX: int,
    names.RESPONSE_HEADERS: _LINES,
    names.RESPONSE_BODY: _PAYLOAD,
    names.RESPONSE_ENCODING: str,
    names.RESPONSE_DIGEST: str,
    names.RESPONSE_SIZE: int,
    names.RESPONSE_CHUNKS: str,
    names.ARGUMENTS: str,
    names.RESULT: str,
    names.RESULT_TYPE: str,
    names.CALLABLE: str,
    names.AGENT_NAME: str,
    names.TOOL_NAME: str,
    names.GRADE: str,
    names.GRADE_REASONS: _STRINGS,
    names.REQUEST_KNOWN: _STRINGS,
    names.DRAW_SOURCE: str,
    names.DRAW_VALUE: str,
}


def in_order(spans: Iterable[Span]) -> list[Span]:
    """`spans` in the order of a tape: by start, then by `spantape.step`, then by span id."""
    return sorted(spans, key=_order)


def _order(span: Span) -> tuple[int, int, str]:
    step = span.attributes.get(names.STEP, 0)
    return span.started_ns, step if isinstance(step, int) else 0, span.span_id


def steps_of(spans: Iterable[Span], *, path: str | None = None, limits: Limits = DEFAULT) -> tuple[Step, ...]:
    """The steps that `spans` hold, in order of start; spans that are not ours give none.

    `path` is the file that errors name.

    Raises:
        TapeDamaged: a span of ours lacks what every step has, or holds a value of a wrong type.
    """
    ordered = in_order(spans)
    ours = [span for span in ordered if span.attributes.get(names.KIND) in _KINDS]
    for index, span in enumerate(ours):
        _check_types(span, path, index)
    bodies = Bodies((span.attributes for span in ours if span.attributes[names.KIND] == "exchange"), limits)
    parents = _parents(ordered, ours)
    reader = _Reader(path, bodies, limits)
    return tuple(reader.step(index, span, parents[index]) for index, span in enumerate(ours))


def draws_of(spans: Iterable[Span], *, path: str | None = None) -> tuple[Draw, ...]:
    """The draws that `spans` hold, in order; `path` is the file that errors name.

    Raises:
        TapeDamaged: a draw holds a value of a wrong type.
    """
    found: list[Draw] = []
    begun = 0
    for span in in_order(spans):
        kind = span.attributes.get(names.KIND)
        begun += kind in _KINDS
        if kind == _DRAW:
            _check_types(span, path, None)
            found.append(_draw(len(found), begun, span, path))
    return tuple(found)


def _draw(index: int, before: int, span: Span, path: str | None) -> Draw:
    def load() -> Json:
        text = span.attributes.get(names.DRAW_VALUE)
        try:
            if text is None:
                raise NotReplayable(f"the span has no {names.DRAW_VALUE}: {why_missing(span.attributes)}")
            return _parsed(cast("str", text))
        except TapeError as error:
            raise type(error)(error.reason, path=path, field=f"draw {index}") from error

    return Draw(index, span, before, _text(span, names.DRAW_SOURCE, span.name), once(load))


def _check_types(span: Span, path: str | None, step: int | None) -> None:
    for key, value in span.attributes.items():
        expected = _TYPES.get(key)
        if expected is not None and not _fits(value, expected):
            wanted = expected if isinstance(expected, str) else expected.__name__
            raise TapeDamaged(
                f"got {value!r:.60} of type {type(value).__name__}, expected {wanted}",
                path=path,
                step=step,
                field=key,
            )


def _fits(value: object, expected: str | type) -> bool:
    if expected is int:
        return type(value) is int and value >= 0
    if expected is _LINES and isinstance(value, str):
        return True
    if expected in (_STRINGS, _LINES):
        return isinstance(value, tuple | list) and all(isinstance(member, str) for member in value)
    if expected is _PAYLOAD:
        return isinstance(value, str | bytes)
    return isinstance(value, cast("type", expected))


def _parents(ordered: Sequence[Span], ours: Sequence[Span]) -> list[int | None]:
    by_id = {(span.trace_id, span.span_id): span for span in ordered}
    index_of = {
        (span.trace_id, span.span_id): index
        for index, span in enumerate(ours)
        if span.attributes[names.KIND] != "exchange"
    }
    nearest: dict[tuple[str, str], int | None] = {}
    return [_nearest(span, by_id, index_of, nearest) for span in ours]


def _nearest(
    span: Span,
    by_id: Mapping[tuple[str, str], Span],
    index_of: Mapping[tuple[str, str], int],
    known: dict[tuple[str, str], int | None],
) -> int | None:
    walked: list[tuple[str, str]] = []
    found: int | None = None
    key = (span.trace_id, span.parent_id)
    while key not in known:
        known[key] = None  # so that a cycle of parents ends
        walked.append(key)
        if (index := index_of.get(key)) is not None:
            found = index
            break
        above = by_id.get(key)
        if above is None:
            break
        key = (above.trace_id, above.parent_id)
    else:
        found = known[key]
    for key in walked:
        known[key] = found
    return found


@contextmanager
def placed(path: str | None, step: int, field: str | None = None) -> Iterator[None]:
    """Errors raised inside name the file, the step and the field; odd values are a `TapeDamaged`."""
    try:
        yield
    except TapeError as error:
        raise type(error)(error.reason, path=path, step=step, field=error.field or field) from error
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise TapeDamaged(f"cannot be read ({error!r:.200})", path=path, step=step, field=field) from error


@dataclass(frozen=True, slots=True)
class _Reader:
    path: str | None
    bodies: Bodies
    limits: Limits

    def step(self, index: int, span: Span, parent: int | None) -> Step:
        kind = span.attributes[names.KIND]
        if kind == "exchange":
            return self._exchange(index, span, parent)
        error = read_error(span.attributes)
        arguments = self._json(index, span, names.ARGUMENTS, needed=True)
        result = self._json(index, span, names.RESULT, needed=error is None)
        if kind == "tool":
            return ToolStep(
                index=index,
                span=span,
                parent=parent,
                name=_text(span, names.TOOL_NAME, span.name),
                result_type=_text(span, names.RESULT_TYPE, "value"),
                error=error,
                load_arguments=arguments,
                load_result=result,
            )
        return AgentStep(
            index=index,
            span=span,
            parent=parent,
            name=_text(span, names.AGENT_NAME, span.name),
            callable=cast("str | None", span.attributes.get(names.CALLABLE)),
            error=error,
            load_arguments=arguments,
            load_result=result,
        )

    def _exchange(self, index: int, span: Span, parent: int | None) -> ExchangeStep:
        attributes: Mapping[str, Any] = span.attributes
        end = attributes.get(names.END, "complete")
        if end not in _ENDS:
            raise TapeDamaged(
                f"got {end!r:.60}, expected one of {', '.join(_ENDS)}",
                path=self.path,
                step=index,
                field=names.END,
            )
        status = attributes.get(names.HTTP_STATUS)
        return ExchangeStep(
            index=index,
            span=span,
            parent=parent,
            method=attributes.get(names.HTTP_METHOD, ""),
            url=attributes.get(names.URL_FULL, ""),
            request_headers=read_headers(attributes.get(names.REQUEST_HEADERS, ())),
            request_digest=attributes.get(names.REQUEST_DIGEST, ""),
            request_size=attributes.get(names.REQUEST_SIZE, 0),
            status=status,
            response_digest=None if status is None else attributes.get(names.RESPONSE_DIGEST, ""),
            end=cast("End", end),
            error=read_error(attributes),
            dialect=attributes.get(names.DIALECT),
            load_body=self._request_body(index, span),
            load_response=self._response(index, span),
        )

    def _request_body(self, index: int, span: Span) -> Callable[[], bytes]:
        def load() -> bytes:
            with placed(self.path, index, "request.body"):
                refuse_cut(span.attributes, names.REQUEST_PARTS)
                _refuse_lacking(span.attributes)
                _refuse_bomb(span.attributes, names.REQUEST_BODY, names.REQUEST_ENCODING, names.REQUEST_SIZE)
                return self.bodies.body(span.attributes)

        return load

    def _response(self, index: int, span: Span) -> Callable[[], Response | None]:
        def load() -> Response | None:
            with placed(self.path, index, "response.body"):
                self._check_response_size(span.attributes)
                _refuse_bomb(
                    span.attributes, names.RESPONSE_BODY, names.RESPONSE_ENCODING, names.RESPONSE_SIZE
                )
                return read_response(span.attributes)

        return once(load)

    def _check_response_size(self, attributes: Mapping[str, Any]) -> None:
        size = attributes.get(names.RESPONSE_SIZE, 0)
        if size > self.limits.body_bytes:
            raise TapeDamaged(
                f"got a stated size of {size} bytes, refused above {self.limits.body_bytes} (Limits.body_bytes)"
            )

    def _json(self, index: int, span: Span, field: str, *, needed: bool) -> Callable[[], Json]:
        def load() -> Json:
            text = span.attributes.get(field)
            with placed(self.path, index, field):
                refuse_cut(span.attributes, (field, names.ERROR_TYPE, names.ERROR_MESSAGE))
                if text is not None:
                    return _parsed(cast("str", text))
                if needed and _was_cut(span):
                    raise NotReplayable(f"the span has no {field}: {why_missing(span.attributes)}")
            return None

        return once(load)


def require_payloads(steps: Iterable[Step]) -> None:
    """Raise at the first step that says of itself that it cannot be replayed.

    Raises:
        NotReplayable: it was recorded without content, a limit of the SDK cut it, or it is a skeleton.
    """
    for step in steps:
        if step.kind != "agent" and _may_lack(step.span.attributes):
            _ = (
                (step.request_body(), step.response)
                if step.kind == "exchange"
                else (step.arguments, step.result)
            )


def _may_lack(attributes: Mapping[str, Any]) -> bool:
    return names.CUT in attributes or names.CONTENT in attributes or attributes.get(names.GRADE) == "skeleton"


def _parsed(text: str) -> Json:
    try:
        return cast("Json", parse_json(text))
    except (ValueError, RecursionError) as error:
        raise TapeDamaged(f"is not JSON that can be read ({error})") from error


def _refuse_lacking(attributes: Mapping[str, Any]) -> None:
    for needed in (names.HTTP_METHOD, names.URL_FULL):
        if needed not in attributes:
            raise NotReplayable(f"the span has no {needed}: {why_missing(attributes)}")


def _refuse_bomb(attributes: Mapping[str, Any], body: str, encoding: str, size: str) -> None:
    value = attributes.get(body)
    if not isinstance(value, bytes) or not attributes.get(encoding, "").endswith("zstd"):
        return
    claimed = zstandard.frame_content_size(value) if len(value) >= 4 else -1
    stated = attributes.get(size, 0)
    if claimed > stated:
        raise TapeDamaged(f"got a zstd frame of {claimed} bytes, expected at most the stated {stated}")


def _was_cut(span: Span) -> bool:
    attributes = span.attributes
    return attributes.get(names.CONTENT) == "none" or names.CUT in attributes or span.dropped_attributes > 0


def _text(span: Span, key: str, default: str) -> str:
    return cast("str", span.attributes.get(key, default))


def once(load: Callable[[], T]) -> Callable[[], T]:
    """`load`, called at most once while it succeeds; its value is kept."""
    kept: list[T] = []

    def loaded() -> T:
        if not kept:
            kept.append(load())
        return kept[0]

    return loaded
