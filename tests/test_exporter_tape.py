"""Spans of a service become tapes: one file a run, whatever the order, the threads and the crashes."""

from __future__ import annotations

import logging
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult

from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.errors import PartialTapeWarning, TapeError, UsageError
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from spantape.tape.write import TapeWriter
from spantape_exporters.tape import TapeSpanExporter
from tape_spans import chat, exchange, names_in, sdk_spans


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make(tmp_path, clock):
    """Exporters into `tmp_path`, shut down at the end."""
    made = []

    def build(**settings):
        made.append(TapeSpanExporter(tmp_path, **{"clock": clock, "idle_seconds": 3600} | settings))
        return made[-1]

    yield build
    for exporter in made:
        exporter.shutdown()


def tracer_of(exporter, processor=SimpleSpanProcessor):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor(exporter))
    return provider.get_tracer("spantape"), provider


def agent(run, name="planner"):
    return {
        names.KIND: "agent",
        names.RUN_ID: run,
        names.AGENT_NAME: name,
        names.ARGUMENTS: "{}",
        names.RESULT: "1",
    }


def call(run, turn=0):
    own = {names.KIND: "exchange", names.RUN_ID: run, names.STEP: turn}
    return own | write_exchange(exchange(turn), chat(turn - 1) if turn else None)


def run_agent(tracer, run, turns=3, name="planner"):
    with tracer.start_as_current_span(f"invoke_agent {name}", attributes=agent(run, name)):
        for turn in range(turns):
            tracer.start_span("chat", attributes=call(run, turn)).end()


def tapes(directory) -> list[Path]:
    return sorted(directory.glob("*.tape"))


def test_a_run_is_sealed_when_its_root_ends(make, tmp_path):
    tracer, _ = tracer_of(make())
    run_agent(tracer, "ab" * 16, name="Trip Planner (v2)")
    [path] = tapes(tmp_path)
    assert re.fullmatch(r"\d{8}T\d{6}Z-trip-planner-v2-abababababab\.tape", path.name)
    assert names_in(tmp_path) == [path.name]
    tape = read_tape(path)
    assert tape.sealed
    assert (tape.run_id, tape.name) == ("ab" * 16, "Trip Planner (v2)")
    assert [step.exchange() for step in tape.steps[1:]] == [exchange(turn) for turn in range(3)]


def test_batches_bring_children_first_and_give_the_same_tape(make, tmp_path):
    tracer, provider = tracer_of(make(), BatchSpanProcessor)
    run_agent(tracer, "ab" * 16)
    provider.force_flush()
    [path] = tapes(tmp_path)
    assert [step.parent for step in read_tape(path).steps] == [None, 0, 0, 0]
    provider.shutdown()


def test_other_spans_of_the_trace_are_kept_and_other_traces_ignored(make, tmp_path):
    tracer, _ = tracer_of(make())
    with tracer.start_as_current_span("unrelated"):
        tracer.start_span("query").end()
    with tracer.start_as_current_span("GET /plan"):
        tracer.start_span("before the run").end()
        run_agent(tracer, "ab" * 16)
        tracer.start_span("after the run").end()
    [path] = tapes(tmp_path)
    tape = read_tape(path)
    assert len(tape.steps) == 4
    assert {"GET /plan", "before the run", "after the run"} <= {span.name for span in tape.spans}
    assert len(tape.spans) == 7


def test_a_span_that_comes_late_is_merged_into_its_tape(make, tmp_path, clock):
    exporter = make()
    tracer, _ = tracer_of(exporter)
    run_agent(tracer, "ab" * 16, turns=2)
    [path] = tapes(tmp_path)
    tracer.start_span("chat", attributes=call("ab" * 16, 2)).end()
    assert len(read_tape(path).steps) == 3
    assert len(names_in(tmp_path)) == 2
    clock.now += 3601
    exporter.seal_idle()
    assert names_in(tmp_path) == [path.name]
    assert [step.request_body() for step in read_tape(path).steps[1:]] == [chat(0), chat(1), chat(2)]
    assert verify_tape(path).bodies == 6


def test_a_loop_without_a_root_is_one_tape_when_nothing_more_comes(make, tmp_path, clock):
    exporter = make(idle_seconds=60)
    tracer, _ = tracer_of(exporter)
    for turn in range(4):
        tracer.start_span("chat", attributes=call("cd" * 16, turn)).end()
        clock.now += 59
        assert exporter.seal_idle()
    assert tapes(tmp_path) == []
    clock.now += 1
    assert not exporter.seal_idle()
    [path] = tapes(tmp_path)
    assert len(read_tape(path).steps) == 4


def test_idle_runs_are_sealed_without_being_asked(tmp_path):
    exporter = TapeSpanExporter(tmp_path, idle_seconds=0.01)
    tracer, _ = tracer_of(exporter)
    tracer.start_span("chat", attributes=call("cd" * 16)).end()
    sweeper = exporter._sweeper
    if sweeper is not None:
        sweeper.join(10)
        assert not sweeper.is_alive()
    assert len(tapes(tmp_path)) == 1
    exporter.shutdown()


def test_too_many_open_runs_seal_the_oldest(make, tmp_path):
    exporter = make(max_open_runs=2)
    tracer, _ = tracer_of(exporter)
    for index in range(5):
        tracer.start_span("chat", attributes=call(f"{index:032x}")).end()
    assert {read_tape(path).run_id for path in tapes(tmp_path)} == {f"{index:032x}" for index in range(3)}


def test_a_run_that_cannot_be_sealed_costs_the_next_one_nothing(make, tmp_path, monkeypatch):
    monkeypatch.delenv("SPANTAPE_RAISE")
    exporter = make(max_open_runs=1)
    spans = [
        sdk_spans(lambda tracer, run=run: tracer.start_span("chat", attributes=call(run)).end())
        for run in ("a", "b")
    ]

    def full(*_args, **_more):
        raise TapeError("cannot be written (No space left on device)")

    with monkeypatch.context() as broken:
        broken.setattr(TapeWriter, "close", full)
        assert [exporter.export(one) for one in spans] == [SpanExportResult.SUCCESS, SpanExportResult.FAILURE]
    exporter.shutdown()
    [path] = tapes(tmp_path)
    assert read_tape(path).run_id == "b"
    assert sum(name.endswith(".journal") for name in names_in(tmp_path)) == 1


def test_shutdown_seals_every_run_and_refuses_more(make, tmp_path):
    exporter = make()
    tracer, provider = tracer_of(exporter)
    for run in ("ab" * 16, "cd" * 16):
        tracer.start_span("chat", attributes=call(run)).end()
    assert provider.force_flush()
    assert tapes(tmp_path) == []
    exporter.shutdown()
    exporter.shutdown()
    assert len(tapes(tmp_path)) == 2
    assert exporter.export([]) is SpanExportResult.FAILURE


def test_another_runs_tape_is_never_overwritten(make, tmp_path):
    for tail in ("0" * 20, "1" * 20):
        spans = sdk_spans(lambda tracer, run="ab" * 6 + tail: run_agent(tracer, run))
        for one in spans:
            one._start_time = 1_700_000_000_000_000_000 + one._start_time % 1000
        assert make().export(spans) is SpanExportResult.SUCCESS
    first, second = tapes(tmp_path)
    assert [first.name, second.name] == [
        "20231114T221320Z-planner-abababababab-2.tape",
        "20231114T221320Z-planner-abababababab.tape",
    ]
    assert {read_tape(first).run_id[12:], read_tape(second).run_id[12:]} == {"0" * 20, "1" * 20}


def test_two_exporters_of_one_run_share_its_tape(make, tmp_path):
    spans = sdk_spans(lambda tracer: run_agent(tracer, "ab" * 16))
    for one in spans:
        one._start_time = 1_700_000_000_000_000_000 + one._start_time % 1000
    first, second = make(), make()
    assert first.export(spans[:2]) is SpanExportResult.SUCCESS
    second.export(spans[2:])
    first.shutdown()
    runs = [read_tape(path) for path in tapes(tmp_path)]
    assert {tape.run_id for tape in runs} == {"ab" * 16}
    assert sum(len(tape.steps) for tape in runs) == 4


def test_a_tape_that_is_damaged_is_left_alone(make, tmp_path, monkeypatch):
    monkeypatch.delenv("SPANTAPE_RAISE")
    exporter = make()
    tracer, _ = tracer_of(exporter)
    run_agent(tracer, "ab" * 16)
    [path] = tapes(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    kept = path.read_bytes()
    tracer.start_span("chat", attributes=call("ab" * 16, 3)).end()
    exporter.shutdown()
    assert path.read_bytes() == kept
    [journal] = [name for name in names_in(tmp_path) if name.endswith(".journal")]
    with pytest.warns(PartialTapeWarning, match="1 whole steps"):
        read_tape(tmp_path / journal)


def test_a_crash_leaves_journals_that_are_read(make, tmp_path):
    tracer, _ = tracer_of(make())
    for turn in range(3):
        tracer.start_span("chat", attributes=call("ab" * 16, turn)).end()
    [journal] = names_in(tmp_path)
    with pytest.warns(PartialTapeWarning):
        tape = read_tape(tmp_path / journal)
    assert [step.request_body() for step in tape.steps] == [chat(0), chat(1), chat(2)]


def test_a_failure_is_logged_once_and_never_raised(make, monkeypatch, caplog):
    monkeypatch.delenv("SPANTAPE_RAISE")
    exporter = make()

    def broken(*_args):
        raise OSError(28, "No space left on device")

    spans = sdk_spans(lambda tracer: run_agent(tracer, "ab" * 16))
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING, "spantape"):
        patched.setattr(TapeWriter, "add", broken)
        results = [exporter.export(spans[:1]) for _ in range(3)]
    assert results == [SpanExportResult.FAILURE] * 3
    assert len(caplog.records) == 1
    assert exporter.export(spans) is SpanExportResult.SUCCESS


def test_one_bad_span_costs_no_other_its_tape(make, tmp_path, monkeypatch):
    monkeypatch.delenv("SPANTAPE_RAISE")
    spans = list(sdk_spans(lambda tracer: run_agent(tracer, "ab" * 16)))
    assert make().export([spans[0], object(), *spans[1:]]) is SpanExportResult.FAILURE
    [path] = tapes(tmp_path)
    assert len(read_tape(path).steps) == 4


def test_threads_record_their_own_runs(make, tmp_path):
    tracer, _ = tracer_of(make())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: run_agent(tracer, f"{index:012x}" + "0" * 20, turns=5), range(24)))
    assert len(tapes(tmp_path)) == 24
    assert all(len(read_tape(path).steps) == 6 for path in tapes(tmp_path))


def test_a_run_spread_over_threads_is_one_tape(make, tmp_path):
    exporter = make()
    spans = sdk_spans(lambda tracer: run_agent(tracer, "ab" * 16, turns=31))
    threads = [threading.Thread(target=exporter.export, args=(spans[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    exporter.shutdown()
    [path] = tapes(tmp_path)
    assert len(read_tape(path).steps) == 32


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_its_own_tapes_and_leaves_its_parents(make, tmp_path):
    exporter = make()
    tracer, _ = tracer_of(exporter)
    tracer.start_span("chat", attributes=call("ab" * 16)).end()
    child = os.fork()
    if child == 0:
        try:
            run_agent(tracer, "cd" * 16)
            exporter.shutdown()
            os._exit(0 if len(tapes(tmp_path)) == 1 else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    tracer.start_span("chat", attributes=call("ab" * 16, 1)).end()
    exporter.shutdown()
    assert {read_tape(path).run_id: len(read_tape(path).steps) for path in tapes(tmp_path)} == {
        "ab" * 16: 2,
        "cd" * 16: 4,
    }


def test_settings_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for directory in (None, "elsewhere"):
        if directory:
            monkeypatch.setenv("SPANTAPE_DIR", directory)
        [entry] = entry_points(group="opentelemetry_traces_exporter", name="tape")
        exporter = entry.load()()
        tracer, _ = tracer_of(exporter)
        run_agent(tracer, "ab" * 16)
        exporter.shutdown()
        assert len(tapes(tmp_path / (directory or "tapes"))) == 1


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan"])
def test_a_setting_that_is_no_number_is_named(monkeypatch, value):
    monkeypatch.setenv("SPANTAPE_TAPE_IDLE_SECONDS", value)
    with pytest.raises(UsageError, match="SPANTAPE_TAPE_IDLE_SECONDS"):
        TapeSpanExporter()


def test_what_waits_for_its_run_is_bounded(make, tmp_path):
    exporter = make()

    def many(tracer):
        with tracer.start_as_current_span("outer"):
            for index in range(3000):
                tracer.start_span(f"inner {index}").end()

    assert exporter.export(sdk_spans(many)) is SpanExportResult.SUCCESS
    assert names_in(tmp_path) == []
    assert exporter._tapes._waiting.count <= 2048
