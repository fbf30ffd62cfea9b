"""Equality in meaning, for tests: an `assert` that says why it failed."""

from __future__ import annotations

from typing import Final

from spantape.semantic.compare import THRESHOLD, Comparison, Judge, compare

_SHOWN: Final = 6  # reasons told in a failure


class Match:
    """Whether a text matched: true or false, and in a failed `assert` the reasons are what is shown."""

    __slots__ = ("actual", "comparison", "expected")

    def __init__(self, expected: str, actual: str, comparison: Comparison) -> None:
        self.expected, self.actual, self.comparison = expected, actual, comparison

    def __bool__(self) -> bool:
        matched = bool(self.comparison)
        if not matched:
            _last_unmatched[:] = [self]
        return matched

    def __repr__(self) -> str:
        told = self.comparison
        head = f"{told.verdict} in meaning, score {told.score:.2f}"
        reasons = [f"  {reason}" for reason in told.reasons[:_SHOWN]]
        more = len(told.reasons) - _SHOWN
        if more > 0:
            reasons.append(f"  … and {more} more")
        texts = [f"  expected: {_short(self.expected)}", f"  actual:   {_short(self.actual)}"]
        return "\n".join([head, *([] if told else [*reasons, *texts])])


_last_unmatched: list[Match] = []


def take_unmatched() -> str | None:
    """What the last one that was found false tells, once; pytest itself shows a text on one line, and cuts it short."""
    told = repr(_last_unmatched[-1]) if _last_unmatched else None
    _last_unmatched.clear()
    return told


def matches(
    actual: str,
    expected: str,
    *,
    threshold: float = THRESHOLD,
    judge: Judge | None = None,
    language: str | None = None,
) -> Match:
    """Whether one text says what another says, for use in an `assert`.

    Only "same" is true; "inconclusive" fails like "different". The result's `comparison` has score and findings; see
    `compare` for what is compared and how.

    Raises:
        UsageError: as `compare` raises it.
    """
    comparison = compare(expected, actual, threshold=threshold, judge=judge, language=language)
    return Match(expected, actual, comparison)


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 200 else shown[:199] + "…"
