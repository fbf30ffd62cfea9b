"""Who does what to whom, and whether two words play one another's part."""

from __future__ import annotations

from itertools import combinations

from spantape.semantic.alignment import Alignment
from spantape.semantic.facts.exchanges import changed_places, facts_aligned
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.facts.parts import ORDER, PERSONS, Part, parts_of
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

_COMPARING = frozenset({"more", "less", "fewer", "better", "worse"})
_SPEAKER = frozenset({"i", "we", "us", "me"})
_SPOKEN_TO = frozenset({"you"})
_PLAYERS = 14  # words of one sentence whose parts are compared

_PARTIES = frozenset({"agent", "other", "to", "on", "for", "with", "from"})


def compare_roles(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on pairs of words that changed places: who and whom, from and to, before and after."""
    here, there = parts_of(expected.document), parts_of(actual.document)
    pairs = facts_aligned(expected, actual) | alignment.to_actual
    players = [
        place
        for place in here
        if place in pairs and pairs[place] in there and _tells(expected.document.tokens[place])
    ]
    turned = _compared_backwards(expected.document, actual.document)
    findings = []
    by_sentence: dict[int, list[int]] = {}
    for place in players:
        by_sentence.setdefault(expected.document.tokens[place].sentence, []).append(place)
    for places in by_sentence.values():
        for one, two in combinations(places[:_PLAYERS], 2):
            there_one, there_two = there[pairs[one]], there[pairs[two]]
            if pairs[one] != pairs[two] and _swapped(
                here[one], here[two], there_one, there_two, turned=turned
            ):
                findings.append(changed_places(expected.document, one, two))
    flipped = [place for place in players if _flipped(here[place], there[pairs[place]])]
    if not findings and flipped:
        token = expected.document.tokens[flipped[0]]
        message = f"roles: '{token.text}' is on the other end of what is done, in '{expected.document.sentence(token.sentence)}'"
        findings.append(Finding("roles", token.text, "", 1.0, message))
    return findings[:4]


def compare_agents(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return a finding where the same is done to the same by someone else, whom both texts name."""
    here, there = _events(expected.document), _events(actual.document)
    table = alignment.to_actual | _persons_aligned(expected.document, actual.document)
    for verb, agents, others in here:
        for its_verb, its_agents, its_others in there:
            images = {table[place] for place in agents if place in table}
            alike = verb == its_verb and any(table.get(place) in its_others for place in others)
            if alike and its_agents and images and not images & its_agents and images <= _told(there):
                token = expected.document.tokens[min(agents)]
                who = " ".join(actual.document.tokens[place].text for place in sorted(its_agents))
                message = f"roles: '{token.text}' expected to {verb}, '{who}' got, in '{expected.document.sentence(token.sentence)}'"
                return [Finding("roles", token.text, who, 1.0, message)]
    return []


def _persons_aligned(expected: Document, actual: Document) -> dict[int, int]:
    """Where the speaker and who is spoken to stand on the other side, for those that stand there once."""
    found: dict[int, int] = {}
    for persons in (_SPEAKER, _SPOKEN_TO):
        here = [token.place for token in expected.tokens if token.low in persons]
        there = [token.place for token in actual.tokens if token.low in persons]
        if len(here) == len(there) == 1:
            found[here[0]] = there[0]
    return found


Event = tuple[str, set[int], set[int]]


def _events(document: Document) -> list[Event]:
    """(verb, who does it, whom it is done to) of each clause that tells all three."""
    clauses: dict[int, Event] = {}
    for place, part in parts_of(document).items():
        token = document.tokens[place]
        if part.verb and (part.head or token.low in PERSONS) and part.role in {"agent", "other"}:
            _, agents, others = clauses.setdefault(part.clause, (part.verb, set(), set()))
            (agents if part.role == "agent" else others).add(place)
    return [event for event in clauses.values() if event[1] and event[2]]


def _told(events: list[Event]) -> set[int]:
    return {place for _, agents, others in events for place in (*agents, *others)}


def _flipped(one: Part, other: Part) -> bool:
    """Whether one word does in one text what is done to it in the other: one verb, both its parties told."""
    if not (one.head and other.head and one.whole and other.whole) or one.verb != other.verb or not one.verb:
        return False
    return {one.role, other.role} == {"agent", "other"}


def _tells(token: Token) -> bool:
    return token.weight >= 0.4 or token.fact >= 0


def _swapped(one: Part, two: Part, other_one: Part, other_two: Part, *, turned: bool) -> bool:
    """Whether two words play each other's part on the other side; `turned` where a comparison is told from its far end."""
    roles, others = (one.role, two.role), (other_one.role, other_two.role)
    if _order(roles) and _order(others):
        return _order(roles) != _order(others)
    if one.clause != two.clause or other_one.clause != other_two.clause or roles[0] == roles[1]:
        return False
    if "than" in roles and "than" in others and one.named and two.named:
        return (roles.index("than") != others.index("than")) != turned
    if set(roles) == {"from", "to"}:
        return roles == (others[1], others[0])
    heads = one.head and two.head and other_one.head and other_two.head
    if (
        not heads
        or not _PARTIES.issuperset((*roles, *others))
        or "agent" not in roles
        or "agent" not in others
    ):
        return False
    return roles.index("agent") != others.index("agent") and (
        roles == (others[1], others[0]) or "other" in (*roles, *others)
    )


def _compared_backwards(expected: Document, actual: Document) -> bool:
    """Whether one text says `more than` where the other says `less than`, or `larger` where it says `smaller`."""
    here, there = _comparative(expected), _comparative(actual)
    return any(line in there and there[line] != pole for line, pole in here.items()) and not any(
        there.get(line) == pole for line, pole in here.items()
    )


def told_backwards(expected: Known, actual: Known, alignment: Alignment) -> bool:
    """Whether a comparison is told from its other end: `A is larger than B`, `B is smaller than A`."""
    if not _compared_backwards(expected.document, actual.document):
        return False
    here, there = parts_of(expected.document), parts_of(actual.document)
    moved = [(part.role, there[alignment.to_actual[place]].role) for place, part in here.items()
             if part.named and alignment.to_actual.get(place) in there]  # fmt: skip
    return any(one == "than" != other for one, other in moved) and any(
        one != "than" == other for one, other in moved
    )


def is_comparative(word: str) -> bool:
    """Whether a word compares: `more`, `less`, and what ends in -er."""
    return word.lower().endswith("er") or word.lower() in _COMPARING


def _comparative(document: Document) -> dict[int, int]:
    """The axes, and their ends, of the words before the first `than`."""
    place = next((token.place for token in document.tokens if token.low == "than"), 0)
    poles: dict[int, int] = {}
    for token in document.tokens[max(0, place - 8) : place]:
        if is_comparative(token.low):
            poles.update({sense.line: sense.pole for sense in token.senses if sense.kind == "axis"})
    return poles


def _order(roles: tuple[str, str]) -> int:
    """1 where the first comes before the second in time, -1 where after, 0 where nothing is said."""
    first, second = ORDER.get(roles[0], 0), ORDER.get(roles[1], 0)
    if bool(first) == bool(second):
        return 0
    return second or -first
