"""Words that differ in letters and not in meaning: misspellings, derivations, abbreviations."""

from __future__ import annotations

from spantape.semantic.reading.tokens import Token

_LONGEST = 30


def misspelled(one: Token, other: Token, known: set[str]) -> bool:
    """Whether one word is the other with a slip of the hand: one or two letters, and not both words of the lexicon."""
    first, second = one.low, other.low
    if one.kind != "word" or other.kind != "word" or first[0] != second[0] or one.name != other.name:
        return False
    shorter, longer = sorted((len(first), len(second)))
    if shorter < 4 or longer > _LONGEST or longer - shorter > 2 or (first in known and second in known):
        return False
    allowed = 1 if shorter < 7 else 2
    if one.name and (allowed := 1) and shorter < 8:
        return False
    return slips(first, second, allowed) <= allowed


def slips(first: str, second: str, most: int) -> int:
    """Return how many letters were changed, left out, put in or swapped with their neighbour; `most` + 1 where more."""
    before: list[int] = []
    last = list(range(len(second) + 1))
    for row, char in enumerate(first, 1):
        current = [row]
        for column, other in enumerate(second, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (char != other))
            if row > 1 and column > 1 and char == second[column - 2] and first[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before, last = last, current
    return last[-1]


def same_root(one: Token, other: Token, language: str) -> bool:
    """Whether two words are built on one root: a long common beginning and short endings (`install`, `installation`)."""
    if one.name or other.name or language in {"ja", "zh"} or one.kind != "word" or other.kind != "word":
        return False
    first, second = one.stem, other.stem
    shared = 0
    for char, twin in zip(first, second, strict=False):
        if char != twin:
            break
        shared += 1
    return (
        shared >= 5
        and shared >= 0.7 * max(len(first), len(second))
        and max(len(first), len(second)) - shared <= 4
    )


def spelled_out(token: Token, tokens: list[Token]) -> tuple[int, int] | None:
    """Return where in other tokens an abbreviation (`NYC`) is spelled out, or None."""
    text = token.text
    if not (2 <= len(text) <= 6 and text.isupper() and text.isalpha()):
        return None
    size = len(text)
    for start in range(min(len(tokens), 2000) - size + 1):
        span = tokens[start : start + size]
        if all(
            part.low[:1] == char.lower() and part.kind == "word"
            for part, char in zip(span, text, strict=True)
        ):
            return start, start + size
    return None
