# ruff: noqa: PT012, PT031 - what a block raises when it is left is what is tested, so it has more than one statement
from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import enum
import functools
import gc
import inspect
import sys
import threading
import timeit
import types
import warnings
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple, Optional, Union

import openai
import pydantic
import pytest

import spantape
from spantape import agent, tool
from spantape._spans import names
from spantape.errors import Miss, NotReplayable, ReplayedError, RoundTripWarning, UnusedSteps, UsageError
from spantape.testing import ModelServer

UTC = dt.UTC


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5


class City(pydantic.BaseModel):
    name: str
    founded: dt.date | None = None


class Pair(NamedTuple):
    left: str
    right: bytes


class Refused(Exception):
    """A program's own error."""


class Formatted(Exception):
    """One that makes its message of what it is given."""

    def __init__(self, city):
        super().__init__(f"no {city}")
        self.city = city


class Demanding(Exception):
    """One that cannot be made of a message."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


class Spiteful(Exception):
    """One that fails while it is made of a message."""

    def __init__(self, message):
        if message.startswith("recorded"):
            super().__init__(message)
            return
        raise OSError("not so")


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "a.tape"


@pytest.fixture
def both(tape):
    """What a function gives while it is recorded, and when it is replayed."""

    def run(function):
        with spantape.record(tape):
            live = function()
        with spantape.replay(tape):
            return live, function()

    return run


# --- four shapes of functions ------------------------------------------------------------------------------------


class Calls:
    """Functions of every shape that note when they really run."""

    def __init__(self, decorate):
        self.ran = ran = []

        @decorate
        def plain(a: int, b: int = 2) -> int:
            """Add two numbers."""
            ran.append("plain")
            return a + b

        @decorate
        async def coroutine(a: int, b: int = 2) -> int:
            ran.append("coroutine")
            await asyncio.sleep(0)
            return a + b

        @decorate
        def generator(a: int, b: int = 2):
            ran.append("generator")
            yield a
            yield b

        @decorate
        async def async_generator(a: int, b: int = 2):
            ran.append("async_generator")
            yield a
            await asyncio.sleep(0)
            yield b

        self.plain, self.coroutine, self.generator, self.async_generator = (
            plain,
            coroutine,
            generator,
            async_generator,
        )

    def all(self):
        async def drain():
            return [item async for item in self.async_generator(1)]

        return [
            self.plain(1),
            asyncio.run(self.coroutine(1)),
            list(self.generator(1, b=5)),
            asyncio.run(drain()),
        ]


SHAPES = ["plain", "coroutine", "generator", "async_generator"]


def test_tools_of_every_shape_are_recorded_and_replayed_without_running(tape):
    calls = Calls(tool)
    with spantape.record(tape) as session:
        live = calls.all()
    assert live == [3, 3, [1, 5], [1, 2]]
    assert [step.name for step in session.tape.steps] == SHAPES
    assert [step.arguments for step in session.tape.steps] == [{"a": 1, "b": 2}] * 2 + [
        {"a": 1, "b": 5},
        {"a": 1, "b": 2},
    ]
    assert [step.result_type for step in session.tape.steps] == [
        "value",
        "value",
        "generator",
        "async_generator",
    ]
    with spantape.replay(tape):
        assert calls.all() == live
    assert calls.ran == SHAPES


def test_agents_of_every_shape_are_recorded_and_run_on_replay(tape):
    calls = Calls(agent)
    with spantape.record(tape) as session:
        live = calls.all()
    assert [(step.kind, step.name, step.result) for step in session.tape.steps] == [
        ("agent", name, result) for name, result in zip(SHAPES, live, strict=True)
    ]
    with spantape.replay(tape):
        assert calls.all() == live
    assert calls.ran == SHAPES * 2


@pytest.mark.parametrize("decorate", [tool, agent])
def test_a_decorated_function_is_what_it_was_to_whoever_looks(decorate):
    calls = Calls(decorate)
    assert calls.plain.__name__ == "plain"
    assert calls.plain.__doc__ == "Add two numbers."
    assert calls.plain.__module__ == __name__
    assert str(inspect.signature(calls.plain)) == "(a: 'int', b: 'int' = 2) -> 'int'"
    assert inspect.unwrap(calls.plain) is not calls.plain
    kinds = (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    )
    assert [kind(calls.plain) for kind in kinds] == [False, False, False]
    assert [kind(calls.coroutine) for kind in kinds] == [True, False, False]
    assert [kind(calls.generator) for kind in kinds] == [False, True, False]
    assert [kind(calls.async_generator) for kind in kinds] == [False, False, True]


class Box:
    """A class with tools of every binding."""

    def __init__(self):
        self.ran = 0

    @tool
    def method(self, a: int) -> int:
        self.ran += 1
        return a

    @classmethod
    @tool
    def of_class(cls, a: int) -> str:
        return f"{cls.__name__} {a}"

    @tool
    @classmethod
    def of_class_too(cls, a: int) -> str:
        return f"{cls.__name__} {a}"

    @staticmethod
    @tool
    def static(a: int) -> int:
        return a

    @tool
    @staticmethod
    def static_too(a: int) -> int:
        return a

    @property
    @tool
    def size(self) -> int:
        self.ran += 1
        return 7


def test_methods_are_tools_too(tape):
    def run(box):
        return [
            box.method(1),
            Box.of_class(2),
            box.of_class_too(3),
            Box.static(4),
            box.static_too(5),
            box.size,
        ]

    box = Box()
    with spantape.record(tape) as session:
        live = run(box)
    assert live == [1, "Box 2", "Box 3", 4, 5, 7]
    assert [step.arguments for step in session.tape.steps] == [{"a": n} for n in range(1, 6)] + [{}]
    with spantape.replay(tape):
        assert run(box) == live
    assert box.ran == 2


def test_names_and_descriptions_may_be_given(make_spans):
    spans = make_spans()

    @tool(name="adder", description="adds")
    def add(a: int) -> int:
        """Not this."""
        return a

    @tool
    def described() -> None:
        """This line.

        Not that one.
        """

    with spantape.instrument(spans.provider):
        add(1)
        described()
    first, second = spans.all()
    assert first.name == "execute_tool adder"
    assert first.attributes[names.TOOL_DESCRIPTION] == "adds"
    assert first.attributes[names.CALLABLE].endswith(":test_names_and_descriptions_may_be_given.<locals>.add")
    assert second.attributes[names.TOOL_DESCRIPTION] == "This line."


class Incrementer:
    """An object that is called."""

    def __call__(self, a: int) -> int:
        return a + 1


def test_what_has_no_name_of_its_own_is_decorated_too(both):
    partial = tool(functools.partial(lambda a, b: a + b, 1))
    thing = tool(Incrementer())
    builtin = tool(len)
    assert both(lambda: (partial(2), thing(1), builtin([1, 2]))) == ((3, 2, 2), (3, 2, 2))


def test_what_cannot_be_called_cannot_be_decorated():
    with pytest.raises(UsageError, match="got 7 to decorate"):
        tool(7)


# --- results -----------------------------------------------------------------------------------------------------


def returning(annotation, value):
    def give():
        return value

    give.__annotations__["return"] = annotation
    return tool(give)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 3),
        (float, 1.5),
        (str, "é\x00"),
        (bytes, b"\xff\x00"),
        (type(None), None),
        (City, City(name="Oslo", founded=dt.date(1040, 1, 1))),
        (Point, Point(1)),
        (Pair, Pair("a", b"\xff")),
        (Color, Color.RED),
        (dt.datetime, dt.datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
        (set[str], {"a", "b"}),
        (tuple[int, str], (1, "a")),
        (list[City], [City(name="Oslo"), City(name="Rome")]),
        (dict[str, Point], {"a": Point(1)}),
        (Optional[Point], None),  # noqa: UP045 - the old spelling, too
        (Optional[Point], Point(2)),  # noqa: UP045 - likewise
        (Union[Point, City], City(name="Oslo")),  # noqa: UP007 - likewise
        (Point | Color, Color.RED),
        (Any, {"a": [1, None, True, 1.5, "x"]}),
    ],
)
def test_a_result_comes_back_as_its_annotated_type(both, annotation, value):
    live, back = both(returning(annotation, value))
    assert live is value
    assert back == value
    assert type(back) is type(value)


def test_live_results_are_the_very_objects():
    value = object()
    made = tool(lambda: value)
    assert made() is value


def test_a_result_that_will_not_come_back_is_said_once_when_it_is_recorded(tape, caplog):
    @tool
    def pair():
        return (1, 2)

    with pytest.warns(RoundTripWarning, match=r"'pair'.*tuple.*list") as said, spantape.record(tape):
        assert pair() == (1, 2)
        assert pair() == (1, 2)
    assert len(said) == 1
    assert caplog.text.count("will not come back as it is") == 1
    with spantape.replay(tape):
        assert [pair(), pair()] == [[1, 2], [1, 2]]


def test_the_program_runs_on_where_warnings_are_errors(tape, caplog):
    @tool
    def pair():
        return (1, 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with spantape.record(tape):
            assert pair() == (1, 2)
    assert "will not come back as it is" in caplog.text


def test_a_result_that_is_not_of_its_annotation_comes_back_as_plain_data(tape):
    @tool
    def wrong() -> Point:
        return {"z": [1]}

    with pytest.warns(RoundTripWarning, match="wrong"), spantape.record(tape):
        wrong()
    with spantape.replay(tape):
        assert wrong() == {"z": [1]}


def test_an_annotation_that_changed_since_is_named(tape):
    def make(annotation):
        def give():
            return {"x": "no number"}

        give.__annotations__["return"] = annotation
        return tool(give)

    with spantape.record(tape):
        make(dict)()
    with pytest.raises(UsageError, match="the result of tool 'give'"), spantape.replay(tape):
        make(Point)()


def test_a_result_that_cannot_be_written_is_not_replayable_and_says_so(tape):
    @tool
    def connect():
        return types.SimpleNamespace(socket=object())

    @tool
    def connections():
        yield object()

    with pytest.warns(RoundTripWarning) as said, spantape.record(tape) as session:
        assert connect().socket is not None
        assert len(list(connections())) == 1
    assert len(said) == 2
    assert [names.RESULT in step.span.attributes for step in session.tape.steps] == [False, False]
    with (
        pytest.raises(
            NotReplayable, match=r"step 0, result: tool 'connect' has no recorded result: .*SimpleNamespace"
        ),
        spantape.replay(tape),
    ):
        connect()
    with (
        pytest.raises(
            NotReplayable, match=r"step 1, result: tool 'connections' has no recorded result: .*object"
        ),
        spantape.replay(tape),
    ):
        list(connections())


def test_an_agents_result_may_be_anything(tape):
    @agent
    def think():
        return object()

    with spantape.record(tape):
        think()
    with spantape.replay(tape):
        think()


def test_classes_of_the_decorating_function_are_known(both):
    @dataclasses.dataclass
    class Local:
        x: int

    class Inner(pydantic.BaseModel):
        y: int

    class Tools:
        @tool
        def method(self) -> Inner:
            return Inner(y=1)

    @tool
    def one() -> Local:
        return Local(1)

    @tool(name="many")
    def several() -> list[Local]:
        return [Local(1), Local(2)]

    @tool
    def each() -> Iterator[Local]:
        yield Local(3)

    live, back = both(lambda: (one(), several(), Tools().method(), list(each())))
    assert back == live
    assert type(back[2]) is Inner


# --- generators --------------------------------------------------------------------------------------------------


def test_what_is_sent_into_a_generator_arrives(tape):
    @tool
    def echo():
        got = yield "first"
        while got is not None:
            got = yield got

    def talk():
        generator = echo()
        return [next(generator), generator.send("a"), generator.send("b"), list(generator)]

    assert talk() == ["first", "a", "b", []]
    with spantape.record(tape) as session:
        assert talk() == ["first", "a", "b", []]
    assert session.tape.steps[0].result == ["first", "a", "b"]


def test_what_is_thrown_into_a_generator_arrives(tape):
    @tool
    def stubborn():
        while True:
            try:
                yield "on"
            except ValueError as error:
                yield str(error)

    with spantape.record(tape):
        generator = stubborn()
        assert [next(generator), generator.throw(ValueError("mine")), next(generator)] == ["on", "mine", "on"]
        generator.close()


async def test_async_generators_are_sent_thrown_and_closed_through(tape):
    closed = []

    @tool
    async def echo():
        try:
            got = yield "first"
            try:
                yield got
            except ValueError as error:
                yield str(error)
        finally:
            closed.append(True)

    with spantape.record(tape):
        generator = echo()
        assert await anext(generator) == "first"
        assert await generator.asend("a") == "a"
        assert await generator.athrow(ValueError("mine")) == "mine"
        await generator.aclose()
    assert closed == [True]


def test_a_generator_left_early_is_closed_at_once_and_replays_as_far(tape):
    closed = []

    @tool
    def count():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    def first(number):
        got = []
        for item in count():
            got.append(item)
            if len(got) == number:
                break
        gc.collect()
        return got

    with spantape.record(tape) as session:
        assert first(3) == [0, 1, 2]
        assert closed == [True]
    assert session.tape.steps[0].result == [0, 1, 2]
    for number in (1, 3):
        with spantape.replay(tape):
            assert first(number) == list(range(number))


def test_a_replay_that_reads_on_behind_a_generator_that_was_left_misses(tape):
    @tool
    def count():
        yield from range(100)

    with spantape.record(tape):
        next(count())
    with (
        pytest.raises(Miss, match=r"step 0: the program reads on.*tool 'count' after 1 items"),
        spantape.replay(tape),
    ):
        list(count())
    with pytest.raises(Miss, match="reads on"), spantape.replay(tape):
        try:
            list(count())
        except BaseException:  # noqa: BLE001 - as careless programs do
            assert True


async def test_the_same_for_an_async_generator(tape):
    @tool
    async def count():
        for number in range(100):
            yield number

    with spantape.record(tape):
        generator = count()
        await anext(generator)
        await generator.aclose()
    with pytest.raises(Miss, match="after 1 items"), spantape.replay(tape):
        assert [number async for number in count()]


def test_a_generator_that_fails_gives_its_items_first(tape):
    @tool
    def failing():
        yield 1
        raise Refused("enough")

    def drain():
        got = []
        with pytest.raises(Refused, match="enough"):
            for item in failing():
                got.append(item)  # noqa: PERF402 - what came before the error counts
        return got

    with spantape.record(tape):
        assert drain() == [1]
    with spantape.replay(tape):
        assert drain() == [1]


def test_what_a_generator_returns_is_said_to_be_lost(tape):
    @tool
    def counted():
        yield 1
        return "done"

    def outer():
        return (yield from counted())

    def returned():
        generator = outer()
        next(generator)
        with pytest.raises(StopIteration) as stop:
            next(generator)
        return stop.value.value

    with pytest.warns(RoundTripWarning, match="returned is not recorded"), spantape.record(tape):
        assert returned() == "done"
    with spantape.replay(tape):
        assert returned() is None


def test_items_come_back_as_their_annotated_type(both):
    @tool
    def cities() -> Iterator[City]:
        yield City(name="Oslo")

    @tool
    def points() -> Generator[Point, None, None]:
        yield Point(1)

    live, back = both(lambda: [*cities(), *points()])
    assert back == live == [City(name="Oslo"), Point(1)]


def test_a_generator_that_still_runs_when_its_block_is_left_is_on_the_tape(tape):
    @tool
    def count():
        yield from range(100)

    with spantape.record(tape) as session:
        generator = count()
        next(generator)
    assert session.tape.steps[0].result == [0]
    assert session.tape.steps[0].span.attributes[names.END] == "abandoned"
    generator.close()
    with pytest.raises(Miss, match="reads on"), spantape.replay(tape):
        list(count())


# --- exceptions --------------------------------------------------------------------------------------------------


def raising(error):
    def fail():
        raise error

    return tool(fail)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad"),
        ValueError(),
        KeyError("key"),
        KeyError(3),
        OSError(2, "No such file or directory"),
        StopIteration("odd"),
        Refused("no"),
        Formatted("Oslo"),
        openai.OpenAIError("sdk"),
        spantape.UsageError("ours"),
        TimeoutError("late"),
        RecursionError("deep"),
    ],
    ids=repr,
)
def test_an_exception_comes_back_as_its_class_with_its_message(tape, error):
    fail = raising(error)
    with pytest.raises(type(error)) as live, spantape.record(tape):
        fail()
    assert live.value is error
    with pytest.raises(type(error)) as back, spantape.replay(tape):
        fail()
    assert back.value is not error
    assert type(back.value) is type(error)
    assert str(back.value) == str(error)


@pytest.mark.parametrize("error", [Demanding(3, "why"), Spiteful("recorded")], ids=repr)
def test_one_that_cannot_be_made_of_its_message_says_what_it_was(tape, error, monkeypatch):
    fail = raising(error)
    with pytest.raises(type(error)), spantape.record(tape):
        fail()
    monkeypatch.setattr(Spiteful, "__init__", Demanding.__init__)
    says = f"tool 'fail' raised {__name__}.{type(error).__name__}: {error}"
    with pytest.raises(ReplayedError, match=says), spantape.replay(tape):
        fail()


def test_a_class_that_is_not_loaded_is_not_imported(tape):
    gone = types.ModuleType("spantape_gone")
    exec("class Gone(Exception): pass", gone.__dict__)
    sys.modules["spantape_gone"] = gone
    fail = raising(gone.Gone("x"))
    with pytest.raises(gone.Gone), spantape.record(tape):
        fail()
    del sys.modules["spantape_gone"]
    with pytest.raises(ReplayedError, match=r"spantape_gone\.Gone: x"), spantape.replay(tape):
        fail()


@pytest.mark.parametrize(
    "name",
    ["os.system", "os.path", "sys.exit", "builtins.eval", "", ".", "..x", "a" * 9, "spantape_lazy.Thing"],
)
def test_a_name_on_a_tape_runs_nothing(name, monkeypatch):
    from spantape._model import Failure
    from spantape._seams.results import exception_of

    lazy = types.ModuleType("spantape_lazy")
    lazy.__getattr__ = lambda asked: pytest.fail(f"{asked} was looked up")
    monkeypatch.setitem(sys.modules, "spantape_lazy", lazy)
    step = types.SimpleNamespace(name="t", error=Failure(name, "x"))
    assert type(exception_of(step)) is ReplayedError


@pytest.mark.parametrize("decorate", [tool, agent])
@pytest.mark.parametrize(
    "error", [Refused("x"), StopIteration(1), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
def test_the_programs_exception_passes_as_the_same_object(tape, decorate, error):
    @decorate
    def fail():
        raise error

    with pytest.raises(type(error)) as caught, spantape.record(tape):
        fail()
    assert caught.value is error
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert caught.traceback[-1].name == "fail"


async def test_a_cancelled_tool_is_cancelled(tape):
    started = asyncio.Event()

    @tool
    async def forever():
        started.set()
        await asyncio.Event().wait()

    with spantape.record(tape) as session:
        task = asyncio.create_task(forever())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert session.tape.steps[0].error.type == "asyncio.exceptions.CancelledError"


def test_the_exception_of_an_agent_is_recorded(make_spans):
    spans = make_spans()

    @agent
    def think():
        raise Refused("no")

    with pytest.raises(Refused), spantape.instrument(spans.provider):
        think()
    assert spans.one().attributes["error.type"] == f"{__name__}.Refused"
    assert not spans.one().status.is_ok


# --- inside and around -------------------------------------------------------------------------------------------


@pytest.fixture
def ask():
    with ModelServer() as server, openai.OpenAI(base_url=server.base_url("openai"), api_key="none") as client:

        def ask_(question):
            messages = [{"role": "user", "content": question}]
            return client.chat.completions.create(model="m", messages=messages).choices[0].message.content

        ask_.server = server
        yield ask_


def test_a_call_inside_a_tool_is_covered_by_it(tape, ask):
    @tool
    def look_up(word: str) -> str:
        return ask(f"define {word}")

    @agent
    def helper(word: str) -> str:
        return ask(f"say {look_up(word)}")

    with spantape.record(tape) as session:
        live = helper("tape")
    steps = session.tape.steps
    assert [(step.kind, step.parent) for step in steps] == [
        ("agent", None),
        ("tool", 0),
        ("exchange", 1),
        ("exchange", 0),
    ]
    with spantape.replay(tape) as session:
        assert helper("tape") == live
    assert len(ask.server.requests) == 2
    assert (session.receipt().answered, session.receipt().covered) == (3, 1)


def test_nested_agents_keep_their_places(tape, ask):
    @agent
    def inner(word: str) -> str:
        return ask(word)

    @agent
    def outer(word: str) -> str:
        return inner(word) + inner(word + "!")

    with spantape.record(tape) as session:
        live = outer("a")
    assert [(step.kind, step.parent) for step in session.tape.steps] == [
        ("agent", None),
        ("agent", 0),
        ("exchange", 1),
        ("agent", 0),
        ("exchange", 3),
    ]
    with spantape.replay(tape):
        assert outer("a") == live


def test_a_call_with_other_arguments_misses_and_names_them(tape):
    @tool
    def add(a: int, b: int = 1) -> int:
        return a + b

    with spantape.record(tape):
        add(1, b=2)
    with pytest.raises(Miss, match=r"b\b.*recorded 2.*got 3"), spantape.replay(tape):
        add(1, b=3)
    with spantape.replay(tape):
        assert add(b=2, a=1) == 3


def test_a_tool_that_is_not_asked_for_is_an_unused_step(tape):
    @tool
    def add(a: int) -> int:
        return a

    with spantape.record(tape):
        add(1)
        add(2)
    with pytest.raises(UnusedSteps, match="add"), spantape.replay(tape):
        add(2)


def test_a_call_that_does_not_fit_fails_as_it_did(tape):
    @tool
    def add(a: int) -> int:
        return a

    with pytest.raises(TypeError, match="missing 1 required") as live, spantape.record(tape):
        add()
    with pytest.raises(TypeError) as back, spantape.replay(tape):
        add()
    assert str(back.value) == str(live.value)


def test_secrets_of_tools_are_replaced_and_still_match(tape):
    @tool
    def find(mail: str) -> dict[str, str]:
        return {"of": mail, "also": "bob@example.com"}

    with spantape.record(tape):
        assert find("alice@example.com")["also"] == "bob@example.com"
        find("carol@example.com")
    assert b"example.com" not in b"".join(
        repr(dict(span.attributes)).encode() for span in spantape.read_tape(tape).spans
    )
    with spantape.replay(tape):
        assert find("alice@example.com") == {"of": "__email_1__", "also": "__email_2__"}
        assert find("carol@example.com") == {"of": "__email_3__", "also": "__email_2__"}


def test_a_second_tape_of_tools_has_the_same_fingerprint(tape, tmp_path):
    @tool
    def add(a: int) -> int:
        return a + 1

    @tool
    def fail() -> None:
        raise Refused("alice@example.com")

    @tool
    def count():
        yield from range(9)

    @agent
    def run():
        add(1)
        next(count())
        with pytest.raises(Refused):
            fail()
        return add(2)

    with spantape.record(tape):
        run()
    with spantape.replay(tape, record_to=tmp_path / "b.tape"):
        run()
    first, second = spantape.read_tape(tape), spantape.read_tape(tmp_path / "b.tape")
    assert second.fingerprint == first.fingerprint
    assert not spantape.diff(first, second)


# --- overhead ----------------------------------------------------------------------------------------------------


def test_nothing_is_done_while_nothing_watches(monkeypatch):
    calls = Calls(tool)
    monkeypatch.setattr("spantape._seams.tools.Invocation", None)  # its use would fail
    assert calls.all() == [3, 3, [1, 5], [1, 2]]


def test_a_call_that_nobody_watches_costs_next_to_nothing():
    def bare(a):
        return a

    decorated = tool(bare)
    took = min(timeit.repeat(lambda: decorated(1), number=10_000, repeat=5)) / 10_000
    assert took < 5e-6


async def test_generators_that_nobody_watches_are_sent_thrown_and_closed_through():
    closed = []

    @tool
    async def echo():
        try:
            try:
                yield (yield "first")
            except ValueError as error:
                yield str(error)
        finally:
            closed.append(True)

    generator = echo()
    assert [await anext(generator), await generator.asend("a")] == ["first", "a"]
    assert await generator.athrow(ValueError("mine")) == "mine"
    await generator.aclose()
    assert closed == [True]


def test_what_a_generator_does_while_it_is_closed_is_under_its_span(tape):
    @tool
    def inner() -> int:
        return 1

    @agent
    def outer():
        try:
            yield 1
        finally:
            inner()

    with spantape.record(tape) as session:
        generator = outer()
        next(generator)
        generator.close()
    assert [(step.name, step.parent) for step in session.tape.steps] == [("outer", None), ("inner", 0)]


def test_a_tool_that_still_runs_when_its_block_is_left_is_not_replayable_and_says_so(tape):
    started, leave = threading.Event(), threading.Event()

    @tool
    def slow() -> int:
        started.set()
        leave.wait(5)
        return 1

    with spantape.record(tape):
        thread = threading.Thread(target=slow)
        thread.start()
        assert started.wait(5)
    leave.set()
    thread.join()
    with (
        pytest.raises(NotReplayable, match="'slow' has no recorded result: it was still running"),
        spantape.replay(tape),
    ):
        slow()
