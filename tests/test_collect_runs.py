"""Spans become runs by what they say and by their traces, once each; runs are due by their root and by quiet."""

from __future__ import annotations

from spantape.collect._export import Export, SpanAt
from spantape.collect._journal import Place
from spantape.collect._runs import REF_NUMBERS, Runs


def span(trace, number, run="", root=False):
    place = (10 * number, 10 * number + 5)
    return SpanAt(trace.to_bytes(16, "big"), number.to_bytes(8, "big"), run, root, bool(run), (0, 1), place)


class Gathered:
    """Runs with a clock, and a segment that spans go to."""

    def __init__(self, **settings):
        self.runs = Runs(**{"idle_s": 5, "wait_s": 60} | settings)
        self.now = 100.0

    def add(self, *spans, segment=1, at=0):
        return self.runs.add(Export(b"", 0, list(spans)), Place(segment, at), self.now)

    def due(self, after=0.0, most=10):
        return self.runs.due(self.now + after, most)

    def spans_of(self, run_id):
        run = self.runs.start(run_id)
        return sorted(int.from_bytes(key[16:], "big") for key in run.seen)


def own(trace):
    return f"{trace:032x}"


def test_a_run_with_its_root_is_due_after_the_idle_time():
    gathered = Gathered()
    gathered.add(span(1, 1, "r"), span(1, 2, "r", root=True))
    assert gathered.due(4.9) == []
    assert gathered.due(5) == ["r"]


def test_each_span_that_comes_makes_a_run_wait_anew():
    gathered = Gathered()
    gathered.add(span(1, 1, "r", root=True))
    gathered.now += 4
    gathered.add(span(1, 2, "r"))
    assert gathered.due(4.9) == []
    assert gathered.due(5) == ["r"]


def test_a_run_without_a_root_is_due_after_the_waiting_time():
    gathered = Gathered()
    gathered.add(span(1, 1, "r"))
    gathered.add(span(2, 2, "q", root=True))
    assert gathered.due(59) == ["q"]
    assert gathered.due(60) == ["q", "r"]


def test_calls_that_name_one_run_are_one_run_over_all_their_traces():
    gathered = Gathered()
    for number in range(1, 4):
        gathered.add(span(number, number, "loop"))
    assert gathered.due(60) == ["loop"]
    run = gathered.runs.start("loop")
    assert {int.from_bytes(trace, "big") for trace in run.traces} == {1, 2, 3}


def test_spans_that_name_no_run_are_of_their_traces_run_whenever_it_is_named():
    gathered = Gathered()
    gathered.add(span(1, 1), span(2, 2))
    assert not gathered.runs._open[own(1)].ours
    gathered.add(span(1, 3, "r"), span(1, 4))
    assert gathered.runs._open["r"].ours
    assert gathered.due(60) == [own(2), "r"]
    assert gathered.spans_of("r") == [1, 3, 4]


def test_of_two_runs_in_a_trace_each_has_its_own_spans_and_the_first_the_rest():
    gathered = Gathered()
    gathered.add(span(1, 1, "a"), span(1, 2, "b"), span(1, 3))
    assert gathered.spans_of("a") == [1, 3]
    assert gathered.spans_of("b") == [2]


def test_a_trace_without_any_run_is_a_run_under_its_own_id():
    gathered = Gathered()
    gathered.add(span(1, 1), span(1, 2, root=True))
    assert gathered.due(5) == [own(1)]
    assert gathered.spans_of(own(1)) == [1, 2]


def test_a_run_that_is_named_as_its_trace_is_one_run():
    gathered = Gathered()
    gathered.add(span(1, 1), span(1, 2, own(1)))
    assert gathered.spans_of(own(1)) == [1, 2]


def test_spans_that_come_again_are_dropped_while_open_while_written_and_after():
    gathered = Gathered()
    assert gathered.add(span(1, 1, "r"), span(1, 1, "r"), span(2, 1, "r")) == 2
    assert gathered.add(span(1, 1, "r")) == 0
    gathered.runs.start("r")
    assert gathered.add(span(1, 1, "r")) == 0
    gathered.runs.finish("r")
    assert gathered.add(span(1, 1, "r"), span(2, 1, "r")) == 0
    assert gathered.runs.open_runs == 0
    assert gathered.add(span(1, 2, "r")) == 1


def test_spans_that_come_while_a_run_is_written_are_its_next_part():
    gathered = Gathered()
    gathered.add(span(1, 1, "r", root=True))
    gathered.runs.start("r")
    gathered.add(span(1, 2, "r"))
    assert gathered.due(100) == []  # one writer of a file at a time
    gathered.runs.finish("r")
    assert gathered.due(5) == ["r"]  # its root has come, with the first part
    assert gathered.spans_of("r") == [2]


def test_what_was_written_of_both_parts_is_remembered():
    gathered = Gathered()
    for number in (1, 2):
        gathered.add(span(1, number, "r", root=True))
        gathered.runs.start("r")
        gathered.runs.finish("r")
    assert gathered.add(span(1, 1, "r"), span(1, 2, "r")) == 0


def test_a_run_that_could_not_be_written_keeps_its_spans_and_is_tried_later_and_later():
    gathered = Gathered(idle_s=0)
    gathered.add(span(1, 1, "r", root=True))
    gathered.runs.start("r")
    gathered.add(span(1, 2, "r"))
    gathered.runs.restore("r", gathered.now)
    assert gathered.due(1.9) == []
    assert gathered.due(2) == ["r"]
    gathered.runs.start("r")
    gathered.runs.restore("r", gathered.now)
    assert gathered.due(3.9) == []
    assert gathered.spans_of("r") == [1, 2]
    assert gathered.runs.spans == 2


def test_references_say_where_spans_are():
    gathered = Gathered()
    gathered.add(span(1, 1, "r"), span(1, 2, "r"), segment=3, at=1000)
    run = gathered.runs.start("r")
    assert list(run.refs) == [3, 1000, 1, 1010, 5, 3, 1000, 1, 1020, 5]
    assert len(run.refs) == REF_NUMBERS * len(run.seen)


def test_a_segment_is_free_when_all_of_its_runs_are_written():
    gathered = Gathered()
    gathered.add(span(1, 1), span(2, 2, "q"), segment=1)
    gathered.add(span(1, 3, "r"), segment=2)  # trace 1 turns out to be of run r
    free = gathered.runs.free
    assert free([1, 2, 3]) == [3]
    for run_id, left in (("r", [2, 3]), ("q", [1, 2, 3])):
        gathered.runs.start(run_id)
        gathered.runs.finish(run_id)
        assert free([1, 2, 3]) == left
    assert gathered.runs.spans == 0


def test_a_span_that_comes_twice_holds_no_segment():
    gathered = Gathered()
    gathered.add(span(1, 1, "r"), segment=1)
    gathered.add(span(1, 1, "r"), segment=2)
    assert gathered.runs.free([1, 2]) == [2]


def test_of_the_same_span_in_two_runs_that_become_one_one_stays():
    gathered = Gathered()
    gathered.add(span(1, 1), segment=1)
    gathered.add(span(1, 1, "r"), segment=2)
    assert gathered.runs.spans == 1
    assert gathered.runs.free([1, 2]) == [2]
    assert gathered.spans_of("r") == [1]


def test_the_runs_that_hold_the_oldest_segment_come_first():
    gathered = Gathered()
    for number in (1, 2, 3):
        gathered.add(span(number, number, f"r{number}"), segment=number)
    gathered.add(span(1, 9, "r1"), segment=4)
    assert gathered.runs.oldest(gathered.now, 2) == ["r1", "r2"]
    gathered.runs.start("r1")
    gathered.runs.restore("r1", gathered.now)
    assert gathered.runs.oldest(gathered.now, 2) == ["r2", "r3"]
    assert gathered.runs.oldest(gathered.now + 2, 3) == ["r2", "r3", "r1"]


def test_a_run_may_be_open_and_written_at_once():
    gathered = Gathered()
    gathered.add(span(1, 1, "r"), span(2, 2, "q"))
    gathered.runs.start("r")
    assert (gathered.runs.is_open("r"), gathered.runs.is_writing("r")) == (False, True)
    gathered.add(span(1, 3, "r"))
    assert (gathered.runs.is_open("r"), gathered.runs.is_writing("r")) == (True, True)
    assert gathered.runs.open_ids() == ["q", "r"]


def test_no_more_runs_are_due_than_asked_for():
    gathered = Gathered()
    for number in range(1, 6):
        gathered.add(span(number, number, f"r{number}", root=True))
    assert gathered.due(5, most=2) == ["r1", "r2"]
    assert gathered.due(5, most=0) == []


def test_what_is_remembered_of_written_runs_is_bounded(monkeypatch):
    monkeypatch.setattr("spantape.collect._runs._KNOWN_RUNS", 3)
    monkeypatch.setattr("spantape.collect._runs._KNOWN_TRACES", 3)
    gathered = Gathered()
    for number in range(1, 10):
        gathered.add(span(number, number))
        gathered.runs.start(own(number))
        gathered.runs.finish(own(number))
    assert len(gathered.runs._written) == 3
    assert len(gathered.runs._run_of) <= 4
    assert gathered.add(span(9, 9)) == 0
    assert gathered.add(span(1, 1)) == 1  # forgotten: its file will tell that it is there
