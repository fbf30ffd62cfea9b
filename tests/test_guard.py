from __future__ import annotations

import logging

import pytest

from spantape import _guard


@pytest.fixture
def logged(caplog, monkeypatch):
    monkeypatch.delenv("SPANTAPE_RAISE")
    caplog.set_level(logging.WARNING, "spantape")
    return caplog


def broken(*_args, **_kwargs):
    raise ValueError("ours")


def test_what_works_goes_through():
    assert _guard.guarded(lambda a, *, b: (a, b), 1, b=2) == (1, 2)
    assert _guard.entered(lambda a, *, b: (a, b), 1, b=2) == (1, 2)


@pytest.mark.parametrize("guard", [_guard.guarded, _guard.entered])
def test_what_fails_gives_nothing_and_is_logged_once_with_its_traceback(logged, guard):
    assert [guard(broken) for _ in range(3)] == [None] * 3
    [record] = logged.records
    assert record.levelname == "WARNING"
    assert record.exc_info[1].args == ("ours",)
    assert "spantape failed in broken (ValueError: ours)" in record.getMessage()
    assert "Please report this" in record.getMessage()


def test_each_function_is_logged_for_itself(logged):
    def other():
        raise KeyError("x")

    for function in (broken, other, broken):
        _guard.guarded(function)
    assert len(logged.records) == 2


def test_our_own_tests_see_every_failure():
    with pytest.raises(ValueError, match="ours"):
        _guard.guarded(broken)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("guard", [_guard.guarded, _guard.entered])
def test_what_is_no_failure_of_ours_goes_through(logged, guard, error):
    def stop():
        raise error

    with pytest.raises(error):
        guard(stop)
    assert not logged.records
    assert not _guard.inside()


def test_a_function_without_a_name_is_reported_too(logged):
    class Broken:
        def __call__(self):
            raise ValueError

        def __repr__(self):
            return "<a thing>"

    _guard.guarded(Broken())
    assert "failed in <a thing>" in logged.text


def test_something_is_said_once_until_it_is_forgotten(logged):
    assert _guard.once("key", "said %s", "this")
    assert not _guard.once("key", "said %s", "that")
    assert _guard.once("other", "said %s", "other")
    assert [record.getMessage() for record in logged.records] == ["said this", "said other"]
    _guard.forget()
    assert _guard.once("key", "said %s", "again")


def test_this_thread_is_inside_only_while_it_is(logged):
    seen = []
    _guard.entered(lambda: seen.append((_guard.inside(), _guard.entered(_guard.inside))))
    _guard.entered(broken)
    assert seen == [(True, True)]
    assert not _guard.inside()
