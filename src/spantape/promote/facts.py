"""What is known of a run from its spans, without its payloads: what `--where` asks for and `spantape ls` shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spantape._spans import names
from spantape.tape.model import Span, Value

_STEPS: Final = ("exchange", "tool", "agent")
_INPUT: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
_OUTPUT: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
_COSTS: Final = ("gen_ai.usage.cost", "gen_ai.usage.total_cost", "llm.cost.total", "operation.cost")
_COST_DETAILS: Final = "langfuse.observation.cost_details"
_MODELS: Final = (names.REQUEST_MODEL, "gen_ai.response.model", "llm.model_name", "ai.model.id")
_TOTALS: Final = ("invoke_agent", "create_agent", "invoke_workflow")
_TOTAL_KINDS: Final = ("AGENT", "CHAIN")


@dataclass(frozen=True, slots=True)
class Facts:
    """One run: times in nanoseconds, tokens in and out, the cost that its spans state (None where none does)."""

    run_id: str
    name: str
    traces: tuple[str, ...]
    started_ns: int
    ended_ns: int
    agents: tuple[str, ...]
    models: tuple[str, ...]
    steps: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    errors: int
    grades: Mapping[str, int]
    resource: Mapping[str, Value] = field(default_factory=dict, repr=False)
    attributes: Sequence[Mapping[str, Value]] = field(default=(), repr=False)

    @property
    def grade(self) -> str:
        """The least of its steps' grades, "" without a step."""
        return next((name for name in ("skeleton", "reconstructed", "exact") if self.grades.get(name)), "")


def facts_of(
    spans: Sequence[Span],
    *,
    run_id: str,
    name: str = "",
    resource: Mapping[str, Value] | None = None,
    told_by: Sequence[Span] | None = None,
) -> Facts:
    """The facts of a run's spans; `told_by` are those that they were made of, which may say more (costs)."""
    original = spans if told_by is None else told_by
    steps = [span for span in spans if span.attributes.get(names.KIND) in _STEPS]
    counting = [span for span in spans if not _is_total(span)]
    return Facts(
        run_id=run_id,
        name=name or _name(original),
        traces=_distinct(span.trace_id for span in spans),
        started_ns=min((span.started_ns for span in spans), default=0),
        ended_ns=max((span.ended_ns for span in spans), default=0),
        agents=_distinct(_texts(spans, (names.AGENT_NAME,))),
        models=_distinct(model for span in counting for model in _texts([span], _MODELS)[:1]),
        steps=len(steps),
        input_tokens=sum(_first(span, _INPUT) for span in counting),
        output_tokens=sum(_first(span, _OUTPUT) for span in counting),
        cost=_cost([span for span in original if not _is_total(span)]),
        errors=sum(_failed(span) for span in steps or spans),
        grades=_stated(steps),
        resource=resource or (spans[0].resource if spans else {}),
        attributes=[span.attributes for span in original],
    )


def _is_total(span: Span) -> bool:
    """Whether what a span says of usage is the sum of what the spans below it say."""
    attributes = span.attributes
    return (
        attributes.get(names.KIND) in ("agent", "run")
        or attributes.get(names.OPERATION) in _TOTALS
        or attributes.get("openinference.span.kind") in _TOTAL_KINDS
    )


def _name(spans: Sequence[Span]) -> str:
    for key in (names.RUN_NAME, names.AGENT_NAME):
        if found := _texts(spans, (key,)):
            return found[0]
    roots = [span.name for span in spans if not span.parent_id]
    return roots[0] if roots else ""


def _texts(spans: Iterable[Span], keys: Sequence[str]) -> list[str]:
    return [value for span in spans for key in keys if isinstance(value := span.attributes.get(key), str)]


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _first(span: Span, keys: Sequence[str]) -> int:
    return next((value for key in keys if type(value := span.attributes.get(key)) is int), 0)


def _cost(spans: Iterable[Span]) -> float | None:
    found = [cost for span in spans if (cost := _cost_of(span.attributes)) is not None]
    return sum(found) if found else None


def _cost_of(attributes: Mapping[str, Value]) -> float | None:
    for key in _COSTS:
        value = attributes.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    details = attributes.get(_COST_DETAILS)
    return _total(details) if isinstance(details, str) else None


def _total(details: str) -> float | None:
    try:
        parts: Any = json.loads(details)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, dict):
        return None
    numbers = {key: value for key, value in parts.items() if type(value) in (int, float)}
    return (
        float(numbers["total"]) if "total" in numbers else (float(sum(numbers.values())) if numbers else None)
    )


def _failed(span: Span) -> bool:
    return span.status_code == 2 or names.ERROR_TYPE in span.attributes


def _stated(steps: Iterable[Span]) -> dict[str, int]:
    counts = dict.fromkeys(("exact", "reconstructed", "skeleton"), 0)
    for span in steps:
        stated = span.attributes.get(names.GRADE, "exact")
        lacks = names.CUT in span.attributes or span.attributes.get(names.CONTENT) == "none"
        grade = "skeleton" if lacks or stated not in counts else str(stated)
        counts[grade] += 1
    return counts
