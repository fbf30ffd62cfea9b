"""What stands denied: negators, their scope, and whether two texts deny the same things."""

from __future__ import annotations

from dataclasses import dataclass, field

from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

_BREAKS = frozenset(
    [
        "but",
        "because",
        "so",
        "while",
        "whereas",
        "although",
        "though",
        "if",
        "unless",
        "when",
        "and",
        "since",
        "as",
        "which",
        "that",
        "until",
        "except",
    ]
)
_WHOLE_CLAUSE = frozenset({"de", "nl", "fr", "es", "it", "pt", "ja", "zh", "hi"})
_REACH = 10


@dataclass(slots=True, eq=False)
class Denial:
    """A negator or negating phrase, and the places of the words that it denies."""

    start: int
    end: int
    scope: list[int] = field(default_factory=list)
    until: bool = False


def deny(document: Document) -> list[Denial]:
    """Return the denials of a text, and turn the sign of every token that stands in the scope of one."""
    denials: list[Denial] = []
    taken = _not_denying(document)
    _turn_lesser(document)
    at = 0
    while at < len(document.tokens):
        end = 0 if at in taken else _negator(document, at)
        if end:
            denial = Denial(at, end, _scope(document, at, end), until=_until(document, end))
            if not _doubles(denials, denial, document):
                denials.append(denial)
                for token in document.tokens[at:end]:
                    token.weight = 0.0
                for place in denial.scope:
                    document.tokens[place].sign *= -1
        at = max(at + 1, end)
    return denials


def _turn_lesser(document: Document) -> None:
    """Turn the sign of what is called less or least so: `less expensive` is `cheaper`."""
    for token, following in zip(document.tokens, document.tokens[1:], strict=False):
        if token.low in {"less", "least"} and any(sense.kind == "axis" for sense in following.senses):
            before = document.tokens[token.place - 1].low if token.place else ""
            if before not in {"at", "no"} and following.low != "than" and following.kind == "word":
                following.sign *= -1


def _not_denying(document: Document) -> set[int]:
    """Places of negators that deny nothing: `not only`, `no later than`, and those inside a phrase of the lexicon."""
    words = document.words
    taken: set[int] = set()
    for start in range(len(document.tokens)):
        for entry, end in document.phrases_at(start):
            harmless = entry in words.job("not_negation") or entry in words.job("hedge_phrase")
            if harmless or (entry in words.senses and entry not in words.job("negative_phrase")):
                taken.update(range(start, end))
    return taken


def _negator(document: Document, at: int) -> int:
    """Where the negator that begins at a token ends, or 0."""
    words = document.words
    for entry, end in document.phrases_at(at):
        if entry in words.job("negative_phrase"):
            return end
    token = document.tokens[at]
    if token.low in {"none", "null"} and token.text[0].isupper() and not token.first:
        return 0  # the value `None`
    return at + 1 if token.low in words.job("negator") else 0


_NEGATIVE_PREFIX = ("un", "in", "im", "dis", "non", "ir", "il")


def negative_words(document: Document) -> list[int]:
    """Return the places of words that deny by themselves: `invalid`, `without`, `untested`, `sold out`."""
    words = document.words
    listed = words.job("negative")
    found = []
    for token in document.tokens:
        if token.kind != "word":
            continue
        prefixed = any(
            token.weight
            and len(token.low) > len(prefix) + 3
            and token.low.startswith(prefix)
            and (
                token.low[len(prefix) :].lstrip("-") in words.known or (len(token.low) > 7 and prefix == "un")
            )
            for prefix in _NEGATIVE_PREFIX
        )
        phrase = any(entry in listed for entry, _ in document.phrases_at(token.place))
        if prefixed or phrase or token.low in listed or token.key in listed or token.low.endswith("less"):
            found.append(token.place)
    return found


def _until(document: Document, end: int) -> bool:
    """Whether `not … until` follows, which tells when something begins."""
    if document.language != "en":
        return False
    clause = document.tokens[end - 1].clause
    following = document.tokens[end : end + _REACH]
    return any(token.low in {"until", "till"} for token in following if token.clause == clause)


def _scope(document: Document, at: int, end: int) -> list[int]:
    tokens = document.tokens
    clause = tokens[at].clause
    if document.language in _WHOLE_CLAUSE:
        return [
            token.place
            for token in _around(document, at)
            if token.clause == clause and not at <= token.place < end
        ]
    scope: list[int] = []
    for token in tokens[end : end + _REACH * 2]:
        if token.clause != clause or (token.low in _BREAKS and scope) or len(scope) >= _REACH:
            break
        if token.weight or token.senses:
            scope.append(token.place)
    return scope or [
        token.place for token in tokens[max(0, at - _REACH) : at] if token.clause == clause and token.weight
    ]


def _around(document: Document, at: int) -> list[Token]:
    return document.tokens[max(0, at - 40) : at + 40]


def _doubles(denials: list[Denial], denial: Denial, document: Document) -> bool:
    """Whether another negator of this clause denies the same, as in `ne … pas` and `no … nunca`."""
    if document.language not in _WHOLE_CLAUSE or not denials:
        return False
    return document.tokens[denials[-1].start].clause == document.tokens[denial.start].clause
