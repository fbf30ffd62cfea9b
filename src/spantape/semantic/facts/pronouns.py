"""Whom a pronoun means, where a text names few enough that it can be told."""

from __future__ import annotations

from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token

_ONE = frozenset({"he", "she", "him"})
_OBJECTS = frozenset({"for", "to", "with", "from", "by", "of", "than"})


def meant_in(document: Document) -> dict[int, Token]:
    """Return the names that pronouns, `the former` and `the latter` of an English text stand for, by place.

    A pronoun is the name told last that its own clause does not tell.
    """
    found: dict[int, Token] = {}
    if document.language != "en":
        return found
    told: list[Token] = []
    for token in document.tokens:
        if _is_name(token, document):
            told = [one for one in told if one.low != token.low] + [token]
        elif token.low in {"former", "latter"} and len(told) == 2:
            found[token.place] = told[token.low == "latter"]
        elif token.low in _ONE or (token.low == "her" and _is_object(document, token)):
            others = [one for one in told if one.clause != token.clause]
            if others:
                found[token.place] = others[-1]
    return found


def _is_name(token: Token, document: Document) -> bool:
    if token.kind not in {"word", "code"}:
        return False
    return token.name or (token.first and bool(token.weight) and token.low not in document.words.known)


def _is_object(document: Document, token: Token) -> bool:
    following = document.tokens[token.place + 1 : token.place + 2]
    return not following or following[0].kind == "mark" or document.tokens[token.place - 1].low in _OBJECTS
