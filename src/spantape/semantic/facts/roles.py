"""Who does what to whom: the part that each word plays, and whether two words changed places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from spantape.semantic.alignment import Alignment
from spantape.semantic.facts.known import Known
from spantape.semantic.facts.model import Finding
from spantape.semantic.lexicon import Sense, lexicon
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

_BE = frozenset(["am", "is", "are", "was", "were", "be", "been", "being", "get", "gets", "got", "gotten"])
_AUXILIARY = _BE | frozenset(
    ["will", "would", "shall", "should", "can", "could", "may", "might", "must", "do", "does", "did", "has", "have", "had"]
)
_SPLITS = frozenset(
    ["but", "while", "whereas", "because", "so", "when", "if", "although", "though", "which", "who", "that", "since", "unless"]
)
_ARGUMENT = frozenset({"to", "on", "for", "by", "from", "with"})  # what the other party of a turned verb may follow
_ALIKE = {"into": "to", "onto": "to", "toward": "to", "towards": "to", "till": "until"}
_PERSONS = frozenset({"i", "we", "you", "he", "she", "they"})
_PLAYERS = 14  # words of one sentence whose parts are compared
_PARTIES = frozenset({"agent", "other", "to", "on", "for", "with", "from"})
_ORDER = {"before": 1, "until": 1, "after": -1, "since": -1}


@dataclass(slots=True)
class Part:
    """What a word is in its clause: `agent`, `other`, or the preposition that it follows; `clause` counts verbs."""

    role: str
    clause: int
    head: bool
    named: bool = True
    verb: str = ""
    whole: bool = False


def parts_of(document: Document) -> dict[int, Part]:
    """Return the part of every content word and fact of an English text, by place; nothing in other languages."""
    if document.language != "en":
        return {}
    parts: dict[int, Part] = {}
    clause: list[Token] = []
    number = 0
    last = None
    for token in document.tokens:
        ended = token.clause != last
        if clause and (
            ended
            or token.low in _SPLITS
            or (
                token.low == "and"
                and _verb_at(clause, document) is not None
                and _verb_follows(document, token)
            )
        ):
            _assign(clause, number, document, parts)
            clause, number = [], number + 1
        last = token.clause
        clause.append(token)
    _assign(clause, number, document, parts)
    return parts


def _verb_follows(document: Document, token: Token) -> bool:
    following = document.tokens[token.place + 1 : token.place + 5]
    return any(_is_verb(word, document) for word in following)


def _is_verb(token: Token, document: Document) -> bool:
    if token.kind != "word" or token.name:
        return False
    verbs = document.words.job("verb")
    return token.low in _AUXILIARY or any(form in verbs for form in token.forms)


def _verb_at(clause: list[Token], document: Document) -> int | None:
    """The index of the first verb that something stands before."""
    seen = False
    for at, token in enumerate(clause):
        if seen and token.low in _AUXILIARY:
            return at
        if seen and _is_verb(token, document) and not _after_determiner(clause, at):
            return at
        seen = (
            seen
            or bool(token.weight)
            or token.fact >= 0
            or token.low in {"it", "he", "she", "they", "you", "we", "i"}
        )
    return None


def _after_determiner(clause: list[Token], at: int) -> bool:
    return clause[at - 1].low in {
        "the",
        "a",
        "an",
        "this",
        "that",
        "your",
        "my",
        "our",
        "his",
        "her",
        "their",
        "its",
        "of",
        "to",
        "no",
    }


def _assign(clause: list[Token], number: int, document: Document, parts: dict[int, Part]) -> None:
    verb = _verb_at(clause, document)
    passive = _is_passive(clause, verb) if verb is not None else False
    pole = _converse_pole(clause, verb)
    told = _main_verb(clause, verb, document)
    governing = ""
    for at, token in enumerate(clause):
        if token.low in document.words.job("preposition"):
            out_of = token.low == "of" and clause[at - 1].low == "out"
            governing = "from" if out_of else _ALIKE.get(token.low, token.low) if governing != "than" else "than"
            continue
        if token.kind in {"mark"} or token.low in {"and", "or"}:
            governing = governing if token.low in {"and", "or", ","} else ""
            continue
        if verb is not None and at == verb:
            governing = ""
        person = token.low in _PERSONS and (verb is None or at < verb)
        if not (token.weight or token.fact >= 0 or person) or (
            _is_verb(token, document) and verb is not None and at == verb
        ):
            continue
        role = _role(at, verb, governing, passive=passive, turned=pole)
        head = token.fact < 0 and _heads(clause, at, document)
        parts[token.place] = Part(role, number, head, token.fact < 0, told)
    mine = [parts[token.place] for token in clause if token.place in parts]
    whole = {"agent", "other"} <= {part.role for part in mine if part.head}
    for part in mine:
        part.whole = whole


def _heads(clause: list[Token], at: int, document: Document) -> bool:
    """Whether a word is the last of its noun phrase, and no verb."""
    token = clause[at]
    following = clause[at + 1] if at + 1 < len(clause) else None
    goes_on = (
        following is not None
        and following.weight
        and not _is_verb(following, document)
        and following.fact < 0
    )
    return not goes_on and (token.name or not _is_verb(token, document) or _after_determiner(clause, at))


def _main_verb(clause: list[Token], verb: int | None, document: Document) -> str:
    """The base form of the verb that tells the event; empty where a clause has none."""
    if verb is None:
        return ""
    told = (token for token in clause[verb:] if _is_verb(token, document) and token.low not in _AUXILIARY)
    return next((token.stem for token in told), "")


def _role(at: int, verb: int | None, governing: str, *, passive: bool, turned: bool) -> str:
    before = verb is not None and at < verb
    if governing in {"from", "to", "than", *_ORDER} and not (turned and governing in _ARGUMENT):
        return governing
    if governing == "by" and passive:
        role = "agent"
    elif before and not governing:
        role = "other" if passive else "agent"
    elif verb is None or (governing and not (turned and governing in _ARGUMENT)):
        return governing
    else:
        role = "other"
    if turned:
        return "other" if role == "agent" else "agent"
    return role


def _is_passive(clause: list[Token], verb: int) -> bool:
    for at in range(verb, min(len(clause) - 1, verb + 6)):
        if clause[at].low in _BE:
            for token in clause[at + 1 : at + 4]:
                participle = token.low.endswith(
                    ("ed", "en", "wn", "ld", "nt", "pt", "id", "ne", "ade", "ut", "un")
                )
                if (participle and token.forms and token.forms[0] != token.low) or token.low.endswith("ed"):
                    return True
    return False


def _converse_pole(clause: list[Token], verb: int | None) -> bool:
    """Whether the verb tells its event from the far end (`reports to` for `manages`)."""
    if verb is None:
        return False
    following = [token for token in clause[verb : verb + 6] if token.low not in _AUXILIARY][:3] or clause[verb : verb + 3]
    for at, token in enumerate(following[:1]):
        entries = {token.key, *token.forms}
        if at + 1 < len(following):
            entries |= {f"{form} {following[at + 1].low}" for form in token.forms}
        for entry in entries:
            for sense in _senses(entry):
                if sense.kind == "converse" and (sense.pole == 1):
                    return True
    return False


def _senses(entry: str) -> tuple[Sense, ...]:
    return lexicon("en").senses.get(entry, ())


def compare_roles(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on pairs of words that changed places: who and whom, from and to, before and after."""
    here, there = parts_of(expected.document), parts_of(actual.document)
    pairs = _facts_aligned(expected, actual) | alignment.to_actual
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
            if pairs[one] != pairs[two] and _swapped(here[one], here[two], there_one, there_two, turned=turned):
                findings.append(_finding(expected.document, one, two))
    flipped = [place for place in players if _flipped(here[place], there[pairs[place]])]
    if not findings and flipped:
        token = expected.document.tokens[flipped[0]]
        message = f"roles: '{token.text}' is on the other end of what is done, in '{expected.document.sentence(token.sentence)}'"
        findings.append(Finding("roles", token.text, "", 1.0, message))
    return findings[:4]


def compare_agents(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return a finding where the same is done to the same by someone else, whom both texts name."""
    here, there = _events(expected.document), _events(actual.document)
    table = alignment.to_actual
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


Event = tuple[str, set[int], set[int]]


def _events(document: Document) -> list[Event]:
    """(verb, who does it, whom it is done to) of each clause that tells all three."""
    clauses: dict[int, Event] = {}
    for place, part in parts_of(document).items():
        token = document.tokens[place]
        if part.verb and (part.head or token.low in _PERSONS) and part.role in {"agent", "other"}:
            event = clauses.setdefault(part.clause, (part.verb, set(), set()))
            event[1 if part.role == "agent" else 2].add(place)
    return [event for event in clauses.values() if event[1] and event[2]]


def _told(events: list[Event]) -> set[int]:
    return {place for _, agents, others in events for place in (*agents, *others)}


def _flipped(one: Part, other: Part) -> bool:
    """Whether one word does in one text what is done to it in the other: one verb, both its parties told."""
    if not (one.head and other.head and one.whole and other.whole) or one.verb != other.verb or not one.verb:
        return False
    return {one.role, other.role} == {"agent", "other"}


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
        if token.weight and _is_verb(token, document):
            before = [_person(near) for near in tokens[max(0, token.place - 3) : token.place] if near.clause == token.clause]
            after = [_person(near) for near in tokens[token.place + 1 : token.place + 3] if near.clause == token.clause]
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
            findings.append(_finding(alignment.expected, one, two))
    return findings[:2]


def _settled_roles(here: dict[int, Part], there: dict[int, Part], one: int, two: int, table: dict[int, int]) -> bool:
    """Whether the parts that two words play are known to be the same on both sides, as from active to passive."""
    if not all(place in here and table[place] in there for place in (one, two)):
        return False
    roles = (here[one].role, here[two].role)
    return roles[0] != roles[1] and roles == (there[table[one]].role, there[table[two]].role) and {"agent", "other"} == set(roles)


def _stands_at(alignment: Alignment, slot: int, place: int) -> bool:
    """Whether a place of the actual text has the neighbours that a slot of the expected one has."""
    beside = zip(_beside(alignment.expected, slot), _beside(alignment.actual, place), strict=True)
    told = [alignment.to_actual.get(here) == there for here, there in beside if here >= 0 and there >= 0]
    return bool(told) and all(told)


_ARTICLES = frozenset(
    "the a an this that your our his her their its my el la los las un una le les une der die das den dem ein eine".split()
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
    return joined and not any(_is_verb(token, document) for token in between)


def _facts_aligned(expected: Known, actual: Known) -> dict[int, int]:
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
    if not heads or not _PARTIES.issuperset((*roles, *others)) or "agent" not in roles or "agent" not in others:
        return False
    return roles.index("agent") != others.index("agent") and (roles == (others[1], others[0]) or "other" in (*roles, *others))


def _compared_backwards(expected: Document, actual: Document) -> bool:
    """Whether one text says `more than` where the other says `less than`, or `larger` where it says `smaller`."""
    here, there = _comparative(expected), _comparative(actual)
    return any(line in there and there[line] != pole for line, pole in here.items()) and not any(
        there.get(line) == pole for line, pole in here.items()
    )


def _comparative(document: Document) -> dict[int, int]:
    """The axes, and their ends, of the words before the first `than`."""
    place = next((token.place for token in document.tokens if token.low == "than"), 0)
    poles: dict[int, int] = {}
    for token in document.tokens[max(0, place - 8) : place]:
        if token.low.endswith("er") or token.low in {"more", "less", "fewer", "better", "worse"}:
            poles.update({sense.line: sense.pole for sense in token.senses if sense.kind == "axis"})
    return poles


def _order(roles: tuple[str, str]) -> int:
    """1 where the first comes before the second in time, -1 where after, 0 where nothing is said."""
    first, second = _ORDER.get(roles[0], 0), _ORDER.get(roles[1], 0)
    if bool(first) == bool(second):
        return 0
    return second or -first


def _finding(document: Document, one: int, two: int) -> Finding:
    first, second = document.tokens[one].text, document.tokens[two].text
    place = document.sentence(document.tokens[one].sentence)
    message = f"roles: '{first}' and '{second}' changed places, in '{place}'"
    return Finding("roles", first, second, 1.0, message)


def compare_bindings(expected: Known, actual: Known, alignment: Alignment) -> list[Finding]:
    """Return the findings on values that changed places: what is said of one thing is said of another."""
    values = _facts_aligned(expected, actual)
    for token in expected.document.tokens:
        if token.name and token.place in alignment.exact:
            values[token.place] = alignment.to_actual[token.place]
    places = sorted(values)[:12]
    findings = []
    for one, two in combinations(places, 2):
        agree = differ = 0
        for place, other in alignment.to_actual.items():
            token = expected.document.tokens[place]
            if token.weight < 1 or token.name or (abs(place - one) > 12 and abs(place - two) > 12):
                continue
            near = _nearer(expected.document, place, one, two)
            far = _nearer(actual.document, other, values[one], values[two])
            if near and far:
                agree += near == far
                differ += near != far
        if differ >= 2 and agree == 0 and abs(one - two) > 3 and abs(values[one] - values[two]) > 3:
            findings.append(_finding(expected.document, one, two))
    return findings[:2]


def _nearer(document: Document, place: int, one: int, two: int) -> int:
    """1 or 2 by which of two places a word stands nearer to in its clause; 0 where it cannot be told."""
    clause = document.tokens[place].clause
    first, second = document.tokens[one].clause == clause, document.tokens[two].clause == clause
    if first != second:
        return 1 if first else 2
    near, far = abs(place - one), abs(place - two)
    return 0 if abs(near - far) < 2 or max(near, far) > 12 else 1 if near < far else 2
