"""Dates and times of day: the parts that both texts state must agree."""

from __future__ import annotations

import pytest

from spantape.semantic import compare
from spantape.semantic.facts.known import know

EQUAL = [
    ("The shop closes at quarter past nine in the evening.", "The shop closes at 21:15."),
    ("The bus leaves at twenty to five.", "The bus leaves at 4:40."),
    ("The call is at 14:00 UTC.", "The call is at 15:00 CET."),
    ("The sale ends on 03/04/2026.", "The sale ends on 4 March 2026."),
    ("The sale ends on the 4th of March.", "The sale ends on March 4."),
    ("The sale ends on 4.3.2026.", "The sale ends on 4 March 2026."),
    ("The results arrive in Q2.", "The results arrive in the second quarter."),
    ("Meet at noon.", "Meet at 12:00."),
    ("Meet at midnight.", "Meet at 00:00."),
    ("Meet at 7 o'clock in the evening.", "Meet at 19:00."),
    ("It opens 8am-5pm.", "It opens from 8:00 to 17:00."),
    ("The parade is on Christmas Eve.", "The parade is on 24 December."),
    ("Der Film beginnt um Viertel nach acht abends.", "Der Film beginnt um 20:15 Uhr."),
    ("Le cours commence à 14 h 30.", "Le cours commence à 14:30."),
    ("会議は午後3時に始まります。", "会議は15時に始まります。"),
]

CHANGED = [
    ("The permit ends on 9 May.", "The permit ends on 9 June."),
    ("The permit ends on 9 May.", "The permit ends on 19 May."),
    ("Band practice is on Tuesday.", "Band practice is on Thursday."),
    ("The train leaves at 6:50 am.", "The train leaves at 6:50 pm."),
    ("We ship tomorrow.", "We shipped yesterday."),
    ("Le magasin ouvre le mardi.", "Le magasin ouvre le jeudi."),
    ("会议在星期三举行。", "会议在星期五举行。"),
    ("Contract of 2026-02-11.", "Contract of 2026-11-02."),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_one_moment_in_two_spellings_is_the_same(one: str, other: str):
    assert compare(one, other), str(compare(one, other))


@pytest.mark.parametrize(("one", "other"), CHANGED)
def test_a_changed_moment_is_a_difference_that_is_told(one: str, other: str):
    told = compare(one, other)
    assert told.verdict == "different"
    assert "moment" in {finding.kind for finding in told.findings}, told


def test_a_date_without_a_year_fits_the_same_day_of_a_year():
    assert compare("Your visa expires on 8 December.", "Your visa expires on 2026-12-08.")


def test_a_month_that_is_a_word_too_is_no_date_where_it_stands_as_a_word():
    assert not know("You may march ahead.").moments


def test_a_weekday_is_read_in_each_language():
    texts = ["am Freitag", "vendredi", "el viernes", "venerdì", "金曜日", "星期五", "शुक्रवार"]
    assert all(know(text, language).moments[0].parts == {"weekday": 5}
               for text, language in zip(texts, ["de", "fr", "es", "it", "ja", "zh", "hi"], strict=True))  # fmt: skip
