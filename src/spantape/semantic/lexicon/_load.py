"""The word tables of one language as look-ups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from spantape.semantic.lexicon.spelling import one_spelling

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "ja", "zh", "hi")

# What a line of a table is, by the table that it stands in.
_KINDS = {
    "axes": "axis",
    "contrasts": "contrast",
    "synonyms": "same",
    "thesaurus": "same",
    "idioms": "same",
    "converses": "converse",
}


@dataclass(frozen=True, slots=True)
class Sense:
    """One end of one line: words that share a sense mean the same; the ends of an axis or contrast exclude each other."""

    kind: str
    line: int
    pole: int


@dataclass(slots=True)
class Lexicon:
    """The tables of one language, looked up by base form; a phrase's words are joined by one space."""

    senses: dict[str, tuple[Sense, ...]] = field(default_factory=dict)
    jobs: dict[str, frozenset[str]] = field(default_factory=dict)
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    longest: int = 1

    def job(self, name: str) -> frozenset[str]:
        """Return the words and phrases that do this job; none where the language has no such list."""
        return self.jobs.get(name, frozenset())


def table(language: str, name: str) -> Iterator[str]:
    """Return the lines of a table without its comments; nothing where the language has no such table."""
    path = files("spantape.semantic.lexicon") / "data" / language / f"{name}.txt"
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("# ") and stripped != "#":
            yield stripped


@cache
def lexicon(language: str) -> Lexicon:
    """Return the words of a language: an ISO 639-1 code, English where there are no tables for it."""
    known = language if language in LANGUAGES else "en"
    words = Lexicon()
    _read_senses(words, known)
    _read_jobs(words, known)
    _read_bases(words, known)
    return words


def _read_senses(words: Lexicon, language: str) -> None:
    gathered: dict[str, list[Sense]] = {}
    number = 0
    for name, kind in _KINDS.items():
        for line in table(language, name):
            number += 1
            for pole, members in enumerate(line.split(" | ")):
                for member in members.split():
                    entry = _entry(member)
                    gathered.setdefault(entry, []).append(Sense(kind, number, pole))
    words.senses = {entry: tuple(dict.fromkeys(senses)) for entry, senses in gathered.items()}
    for entry in gathered:
        _know(words, entry)


def _read_jobs(words: Lexicon, language: str) -> None:
    for line in table(language, "words"):
        name, _, members = line.partition(": ")
        words.jobs[name] = frozenset(_entry(member) for member in members.split())
        for entry in words.jobs[name]:
            _know(words, entry)


def _read_bases(words: Lexicon, language: str) -> None:
    for line in table(language, "irregular"):
        base, *forms = line.split()
        words.known.add(base)
        for form in forms:
            words.bases.setdefault(form, base)
            words.known.add(form)


def _entry(member: str) -> str:
    return " ".join(one_spelling(part) for part in member.replace("_", " ").split())


def _know(words: Lexicon, entry: str) -> None:
    parts = tuple(entry.split())
    words.known.update(parts)
    words.longest = max(words.longest, len(entry))
    if len(parts) > 1:
        listed = words.phrases.setdefault(parts[0], [])
        if (parts, entry) not in listed:
            listed.append((parts, entry))
            listed.sort(key=lambda phrase: -len(phrase[0]))
