"""A collector in a program: runs are written when they are whole, once, and whatever ends it, nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec
import pytest

import spantape
from collect_requests import Clock, agent_run, lone_calls, others, protobuf
from spantape.collect import (
    Collector,
    Failed,
    Listening,
    Recovered,
    Settings,
    Stopped,
    Unchanged,
    Wrote,
    WroteLines,
    _tapes,
    address,
    json_line,
)
from spantape.collect._errors import Busy, Closing
from spantape.errors import TapeError, UsageError
from spantape.tape.verify import verify_tape
from tape_spans import chat, names_in


@pytest.fixture
def clock():
    return Clock()


class Run:
    """A collector with a clock that stands still, and what it told; no server stands before it."""

    def __init__(self, directory, clock, settings):
        self.told = []
        self.clock = clock
        self.collector = Collector(directory, settings, tell=self.told.append, clock=clock).start()

    def send(self, spans):
        self.collector._call(lambda engine: engine.take(protobuf(spans)))
        return spans[0].context.trace_id

    def later(self, seconds):
        self.clock.now += seconds
        self.collector.sweep()

    def of(self, kind):
        return [event for event in self.told if isinstance(event, kind)]

    def stop(self):
        self.collector.stop()

    def die(self):
        """End as a killed process does: nothing more is written, and the lock is gone."""
        engine = self.collector._engine

        async def die(_engine_):
            engine._runs.due = engine._runs.oldest = engine._runs.open_ids = lambda *_args: []

        self.collector._call(die)
        self.stop()


@pytest.fixture
def collect(tmp_path, clock):
    running = []

    def start(**settings):
        given = {"http": None, "idle_s": 5, "wait_s": 60, "fsync": False} | settings
        running.append(Run(tmp_path / "tapes", clock, Settings(**given)))
        return running[-1]

    yield start
    for run in running:
        run.stop()


@pytest.fixture
def tapes(tmp_path):
    return tmp_path / "tapes"


def files(directory):
    return [name for name in names_in(directory) if name != ".collect"]


# --- when a run is written -------------------------------------------------------------------------------------------


def test_a_run_is_written_when_its_root_has_come_and_it_is_quiet(collect, tapes):
    run = collect()
    spans = agent_run(turns=2)
    trace = run.send(spans)
    run.later(4.9)
    assert files(tapes) == []
    run.later(0.1)
    path = run.collector.wait_for(trace)
    [wrote] = run.of(Wrote)
    tape = spantape.read_tape(path)
    assert files(tapes) == [path.name]
    assert (wrote.path, wrote.steps, wrote.spans, wrote.name) == (str(path), 3, 3, "planner")
    assert (wrote.fingerprint, wrote.run, wrote.traces) == (tape.fingerprint, "ab" * 16, [f"{trace:032x}"])
    assert run.collector.counts["open_runs"] == 0


def test_a_run_without_a_root_is_written_after_the_waiting_time(collect):
    run = collect()
    spans = lone_calls(turns=3)
    for span in spans:
        run.send([span])
        run.later(59)
    assert run.of(Wrote) == []
    run.later(1)
    tape = spantape.read_tape(run.collector.wait_for(spans[0].context.trace_id))
    assert [step.request_body() for step in tape.steps] == [chat(0), chat(1), chat(2)]
    assert len(run.of(Wrote)[0].traces) == 3


def test_late_spans_extend_the_tape_and_say_so(collect, tapes):
    run = collect()
    spans = agent_run(turns=2)
    trace = run.send(spans[1:])
    run.later(5)
    path = run.collector.wait_for(trace)
    run.send(spans[:1])
    run.later(5)
    run.collector.flush()
    first, second = run.of(Wrote)
    assert (first.late, second.late, second.added, second.steps) == (False, True, 1, 3)
    assert files(tapes) == [path.name]
    assert len(spantape.read_tape(path).steps) == 3


def test_a_request_that_comes_again_changes_nothing(collect):
    run = collect()
    spans = agent_run()
    for _ in range(3):
        run.send(spans)
    run.collector.flush()
    run.send(spans)
    run.collector.flush()
    assert len(run.of(Wrote)) == 1
    assert (run.collector.counts["spans"], run.collector.counts["repeated"]) == (3, 9)


def test_traces_of_others_are_kept_as_lines_or_dropped(collect, tapes):
    run = collect()
    trace = run.send(others())
    run.collector.flush()
    [wrote] = run.of(WroteLines)
    assert wrote.path == str(run.collector.wait_for(trace))
    assert (wrote.spans, wrote.reason) == (3, "")
    run.stop()
    dropping = collect(keep_others=False)
    dropping.send(others())
    dropping.collector.flush()
    assert len(files(tapes)) == 1
    assert dropping.collector.counts["dropped"] == 1
    dropping.send(agent_run())
    dropping.collector.flush()
    assert len(files(tapes)) == 2


def test_many_senders_at_once_lose_nothing(collect, tapes):
    run = collect()
    runs = [agent_run(f"{number:012x}" + "0" * 20, turns=3) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run.send, [spans[at::2] for spans in runs for at in range(2)]))
    run.collector.flush()
    assert len(files(tapes)) == 24
    assert all(verify_tape(tapes / name).steps == 4 for name in files(tapes))
    assert run.collector.counts["spans"] == 96


# --- the end, and after it -------------------------------------------------------------------------------------------


def test_stopping_writes_every_run_and_leaves_an_empty_journal(collect, tapes):
    run = collect()
    run.send(agent_run())
    run.send(lone_calls())
    run.stop()
    assert len(files(tapes)) == 2
    assert names_in(tapes / ".collect") == ["lock"]
    [stopped] = run.of(Stopped)
    assert (stopped.counts["tapes"], stopped.counts["open_runs"]) == (2, 0)


def test_what_a_dead_collector_acknowledged_the_next_one_writes(collect, tapes):
    first = collect()
    spans = agent_run(turns=4)
    first.send(spans[:2])
    first.die()
    assert files(tapes) == []
    second = collect()
    assert second.of(Recovered) == [Recovered(1, 2, [])]
    trace = second.send(spans[2:])
    second.send(spans[:2])  # its sender did not hear that it was taken
    second.later(5)
    tape = spantape.read_tape(second.collector.wait_for(trace))
    assert [step.kind for step in tape.steps] == ["agent", *["exchange"] * 4]
    assert second.collector.counts["repeated"] == 2


def test_a_collector_that_dies_again_and_again_loses_nothing(collect, tapes):
    spans = agent_run(turns=5)
    for span in spans:
        run = collect()
        run.send([span])
        run.die()
    last = collect()
    last.stop()
    [name] = files(tapes)
    assert len(spantape.read_tape(tapes / name).steps) == 6


def test_a_request_that_is_stored_and_not_yet_known_keeps_its_segment(collect):
    run = collect()
    engine = run.collector._engine
    spans = agent_run()

    async def between(_engine_):
        kept = asyncio.create_task(engine.take(protobuf(spans)))
        for _ in range(5):  # as far as it goes until it waits for the journal
            await asyncio.sleep(0)
        while not engine._journal.groups:  # the loop stands still here: it does not hear that it is stored
            pass
        engine._journal.rotate()
        engine._journal.append(b"another", 7).result(5)
        assert engine._journal.finished() == [1]
        engine._free_segments()
        assert engine._journal.path_of(1).exists()
        await kept

    run.collector._call(between)
    run.collector.flush()
    assert len(spantape.read_tape(run.collector.wait_for(spans[0].context.trace_id)).steps) == 3


def test_when_all_is_written_a_kill_leaves_nothing_to_take_up(collect, tapes):
    run = collect()
    run.send(agent_run())
    run.collector.flush()
    while list((tapes / ".collect").glob("*.segment")):
        run.collector.sweep()
    run.die()
    assert collect().of(Recovered) == []


def test_a_torn_tail_is_named_and_what_is_before_it_kept(collect, tapes):
    run = collect()
    run.send(agent_run())
    run.die()
    [segment] = (tapes / ".collect").glob("*.segment")
    with segment.open("ab") as file:
        file.write(segment.read_bytes()[:50])
    run = collect()
    [recovered] = run.of(Recovered)
    assert (recovered.requests, recovered.spans) == (1, 3)
    assert "dropped a torn tail, 50 bytes at byte" in recovered.skipped[0]


def test_a_run_that_was_written_before_the_end_is_not_written_again(collect, tapes):
    run = collect()
    spans = agent_run()
    run.send(spans)
    run.later(5)
    path = run.collector.wait_for(spans[0].context.trace_id)
    kept = path.read_bytes()
    run.die()
    run = collect()
    run.send(spans)
    run.collector.flush()
    assert run.collector.wait_for(spans[0].context.trace_id) == path
    assert run.of(Wrote) == []
    assert len(run.of(Unchanged)) == 1
    assert path.read_bytes() == kept


# --- behind, and out of disk -----------------------------------------------------------------------------------------


def test_flushing_ends_though_more_keeps_coming(collect, monkeypatch):
    run = collect()
    first = run.send(agent_run())
    written = _tapes._put_tape
    more = iter([agent_run(f"{number:032x}") for number in range(1, 4)])

    def put_and_send(*args):
        spans = next(more, None)
        if spans is not None:
            run.send(spans)
        return written(*args)

    monkeypatch.setattr(_tapes, "_put_tape", put_and_send)
    run.collector.flush()
    assert [event.traces for event in run.of(Wrote)] == [[f"{first:032x}"]]
    assert run.collector.counts["open_runs"] == 1


def test_flushing_waits_for_a_run_that_is_being_written_and_has_more(collect, monkeypatch):
    run = collect()
    spans = agent_run()
    written = _tapes._put_tape
    rest = iter([spans[:1]])

    def put_and_send(*args):
        for late in rest:
            run.send(late)
            flushing.append(run.collector._call(start_flush))
        return written(*args)

    async def start_flush(engine):
        return asyncio.create_task(engine.flush())

    async def finished(_engine_):
        await flushing[0]

    flushing = []
    monkeypatch.setattr(_tapes, "_put_tape", put_and_send)
    run.send(spans[1:])
    run.collector.flush()
    run.collector._call(finished)
    assert [event.added for event in run.of(Wrote)] == [2, 1]
    assert run.collector.counts["open_runs"] == 0


def test_past_half_of_its_room_runs_are_written_though_they_are_not_whole(collect):
    run = collect(max_open_spans=8)
    trace = run.send(lone_calls(turns=4))
    assert len(spantape.read_tape(run.collector.wait_for(trace)).steps) == 4  # no time has passed


def test_a_tape_that_cannot_be_written_is_said_once_and_tried_again(collect, monkeypatch):
    run = collect()

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    trace = run.send(agent_run())
    with monkeypatch.context() as broken:
        broken.setattr("spantape.tape.write._pack", full)
        run.collector.flush()
        run.collector.flush()
    [failed] = run.of(Failed)
    assert failed.what == "tapes"
    assert "No space left on device" in failed.reason
    assert run.collector.counts["open_spans"] == 3
    run.later(5)
    assert len(spantape.read_tape(run.collector.wait_for(trace)).steps) == 3


def test_what_cannot_be_written_at_the_end_stays_for_the_next_collector(collect, monkeypatch):
    run = collect()
    trace = run.send(agent_run())

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("spantape.tape.write._pack", full)
        run.stop()
    assert run.collector.counts["open_runs"] == 1
    again = collect()
    again.collector.flush()
    assert len(spantape.read_tape(again.collector.wait_for(trace)).steps) == 3


def test_a_worker_that_is_killed_costs_no_run(collect, monkeypatch):
    run = collect()
    trace = run.send(agent_run())

    def killed(_job):
        raise BrokenProcessPool

    with monkeypatch.context() as broken:
        broken.setattr("spantape.collect._workers.write_run", killed)
        run.collector.flush()
    assert "was killed" in run.of(Failed)[0].reason
    run.later(5)
    assert run.collector.wait_for(trace).exists()


def test_what_went_wrong_in_a_worker_is_told_and_costs_no_run(collect, monkeypatch):
    run = collect()
    run.send(agent_run())
    with monkeypatch.context() as broken:
        broken.setattr(_tapes, "_put", lambda *_args: 1 / 0)
        run.collector.flush()
    assert "ZeroDivisionError" in run.of(Failed)[0].reason
    run.collector.flush()
    assert len(run.of(Wrote)) == 1


def test_runs_are_written_in_a_process_beside_it_where_asked(collect):
    run = collect(workers=1)
    trace = run.send(agent_run())
    run.collector.flush()
    assert len(spantape.read_tape(run.collector.wait_for(trace)).steps) == 3
    assert isinstance(run.collector._engine._workers._executor, ProcessPoolExecutor)


def test_memory_is_bounded_by_what_is_being_received(collect):
    run = collect(max_waiting_bytes=1000)
    engine = run.collector._engine

    async def fill(_engine_):
        with engine.room() as one, engine.room() as other:
            one.grow(600)
            with pytest.raises(Busy, match="too many requests"):
                other.grow(600)
            other.grow(400)
        with engine.room() as third:
            third.grow(1000)

    run.collector._call(fill)


# --- wrong usage -----------------------------------------------------------------------------------------------------


def test_two_collectors_in_one_directory_are_refused(collect, tapes):
    collect()
    with pytest.raises(UsageError, match=r"another collector writes to .*tapes.*another -o DIR"):
        Collector(tapes).start()


def test_a_port_in_use_is_refused_with_the_next_move(collect, tmp_path):
    taken = address(collect(http=address("127.0.0.1:0")).collector.endpoint.removeprefix("http://"))
    with pytest.raises(UsageError, match=r"another program listens there.*--http 127.0.0.1:0"):
        Collector(tmp_path / "other", Settings(http=taken)).start()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TapeError, match="cannot be written"):
        Collector(tmp_path / "file" / "tapes").start()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_let_in_with_a_token_only(host):
    with pytest.raises(
        UsageError, match=r"which other machines can reach, and no token.*SPANTAPE_COLLECT_TOKEN"
    ):
        Settings(http=address(f"[{host}]:4318" if ":" in host else f"{host}:4318"))
    with pytest.raises(UsageError, match="no token"):
        Settings(http=None, grpc=address(f"[{host}]:4317"))
    assert Settings(http=address(f"[{host}]:4318"), token="s3cret").token == "s3cret"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_this_machine_needs_no_token(host):
    assert Settings(http=address(f"{host}:0")).token is None


@pytest.mark.parametrize("text", ["", "4318", ":4318", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "h:-1"])
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="expected HOST:PORT"):
        address(text)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"token": ""}, "token that no header can carry"),
        ({"token": "  "}, "token that no header can carry"),
        ({"token": "ä"}, "token that no header can carry"),
        ({"idle_s": -1}, "idle_s -1"),
        ({"wait_s": float("nan")}, "wait_s nan"),
        ({"max_open_spans": 0}, "max_open_spans 0"),
        ({"http": address("no.such.host.invalid:1")}, "expected one of this machine's"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, match):
    with pytest.raises(UsageError, match=match):
        Settings(**settings)


def test_a_collector_is_used_once_and_while_it_runs(tmp_path):
    collector = Collector(tmp_path)
    with pytest.raises(UsageError, match="not running"):
        collector.flush()
    with pytest.raises(UsageError, match="not started"):
        assert collector.endpoint
    with collector:
        pass
    collector.stop()
    with pytest.raises(UsageError, match="has been started"):
        collector.start()


def test_waiting_for_a_trace_that_does_not_come_says_what_did(collect):
    run = collect()
    run.send(agent_run())
    with pytest.raises(TimeoutError, match=r"no file of trace 0{31}1 after 0.01 s; so far: .*'spans': 3"):
        run.collector.wait_for(1, 0.01)


def test_without_a_directory_it_keeps_nothing(clock):
    with Collector(clock=clock) as collector:
        assert collector.directory.is_dir()
    assert not collector.directory.exists()


def test_events_are_json_lines():
    events = [Listening(http="http://x"), Recovered(1, 2), Failed("tapes", "why"), Stopped({"spans": 1})]
    told = [msgspec.json.decode(json_line(event)) for event in events]
    assert told == [
        {"event": "listening", "http": "http://x"},
        {"event": "recovered", "requests": 1, "spans": 2},
        {"event": "failed", "what": "tapes", "reason": "why"},
        {"event": "stopped", "counts": {"spans": 1}},
    ]


def test_a_listener_that_fails_holds_nothing_up_and_is_heard_at_the_end(tmp_path, clock):
    def broken(event):
        raise RuntimeError(type(event).__name__)

    spans = agent_run()
    collector = Collector(tmp_path, tell=broken, clock=clock).start()
    collector._call(lambda engine: engine.take(protobuf(spans)))
    collector.flush()
    assert spantape.read_tape(collector.wait_for(spans[0].context.trace_id)).sealed
    with pytest.raises(RuntimeError, match="Listening"):
        collector.stop()


def test_a_collector_that_fails_says_so_and_ends(collect, tapes, clock, monkeypatch):
    run = Run(tapes, clock, Settings(http=None, fsync=False))
    run.send(agent_run())
    monkeypatch.setattr(run.collector._engine, "sweep", lambda: 1 / 0)
    run.collector._loop.call_soon_threadsafe(run.collector._engine._woken.set)
    run.collector._thread.join(10)
    assert not run.collector.running
    assert len(files(tapes)) == 1
    with pytest.raises(ZeroDivisionError):
        run.collector.stop()


def test_ended_requests_are_refused_by_who_still_has_them(collect):
    run = collect()
    run.collector._engine.refuse()
    with pytest.raises(Closing, match="being stopped"), run.collector._engine.room():
        pass


def test_reading_what_a_collector_left_needs_no_server():
    code = "import sys, spantape.collect._segment, spantape.collect; print({'uvicorn', 'grpc'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        spantape.collect.Nothing  # noqa: B018 - the access is what is tested


def test_no_thread_stays_behind(collect):
    before = set(threading.enumerate())
    run = collect(http=address("127.0.0.1:0"))
    run.send(agent_run())
    run.stop()
    assert set(threading.enumerate()) <= before
