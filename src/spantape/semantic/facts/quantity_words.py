"""The words of quantities: fractions, articles, ranges, signs, national currencies, places in a row."""

from __future__ import annotations

HALVES = {"half": 0.5, "halves": 0.5, "halb": 0.5, "halbe": 0.5, "halben": 0.5, "halbes": 0.5, "hälfte": 0.5,
           "demi": 0.5, "demie": 0.5, "moitié": 0.5, "media": 0.5, "medio": 0.5, "mitad": 0.5, "mezzo": 0.5,
           "mezza": 0.5, "metà": 0.5, "meia": 0.5, "meio": 0.5, "metade": 0.5, "helft": 0.5, "半": 0.5, "半分": 0.5,
           "一半": 0.5, "quarter": 0.25, "quarters": 0.25, "viertel": 0.25, "third": 1 / 3, "thirds": 1 / 3,
           "drittel": 1 / 3, "tiers": 1 / 3, "tercio": 1 / 3, "tercios": 1 / 3, "fifth": 0.2, "fifths": 0.2,
           "fünftel": 0.2, "tenth": 0.1, "tenths": 0.1, "quart": 0.25, "quarts": 0.25, "eighth": 0.125,
           "eighths": 0.125, "sixth": 1 / 6, "आधा": 0.5, "आधे": 0.5, "आधी": 0.5, "terzo": 1 / 3, "terzi": 1 / 3}  # fmt: skip


ARTICLES = frozenset(
    [
        "a",
        "an",
        "one",
        "ein",
        "eine",
        "einen",
        "einem",
        "einer",
        "un",
        "une",
        "uno",
        "una",
        "um",
        "uma",
        "een",
        "per",
        "each",
        "every",
        "एक",
    ]
)


TIMES = {"twice": 2.0, "thrice": 3.0, "once": 1.0, "double": 2.0, "triple": 3.0,
    "couple": 2.0,
    "both": 2.0, "zweimal": 2.0, "dreimal": 3.0,
          "einmal": 1.0, "doppelt": 2.0}  # fmt: skip


BETWEEN = frozenset(
    ["-", "to", "bis", "à", "a", "~", "〜", "or", "oder", "ou", "o", "et", "and", "und", "から", "से", "tot"]
)


MINUS = frozenset({"minus", "moins", "menos", "meno", "min", "零下", "マイナス", "माइनस", "\u2212"})


BELOW_ZERO = frozenset({"below", "unter", "sous", "bajo", "sotto"})


ZERO = frozenset({"zero", "null", "zéro", "cero", "0", "freezing"})


DEGREES = {
    "celsius": "celsius",
    "centigrade": "celsius",
    "fahrenheit": "fahrenheit",
    "c": "celsius",
    "f": "fahrenheit",
}


NATIONAL = {"australian": "AUD", "canadian": "CAD", "us": "USD", "american": "USD", "singapore": "SGD",
             "british": "GBP", "swiss": "CHF", "mexican": "MXN", "danish": "DKK", "norwegian": "NOK",
             "swedish": "SEK", "czech": "CZK"}  # fmt: skip


CROWNS = frozenset({"crown", "crowns", "krone", "kroner", "krona", "kronor", "peso", "pesos", "franc", "francs",
                     "dollar", "dollars", "pound", "pounds"})  # fmt: skip


ITERATION = frozenset({"times", "time", "mal", "fois", "veces", "vez", "volte", "次", "回", "बार", "x"})


PLACES = {
    word: place
    for place, word in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        1,
    )
}
