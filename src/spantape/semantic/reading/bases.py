"""Base forms: what makes `restarted`, `restarting` and `restarts` one word."""

from __future__ import annotations

import threading
from functools import cache, lru_cache
from typing import Any

from spantape.semantic.lexicon import Lexicon, lexicon
from spantape.semantic.lexicon.spelling import one_spelling

_STEMMERS = {
    "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "pt": "portuguese",
    "nl": "dutch", "hi": "hindi",
}  # fmt: skip
_VOWELS = frozenset("aeiou")
_LONGEST = 40  # letters; what is longer is no word of a language
_busy = threading.Lock()


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer  # type: ignore[import-untyped]  # it has no types

    return snowballstemmer.stemmer(_STEMMERS[language])


@lru_cache(maxsize=65536)
def stem(word: str, language: str) -> str:
    """Return the Snowball stem of a lower-case word; a word of a language without a stemmer is its own."""
    if language not in _STEMMERS or len(word) > _LONGEST:
        return word
    with _busy:  # a stemmer keeps its state in itself
        return str(_stemmer(language).stemWord(word))


@lru_cache(maxsize=65536)
def bases(word: str, language: str) -> tuple[str, ...]:
    """Return the base forms that a lower-case word may have, the likeliest first; the word itself where none is known."""
    words = lexicon(language)
    plain = one_spelling(word) if language == "en" else word
    found = []
    if plain in words.bases:
        found.append(words.bases[plain])
    if plain in words.known:
        found.append(plain)
    if language == "en":
        found += [form for form in _english(plain) if form in words.known]
    else:
        found += _by_stem(plain, language)
    return tuple(dict.fromkeys(found)) or (plain,)


@cache
def _stems(language: str) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = {}
    for known in sorted(lexicon(language).known):
        listed.setdefault(stem(known, language), []).append(known)
    return listed


def _by_stem(word: str, language: str) -> list[str]:
    return _stems(language).get(stem(word, language), []) if language in _STEMMERS else []


def _english(word: str) -> list[str]:
    """The forms that English endings may have been put on."""
    found: list[str] = []
    for ending, replacements in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            root = word[: -len(ending)]
            found += [root + replacement for replacement in replacements]
            if len(root) > 2 and root[-1] == root[-2] and root[-1] not in _VOWELS:
                found.append(root[:-1])
    return found


_ENDINGS = (
    ("ies", ("y", "ie")), ("ied", ("y",)), ("ier", ("y",)), ("iest", ("y",)), ("ily", ("y",)), ("es", ("", "e")),
    ("s", ("",)), ("ed", ("", "e")), ("ing", ("", "e")), ("er", ("", "e")), ("est", ("", "e")), ("ly", ("", "le")),
    ("ers", ("", "e")), ("ation", ("e", "")), ("ations", ("e", "")), ("ion", ("e", "")), ("ions", ("e", "")),
    ("ment", ("",)), ("ments", ("",)), ("ings", ("", "e")), ("able", ("", "e")), ("al", ("", "e")), ("als", ("", "e")),
    ("ity", ("", "e")), ("ness", ("",)), ("ance", ("", "e")), ("ence", ("", "e")), ("ful", ("",)), ("ous", ("",)),
)  # fmt: skip


def senses_of(forms: tuple[str, ...], words: Lexicon) -> tuple[Any, ...]:
    """Return the senses of all base forms that a word may have."""
    found: dict[Any, None] = {}
    for form in forms:
        found.update(dict.fromkeys(words.senses.get(form, ())))
    return tuple(found)
