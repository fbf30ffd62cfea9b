"""pytest tests that record their model calls once and replay them from then on.

::

    @pytest.mark.tape
    def test_agent():
        assert "rain" in run_agent("What is the weather in Oslo?")

The first run records `tapes/<module>/test_agent.tape` beside the test file; later runs replay it, without a network.
With `CI` in the environment nothing is ever recorded unless it is asked for: a missing tape fails its test.

The mark, on a test, a class or a module (`pytestmark`), takes the path or name of the tape (on a class or a module:
of a folder, since each test has its own tape) and the settings of `spantape.use`, with `allowed_hosts` beside them.
The fixture `tape` is the open session, with or without the mark. `--tape-mode` (auto, record, replay, rerecord,
extend) decides for a whole run. These fixtures are there to be overridden, in a module, a class or a conftest:

- `tape_config`: a dict of settings for all tests that see it (`{"match": {"ignore": ["body.user"]}}`);
- `tape_dir`: the folder of the tapes; the ini setting of that name, else `tapes` beside the test file;
- `tape_allowed_hosts`: what a replayed test may reach, such as `["localhost:5432"]`.

Order of precedence: command line, mark, fixture, ini file, default.

A tape is opened before the other fixtures of its test and closed after them, so what function-scoped fixtures ask a
model is on it. What module- and session-scoped fixtures ask is not: they do not belong to one test. While a test is
replayed, the network is closed to all of the process (`spantape._network` says what that covers), loopback too.

A recording takes the tape's place when its test has passed. Misses, calls that were recorded and not made, and
blocked connections fail the test, also where it swallowed them.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from spantape._pytest.modes import MODES, check_mode
from spantape._pytest.outcome import adopt_misses, only_miss, shorten
from spantape.errors import Miss, UsageError

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from spantape._pytest.block import Ledger, TestTape  # noqa: F401 - named in the keys below
    from spantape._pytest.totals import Totals
    from spantape._session import Session

_TAPE: Final = pytest.StashKey["TestTape"]()
_LEDGER: Final = pytest.StashKey["Ledger"]()
_MARK: Final = (
    "tape(path=None, *, mode, match, allow_unused, retries, redact, name, pauses, record_to, on_drift, "
    "tolerance, policy, allowed_hosts): record the test's model calls on a tape, or replay them from it."
)


# --- options -----------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option and the ini settings."""
    group = parser.getgroup("spantape", "model calls on tape")
    group.addoption(
        "--tape-mode",
        choices=MODES,
        default=None,
        help="what tests with a tape do; wins over marks, fixtures and the ini file "
        "(default: replay where CI is set, else auto: replay what is recorded, record what is not)",
    )
    parser.addini(
        "tape_mode", f"what tests with a tape do unless told otherwise: {', '.join(MODES)}", default=""
    )
    parser.addini(
        "tape_dir",
        "folder of the tapes, relative to the rootdir (default: tapes beside each test file)",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, and make misses outcomes that pytest knows."""
    config.addinivalue_line("markers", _MARK)
    if mode := config.getini("tape_mode"):
        try:
            check_mode(mode, f"tape_mode in {config.inipath}: got {mode!r}")
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(_Reporting(), "spantape-reporting")
    config.add_cleanup(adopt_misses())


# --- fixtures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tape_config() -> dict[str, Any]:
    """Settings of `spantape.use` for the tapes of all tests that see this fixture; override it."""
    return {}


@pytest.fixture(scope="session")
def tape_allowed_hosts() -> Sequence[str]:
    """The hosts that replayed tests may reach; override it. "localhost" is all of loopback."""
    return ()


@pytest.fixture(scope="module")
def tape_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of the tapes: the ini setting `tape_dir`, else `tapes` beside the test file; override it."""
    given = request.config.getini("tape_dir")
    return request.config.rootpath / given if given else request.path.parent / "tapes"


@pytest.fixture(autouse=True)
def _spantape(request: pytest.FixtureRequest) -> Generator[None]:
    """Open the tape of a test that has a mark or the fixture, before its other function-scoped fixtures."""
    if request.node.get_closest_marker("tape") is not None or _asks_for_tape(request):
        _opened(request)
    yield
    if (tape := request.node.stash.get(_TAPE, None)) is not None:
        tape.close()


def _asks_for_tape(request: pytest.FixtureRequest) -> bool:
    """Whether the test has our fixture `tape`, not one that its project calls so.

    A test that asks for it in some other way gets its tape opened when it asks.
    """
    if "tape" not in request.fixturenames:
        return False
    info: Any = getattr(request.node, "_fixtureinfo", None)  # pytest has no public way to ask
    definitions = info.name2fixturedefs.get("tape") if info is not None else None
    if not definitions:
        return False
    return definitions[-1].func.__module__ == __name__ or "tape" in definitions[-1].argnames


@pytest.fixture
def tape(_spantape: None, request: pytest.FixtureRequest) -> Session:
    """The session of the test's tape, open until the test's fixtures have ended."""
    return _opened(request)


def _opened(request: pytest.FixtureRequest) -> Session:
    item = request.node
    known = item.stash.get(_TAPE, None)
    if known is not None and known.session is not None:
        return cast("Session", known.session)
    from spantape._pytest.block import Ledger, TestTape
    from spantape._pytest.settings import read_mark, resolve

    fixture = request.getfixturevalue
    config, folder, hosts = fixture("tape_config"), fixture("tape_dir"), fixture("tape_allowed_hosts")
    try:
        settings = resolve(item, read_mark(item), config=config, folder=folder, hosts=hosts)
    except UsageError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    tape = TestTape(item, settings, item.config.stash.setdefault(_LEDGER, Ledger()))
    item.stash[_TAPE] = tape
    return tape.open()


# --- running and reporting ---------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that swallowed a miss, or that left recorded steps unasked for; its own failure comes first."""
    try:
        result = yield
    except BaseExceptionGroup as group:
        if (miss := only_miss(group)) is not None:
            raise miss from None
        raise
    except pytest.PytestUnhandledThreadExceptionWarning:
        _body_ended(item)  # a miss in a thread says more than that the thread ended by it
        raise
    _body_ended(item)
    return result


def _body_ended(item: pytest.Item) -> None:
    tape = item.stash.get(_TAPE, None)
    if tape is not None and tape.session is not None:
        tape.body_ended()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the tape how its test went; the report of the last phase carries what the tape did."""
    report = yield
    if report.when == "call":
        _tell_unmatched(report)
    tape = item.stash.get(_TAPE, None)
    if tape is None:
        return report
    tape.reported(report, call.excinfo.value if call.excinfo else None)
    if report.when == "teardown":
        del item.stash[_TAPE]
        if tape.record is not None:
            vars(report)["spantape"] = tape.record  # xdist carries what is in a report's dict
    return report


def _tell_unmatched(report: pytest.TestReport) -> None:
    """Add what `spantape.matches` has to say of a failed test, in lines."""
    semantic = sys.modules.get("spantape.semantic.matches")
    told = semantic.take_unmatched() if semantic is not None else None
    if told is not None and report.failed:
        report.sections.append(("spantape.matches", told))


class _Reporting:
    """The hooks that come between others', and the sums over all workers."""

    def __init__(self) -> None:
        self._totals: Totals | None = None

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Shorten a miss's traceback: after unittest's plugin has put it there, before it is written out."""
        if (
            call.excinfo is not None
            and isinstance(call.excinfo.value, Miss)
            and not item.config.option.fulltrace
        ):
            shorten(call.excinfo)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what the test's tape did, here or in a worker."""
        if (record := getattr(report, "spantape", None)) is None:
            return
        from spantape._pytest.totals import Totals

        self._totals = self._totals or Totals()
        self._totals.add(record)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """One line, and what drifted, where any test had a tape."""
        for line in self._totals.lines() if self._totals else ():
            terminalreporter.write_line(line)
