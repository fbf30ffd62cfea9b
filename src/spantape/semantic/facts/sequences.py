"""What comes before what, what follows from what, and which of two has more: relations that a connecting word tells."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Final

from spantape.semantic.facts.relations import Key, Pairs
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

# Each connecting word: the relation, and whether what follows the word comes first.
_CONNECTING: Final = {
    "before": ("time", False), "until": ("time", False), "after": ("time", True), "once": ("time", True),
    "if": ("if", True), "when": ("if", True), "whenever": ("if", True), "because": ("if", True), "since": ("if", True),
}  # fmt: skip
_MOST = 8  # words on each side of a connecting word that are its ends
_MEASURED: Final = {"cost": "expens", "weigh": "heavi", "last": "long"}


def sequences_of(document: Document, key: Key) -> Pairs:
    """Return which ends stand before which, by the keys of their words; nothing in other languages."""
    pairs: Pairs = defaultdict(set)
    if document.language != "en":
        return pairs
    for sentence in _sentences(document):
        _open(sentence, key, pairs)
    for sentence in _halves(document):
        for at, token in enumerate(sentence):
            if token.low == "then" and not any(word.low in _CONNECTING for word in sentence):
                _follow(sentence, at, key, pairs)
            elif token.low in _CONNECTING:
                _connect(sentence, at, key, pairs)
            elif token.low == "than":
                _rank(sentence, at, key, pairs)
    return {pair: names for pair, names in pairs.items() if pair[0] != pair[1]}


def _sentences(document: Document) -> list[list[Token]]:
    found: dict[int, list[Token]] = defaultdict(list)
    for token in document.tokens:
        found[token.sentence].append(token)
    return list(found.values())


def _open(sentence: list[Token], key: Key, pairs: Pairs) -> None:
    """`A first; B`: what ends with `first` comes before the rest."""
    for token, following in pairwise(sentence):
        if token.low == "first" and following.low in {";", ","} and token is not sentence[0]:
            _follow(sentence, sentence.index(token), key, pairs)
            return


def _halves(document: Document) -> list[list[Token]]:
    """The sentences, cut at semicolons."""
    found: dict[tuple[int, int], list[Token]] = defaultdict(list)
    halves = 0
    for token in document.tokens:
        halves += token.low == ";"
        found[token.sentence, halves].append(token)
    return list(found.values())


def _connect(sentence: list[Token], at: int, key: Key, pairs: Pairs) -> None:
    name, turned = _CONNECTING[sentence[at].low]
    ahead, rest = _back(sentence[:at]), _forth(sentence[at + 1 :])
    clause = [token for token in ahead if token.clause == sentence[at].clause and token.weight]
    fronted = not clause and any(token.low in {",", "then"} for token in rest)
    if clause:
        ahead = clause
    elif fronted:
        comma = next((place for place, token in enumerate(rest) if token.low in {",", "then"}), len(rest))
        ahead, rest = rest[comma:], rest[:comma]
    first = [key(token) for token in ahead if key(token) and token.weight]
    second = [key(token) for token in rest if key(token) and token.weight]
    shared = set(first) & set(second)
    for one in first[-_MOST:]:
        for two in second[:_MOST]:
            if not {one, two} & shared:
                pairs[(two, one) if turned else (one, two)].add(name)


def _follow(sentence: list[Token], at: int, key: Key, pairs: Pairs) -> None:
    """`A, then B`: what stands before comes before."""
    first = [key(token) for token in sentence[:at] if key(token) and token.weight]
    second = [key(token) for token in sentence[at + 1 :] if key(token) and token.weight]
    for one in first[-_MOST:]:
        for two in second[:_MOST]:
            pairs[one, two].add("time")


def _back(tokens: list[Token]) -> list[Token]:
    """The tokens behind the last connecting word."""
    last = max((at for at, token in enumerate(tokens) if token.low in _CONNECTING), default=-1)
    return tokens[last + 1 :]


def _forth(tokens: list[Token]) -> list[Token]:
    """The tokens before the next connecting word."""
    return tokens[: next((at for at, token in enumerate(tokens) if token.low in _CONNECTING), len(tokens))]


def _rank(sentence: list[Token], at: int, key: Key, pairs: Pairs) -> None:
    """`A is faster than B`: from A to B by how fast, and by the axis of the word from its first end to its second."""
    compared = next(
        (place for place in range(at - 1, max(-1, at - 6), -1) if _compares(sentence[place])), None
    )
    if compared is None:
        return
    word = sentence[compared]
    less = word.low in {"less", "fewer"}
    measure = word
    if word.low in {"more", "less", "fewer"}:
        measure = sentence[compared + 1] if compared + 1 < at else sentence[compared - 1]
    before = [
        key(token)
        for token in sentence[:compared]
        if key(token) and token is not measure and token.clause == word.clause
    ]
    after = [key(token) for token in sentence[at + 1 :] if key(token) and token.clause == sentence[at].clause]
    for one in before[:_MOST]:
        for two in after[:2]:
            for name, far in _measures(measure):
                pairs[(two, one) if far != less else (one, two)].add(name)


def _compares(token: Token) -> bool:
    return token.low in {"more", "less", "fewer", "better", "worse"} or (
        token.low.endswith("er") and token.kind == "word" and not token.name
    )


def words_comparing(document: Document, names: set[str]) -> set[str]:
    """Return the words of a text, in lower case, by whose measure two are compared."""
    return {
        token.low
        for token in document.tokens
        if token.weight and {name for name, _ in _measures(token)} & names
    }


def _measures(word: Token) -> list[tuple[str, bool]]:
    named = next((_MEASURED[form] for form in word.forms if form in _MEASURED), word.stem)
    axes = [
        (f"axis {sense.line}", bool(sense.pole))
        for sense in word.senses
        if sense.kind in {"axis", "contrast"}
    ]
    return [(f"more {named}", False), *axes]
