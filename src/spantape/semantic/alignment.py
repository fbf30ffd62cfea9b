"""Which word of one text stands for which of another: the same word, a synonym, a denied opposite, a misspelling."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from spantape.semantic.lexicon import Sense
from spantape.semantic.reading.document import Document, Unit
from spantape.semantic.reading.spelled import misspelled, same_root, spelled_out
from spantape.semantic.reading.tokens import Token

_NEAREST = 6  # candidates of a repeated word that are weighed
_BINDING = frozenset({"axis", "contrast", "same"})


@dataclass(frozen=True, slots=True)
class Opposed:
    """Two words that exclude one another, and by what kind of line."""

    expected: Unit
    actual: Unit
    kind: str


@dataclass(slots=True)
class Alignment:
    """Places of tokens and the places that they stand for on the other side, with how they match."""

    expected: Document
    actual: Document
    to_actual: dict[int, int] = field(default_factory=dict)
    to_expected: dict[int, int] = field(default_factory=dict)
    exact: set[int] = field(default_factory=set)
    flipped: set[int] = field(default_factory=set)
    opposed: list[Opposed] = field(default_factory=list)

    def unmatched_expected(self) -> list[Token]:
        """Return the expected text's content words that stand for nothing in the actual one."""
        return [token for token in self.expected.tokens if token.weight and token.place not in self.to_actual]

    def unmatched_actual(self) -> list[Token]:
        """Return the actual text's content words that stand for nothing in the expected one."""
        return [token for token in self.actual.tokens if token.weight and token.place not in self.to_expected]


class _Index:
    """Where a document's words and senses stand."""

    def __init__(self, document: Document) -> None:
        self.forms: dict[str, list[int]] = defaultdict(list)
        self.senses: dict[Sense, list[Unit]] = defaultdict(list)
        self.lines: dict[int, list[tuple[Unit, Sense]]] = defaultdict(list)
        for token in document.tokens:
            if token.fact < 0 and token.kind not in {"mark", "line"}:
                for form in {*token.forms, token.stem}:
                    self.forms[form].append(token.place)
        for unit in document.units:
            for sense in unit.senses:
                if sense.kind in _BINDING:
                    self.senses[sense].append(unit)
                    if sense.kind != "same":
                        self.lines[sense.line].append((unit, sense))


def align(expected: Document, actual: Document) -> Alignment:
    """Return which content words of two read texts stand for one another. Linear but for words that repeat often."""
    alignment = Alignment(expected, actual)
    here, there = _Index(expected), _Index(actual)
    _same_words(alignment, there)
    _same_senses(alignment, there)
    _same_senses(mirrored(alignment), here)
    _denied_opposites(alignment, there)
    _alike(alignment)
    _opposites(alignment, there)
    return alignment


def mirrored(alignment: Alignment) -> Alignment:
    """The same alignment, seen from the other side; its tables are shared."""
    return Alignment(
        alignment.actual,
        alignment.expected,
        alignment.to_expected,
        alignment.to_actual,
        set(),
        alignment.flipped,
    )


def _same_words(alignment: Alignment, there: _Index) -> None:
    ratio = len(alignment.actual.tokens) / max(1, len(alignment.expected.tokens))
    for token in alignment.expected.tokens:
        if token.fact >= 0 or token.kind in {"mark", "line"}:
            continue
        places = sorted(
            {
                place
                for form in (*token.forms, token.stem)
                for place in _near(there.forms.get(form, ()), token.place * ratio)
            }
        )
        if places:
            best = max(places, key=lambda place: _fit(alignment, token, place, ratio))
            _join(alignment, token.place, best)
            alignment.exact.add(token.place)


def _near(places: list[int] | tuple[int, ...], at: float) -> list[int]:
    if len(places) <= _NEAREST:
        return list(places)
    middle = bisect_left(places, at)
    return list(places[max(0, middle - _NEAREST // 2) : middle + _NEAREST // 2])


def _fit(alignment: Alignment, token: Token, place: int, ratio: float) -> float:
    other = alignment.actual.tokens[place]
    score = (
        -3.0 * (place in alignment.to_expected) + (token.low == other.low) + 1.5 * (token.sign == other.sign)
    )
    for step in (-2, -1, 1, 2):
        near, far = _at(alignment.expected, token.place + step), _at(alignment.actual, place + step)
        score += 0.6 * (near is not None and far is not None and near.key == far.key)
    return score - abs(place - token.place * ratio) / (len(alignment.actual.tokens) + 1)


def _at(document: Document, place: int) -> Token | None:
    return document.tokens[place] if 0 <= place < len(document.tokens) else None


def _join(alignment: Alignment, place: int, other: int) -> None:
    alignment.to_actual.setdefault(place, other)
    alignment.to_expected.setdefault(other, place)


def _same_senses(alignment: Alignment, there: _Index) -> None:
    ratio = len(alignment.actual.tokens) / max(1, len(alignment.expected.tokens))
    for unit in alignment.expected.units:
        if _covered(alignment, unit):
            continue
        found = [other for sense in unit.senses for other in there.senses.get(sense, ())[:64]]
        if found:
            _join_units(alignment, unit, min(found, key=lambda other: _far(alignment, unit, other, ratio)))


def _covered(alignment: Alignment, unit: Unit) -> bool:
    """Whether a unit stands for something already: its content words, or all its words where none has content."""
    places = range(unit.start, unit.end)
    telling = [place for place in places if alignment.expected.tokens[place].weight] or places
    return all(place in alignment.to_actual for place in telling)


def _far(alignment: Alignment, unit: Unit, other: Unit, ratio: float) -> float:
    used = any(place in alignment.to_expected for place in range(other.start, other.end))
    sign = alignment.expected.tokens[unit.start].sign == alignment.actual.tokens[other.start].sign
    return (
        2.0 * used - 0.5 * sign + abs(other.start - unit.start * ratio) / (len(alignment.actual.tokens) + 1)
    )


def _join_units(alignment: Alignment, unit: Unit, other: Unit) -> None:
    for place in range(unit.start, unit.end):
        alignment.to_actual.setdefault(place, other.start)
    for place in range(other.start, other.end):
        alignment.to_expected.setdefault(place, unit.start)


def _denied_opposites(alignment: Alignment, there: _Index) -> None:
    """`not valid` stands for `invalid`: opposite ends of an axis, one of them denied."""
    for unit, other, kind in _across(alignment, there):
        if kind == "axis" and _sign(alignment.expected, unit) != _sign(alignment.actual, other):
            _join_units(alignment, unit, other)
            alignment.flipped.add(unit.start)


def _opposites(alignment: Alignment, there: _Index) -> None:
    seen: set[int] = set()
    for unit, other, kind in _across(alignment, there):
        if unit.start not in seen and other.start not in seen:
            seen.update((unit.start, other.start))
            alignment.opposed.append(Opposed(unit, other, kind))


def _across(alignment: Alignment, there: _Index) -> list[tuple[Unit, Unit, str]]:
    """Units of both texts, unmatched so far, that stand at different ends of one line."""
    found = []
    for unit in alignment.expected.units:
        if _covered(alignment, unit):
            continue
        for sense in unit.senses:
            for other, its in there.lines.get(sense.line, ())[:64]:
                if (
                    its.pole != sense.pole
                    and not _used(alignment, other)
                    and not set(unit.senses) & set(other.senses)
                ):
                    found.append((unit, other, sense.kind))
    ratio = len(alignment.actual.tokens) / max(1, len(alignment.expected.tokens))
    return sorted(found, key=lambda pair: abs(pair[1].start - pair[0].start * ratio))


def _used(alignment: Alignment, other: Unit) -> bool:
    places = [place for place in range(other.start, other.end) if alignment.actual.tokens[place].weight]
    return all(place in alignment.to_expected for place in places)


def _sign(document: Document, unit: Unit) -> int:
    return document.tokens[unit.start].sign


def _alike(alignment: Alignment) -> None:
    """Join what is left over and alike in letters: misspellings, derivations, compounds, abbreviations."""
    left, right = alignment.unmatched_expected()[:200], alignment.unmatched_actual()[:200]
    known = alignment.expected.words.known
    for token in left:
        for other in right:
            if other.place in alignment.to_expected or (
                token.name != other.name and min(len(token.low), len(other.low)) < 4
            ):
                continue
            if misspelled(token, other, known) or same_root(token, other, alignment.expected.language):
                _join(alignment, token.place, other.place)
                break
    _abbreviated(alignment)
    _abbreviated(mirrored(alignment))
    _glued(alignment)
    _glued(mirrored(alignment))
    _compounds(alignment)
    _compounds(mirrored(alignment))


def _abbreviated(alignment: Alignment) -> None:
    for token in alignment.unmatched_expected():
        span = spelled_out(token, alignment.actual.tokens)
        if span is not None:
            alignment.to_actual[token.place] = span[0]
            for place in range(*span):
                alignment.to_expected.setdefault(place, token.place)


def _glued(alignment: Alignment) -> None:
    """Join a code to the words that it is written with apart: `KO77` to `KO 77`, `due_date` to `due date`."""
    tokens = alignment.actual.tokens[:2000]
    for token in alignment.unmatched_expected():
        letters = "".join(filter(str.isalnum, token.low))
        for start in range(len(tokens)):
            if not letters.startswith(tokens[start].low) or len(letters) < 3:
                continue
            for end in (start + 2, start + 3):
                span = tokens[start:end]
                if "".join(part.low for part in span if part.low.isalnum()) == letters:
                    alignment.to_actual[token.place] = start
                    for place in range(start, min(end, len(tokens))):
                        alignment.to_expected.setdefault(place, token.place)


def _compounds(alignment: Alignment) -> None:
    """Join a compound to its parts: `Wasserschäden` to `Schäden` and `Wasser`, `backup` to `back up`."""
    for token in alignment.unmatched_expected():
        if len(token.low) < 6 or token.kind != "word":
            continue
        rest = token.low
        parts = []
        for other in alignment.actual.tokens[:2000]:
            if (
                len(other.stem) >= 4
                and other.kind == "word"
                and other.stem in rest
                and other.stem != token.stem
            ):
                parts.append(other.place)
                rest = rest.replace(other.stem, " ", 1)
        if parts and len(rest.replace(" ", "")) <= max(3, len(token.low) // 3):
            alignment.to_actual[token.place] = parts[0]
            for place in parts:
                alignment.to_expected.setdefault(place, token.place)
