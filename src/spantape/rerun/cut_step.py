"""A step of a tape understood as a call of a model: what was asked, of whom, and what came of it.

Which steps are one, and which of those can be believed to be whole, is decided here: `NotCut` says why not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from spantape._dialects import Answered, Asked, Dialect, provider_name, recognise
from spantape._model import Response, header
from spantape._spans import names
from spantape._spans.detectors import DEFAULT_DETECTORS
from spantape._spans.search import PLACEHOLDER
from spantape.errors import NotCut, TapeError
from spantape.rerun import cut_transcript
from spantape.rerun.wire import Call, NotACallError, read_call
from spantape.tape.model import ExchangeStep, Step

REDACTED_KINDS: Final = frozenset({detector.kind for detector in DEFAULT_DETECTORS} | {"secret"})
"""The kinds of placeholders that redaction leaves by default."""

_FINGERPRINT: Final = "openai.response.system_fingerprint"
_INFERENCES: Final = ("chat", "text_completion", "embeddings")
_DEFAULT_PORTS: Final = ("80", "443")


@dataclass(frozen=True, slots=True)
class Heard:
    """A call of a model as it was recorded.

    `place` is the host that was asked, with its port where that is not the usual one. `transcript` is what
    `cut_transcript` makes of the answer: messages, or an object where embeddings were asked for.
    """

    call: Call
    vendor: str
    place: str
    fingerprint: str | None
    transcript: Any

    @property
    def model(self) -> str:
        """The model with its vendor: `openai/text-embedding-3-small`."""
        return f"{self.vendor}/{self.call.model}"

    @property
    def is_embeddings(self) -> bool:
        """Whether the answer is vectors, not messages."""
        return isinstance(self.transcript, dict)


def kinds_of(steps: Iterable[Step]) -> frozenset[str]:
    """The kinds of placeholders that may stand in these steps, those of detectors of one's own included."""
    return REDACTED_KINDS.union(*(_kinds_on(step.span.attributes) for step in steps))


def _kinds_on(attributes: Mapping[str, Any]) -> Iterator[str]:
    counted = attributes.get(names.REDACTED)
    for one in counted if isinstance(counted, list | tuple) else ():
        yield str(one).partition(":")[0]


def hear(step: Step, *, path: str | None = None, redacted: Collection[str] = REDACTED_KINDS) -> Heard:
    """The call of a model that `step` is; `path` is the file that errors name.

    A step whose bodies hold a placeholder of one of the kinds `redacted` is not as it was asked and answered; pass ()
    to take it as it stands.

    Raises:
        NotCut: it calls no model, it has no answer to expect, or the tape does not hold it as it was.
    """
    try:
        return _heard(step, redacted)
    except NotCut as error:
        raise NotCut(error.reason, why=error.why, path=path, step=step.index, field=error.field) from error
    except TapeError as error:
        raise NotCut(error.reason, why="lost", path=path, step=step.index, field=error.field) from error


def _heard(step: Step, redacted: Collection[str]) -> Heard:
    if step.kind != "exchange":
        raise NotCut(f"is a call of the {step.kind} {step.name!r}, not of a model")
    target = _target(step)
    body = _body(step, target)
    dialect = recognise(step.method, _place(target), target.path, body)
    if dialect is None:
        raise NotCut(f"is no call of a model: {step.method} {step.url} is of no wire API that is known")
    asked = dialect.ask(body, _path(target))
    if asked.operation not in _INFERENCES or target.path.rstrip("/").endswith("/compact"):
        raise NotCut(f"asks a model's API for something else than an answer ({step.method} {step.url})")
    _refuse_composed(step)
    response = _response(step)
    _refuse_redacted(body, response.body, redacted)
    with _lost("request.body"):
        call = read_call(dialect.name, body, asked, step.request_headers)
    answered = _answered(dialect, response, asked)
    return Heard(
        call=call,
        vendor=_vendor(step, target, dialect),
        place=_place(target),
        fingerprint=fingerprint_of(answered),
        transcript=transcript_of(call, answered, response.body),
    )


def fingerprint_of(answered: Answered) -> str | None:
    """The fingerprint of the system that answered, None where it gives none."""
    stated = answered.attributes.get(_FINGERPRINT)
    return stated if isinstance(stated, str) else None


def transcript_of(call: Call, answered: Answered, body: bytes) -> Any:
    """The transcript of what came for `call`: `answered` is what its dialect read in the response `body`.

    Raises:
        NotCut: there is an error inside, or nothing to expect.
    """
    if answered.error is not None:
        raise NotCut(f"was answered with an error: {': '.join(filter(None, answered.error))}", why="failed")
    if call.api == "openai.embeddings":
        try:
            return cut_transcript.of_embeddings(body, call.options.get("output_dtype"))
        except ValueError as error:
            raise NotCut(f"was answered with no vectors ({error})", why="failed") from error
    if not answered.messages:
        raise NotCut("was answered without a message", why="failed")
    return cut_transcript.of_messages(answered.messages)


@contextmanager
def _lost(field: str) -> Iterator[None]:
    try:
        yield
    except NotACallError as error:
        raise NotCut(str(error), why="lost", field=field) from error


def _body(step: ExchangeStep, target: SplitResult) -> bytes:
    """The request body; of a step that is no model's for sure, its absence is no loss."""
    try:
        return step.request_body()
    except TapeError:
        if _may_be_other(step, target):
            raise NotCut("is no call of a model that can be told from it, and has no request body") from None
        _refuse_failed(step)
        raise


def _may_be_other(step: ExchangeStep, target: SplitResult) -> bool:
    """Whether nothing but the request body, which is not there, could say that this is a call of a model."""
    if step.dialect is not None or names.OPERATION in step.span.attributes:
        return False
    return recognise(step.method, _place(target), target.path, b"") is None


def _refuse_composed(step: ExchangeStep) -> None:
    grade = step.span.attributes.get(names.GRADE)
    if grade is not None:
        raise NotCut(
            f"is {grade}: it was put together from what another tool recorded, and is not what was sent and answered",
            why="lost",
        )


def _refuse_failed(step: ExchangeStep) -> None:
    error = "" if step.error is None else f" ({step.error.type}: {step.error.message})"
    if step.status is not None and step.status >= 400:
        raise NotCut(f"was answered with status {step.status}", why="failed")
    if step.end != "complete" or step.error is not None:
        raise NotCut(f"was not answered to the end: {step.end}{error}", why="failed")


def _response(step: ExchangeStep) -> Response:
    _refuse_failed(step)
    response = step.response
    if response is None:
        raise NotCut("has no answer", why="failed")
    return response


def _answered(dialect: Dialect, response: Response, asked: Asked) -> Answered:
    content_type = header(response.headers, "content-type") or ""
    return dialect.answer(response.body, response.status, content_type, asked)


def _refuse_redacted(request: bytes, response: bytes, kinds: Collection[str]) -> None:
    for where, body in (("request", request), ("response", response)):
        found = (
            next((m for m in PLACEHOLDER.finditer(body) if m[1].decode() in kinds), None) if kinds else None
        )
        if found is not None:
            raise NotCut(
                f"is redacted: {found[0].decode()} stands for what was really said; record without redaction, or "
                "cut redacted steps as they stand (redacted=True, --redacted)",
                why="lost",
                field=f"{where}.body",
            )


# --- where it went -----------------------------------------------------------------------------------------------


def _target(step: ExchangeStep) -> SplitResult:
    try:
        return urlsplit(step.url)
    except ValueError:
        raise NotCut(f"is no call of a model: its URL cannot be read ({step.url!r})") from None


def _place(target: SplitResult) -> str:
    place = target.netloc.rpartition("@")[2].lower()
    bare, colon, port = place.rpartition(":")
    return bare if colon and port in _DEFAULT_PORTS else place


def _path(target: SplitResult) -> str:
    return f"{target.path}?{target.query}" if target.query else target.path


def _vendor(step: ExchangeStep, target: SplitResult, dialect: Dialect) -> str:
    stated = step.span.attributes.get(names.PROVIDER)
    if isinstance(stated, str) and stated:
        return stated
    return provider_name(_place(target), target.path, step.request_headers, dialect)
