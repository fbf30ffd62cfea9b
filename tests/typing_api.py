"""Code that is only type-checked: the public API keeps the types of what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, assert_type

from opentelemetry.sdk.trace import TracerProvider

import spantape


@spantape.tool
def plain(a: int, *, b: str = "") -> float:
    return a + len(b)


@spantape.tool(name="named", description="described")
async def coroutine(a: int) -> str:
    return str(a)


@spantape.agent
def generator(a: int) -> Iterator[int]:
    yield a


@spantape.agent(name="named")
async def async_generator(a: int) -> AsyncIterator[int]:
    yield a


class Program:
    @spantape.tool
    def method(self, a: int) -> str:
        return str(a)

    @classmethod
    @spantape.tool
    def of_class(cls, a: int) -> str:
        return str(a)

    @staticmethod
    @spantape.agent
    def static(a: int) -> str:
        return str(a)


assert_type(plain(1, b="x"), float)
_ = assert_type(coroutine(1), Coroutine[Any, Any, str])
assert_type(generator(1), Iterator[int])
assert_type(async_generator(1), AsyncIterator[int])
assert_type(Program().method(1), str)
assert_type(Program.of_class(1), str)
assert_type(Program.static(1), str)
plain("x")  # type: ignore[arg-type]  # the signature is kept
plain(1, c=2)  # type: ignore[call-arg]  # likewise
Program().method("x")  # type: ignore[arg-type]  # likewise
spantape.tool(nam="x")  # type: ignore[call-overload]  # the settings are checked


@spantape.record("a.tape", name="a", redact=False)
def recorded(a: int) -> str:
    return str(a)


@spantape.replay(
    Path("a.tape"), match=spantape.MatchRules(), allow_unused=True, retries="replay", record_to="b.tape"
)
async def replayed(a: int) -> str:
    return str(a)


@spantape.use("a.tape", mode="extend")
def used(a: int) -> Iterator[int]:
    yield a


assert_type(recorded(1), str)
_ = assert_type(replayed(1), Coroutine[Any, Any, str])
assert_type(used(1), Iterator[int])
recorded("x")  # type: ignore[arg-type]  # the signature is kept
spantape.use("a.tape", "play")  # type: ignore[arg-type]  # the modes are known
spantape.use("a.tape", retries="often")  # type: ignore[arg-type]  # likewise


def blocks() -> None:
    with spantape.record("a.tape") as session:
        assert_type(session.path, str)
        assert_type(session.tape, spantape.Tape | None)


async def async_blocks() -> None:
    async with spantape.use("a.tape", "rerecord", on_drift="raise") as session:
        assert_type(session.tape, spantape.Tape | None)


def a_block_swallows_nothing() -> int:
    with spantape.replay("a.tape"):
        return 1


def reading() -> None:
    tape = spantape.read_tape("a.tape")
    assert_type(tape, spantape.Tape)
    assert_type(tape.fingerprint, str)
    for step in tape.steps:
        if step.kind == "exchange":
            assert_type(step.request_body(), bytes)
        elif step.kind == "tool":
            assert_type(step.name, str)
    assert_type(bool(spantape.diff(tape, "b.tape")), bool)


def instrumenting(provider: TracerProvider) -> None:
    handle = spantape.instrument(provider)
    assert_type(handle, spantape.Instrumentation)
    handle.remove()
    with spantape.instrument() as inner:
        assert_type(inner, spantape.Instrumentation)
    spantape.uninstrument()


def errors(error: spantape.TapeError, miss: spantape.Miss) -> None:
    assert_type(error.path, str | None)
    assert_type(error.step, int | None)
    assert_type(miss.path, str | None)


def decorate(function: Callable[[int], str]) -> Callable[[int], str]:
    return spantape.tool(function)


def opening() -> None:
    with spantape.replay("a.tape") as session:
        assert_type(str(session.receipt()), str)
