"""Digits and their marks as values: grouping and decimal signs by language, fractions, magnitudes."""

from __future__ import annotations

import re

from spantape.semantic.lexicon.units import is_unit

# Languages that write a decimal comma; in the others a comma groups.
_COMMA_DECIMAL = frozenset({"de", "fr", "es", "it", "pt", "nl"})

_MAGNITUDES = {
    "k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "mm": 1e6, "bn": 1e9, "B": 1e9, "b": 1e9, "tn": 1e12, "mn": 1e6,
    "thousand": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9, "trillion": 1e12, "mio": 1e6,
    "mrd": 1e9, "tsd": 1e3, "tausend": 1e3, "millionen": 1e6, "milliarde": 1e9, "milliarden": 1e9, "mille": 1e3,
    "mil": 1e3, "millón": 1e6, "millones": 1e6, "milliard": 1e9, "milliards": 1e9, "milione": 1e6, "milioni": 1e6,
    "miliardo": 1e9, "miliardi": 1e9, "milhão": 1e6, "milhões": 1e6, "miljoen": 1e6, "miljard": 1e9, "duizend": 1e3,
    "mila": 1e3, "hundred": 1e2, "dozen": 12, "dozens": 12, "lakh": 1e5, "crore": 1e7, "万": 1e4, "萬": 1e4, "億": 1e8,
    "亿": 1e8, "千": 1e3, "百": 1e2, "लाख": 1e5, "करोड़": 1e7, "हज़ार": 1e3, "हजार": 1e3, "सौ": 1e2, "dutzend": 12,
    "douzaine": 12, "docena": 12, "dozzina": 12, "dúzia": 12, "dozijn": 12, "ダース": 12, "打": 12,
}  # fmt: skip
_ORDINALS = frozenset(
    {"st", "nd", "rd", "th", "er", "ère", "e", "ème", "º", "ª", "o", "a", "te", "ten", "ter", "re"}
)
_GLUED_MAGNITUDES = frozenset({"k", "K", "M", "bn", "B", "mn", "tn", "万", "億", "亿", "千"})
_ORDINAL = re.compile(r"(\d{1,6})(?:st|nd|rd|th|er|ère|e|ème|º|ª|o|a|te|ten|ter|re)", re.IGNORECASE)
_SUFFIXES = "kKMBbmnt万億亿千"  # the letters that magnitudes after digits are made of
_PLAIN = re.compile(r"\d+")
_ENGLISH = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_COMMA = re.compile(r"\d{1,3}(?:[. ']\d{3})+(?:,\d+)?|\d+(?:,\d+)?")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})*,\d{3}(?:\.\d+)?")


def magnitude_of(word: str) -> float | None:
    """Return what a magnitude word multiplies by (`million` → 1e6), or None if it is no magnitude."""
    return _MAGNITUDES.get(word) or _MAGNITUDES.get(word.lower())


def suffixed(suffix: str, language: str) -> tuple[str, str] | None:
    """Return (magnitude letter, unit) of what follows digits without a space, or None where it is neither."""
    if suffix.lower() in _ORDINALS and not (
        suffix.lower() in {"a", "o", "e", "re", "er"} and language == "en"
    ):
        return suffix, ""
    if suffix in _GLUED_MAGNITUDES:
        return suffix, ""
    if suffix.lower() in {"am", "pm", "h", "uhr", "x"} or is_unit(suffix):
        return "", suffix
    return None


def value_of(text: str, language: str) -> float | None:
    """Return the value of digits with their marks, or None where they are no number in this language.

    `1,250.00` is English and `1.250,00` German for the same; where only one reading is possible, it is taken in any
    language. A trailing magnitude letter multiplies (`2.4M`); `3/4` is a fraction.
    """
    factor = 1.0
    ordinal = _ORDINAL.fullmatch(text)
    if ordinal is not None:
        return float(ordinal[1])
    digits = text
    if digits[-1:].isalpha():
        digits = text.rstrip(_SUFFIXES)
        factor = _MAGNITUDES.get(text[len(digits) :], 0.0)
        if not factor or not digits:
            return None
    if "/" in digits:
        over, _, under = digits.partition("/")
        return float(over) / float(under) if float(under) else None
    value = _digits_value(digits, language)
    return None if value is None else value * factor


def _digits_value(digits: str, language: str) -> float | None:
    if _PLAIN.fullmatch(digits):
        return float(digits)
    patterns = (_read_comma, _read_english) if language in _COMMA_DECIMAL else (_read_english, _read_comma)
    for read in patterns:
        value = read(digits)
        if value is not None:
            return value
    return None


def _read_english(digits: str) -> float | None:
    if _ENGLISH.fullmatch(digits) or _INDIAN.fullmatch(digits):
        return float(digits.replace(",", ""))
    return None


def _read_comma(digits: str) -> float | None:
    if _COMMA.fullmatch(digits):
        return float(re.sub(r"[. ']", "", digits).replace(",", "."))
    return None
