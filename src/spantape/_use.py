"""`record`, `replay` and `use`: the blocks that users open, as context managers and as decorators."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Generator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, get_args

from spantape import _state
from spantape._session import ExtendSession, Mode, RecordSession, ReplaySession, RerecordSession, Session
from spantape.errors import UsageError
from spantape.player.rules import MatchRules

if TYPE_CHECKING:
    from spantape.tolerance.level import Tolerance
    from spantape.tolerance.policy import Policy

P = ParamSpec("P")
R = TypeVar("R")


S_co = TypeVar("S_co", bound=Session, covariant=True)


class Use(Generic[S_co]):
    """One block over one tape: `with`, `async with`, or a decorator of a sync or async function or generator.

    Entering gives the session. As a decorator each call opens a block of its own.
    """

    def __init__(self, path: str | PathLike[str], mode: Mode, settings: dict[str, Any]) -> None:
        if mode not in get_args(Mode):
            raise UsageError(f"got mode {mode!r}, expected one of {', '.join(get_args(Mode))}")
        self._path = Path(os.fspath(path))
        self._mode = mode
        self._settings = settings
        self._entered: list[Session] = []

    def __enter__(self) -> S_co:
        _state.hold_seams()
        try:
            session = cast("S_co", self._open())  # the mode says which session it is
        except BaseException:
            _state.release_seams()
            raise
        _state.enter(session)
        self._entered.append(session)
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session = _state.entered_here(self._entered)
        self._entered.remove(session)
        _state.leave(session)
        try:
            session.finish(error)
        finally:
            _state.release_seams()

    async def __aenter__(self) -> S_co:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _again(self) -> Use[S_co]:
        return Use(self._path, self._mode, self._settings)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """`function` with each of its calls in a block of its own."""
        return functools.wraps(function)(_inside(function, self._again))

    def _open(self) -> Session:
        settings = dict(self._settings)
        mode = self._mode
        if mode == "auto":
            mode = "replay" if recorded(self._path) else "record"
        if mode == "extend" and not recorded(self._path):
            mode = "record"
        name = settings.pop("name") or self._path.stem
        redact = settings.pop("redact")
        on_drift = settings.pop("on_drift")
        record_to = settings.pop("record_to")
        policy = settings.pop("policy")
        if mode == "record":
            return RecordSession(self._path, name=name, redact=redact)
        if mode == "rerecord":
            return RerecordSession(self._path, name=name, redact=redact, on_drift=on_drift, policy=policy)
        if mode == "extend":
            return ExtendSession(self._path, name=name, redact=redact, **settings)
        copy = None if record_to is None else Path(os.fspath(record_to))
        return ReplaySession(self._path, redact=redact, record_to=copy, **settings)


def recorded(path: Path) -> bool:
    """Whether a tape is at `path`, sealed or as the journal of a recording that was cut short."""
    return path.exists() or path.with_name(path.name + ".journal").exists()


def _inside(function: Callable[..., Any], block: Callable[[], Use[Any]]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _inside_async_generator(function, block)
    if inspect.iscoroutinefunction(function):

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with block():
                return await function(*args, **kwargs)

        return coroutine
    if inspect.isgeneratorfunction(function):

        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with block():
                return (yield from function(*args, **kwargs))

        return generator

    def plain(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return plain


def _inside_async_generator(
    function: Callable[..., Any], block: Callable[[], Use[Any]]
) -> Callable[..., Any]:
    async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with block():
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = functools.partial(anext, generator)
            while True:
                try:
                    item = await resume()
                except StopAsyncIteration:
                    return
                try:
                    resume = functools.partial(generator.asend, (yield item))
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown into the generator, so it is the generator's
                    resume = functools.partial(generator.athrow, error)

    return async_generator


def use(
    path: str | PathLike[str],
    mode: Mode = "auto",
    *,
    name: str | None = None,
    redact: bool = True,
    match: MatchRules | None = None,
    allow_unused: bool = False,
    retries: Literal["skip", "replay"] = "skip",
    pauses: bool = False,
    record_to: str | PathLike[str] | None = None,
    on_drift: Literal["warn", "raise", "replace"] = "warn",
    tolerance: str | Tolerance | None = None,
    policy: Policy | str | PathLike[str] | None = None,
) -> Use[Session]:
    """A block over the tape at `path`, as a context manager or a decorator, for sync and async code.

    `mode`: "auto" replays where the tape exists and records where it does not; "record" records anew; "replay"
    answers every call from the tape and lets none reach the network; "rerecord" runs live and reports what differs
    from the tape, which stays (`on_drift`: "warn", "raise", or "replace" it); "extend" answers what the tape holds
    and records what it does not.

    `tolerance` ("structural", "semantic", "semantic:0.9") and `policy` (a policy file in TOML) say which differences
    are no drift; see `spantape.diff`.

    `redact` replaces secrets and personal data by placeholders before anything is written. For replaying:
    `match` says which parts of a request count, `allow_unused` lets recorded steps stay unasked for, `retries`
    "skip" gives the final answer of a retried call at once and "replay" each attempt, `pauses` sleeps as long as
    the recorded streams did, `record_to` writes what the replay does to a second tape.

    Raises:
        UsageError: a setting that is none of those.
        TapeError: the tape cannot be read.
        Miss, UnusedSteps: when a replay block is left.
    """
    choices = {"retries": (retries, ("skip", "replay")), "on_drift": (on_drift, ("warn", "raise", "replace"))}
    for setting, (given, accepted) in choices.items():
        if given not in accepted:
            raise UsageError(f"got {setting}={given!r}, expected one of {', '.join(accepted)}")
    if tolerance is not None or policy is not None:
        from spantape.tolerance.policy import effective_policy

        policy = effective_policy(tolerance, policy)
    settings: dict[str, Any] = {
        "name": name,
        "redact": redact,
        "rules": match or MatchRules(),
        "allow_unused": allow_unused,
        "retries": retries,
        "pauses": pauses,
        "record_to": record_to,
        "on_drift": on_drift,
        "policy": policy,
    }
    return Use(path, mode, settings)


def record(path: str | PathLike[str], *, name: str | None = None, redact: bool = True) -> Use[RecordSession]:
    """A block whose calls are recorded to the tape at `path`; see `use`."""
    return cast("Use[RecordSession]", use(path, "record", name=name, redact=redact))


def replay(
    path: str | PathLike[str],
    *,
    match: MatchRules | None = None,
    allow_unused: bool = False,
    retries: Literal["skip", "replay"] = "skip",
    pauses: bool = False,
    redact: bool = True,
    record_to: str | PathLike[str] | None = None,
) -> Use[ReplaySession]:
    """A block whose calls are answered from the tape at `path`; see `use`."""
    block = use(
        path,
        "replay",
        match=match,
        allow_unused=allow_unused,
        retries=retries,
        pauses=pauses,
        redact=redact,
        record_to=record_to,
    )
    return cast("Use[ReplaySession]", block)
