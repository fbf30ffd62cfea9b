"""Our mistake never becomes the user's: every function of the recording path is made to fail, one by one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import inspect
import json
import logging
import re
import shutil
import subprocess
import sys
import threading
import types
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spantape
from spantape import _guard
from spantape._seams.crossing import settle
from spantape.errors import TapeError
from spantape_exporters.tape import TapeSpanExporter
from survive_sdks import CHAT, MESSAGES, RESPONSES, plain

# a fault takes the place of a function's code, whatever kind of function it is; 3.13 warns of that
pytestmark = pytest.mark.filterwarnings(
    "ignore:Assigning a code object of non-matching type:DeprecationWarning"
)

OURS = (
    str(Path(spantape.__file__).parent),
    str(Path(sys.modules[TapeSpanExporter.__module__].__file__).parent),
)
SERVERS = str(Path(spantape.__file__).parent / "testing")


class Injected(RuntimeError):
    """The fault."""


@spantape.tool
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b


@spantape.tool
async def add_async(a: int, b: int) -> int:
    return a + b


@spantape.tool
def count(number: int):
    yield from range(number)


@spantape.tool
async def count_async(number: int):
    for item in range(number):
        yield item


@spantape.tool
def fail(address: str) -> None:
    raise ValueError(f"no such address: {address}")


def _failing(call):
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - any error that reaches the program is part of what it sees
        return f"{type(error).__name__}: {error}"


@spantape.agent
def whole(clients):
    return plain(CHAT.call(clients["chat"], "Write to bob@example.com"))


@spantape.agent
def refused(clients):
    return _failing(lambda: CHAT.call(clients["chat"], "FAIL"))


@spantape.agent
def streamed(clients):
    return [
        plain(event)
        for event in MESSAGES.call(clients["messages"], "Write to carol@example.com", stream=True)
    ]


@spantape.agent
def left_early(clients):
    stream = CHAT.call(clients["chat"], "one two three four five", stream=True)
    return plain(next(stream)), stream.close()


@spantape.agent
def dropped(clients):
    return plain(next(CHAT.call(clients["chat"], "one two three four five", stream=True))), gc.collect(0) * 0


@spantape.agent
def uploaded(clients):
    pieces = (piece for piece in (b'{"model": "m", ', b'"messages": []}'))
    return clients["chat"]._client.post(f"{clients['url']}/v1/chat/completions", content=pieces).status_code


@spantape.agent
def tools(_clients):
    return [add(1, 2), list(count(3)), _failing(lambda: fail("dan@example.com"))]


@spantape.agent
async def whole_async(clients):
    return plain(await RESPONSES.call(clients["responses"], "Write to eve@example.com"))


@spantape.agent
async def streamed_async(clients):
    return [plain(event) async for event in await RESPONSES.call(clients["responses"], "Hi", stream=True)]


@spantape.agent
async def tools_async(_clients):
    return [await add_async(1, 2), [item async for item in count_async(3)]]


PARTS = (
    tools,
    whole,
    streamed,
    refused,
    left_early,
    dropped,
    uploaded,
    tools_async,
    whole_async,
    streamed_async,
)


class World:
    """A server, clients and an event loop that last for all faults, and the parts of a program run on them."""

    def __init__(self, url, runner):
        self.clients = {"chat": CHAT.client(url), "messages": MESSAGES.client(url), "url": url}
        self.clients["responses"] = RESPONSES.client(url, asynchronous=True)
        self._runner = runner
        self.seen = {}

    def run(self, part):
        """What the program sees of a part, with the server's made-up ids and times made equal."""
        found = part(self.clients)
        if inspect.iscoroutine(found):
            found = self._runner.run(found)
        return re.sub(r'[0-9a-f]{24}|"(?:created|created_at|completed_at)": [0-9.]+', "", json.dumps(found))

    def close(self):
        for name in ("chat", "messages"):
            self.clients[name].close()
        self._runner.run(self.clients["responses"].close())


SERVER = """
import sys
from spantape.testing import ModelServer, error
def answers(request):
    return error(400, message="as asked, mail eve@example.com") if "FAIL" in request.prompt.text else None
with ModelServer(answers) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def world():
    """The server is another process: it shares functions with what is made to fail here."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        with asyncio.Runner() as runner:
            made = World(process.stdout.readline().strip(), runner)
            made.seen = {part: made.run(part) for part in PARTS}
            assert made.seen == {part: made.run(part) for part in PARTS}  # else nothing could be told
            yield made
            made.close()
        process.stdin.close()


class Log(logging.Handler):
    """What spantape logs inside, and OpenTelemetry of what an exporter raised."""

    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage().split(" (")[0])

    def __enter__(self):
        _guard.forget()
        for name in ("spantape", "opentelemetry"):
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(self, *_error):
        for name in ("spantape", "opentelemetry"):
            logging.getLogger(name).removeHandler(self)


@pytest.fixture
def quiet(monkeypatch):
    """As in a user's program: our own failures are logged, not raised."""
    monkeypatch.delenv("SPANTAPE_RAISE")


@contextlib.contextmanager
def recording(folder, *, tapes=False):
    """Both ways to record at once: instrument(), with an exporter that seals each run's tape or in memory, and record()."""
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = TapeSpanExporter(folder / "tapes") if tapes else InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    block = spantape.record(folder / "run.tape")
    with (
        spantape.instrument(provider),
        contextlib.suppress(TapeError),
        block,
    ):  # it says that steps are missing
        yield
    provider.shutdown()


# --- which functions there are ------------------------------------------------------------------------------------


def _frames_of(part, world):
    """The code of ours that runs while a part does, on any thread; whether each time below a guard."""
    seen: dict[types.CodeType, bool] = {}

    def note(frame, event, _argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS):
            seen[code] = seen.get(code, True) and _below_a_guard(frame)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        world.run(part)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return seen


def _below_a_guard(frame):
    while frame is not None:
        if frame.f_code is _guard.guarded.__code__:
            return True
        frame = frame.f_back
    return False


class Reached:
    """A function with the parts of the program in which it runs; `guarded`: always below a guard."""

    def __init__(self, function):
        self.function = function
        self.name = f"{function.__module__}:{function.__qualname__}"
        self.parts = []
        self.guarded = True


def reached(world, parts):
    """The functions of ours that run while a program is recorded, by name.

    Functions within functions are left out: they are made anew by the function around them, which is there.
    """
    frames = {part: _frames_of(part, world) for part in parts}
    every = {code for seen in frames.values() for code in seen}
    found: dict[str, Reached] = {}
    for function in [thing for thing in gc.get_objects() if isinstance(thing, types.FunctionType)]:
        if function.__code__ in every and "<locals>" not in function.__code__.co_qualname:
            one = Reached(function)
            one.parts = [part for part in parts if function.__code__ in frames[part]]
            one.guarded = all(frames[part][function.__code__] for part in one.parts)
            found[one.name] = one
    return dict(sorted(found.items()))


# --- faults -------------------------------------------------------------------------------------------------------


@functools.cache
def _caches():
    """The caches of ours, by the function that is cached."""
    found = {}
    for thing in gc.get_objects():
        if isinstance(thing, functools._lru_cache_wrapper):
            found.setdefault(thing.__wrapped__, []).append(thing)
    return found


class Fault:
    """`function` fails inside, by whatever name it is called; `count` says how often it did."""

    def __init__(self, function):
        self._function = function
        self._code = function.__code__
        self.count = 0

    def fail(self):
        self.count += 1
        raise RuntimeError("injected")

    def __enter__(self):
        for cached in _caches().get(self._function, ()):
            cached.cache_clear()
        self._function.__globals__["_injected_fault"] = self.fail
        self._function.__code__ = _failing_code(self._code.co_freevars)
        return self

    def __exit__(self, *_error):
        self._function.__code__ = self._code
        del self._function.__globals__["_injected_fault"]


def _failing_code(free):
    """Code that fails; it has the free variables of the code whose place it takes."""
    bound = "".join(f"    {name} = None\n" for name in free)
    used = f"({', '.join(free)}, _injected_fault())" if free else "_injected_fault()"
    space = {}
    exec(
        f"def outer():\n{bound}    def fault(*args, **kwargs): {used}\n    return fault\n", space
    )  # the text above
    return space["outer"]().__code__


HANDS = {
    # what the program itself calls, or wrapt and the libraries on its behalf
    "spantape._seams._patch:Handle.enabled",
    "spantape._seams.httpx:_AsyncTee.__aiter__",
    "spantape._seams.httpx:_AsyncTee.aclose",
    "spantape._seams.httpx:_AsyncTransport.handle_async_request",
    "spantape._seams.httpx:_RequestTee.__iter__",
    "spantape._seams.httpx:_Tee.__iter__",
    "spantape._seams.httpx:_Tee.close",
    "spantape._seams.httpx:_Transport.handle_request",
    "spantape._seams.invoked:Invocation.__init__",
    "spantape._seams.invoked:Invocation.answer",
    # what those hand the program's call on with: an object made, a context entered, a guard called
    "spantape._seams.crossing:Around.__enter__",
    "spantape._seams.crossing:Around.__exit__",
    "spantape._seams.crossing:Around.__init__",
    "spantape._seams.crossing:ended",
    "spantape._seams.httpx:_Proxy.__init__",
    "spantape._seams.httpx:_chosen",
    "spantape._seams.httpx:_open",
    "spantape._seams.invoked:Invocation._ended",
    "spantape._seams.invoked:Invocation._failed",
    "spantape._seams.invoked:Invocation.current",
    "spantape._seams.invoked:Invocation.iterating",
    "spantape._seams.invoked:Invocation.returned",
    "spantape._seams.invoked:Invocation.running",
    "spantape._seams.invoked:Invocation.yielded",
    # whether a tape answers at all: a failure there must be heard, for a guess could let a replayed call out
    "spantape._state:current_session",
    "spantape._state:replaying",
    "spantape._state:watching",
}
"""What runs in the program's own stack above every guard, and so cannot be guarded: kept short, and kept simple."""

ON_THEIR_OWN = {
    # called by the garbage collector, which drops what they raise, or on a thread of ours
    "spantape._seams.crossing:Crossing.ended",
    "spantape._seams.crossing:_ensure_reaper",
    "spantape._seams.crossing:_hand_over",
    "spantape._seams.crossing:_reap",
    "spantape._seams.crossing:abandon",
    "spantape._seams.httpx:_AsyncTee.__del__",
    "spantape._seams.httpx:_Tee.__del__",
    "spantape_exporters.tape:TapeSpanExporter.sweep_every_s",
    "spantape_exporters.tape:TapeSpanExporter.seal_idle",
    "spantape_exporters.tape:_sweep",
    # its guard stands beside it: it runs for every chunk
    "spantape._seams.crossing:Crossing.arrived",
}


@pytest.fixture(scope="module")
def functions(world, tmp_path_factory):
    with recording(tmp_path_factory.mktemp("reached")):
        return reached(world, PARTS)


@pytest.fixture(scope="module")
def sealing(world, functions, tmp_path_factory):
    """The functions that run only where tapes are sealed while the program goes on."""
    with recording(tmp_path_factory.mktemp("reached"), tapes=True):
        return {name: one for name, one in reached(world, (tools,)).items() if name not in functions}


def _of_spantape(functions):
    return {
        name: one for name, one in functions.items() if name.startswith("spantape") and "._guard:" not in name
    }


def test_only_what_hands_the_call_on_runs_above_every_guard(functions, sealing):
    above = {name for name, one in _of_spantape({**functions, **sealing}).items() if not one.guarded}
    assert above - HANDS - ON_THEIR_OWN == set()


def _harm(world, function, parts):
    """What a fault in `function` did to the program, "" for nothing; and how often it happened.

    What cannot be written of a value, because of us or of its own class, is said on the span and not in the log.
    """
    harm = []
    with Log() as log, Fault(function) as fault:
        for part in parts:
            try:
                if world.run(part) != world.seen[part]:
                    harm.append(f"{part.__name__} saw something else")
            except BaseException as error:  # noqa: BLE001 - that is what is looked for
                harm.append(f"{part.__name__} got {error!r}")
    ours = Counter(text for text in log.messages if text.startswith("spantape"))
    harm += [f"logged {count} times: {text}" for text, count in ours.items() if count > 1]
    if fault.count and not log.messages and not function.__module__.startswith("spantape._values"):
        harm.append("nothing was logged")
    return "; ".join(harm), fault.count


def _harms(world, functions):
    """What a fault in each function did, by name, where it did anything; and the names of those that failed."""
    harmed, failed = {}, []
    for name, one in _of_spantape(functions).items():
        if one.guarded:
            harm, count = _harm(world, one.function, one.parts if "._seams." in name else one.parts[:1])
            failed += [name] * bool(count)
            harmed |= {name: harm} if harm else {}
    return harmed, failed


ROOMS = "_seams.httpx _seams.crossing _seams.invoked _seams.results _spans. _dialects. _recording tape.write tape.journal tape.otlp _values."


def test_a_function_that_fails_while_recording_changes_no_result_and_is_logged_once(
    functions, world, tmp_path, quiet
):
    with recording(tmp_path):
        harmed, failed = _harms(world, functions)
    assert harmed == {}
    missing = [
        room for room in ROOMS.split() if not any(name.startswith(f"spantape.{room}") for name in failed)
    ]
    assert missing == []
    assert len(failed) > 200


def test_a_function_that_fails_while_a_tape_is_sealed_changes_no_result_and_is_logged_once(
    sealing, world, tmp_path, quiet
):
    with recording(tmp_path, tapes=True):
        harmed, failed = _harms(world, sealing)
    assert harmed == {}
    assert any(name.startswith("spantape_exporters") for name in failed)
    assert any(name.startswith("spantape.tape.directory") for name in failed)


# --- the SDK's own hooks, and what users put behind them -----------------------------------------------------------


def _raise(*_args, **_kwargs):
    raise RuntimeError("injected")


SDK_HOOKS = [
    (SdkTracer, "start_span"),
    (SdkSpan, "set_attributes"),
    (SdkSpan, "set_attribute"),
    (SdkSpan, "set_status"),
    (SdkSpan, "end"),
    (SdkSpan, "is_recording"),
    (SdkSpan, "get_span_context"),
    (SimpleSpanProcessor, "on_start"),
    (SimpleSpanProcessor, "on_end"),
    (InMemorySpanExporter, "export"),
]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("owner", "name"), SDK_HOOKS, ids=lambda hook: getattr(hook, "__name__", hook))
def test_a_hook_of_the_tracing_sdk_that_raises_changes_no_result(owner, name, world, tmp_path, monkeypatch):
    with recording(tmp_path), Log() as log, monkeypatch.context() as patch:
        patch.setattr(owner, name, _raise)
        assert {part: world.run(part) for part in PARTS} == world.seen
    assert log.messages


class Broken(SpanProcessor):
    """A processor of the user's own that fails in each of its hooks."""

    on_start = on_end = _on_ending = _raise


def test_a_processor_of_the_users_that_raises_changes_no_result_and_keeps_no_tape_from_being_whole(
    world, tmp_path, quiet
):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    with spantape.instrument(provider), spantape.record(tmp_path / "x.tape") as session:
        assert {part: world.run(part) for part in PARTS} == world.seen
    assert sum(step.kind == "exchange" for step in session.tape.steps) == 8


class Stuck(SpanExporter):
    """An exporter whose collector never answers."""

    def __init__(self):
        self.reached, self.free = threading.Event(), threading.Event()

    def export(self, spans):
        self.reached.set()
        self.free.wait()
        return SpanExportResult.FAILURE


def test_an_exporter_that_hangs_holds_up_no_call(world):
    provider, stuck = TracerProvider(shutdown_on_exit=False), Stuck()
    provider.add_span_processor(
        BatchSpanProcessor(stuck, max_queue_size=4, max_export_batch_size=2, schedule_delay_millis=1)
    )
    with spantape.instrument(provider):
        for _ in range(3):  # more spans than the queue holds
            assert {part: world.run(part) for part in PARTS} == world.seen
    assert stuck.reached.wait(5)
    stuck.free.set()
    provider.shutdown()


def _record(world, path, disturb):
    """What the program sees where `disturb` is done first in the block that records it, and what the block says."""
    seen = {}

    def program():
        with spantape.record(path):
            disturb()
            seen.update({part: world.run(part) for part in PARTS})

    with pytest.raises(TapeError) as caught:
        program()
    return seen, str(caught.value)


def _no_space(*_args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("quiet")
def test_a_disk_that_fills_up_harms_no_call_and_is_said_when_the_block_is_left(world, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        path = tmp_path / "x.tape"
        seen, said = _record(world, path, lambda: patch.setattr("spantape.tape.journal.os.write", _no_space))
    assert seen == world.seen
    assert re.search(r"x\.tape.*spans could not be written.*No space left on device.*lacks those steps", said)


def test_a_directory_that_goes_away_harms_no_call_and_is_said_when_the_block_is_left(world, tmp_path, quiet):
    folder = tmp_path / "tapes"
    seen, said = _record(world, folder / "x.tape", lambda: shutil.rmtree(folder))
    assert seen == world.seen
    assert re.search(r"x\.tape.*cannot be (read|written)", said)


def test_a_directory_that_cannot_be_made_is_said_before_any_call(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TapeError, match="cannot be written"), spantape.record(tmp_path / "file" / "x.tape"):
        raise AssertionError("the block was entered")


def test_a_user_error_that_cannot_be_printed_reaches_the_program_as_it_is(tmp_path, quiet):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    @spantape.tool
    def look():
        raise Mute

    with spantape.record(tmp_path / "x.tape") as session, pytest.raises(Mute):
        look()
    assert session.tape.steps[0].error.type.endswith("Mute")


# --- the collector of garbage, which runs anywhere ------------------------------------------------------------------


class Collecting(SpanExporter):
    """An exporter that holds a lock while the garbage is collected, as any may."""

    def __init__(self):
        self._lock = threading.Lock()
        self.names = []

    def export(self, spans):
        with self._lock:
            gc.collect()
            self.names += [span.name for span in spans]
        return SpanExportResult.SUCCESS


def test_a_dropped_stream_that_is_collected_inside_an_exporter_blocks_nobody(world):
    """Its generator's `finally` closes the response, whose span then ends in the middle of another's export."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), Collecting()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def calls():
        gc.disable()
        try:
            stream = CHAT.call(world.clients["chat"], "one two three", stream=True)
            next(stream)
            stream.itself = stream  # garbage that only the collector finds
            del stream
            CHAT.call(world.clients["chat"], "Hello")
        finally:
            gc.enable()

    with spantape.instrument(provider):
        thread = threading.Thread(target=calls, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
        settle()
    assert len(exporter.names) == 2


# --- generators ----------------------------------------------------------------------------------------------------


@spantape.tool
def dialogue():
    heard = []
    try:
        while True:
            try:
                heard.append((yield len(heard)))
            except KeyError as error:
                heard.append(repr(error))
    finally:
        LAST.append(heard)


@spantape.tool
async def dialogue_async():
    heard = []
    try:
        while True:
            try:
                heard.append((yield len(heard)))
            except KeyError as error:
                heard.append(repr(error))
    finally:
        LAST.append(heard)


LAST = []


def test_a_recorded_generator_is_sent_to_thrown_into_and_closed_as_without_us(tmp_path):
    with spantape.record(tmp_path / "x.tape"):
        talk = dialogue()
        assert [next(talk), talk.send("a"), talk.throw(KeyError("b")), talk.send("c")] == [0, 1, 2, 3]
        talk.close()
        assert LAST.pop() == ["a", "KeyError('b')", "c"]


async def test_a_recorded_async_generator_is_sent_to_thrown_into_and_closed_as_without_us(tmp_path):
    with spantape.record(tmp_path / "x.tape"):
        talk = dialogue_async()
        assert [await anext(talk), await talk.asend("a"), await talk.athrow(KeyError("b"))] == [0, 1, 2]
        await talk.aclose()
        assert LAST.pop() == ["a", "KeyError('b')"]
