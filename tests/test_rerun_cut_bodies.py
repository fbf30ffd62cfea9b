"""Request bodies are rebuilt as their spans come, from no more than a recorder itself remembers."""

from __future__ import annotations

import pytest

from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape._spans.runs import LARGEST_BASE
from spantape.errors import MissingBase, NotReplayable, TapeDamaged
from spantape.rerun.cut_bodies import RecentBodies
from tape_spans import chat, exchange


def attributes(turn, base=None, run="a"):
    own = {names.RUN_ID: run}
    return own | write_exchange(exchange(turn), None if base is None else chat(base))


def test_a_body_is_rebuilt_from_the_one_before_it():
    bodies = RecentBodies()
    for turn in range(50):
        assert bodies.body(attributes(turn, turn - 1 if turn else None)) == chat(turn)


def test_a_base_of_another_run_or_one_that_never_came_is_missing():
    bodies = RecentBodies()
    bodies.body(attributes(0))
    for given in (attributes(1, 0, run="b"), attributes(2, 1)):
        with pytest.raises(
            MissingBase, match=f"its base body sha256 {given[names.BASE_DIGEST]} has not come here"
        ):
            bodies.body(given)


def test_only_the_newest_of_a_run_are_kept():
    bodies = RecentBodies(per_run=2)
    for turn in range(3):
        bodies.body(attributes(turn))
    assert bodies.held_bytes == len(chat(1)) + len(chat(2))
    assert bodies.body(attributes(5, 1)) == chat(5)
    with pytest.raises(MissingBase):
        bodies.body(attributes(1, 0))


def test_a_body_that_comes_again_is_new_again_and_held_once():
    bodies = RecentBodies(per_run=2)
    for turn in (0, 1, 0, 2):
        bodies.body(attributes(turn))
    assert bodies.held_bytes == len(chat(0)) + len(chat(2))
    assert bodies.body(attributes(3, 0)) == chat(3)


def test_what_is_held_is_bounded_over_all_runs_and_the_idle_go_first():
    bodies = RecentBodies(most_bytes=len(chat(0)) * 3)
    for run in "abcab":
        bodies.body(attributes(0, run=run))
    bodies.body(attributes(0, run="d"))
    assert bodies.held_bytes <= len(chat(0)) * 3
    assert bodies.body(attributes(1, 0, run="a")) == chat(1)
    with pytest.raises(MissingBase):
        bodies.body(attributes(1, 0, run="c"))


def test_a_body_too_large_to_be_a_base_is_not_kept():
    bodies = RecentBodies()
    given = exchange(0)
    large = type(given)(
        type(given.request)("POST", "http://x/", (), b"x" * (LARGEST_BASE + 1)), given.response
    )
    assert bodies.body({names.RUN_ID: "a", **write_exchange(large)}) == large.request.body
    assert bodies.held_bytes == 0


def test_nothing_is_kept_of_what_cannot_be_read():
    bodies = RecentBodies()
    cut = attributes(0) | {names.CUT: (names.REQUEST_BODY,)}
    damaged = attributes(0) | {names.REQUEST_BODY: "{}"}
    for given, error in (
        (cut, NotReplayable),
        (damaged, TapeDamaged),
        ({names.CONTENT: "none"}, NotReplayable),
    ):
        with pytest.raises(error):
            bodies.body(given)
    assert bodies.held_bytes == 0


def test_what_is_forgotten_is_gone():
    bodies = RecentBodies()
    bodies.body(attributes(0))
    bodies.forget()
    assert bodies.held_bytes == 0
    with pytest.raises(MissingBase):
        bodies.body(attributes(1, 0))
