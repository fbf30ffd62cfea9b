"""Dates and times of day that changed, went missing or came in."""

from __future__ import annotations

from spantape.semantic.facts.equality import same_moment
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding, Moment

_LIMIT = 400


def compare_moments(expected: Known, actual: Known) -> list[Finding]:
    """Return the findings on dates and times: each fits one on the other side, or changed, is missing or was added."""
    left = [one for one in expected.moments[:_LIMIT] if not _fits(one, actual)]
    right = [other for other in actual.moments[:_LIMIT] if not _fits(other, expected)]
    findings = []
    for one in left:
        other = next((other for other in right if other.kind == one.kind), None)
        if other is not None:
            right.remove(other)
            message = f"{one.kind}: {one.text} expected, {other.text} got, in '{_sentence(expected, one)}'"
            findings.append(Finding("moment", one.text, other.text, 1.0, message))
        else:
            message = f"{one.kind}: {one.text} expected, missing, from '{_sentence(expected, one)}'"
            findings.append(Finding("moment_missing", one.text, "", 1.0, message))
    for other in right:
        message = f"{other.kind}: {other.text} added, in '{_sentence(actual, other)}'"
        findings.append(Finding("moment_added", "", other.text, 1.0, message))
    return findings


def _sentence(known: Known, moment: Moment) -> str:
    return known.document.sentence(known.document.tokens[moment.start].sentence)


def _fits(moment: Moment, known: Known) -> bool:
    if any(same_moment(moment, other) for other in known.moments[:_LIMIT]):
        return True
    if moment.kind == "time" and moment.parts["minute"] % 60 == 0:
        hour = moment.parts["minute"] // 60
        return any(
            not one.dimension and one.low <= 24 and (one.low - hour) % 12 == 0 for one in known.quantities
        )
    values = {quantity.low for quantity in known.quantities if not quantity.dimension}
    return moment.kind == "date" and set(moment.parts) == {"year"} and moment.parts["year"] in values
