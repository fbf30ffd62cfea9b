"""The words of dates and times of day, in ten languages."""

from __future__ import annotations

from functools import cache

from spantape.semantic.lexicon import table

AMBIGUOUS = frozenset(["may", "mar", "mars", "march", "sun", "sat", "set", "ago", "out", "mon", "mo", "dec", "jan", "mai", "mei", "segunda", "terça", "quarta", "quinta", "sexta", "ott", "gen", "mag", "luglio", "morgen", "mart", "marzo", "ene", "dic", "oct", "abr", "avr"])  # fmt: skip
# Names of other languages that are English words.

FOREIGN = frozenset(
    [
        "out",
        "set",
        "ago",
        "ene",
        "dic",
        "gen",
        "mag",
        "lug",
        "ott",
        "abr",
        "avr",
        "ago",
        "mart",
        "mars",
        "mei",
        "mai",
        "morgen",
        "hier",
        "sexta",
        "quinta",
        "terça",
        "segunda",
        "lug",
        "giu",
        "do",
    ]
)

ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "erste": 1, "ersten": 1, "zweite": 2, "zweiten": 2,
             "dritte": 3, "dritten": 3, "vierte": 4, "vierten": 4, "premier": 1, "deuxième": 2, "troisième": 3,
             "quatrième": 4, "primer": 1, "segundo": 2, "tercer": 3, "cuarto": 4}  # fmt: skip

QUARTERS = frozenset({"quarter", "quartal", "trimestre", "trimester"})

BEFORE_CLOCK = frozenset(["at", "by", "from", "until", "till", "to", "à", "dès", "de", "vers", "avant", "après", "jusqu", "um", "ab", "gegen", "bis", "von", "vor", "nach", "a", "las", "alle", "dalle", "às", "om", "vanaf", "tot", "before", "after", "since", "than", "entre", "et", "and"])  # fmt: skip

PM = frozenset(["pm", "evening", "night", "afternoon", "tonight", "abends", "nachmittags", "nachts", "soir", "après-midi", "tarde", "noche", "pomeriggio", "sera", "noite", "'s", "middags", "avonds", "午後", "下午", "晚上", "शाम", "दोपहर", "रात"])  # fmt: skip

AM = frozenset(
    [
        "am",
        "morning",
        "morgens",
        "früh",
        "vormittags",
        "matin",
        "mañana",
        "madrugada",
        "mattina",
        "manhã",
        "ochtends",
        "午前",
        "上午",
        "早上",
        "सुबह",
    ]
)

NOON = {"noon": 720, "midday": 720, "midnight": 0, "mittag": 720, "mitternacht": 0, "midi": 720, "minuit": 0,
         "mediodía": 720, "medianoche": 0, "mezzogiorno": 720, "mezzanotte": 0, "meio-dia": 720, "meia-noite": 0,
         "正午": 720, "中午": 720, "午夜": 0}  # fmt: skip

HALF_TO = frozenset({"halb", "half"})

FILL = frozenset({"of", "de", "the", "del", "di", "do", "den", "dem", "der", "am", "le", "el", ",", "."})


NAMED_DAYS: dict[tuple[str, ...], dict[str, int]] = {
    ("day", "after", "tomorrow"): {"relative": 2},
    ("day", "before", "yesterday"): {"relative": -2},
    ("christmas", "eve"): {"day": 24, "month": 12},
    ("christmas", "day"): {"day": 25, "month": 12},
    ("boxing", "day"): {"day": 26, "month": 12},
    ("new", "year", "eve"): {"day": 31, "month": 12},
    ("new", "year", "day"): {"day": 1, "month": 1},
    ("valentine", "day"): {"day": 14, "month": 2},
    ("heiligabend",): {"day": 24, "month": 12},
    ("silvester",): {"day": 31, "month": 12},
    ("neujahr",): {"day": 1, "month": 1},
    ("halloween",): {"day": 31, "month": 10},
}


@cache
def calendar() -> dict[str, list[tuple[str, int]]]:
    """Return what each name of a month, weekday, day or zone may stand for: (what, its number)."""
    found: dict[str, list[tuple[str, int]]] = {}
    for line in table("shared", "calendar"):
        what, number, *names = line.split()
        for name in names:
            found.setdefault(name, []).append((what, int(number)))
    return found
