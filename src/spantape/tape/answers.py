"""What the model said in an exchange of a tape: its decoded answer, of any dialect, streamed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from spantape._dialects import Dialect, Message, recognise
from spantape._model import header
from spantape.tape.model import ExchangeStep
from spantape.tolerance.calls import ToolCall, calls_of

_APART: Final = frozenset(
    {"text", "reasoning", "tool_call", "server_tool_call", "server_tool_call_response", "compaction"}
)


@dataclass(frozen=True, slots=True)
class Said:
    """One message of an answer: its texts, the calls in it, why it ended, and the types of its other parts in order.

    Reasoning and the results of the provider's own tools are left out.
    """

    texts: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    finish: str = ""
    others: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that it says, as one text."""
        return "\n".join(self.texts)


def dialect_of(step: ExchangeStep) -> Dialect | None:
    """The wire API that a step's request speaks; None where it is no call of a model.

    Raises:
        NotReplayable: the request's body was never recorded.
        TapeDamaged, MissingBase: it cannot be rebuilt.
    """
    url = urlsplit(step.url)
    return recognise(step.method, url.netloc, _path(step.url), step.request_body())


def said_in(step: ExchangeStep, dialect: Dialect) -> list[Said]:
    """The messages that the model answered with, in their order; [] where it gave none (an error, embeddings).

    Raises:
        NotReplayable, TapeDamaged, MissingBase: a body was never recorded, or cannot be rebuilt.
    """
    response = step.response
    if response is None:
        return []
    asked = dialect.ask(step.request_body(), _path(step.url))
    kind = header(response.headers, "content-type") or ""
    return [
        _said(message) for message in dialect.answer(response.body, response.status, kind, asked).messages
    ]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _said(message: Message) -> Said:
    given: Any = message.get("parts")
    parts = [part for part in given if isinstance(part, dict)] if isinstance(given, list) else []
    texts = [part.get("content") for part in parts if part.get("type") == "text"]
    kinds = [str(part.get("type", "")) for part in parts]
    finish = message.get("finish_reason")
    return Said(
        tuple(text for text in texts if isinstance(text, str)),
        calls_of([message]),
        finish if isinstance(finish, str) else "",
        tuple(kind for kind in kinds if kind not in _APART),
    )
