"""The record of a step: what a leaf of the tree commits to, and what disclosing the step discloses.

A record names bodies, arguments and results by their sha256; the content that has them travels beside it.
`vectors/attestation/README.md` specifies it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Annotated, Any, Final

import msgspec

from spantape._model import digest
from spantape._spans import names
from spantape._spans.codec import read_headers
from spantape.attest._read import decoded
from spantape.attest.predicate import Count, Sha256, Strict
from spantape.errors import NotReplayable, TapeError
from spantape.tape.fingerprint import canonical
from spantape.tape.model import ExchangeStep, Step, ToolStep

Content = Mapping[str, bytes | None]
"""The payloads of a step by name (`request` and `response`, or `arguments` and `result`); None: the tape has none."""

LARGEST: Final = 16 << 20
"""A record has at most this many bytes."""

_MAX_SAFE: Final = (1 << 53) - 1

Nanoseconds = Annotated[str, msgspec.Meta(pattern=r"^-?\d+\Z")]
"""Nanoseconds since the epoch, in decimal: more than a double holds."""

Status = Annotated[int, msgspec.Meta(ge=-_MAX_SAFE, le=_MAX_SAFE)]


class ErrorRecord(Strict, frozen=True):
    """The exception that ended a step."""

    type: str
    message: str


class ExchangeRecord(Strict, frozen=True, tag_field="kind", tag="exchange"):
    """One HTTP exchange."""

    index: Count
    parent: Count | None
    trace_id: str
    span_id: str
    started_ns: Nanoseconds
    ended_ns: Nanoseconds
    error: ErrorRecord | None
    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    request_sha256: Sha256 | None
    status: Status | None
    response_headers: tuple[tuple[str, str], ...]
    response_sha256: Sha256 | None
    end: str

    @property
    def digests(self) -> Mapping[str, str | None]:
        """The sha256 of each payload, by the name of the payload."""
        return {"request": self.request_sha256, "response": self.response_sha256}

    def __str__(self) -> str:
        return f"{self.method} {self.url} → {self.status if self.error is None else self.error.type}"


class _CallRecord(Strict, frozen=True):
    index: Count
    parent: Count | None
    trace_id: str
    span_id: str
    started_ns: Nanoseconds
    ended_ns: Nanoseconds
    error: ErrorRecord | None
    name: str
    arguments_sha256: Sha256 | None
    result_sha256: Sha256 | None

    @property
    def digests(self) -> Mapping[str, str | None]:
        """The sha256 of each payload, by the name of the payload."""
        return {"arguments": self.arguments_sha256, "result": self.result_sha256}


class ToolRecord(_CallRecord, frozen=True, tag_field="kind", tag="tool"):
    """One call of a tool; arguments and result are JSON texts as recorded."""

    def __str__(self) -> str:
        return f"tool {self.name}" + ("" if self.error is None else f" → {self.error.type}")


class AgentRecord(_CallRecord, frozen=True, tag_field="kind", tag="agent"):
    """One call of an agent; arguments and result are JSON texts as recorded."""

    def __str__(self) -> str:
        return f"agent {self.name}" + ("" if self.error is None else f" → {self.error.type}")


Record = ExchangeRecord | ToolRecord | AgentRecord


def content_of(step: Step) -> Content:
    """The payloads of `step`, each checked by its digest where the tape states one.

    Raises:
        MissingBase: a body's base is not on the tape.
        TapeDamaged: a payload does not decode, or does not have its digest.
    """
    if isinstance(step, ExchangeStep):
        return {"request": _held(step.request_body), "response": _held(lambda: _answer(step))}
    return {
        "arguments": _held(lambda: _json_text(step.load_arguments, step, names.ARGUMENTS)),
        "result": _held(lambda: _json_text(step.load_result, step, names.RESULT)),
    }


def record_bytes(step: Step, content: Content) -> bytes:
    """The record of a step with that content: canonical JSON (RFC 8785), what JCS cannot say replaced as on tapes.

    Raises:
        TapeError: something in it cannot be attested.
    """
    record = canonical(msgspec.to_builtins(_record(step, content)))
    if len(record) > LARGEST:
        raise TapeError(f"its record has {len(record):,} bytes, refused above {LARGEST:,}", step=step.index)
    return record


def read_record(text: str, *, what: str, path: str | PathLike[str] | None = None) -> Record:
    """The record that `record_bytes` gave.

    Raises:
        SchemaViolation: it is none; names the member.
    """
    kind: Any = Record
    record: Record = decoded(text.encode(), kind, what=what, path=path, largest=LARGEST)
    return record


def _held(load: Callable[[], bytes | None]) -> bytes | None:
    try:
        return load()
    except NotReplayable:  # never recorded, or lost on its way: nothing to attest
        return None


def _answer(step: ExchangeStep) -> bytes | None:
    response = step.response
    return None if response is None else response.body


def _json_text(load: Callable[[], object], step: Step, field: str) -> bytes | None:
    load()  # raises where the text was cut, or is not JSON
    text = step.span.attributes.get(field)
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else None


def _record(step: Step, content: Content) -> Record:
    digests = {name: None if held is None else digest(held) for name, held in content.items()}
    if isinstance(step, ExchangeStep):
        return _exchange(step, digests)
    kind = ToolRecord if isinstance(step, ToolStep) else AgentRecord
    return kind(
        **_common(step),
        name=step.name,
        arguments_sha256=digests["arguments"],
        result_sha256=digests["result"],
    )


def _exchange(step: ExchangeStep, digests: Mapping[str, str | None]) -> ExchangeRecord:
    if step.status is not None and abs(step.status) > _MAX_SAFE:
        raise TapeError(
            f"got status {step.status}, expected one of HTTP", step=step.index, field=names.HTTP_STATUS
        )
    headers: Any = step.span.attributes.get(names.RESPONSE_HEADERS, ())
    return ExchangeRecord(
        **_common(step),
        method=step.method,
        url=step.url,
        request_headers=step.request_headers,
        request_sha256=digests["request"],
        status=step.status,
        response_headers=() if step.status is None else read_headers(headers),
        response_sha256=digests["response"],
        end=step.end,
    )


def _common(step: Step) -> dict[str, Any]:
    span = step.span
    return {
        "index": step.index,
        "parent": step.parent,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "started_ns": str(span.started_ns),
        "ended_ns": str(span.ended_ns),
        "error": None if step.error is None else ErrorRecord(step.error.type, step.error.message),
    }
