"""The tape of one test: opened before its fixtures, looked at when its body ends, closed after its fixtures.

A recording is written beside the tape, and takes its place when the test has passed: a test that failed, was skipped
or interrupted leaves the tape as it was, and none where there was none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import pytest

from spantape import use
from spantape._network import Policy, blocked
from spantape._pytest.locks import recording_lock
from spantape._pytest.settings import Settings
from spantape._pytest.totals import Record
from spantape._session import Mode, ReplaySession, Session
from spantape._spans import names
from spantape.errors import Miss, SpantapeError, UsageError
from spantape.player.drift import drift_report
from spantape.player.rules import MatchRules
from spantape.tape.model import Tape

_BODY_ENDED: Final = "pytest.body_ended"
_FRESH: Final = ".recording"


class Ledger:
    """What the tests of this process did with tapes: who derived which path, and who recorded it."""

    def __init__(self) -> None:
        self.derived: dict[str, str] = {}
        self.recorded: dict[Path, str] = {}


class TestTape:
    """The tape of one test. `session` is the open block, None before `open` and where that failed."""

    __test__ = False

    def __init__(self, item: pytest.Item, settings: Settings, ledger: Ledger) -> None:
        self.session: Session | None = None
        self.record: Record | None = None
        self._item, self._settings, self._ledger = item, settings, ledger
        self._path = settings.path
        self._open = contextlib.ExitStack()
        self._block: Any = None
        self._policy: Policy | None = None
        self._passed = self._ended = False
        self._error: BaseException | None = None
        self._said: set[int] = set()

    # --- opening ---

    def open(self) -> Session:
        """The open session.

        Raises:
            pytest.fail.Exception: there is no tape to replay, or a setting or the tape is wrong.
        """
        try:
            self._claim()
            self.session = self._enter(self._resolved_mode())
        except SpantapeError as error:
            self._open.close()
            raise _failure(f"{error}\n  test: {self._item.nodeid}") from None
        except BaseException:
            self._open.close()
            raise
        return self.session

    def _claim(self) -> None:
        """Two tests never share a tape that neither of them named."""
        if not self._settings.derived:
            return
        key = str(self._path).casefold()
        other = self._ledger.derived.setdefault(key, self._item.nodeid)
        if other != self._item.nodeid:
            raise _failure(
                f"{self._item.nodeid} and {other} would share the tape {str(self._path)!r}\n"
                "  next: name the tape of one of them: @pytest.mark.tape('another name')"
            )

    def _resolved_mode(self) -> str:
        """What is to be done; from here on nobody else records this tape, where we may."""
        mode = self._settings.mode
        if mode in ("replay", "rerecord") and not self._path.exists():
            raise self._missing(mode)
        if mode == "replay" or (mode == "auto" and self._path.exists()):
            return "replay"
        lock = self._open.enter_context(contextlib.ExitStack())
        lock.enter_context(recording_lock(self._path))
        if mode == "auto" and self._path.exists():  # another worker has recorded it meanwhile
            lock.close()
            return "replay"
        if mode == "extend" and self._path.exists():
            return "extend"
        self._not_twice(mode)
        return "rerecord" if mode == "rerecord" else "record"

    def _missing(self, mode: str) -> BaseException:
        self.record = self._recorded_as("missing")
        return _failure(
            f"no tape at {str(self._path)!r}, and mode {mode!r} needs one ({self._settings.mode_from})\n"
            f"  test: {self._item.nodeid}\n"
            "  next: record it where the model can be reached, and commit it: "
            f"pytest {shlex.quote(self._item.nodeid)} --tape-mode=record"
        )

    def _not_twice(self, mode: str) -> None:
        other = self._ledger.recorded.get(self._path)
        if mode == "record" and other not in (None, self._item.nodeid):
            raise _failure(
                f"{self._item.nodeid} would overwrite the tape {str(self._path)!r}, which {other} has just recorded\n"
                "  next: give each test a tape of its own (leave the path out of the mark), or record with mode 'auto'"
            )

    def _enter(self, mode: str) -> Session:
        given = dict(self._settings.use)
        given.setdefault("name", self._item.nodeid)
        if given.get("match") is not None:
            given["match"] = _rules(given["match"])
        path = self._fresh() if mode == "record" else self._path
        self._block = use(path, cast(Mode, mode), **given)
        if mode == "replay":
            who = f"test {self._item.nodeid!r}"
            self._policy = self._open.enter_context(blocked(who, self._settings.allowed_hosts))
        session: Session = self._block.__enter__()
        session.path = str(self._path)
        return session

    def _fresh(self) -> Path:
        return self._path.with_name(self._path.name + _FRESH)

    # --- while the test runs ---

    def body_ended(self) -> None:
        """Look at what the test's body did; what its fixtures do from here on is looked at when they have ended.

        Raises:
            Miss: one was swallowed by the test or a library.
            pytest.fail.Exception: steps that the recorded body asked for were not.
        """
        self._ended = True
        recording = getattr(self.session, "_recording", None)
        if recording is not None:
            recording.note(_BODY_ENDED)
        for miss in self._unsaid():
            raise miss
        if isinstance(self.session, ReplaySession) and self.session.mode == "replay":
            self._all_used(self.session)

    def _all_used(self, session: ReplaySession) -> None:
        assert session.tape is not None  # noqa: S101 - a replay has read its tape
        ended = _ends_of_bodies(session.tape)
        unused = [step.span for step in session.player.unused()]
        if all(span.trace_id in ended and span.started_ns >= ended[span.trace_id] for span in unused):
            return
        try:
            session.player.close()
        except SpantapeError as error:
            raise _failure(str(error)) from None

    def _misses(self) -> list[Miss]:
        misses = list(self.session.player.misses) if isinstance(self.session, ReplaySession) else []
        return misses + list(self._policy.blocked if self._policy else [])

    def _unsaid(self) -> list[Miss]:
        """The misses that nobody was told of yet, now told."""
        fresh = [miss for miss in self._misses() if id(miss) not in self._said]
        self._said.update(map(id, fresh))
        return fresh

    def reported(self, report: pytest.TestReport, error: BaseException | None) -> None:
        """Take note of a phase's report, and add to a failed one the misses that it does not show."""
        if report.when == "call":
            self._passed = report.passed or hasattr(report, "wasxfail")
        self._error = self._error or error
        if isinstance(error, Miss):
            self._said.add(id(error))
        if not report.failed:
            return
        report.sections += [("tape: a miss before this", str(miss)) for miss in self._unsaid()]
        other = self._ledger.recorded.get(self._path)
        if isinstance(error, Miss) and other not in (None, self._item.nodeid):
            report.sections.append(("tape", f"{str(self._path)!r} was recorded by {other} in this session"))

    # --- closing ---

    def close(self) -> None:
        """Close the block, and keep or drop what was recorded.

        Raises:
            Miss: one came up while the fixtures ended.
            pytest.fail.Exception: recorded steps were not asked for, or the tape could not be written.
        """
        if self.session is None:
            return
        try:
            self._leave(self._error or (None if self._passed else _not_passed()))
            for miss in self._unsaid():
                raise miss
        finally:
            self._keep()
            self.record = self._recorded_as(self.session.mode)
            self._open.close()

    def _leave(self, error: BaseException | None) -> None:
        try:
            self._block.__exit__(type(error) if error else None, error, None)
        except Miss:
            pass  # it is among the misses
        except SpantapeError as failure:
            raise _failure(str(failure)) from None

    def _keep(self) -> None:
        fresh = self._fresh()
        if self._passed and fresh.exists():
            fresh.replace(self._path)
            self._ledger.recorded[self._path] = self._item.nodeid
        fresh.unlink(missing_ok=True)

    def _recorded_as(self, mode: str) -> Record:
        drift = getattr(self.session, "drift", None)
        return Record(
            test=self._item.nodeid,
            mode=mode,
            kept=self._passed or mode != "record",
            misses=len(self.session.player.misses) if isinstance(self.session, ReplaySession) else 0,
            blocked=len(self._policy.blocked) if self._policy else 0,
            calls=self._calls(),
            drift=drift_report(drift) if drift else "",
        )

    def _calls(self) -> int:
        """The exchanges of this run that went over the network."""
        session, tape = self.session, self.session.tape if self.session else None
        if tape is None or session is None or session.mode == "replay":
            return 0
        run = getattr(session, "_recording", None)
        own = None if run is None else run.trace_id
        return sum(step.kind == "exchange" and step.span.trace_id == own for step in tape.steps)


def _rules(given: Any) -> MatchRules:
    if isinstance(given, MatchRules):
        return given
    known = [field.name for field in dataclasses.fields(MatchRules) if field.init]
    if isinstance(given, Mapping) and set(given) <= set(known):
        return MatchRules(**given)
    raise UsageError(f"got match={given!r}, expected a MatchRules, or a dict of {', '.join(known)}")


def _ends_of_bodies(tape: Tape) -> dict[str, int]:
    """When the recorded test's body ended, by trace; what came after it, its fixtures asked for."""
    ends: dict[str, int] = {}
    for span in tape.spans:
        if span.attributes.get(names.KIND) != "run":
            continue
        for event in span.events:
            if event.get("name") == _BODY_ENDED and isinstance(at := event.get("time_ns"), int):
                ends[span.trace_id] = at
    return ends


def _failure(message: str) -> BaseException:
    return pytest.fail.Exception(message, pytrace=False)


def _not_passed() -> BaseException:
    return pytest.fail.Exception("the test did not pass", pytrace=False)
