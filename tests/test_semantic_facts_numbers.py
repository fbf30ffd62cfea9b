"""Numbers, units, amounts: equal ones are equal in any spelling, changed ones are told."""

from __future__ import annotations

import pytest

from spantape.semantic import compare
from spantape.semantic.facts.known import know
from spantape.semantic.lexicon import table
from spantape.semantic.reading.number_words import word_value
from spantape.semantic.reading.numerals import value_of
from spantape.semantic.reading.segments import numeral_value

EQUAL = [
    ("The hall holds two dozen chairs.", "The hall holds 24 chairs."),
    ("Two thirds of the seats are taken.", "66.67% of the seats are taken."),
    ("Two thirds of the seats are taken.", "2/3 of the seats are taken."),
    ("The invoice came to €1.2m.", "The invoice came to 1,200,000 euros."),
    ("It costs 99 cents.", "It costs $0.99."),
    ("It costs fifty pence.", "It costs £0.50."),
    ("The fee is CHF 50.", "The fee is 50 Swiss francs."),
    ("The image is 1 GiB.", "The image is 1024 MiB."),
    ("It was 68 °F in the room.", "It was 20 °C in the room."),
    ("The trip takes a fortnight.", "The trip takes two weeks."),
    ("Take it twice daily.", "Take it two times per day."),
    ("The board is 5 ft long.", "The board is 60 inches long."),
    ("The bag weighs 2 lbs.", "The bag weighs 32 ounces."),
    ("Speed is limited to 30 m/s.", "Speed is limited to 108 km/h."),
    ("Uptime was 99.95 per cent.", "Uptime was 0.9995."),
    ("The bond pays 50 bps.", "The bond pays 0.5%."),
    ("The job runs for 1 hour 30 minutes.", "The job runs for 90 minutes."),
    ("The job runs for 1h30.", "The job runs for 90 minutes."),
    ("The loan runs for 18 months.", "The loan runs for a year and a half."),
    ("It takes three quarters of an hour.", "It takes 45 minutes."),
    ("About 1.5k users signed up.", "About 1,500 users signed up."),
    ("There are half a million rows.", "There are 500,000 rows."),
    ("One in five users churned.", "20% of users churned."),
    ("The house is 120 square metres.", "The house is 120 m²."),
    ("The tank holds 33 cl.", "The tank holds 330 ml."),
    ("It was five below zero.", "It was -5."),
    ("The rate is 3 per thousand.", "The rate is 0.3%."),
    ("Sie kostet 1.250,50 Euro.", "Sie kostet 1250,50 €."),
    ("Der Kurs dauert zweieinhalb Stunden.", "Der Kurs dauert 150 Minuten."),
    ("Le trajet dure une heure et demie.", "Le trajet dure 90 minutes."),
    ("El viaje dura dos horas y media.", "El viaje dura 150 minutos."),
    ("费用为五百元。", "费用为500元。"),
    ("项目需要一个半小时。", "项目需要90分钟。"),
    ("यात्रा में डेढ़ घंटा लगता है।", "यात्रा में 90 मिनट लगते हैं।"),
]

CHANGED = [
    ("The crate weighs 15 kg.", "The crate weighs 50 kg."),
    ("The crate weighs 15 kg.", "The crate weighs 15 lbs."),
    ("Rent is due within six weeks.", "Rent is due within six months."),
    ("The price is 90 Canadian dollars.", "The price is 90 US dollars."),
    ("The freezer is kept at -8 °C.", "The freezer is kept at 8 °C."),
    ("Return it within five working days.", "Return it within five hours."),
    ("The report lists four risks.", "The report lists fourteen risks."),
    ("Growth was 2.1%.", "Growth was 21%."),
    ("Der Preis beträgt 1.500 Euro.", "Der Preis beträgt 1,500 Euro."),
    ("合計は4500円です。", "合計は5400円です。"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_quantities_mean_the_same_either_way_round(one: str, other: str):
    assert compare(one, other), str(compare(one, other))
    assert compare(other, one), str(compare(other, one))


@pytest.mark.parametrize(("one", "other"), CHANGED)
def test_a_changed_quantity_is_a_difference_that_is_told(one: str, other: str):
    told = compare(one, other)
    assert told.verdict == "different"
    assert any(finding.kind.startswith("number") for finding in told.findings), told


def test_a_changed_number_is_told_as_a_sentence():
    told = compare("The pump moves 40 litres a minute.", "The pump moves 60 litres a minute.")
    assert (
        "number: 40 litres expected, 60 litres got, in 'The pump moves 40 litres a minute.'" in told.reasons
    )


def test_opposite_bounds_on_one_number_are_a_difference():
    told = compare("Bring at least 3 copies.", "Bring at most 3 copies.")
    assert "bound" in {finding.kind for finding in told.findings}
    assert not told


def test_a_part_of_a_total_that_is_told_follows_from_it():
    one = "Of the 400 plants, a quarter died."
    assert not [
        finding
        for finding in compare(one, "Of the 400 plants, 100 died.").findings
        if finding.kind == "number"
    ]


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("1,250.00", "en", 1250.0),
        ("1.250,00", "de", 1250.0),
        ("1 250,00", "fr", 1250.0),
        ("1.250", "en", 1.25),
        ("1.250", "de", 1250.0),
        ("2.4M", "en", 2_400_000.0),
        ("3/4", "en", 0.75),
        ("1,23,456", "en", 123456.0),
        ("1.2.3", "en", None),
        ("3/0", "en", None),
    ],
)
def test_digits_are_read_as_their_language_writes_them(text: str, language: str, value: float | None):
    assert value_of(text, language) == value


@pytest.mark.parametrize(
    ("word", "language", "value"),
    [
        ("seventy-three", "en", 73),
        ("siebenunddreißig", "de", 37),
        ("zweihundertfünfzig", "de", 250),
        ("quatre-vingt-dix-sept", "fr", 97),
        ("veintiséis", "es", 26),
        ("quarantotto", "it", 48),
        ("eenentwintig", "nl", 21),
        ("पच्चीस", "hi", 25),
        ("window", "en", None),
    ],
)
def test_number_words_have_values(word: str, language: str, value: float | None):
    assert word_value(word, language) == value


@pytest.mark.parametrize(
    ("text", "value"), [("三千六百", 3600), ("十二", 12), ("二点五", 2.5), ("五万三千", 53000)]
)
def test_chinese_numerals_have_values(text: str, value: float):
    assert numeral_value(text) == value


def test_number_words_in_a_row_are_one_number():
    (quantity,) = know("We counted two thousand three hundred and five birds.").quantities
    assert (quantity.low, quantity.text) == (2305, "two thousand three hundred and five")


def test_the_units_agree_with_pint():
    pint = pytest.importorskip("pint", reason="pint checks the factors where it is installed")
    registry = pint.UnitRegistry()
    bases = {"time": "second", "length": "metre", "mass": "gram", "volume": "litre", "speed": "metre/second",
             "energy": "joule", "power": "watt", "pressure": "pascal", "frequency": "hertz"}  # fmt: skip
    checked = 0
    for line in table("shared", "units"):
        dimension, factor, *names = line.split()
        name = next(
            (one for one in names if one.isascii() and one.isalpha() and len(one) > 4 and one.islower()), None
        )
        if dimension not in bases or name is None:
            continue
        try:
            theirs = registry.Quantity(1, name).to(bases[dimension]).magnitude
        except (pint.UndefinedUnitError, pint.DimensionalityError):
            continue
        assert float(factor) == pytest.approx(theirs, rel=1e-6), name
        checked += 1
    assert checked > 30
