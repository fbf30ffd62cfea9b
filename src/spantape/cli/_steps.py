"""Steps as JSON objects and as rows of a table."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from spantape._spans import names
from spantape.errors import TapeError
from spantape.tape.diff import step_name
from spantape.tape.foreign.model import grade_of
from spantape.tape.model import Draw, ExchangeStep, Step, Tape

_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
_RESPONSE_MODEL: Final = "gen_ai.response.model"


class Row(NamedTuple):
    """One step as `spantape show` lists it; times in milliseconds, sizes in bytes."""

    number: str
    kind: str
    what: str
    status: str
    model: str
    tokens: str
    size: str
    ms: str


HEADINGS: Final = Row("#", "kind", "what", "status", "model", "tokens", "bytes", "ms")


def rows(tape: Tape) -> list[Row]:
    """The steps of `tape` as rows; a step inside another is indented below it."""
    return [_row(tape, step) for step in tape.steps]


def _row(tape: Tape, step: Step) -> Row:
    said = summary(tape, step)
    tokens = (said["input_tokens"], said["output_tokens"])
    return Row(
        number=str(step.index),
        kind=step.kind,
        what="  " * _depth(tape, step) + _what(step),
        status=str(said["status"]),
        model=said["model"] or "",
        tokens="" if tokens == (None, None) else "→".join("?" if n is None else f"{n:,}" for n in tokens),
        size=_sizes(step),
        ms=f"{said['duration_ns'] / 1e6:,.1f}",
    )


def _depth(tape: Tape, step: Step) -> int:
    depth, parent = 0, step.parent
    while parent is not None and depth < len(tape.steps):
        depth, parent = depth + 1, tape.steps[parent].parent
    return depth


def _what(step: Step) -> str:
    return step_name(step) if isinstance(step, ExchangeStep) else step.name


def _sizes(step: Step) -> str:
    if not isinstance(step, ExchangeStep):
        return ""
    size = step.span.attributes.get(names.RESPONSE_SIZE)
    answered = "?" if step.status is None else f"{size:,}" if isinstance(size, int) else "?"
    return f"{step.request_size:,}→{answered}"


def summary(tape: Tape, step: Step) -> dict[str, Any]:
    """What a list says of a step, as a JSON object whose keys are always there."""
    attributes = {**_outer(tape, step), **step.span.attributes}
    exchange = step if isinstance(step, ExchangeStep) else None
    return {
        "index": step.index,
        "kind": step.kind,
        "parent": step.parent,
        "name": step_name(exchange) if exchange else step_label(step),
        "status": _status(step),
        "grade": grade_of(step.span)[0],
        "dialect": exchange.dialect if exchange else None,
        "model": attributes.get(names.REQUEST_MODEL) or attributes.get(_RESPONSE_MODEL),
        "input_tokens": attributes.get(_INPUT_TOKENS),
        "output_tokens": attributes.get(_OUTPUT_TOKENS),
        "request_bytes": exchange.request_size if exchange else None,
        "response_bytes": attributes.get(names.RESPONSE_SIZE) if exchange else None,
        "started_ns": step.span.started_ns,
        "duration_ns": step.span.ended_ns - step.span.started_ns,
    }


def _outer(tape: Tape, step: Step) -> Mapping[str, Any]:
    """What other instrumentations' spans around an exchange say of it: model and tokens then stand there alone."""
    known = names.OPERATION in step.span.attributes or not step.span.parent_id
    if known or not isinstance(step, ExchangeStep):
        return {}
    spans = {span.span_id: span for span in tape.spans}
    said: dict[str, Any] = {}
    around = spans.pop(step.span.parent_id, None)  # popped: a tape may hold a circle
    while around is not None and names.KIND not in around.attributes:
        said |= around.attributes
        around = spans.pop(around.parent_id, None)
    return said


def step_label(step: Step) -> str:
    """The name of a tool or an agent."""
    return "" if isinstance(step, ExchangeStep) else step.name


def _status(step: Step) -> int | str:
    if isinstance(step, ExchangeStep) and step.status is not None:
        return step.status if step.end == "complete" else f"{step.status} {step.end}"
    return step.error.type.rpartition(".")[2] if step.error else "ok"


def full(tape: Tape, step: Step) -> dict[str, Any]:
    """All of a step as a JSON object: a body is text where it is UTF-8, else `{"base64": …}`.

    What the tape cannot give (it was recorded without payloads) is `{"error": …}` in its place.
    """
    error = None if step.error is None else {"type": step.error.type, "message": step.error.message}
    said: dict[str, Any] = {**summary(tape, step), "error": error}
    if not isinstance(step, ExchangeStep):
        return {**said, "arguments": told(lambda: step.arguments), "result": told(lambda: step.result)}
    return {
        **said,
        "method": step.method,
        "url": step.url,
        "end": step.end,
        "request": {
            "headers": [list(pair) for pair in step.request_headers],
            "sha256": step.request_digest,
            "body": told(lambda: body_value(step.request_body())),
        },
        "response": told(lambda: _response(step)),
    }


def draw_object(draw: Draw) -> dict[str, Any]:
    """A draw as a JSON object; `before` is the index of the step that began next."""
    return {
        "index": draw.index,
        "before": draw.before,
        "source": draw.source,
        "value": told(lambda: draw.value),
    }


def _response(step: ExchangeStep) -> dict[str, Any] | None:
    response = step.response
    if response is None:
        return None
    return {
        "status": response.status,
        "headers": [list(pair) for pair in response.headers],
        "sha256": step.response_digest,
        "chunks": list(response.chunks),
        "body": body_value(response.body),
    }


def told(load: Any) -> Any:
    """What `load` gives, or `{"error": …}` where the tape cannot give it."""
    try:
        return load()
    except TapeError as error:
        return {"error": str(error)}


def body_value(body: bytes) -> str | dict[str, str]:
    """A body as a JSON value that gives it back."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(body).decode()}
