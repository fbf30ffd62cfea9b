"""Numbers that are written in words: one word as a value, and several in a row as one number."""

from __future__ import annotations

from functools import cache

from spantape.semantic.lexicon import table

_JOINS = frozenset({"and", "und", "et", "y", "e", "en"})
# How a language writes tens and units in one word: unit first and a joint, or tens first.
_UNIT_FIRST = {"de": ("und",), "nl": ("en", "ën")}
_LONGEST = 40


@cache
def _values(language: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in table("shared", "numbers"):
        of, value, *words = line.split()
        if of == language:
            found.update(dict.fromkeys(words, float(value)))
    return found | _compounds(found, language)


def _compounds(simple: dict[str, float], language: str) -> dict[str, float]:
    tens = {word: value for word, value in simple.items() if value in range(20, 100, 10)}
    units = {word: value for word, value in simple.items() if value in range(1, 10)}
    built: dict[str, float] = {}
    for ten, much in tens.items():
        for unit, little in units.items():
            value = much + little
            if language in _UNIT_FIRST:
                built.update((unit + joint + ten, value) for joint in _UNIT_FIRST[language])
            elif language == "it":
                built[(ten[:-1] if unit[0] in "uo" else ten) + unit] = value
            else:
                built[f"{ten}-{unit}"] = value
                built[f"{ten}-et-{unit}"] = value
    return {word: value for word, value in built.items() if word not in simple}


def word_value(word: str, language: str) -> float | None:
    """Return the value of one lower-case number word, compounds too; None where it is no number word."""
    values = _values(language)
    value = values.get(word)
    if value is not None or language not in {"de", "nl"} or len(word) > _LONGEST:
        return value
    return _long_compound(word, language)


def _long_compound(word: str, language: str) -> float | None:
    """The value of a German or Dutch word such as `zweihundertfünfzig`."""
    for great, much in (("tausend", 1000), ("duizend", 1000), ("hundert", 100), ("honderd", 100)):
        before, found, after = word.partition(great)
        if not found:
            continue
        factor = 1.0 if not before else word_value(before, language)
        rest = 0.0 if not after else word_value(after.removeprefix("und"), language)
        if factor is not None and rest is not None:
            return factor * much + rest
    return None


def joined_value(values: list[float | None]) -> float:
    """Return the value of number words in a row, None standing for a joint (`two hundred and five` → 205)."""
    total = section = 0.0
    for value in values:
        if value is None:
            continue
        if value >= 1000:
            total += (section or 1) * value
            section = 0.0
        elif value == 100:
            section = (section or 1) * value
        else:
            section += value
    return total + section


def may_follow(last: float, value: float) -> bool:
    """Whether a number word goes on with the number that ends in another: `twenty` `five`, `two` `hundred`."""
    if value in {100.0, 1e3, 1e6, 1e9, 1e12, 1e5, 1e7}:
        return last < value
    return (last >= 20 and last < 100 and last % 10 == 0 and value < 10) or (last >= 100 and value < last)


def is_joint(word: str) -> bool:
    """Whether a word joins number words."""
    return word in _JOINS
