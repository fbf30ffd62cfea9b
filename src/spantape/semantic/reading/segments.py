"""Words of scripts that write none apart: Chinese and Japanese runs, cut at the longest entry of the lexicon."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from spantape.semantic.lexicon import Lexicon, table
from spantape.semantic.lexicon.units import unit_named

_BORDER = re.compile(
    r"(?<=[0-9A-Za-z.])(?=[\u3005\u3040-\u30ff\u3400-\u9fff])|(?<=[\u3005\u3040-\u30ff\u3400-\u9fff])(?=[0-9A-Za-z])"
)
_NUMERALS = re.compile(r"[〇零一二两兩三四五六七八九十百千万萬億亿]+(?:点[〇零一二三四五六七八九]+)?")
_DIGITS = {char: value for value, char in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2, "兩": 2}
_POWERS = {"十": 10, "百": 100, "千": 1000}
_GREAT = {"万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8}
_COUNTERS = frozenset(
    [
        "个",
        "個",
        "名",
        "人",
        "次",
        "件",
        "位",
        "本",
        "枚",
        "台",
        "只",
        "条",
        "张",
        "張",
        "回",
        "つ",
        "階",
        "层",
        "層",
        "倍",
        "歳",
        "岁",
        "号",
        "番",
        "番線",
        "番线",
        "点",
        "時",
        "时",
        "月",
        "日",
        "分",
        "年",
        "泊",
        "晚",
        "夜",
        "章",
        "页",
        "度",
        "午前",
        "午後",
        "上午",
        "下午",
        "早上",
        "晚上",
        "中午",
        "正午",
        "種類",
        "种",
        "項",
        "项",
        "箱",
        "袋",
        "杯",
        "把",
        "部",
        "家",
        "篇",
        "割",
        "名様",
        "人分",
        "両",
        "頁",
        "級",
        "级",
        "期",
        "周年",
        "か所",
        "カ所",
        "ヶ所",
        "点钟",
        "折",
        "成",
    ]
)
_KATAKANA = re.compile(r"[\u30a1-\u30ffー]+")
_HIRAGANA = re.compile(r"[\u3041-\u309f]+")
_REACH = 8


def part_scripts(text: str) -> str:
    """Return a text with a space wherever digits or Latin letters touch Han or kana."""
    return _BORDER.sub(" ", text)


@cache
def _calendar() -> frozenset[str]:
    names = (name for line in table("shared", "calendar") for name in line.split()[2:])
    return frozenset(name for name in names if not name.isascii())


def segments(run: str, words: Lexicon) -> Iterator[tuple[str, float | None]]:
    """Return the words of a run of Han and kana, each with its value where it is a number that counts something."""
    at = 0
    while at < len(run):
        piece, value = _counted(run, at)
        if piece is None:
            piece = _entry(run, at, words) or _rest(run, at)
        yield piece, value
        at += len(piece)


def _counted(run: str, at: int) -> tuple[str | None, float | None]:
    found = _NUMERALS.match(run, at)
    if found is None:
        return None, None
    after = run[found.end() : found.end() + 4]
    counts = any(after[:size] in _COUNTERS or unit_named(after[:size]) for size in range(1, len(after) + 1))
    if not counts and len(found.group()) < 2:
        return None, None
    return found.group(), numeral_value(found.group())


def _entry(run: str, at: int, words: Lexicon) -> str | None:
    for size in range(min(_REACH, len(run) - at), 0, -1):
        piece = run[at : at + size]
        if piece in words.known or piece in _calendar() or piece in _COUNTERS:
            return piece
        if size > 1 and unit_named(piece):
            return piece
    return None


def _rest(run: str, at: int) -> str:
    for script in (_KATAKANA, _HIRAGANA):
        found = script.match(run, at)
        if found:
            return found.group() if script is _KATAKANA else found.group()[:1]
    return run[at]


def numeral_value(text: str) -> float | None:
    """Return the value of a Chinese or Japanese numeral (`三千六百` → 3600, `二点五` → 2.5), None if it is none."""
    whole, _, decimals = text.partition("点")
    if all(char in _DIGITS for char in whole):
        value = float("".join(str(_DIGITS[char]) for char in whole) or "0")
    else:
        value = float(_grouped_value(whole))
    if decimals:
        value += float("0." + "".join(str(_DIGITS[char]) for char in decimals))
    return value


def _grouped_value(text: str) -> int:
    total = section = digit = 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _POWERS:
            section += (digit or 1) * _POWERS[char]
            digit = 0
        else:
            total += (section + digit or 1) * _GREAT[char]
            section = digit = 0
    return total + section + digit
