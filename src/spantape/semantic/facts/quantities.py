"""Numbers with what they measure: units, currencies, fractions, ranges, magnitudes."""

from __future__ import annotations

from spantape.semantic.facts.bounds import mark_bounds
from spantape.semantic.facts.model import Quantity
from spantape.semantic.facts.quantity_words import (
    ARTICLES,
    BELOW_ZERO,
    BETWEEN,
    CROWNS,
    DEGREES,
    HALVES,
    ITERATION,
    MINUS,
    NATIONAL,
    PLACES,
    TIMES,
    ZERO,
)
from spantape.semantic.lexicon.units import AMBIGUOUS, Unit, unit_named
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.numerals import magnitude_of
from spantape.semantic.reading.tokens import Token


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.tokens = document.tokens
        self.language = document.language
        self.found: list[Quantity] = []

    def walk(self) -> list[Quantity]:
        at = 0
        while at < len(self.tokens):
            at = max(at + 1, self.quantity(at))
        return _summed(self.found, self.tokens)

    def low(self, at: int) -> str:
        return self.tokens[at].low if 0 <= at < len(self.tokens) else ""

    def number(self, at: int) -> float | None:
        token = self.tokens[at] if 0 <= at < len(self.tokens) else None
        return token.value if token is not None and token.kind == "number" and token.fact < 0 else None

    def quantity(self, at: int) -> int:
        token = self.tokens[at]
        if token.fact >= 0:
            return at
        if token.kind == "number" and token.value is not None:
            return self.counted(at, at, token.value)
        if token.kind == "clock" and self.low(at + 1) in {"h", "hr", "hrs", "hours"}:
            hours, minutes = (int(part) for part in token.text.split(":")[:2])
            return self.add(hours * 3600.0 + minutes * 60, hours * 3600.0 + minutes * 60, "time", at, at + 2)
        if token.kind == "money" and self.number(at + 1) is not None:
            return self.counted(at, at + 1, self.number(at + 1) or 0.0)
        return self.in_words(at)

    def in_words(self, at: int) -> int:
        """`half an hour`, `a quarter of the users`, `a dozen`, `an hour`, `twice`."""
        low = self.low(at)
        if low in HALVES and not (
            low in {"quarter", "third", "fifth", "quart", "tenth", "medio", "media"}
            and not self.fractional(at)
        ):
            return self.fraction(at, at, 1.0)
        if low in TIMES:
            return self.add(TIMES[low], TIMES[low], "", at, at + 1, soft=True)
        return self.after_article(at) if low in ARTICLES else at

    def after_article(self, at: int) -> int:
        """`a dozen`, `every fifth`, `a quarter of`, `an hour`: what an article may begin."""
        low = self.low(at)
        ordinal = PLACES.get(self.low(at + 1), 0)
        if low in {"every", "each"} and ordinal > 2 and self.unit(at + 2)[0] is None:
            return self.add(1 / ordinal, 1 / ordinal, "ratio", at, at + 2)
        whole = low not in {"per", "each", "every"} and len(self.low(at + 1)) > 3
        magnitude = magnitude_of(self.low(at + 1)) if whole else None
        if magnitude:
            return self.counted(at, at + 1, magnitude)
        if self.low(at + 1) in HALVES and self.fractional(at + 1):
            return self.fraction(at, at + 1, 1.0)
        unit, end = self.unit(at + 1)
        if unit is not None and unit.dimension in {"time", "month"} and self.low(at + 1) not in AMBIGUOUS:
            if self.low(end) in {"or", "oder", "ou", "o"} and self.number(end + 1) == 2:
                return self.add(unit.factor, 2 * unit.factor, unit.dimension, at, end + 2)
            low_value, end = self.and_a_half(1.0, end)
            return self.add(
                low_value * unit.factor,
                low_value * unit.factor,
                unit.dimension,
                at,
                end,
                soft=low_value == 1,
            )
        return at

    def fractional(self, at: int) -> bool:
        """Whether `quarter`, `third` … is a part of something rather than a place in a row."""
        return self.low(at + 1) in {"of", "de", "del", "des", "der", "di"} or (
            self.low(at - 1) in {"a", "one", "un", "ein", "una"}
            and (
                self.unit(at + 1)[0] is not None or self.low(at + 1) in {"an", "a"} or self.low(at) == "half"
            )
        )

    def fraction(self, start: int, at: int, count: float) -> int:
        """A part: of a unit (`half an hour`) or of a whole (a ratio)."""
        value = count * HALVES[self.low(at)]
        after = at + 1
        while self.low(after) in ARTICLES | {"of", "de", "d", "di", "the"}:
            after += 1
        if after > at + 1 or self.unit(after)[0] is not None:
            unit, end = self.unit(after)
            if unit is not None and unit.dimension != "ratio":
                return self.add(value * unit.factor, value * unit.factor, unit.dimension, start, end)
            magnitude = magnitude_of(self.low(after)) if len(self.low(after)) > 4 else None
            if magnitude:
                return self.add(value * magnitude, value * magnitude, "", start, after + 1)
        return self.add(value, value, "ratio", start, at + 1, soft=count == 1 and value == 0.5)

    def counted(self, start: int, at: int, value: float) -> int:
        """A number at `at`, with its sign, magnitude, range and unit."""
        value, end = self.magnified(value, at + 1, money=start < at)
        if self.low(end) in HALVES and self.low(end).endswith("s") and value < 20:
            return self.fraction(start, end, value)
        begin, value = self.signed(start, value)
        high, end = self.ranged(value, end)
        if high == value:
            value, end = self.and_a_half(value, end)
            high = value
        part = self.part_of_unit(at, value, start)
        if part:
            return part
        named = end + 1 if value >= 1e6 and self.low(end) in {"d", "de", "of"} else end
        unit, after = self.unit(named)
        if unit is None and start < at:
            unit = unit_named(self.tokens[start].text)
            after = end
        if unit is None:
            unit, after = Unit("", 1.0), end
        if self.low(after) in BELOW_ZERO and self.low(after + 1) in ZERO:
            value, high, after = -high, -value, after + 2
        before_half = value
        value, after = self.and_a_half(value, after)
        high = value if high == before_half else high
        return self.measured(value, high, unit, begin, after)

    def part_of_unit(self, at: int, value: float, start: int) -> int:
        """`3/4 of an hour`, and `one in four` as a ratio; 0 where neither stands here."""
        whole = self.number(at + 2)
        if (
            self.low(at + 1) == "out"
            and self.low(at + 2) == "of"
            and self.number(at + 3) in {10.0, 100.0, 1000.0}
        ):
            return self.add(
                value / (self.number(at + 3) or 1), value / (self.number(at + 3) or 1), "ratio", start, at + 4
            )
        if self.low(at + 1) == "in" and whole and value < whole <= 1000 and self.unit(at + 3)[0] is None:
            return self.add(value / whole, value / whole, "ratio", start, at + 3)
        if (
            "/" in self.tokens[at].text
            and self.low(at + 1) in {"of", "de", "d"}
            and self.low(at + 2) in ARTICLES
        ):
            unit, end = self.unit(at + 3)
            if unit is not None:
                return self.add(value * unit.factor, value * unit.factor, unit.dimension, start, end)
        return 0

    def measured(self, low: float, high: float, unit: Unit, start: int, end: int) -> int:
        return self.add(*_based(low, high, unit), unit.dimension, start, end, written=low)

    def magnified(self, value: float, end: int, *, money: bool = False) -> tuple[float, int]:
        word = self.low(end)
        told = (
            len(word) > 2
            or not word.isascii()
            or word in {"bn", "mn", "tn"}
            or (money and word in {"k", "m", "b"})
        )
        magnitude = magnitude_of(word) if told else None
        while magnitude is not None:
            value, end = value * magnitude, end + 1
            magnitude = magnitude_of(self.low(end)) if len(self.low(end)) > 3 else None
        return value, end

    def and_a_half(self, value: float, end: int) -> tuple[float, int]:
        for joint in (("and", "a", "half"), ("y", "media"), ("et", "demie"), ("et", "demi"), ("e", "mezzo"), ("e", "mezza"),
                      ("e", "meia"), ("e", "meio"), ("半",), ("个", "半"), ("個", "半"), ("y", "medio"), ("en", "een", "half")):  # fmt: skip
            if tuple(self.low(end + at) for at in range(len(joint))) == joint:
                end += len(joint)
                return value + 0.5, end
        fraction = self.number(end)
        if fraction is not None and "/" in self.tokens[end].text and fraction < 1:
            return value + fraction, end + 1
        return value, end

    def signed(self, start: int, value: float) -> tuple[int, float]:
        before = self.low(start - 1)
        if before in MINUS or (before == "-" and not (start > 1 and self.tokens[start - 2].kind == "number")):
            return start - 1, -value
        return start, value

    def ranged(self, value: float, end: int) -> tuple[float, int]:
        """The other end of a range that a number begins: `60 to 100`, `5-10`, `one or two`."""
        if self.low(end) not in BETWEEN:
            return value, end
        after = end + 1 + (end + 1 < len(self.tokens) and self.tokens[end + 1].kind == "money")
        other = self.number(after)
        joins = self.low(end) in {"-", "~", "〜", "to", "bis", "à", "or", "から", "tot"} or (
            self.low(end) == "a" and self.language != "en"
        )
        between = self.low(end) in {"and", "et", "und", "y"} and self.low(end - 2) in {
            "between",
            "entre",
            "zwischen",
        }
        if (
            other is None
            or not (joins or between)
            or other < value
            or (self.low(end) in {"or", "oder"} and other != value + 1)
        ):
            return value, end
        other, stop = self.magnified(other, after + 1)
        return other, stop

    def unit(self, at: int) -> tuple[Unit | None, int]:
        """The unit that begins at a token, the longest name first, and where it ends."""
        if at >= len(self.tokens) or self.tokens[at].kind not in {"word", "money", "degree", "code"}:
            return None, at
        before = self.tokens[at - 1].text if at else ""
        if before[:1].isdigit() and before[-2:].isalpha():
            return None, at  # a place in a row: the 19th century
        if self.low(at) == "m" and self.low(at - 2) in {"h", "hr", "hrs"}:
            return unit_named("min"), at + 1
        return self.national(at) or self.named_unit(at)

    def named_unit(self, at: int) -> tuple[Unit | None, int]:
        """The unit of the table that begins at a token, and where it ends."""
        for size in (3, 2, 1):
            name = " ".join(token.text for token in self.tokens[at : at + size])
            unit = unit_named(name.replace("° ", "°"))
            if unit is not None and unit.dimension == "degree" and self.low(at + size) in DEGREES:
                return Unit(DEGREES[self.low(at + size)], 1.0), at + size + 1
            if unit is not None:
                return unit, at + size
        return None, at

    def national(self, at: int) -> tuple[Unit, int] | None:
        """`Canadian dollars`: a currency told by the country before it."""
        code = NATIONAL.get(self.low(at))
        if code is not None and self.low(at + 1) in CROWNS:
            return Unit(f"money:{code}", 1.0), at + 2
        return None

    def add(
        self,
        low: float,
        high: float,
        dimension: str,
        start: int,
        end: int,
        *,
        soft: bool = False,
        written: float | None = None,
    ) -> int:
        said = self.document.said(start, end)
        soft = soft or (low == high == 1 and not dimension and self.low(start) == "one")
        if self.low(end) in ITERATION and not dimension:
            end += 1
        low, high = min(low, high), max(low, high)
        quantity = Quantity(
            low, high, dimension, said, start, end, soft=soft, written=low if written is None else written
        )
        self.found.append(quantity)
        for token in self.tokens[start:end]:
            token.fact = len(self.found)
            token.weight = 0.0
        return end


def _based(low: float, high: float, unit: Unit) -> tuple[float, float]:
    if unit.dimension == "fahrenheit":
        return low, high
    return low * unit.factor, high * unit.factor


def _summed(found: list[Quantity], tokens: list[Token]) -> list[Quantity]:
    """The quantities with parts of one duration or measure added up: `1 hour 30 minutes`."""
    kept: list[Quantity] = []
    for quantity in found:
        last = kept[-1] if kept else None
        gap = tokens[last.end : quantity.start] if last is not None else []
        adds = (
            last is not None
            and all(token.low in {"and", "und", "et", "y", "e", "en", ","} for token in gap)
            and len(gap) < 2
        )
        if (
            last is not None
            and adds
            and last.dimension == quantity.dimension in {"time", "month", "length", "mass"}
            and not (gap and gap[0].low == ",")
            and quantity.high < last.low
        ):
            last.low, last.high, last.end = last.low + quantity.low, last.high + quantity.high, quantity.end
            last.text += " " + quantity.text
            continue
        kept.append(quantity)
    return kept


def quantities_in(document: Document) -> list[Quantity]:
    """Return the quantities that a text states, bounds and roundness marked, and mark their tokens as taken."""
    found = _Reader(document).walk() + _ordinals(document)
    for quantity in found:
        mark_bounds(quantity, document)
    return found


def _ordinals(document: Document) -> list[Quantity]:
    """Places in a row (`the second day`), soft: they may stand for a number on the other side."""
    found = []
    for token in document.tokens:
        if token.fact < 0 and token.low in PLACES:
            place = float(PLACES[token.low])
            found.append(
                Quantity(place, place, "", token.text, token.place, token.place + 1, soft=True, written=place)
            )
    return found
