from __future__ import annotations

import re

import pytest

from spantape.errors import UsageError
from spantape.player.paths import Wild, parse_path, prune
from spantape.player.rules import TIMESTAMP, UUID, MatchRules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b", ("a", "b")),
        ("a[*].id", ("a", Wild.ITEM, "id")),
        ("a[12]", ("a", 12)),
        ("a.*", ("a", Wild.MEMBER)),
        ("a.**.c", ("a", Wild.DEEP, "c")),
        ('a["odd.key"].b', ("a", "odd.key", "b")),
        ("a.snake_case-kebab", ("a", "snake_case-kebab")),
    ],
)
def test_paths_are_read(text, expected):
    assert parse_path(text) == expected


@pytest.mark.parametrize(
    "text", [".a", "a.", "a..b", "a[", "a[x]", "a.[3]", "a b", "a.**", "a*b", "a[-1]", '["a"]b']
)
def test_what_is_no_path_is_not_read(text):
    assert parse_path(text) is None


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("metadata.*", {"metadata": {}, "messages": [{"id": 1, "c": 2}, {"id": 3}], "cache": 4}),
        ("messages[*].id", {"metadata": {"u": 1}, "messages": [{"c": 2}, {}], "cache": 4}),
        ("messages[1]", {"metadata": {"u": 1}, "messages": [{"id": 1, "c": 2}], "cache": 4}),
        ("messages[*]", {"metadata": {"u": 1}, "messages": [], "cache": 4}),
        ("**.id", {"metadata": {"u": 1}, "messages": [{"c": 2}, {}], "cache": 4}),
        ("**.cache", {"metadata": {"u": 1}, "messages": [{"id": 1, "c": 2}, {"id": 3}]}),
        ("nothing.here", {"metadata": {"u": 1}, "messages": [{"id": 1, "c": 2}, {"id": 3}], "cache": 4}),
    ],
)
def test_pruning_takes_out_what_the_path_names_and_nothing_else(path, left):
    value = {"metadata": {"u": 1}, "messages": [{"id": 1, "c": 2}, {"id": 3}], "cache": 4}
    prune(value, [parse_path(path)])
    assert value == left


def test_the_defaults_match_on_the_headers_that_change_an_api():
    assert MatchRules().headers == ("anthropic-version", "anthropic-beta", "openai-beta")


@pytest.mark.parametrize(
    ("settings", "quoted"),
    [
        ({"ignore": "body.x"}, "'body.x'"),
        ({"ignore": ("messages[*].id",)}, "'messages[*].id'"),
        ({"ignore": ("body..x",)}, "'body..x'"),
        ({"ignore": ("query.a.b",)}, "'query.a.b'"),
        ({"ignore": ("header[0]",)}, "'header[0]'"),
        ({"ignore": (3,)}, "3"),
        ({"headers": "openai-beta"}, "'openai-beta'"),
        ({"headers": ("two words",)}, "'two words'"),
        ({"volatile": ("(",)}, "'('"),
        ({"volatile": (b"x",)}, "b'x'"),
        ({"volatile": (re.compile(b"x"),)}, "rb\\?'x'|b'x'"),
        ({"host": "yes"}, "'yes'"),
        ({"normalize": "lower"}, "'lower'"),
    ],
)
def test_a_wrong_setting_is_quoted_and_the_accepted_is_named(settings, quoted):
    with pytest.raises(UsageError) as caught:
        MatchRules(**settings)
    assert re.search(quoted if "|" in quoted else re.escape(quoted), str(caught.value))
    assert re.search(r"expected|is not a regular expression", str(caught.value))


def test_lists_are_taken_for_tuples_and_headers_in_any_case():
    rules = MatchRules(headers=["OpenAI-Beta"], ignore=["header.Anthropic-Beta"])
    assert rules.headers == ("openai-beta",)
    assert rules.ignored.header == frozenset({"anthropic-beta"})


def test_a_hook_that_gives_no_bytes_is_a_usage_error():
    with pytest.raises(UsageError, match="returned str, expected bytes"):
        MatchRules(normalize=lambda body: body.decode()).normalized(b"x")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20",
        "2026-11-20T21:50:42Z",
        "2026-11-20 21:50",
        "2026-11-20T21:50:42.123456+00:00",
        "2026-11-20 21:50:42",
    ],
)
def test_the_timestamp_pattern_covers_whole_timestamps(text):
    assert TIMESTAMP.sub("#", f"at {text} sharp") == "at # sharp"


def test_the_uuid_pattern_covers_uuids_and_nothing_shorter():
    assert UUID.sub("#", "id 123e4567-e89b-12d3-a456-426614174000.") == "id #."
    assert UUID.sub("#", "123e4567-e89b-12d3-a456-42661417400") == "123e4567-e89b-12d3-a456-42661417400"
