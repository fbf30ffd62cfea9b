from __future__ import annotations

import pytest

from spantape.errors import UsageError
from spantape.tolerance.level import SEVERITIES, Tolerance, gravest, parse_tolerance


@pytest.mark.parametrize(
    ("text", "level", "threshold"),
    [
        ("byte", "byte", None),
        ("structural", "structural", None),
        ("semantic", "semantic", None),
        ("semantic:0.9", "semantic", 0.9),
        ("semantic:1", "semantic", 1.0),
        ("semantic:.5", "semantic", 0.5),
    ],
)
def test_a_tolerance_is_read_and_written(text, level, threshold):
    found = parse_tolerance(text)
    assert (found.level, found.threshold) == (level, threshold)
    assert parse_tolerance(str(found)) == found
    assert parse_tolerance(found) is found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "bytes",
            "Byte",
            " byte",
            "byte:0.9",
            "structural:1",
            "semantic:",
            "semantic:0",
            "semantic:1.1",
        ),
        *(
            "semantic:-1",
            "semantic:nan",
            "semantic:0.9 ",
            "semantic:0,9",
            "semantic:\u0661",
            0.9,
            None,
            ["byte"],
        ),
    ],
)
def test_what_is_no_tolerance_is_quoted_with_what_is_accepted(text):
    with pytest.raises(UsageError, match="expected byte, structural, semantic, or semantic:<threshold"):
        parse_tolerance(text)


@pytest.mark.parametrize(
    ("level", "threshold"), [("bytes", None), ("byte", 0.5), ("semantic", float("nan")), ("semantic", 0.0)]
)
def test_a_tolerance_made_by_hand_is_checked_too(level, threshold):
    with pytest.raises(UsageError, match="got tolerance"):
        Tolerance(level, threshold)


def test_each_level_tolerates_what_it_says():
    tolerated = {
        level: [severity for severity in SEVERITIES if Tolerance(level).tolerates(severity)]
        for level in ("byte", "structural", "semantic")
    }
    assert tolerated == {
        "byte": [],
        "structural": ["bytes", "wording", "meaning"],
        "semantic": ["bytes", "wording"],
    }


def test_the_gravest_of_several_is_told():
    assert gravest(["wording", "structure", "meaning"]) == "structure"
    assert gravest([]) is None
