"""The fixed clock goes one step with each call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from spantape.testing import FixedClock


def test_each_call_is_one_step_later():
    clock = FixedClock(start_ns=10, step_ns=5)
    assert [clock(), clock(), clock()] == [10, 15, 20]


def test_it_starts_at_the_same_time_in_every_run():
    assert FixedClock()() == FixedClock()() == 1_700_000_000_000_000_000


def test_threads_never_see_the_same_time():
    clock = FixedClock()
    with ThreadPoolExecutor(8) as pool:
        times = list(pool.map(lambda _: clock(), range(400)))
    assert len(set(times)) == 400
