"""Opposites, contrasts and denials that do not agree."""

from __future__ import annotations

from spantape.semantic.alignment import Alignment, Opposed
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.facts.negation import Denial, negative_words
from spantape.semantic.reading.document import Unit
from spantape.semantic.reading.tokens import Token


_FAINT = frozenset(
    "only already too wait until free stay keep same past over clean final up full gone safe alternatively closed "
    "instead close drop".split()
)


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
    return any(ends.get(sense.line, sense.pole) != sense.pole for sense in pair.actual.senses if sense.kind == "converse")


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
    return any(sense.kind in {"axis", "contrast"} and ends.get(sense.line, sense.pole) != sense.pole for sense in other.senses)


def compare_gap(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return a finding where one text has words that deny by themselves and the other has nothing that denies."""
    here, there = _denying(expected), _denying(actual)
    if bool(here) == bool(there):
        return []
    table = alignment.to_actual if here else alignment.to_expected
    told = {word for word, place in (here or there).items() if place not in table}
    if not told:
        return []
    said = ", ".join(sorted(told))
    message = f"negation: '{said}' " + ("expected, missing" if here else "added")
    return [Finding("negative_gap", said if here else "", said if there else "", 1.0, message)]


def _denying(known: Known) -> dict[str, int]:
    document = known.document
    places = negative_words(document)
    words = {document.tokens[place].low: place for place in places if document.tokens[place].weight}
    words |= {document.tokens[denial.start].low: denial.start for denial in known.denials}
    return {word: place for word, place in words.items() if word not in _FAINT}


def compare_denials(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on what one text denies and the other states.

    A denial is answered where a word that it denies is denied on the other side too, or stands for its opposite there.
    Where it is not, words that deny by themselves (`untested`, `sold out`) may make up for it: that weighs less.
    """
    here = _Side(expected, alignment.to_actual, actual, alignment, first=True)
    there = _Side(actual, alignment.to_expected, expected, alignment, first=False)
    findings = _answered(here, spare=len(there.spare()))
    findings += [finding for finding in _answered(there, spare=len(here.spare())) if not findings]
    unpaired = len(here.loose) - len(there.loose)
    if unpaired:
        side, other = (here, there) if unpaired > 0 else (there, here)
        makes_up = len(other.spare()) > 0
        denial, document = side.loose[0], side.known.document
        said = document.said(denial.start, min(denial.end + 3, len(document.tokens)))
        verb = "expected, missing" if side is here else "added"
        kind = "denial_loose_soft" if makes_up else "denial_loose"
        findings.append(Finding(kind, said, "", min(2.0, abs(unpaired)), f"negation: '{said}' {verb}"))
    return findings


class _Side:
    """One text's denials, as the other answers them."""

    def __init__(
        self, known: Known, table: dict[int, int], other: Known, alignment: Alignment, *, first: bool
    ) -> None:
        self.known, self.table, self.other, self.first = known, table, other, first
        self.flipped = alignment.flipped
        self.loose: list[Denial] = []
        self.conflicts: list[tuple[Denial, int]] = []
        for denial in known.denials:
            self._place(denial)

    def _place(self, denial: Denial) -> None:
        verdicts = [self._agrees(place) for place in denial.scope if place in self.table]
        heads = [place for place in denial.scope if place in self.table]
        told = [verdict for verdict in verdicts if verdict is not None]
        if not told:
            self.loose.append(denial)
        elif not any(told[:3]):
            self.conflicts.append((denial, heads[0]))

    def _agrees(self, place: int) -> bool | None:
        mine, its = self.known.document.tokens[place], self.other.document.tokens[self.table[place]]
        flipped = place in self.flipped if self.first else its.place in self.flipped
        if not mine.weight and not mine.senses:
            return None
        return (mine.sign == its.sign) != flipped

    def spare(self) -> list[int]:
        """Places of words that deny by themselves and whose like the other side has not."""
        there = {self.other.document.tokens[place].key for place in negative_words(self.other.document)}
        tokens = self.known.document.tokens
        return [place for place in negative_words(self.known.document) if tokens[place].key not in there]


def _answered(side: _Side, spare: int) -> list[Finding]:
    findings = []
    others_until = any(token.low in {"until", "till"} for token in side.other.document.tokens)
    for denial, word in side.conflicts:
        soft = spare > 0 or (denial.until and not others_until)
        findings.append(_conflict(side, denial, word, "negation_soft" if soft else "negation"))
    return findings


def _conflict(side: _Side, denial: Denial, word: int, kind: str) -> Finding:
    document = side.known.document
    said = document.said(denial.start, max(denial.end, min(word + 1, denial.end + 4)))
    ends = (
        "expected, but the opposite is stated" if side.first else "came in, where the opposite was expected"
    )
    message = f"negation: '{said}' {ends}, in '{document.sentence(document.tokens[denial.start].sentence)}'"
    return Finding(kind, said if side.first else "", "" if side.first else said, 1.0, message)


def compare_contradictions(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on what a text adds that denies what it has taken over: `free of charge. A fee is taken.`"""
    tokens = actual.document.tokens
    images = set(alignment.to_actual.values())
    clauses: dict[int, list[int]] = {}
    for token in tokens:
        if token.weight:
            clauses.setdefault(token.clause, []).append(token.place)
    extra = {
        clause
        for clause, places in clauses.items()
        if sum(place not in images for place in places) * 2 > len(places)
    }
    ends: dict[int, set[int]] = {}
    signs: dict[str, set[int]] = {}
    for unit in expected.document.units:
        for sense in unit.senses:
            if sense.kind == "axis":
                ends.setdefault(sense.line, set()).add(
                    sense.pole if expected.document.tokens[unit.start].sign > 0 else 1 - sense.pole
                )
    for token in expected.document.tokens:
        if token.weight >= 1:
            signs.setdefault(token.key, set()).add(token.sign)
    findings = []
    for unit in actual.document.units:
        token = tokens[unit.start]
        if token.clause not in extra or unit.start in images or token.fact >= 0 or not _says(tokens, unit):
            continue
        against = _against(unit, token.sign, ends) or (
            token.weight >= 1 and token.key in signs and token.sign not in signs[token.key]
        )
        if against:
            said = actual.document.said(unit.start, unit.end)
            message = f"contradiction: '{said}' added, in '{actual.document.sentence(token.sentence)}'"
            findings.append(Finding("contradiction", "", said, 1.0, message))
    return findings[:3]


def _says(tokens: list[Token], unit: Unit) -> bool:
    return any(token.weight >= 0.9 or token.low in {"must", "need"} for token in tokens[unit.start : unit.end])


def _against(unit: Unit, sign: int, ends: dict[int, set[int]]) -> bool:
    poles = [
        (sense.line, sense.pole if sign > 0 else 1 - sense.pole)
        for sense in unit.senses
        if sense.kind == "axis"
    ]
    return any(line in ends and pole not in ends[line] for line, pole in poles) and not any(
        line in ends and pole in ends[line] for line, pole in poles
    )
