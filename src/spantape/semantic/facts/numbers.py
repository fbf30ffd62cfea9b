"""Numbers and amounts that changed, went missing or came in."""

from __future__ import annotations

from itertools import combinations

from spantape.semantic.facts.equality import same_quantity
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding, Quantity

_LIMIT = 400  # quantities of one text that are paired


def compare_numbers(expected: Known, actual: Known) -> list[Finding]:
    """Return the findings on quantities: each is equal to one on the other side, or changed, missing or added."""
    left, right, bounds = _unpaired(expected, actual)
    _derived(left, right, expected)
    _derived(right, left, actual)
    left, right = _underived(left, expected), _underived(right, actual)
    left = [one for one in left if not _is_part(one, actual)]
    right = [other for other in right if not _is_part(other, expected)]
    findings = bounds
    firm, fresh = [one for one in left if not one.soft], [other for other in right if not other.soft]
    for one in firm:
        other = _counterpart(one, fresh) or _counterpart(
            one, [soft for soft in right if soft.soft and not soft.dimension]
        )
        if other is not None:
            right.remove(other)
            fresh = [kept for kept in fresh if kept is not other]
            findings.append(_changed(one, other, expected))
        else:
            message = f"number: {one.text} expected, missing, from '{_sentence(expected, one)}'"
            findings.append(Finding("number_missing", one.text, "", 1.0, message))
    for other in fresh:
        soft = _counterpart(other, [one for one in left if one.soft and not one.dimension])
        if soft is not None:
            findings.append(_changed(soft, other, expected))
        else:
            message = f"number: {other.text} added, in '{_sentence(actual, other)}'"
            findings.append(Finding("number_added", "", other.text, 1.0, message))
    return findings


def _changed(one: Quantity, other: Quantity, expected: Known) -> Finding:
    message = f"number: {one.text} expected, {other.text} got, in '{_sentence(expected, one)}'"
    return Finding("number", one.text, other.text, 1.0, message)


def _sentence(known: Known, quantity: Quantity) -> str:
    return known.document.sentence(known.document.tokens[quantity.start].sentence)


def _unpaired(expected: Known, actual: Known) -> tuple[list[Quantity], list[Quantity], list[Finding]]:
    left, right = expected.quantities[:_LIMIT], list(actual.quantities[:_LIMIT])
    open_right, unpaired, findings = list(right), [], []
    for one in left:
        twin = next((other for other in open_right if same_quantity(one, other)), None)
        if twin is None:
            twin = next((other for other in right if same_quantity(one, other)), None)
            if twin is None:
                unpaired.append(one)
                continue
        else:
            open_right.remove(twin)
        findings += _bounds(one, twin)
    open_right = [other for other in open_right if not any(same_quantity(one, other) for one in left)]
    return unpaired, open_right, findings


def _bounds(one: Quantity, other: Quantity) -> list[Finding]:
    """`at least 20` against `at most 20`, or against 20."""
    if one.bound == other.bound or one.soft or other.soft:
        return []
    kind = "bound" if one.bound and other.bound else "bound_dropped"
    said, got = (quantity.bound.replace("_", " ") or "exactly" for quantity in (one, other))
    message = f"bound: {said} {one.text} expected, {got} {other.text} got"
    return [Finding(kind, f"{said} {one.text}", f"{got} {other.text}", 1.0, message)]


def _derived(left: list[Quantity], right: list[Quantity], known: Known) -> None:
    """Take out a part and what it comes to: three quarters of 1,000 are 750."""
    for one in list(left):
        if one.dimension != "ratio" or one.low != one.high:
            continue
        wholes = {round(one.low * whole.low, 9) for whole in known.quantities if whole.dimension == ""}
        for other in list(right):
            if other.dimension == "" and round(other.low, 9) in wholes:
                left.remove(one)
                right.remove(other)
                break


def _underived(quantities: list[Quantity], known: Known) -> list[Quantity]:
    """The quantities that do not follow from others of their own text: 10,000 where 8,000 and 2,000 are told."""
    stated = [one for one in known.quantities[:40] if not one.soft]
    return [one for one in quantities if not _follows(one, [other for other in stated if other is not one])]


def _follows(one: Quantity, others: list[Quantity]) -> bool:
    alike = [other.low for other in others if other.dimension == one.dimension and other.low == other.high]
    if one.low >= 10 and any(
        round(first + second, 6) == round(one.low, 6) for first, second in combinations(alike, 2)
    ):
        return True
    shares = [other.low for other in others if other.dimension == "ratio"]
    return not one.dimension and any(
        round(share * whole, 6) == one.low for share in shares for whole in alike
    )


def _is_part(quantity: Quantity, known: Known) -> bool:
    """Whether a bare number stands in a date, a name or a code on the other side."""
    if quantity.dimension or quantity.low != int(quantity.low):
        return False
    value = int(quantity.low)
    hours = [moment.parts["minute"] for moment in known.moments if moment.kind == "time"]
    if any(minute % 60 == 0 and (minute // 60 - value) % 12 == 0 for minute in hours) and value <= 24:
        return True
    if any(value in moment.parts.values() for moment in known.moments if moment.kind == "date"):
        return True
    return len(str(value)) > 1 and any(
        str(value) in token.text for token in known.document.tokens if token.kind == "code"
    )


def _counterpart(one: Quantity, others: list[Quantity]) -> Quantity | None:
    same = [other for other in others if other.dimension == one.dimension]
    return next(iter(same or others), None)
