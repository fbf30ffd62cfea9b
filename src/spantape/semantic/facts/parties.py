"""Parties that play one another's part: pairs of them related the other way round, and values told of the other one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from spantape.semantic.alignment import Alignment
from spantape.semantic.facts.model import Finding
from spantape.semantic.facts.pronouns import meant_in
from spantape.semantic.facts.relations import Key, Pairs, relations_of, words_telling
from spantape.semantic.facts.sequences import sequences_of, words_comparing
from spantape.semantic.reading.document import SEGMENTED, Document
from spantape.semantic.reading.tokens import Token

_PERSONS = {"i": "we", "we": "we", "us": "we", "me": "we", "our": "", "you": "you"}
_PARTING = frozenset({",", ";", "and", "but", "while", "whereas", "or"})
_MOST = 12  # parts of a text that are bound against one another


class Keys:
    """Names for what stands in both texts: the same for a word and for what stands for it on the other side."""

    def __init__(self, alignment: Alignment) -> None:
        self._table = alignment.to_expected
        self._expected, self._actual = alignment.expected, alignment.actual
        self._meant = {
            id(document): meant_in(document) for document in (alignment.expected, alignment.actual)
        }

    def of_expected(self, token: Token) -> str:
        """The key of a word of the expected text."""
        return _named(self._meant[id(self._expected)].get(token.place, token))

    def of_actual(self, token: Token) -> str:
        """The key of a word of the actual text: that of the word that it stands for."""
        token = self._meant[id(self._actual)].get(token.place, token)
        place = self._table.get(token.place)
        return _named(self._expected.tokens[place]) if place is not None else _named(token)


def _named(token: Token) -> str:
    if token.low in _PERSONS:
        return _PERSONS[token.low]
    if token.kind == "word" and len(token.text) == 1 and token.text.isupper() and not token.first:
        return token.text
    if token.kind == "number" or (token.fact >= 0 and token.kind not in {"mark", "line"}):
        return token.low
    return token.stem or token.low if token.weight and token.kind not in {"mark", "line"} else ""


def compare_parties(alignment: Alignment) -> tuple[list[Finding], set[str], set[str]]:
    """Return the findings on parties that changed places, the keys of those that did not, and the words that tell it.

    Parties keep their places where they are related the same way on both sides, though it is told from another end.
    """
    keys = Keys(alignment)
    findings: list[Finding] = []
    agreed: set[str] = set()
    names: set[str] = set()
    for read in (relations_of, sequences_of):
        here, there = read(alignment.expected, keys.of_expected), read(alignment.actual, keys.of_actual)
        same, turned = _both_ways(here, there)
        agreed.update(word for pair, _ in same for word in pair)
        names.update(name for _, name in same)
        wrong = [(pair, name) for pair, name in turned if not _blurred(pair, name, same)]
        if wrong and not {pair for pair, _ in wrong} & {pair for pair, name in same if name != "mutual"}:
            findings.append(_changed(alignment.expected, *wrong[0][0]))
    words = {
        word
        for document in (alignment.expected, alignment.actual)
        for word in (*words_telling(document, names), *words_comparing(document, names))
    }
    return findings, agreed, words


def _blurred(pair: tuple[str, str], name: str, same: Sequence[tuple[tuple[str, str], str]]) -> bool:
    """Whether the same relation holds between one of these two and something else on both sides.

    What comes first or follows is told of whole clauses: there, any pair that agrees is enough.
    """
    alike = [one for one, its in same if its == name]
    if name in {"time", "if"}:
        return bool(alike)
    return any(pair[0] == one or pair[1] == two for one, two in alike)


def _both_ways(
    here: Pairs, there: Pairs
) -> tuple[list[tuple[tuple[str, str], str]], list[tuple[tuple[str, str], str]]]:
    """The relations of pairs that run the same way in both, and those that run the other way."""
    same, turned = [], []
    for pair, names in here.items():
        back = (pair[1], pair[0])
        for name in sorted(names):
            if name in there.get(pair, ()):
                same.append((pair, name))
            elif name in there.get(back, ()) and name not in here.get(back, ()):
                turned.append((pair, name))
    return same, turned


def _changed(document: Document, one: str, two: str) -> Finding:
    message = f"roles: '{one}' and '{two}' changed places"
    token = next((token for token in document.tokens if _named(token) == one), None)
    if token is not None:
        message += f", in '{document.sentence(token.sentence)}'"
    return Finding("roles", one, two, 1.0, message)


def compare_bound(alignment: Alignment) -> tuple[list[Finding], set[frozenset[str]]]:
    """Return the findings on what is said of one party here and of another there, and the pairs that stay bound.

    A text is cut at commas and conjunctions. Two parts of it stand for two of the other text where each shares words
    with its own; where each shares words with the other one too, what was bound together has changed partners.
    """
    keys = Keys(alignment)
    here, there = Parts(alignment.expected, keys.of_expected), Parts(alignment.actual, keys.of_actual)
    shared: dict[tuple[int, int], list[str]] = defaultdict(list)
    for key, at in here.part.items():
        if key in there.part:
            shared[at, there.part[key]].append(key)
    words_only = not any(kind == "value" for kind in here.kinds.values())
    loose = (
        words_only and alignment.expected.language in SEGMENTED
    )  # where a part's words are told by particles
    findings = [] if loose else _exchanged(shared, here, there, alignment.expected)
    return findings, set() if findings else _kept(shared)


class Parts:
    """A text cut at commas and conjunctions: the part that each word stands in, for words that stand in one alone."""

    def __init__(self, document: Document, key: Key) -> None:
        self.part: dict[str, int] = {}
        self.kinds: dict[str, str] = {}
        self.ends: dict[int, tuple[str, str]] = {}
        twice: set[str] = set()
        part = 0
        for token in document.tokens:
            part += token.kind == "line" or token.low in _PARTING
            name = key(token)
            if not name or part > _MOST:
                continue
            if self.part.setdefault(name, part) != part:
                twice.add(name)
            self.kinds.setdefault(name, _kind(token))
            self.ends[part] = (self.ends.get(part, (name, name))[0], name)
        self.part = {name: part for name, part in self.part.items() if name not in twice}


def _kind(token: Token) -> str:
    if token.kind == "number" or token.fact >= 0:
        return "value"
    return "word"


Shared = Mapping[tuple[int, int], list[str]]


def _exchanged(shared: Shared, here: Parts, there: Parts, document: Document) -> list[Finding]:
    for (one, two), keys in shared.items():
        for (three, four), others in shared.items():
            if not one < three or two == four or (one, four) not in shared or (three, two) not in shared:
                continue
            crossed = shared[one, four], shared[three, two]
            if (
                _parallel(keys, others, here)
                and _parallel(*crossed, here)
                and not (_listed(one, three, here, there) or _listed(two, four, there, here))
            ):
                return [_changed(document, keys[0], others[0])]
    return []


def _parallel(keys: list[str], others: list[str], parts: Parts) -> bool:
    """Whether both hold a value, or both a word: a value and a word do not change places."""
    return bool({parts.kinds[one] for one in keys} & {parts.kinds[one] for one in others})


def _listed(one: int, three: int, parts: Parts, others: Parts) -> bool:
    """Whether what meets at the cut between two parts are two items of a list, which the other text has turned."""
    first, second = sorted((one, three))
    last, opening = parts.ends[first][1], parts.ends[second][0]
    if second != first + 1 or last not in others.part or opening not in others.part:
        return second != first + 1
    there = others.part[last], others.part[opening]
    return there[0] > there[1] and others.ends[there[1]][1] == opening and others.ends[there[0]][0] == last


def _kept(shared: Shared) -> set[frozenset[str]]:
    """Pairs of words of two parts that each kept the value or name that is told of it."""
    bound = [keys for keys in shared.values() if len(keys) > 1]
    return {
        frozenset((one, two))
        for at, keys in enumerate(bound)
        for others in bound[at + 1 :]
        for one in keys
        for two in others
    }


_RELATED = frozenset(
    {"opposite", "opposite_weak", "contrast", "slot", "slot_missing", "slot_added", "negative_gap"}
)


def settle_parties(found: list[Finding], alignment: Alignment) -> list[Finding]:
    """Return findings without those on parties whose parts are known to be the same, and with those that changed."""
    turned, agreed, words = compare_parties(alignment)
    moved, kept = compare_bound(alignment)
    if turned or moved:
        return [*found, *turned, *moved]
    stems = {token.text: _named(token) for token in (*alignment.actual.tokens, *alignment.expected.tokens)}
    return [one for one in found if not _explained(one, stems, agreed, kept, words)]


def _explained(
    one: Finding, stems: Mapping[str, str], agreed: set[str], kept: set[frozenset[str]], words: set[str]
) -> bool:
    told = [stems.get(word, word) for word in (one.expected, one.actual) if word]
    if one.kind == "roles":
        return len(told) == 2 and (set(told) <= agreed or frozenset(told) in kept)
    return one.kind in _RELATED and {*one.expected.lower().split(), *one.actual.lower().split()} <= words
