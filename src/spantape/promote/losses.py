"""What a step of ours can still give, proven: its grade, and where it is not exact, why and what would have kept it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._spans import names
from spantape.errors import MissingBase, NotReplayable, TapeDamaged, TapeError
from spantape.promote.grades import EXACT, RANK, Graded
from spantape.tape.model import Span, Step

GRADES: Final = tuple(RANK)

_UNPROVEN: Final = frozenset((names.CUT, names.CONTENT))  # a body may be whole, and the rest lost
_WHOLE_TRACES: Final = (
    "its span was lost or sampled out; keep traces whole: OTEL_TRACES_SAMPLER=parentbased_always_on, and tail "
    "sampling by trace"
)
_COUNT_LIMIT: Final = "raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
_LENGTH_LIMIT: Final = (
    "it was cut on its way; unset OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, and take truncate_all and redaction out of the "
    "Collector's pipeline"
)


def graded(step: Step, proven: Container[str] = ()) -> Graded:
    """The grade of `step`: what its span states, else exact where every byte is there and has its digest.

    Of the spans in `proven`, by id, the request is known to have its digest.
    """
    stated = step.span.attributes.get(names.GRADE)
    if stated in ("reconstructed", "skeleton"):
        reasons: Any = step.span.attributes.get(names.GRADE_REASONS, ())
        return Graded("reconstructed" if stated == "reconstructed" else "skeleton", tuple(reasons))
    try:
        _prove(step, proven)
    except TapeError as error:
        return Graded("skeleton", (_told(error, step),))
    return EXACT


def _prove(step: Step, proven: Container[str]) -> None:
    """Load all that a replay needs of `step`.

    Raises:
        TapeError: some of it is missing, or is not what was recorded.
    """
    if step.kind == "exchange":
        if step.span.span_id not in proven or not _UNPROVEN.isdisjoint(step.span.attributes):
            step.request_body()
        _ = step.response
        return
    attributes = step.span.attributes
    lacking = [name for name in (names.ARGUMENTS, names.RESULT) if name not in attributes]
    if lacking and step.span.dropped_attributes and step.error is None:
        raise NotReplayable(f"the span has no {lacking[0]}: it was dropped on its way here")
    _ = (step.arguments, step.result)


def _told(error: TapeError, step: Step) -> str:
    """Why, with the one setting that would have kept it."""
    reason = ", ".join(part for part in (error.field, error.reason) if part)
    attributes = step.span.attributes
    if isinstance(error, MissingBase):
        return f"{reason}: {_WHOLE_TRACES}"
    if isinstance(error, TapeDamaged):
        return f"{reason}: {_LENGTH_LIMIT}" if _is_short(attributes) or step.kind != "exchange" else reason
    dropped = step.span.dropped_attributes
    if dropped and names.CUT not in attributes:
        noun = "attribute was" if dropped == 1 else "attributes were"
        return f"{reason} ({dropped} {noun} dropped by a limit): {_COUNT_LIMIT}"
    return reason


def _is_short(attributes: Mapping[str, Any]) -> bool:
    """Whether a whole text body is shorter than it is said to be."""
    for body, encoding, size in (
        (names.REQUEST_BODY, names.REQUEST_ENCODING, names.REQUEST_SIZE),
        (names.RESPONSE_BODY, names.RESPONSE_ENCODING, names.RESPONSE_SIZE),
    ):
        value, stated = attributes.get(body), attributes.get(size)
        if isinstance(value, str) and isinstance(stated, int):
            taken = sum(int(attributes.get(part, 0)) for part in (names.BASE_PREFIX, names.BASE_SUFFIX))
            shared = taken if body == names.REQUEST_BODY and attributes.get(encoding) == "delta" else 0
            if len(value.encode("utf-8", "surrogatepass")) + shared < stated:
                return True
    return False


def marked(span: Span, grade: Graded) -> Span:
    """`span` with its grade on it."""
    stated = {names.GRADE: grade.grade, names.GRADE_REASONS: grade.reasons}
    return replace(span, attributes={**span.attributes, **stated})


def counted(grades: Sequence[Graded]) -> dict[str, int]:
    """How many steps have each grade, all three named."""
    counts = Counter(grade.grade for grade in grades)
    return {grade: counts[grade] for grade in GRADES}
