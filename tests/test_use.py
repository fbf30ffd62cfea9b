# ruff: noqa: PT012 - what a block raises when it is left is what is tested, so it has more than one statement
from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import threading

import httpx2
import pytest

import spantape
from spantape import _guard, _state
from spantape.errors import Miss, PartialTapeWarning, TapeNotFound, UnusedSteps, UsageError

URL = "http://model.example/v1/chat/completions"


@pytest.fixture
def ask():
    """A call that crosses the seam, answered by a transport in the program itself."""
    reached = []

    def handler(request):
        reached.append(request.url)
        return httpx2.Response(200, json={"to": request.content.decode()})

    client = httpx2.Client(transport=httpx2.MockTransport(handler))

    def ask_(text):
        return client.post(URL, content=text).json()["to"]

    ask_.reached = reached
    ask_.handler = handler
    yield ask_
    client.close()


@pytest.fixture
def ask_async(ask):
    async def ask_(text):
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(ask.handler)) as client:
            return (await client.post(URL, content=text)).json()["to"]

    return ask_


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "a.tape"


def bodies(path):
    return [step.request_body().decode() for step in spantape.read_tape(path).steps]


# --- what may be asked for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mode": "play"}, "got mode 'play', expected one of auto, record, replay, rerecord, extend"),
        ({"retries": "often"}, "got retries='often', expected one of skip, replay"),
        ({"on_drift": "cry"}, "got on_drift='cry', expected one of warn, raise, replace"),
    ],
)
def test_a_setting_that_is_none_is_refused_at_once(tape, settings, says):
    with pytest.raises(UsageError, match=says):
        spantape.use(tape, **settings)


@pytest.mark.parametrize("mode", ["replay", "rerecord"])
def test_a_tape_that_is_not_there_is_named(tape, mode):
    with pytest.raises(TapeNotFound, match=r"a\.tape"), spantape.use(tape, mode):
        pass
    assert not _state.STATE.sessions


def test_a_path_may_be_text_or_a_path_and_its_directory_is_made(tmp_path, ask):
    for path in (str(tmp_path / "x" / "a.tape"), tmp_path / "y" / "a.tape"):
        with spantape.record(path):
            ask("one")
        assert bodies(path) == ["one"]


def test_a_run_is_named_after_its_file_unless_told(tape, ask):
    with spantape.record(tape):
        ask("one")
    assert spantape.read_tape(tape).name == "a"
    with spantape.record(tape, name="the run"):
        ask("one")
    assert spantape.read_tape(tape).name == "the run"


def test_an_empty_run_is_a_tape_too(tape):
    with spantape.record(tape):
        pass
    with spantape.replay(tape) as session:
        pass
    assert session.receipt().steps == 0


def test_a_recording_that_was_cut_short_is_replayed_by_auto(tape, ask):
    with spantape.record(tape):
        ask("one")
        journal = tape.with_name("a.tape.journal").read_bytes()
    tape.unlink()
    tape.with_name("a.tape.journal").write_bytes(journal)
    with pytest.warns(PartialTapeWarning), spantape.use(tape) as session:
        assert ask("one") == "one"
    assert session.mode == "replay"
    assert len(ask.reached) == 1


def test_what_is_entered_twice_is_two_blocks(tape, ask):
    block = spantape.use(tape)
    for _ in range(2):
        with block as session:
            ask("one")
    assert session.mode == "replay"


# --- decorators --------------------------------------------------------------------------------------------------


def test_a_function_is_decorated(tape, ask):
    @spantape.use(tape)
    def run(text, *, twice=False):
        """Ask."""
        return ask(text) * (1 + twice)

    assert [run("a", twice=True), run("a", twice=True)] == ["aa", "aa"]
    assert len(ask.reached) == 1
    assert (run.__name__, run.__doc__, str(inspect.signature(run))) == (
        "run",
        "Ask.",
        "(text, *, twice=False)",
    )


async def test_a_coroutine_function_is_decorated(tape, ask, ask_async):
    @spantape.use(tape)
    async def run(text):
        return await ask_async(text)

    assert inspect.iscoroutinefunction(run)
    assert [await run("a"), await run("a")] == ["a", "a"]
    assert len(ask.reached) == 1


def test_a_generator_function_is_decorated(tape, ask):
    @spantape.use(tape)
    def run():
        got = yield ask("a")
        return (yield ask(got))

    def drive():
        generator = run()
        first = next(generator)
        second = generator.send("b")
        with pytest.raises(StopIteration) as stop:
            generator.send("c")
        return first, second, stop.value.value

    assert inspect.isgeneratorfunction(run)
    assert [drive(), drive()] == [("a", "b", "c")] * 2
    assert len(ask.reached) == 2


async def test_an_async_generator_function_is_decorated(tape, ask, ask_async):
    closed = []

    @spantape.use(tape, allow_unused=True)
    async def run():
        try:
            try:
                got = yield await ask_async("a")
                yield await ask_async(got)
            except ValueError as error:
                yield str(error)
        finally:
            closed.append(True)

    async def drive():
        generator = run()
        got = [await anext(generator), await generator.asend("b"), await generator.athrow(ValueError("c"))]
        got += [item async for item in generator]
        return got

    assert inspect.isasyncgenfunction(run)
    assert [await drive(), await drive()] == [["a", "b", "c"]] * 2
    assert closed == [True, True]
    assert len(ask.reached) == 2
    generator = run()
    await anext(generator)
    await generator.aclose()
    assert closed == [True] * 3


def test_a_method_is_decorated(tape, ask):
    class Program:
        @spantape.use(tape)
        def run(self, text):
            return ask(text)

    assert [Program().run("a"), Program().run("a")] == ["a", "a"]
    assert len(ask.reached) == 1


def test_a_recursive_function_records_each_call_on_its_own(tmp_path, ask):
    @spantape.replay(tmp_path / "a.tape")
    def run(depth):
        return ask("a") + (run(depth - 1) if depth else "")

    with spantape.record(tmp_path / "a.tape"):
        ask("a")
    assert run(2) == "aaa"


# --- exceptions --------------------------------------------------------------------------------------------------


class Own(BaseException):
    """A program's own."""


@pytest.mark.parametrize("mode", ["record", "auto", "extend", "replay"])
@pytest.mark.parametrize(
    "error", [ValueError("mine"), Own("mine"), StopIteration("mine"), KeyboardInterrupt("mine")], ids=repr
)
def test_the_programs_exception_leaves_a_block_as_the_same_object(tape, ask, mode, error):
    with spantape.record(tape):
        ask("one")
    with pytest.raises(type(error)) as caught, spantape.use(tape, mode):
        raise error
    assert caught.value is error
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_block_that_fails_to_open_leaves_nothing_open_and_the_tape_alone(tape, ask, monkeypatch):
    def broken():
        raise spantape.SeamError("no seam")

    with spantape.record(tape):
        ask("a")
    monkeypatch.setattr(_state, "hold_seams", broken)
    with pytest.raises(spantape.SeamError), spantape.record(tape):
        pytest.fail("the block is not entered")
    assert not _state.STATE.sessions
    assert [path.name for path in tape.parent.iterdir()] == ["a.tape"]
    assert bodies(tape) == ["a"]


def test_seams_are_gone_when_a_block_is_left(tape, ask):
    def patched():
        return [getattr(one, "__wrapped__", None) is not None for one in (httpx2.Client._transport_for_url,)]

    before = patched()
    with contextlib.suppress(ValueError), spantape.record(tape):
        assert _state.STATE.seam_users == 1
        raise ValueError
    assert patched() == before
    assert _state.STATE.seam_users == 0


# --- blocks in blocks --------------------------------------------------------------------------------------------


def test_the_inner_block_has_the_calls(tmp_path, ask):
    outer, inner = tmp_path / "outer.tape", tmp_path / "inner.tape"
    with spantape.record(outer):
        ask("a")
        with spantape.record(inner):
            ask("b")
        ask("c")
    assert (bodies(outer), bodies(inner)) == (["a", "c"], ["b"])
    with spantape.replay(outer):
        ask("a")
        with spantape.replay(inner):
            ask("b")
        with pytest.raises(UnusedSteps), spantape.replay(inner):
            pass
        ask("c")
    assert len(ask.reached) == 3


def test_a_replay_inside_a_recording_reaches_no_network(tmp_path, ask):
    with spantape.record(tmp_path / "inner.tape"):
        ask("b")
    with spantape.record(tmp_path / "outer.tape"):
        ask("a")
        with spantape.replay(tmp_path / "inner.tape"):
            ask("b")
    assert bodies(tmp_path / "outer.tape") == ["a"]
    assert len(ask.reached) == 2


def test_blocks_may_be_left_in_any_order(tmp_path, ask):
    first, second = spantape.record(tmp_path / "1.tape"), spantape.record(tmp_path / "2.tape")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    ask("a")
    second.__exit__(None, None, None)
    ask("b")
    assert (bodies(tmp_path / "1.tape"), bodies(tmp_path / "2.tape")) == ([], ["a"])


# --- side by side ------------------------------------------------------------------------------------------------


def in_threads(functions):
    failures = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test sees it
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_side_by_side_keep_to_their_tapes(tmp_path, ask):
    barrier = threading.Barrier(6)

    def run(number, mode):
        with spantape.use(tmp_path / f"{number}.tape", mode):
            barrier.wait()
            assert [ask(f"{number} {turn}") for turn in range(5)] == [f"{number} {turn}" for turn in range(5)]
            barrier.wait()

    for mode in ("record", "replay"):
        in_threads([lambda number=number, mode=mode: run(number, mode) for number in range(6)])
    assert [bodies(tmp_path / f"{n}.tape") for n in range(6)] == [
        [f"{n} {turn}" for turn in range(5)] for n in range(6)
    ]
    assert len(ask.reached) == 30


def test_threads_of_a_program_are_in_its_block(tape, ask):
    for mode in ("record", "replay"):
        with spantape.use(tape, mode):
            in_threads([lambda number=number: ask(f"{number}") for number in range(8)])
    assert sorted(bodies(tape)) == sorted(f"{number}" for number in range(8))
    assert len(ask.reached) == 8


def test_a_thread_without_a_context_beside_two_blocks_is_given_to_the_newest_and_that_is_said(
    tmp_path, ask, caplog
):
    blocks = [spantape.record(tmp_path / f"{number}.tape") for number in range(2)]
    contexts = [contextvars.Context() for _ in blocks]
    for context, block in zip(contexts, blocks, strict=True):
        context.run(block.__enter__)
    in_threads([lambda: ask("whose"), lambda: contexts[0].run(ask, "mine")])
    for context, block in zip(contexts, blocks, strict=True):
        context.run(block.__exit__, None, None, None)
    assert [bodies(tmp_path / f"{number}.tape") for number in range(2)] == [["mine"], ["whose"]]
    assert "2 sessions are open side by side" in caplog.text


async def test_one_block_object_serves_many_tasks(tape, ask, ask_async):
    with spantape.record(tape):
        ask("a")
    block = spantape.replay(tape)
    gates = [asyncio.Event() for _ in range(3)]

    async def run(number):
        async with block as session:
            await gates[number].wait()
            assert await ask_async("a") == "a"
        return session

    tasks = [asyncio.create_task(run(number)) for number in range(3)]
    await asyncio.sleep(0)
    for number in (0, 2, 1):  # left in another order than entered
        gates[number].set()
        await tasks[number]
    assert [task.result().receipt().answered for task in tasks] == [1, 1, 1]


# --- generators that leave elsewhere -----------------------------------------------------------------------------


def fixture_like(path, mode):
    with spantape.use(path, mode) as session:
        yield session


@pytest.mark.parametrize("enter_in_a_copy", [True, False])
def test_a_generator_may_leave_in_another_context(tape, ask, enter_in_a_copy):
    generator = fixture_like(tape, "record")
    if enter_in_a_copy:
        contextvars.copy_context().run(next, generator)
    else:
        next(generator)
    ask("a")
    leave = contextvars.copy_context().run
    with pytest.raises(StopIteration):
        leave(next, generator)
    assert ask("b") == "b"
    assert bodies(tape) == ["a"]
    assert _state.current_session() is None


async def test_an_async_generator_may_leave_in_another_task(tape, ask, ask_async):
    async def fixture():
        async with spantape.record(tape) as session:
            yield session

    generator = fixture()
    await asyncio.create_task(anext(generator))
    await ask_async("a")
    with pytest.raises(StopAsyncIteration):
        await asyncio.create_task(anext(generator))
    await ask_async("b")
    assert bodies(tape) == ["a"]


def test_a_call_behind_a_block_is_not_the_blocks(tape, ask):
    with spantape.record(tape):
        context = contextvars.copy_context()
        ask("a")
    context.run(ask, "b")
    with spantape.replay(tape):
        context = contextvars.copy_context()
        ask("a")
    context.run(ask, "c")
    assert len(ask.reached) == 3


def test_a_miss_in_a_thread_is_raised_when_the_block_is_left(tape, ask):
    with spantape.record(tape):
        ask("a")

    def wrong():
        with contextlib.suppress(BaseException):
            ask("b")

    with pytest.raises(Miss), spantape.replay(tape):
        in_threads([wrong])
        ask("a")


def test_nothing_was_logged_that_was_not_meant(tape, ask, caplog):
    _guard.forget()
    with spantape.use(tape):
        ask("a")
    with spantape.use(tape):
        ask("a")
    assert caplog.text == ""
