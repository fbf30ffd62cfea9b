"""A text without its dress: Markdown, quotes, widths and contractions do not change what it says."""

from __future__ import annotations

import html
import re
import unicodedata

_FRACTION = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")
_DROPPED = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_=][ \t]?){3,}$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^(?=[^\n]*--)[ \t:|-]+$", re.MULTILINE)
# The first cell above a table's rule: what the rows are, which prose seldom says.
_HEAD_CELL = re.compile(r"^[ \t]?\|[^|\n]{1,60}(\|[^\n]{1,500}\n)(?=[ \t]?\|?[ \t]?:?--)", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[-*+•‣◦\u2013\u2014>]|\d{1,2}[.)]|#{1,6})[ \t]+(?=\S)", re.MULTILINE)
_LETTERED = re.compile(r"(?<![\w)])\((?:[a-z]|[ivx]{1,4}|\d{1,2})\)(?= )")
_TAG = re.compile(
    r"</?(?:[abipqsu]|b[rq]|h[1-6r]|[ou]l|li|div|span|em|strong|code|pre|t[dhr]|table|tbody|thead|sup|sub)(?: [^<>\n]{0,200})? ?/?>",
    re.IGNORECASE,
)
_HEADING = re.compile(r"^#{1,6} ([^\n]{1,60}[^\n:.!?])$", re.MULTILINE)
# Items that are counted within a line: `1. Stop the pump. 2. Close the valve.`, `a) one b) two`.
_COUNTED = re.compile(
    r"(?:(?<=[.:;!?] )|(?<=^))\d{1,2}\. (?=[A-Z])|(?<![\w(])(?:[a-h]|\d{1,2})\) ", re.MULTILINE
)
_PHONE = re.compile(
    r"(?<![\w.,])(?:\+\d{1,3}|\(\d{2,5}\)|0\d{1,4})[ .-]?\d{2,4}(?:[ .-]?\d{2,4}){1,4}(?![\w,.]\d)"
)
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(([^()\s]{1,500})\)")
_STRONG = re.compile(r"(?<![\w*])[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?![\w*])|\*{2,3}|~~")
_SPACES = re.compile(r"[ \t]+")
_GAPS = re.compile(r"\n\s*\n+|\n")
_QUOTES = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u201c": '"', "\u201d": '"',
    "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"', "\u2039": '"', "\u203a": '"', "\u300c": '"',
    "\u300d": '"', "\u300e": '"', "\u300f": '"', "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2044": "/",
    "\u3001": ",", "\u3002": ".", "\u0964": ".", "\u2043": "-",
})  # fmt: skip
_DASH = re.compile(r" ?[\u2014\u2015] ?| [\u2013-]{1,2} ")
_RANGE = re.compile(r"(?<=\d) ?\u2013 ?(?=\d)")

_CONTRACTIONS = (
    (re.compile(r"\b([Cc])an(?:'t|not)\b"), r"\1an not"),
    (re.compile(r"\b([Ww])on't\b"), r"\1ill not"),
    (re.compile(r"\b([Ss])han't\b"), r"\1hall not"),
    (re.compile(r"\b([Aa])in't\b"), r"\1re not"),
    (re.compile(r"\b(\w{2,7})n't\b"), r"\1 not"),
    (re.compile(r"\b([Ii])'m\b"), r"\1 am"),
    (re.compile(r"\b(\w{1,8})'re\b"), r"\1 are"),
    (re.compile(r"\b(\w{1,8})'ve\b"), r"\1 have"),
    (re.compile(r"\b(\w{1,8})'ll\b"), r"\1 will"),
    (re.compile(r"\b(\w{1,8})'d\b"), r"\1 would"),
    (re.compile(r"\b([Ii]t|[Hh]e|[Ss]he|[Tt]hat|[Tt]here|[Hh]ere|[Ww]hat|[Ww]ho|[Ww]here)'s\b"), r"\1 is"),
    (re.compile(r"\b([Ll])et's\b"), r"\1et us"),
    (re.compile(r"(\w)'s\b"), r"\1"),
    (re.compile(r"(\ws)'(?=\s|$)"), r"\1"),
)

_ABBREVIATIONS = (
    (re.compile(r"\b[Ii]ncl\b\.?"), "including"),
    (re.compile(r"\b[Ee]xcl\b\.?"), "excluding"),
    (re.compile(r"\b[Aa]pprox\b\.?"), "about"),
    (re.compile(r"\b[Tt]emp\b\.?"), "temperature"),
    (re.compile(r"\b[Nn]o\. ?(?=\d)"), "number "),
    (re.compile(r"\bw/o(?= )"), "without"),
    (re.compile(r"\bw/(?= )"), "with"),
    (re.compile(r" & "), " and "),
    (re.compile(r" @ "), " at "),
    (re.compile(r"(?<=\d)x(?=[ /.,]|$)"), " times"),
    (re.compile(r"(?<=[a-z0-9])/(?=(?:day|week|month|year|hour|night|person)\b)"), " per "),
)


def clean(text: str) -> str:
    """Return a text in one dress: NFKC, plain quotes, no Markdown, one line a sentence or item.

    What a reader would not miss is gone; digits, signs, names and the order of words are as they were. Takes time
    linear in the length of the text.
    """
    plain = html.unescape(text) if "&" in text else text
    plain = unicodedata.normalize("NFKC", _FRACTION.sub(" ", plain)).translate(_QUOTES)
    plain = _undressed(_DROPPED.sub("", plain))
    plain = _GAPS.sub("\n", _SPACES.sub(" ", plain))
    return _digits(_DASH.sub(" , ", _RANGE.sub("-", plain))).strip()


def expand_contractions(text: str) -> str:
    """Return an English text with its contractions written out: `can't` is `can not`, a possessive is its noun."""
    if "'" not in text and "annot" not in text:
        return text
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _undressed(text: str) -> str:
    for pattern, replacement in (
        (_FENCE, ""),
        (_TAG, " "),
        (_HEAD_CELL, r"\1"),
        (_TABLE_RULE, ""),
        (_RULE, ""),
        (_HEADING, r"\1:"),
        (_BULLET, "\n"),
        (_LETTERED, " "),
        (_COUNTED, " "),
        (_PHONE, _dialled),
        (_LINK, r"\1 \2"),
        (_STRONG, ""),
    ):
        text = pattern.sub(replacement, text)
    return text.replace("`", " ").replace("|", " ; ")


def _dialled(found: re.Match[str]) -> str:
    """A telephone number as one word; short runs of digits are left as they are."""
    digits = "".join(filter(str.isdigit, found.group()))
    return f"tel-{digits}" if len(digits) >= 9 else found.group()


def expand_abbreviations(text: str) -> str:
    """Return an English text with its abbreviations written out: `approx.` is `about`, `3x/day` three times a day."""
    for pattern, replacement in _ABBREVIATIONS:
        text = pattern.sub(replacement, text)
    return text


def _digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() and not char.isascii() else char for char in text
    )
