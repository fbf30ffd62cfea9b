"""A text as its reader understands it: words with base forms and senses, phrases, facts, and what stands denied."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from spantape.semantic.lexicon import Lexicon, Sense, lexicon
from spantape.semantic.lexicon.spelling import one_spelling
from spantape.semantic.lexicon.units import is_unit
from spantape.semantic.reading.bases import bases, senses_of, stem
from spantape.semantic.reading.clean import clean, expand_abbreviations, expand_contractions
from spantape.semantic.reading.filler import without_filler
from spantape.semantic.reading.language import language_of
from spantape.semantic.reading.number_words import is_joint, joined_value, may_follow, word_value
from spantape.semantic.reading.segments import part_scripts, segments
from spantape.semantic.reading.tokens import CASELESS, Token, compound_parts, tokenise

SEGMENTED = frozenset({"ja", "zh"})
_MERIDIEM = re.compile(r"\b([ap])\.\s?m\b\.?", re.IGNORECASE)
_SHORT = re.compile(
    r"\b(Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|approx|ca|etc|Sr|Sra|env|bzw|Std|Mio|Mrd|Tel|Str|Inc|Ltd|Co)\.(?=\s)"
)
_GERMAN_DAY = re.compile(r"\b(\d{1,2})\.(?= [A-ZÄÖÜ])")
_ELIDED = re.compile(
    r"\b([ldjmtscn]|qu|lorsqu|jusqu|puisqu|dell|nell|all|dall|sull|un)'(?=\w)", re.IGNORECASE
)
_BEFORE_MARK = re.compile(r" (?=[.,;:!?])")
_SHOWN = 80  # characters of a sentence in a message
_PARTICLES = frozenset({"up", "down", "on", "off", "out", "in", "over"})
_STATES = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "still",
        "back",
        "currently",
        "stays",
        "stay",
        "remains",
        "remain",
        "now",
        "again",
        "not",
    ]
)
_LABEL = 0.3  # weight of a word that labels a line
# `Yes, …` and `No, …` before a sentence that says so itself.
_ANSWER = re.compile(r"(yes|no|ja|nein|oui|non|sí|sì|sim|não|nee)[,.!:] ?(?=\w+ \w+ \w+)", re.IGNORECASE)
_PASSED = frozenset({"mark", "line"})


@dataclass(slots=True, eq=False)
class Unit:
    """One word or phrase that is compared as a whole: tokens `start` to `end`, and its senses."""

    start: int
    end: int
    entry: str
    senses: tuple[Sense, ...]


@dataclass(slots=True, eq=False)
class Document:
    """A text that was read."""

    text: str
    language: str
    tokens: list[Token]
    words: Lexicon
    units: list[Unit]
    phrases: list[list[tuple[str, int]]]
    filler: int = 0
    answer: str = ""
    _sentences: dict[int, list[str]] = field(default_factory=dict)

    def phrases_at(self, place: int) -> list[tuple[str, int]]:
        """Return (phrase, end) of the lexicon's phrases that begin at a token, the longest first."""
        return self.phrases[place]

    def said(self, start: int, end: int) -> str:
        """Return the words of some tokens as they stand in the text."""
        return " ".join(token.text for token in self.tokens[start:end] if token.kind != "line")

    def sentence(self, number: int) -> str:
        """Return a sentence by its number, cut where it is long."""
        if not self._sentences:
            for token in self.tokens:
                if token.kind != "line":
                    self._sentences.setdefault(token.sentence, []).append(token.text)
        joined = _BEFORE_MARK.sub("", " ".join(self._sentences.get(number, [])[:_SHOWN]))
        return joined if len(joined) <= _SHOWN else joined[: _SHOWN - 1] + "…"


def read(text: str, language: str | None = None) -> Document:
    """Return a text as read; its language is found out where it is not given."""
    plain = clean(text)
    told = language or language_of(plain)
    words = lexicon(told)
    kept, dropped = without_filler(_prepared(plain, told), told)
    opening = _ANSWER.match(kept)
    kept = kept[opening.end() :] if opening is not None else kept
    tokens = tokenise(kept, told)
    tokens = _segmented(tokens, words) if told in SEGMENTED else _numbered(_parted(tokens, words, told), told)
    for place, token in enumerate(tokens):
        token.place = place
        _understand(token, words, told)
    _lighten_labels(tokens)
    _weigh_particles(tokens)
    phrases = [_phrases_at(tokens, start, words) for start in range(len(tokens))]
    return Document(
        kept, told, tokens, words, _units(tokens, phrases, words), phrases, dropped, _said_first(opening)
    )


def _said_first(opening: re.Match[str] | None) -> str:
    if opening is None:
        return ""
    return "no" if opening[1].lower() in {"no", "nein", "non", "não", "nee"} else "yes"


def _prepared(text: str, language: str) -> str:
    text = _SHORT.sub(r"\1", _MERIDIEM.sub(r"\1m", text))
    if language == "en":
        return expand_contractions(expand_abbreviations(text))
    if language in {"fr", "it"}:
        return _ELIDED.sub(lambda found: {"n": "ne", "qu": "que"}.get(found[1].lower(), found[1]) + " ", text)
    if language in {"de", "nl"}:
        return _GERMAN_DAY.sub(r"\1", text)
    return part_scripts(text) if language in SEGMENTED else text


def _segmented(tokens: list[Token], words: Lexicon) -> list[Token]:
    found: list[Token] = []
    for token in tokens:
        if token.kind != "word" or not CASELESS.search(token.text):
            found.append(token)
            continue
        for piece, value in segments(token.text, words):
            kind = "word" if value is None else "number"
            found.append(Token(piece, piece, kind, token.sentence, token.clause, token.first, value))
    return found


def _parted(tokens: list[Token], words: Lexicon, language: str) -> list[Token]:
    found: list[Token] = []
    for token in tokens:
        if token.kind == "word" and not token.text.isalpha() and not _listed(token, words):
            whole = word_value(token.low, language) is not None or is_unit(token.text)
            parts = [] if whole else compound_parts(token.text)
            if len(parts) > 1 and token.low.isascii() is not None:
                found += [_part(token, part, at) for at, part in enumerate(parts)]
                continue
        found.append(token)
    return found


def _numbered(tokens: list[Token], language: str) -> list[Token]:
    """The tokens with number words made numbers, several in a row one."""
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        end, value = _number_from(tokens, at, language)
        if value is None:
            found.append(tokens[at])
            at += 1
            continue
        token = tokens[at]
        said = " ".join(part.text for part in tokens[at:end])
        found.append(Token(said, said.casefold(), "number", token.sentence, token.clause, token.first, value))
        at = end
    return found


def _number_from(tokens: list[Token], at: int, language: str) -> tuple[int, float | None]:
    first = _counting(tokens[at], language)
    if first is None:
        return at, None
    values: list[float | None] = [first]
    last, end = first, at + 1
    while end < len(tokens):
        joint = is_joint(tokens[end].low) and end + 1 < len(tokens)
        value = _counting(tokens[end + joint], language)
        if value is None or not may_follow(last, value) or (joint and last < 20):
            break
        values.append(value)
        last, end = value, end + joint + 1
    return end, joined_value(values)


def _counting(token: Token, language: str) -> float | None:
    """The value of a number word; an article that may mean one (`un`, `ein`) counts nothing."""
    if token.kind != "word":
        return None
    value = word_value(token.low, language)
    return None if value == 1 and language != "en" else value


def _weigh_particles(tokens: list[Token]) -> None:
    """Give weight to `up`, `down`, `on`, `off` … where they are what is said of something: `the site is down`."""
    for before, token in pairwise(tokens):
        if token.low in _PARTICLES and before.low in _STATES:
            following = tokens[token.place + 1] if token.place + 1 < len(tokens) else None
            if (
                following is None
                or following.kind in _PASSED
                or following.low in {"again", "now", "by", "and", "but"}
            ):
                token.weight = 1.0


def _lighten_labels(tokens: list[Token]) -> None:
    """Make little of what only labels a line: `Name: …`, a heading."""
    for token, following in pairwise(tokens):
        if token.first and following.text == ":" and not token.name:
            token.weight = min(token.weight, _LABEL)


def _listed(token: Token, words: Lexicon) -> bool:
    return token.low in words.known or one_spelling(token.low) in words.known


def _part(token: Token, text: str, at: int) -> Token:
    return Token(text, text.casefold(), "word", token.sentence, token.clause, token.first and not at)


def _understand(token: Token, words: Lexicon, language: str) -> None:
    """Give a token its base form, its senses, whether it names something, and how much it says."""
    if token.kind == "word":
        forms = bases(token.low, language)
        token.forms = forms
        token.key, token.stem = forms[0], stem(forms[0], language)
        token.senses = senses_of(forms, words)
        token.name = _is_name(token, words, language)
    else:
        token.key = token.stem = token.low
        versioned = token.low[:1] == "v" and token.low[1:2].isdigit()
        token.forms = (token.low, token.low[1:]) if versioned else (token.low,)
        token.name = token.kind in {"code", "url", "mail", "path", "flag"}
    token.weight = _weight(token, words, language)


def _is_name(token: Token, words: Lexicon, language: str) -> bool:
    text = token.text
    if not text[0].isupper():
        return any(char.isupper() for char in text[1:])
    if token.low in words.known or token.key in words.known or language == "de":
        return text.isupper() and len(text) > 1 and token.low not in words.known
    return not token.first or text.isupper()


def _weight(token: Token, words: Lexicon, language: str) -> float:
    if token.kind in _PASSED or token.low in words.job("stop") or token.low in words.job("negator"):
        return 0.0
    if token.name or token.kind != "word":
        return 1.5 if token.name else 0.0
    if token.low in words.job("light") or token.key in words.job("light"):
        return 0.4
    if language in SEGMENTED and len(token.text) == 1:
        return 0.0 if "\u3040" <= token.text <= "\u309f" else 0.5
    return 1.0


def _units(tokens: list[Token], found: list[list[tuple[str, int]]], words: Lexicon) -> list[Unit]:
    units = [
        Unit(token.place, token.place + 1, token.key, token.senses)
        for token in tokens
        if token.senses or token.weight
    ]
    for start in range(len(tokens)):
        for entry, end in found[start]:
            senses = words.senses.get(entry, ())
            if senses:
                units.append(Unit(start, end, entry, senses))
                break
    return units


def _phrases_at(tokens: list[Token], start: int, words: Lexicon) -> list[tuple[str, int]]:
    """Return (phrase, end) of the lexicon's phrases that begin at a token, the longest first."""
    found = []
    token = tokens[start]
    for first in {token.low, token.key}:
        for parts, entry in words.phrases.get(first, ()):
            end = start + len(parts)
            if end <= len(tokens) and all(
                part in (tokens[start + at].low, tokens[start + at].key) for at, part in enumerate(parts)
            ):
                found.append((entry, end))
    return sorted(found, key=lambda phrase: -phrase[1])
