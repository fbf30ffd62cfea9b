"""`compare` and `matches`: verdicts, reasons, judges, and texts that wish us ill."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.errors import UsageError
from spantape.semantic import THRESHOLD, Comparison, Finding, compare, matches
from spantape.semantic.embedders import HashedEmbedder
from spantape.semantic.facts.known import know
from spantape.semantic.judges import embedding_judge
from spantape.semantic.reading.clean import clean
from spantape.semantic.reading.language import language_of

ONE = "The ferry to Ardal leaves at 9:40 from pier 3."
OTHER = "The ferry to Ardal leaves at 9:40 from pier 5."


def test_equal_texts_are_the_same_with_nothing_to_tell():
    assert compare(ONE, ONE) == Comparison(1.0, "same")


def test_a_comparison_is_true_only_where_the_verdict_is_same():
    verdicts = {verdict: bool(Comparison(0.5, verdict)) for verdict in ("same", "different", "inconclusive")}
    assert verdicts == {"same": True, "different": False, "inconclusive": False}


def test_findings_are_data_and_reasons_are_their_sentences():
    told = compare(ONE, OTHER)
    assert isinstance(told.findings[0], Finding)
    assert (told.findings[0].kind, told.findings[0].expected, told.findings[0].actual) == ("number", "3", "5")
    assert told.reasons[0] == str(told.findings[0]) == f"number: 3 expected, 5 got, in '{ONE}'"
    assert str(told).startswith("different (score 0.")


def test_the_gravest_finding_comes_first():
    told = compare("Perhaps the lift in tower 2 is slow.", "The lift in tower 9 is slow.")
    assert told.findings[0].kind == "number"


def test_a_score_just_below_the_threshold_is_inconclusive():
    told = compare(ONE, ONE.replace("leaves", "goes out"))
    assert (
        compare(ONE, ONE.replace("leaves", "goes out"), threshold=min(1.0, told.score + 0.05)).verdict
        == "inconclusive"
    )


def test_data_is_decided_by_its_values_and_the_place_is_told():
    told = compare('{"room": 4, "beds": 2}', '{"beds": 3, "room": 4}')
    assert (told.score, told.verdict) == (0.0, "different")
    assert "beds" in told.reasons[0]
    assert compare('{"room": 4, "beds": 2}', '{"beds": 2.0, "room": 4}').score == 1.0


def test_a_judge_joins_the_score_but_overrules_no_changed_number():
    vague = ("The harbour is calm this week.", "Things look settled down by the water these days.")
    assert (
        compare(*vague, judge=lambda *_: 0.999).score
        > compare(*vague).score
        > compare(*vague, judge=lambda *_: 0.001).score
    )
    assert not compare(ONE, OTHER, judge=lambda *_: 1.0)


def test_an_embedder_can_be_the_judge():
    judge = embedding_judge(HashedEmbedder())
    assert judge(ONE, ONE) > 0.9
    assert judge(ONE, "Grate the cheese over the soup.") < 0.5
    assert compare(ONE, OTHER, judge=judge).verdict == "different"


def test_a_judge_is_asked_about_prose_only():
    asked: list[tuple[str, str]] = []

    def judge(expected: str, actual: str) -> float:
        asked.append((expected, actual))
        return 0.5

    compare('{"a": 1}', '{"a": 2}', judge=judge)
    compare(ONE, OTHER, judge=judge)
    assert asked == [(ONE, OTHER)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((b"bytes", "text"), {}), "expected is bytes, not a string"),
        ((("text", None), {}), "actual is NoneType, not a string"),
        ((("one", "two"), {"threshold": 0}), r"threshold is 0, not in \(0, 1\]"),
        ((("one", "two"), {"judge": lambda *_: 7}), r"the judge answered 7.0, not a number in \[0, 1\]"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_was_got(arguments, message: str):
    positional, named = arguments
    with pytest.raises(UsageError, match=message):
        compare(*positional, **named)


def test_matches_is_true_for_a_rewording_and_tells_why_it_is_false():
    assert matches("At 9:40 the ferry to Ardal leaves from pier 3.", ONE)
    told = repr(matches(OTHER, ONE))
    assert told.startswith("different in meaning, score 0.")
    assert f"  number: 3 expected, 5 got, in '{ONE}'" in told.splitlines()
    assert told.splitlines()[-2:] == [f"  expected: {ONE!r}", f"  actual:   {OTHER!r}"]


def test_a_failed_assert_shows_the_reasons():
    with pytest.raises(AssertionError) as failed:
        assert matches(OTHER, ONE)
    assert "number: 3 expected, 5 got" in str(failed.value)


def test_importing_the_package_loads_no_lexicon_and_no_stemmer():
    code = "import sys, spantape.semantic; print([m for m in sys.modules if 'lexicon' in m or 'snowball' in m or m == 'yaml'])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_compared_and_the_score_is_a_chance(one: str, other: str):
    told = compare(one, other)
    assert 0 <= told.score <= 1
    assert (told.score >= THRESHOLD) == (told.verdict == "same")


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_a_text_is_the_same_as_itself_in_other_white_space(text: str):
    assert compare(f"Result: {text}", f"Result:  {text}\n").score >= THRESHOLD


HOSTILE = ["a", " ", "1 ", "not ", "<b ", "不", "3 May ", "a-", "Anna "]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_anything_is_compared_in_bounded_time(piece: str):
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    assert not compare(text, text[:-1] + "zq")
    assert time.process_time() - start < 8


def test_control_characters_and_dress_are_taken_off():
    assert clean("**Bold**\u200b \u201cquoted\u201d\x00 \u2014 `code`") == 'Bold "quoted" , code'


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The parcel was left with your neighbour.", "en"),
        ("Das Paket wurde bei Ihrem Nachbarn abgegeben.", "de"),
        ("Le colis a été déposé chez votre voisin.", "fr"),
        ("El paquete se dejó con su vecino y no está aquí.", "es"),
        ("荷物は隣の方に預けました。", "ja"),
        ("包裹已放在邻居家。", "zh"),
        ("पार्सल पड़ोसी के पास छोड़ा गया है।", "hi"),
        ("", "en"),
    ],
)
def test_the_language_of_a_text_is_found_out(text: str, language: str):
    assert language_of(text) == language


def test_what_is_known_of_a_text_is_read_once():
    assert know(ONE) is know(ONE)
