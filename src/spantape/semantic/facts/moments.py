"""Dates and times of day, in the spellings of ten languages; what a text leaves open stays open."""

from __future__ import annotations

from spantape.semantic.facts.calendar_words import (
    AM,
    AMBIGUOUS,
    BEFORE_CLOCK,
    FILL,
    FOREIGN,
    HALF_TO,
    NAMED_DAYS,
    NOON,
    ORDINALS,
    PM,
    QUARTERS,
    calendar,
)
from spantape.semantic.facts.model import Moment
from spantape.semantic.reading.document import Document
from spantape.semantic.reading.tokens import Token


class _Reader:
    """Walks the tokens of one document and gathers its moments."""

    def __init__(self, document: Document) -> None:
        self.tokens = document.tokens
        self.language = document.language
        self.found: list[Moment] = []

    def walk(self) -> list[Moment]:
        at = 0
        while at < len(self.tokens):
            at = max(at + 1, self.stamp(at) or self.clock(at) or self.date(at) or self.quarter(at) or 0)
        return self.found

    def token(self, at: int) -> Token | None:
        return self.tokens[at] if 0 <= at < len(self.tokens) else None

    def low(self, at: int) -> str:
        token = self.token(at)
        return token.low if token is not None else ""

    def add(self, kind: str, parts: dict[str, int], start: int, end: int, *, vague: bool = False) -> int:
        said = " ".join(token.text for token in self.tokens[start:end])
        self.found.append(Moment(kind, parts, said, start, end, vague))
        for token in self.tokens[start:end]:
            token.fact = len(self.found)
            token.weight = 0.0
        return end

    # -- dates in digits

    def stamp(self, at: int) -> int:
        token = self.tokens[at]
        if token.kind == "stamp":
            year, month, day = (int(part) for part in token.text[:10].split("-"))
            end = self.add("date", {"year": year, "month": month, "day": day}, at, at + 1)
            if len(token.text) > 10:
                hour, minute = int(token.text[11:13]), int(token.text[14:16])
                self.add("time", self.zoned({"minute": hour * 60 + minute}, token.text[16:]), at, at + 1)
            return end
        if token.kind == "date":
            return self.dotted(
                at, [int(part) for part in token.text.replace("/", ".").replace("-", ".").split(".")]
            )
        return 0

    def dotted(self, at: int, numbers: list[int]) -> int:
        if numbers[0] > 31:
            year, month, day = numbers
        else:
            day, month, year = numbers
            year += 2000 if year < 100 else 0
        if month > 12 or (self.language == "en" and "/" in self.tokens[at].text and day <= 12):
            day, month = month, day
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return 0
        vague = "/" in self.tokens[at].text and day <= 12 and numbers[0] <= 31
        return self.add("date", {"year": year, "month": month, "day": day}, at, at + 1, vague=vague)

    def zoned(self, parts: dict[str, int], zone: str) -> dict[str, int]:
        if zone.endswith("Z"):
            parts["zone"] = 0
        elif len(zone) >= 5 and zone[-5 if ":" not in zone[-5:] else -6] in "+-":
            digits = zone.replace(":", "")[-5:]
            parts["zone"] = int(digits[0] + "1") * (int(digits[1:3]) * 60 + int(digits[3:5]))
        return parts

    # -- dates in words

    def named(self, at: int, what: str) -> int | None:
        token = self.token(at)
        if token is None or token.kind != "word" or (self.language == "en" and token.low in FOREIGN):
            return None
        for kind, number in calendar().get(token.low, ()):
            if kind == what and (token.low not in AMBIGUOUS or self.likely(at)):
                return number
        return None

    def likely(self, at: int) -> bool:
        """Whether an ambiguous name (`may`, `sun`, `march`) stands like one of the calendar."""
        token = self.tokens[at]
        beside = [self.token(at - 1), self.token(at + 1)]
        if any(near is not None and self.day(near) is not None for near in beside):
            return True
        days = [calendar().get(near.low, []) for near in beside if near is not None and near.kind == "word"]
        if token.text[0].isupper() and any(what == "weekday" for named in days for what, _ in named):
            return True
        if self.language == "de":
            return token.low in {"mai", "morgen"} and (token.low == "mai" or token.text.islower())
        capital = token.text[0].isupper() and not token.first
        return capital or (
            self.language not in {"en", "de"} and token.low not in {"set", "ago", "out", "mars", "mar", "mai"}
        )

    def day(self, token: Token) -> int | None:
        if token.kind == "number" and token.value is not None and token.value == int(token.value):
            return int(token.value) if 1 <= token.value <= 31 else None
        return None

    def year(self, at: int) -> int | None:
        token = self.token(at)
        if token is None or token.kind != "number" or token.value is None or not token.text.isdigit():
            return None
        return int(token.value) if 1900 <= token.value <= 2100 and len(token.text) == 4 else None

    def date(self, at: int) -> int:
        """A date that begins at a token: weekday, day, month and year in any usual order."""
        if self.tokens[at].kind not in {"word", "number"}:
            return 0
        holiday = self.holiday(at)
        if holiday:
            return holiday
        relative = self.named(at, "relative")
        if relative is not None and self.named(at, "month") is None:
            return self.add("date", {"relative": relative}, at, at + 1)
        parts: dict[str, int] = {}
        end = self.weekday(at, parts)
        end = self.cjk_date(end, parts) or self.day_month(end, parts) or self.month_day(end, parts) or end
        if parts and end > at:
            return self.add("date", parts, at, end)
        return 0

    def holiday(self, at: int) -> int:
        """`Christmas Eve`, `the day after tomorrow`: days with names of several words."""
        for names, parts in NAMED_DAYS.items():
            if self.tokens[at].low == names[0] and all(
                self.low(at + step) == name for step, name in enumerate(names)
            ):
                return self.add("date", dict(parts), at, at + len(names))
        return 0

    def weekday(self, at: int, parts: dict[str, int]) -> int:
        number = self.named(at, "weekday")
        if number is None:
            return at
        parts["weekday"] = number
        end = at + 1
        following = end + 1 if self.low(end) in {",", "the", "den", "dem", "le", "el", "(", "."} else end
        ahead = self.token(following)
        if ahead is not None and (
            self.named(following, "month") or (self.day(ahead) and self.month_after(following))
        ):
            return following
        return end

    def month_after(self, at: int) -> int:
        """The place of a month name right after a day number, or 0."""
        for place in (at + 1, at + 2):
            if self.named(place, "month") is not None:
                return place
            if self.low(place) not in FILL and self.low(place) not in {"st", "nd", "rd", "th"}:
                return 0
        return 0

    def day_month(self, at: int, parts: dict[str, int]) -> int:
        token = self.token(at)
        day = self.day(token) if token is not None else None
        if day is None and self.low(at) in {"first", "erste", "premier", "1er", "primero"}:
            day = 1
        month = self.month_after(at) if day is not None else 0
        if not month or day is None:
            return 0
        parts |= {"day": day, "month": self.named(month, "month") or 0}
        return self.with_year(month + 1, parts)

    def month_day(self, at: int, parts: dict[str, int]) -> int:
        month = self.named(at, "month")
        if month is None:
            return 0
        parts["month"] = month
        following = at + 2 if self.low(at + 1) == "the" else at + 1
        token = self.token(following)
        if token is not None and self.day(token) is not None and not self.is_measured(following + 1):
            parts["day"] = self.day(token) or 0
            return self.with_year(following + 1, parts)
        return self.with_year(at + 1, parts)

    def is_measured(self, at: int) -> bool:
        return self.low(at) in {":", "%", "am", "pm"}

    def with_year(self, at: int, parts: dict[str, int]) -> int:
        skipped = at + 1 if self.low(at) in {",", "de", "del"} else at
        year = self.year(skipped)
        if year is None:
            return at
        parts["year"] = year
        return skipped + 1

    def cjk_date(self, at: int, parts: dict[str, int]) -> int:
        """`2026 年 12 月 5 日`, any of the three left out."""
        end = at
        for name, mark in (("year", "年"), ("month", "月"), ("day", "日号")):
            token = self.token(end)
            if (
                token is not None
                and token.value is not None
                and self.low(end + 1)
                and self.low(end + 1) in mark
            ):
                parts[name] = int(token.value)
                end += 2
        if end == at + 2 and "year" in parts and parts["year"] < 1900:
            parts.clear()
            return 0
        return end if end > at else 0

    def quarter(self, at: int) -> int:
        low = self.low(at)
        if len(low) == 2 and low[0] in "qt" and low[1] in "1234" and self.tokens[at].text[0].isupper():
            parts = {"quarter": int(low[1])}
            return self.add("date", parts, at, self.with_year(at + 1, parts))
        number = ORDINALS.get(low) or (
            self.day(self.tokens[at]) if self.tokens[at].text[-1:].isalpha() else None
        )
        if number and number <= 4 and self.low(at + 1) in QUARTERS:
            parts = {"quarter": number}
            following = at + 3 if self.low(at + 2) == "of" else at + 2
            return self.add(
                "date", parts, at, self.with_year(following, parts) if self.year(following) else at + 2
            )
        return 0

    # -- times of day

    def clock(self, at: int) -> int:
        token = self.tokens[at]
        if token.kind == "clock":
            hour, minute = (int(part) for part in token.text.split(":")[:2])
            if hour > 24 or minute > 59:
                return 0
            if self.low(at + 1) in {"h", "hr", "hrs", "hours"} and self.language == "en":
                return 0
            end = at + 2 if self.low(at + 1) in {"uhr", "h", "uur"} else at + 1
            return self.time(hour * 60 + minute, at, end, open_half=len(token.text) < 5 and hour < 12)
        if token.kind == "number" and token.value is not None and token.value == int(token.value) <= 24:
            return self.hour(at, int(token.value))
        if token.low in NOON and self.low(at - 1) not in {"after", "before-"}:
            return self.add("time", {"minute": NOON[token.low]}, at, at + 1)
        return self.spoken(at)

    def hour(self, at: int, hour: int) -> int:
        follows = self.low(at + 1)
        if follows in {"am", "pm"}:
            return self.time(hour * 60, at, at + 1, open_half=True)
        if follows == "o" and self.low(at + 2) == "clock":
            return self.time(hour * 60, at, at + 3, open_half=hour < 13)
        if follows in {"o'clock", "oclock"}:
            return self.time(hour * 60, at, at + 2, open_half=hour < 13)
        if follows in {"uhr", "時", "时", "点", "点钟", "uur", "बजे"} or (
            follows == "h" and self.language != "en" and self.stands_for_time(at)
        ):
            return self.hour_minute(at, hour)
        if self.low(at + 1) in {"past", "to"}:
            return self.spoken(at)
        return self.hour_by_context(at, hour)

    def hour_minute(self, at: int, hour: int) -> int:
        minutes = self.token(at + 2)
        half = self.low(at + 2) == "半"
        if half:
            return self.time(hour * 60 + 30, at, at + 3, open_half=hour < 13)
        if (
            minutes is not None
            and minutes.value is not None
            and minutes.value < 60
            and minutes.kind == "number"
        ):
            closing = self.low(at + 3)
            if closing in {"分", "min"} or self.low(at + 1) in {"h", "uhr"}:
                return self.time(
                    int(hour * 60 + minutes.value), at, at + 3 + (closing in {"分", "min"}), open_half=False
                )
        return self.time(hour * 60, at, at + 2, open_half=hour < 13 and self.low(at + 1) not in {"uhr", "h"})

    def stands_for_time(self, at: int) -> bool:
        minutes = self.token(at + 2)
        with_minutes = minutes is not None and minutes.kind == "number" and len(minutes.text) == 2
        return with_minutes or self.low(at - 1) in BEFORE_CLOCK

    def hour_by_context(self, at: int, hour: int) -> int:
        """A bare hour: `at 9`, `from 9 to 5`, `a las 3 de la tarde`; only where a part of the day tells."""
        if self.language in {"es", "pt", "it"} and self.low(at - 1) in {"las", "la", "às", "alle", "le"}:
            return self.time(hour * 60, at, at + 1, open_half=hour < 13)
        told = {self.low(at + 1 + step) for step in range(4)}
        if self.low(at - 1) in {"at", "by", "until"} and (
            told & {"morning", "evening", "afternoon", "night", "tonight"}
        ):
            return self.time(hour * 60, at, at + 1, open_half=True)
        return 0

    def spoken(self, at: int) -> int:
        """`half past six`, `quarter to five`, `ten past two`, `halb sieben`, `viertel nach drei`."""
        low = self.low(at)
        target = self.token(at + 1)
        if (
            low in HALF_TO
            and self.language in {"de", "nl"}
            and target is not None
            and self.hour_value(target)
        ):
            return self.time((self.hour_value(target) or 0) * 60 - 30, at, at + 2, open_half=True)
        amount = {"half": 30, "quarter": 15, "viertel": 15, "kwart": 15}.get(low)
        token = self.tokens[at]
        if amount is None and token.kind == "number" and token.value is not None:
            amount = int(token.value)
        target = self.token(at + 2)
        direction = {"past": 1, "after": 1, "nach": 1, "over": 1, "to": -1, "vor": -1, "voor": -1}.get(
            self.low(at + 1)
        )
        if amount is None or direction is None or target is None or not self.hour_value(target):
            return 0
        if (
            token.kind == "number"
            and self.low(at + 1) != "past"
            and not (amount % 5 == 0 and self.low(at - 1) in BEFORE_CLOCK)
        ):
            return 0
        return self.time((self.hour_value(target) or 0) * 60 + direction * amount, at, at + 3, open_half=True)

    def hour_value(self, token: Token) -> int | None:
        whole = token.kind == "number" and token.value is not None and token.value == int(token.value)
        return int(token.value or 0) if whole and 1 <= (token.value or 0) <= 24 else None

    def time(self, minute: int, start: int, end: int, *, open_half: bool) -> int:
        """Add a time of day; which half of the day is told by what stands around, or left open."""
        if self.low(end) in {"am", "pm"}:
            minute = minute % 720 + (720 if self.low(end) == "pm" else 0)
            end += 1
            open_half = False
        elif minute < 780 and open_half:
            minute, open_half = self.told_half(minute, start, end)
        start -= self.low(start - 1) in {"午前", "午後", "上午", "下午", "早上", "晚上"}
        parts = {"minute": minute % 1440}
        zone = next((number for kind, number in calendar().get(self.low(end), ()) if kind == "zone"), None)
        if zone is not None and self.tokens[end].text.isupper():
            parts["zone"] = zone
            end += 1
        return self.add("time", parts, start, end, vague=open_half)

    def told_half(self, minute: int, start: int, end: int) -> tuple[int, bool]:
        around = {self.low(at) for at in (*range(max(0, start - 2), start), *range(end, end + 4))}
        if around & PM:
            return minute % 720 + 720, False
        if around & AM:
            return minute % 720, False
        return minute, True


def moments_in(document: Document) -> list[Moment]:
    """Return the dates and times of day that a text states, and mark their tokens as taken."""
    return _Reader(document).walk()
