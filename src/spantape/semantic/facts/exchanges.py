"""Words and values that stand in one another's place: exchanged names, persons, amounts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from spantape.semantic.alignment import Alignment
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.facts.parts import Part, is_verb, parts_of
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token


def compare_persons(expected: Known, actual: Known) -> list[Finding]:
    """Return a finding where `you` and `we` changed places around one verb: `you owe us`, `we owe you`."""
    here, there = _persons(expected.document), _persons(actual.document)
    for verb, order in here.items():
        if there.get(verb, order) != order:
            message = f"roles: 'you' and 'we' changed places around '{verb}'"
            return [Finding("roles", " … ".join(order), " … ".join(there[verb]), 1.0, message)]
    return []


def _persons(document: Document) -> dict[str, tuple[str, ...]]:
    """Who stands before and after each verb, where it is `you` and `we`."""
    found: dict[str, tuple[str, ...]] = {}
    tokens = document.tokens
    if document.language != "en":
        return found
    for token in tokens:
        if token.weight and is_verb(token, document):
            before = [
                _person(near)
                for near in tokens[max(0, token.place - 3) : token.place]
                if near.clause == token.clause
            ]
            after = [
                _person(near)
                for near in tokens[token.place + 1 : token.place + 3]
                if near.clause == token.clause
            ]
            sides = (next(filter(None, reversed(before)), ""), next(filter(None, after), ""))
            if set(sides) == {"we", "you"}:
                found.setdefault(token.key, sides)
    return found


def _person(token: Token) -> str:
    if token.low in {"i", "we", "us", "me"}:
        return "we"
    return "you" if token.low == "you" else ""


def compare_exchanged(alignment: Alignment) -> list[Finding]:
    """Return the findings on two words that stand in each other's place, all around them left as it was.

    Two items of one list that change places are no difference.
    """
    expected, table = alignment.expected.tokens, alignment.to_actual
    moved = [token.place for token in expected if token.weight and token.place in alignment.exact]
    findings = []
    here, there = parts_of(alignment.expected), parts_of(alignment.actual)
    for one, two in combinations(moved[:40], 2):
        if (
            table[one] > table[two]
            and not _settled_roles(here, there, one, two, table)
            and _stands_at(alignment, one, table[two])
            and _stands_at(alignment, two, table[one])
            and not _listed(alignment.expected, one, two)
        ):
            findings.append(changed_places(alignment.expected, one, two))
    return findings[:2]


def _settled_roles(
    here: dict[int, Part], there: dict[int, Part], one: int, two: int, table: dict[int, int]
) -> bool:
    """Whether the parts that two words play are known to be the same on both sides, as from active to passive."""
    if not all(place in here and table[place] in there for place in (one, two)):
        return False
    roles = (here[one].role, here[two].role)
    return (
        roles[0] != roles[1]
        and roles == (there[table[one]].role, there[table[two]].role)
        and {"agent", "other"} == set(roles)
    )


def _stands_at(alignment: Alignment, slot: int, place: int) -> bool:
    """Whether a place of the actual text has the neighbours that a slot of the expected one has."""
    beside = zip(_beside(alignment.expected, slot), _beside(alignment.actual, place), strict=True)
    told = [alignment.to_actual.get(here) == there for here, there in beside if here >= 0 and there >= 0]
    return bool(told) and all(told)


_ARTICLES = frozenset(
    [
        "the",
        "a",
        "an",
        "this",
        "that",
        "your",
        "our",
        "his",
        "her",
        "their",
        "its",
        "my",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "le",
        "les",
        "une",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "ein",
        "eine",
    ]
)


def _beside(document: Document, place: int) -> tuple[int, int]:
    """Where the words before and after a place stand, articles passed over; -1 at a mark or an end of the text."""
    found = []
    for step in (-1, 1):
        at = place + step
        while 0 <= at < len(document.tokens) and document.tokens[at].low in _ARTICLES:
            at += step
        inside = 0 <= at < len(document.tokens) and document.tokens[at].kind not in {"mark", "line"}
        found.append(at if inside else -1)
    return found[0], found[1]


def _listed(document: Document, one: int, two: int) -> bool:
    """Whether two words are items of one list: between them a comma or a conjunction, and no verb or preposition."""
    first, last = sorted((one, two))
    between = document.tokens[first + 1 : last]
    if any(token.kind == "line" or token.sentence != document.tokens[first].sentence for token in between):
        return True
    joined = any(
        token.low in {",", "and", "or", ";", "und", "et", "y", "o", "ou", "oder"} for token in between
    )
    return joined and not any(is_verb(token, document) for token in between)


def compare_bindings(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on values that changed places: what is said of one thing is said of another."""
    values = facts_aligned(expected, actual)
    for token in expected.document.tokens:
        if token.name and token.place in alignment.exact:
            values[token.place] = alignment.to_actual[token.place]
    places = sorted(values)[:12]
    findings = []
    for one, two in combinations(places, 2):
        agree = differ = 0
        named = expected.document.tokens[one].name and expected.document.tokens[two].name
        for place, other in alignment.to_actual.items():
            token = expected.document.tokens[place]
            if (
                token.weight < 1
                or (token.name and named)
                or (abs(place - one) > 12 and abs(place - two) > 12)
            ):
                continue
            near = _nearer(expected.document, place, one, two)
            far = _nearer(actual.document, other, values[one], values[two])
            if near and far:
                agree += near == far
                differ += near != far
        if differ >= 2 and agree == 0 and abs(one - two) > 3 and abs(values[one] - values[two]) > 3:
            findings.append(changed_places(expected.document, one, two))
    return findings[:2]


def _nearer(document: Document, place: int, one: int, two: int) -> int:
    """1 or 2 by which of two places a word stands nearer to in its clause; 0 where it cannot be told."""
    clause = document.tokens[place].clause
    first, second = document.tokens[one].clause == clause, document.tokens[two].clause == clause
    if first != second:
        return 1 if first else 2
    near, far = abs(place - one), abs(place - two)
    return 0 if abs(near - far) < 2 or max(near, far) > 12 else 1 if near < far else 2


def facts_aligned(expected: Known, actual: Known) -> dict[int, int]:
    """Where the same value stands on the other side, for values that the other text states once."""
    stated: dict[tuple[object, ...], list[int]] = {}
    for place, value in _values(actual):
        stated.setdefault(value, []).append(place)
    return {place: stated[value][0] for place, value in _values(expected) if len(stated.get(value, ())) == 1}


def _values(known: Known) -> Iterator[tuple[int, tuple[object, ...]]]:
    for moment in known.moments:
        yield moment.start, (moment.kind, *sorted(moment.parts.items()))
    for quantity in known.quantities:
        if not quantity.soft:
            yield quantity.start, (quantity.low, quantity.high, quantity.dimension)


def changed_places(document: Document, one: int, two: int) -> Finding:
    """Return the finding that two words changed places."""
    first, second = document.tokens[one].text, document.tokens[two].text
    place = document.sentence(document.tokens[one].sentence)
    message = f"roles: '{first}' and '{second}' changed places, in '{place}'"
    return Finding("roles", first, second, 1.0, message)
