"""What one span of another instrumentation tells of a call, in our words, whatever spelled it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spantape._dialects import Message
from spantape._model import Failure
from spantape.tape.model import Span

CallKind = Literal["model", "tool", "agent"]
Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that a span should hold and does not: `what` is missing, `why`, and `setting`, which would have kept it.

    `input` losses touch the request, others the answer. `whole` says that nothing of it is left. `setting` is "" where
    no setting helps.
    """

    what: str
    why: str
    setting: str = ""
    input: bool = False

    def __str__(self) -> str:
        remedy = f" (to keep it: {self.setting})" if self.setting else ""
        return f"{self.what}: {self.why}{remedy}"


@dataclass(frozen=True, slots=True)
class ForeignCall:
    """One call as one span tells it; None stands for what the span does not tell.

    `api` is the dialect of the wire API where the span says it. `system` holds text parts, and stands apart from
    `messages`, wherever the span has it. `request` and `response` are the raw JSON values where the span holds them.
    `usage` holds `gen_ai.usage.*`, `options` `gen_ai.request.*`. `error` is why it failed, `status` the HTTP status.
    `losses` name what is cut, dropped, masked or was never recorded.
    """

    span: Span
    source: str
    kind: CallKind = "model"
    operation: str = "chat"
    api: str | None = None
    provider: str = ""
    name: str = ""
    model: str = ""
    system: Sequence[Part] | None = None
    messages: Sequence[Message] | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    outputs: Sequence[Message] | None = None
    response_model: str = ""
    response_id: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False
    base_url: str = ""
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    vectors: Sequence[Sequence[float]] = ()
    arguments: Any = None
    result: Any = None
    error: Failure | None = None
    status: int | None = None
    media_told: bool = True
    losses: tuple[Loss, ...] = ()

    def losing(self, *losses: Loss) -> ForeignCall:
        """The same call with more that is lost."""
        return replace(self, losses=(*self.losses, *losses))


_FILLED = ("system", "messages", "tools", "outputs", "request", "response", "error", "status", "api")
_NAMED = ("model", "response_model", "response_id", "provider", "base_url")


def completed(best: ForeignCall, others: Sequence[ForeignCall]) -> ForeignCall:
    """`best` with what only the others tell; its own losses go where another makes them good.

    What the input of a call was is taken from one span as a whole, so that no system prompt counts twice.
    """
    changes: dict[str, Any] = {}
    for other in others:
        for key in (*_FILLED, *_NAMED):
            had = changes.get(key, getattr(best, key))
            if not had and had != () and getattr(other, key) and not (key == "system" and best.messages):
                changes[key] = getattr(other, key)
        changes["usage"] = {**other.usage, **changes.get("usage", best.usage)}
        changes["options"] = {**other.options, **changes.get("options", best.options)}
        changes["stream"] = changes.get("stream", best.stream) or other.stream
    if best.api in (None, "openai.chat"):  # which is what a span without the response's id is taken for
        changes["api"] = next((o.api for o in others if o.api not in (None, "openai.chat")), best.api)
    if "messages" in changes or "outputs" in changes:
        made_good: set[str] = {"messages", "outputs"} & changes.keys()
        changes["losses"] = tuple(loss for loss in best.losses if not _made_good(loss, made_good))
    return replace(best, **changes)


def _made_good(loss: Loss, filled: set[str]) -> bool:
    return ("messages" if loss.input else "outputs") in filled
