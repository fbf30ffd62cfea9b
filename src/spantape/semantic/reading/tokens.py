"""A cleaned text as raw tokens: words, numbers, codes and marks, in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spantape.semantic.lexicon import Sense
from spantape.semantic.reading.numerals import suffixed, value_of

_LETTER = r"0-9A-Za-zµ\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0370-\u1fff\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"

# Every alternative is bounded or takes its run once, so that reading takes linear time on any text.
_TOKEN = re.compile(
    rf"""
    (?P<url>(?:https?://|www\.)[^\s<>"')\]]{{1,500}})
  | (?P<mail>[A-Za-z0-9._%+-]{{1,64}}@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{1,5}})
  | (?P<stamp>\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d{{1,9}})?)?(?:Z|[+-]\d{{2}}:?\d{{2}})?)?(?![\w-]))
  | (?P<clock>\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![\d:]))
  | (?P<path>(?:~|\.{{1,2}})?/[\w.-]{{1,80}}(?:/[\w.{{}}<>*-]{{0,80}}){{0,12}})
  | (?P<flag>(?<![\w-])--?[A-Za-z][\w-]{{0,60}}(?:=[\w./:-]{{1,80}})?)
  | (?P<money>[A-Z]{{1,3}}\$|[$€£¥₹₩₽₺₪₿¢])
  | (?P<degree>°[ ]?[CFK]\b|[%‰°])
  | (?P<grouped>\d{{1,3}}(?:[ ]\d{{3}}(?!\d))+(?:,\d{{1,4}})?(?![\w.,]))
  | (?P<word>[{_LETTER}]{{1,100}}(?:[-_./'&+@\#,][{_LETTER}]{{1,100}}){{0,12}})
  | (?P<line>\n)
  | (?P<mark>[^\s])
    """,
    re.VERBOSE,
)
_SENTENCE = frozenset(".!?\n")
_CLAUSE = frozenset(',;:()[]{}"…')
_NUMBER = re.compile(r"\d{1,18}(?:[.,']\d{1,18}){0,6}")
_NUMBER_THEN = re.compile(r"(\d{1,18}(?:[.,]\d{1,9})?)([^\W\d_]{1,12}(?:/[a-z]{1,4})?)")
_NUMBER_DASH = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)-([^\W\d_]{2,20}(?:-[^\W\d_]{2,20}){0,2})")
_NUMBER_RANGE = re.compile(r"(\d{1,9}(?:[.,]\d{1,9})?)-(\d{1,9}(?:[.,]\d{1,9})?)(%|[a-zA-Z]{1,3})?")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[/.]\d{1,2}[/.]\d{1,2}")
_HOURS = re.compile(r"(\d{1,2})h(\d{2})(?:m|min)?", re.IGNORECASE)
_SPAN = re.compile(r"\d{1,2}(?:[.]\d{2})?(?:am|pm)?-\d{1,2}(?:[.]\d{2})?(?:am|pm)", re.IGNORECASE)
_FRACTION = re.compile(r"\d{1,4}/\d{1,4}")
_WORDS = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_SPLIT = re.compile(r"[-/&+,.']")
_COMMAS = re.compile(r",(?!\d{3}(?!\d))")
CASELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(slots=True, eq=False)
class Token:
    """One word, number or sign: where it stands, its base form, its senses, and what was found out about it.

    `kind` is word, number, code, date, clock, url, mail, path, flag, money, degree, mark or line. `sign` is -1
    where the word stands denied. `fact` is the index of the fact that the token is part of, or -1.
    """

    text: str
    low: str
    kind: str
    sentence: int = 0
    clause: int = 0
    first: bool = False
    value: float | None = None
    key: str = ""
    stem: str = ""
    forms: tuple[str, ...] = ()
    senses: tuple[Sense, ...] = ()
    weight: float = 0.0
    name: bool = False
    sign: int = 1
    fact: int = -1
    place: int = 0


def tokenise(text: str, language: str) -> list[Token]:
    """Return the tokens of a cleaned text, each with its sentence and clause counted."""
    tokens: list[Token] = []
    sentence = clause = 0
    first = True
    for kind, piece in _pieces(text, language):
        token = Token(piece, piece.casefold(), kind, sentence, clause, first, place=len(tokens))
        if kind == "number":
            token.value = value_of(piece, language)
        if kind in {"mark", "line"}:
            ends = piece in _SENTENCE
            sentence += ends
            clause += ends or piece in _CLAUSE
            first = first or ends or piece in ':"(['
        else:
            first = False
        tokens.append(token)
    return tokens


def _pieces(text: str, language: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(text):
        kind, piece = found.lastgroup or "mark", found.group()
        if kind == "word":
            yield from _word(piece, language)
        elif kind == "grouped":
            yield from _grouped(piece, language)
        elif kind in {"url", "path", "mail"}:
            yield kind, piece.rstrip(".,;:!?")
        else:
            yield kind, piece


def _grouped(piece: str, language: str) -> Iterator[tuple[str, str]]:
    if language == "en" and "," not in piece and len(piece.split(" ", maxsplit=1)[0]) < 2:
        yield from (("number", part) for part in piece.split(" "))
    else:
        yield "number", piece


def _word(piece: str, language: str) -> Iterator[tuple[str, str]]:
    """The tokens of one run of letters and digits with what glues them."""
    if piece.isalpha():
        yield "word", piece
        return
    if "," in piece and not _NUMBER.fullmatch(piece):
        yield from _at_commas(piece, language)
        return
    if not any(char.isdigit() for char in piece):
        yield from _lettered(piece)
        return
    yield from _with_digits(piece, language)


def _at_commas(piece: str, language: str) -> Iterator[tuple[str, str]]:
    parts = _COMMAS.split(piece)
    if len(parts) == 1:
        parts = piece.split(",")
    for position, part in enumerate(parts):
        if position:
            yield "mark", ","
        if part:
            yield from _word(part, language)


def _lettered(piece: str) -> Iterator[tuple[str, str]]:
    if "_" in piece or "@" in piece or "#" in piece or ("." in piece and not piece[0].isupper()):
        yield ("word" if piece.count(".") == len(piece) // 2 and len(piece) < 6 else "code"), piece
    elif "." in piece:
        yield from _sentence_glue(piece)
    elif "/" in piece and not piece.islower():
        yield "code", piece
    else:
        yield "word", piece


def _sentence_glue(piece: str) -> Iterator[tuple[str, str]]:
    parts = piece.split(".")
    if all(len(part) <= 2 for part in parts):
        yield "word", "".join(parts)
    else:
        yield "code", piece


def _with_digits(piece: str, language: str) -> Iterator[tuple[str, str]]:
    if _DATE.fullmatch(piece):
        yield "date", piece
    elif _NUMBER.fullmatch(piece) or _FRACTION.fullmatch(piece):
        yield ("code" if piece.count(".") > 1 and value_of(piece, language) is None else "number"), piece
    elif found := _HOURS.fullmatch(piece):
        yield from zip(("number", "word", "number", "word"), (found[1], "h", found[2], "min"), strict=True)
    elif _SPAN.fullmatch(piece):
        first, _, second = piece.partition("-")
        yield from (*_word(first, language), ("mark", "-"), *_word(second, language))
    elif found := _NUMBER_RANGE.fullmatch(piece):
        yield from _range(found)
    elif found := _NUMBER_DASH.fullmatch(piece):
        yield "number", found[1]
        yield from (("word", part) for part in found[2].split("-"))
    elif (found := _NUMBER_THEN.fullmatch(piece)) and (split := suffixed(found[2], language)):
        yield "number", found[1] + split[0]
        if split[1]:
            yield "word", split[1]
    elif CASELESS.search(piece):
        yield "word", piece
    else:
        yield "code", piece


def _range(found: re.Match[str]) -> Iterator[tuple[str, str]]:
    if (
        len(found[1]) > 4
        or (len(found[1]) != len(found[2]) and len(found[2]) > 4)
        or found[1].startswith("0")
    ):
        yield "code", found.group()
        return
    yield "number", found[1]
    yield "mark", "-"
    yield "number", found[2]
    if found[3]:
        yield ("degree" if found[3] == "%" else "word"), found[3]


def compound_parts(word: str) -> list[str]:
    """Return the parts of a word that hyphens or slashes glue."""
    return [part for part in _SPLIT.split(word) if part]
