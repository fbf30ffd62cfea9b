"""Whether two answers mean the same, and what differs where they do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from spantape.errors import UsageError
from spantape.semantic.facts.model import Finding

Verdict = Literal["same", "different", "inconclusive"]

Judge = Callable[[str, str], float]
"""A second opinion: (expected, actual) → how surely they mean the same, in [0, 1]. A model, an embedder, an API."""

THRESHOLD: Final = 0.72
"""The score from which two texts mean the same; found by cross-validation, see tests/benchmarks/bench_semantic.py."""

_DOUBT: Final = 0.15  # below the threshold by no more than this, it is not told
_PROSE: Final = 4  # words from which a string inside of data may be prose
_SURE: Final = 0.8
_GRAVE: Final = frozenset(
    {"number", "moment", "negation", "name", "contrast", "roles", "refusal", "structure"}
)
_READ: Final = 20_000  # characters of each text that are read word by word; what follows must be equal


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing two texts gave: true in a condition only where the verdict is "same".

    `score` is in [0, 1], 1 where nothing differs. `findings` are the differences as data, the gravest first, and
    `reasons` the same as sentences; a text that means the same may have some that weigh little. "inconclusive" is a
    score just below the threshold: ask a person or a `judge`.
    """

    score: float
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return self.verdict == "same"

    def __str__(self) -> str:
        told = "".join(f"\n  {reason}" for reason in self.reasons[:5])
        return f"{self.verdict} (score {self.score:.2f}){told}"


def compare(
    expected: str,
    actual: str,
    *,
    threshold: float = THRESHOLD,
    judge: Judge | None = None,
    language: str | None = None,
) -> Comparison:
    """Return whether `actual` says what `expected` says.

    Data, tool calls and code are compared as what they parse to. Prose is compared fact by fact: numbers with
    units, dates, names, denials, opposites, roles, certainty, scope; then by what is left over on each side. No
    model and no network: the same texts give the same score on any machine, in time linear in their length.

    A `judge` is asked about prose only, and joins the score by the mean of log-odds; it does not overrule a changed
    number, date, name, role or denial. `language` is an ISO 639-1 code; it is found out where it is not given.

    Raises:
        UsageError: a text is no string, the threshold is not in (0, 1], or a judge's answer is not in [0, 1].
    """
    from spantape.semantic.structured import compare_structured

    _check(expected, actual, threshold)
    if expected == actual:
        return Comparison(1.0, "same")
    parsed = compare_structured(expected, actual, texts=_same_prose)
    if parsed.verdict == "same":
        return Comparison(1.0, "same")
    if parsed.verdict == "different":
        found = tuple(
            Finding("structure", repr(one.recorded), repr(one.got), 1.0, reason)
            for one, reason in zip(parsed.differences, parsed.reasons, strict=False)
        )
        return Comparison(0.0, "different", parsed.reasons, found)
    texts = parsed.around if parsed.around is not None else (expected, actual)
    return _prose(*texts, threshold=threshold, judge=judge, language=language)


def _same_prose(_path: str, expected: str, actual: str) -> bool:
    """Whether two strings inside of data are prose that means the same; what may be a key, a name or a query is not."""
    if min(len(expected.split()), len(actual.split())) < _PROSE or expected == actual:
        return expected == actual
    return compare(expected, actual, threshold=max(THRESHOLD, _SURE)).verdict == "same"


def _check(expected: object, actual: object, threshold: float) -> None:
    for name, text in (("expected", expected), ("actual", actual)):
        if not isinstance(text, str):
            raise UsageError(f"{name} is {type(text).__name__}, not a string: pass the text of the answer")
    if not 0 < threshold <= 1:
        raise UsageError(f"threshold is {threshold}, not in (0, 1]: scores are")


def _prose(
    expected: str, actual: str, *, threshold: float, judge: Judge | None, language: str | None
) -> Comparison:
    from spantape.semantic.facts.known import know_both
    from spantape.semantic.score import features_of, findings_of, gravity, score_of

    tail = _tail(expected, actual)
    found, shared = findings_of(*know_both(expected[:_READ], actual[:_READ], language))
    found += tail
    score = score_of(features_of(found, shared))
    if judge is not None:
        score = _joined(score, _asked(judge, expected, actual), found, threshold)
    found.sort(key=gravity, reverse=True)
    reasons = tuple(dict.fromkeys(finding.message for finding in found))
    return Comparison(score, _verdict(score, threshold), reasons, tuple(found))


def _tail(expected: str, actual: str) -> list[Finding]:
    """A finding where what lies beyond the part that is read differs."""
    if expected[_READ:] == actual[_READ:]:
        return []
    message = f"length: the texts differ beyond the {_READ:,} characters that are read word by word"
    return [Finding("structure", expected[_READ : _READ + 40], actual[_READ : _READ + 40], 2.0, message)]


def _verdict(score: float, threshold: float) -> Verdict:
    if score >= threshold:
        return "same"
    return "inconclusive" if score >= threshold - _DOUBT else "different"


def _asked(judge: Judge, expected: str, actual: str) -> float:
    answer = float(judge(expected, actual))
    if not 0 <= answer <= 1:
        raise UsageError(f"the judge answered {answer}, not a number in [0, 1]: 1 is surely the same")
    return answer


def _joined(score: float, answer: float, found: Sequence[Finding], threshold: float) -> float:
    odds = (_log_odds(score) + _log_odds(answer)) / 2
    joined = 1 / (1 + math.exp(-odds))
    grave = any(finding.kind in _GRAVE for finding in found) and score < threshold
    return min(joined, score) if grave else joined


def _log_odds(chance: float) -> float:
    kept = min(max(chance, 1e-3), 1 - 1e-3)
    return math.log(kept / (1 - kept))
