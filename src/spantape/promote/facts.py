"""What is known of a run from its spans, without its payloads: what `--where` asks for and `spantape ls` shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
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


@dataclass(frozen=True)
class Facts:
    """One run: what its spans say, worked out when it is asked for.

    `spans` are those on its tape, `told_by` those that they were made of, which may say more (costs).
    """

    run_id: str
    name: str
    spans: Sequence[Span] = field(repr=False)
    told_by: Sequence[Span] = field(repr=False)
    resource: Mapping[str, Value] = field(repr=False)

    @cached_property
    def traces(self) -> tuple[str, ...]:
        """The ids of its traces."""
        return _distinct(span.trace_id for span in self.spans)

    @cached_property
    def started_ns(self) -> int:
        """When its first span began, in nanoseconds since the epoch."""
        return min((span.started_ns for span in self.spans), default=0)

    @cached_property
    def ended_ns(self) -> int:
        """When its last span ended, likewise."""
        return max((span.ended_ns for span in self.spans), default=0)

    @cached_property
    def agents(self) -> tuple[str, ...]:
        """The names of its agents, in order of their spans."""
        return _distinct(_texts(self.spans, (names.AGENT_NAME,)))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models that it asked, likewise."""
        return _distinct(model for span in self._counting for model in _texts([span], _MODELS)[:1])

    @cached_property
    def step_spans(self) -> list[Span]:
        """Those of its spans that are steps."""
        return [span for span in self.spans if span.attributes.get(names.KIND) in _STEPS]

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return len(self.step_spans)

    @cached_property
    def input_tokens(self) -> int:
        """The tokens that its models were given."""
        return sum(_first(span, _INPUT) for span in self._counting)

    @cached_property
    def output_tokens(self) -> int:
        """The tokens that its models gave."""
        return sum(_first(span, _OUTPUT) for span in self._counting)

    @cached_property
    def cost(self) -> float | None:
        """What its spans say that it cost; None where none says so."""
        return _cost(span for span in self.told_by if not _is_total(span))

    @cached_property
    def errors(self) -> int:
        """How many of its steps failed."""
        return sum(map(_failed, self.step_spans or self.spans))

    @cached_property
    def grades(self) -> Mapping[str, int]:
        """How many of its steps say that they have which grade."""
        return _stated(self.step_spans)

    @property
    def grade(self) -> str:
        """The least of its steps' grades, "" without a step."""
        return next((name for name in ("skeleton", "reconstructed", "exact") if self.grades.get(name)), "")

    @property
    def attributes(self) -> list[Mapping[str, Value]]:
        """What each of the spans that tell of it says."""
        return [span.attributes for span in self.told_by]

    @cached_property
    def _counting(self) -> list[Span]:
        return [span for span in self.spans if not _is_total(span)]


def facts_of(
    spans: Sequence[Span],
    *,
    run_id: str,
    name: str = "",
    resource: Mapping[str, Value] | None = None,
    told_by: Sequence[Span] | None = None,
) -> Facts:
    """The facts of a run's spans; see `Facts` for `told_by`."""
    original = spans if told_by is None else told_by
    known = resource or (spans[0].resource if spans else {})
    return Facts(run_id, name or _name(original), spans, original, known)


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
