"""How equal a rerun must be, in a word: `byte`, `semantic:0.9`, `structural:any:shape`, `semantic:0.9,structural`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from spantape.errors import UsageError
from spantape.tolerance.calls import Arguments, CallPolicy, Order
from spantape.tolerance.level import Level, parse_tolerance

if TYPE_CHECKING:
    from spantape.tolerance.policy import Policy

DEFAULT_THRESHOLD: Final = 0.9

_ACCEPTED: Final = "byte, semantic, semantic:<cosine up to 1>, structural, or structural:<exact|parallel|any>:<digest|shape|ignored>"


@dataclass(frozen=True, slots=True)
class RerunTolerance:
    """What a bundle expects of another answer.

    "byte": the same transcript. "semantic": a transcript whose text is this alike, as a cosine of embeddings
    (`threshold`). "structural": the same calls of tools, under the policy `calls`.

    Raises:
        UsageError: the threshold is not above -1 and at most 1.
    """

    level: Level = "byte"
    threshold: float = DEFAULT_THRESHOLD
    calls: CallPolicy = field(default_factory=CallPolicy)

    def __post_init__(self) -> None:
        if not -1 < self.threshold <= 1:
            raise UsageError(f"got a threshold of {self.threshold}, expected a cosine above -1 and at most 1")

    @classmethod
    def of_member(cls, member: Mapping[str, Any]) -> RerunTolerance:
        """The tolerance that the member of a record or a bundle states; `Raises` as the class."""
        calls = member.get("calls") or {}
        return cls(member["level"], member.get("threshold", DEFAULT_THRESHOLD), CallPolicy(**calls))

    def member(self) -> dict[str, Any]:
        """The `tolerance` of a step record."""
        if self.level == "semantic":
            return {"level": self.level, "threshold": self.threshold}
        if self.level == "structural":
            return {
                "level": self.level,
                "calls": {"order": self.calls.order, "arguments": self.calls.arguments},
            }
        return {"level": self.level}


def tolerances_of(given: str | RerunTolerance | Sequence[RerunTolerance]) -> tuple[RerunTolerance, ...]:
    """The tolerances that `given` says, in a text divided by commas: the first that can compare an answer counts.

    Raises:
        UsageError: it says none; the message tells what is accepted.
    """
    if isinstance(given, str):
        return tuple(_tolerance(one.strip()) for one in given.split(","))
    found = (given,) if isinstance(given, RerunTolerance) else tuple(given)
    if not found:
        raise UsageError("got no tolerance, expected at least one")
    return found


def tolerances_in(
    policy: Policy, index: int, name: str, otherwise: tuple[RerunTolerance, ...] | None
) -> tuple[RerunTolerance, ...]:
    """What `policy` says of the step at `index`, which `spantape diff` calls `name`.

    Where it has no rule for the step, `otherwise` holds, and without that the policy's own default.
    """
    said = policy.of_step(index, name).tolerance
    if said is policy.tolerance and otherwise is not None:
        return otherwise
    threshold = DEFAULT_THRESHOLD if said.threshold is None else said.threshold
    return (RerunTolerance(said.level, threshold, policy.calls),)


def _tolerance(text: str) -> RerunTolerance:
    level, *settings = text.split(":")
    if level == "structural" and len(settings) <= 2:
        return RerunTolerance("structural", calls=_policy(settings, text))
    try:
        said = parse_tolerance(text)
    except UsageError:
        raise _none(text) from None
    return RerunTolerance(said.level, DEFAULT_THRESHOLD if said.threshold is None else said.threshold)


def _policy(settings: list[str], text: str) -> CallPolicy:
    chosen: dict[str, str] = {}
    for setting in settings:
        name = next((name for name, known in _CHOICES.items() if setting in known), None)
        if name is None or name in chosen:
            raise _none(text)
        chosen[name] = setting
    default = CallPolicy()
    return CallPolicy(
        cast("Order", chosen.get("order", default.order)),
        cast("Arguments", chosen.get("arguments", default.arguments)),
    )


_CHOICES: Final = {"order": get_args(Order), "arguments": get_args(Arguments)}


def _none(text: str) -> UsageError:
    return UsageError(f"got tolerance {text!r}, expected {_ACCEPTED}")
