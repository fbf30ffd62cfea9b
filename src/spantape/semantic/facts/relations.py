"""Who stands in which relation to whom: each pair of parties, with the relations that run from the first to the second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache

from spantape.semantic.facts.parts import AUXILIARY, BE, SPLITS, is_verb
from spantape.semantic.lexicon import table
from spantape.semantic.lexicon.spelling import one_spelling
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

Key = Callable[[Token], str]
Pairs = dict[tuple[str, str], set[str]]

_MUTUAL = frozenset(
    ["meet", "marry", "married", "collaborate", "cooperate", "merge", "differ", "different", "agree", "disagree", "equal", "match", "same", "similar", "identical", "next", "opposite", "adjacent", "near", "close", "beside", "cousin", "sibling", "brother", "sister", "partner", "colleague", "friend", "neighbour", "neighbor", "rival", "twin", "spouse", "compete", "km", "mile", "metre", "meter", "away", "date", "divorce", "argue", "talk", "tie", "overlap", "border"]
)  # fmt: skip
_DETERMINERS = frozenset(
    ["the", "a", "an", "this", "that", "these", "those", "his", "her", "its", "their", "our", "your", "my"]
)
_LIGHT = frozenset({"take", "get", "have", "make", "do", "be", "go", "come", "see", "keep", "let", "need"})
_FROM = frozenset({"from"})
_TOWARDS = frozenset({"to", "into", "onto", "towards", "toward"})
_LEAVING = frozenset({"depart", "leave"})
_REACHING = frozenset({"land", "arrive", "reach"})
_MOVING = frozenset(
    {"move", "transfer", "copy", "go", "fly", "travel", "depart", "leave", "land", "arrive", "reach", "shift"}
)
_TURNING = frozenset({"convert", "turn", "translate", "transform", "change", "rename", "merge"})
_LONGEST = 4  # words of a phrase of the table
_CLAUSE = 24  # tokens on either side of a relation that may be its parties
_MOST = 40  # relations of one text that are read


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry of the table tells: its line, whether from the far end, whether a noun, whether things change hands."""

    line: int
    far: bool
    noun: bool
    hands: str
    mark: str = ""


@dataclass(slots=True)
class Clause:
    """A relation's word with the parties around it: keys before it, and after it by the preposition they follow."""

    before: list[str] = field(default_factory=list)
    after: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    beside: list[str] = field(default_factory=list)
    equates: bool = False
    passive: bool = False


@cache
def _entries() -> dict[str, list[Told]]:
    found: dict[str, list[Told]] = defaultdict(list)
    for number, line in enumerate(table("en", "relations")):
        for pole, members in enumerate(line.split("|")):
            for member in members.split():
                entry = " ".join(one_spelling(part) for part in member.rstrip("~<>").split("_"))
                hands = member[-1] if member[-1] in "<>" else ""
                found[entry].append(Told(number, pole == 1, member.endswith("~"), hands))
    return dict(found)


@cache
def _opening() -> frozenset[str]:
    """The first words of the table's entries."""
    return frozenset(entry.split(" ", 1)[0] for entry in _entries())


def relations_of(document: Document, key: Key) -> Pairs:
    """Return the relations between the parties of an English text, by their keys; nothing in other languages.

    A key names one party in both texts that are compared; it is empty for what is no party.
    """
    pairs: Pairs = defaultdict(set)
    if document.language != "en":
        return pairs
    read = 0
    for token in document.tokens:
        for name, end, told in _predicates(document, token):
            read += 1
            if read > _MOST:
                return pairs
            _relate(_clause(document, token, end, key), name, told, pairs)
    _paths(document, key, pairs)
    return {pair: names for pair, names in pairs.items() if pair[0] != pair[1]}


def words_telling(document: Document, names: set[str]) -> set[str]:
    """Return the words of a text, in lower case, that tell one of these relations of the table, or compare two."""
    found: set[str] = set()
    for token in document.tokens:
        listed = list(_predicates(document, token))
        told = {name: end for name, end, _ in listed}
        end = max((told[name] for name in names & set(told) if name.startswith("line")), default=0)
        found.update(word.low for word in document.tokens[token.place : end])
        if "path" in names and (
            {token.low, *token.forms} & _MOVING or any(one.hands for _, _, one in listed)
        ):
            found.add(token.low)
    return found


def _predicates(document: Document, token: Token) -> Iterator[tuple[str, int, Told]]:
    """The relations that a word or phrase may tell: (name, end, how)."""
    if token.kind != "word" or token.name:
        return
    forms = tuple(dict.fromkeys((token.low, token.low.removesuffix("s"), *token.forms)))
    if set(forms) & _MUTUAL and not _turned_into(document, token):
        yield "mutual", token.place + 1, Told(-1, far=False, noun=False, hands="")
        return
    end, listed = _listed(document, token, forms)
    for told in listed:
        yield f"line {told.line}", end, told
    if any(told.noun for told in listed) or _determined(document, token) or set(forms) & _LIGHT:
        return
    if token.weight and (is_verb(token, document) or _verb_like(document, token)):
        hands = "".join(told.hands for told in listed)
        if "<" not in hands:
            yield f"verb {token.stem}", token.place + 1, Told(-1, far=False, noun=False, hands=hands[:1])


def _listed(document: Document, token: Token, forms: tuple[str, ...]) -> tuple[int, list[Told]]:
    """The longest entry of the table that begins at a word: where it ends, and what it tells."""
    entries = _entries()
    if _opening().isdisjoint(forms):
        return token.place + 1, []
    determined = _determined(document, token)
    following = document.tokens[token.place + 1 : token.place + 2]
    for length in range(_LONGEST, 0, -1):
        rest = [word.low for word in document.tokens[token.place + 1 : token.place + length]]
        for form in forms if len(rest) == length - 1 else ():
            own = form in {token.low, token.low.removesuffix("s")}
            found = [
                told
                for told in entries.get(" ".join((form, *rest)), ())
                if (own or not told.noun) and (told.noun or not determined)
            ]
            if any(told.noun for told in found) and any(not told.noun for told in found):
                # `causes` before what is caused is a verb, before `of` a noun
                noun = determined or not following or following[0].low in {"of", "for", "is", "."}
                found = [told for told in found if told.noun == noun]
            if found:
                return token.place + length, found
    return token.place + 1, _apart(document, token, forms)


def _apart(document: Document, token: Token, forms: tuple[str, ...]) -> list[Told]:
    """What is told by a verb whose preposition follows later: `lost 3-1 to`."""
    following = document.tokens[token.place + 2 : token.place + 8]
    marks = {word.low for word in following if word.clause == token.clause}
    return [
        replace(told, mark=mark)
        for mark in sorted(marks & {"to", "from", "on", "of", "for"})
        for form in forms
        for told in _entries().get(f"{form} {mark}", ())
    ]


def _determined(document: Document, token: Token) -> bool:
    before = document.tokens[token.place - 1] if token.place else None
    if before is None or (before.low != "to" and before.low in document.words.job("preposition")):
        return before is not None
    return before.low in _DETERMINERS and (before.first or not before.text.isupper())


def _turned_into(document: Document, token: Token) -> bool:
    following = document.tokens[token.place + 1 : token.place + 2]
    return bool(following) and following[0].low in {"into", "onto"}


def _verb_like(document: Document, token: Token) -> bool:
    """Whether an unlisted word stands as a verb does: after a form of `be` and before `by`, or between noun phrases."""
    if token.place == 0 or token.place + 1 >= len(document.tokens):
        return False
    before, after = document.tokens[token.place - 1], document.tokens[token.place + 1]
    if after.low == "by" and token.low.endswith(("ed", "en")):
        return True
    opens = after.low in _DETERMINERS or after.name
    return (
        opens and token.low.endswith(("s", "ed")) and before.low not in _DETERMINERS and bool(before.weight)
    )


def _relate(clause: Clause, name: str, told: Told, pairs: Pairs) -> None:
    if name == "mutual":
        others = [one for group in clause.after.values() for one in group]
        for one in clause.before:
            for two in others or clause.before:
                pairs[one, two].add(name)
                pairs[two, one].add(name)
    elif told.noun:
        for one, two in _nominal(clause) if clause.equates else ():
            pairs[(two, one) if told.far else (one, two)].add(name)
    else:
        for one, two, of in _verbal(clause, told):
            pairs[one, two].add(f"{name}{of}")
            if told.hands and not of:
                pairs[one, two].add("path")


def _verbal(clause: Clause, told: Told) -> Iterator[tuple[str, str, str]]:
    """(from, to, of what) for a verb: who does it and whom it is done to, whichever end it is told from."""
    direct, by = clause.after.get(told.mark, []), clause.after.get("by", [])
    doers, others = (by, clause.before) if clause.passive else (clause.before, direct)
    if told.hands == ">":
        given = [one for mark in _TOWARDS for one in clause.after.get(mark, [])]
        if clause.passive:
            yield from ((one, two, " of") for one in given for two in clause.before)
            others = others + direct + given
        else:
            yield from ((one, two, " thing") for one in doers for two in (direct if given else ()))
            yield from ((two, one, " of") for one in direct for two in given)
            others = given or direct
    elif told.hands == "<":
        sources = clause.after.get("from", [])
        yield from ((one, two, "") for one in sources for two in doers)
        yield from ((one, two, " of") for one in doers for two in others)
        return
    elif not others and not clause.passive:
        others = next(
            (
                group
                for mark, group in clause.after.items()
                if mark in {"to", "for", "on", "at", "with", "about"}
            ),
            [],
        )
    for one in doers:
        for two in (*others, *(clause.after.get("of", []) if direct else ())):
            yield (two, one, "") if told.far else (one, two, "")


def _nominal(clause: Clause) -> Iterator[tuple[str, str]]:
    """(who is it, whose) for a noun: `A is B's manager`, `B's manager is A`, `A is the manager of B`."""
    owners = [*clause.beside, *(one for mark in ("of", "to", "for") for one in clause.after.get(mark, []))]
    for whose in owners:
        for one in (*clause.before, *clause.after.get("", [])):
            if one not in owners:
                yield one, whose


def _clause(document: Document, token: Token, end: int, key: Key) -> Clause:
    tokens = document.tokens
    beside = tokens[max(0, token.place - 2) : token.place]
    owners = [key(word) for word in beside if key(word) and not _determined(document, word)]
    clause = Clause(before=_subjects(document, token, key), beside=owners)
    beside = tokens[max(0, token.place - 3) : token.place]
    clause.equates = not any(is_verb(word, document) and word.low not in AUXILIARY for word in beside)
    near = tokens[max(0, token.place - 3) : token.place]
    after = tokens[end] if end < len(tokens) else None
    participle = token.low.endswith(
        ("ed", "en", "wn", "ld", "nt", "id", "ne", "ade", "ut", "un", "ght", "ung", "ost")
    )
    clause.passive = participle and any(word.low in BE and word.clause == token.clause for word in near)
    clause.passive = clause.passive or (after is not None and after.low == "by" and participle)
    governing = ""
    for word in tokens[end : end + _CLAUSE]:
        if word.low == "that" and word.place == end:
            continue
        if _ends(word, token):
            break
        following = tokens[word.place + 1 : word.place + 3]
        verb = any(is_verb(one, document) for one in following)
        value = bool(following) and following[0].fact >= 0
        if word.low in {"and", "or", "after", "before"} and (verb or value):
            break
        if word.low in document.words.job("preposition"):
            governing = word.low
        elif key(word):
            clause.after[governing].append(key(word))
    return clause


def _ends(word: Token, token: Token) -> bool:
    """Whether a word stands outside of the clause of another, or parts it."""
    mark = word.kind in {"mark", "line"} and word.low != "-"
    return mark or word.clause != token.clause or word.low in SPLITS


def _subjects(document: Document, token: Token, key: Key) -> list[str]:
    """The keys of the noun phrase that a verb belongs to; of the one before `who` where it is told by that."""
    found: list[str] = []
    prepositions = document.words.job("preposition")
    for word in reversed(document.tokens[max(0, token.place - _CLAUSE) : token.place]):
        if word.low in {"who", "which", "that"} and not found:
            continue
        if _ends(word, token):
            break
        if word.low in prepositions and word.low != "by":
            found = []
        elif word.low not in AUXILIARY and key(word):
            found.append(key(word))
    return found


def _paths(document: Document, key: Key, pairs: Pairs) -> None:
    """Add from where to where, by sentence: prepositions, and verbs that tell one end."""
    ends: dict[tuple[int, str], list[str]] = defaultdict(list)
    mark, sentence, turned = "start", -1, False
    for token in document.tokens:
        if token.sentence != sentence:
            mark, sentence, turned = "start", token.sentence, False
        if not token.name and {token.low, *token.forms} & _TURNING:
            mark, turned = "start", True
            continue
        if turned and token.low in _TOWARDS:
            ends[sentence, "from"].extend(ends[sentence, "start"])
        fresh = _path_mark(document, token, mark)
        if fresh == mark and mark and key(token):
            ends[sentence, mark].append(key(token))
        mark = fresh
    for (number, which), sources in ends.items():
        for one in sources[:6] if which == "from" else ():
            for two in ends.get((number, "to"), ())[:6]:
                pairs[one, two].add("path")


def _path_mark(document: Document, token: Token, mark: str) -> str:
    """Which end of a path the words from here on tell: `from`, `to`, or none."""
    forms = {token.low, *token.forms}
    if (
        token.low in _FROM
        or forms & _LEAVING
        or (token.low == "of" and document.tokens[token.place - 1].low == "out")
    ):
        return "from"
    if token.low in _TOWARDS or forms & _REACHING:
        return "to"
    inside = token.low in {"in", "at"} and mark == "to"
    ends = token.kind in {"mark", "line"} or token.low in document.words.job("preposition")
    return "" if ends and not inside else mark
