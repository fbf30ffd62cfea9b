"""What one text denies and the other states."""

from __future__ import annotations

from spantape.semantic.alignment import Alignment
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.facts.negation import Denial, negative_words

_FAINT = frozenset(
    [
        "only",
        "already",
        "too",
        "wait",
        "until",
        "free",
        "stay",
        "keep",
        "same",
        "past",
        "over",
        "clean",
        "final",
        "up",
        "full",
        "gone",
        "safe",
        "alternatively",
        "closed",
        "instead",
        "close",
        "drop",
    ]
)


def compare_answers(expected: Known, actual: Known) -> list[Finding]:
    """Return a finding where one text opens with yes and the other with no."""
    here, there = expected.document.answer, actual.document.answer
    if not here or not there or here == there:
        return []
    return [Finding("opposite", here, there, 1.0, f"polarity: '{here}' expected, '{there}' got")]


def compare_gap(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return a finding where one text has words that deny by themselves and the other has nothing that denies."""
    here, there = _denying(expected, alignment.flipped), _denying(actual, _images(alignment))
    if bool(here) == bool(there):
        return []
    table = alignment.to_actual if here else alignment.to_expected
    told = {word for word, place in (here or there).items() if place not in table}
    if not told:
        return []
    said = ", ".join(sorted(told))
    message = f"negation: '{said}' " + ("expected, missing" if here else "added")
    return [Finding("negative_gap", said if here else "", said if there else "", 1.0, message)]


def _images(alignment: Alignment) -> set[int]:
    return {alignment.to_actual[place] for place in alignment.flipped}


def _denying(known: Known, flipped: set[int]) -> dict[str, int]:
    document = known.document
    places = negative_words(document)
    words = {document.tokens[place].low: place for place in places if document.tokens[place].weight}
    words |= {
        document.tokens[denial.start].low: denial.start
        for denial in known.denials
        if not flipped & set(denial.scope)
    }
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
        tokens = self.known.document.tokens
        heads = [place for place in denial.scope if place in self.table]
        heads = [place for place in heads if tokens[place].weight] or [
            place for place in heads if tokens[place].senses
        ]
        told = [self._agrees(place) for place in heads]
        if not told:
            self.loose.append(denial)
        elif not any(told[:3]):
            self.conflicts.append((denial, heads[0]))

    def _agrees(self, place: int) -> bool:
        mine, its = self.known.document.tokens[place], self.other.document.tokens[self.table[place]]
        flipped = place in self.flipped if self.first else its.place in self.flipped
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
