"""Opposites and contrasts: words that exclude one another, and additions that deny what was taken over."""

from __future__ import annotations

from spantape.semantic.alignment import Alignment, Opposed
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.reading.document import Unit
from spantape.semantic.reading.tokens import Token


def compare_opposites(alignment: Alignment) -> list[Finding]:
    """Return the findings on words that exclude one another: `approved` and `denied`, `savings` and `checking`."""
    findings = []
    expected, actual = alignment.expected, alignment.actual
    for pair in alignment.opposed:
        if _converse(pair):
            continue
        said, got = (
            expected.said(pair.expected.start, pair.expected.end),
            actual.said(pair.actual.start, pair.actual.end),
        )
        kind = "opposite" if pair.kind == "axis" else "contrast"
        weak = not (
            _heavy(alignment, pair.expected.start, pair.expected.end)
            and _heavy_actual(alignment, pair.actual.start, pair.actual.end)
        )
        place = expected.sentence(expected.tokens[pair.expected.start].sentence)
        name = "polarity" if kind == "opposite" else "entity"
        message = f"{name}: '{said}' expected, '{got}' got, in '{place}'"
        findings.append(Finding(f"{kind}_weak" if weak else kind, said, got, 1.0, message))
    return findings


def _converse(pair: Opposed) -> bool:
    """Whether two words tell one event from its two ends (`sold to`, `bought from`): the roles tell then."""
    ends = {sense.line: sense.pole for sense in pair.expected.senses if sense.kind == "converse"}
    return any(
        ends.get(sense.line, sense.pole) != sense.pole
        for sense in pair.actual.senses
        if sense.kind == "converse"
    )


def _heavy(alignment: Alignment, start: int, end: int) -> bool:
    return any(token.weight >= 0.4 for token in alignment.expected.tokens[start:end])


def _heavy_actual(alignment: Alignment, start: int, end: int) -> bool:
    return any(token.weight >= 0.4 for token in alignment.actual.tokens[start:end])


def compare_slot_opposites(alignment: Alignment) -> list[Finding]:
    """Return the findings on opposites that stand in one another's place, whatever else each may stand for."""
    findings = []
    table = alignment.to_actual
    images = {table[place] for place in alignment.exact}
    told = {pair.expected.start for pair in alignment.opposed}
    for token in alignment.expected.tokens:
        left, right = table.get(token.place - 1, -9), table.get(token.place + 1, -9)
        if not token.senses or token.place in told or left < 0 or right - left != 2:
            continue
        other = alignment.actual.tokens[left + 1]
        if token.fact >= 0 or (token.place in alignment.exact and other.place in images):
            continue  # the same words in other places: their order is told elsewhere
        if token.sign == other.sign and _excludes(token, other):
            place = alignment.expected.sentence(token.sentence)
            message = f"polarity: '{token.text}' expected, '{other.text}' got, in '{place}'"
            findings.append(Finding("opposite", token.text, other.text, 1.0, message))
    return findings


def _excludes(token: Token, other: Token) -> bool:
    if token.key == other.key or set(token.senses) & set(other.senses):
        return False
    ends = {sense.line: sense.pole for sense in token.senses if sense.kind in {"axis", "contrast"}}
    return any(
        sense.kind in {"axis", "contrast"} and ends.get(sense.line, sense.pole) != sense.pole
        for sense in other.senses
    )


def compare_contradictions(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on what a text adds that denies what it took over, as in `free of charge. A fee is taken.`."""
    tokens = actual.document.tokens
    images = set(alignment.to_actual.values())
    extra = _extra_clauses(tokens, images)
    ends, signs = _ends_told(expected), _signs_told(expected)
    findings = []
    for unit in actual.document.units:
        token = tokens[unit.start]
        new = token.clause in extra and unit.start not in images and token.fact < 0 and _says(tokens, unit)
        turned = token.weight >= 1 and token.sign not in signs.get(token.key, {token.sign})
        if new and (turned or _against(unit, token.sign, ends)):
            said = actual.document.said(unit.start, unit.end)
            message = f"contradiction: '{said}' added, in '{actual.document.sentence(token.sentence)}'"
            findings.append(Finding("contradiction", "", said, 1.0, message))
    return findings[:3]


def _extra_clauses(tokens: list[Token], images: set[int]) -> set[int]:
    """The clauses of which most stands for nothing on the other side."""
    clauses: dict[int, list[int]] = {}
    for token in tokens:
        if token.weight:
            clauses.setdefault(token.clause, []).append(token.place)
    return {
        clause
        for clause, places in clauses.items()
        if sum(place not in images for place in places) * 2 > len(places)
    }


def _ends_told(known: Known) -> dict[int, set[int]]:
    """The ends of axes that a text states, denials reckoned in."""
    ends: dict[int, set[int]] = {}
    for unit in known.document.units:
        sign = known.document.tokens[unit.start].sign
        for sense in unit.senses:
            if sense.kind == "axis":
                ends.setdefault(sense.line, set()).add(sense.pole if sign > 0 else 1 - sense.pole)
    return ends


def _signs_told(known: Known) -> dict[str, set[int]]:
    signs: dict[str, set[int]] = {}
    for token in known.document.tokens:
        if token.weight >= 1:
            signs.setdefault(token.key, set()).add(token.sign)
    return signs


def _says(tokens: list[Token], unit: Unit) -> bool:
    return any(
        token.weight >= 0.9 or token.low in {"must", "need"} for token in tokens[unit.start : unit.end]
    )


def _against(unit: Unit, sign: int, ends: dict[int, set[int]]) -> bool:
    poles = [
        (sense.line, sense.pole if sign > 0 else 1 - sense.pole)
        for sense in unit.senses
        if sense.kind == "axis"
    ]
    return any(line in ends and pole not in ends[line] for line, pole in poles) and not any(
        line in ends and pole in ends[line] for line, pole in poles
    )
