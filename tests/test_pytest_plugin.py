"""The plugin, as pytest runs it: test files with the real SDK, against a model server and then without it."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import subprocess
import sys
import textwrap

import openai
import pytest

import spantape
import spantape._pytest.block
from spantape import _state
from spantape._pytest import settings
from spantape._pytest.naming import safe
from spantape._pytest.settings import in_ci
from spantape.testing import ModelServer, text

PRELUDE = """
import asyncio, os, socket, threading, unittest
import openai, pytest, spantape

URL = os.environ["MODEL_URL"]

def ask(question="hi"):
    with openai.OpenAI(base_url=URL, api_key="none") as client:
        answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content

async def ask_async(question="hi"):
    async with openai.AsyncOpenAI(base_url=URL, api_key="none") as client:
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": question}])
    return answer.choices[0].message.content

QUESTION = os.environ.get("QUESTION", "hi")
"""

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = --strict-markers -p no:cacheprovider -p no:hypothesispytest
filterwarnings = error
"""


class Project:
    """A project under test: its test file, and pytest run in it with the model server there or gone."""

    def __init__(self, pytester, monkeypatch):
        self.pytester, self._environ = pytester, monkeypatch
        self.path = pytester.path
        self.requests = 0
        monkeypatch.setenv("MODEL_URL", "http://127.0.0.1:9/v1")
        pytester.makeini(INI)

    def write(self, source, name="test_it.py"):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PRELUDE + textwrap.dedent(source), "utf-8")

    def run(self, *args, processes=False, **environ):
        """pytest's result with the server gone: anything that reaches for it fails."""
        run = self.pytester.runpytest_subprocess if processes else self.pytester.runpytest_inprocess
        with self._environ.context() as environment:
            for name, value in environ.items():
                environment.setenv(name, value)
            return run(*args)

    def live(self, *args, script=None, **settings):
        """pytest's result with the server there."""
        with ModelServer(script) as server:
            result = self.run(*args, MODEL_URL=server.base_url("openai"), **settings)
            self.requests = len(server.requests)
        return result

    def tapes(self):
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*.tape*"))


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory):
    """What the SDK and we load at the first call: in-process runs forget modules that they were the first to load."""
    tape = tmp_path_factory.mktemp("loaded") / "a.tape"
    question = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    with ModelServer() as server:
        url = server.base_url("openai")

        async def ask_async():
            async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:
                await client.chat.completions.create(**question)

        for _ in range(2):
            with spantape.use(tape), openai.OpenAI(base_url=url, api_key="none") as client:
                client.chat.completions.create(**question)
                asyncio.run(ask_async())


@pytest.fixture
def project(pytester, monkeypatch):
    return Project(pytester, monkeypatch)


def lines(result):
    return "\n".join(result.outlines + result.errlines)


# --- recording and replaying -------------------------------------------------------------------------------------


def test_a_marked_test_records_once_and_replays_with_the_server_gone(project):
    project.write(
        """
        @pytest.mark.tape
        def test_agent():
            assert ask() == "Hello"
        """
    )
    recorded = project.live(script=[text("Hello")])
    recorded.assert_outcomes(passed=1)
    assert "tapes: 1 recorded, 0 misses; network calls 1" in recorded.outlines
    assert project.tapes() == ["tapes/test_it/test_agent.tape"]
    replayed = project.run()
    replayed.assert_outcomes(passed=1)
    assert "tapes: 1 replayed, 0 misses; network calls 0" in replayed.outlines


@pytest.mark.parametrize("runner", ["asyncio_mode=auto", "asyncio_mode=strict"])
def test_async_tests_record_and_replay_under_pytest_asyncio_and_anyio(project, runner):
    project.write(
        """
        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        MARK = pytest.mark.anyio if os.environ["RUNNER"].endswith("strict") else pytest.mark.asyncio

        @MARK
        @pytest.mark.tape
        async def test_agent(tape):
            assert "a" and await ask_async("a") and await asyncio.gather(ask_async("b"), ask_async("c"))
            assert tape.mode == os.environ["MODE"]
        """
    )
    project.live("-o", runner, RUNNER=runner, MODE="record").assert_outcomes(passed=1)
    assert project.requests == 3
    project.run("-o", runner, RUNNER=runner, MODE="replay").assert_outcomes(passed=1)


def test_the_fixture_alone_gives_the_open_session(project):
    project.write(
        """
        def test_fixture(tape):
            assert tape.path.endswith("test_fixture.tape")
            assert ask()

        def test_late(request):
            tape = request.getfixturevalue("tape")
            assert tape.active and ask()

        def test_without():
            pass
        """
    )
    project.live().assert_outcomes(passed=3)
    assert project.tapes() == ["tapes/test_it/test_fixture.tape", "tapes/test_it/test_late.tape"]
    replayed = project.run()
    replayed.assert_outcomes(passed=3)
    assert "tapes: 2 replayed, 0 misses; network calls 0" in replayed.outlines


def test_a_projects_own_fixture_named_tape_stays_its_own(project):
    project.write(
        """
        @pytest.fixture
        def tape():
            return "sticky"

        def test_it(tape):
            assert tape == "sticky"
        """
    )
    project.run().assert_outcomes(passed=1)
    assert project.tapes() == []


def test_what_fixtures_ask_is_on_the_tape_at_set_up_and_at_tear_down(project):
    project.write(
        """
        @pytest.fixture(autouse=True)
        def early():
            assert ask("first")

        @pytest.fixture
        def thread():
            assert ask("before")
            yield
            assert ask("after")

        @pytest.mark.tape
        def test_it(thread):
            assert ask("within")
        """
    )
    project.live().assert_outcomes(passed=1)
    assert project.requests == 4
    project.run().assert_outcomes(passed=1)


def test_unittest_cases_have_tapes(project):
    project.write(
        """
        @pytest.mark.tape
        class TestCase(unittest.TestCase):
            def setUp(self):
                self.answer = ask("set up")

            def tearDown(self):
                ask("tear down")

            def test_plain(self):
                self.assertTrue(self.answer and ask(QUESTION))

        class TestAsync(unittest.IsolatedAsyncioTestCase):
            @pytest.mark.tape
            async def test_async(self):
                self.assertTrue(await ask_async())
        """
    )
    project.live().assert_outcomes(passed=2)
    assert project.tapes() == [
        "tapes/test_it/TestAsync.test_async.tape",
        "tapes/test_it/TestCase.test_plain.tape",
    ]
    project.run().assert_outcomes(passed=2)
    missed = project.run("-k", "plain", QUESTION="other")
    missed.assert_outcomes(failed=1)
    assert "messages[0].content: recorded" in lines(missed)


def test_marks_of_classes_and_modules_give_each_test_its_own_tape(project):
    project.write(
        """
        pytestmark = pytest.mark.tape(allow_unused=True)

        def test_a():
            ask("a")

        @pytest.mark.tape("chosen", redact=False)
        class TestB:
            def test_b(self):
                ask("b")

            class TestC:
                @pytest.mark.parametrize("who", ["x", "Y", "a/b:c"])
                def test_c(self, who):
                    ask(who)

        @pytest.mark.tape("named")
        def test_d():
            ask("d")
        """
    )
    project.live().assert_outcomes(passed=6)
    assert project.requests == 6
    folder = "tapes/chosen/test_it/TestB."
    assert project.tapes() == sorted(
        [
            "tapes/test_it/test_a.tape",
            "tapes/named.tape",
            f"{folder}test_b.tape",
            f"{folder}TestC.test_c[x].tape",
            f"tapes/chosen/test_it/{safe('TestB.TestC.test_c[Y]')}.tape",
            f"tapes/chosen/test_it/{safe('TestB.TestC.test_c[a/b:c]')}.tape",
        ]
    )
    project.run().assert_outcomes(passed=6)


def test_doctests_are_left_alone_and_may_ask_for_the_tape(project):
    project.write(
        '''
        def plain():
            """
            >>> 1 + 1
            2
            """

        def taped():
            """
            >>> getfixture("tape").active
            True
            >>> bool(ask())
            True
            """
        ''',
        "module.py",
    )
    project.live("--doctest-modules", "module.py").assert_outcomes(passed=2)
    project.run("--doctest-modules", "module.py").assert_outcomes(passed=2)
    assert project.tapes() == ["tapes/module/module.taped.tape"]


# --- misses and other failures -----------------------------------------------------------------------------------


def test_a_miss_fails_its_test_with_a_short_readable_report_and_the_session_goes_on(project):
    project.write(
        """
        @pytest.mark.tape
        def test_one():
            assert ask(QUESTION)

        @pytest.mark.tape
        async def test_two():
            assert await ask_async(QUESTION)

        @pytest.mark.tape
        def test_other():
            assert ask()
        """
    )
    project.live().assert_outcomes(passed=3)
    missed = project.run(QUESTION="changed")
    missed.assert_outcomes(failed=2, passed=1)
    shown = lines(missed)
    assert 'messages[0].content: recorded "hi" got "changed"' in shown
    assert "assert ask(QUESTION)" in shown, "the user's own line is shown"
    assert "INTERNALERROR" not in shown
    assert "site-packages" not in shown, "no frame of the SDK is"
    assert len(missed.outlines) < 90
    assert "tapes: 3 replayed, 2 misses; network calls 0" in missed.outlines
    assert "site-packages" in lines(project.run("--full-trace", "-k", "one", QUESTION="changed"))


def test_a_miss_in_a_fixture_is_an_error_and_every_finalizer_runs(project):
    project.write(
        """
        ended = []

        @pytest.fixture
        def resource(request):
            request.addfinalizer(lambda: ended.append("outer"))
            yield
            ended.append("resource")

        @pytest.fixture
        def failing(request, resource):
            request.addfinalizer(lambda: ended.append("failing"))
            ask(QUESTION)

        @pytest.fixture
        def failing_late(resource):
            yield
            ask(QUESTION)

        @pytest.mark.tape
        def test_set_up(failing):
            pass

        @pytest.mark.tape
        def test_tear_down(failing_late):
            pass

        def test_after():
            expected = ["failing", "resource", "outer", "resource", "outer"]
            assert ended == expected or "QUESTION" not in os.environ
        """
    )
    project.live().assert_outcomes(passed=3)
    missed = project.run(QUESTION="changed")
    missed.assert_outcomes(errors=2, passed=2)
    assert 'messages[0].content: recorded "hi" got "changed"' in lines(missed)
    assert "INTERNALERROR" not in lines(missed)


def test_a_miss_of_a_block_that_a_fixture_opened_itself_breaks_nothing_either(project):
    project.write(
        """
        ended = []

        @pytest.fixture
        def resource():
            yield
            ended.append("resource")

        @pytest.fixture
        def conversation(resource):
            with spantape.use("own.tape"):
                yield
                ask(QUESTION)

        def test_it(conversation):
            pass

        def test_after():
            assert ended == ["resource"]
        """
    )
    project.live().assert_outcomes(passed=2)
    missed = project.run(QUESTION="changed")
    missed.assert_outcomes(passed=2, errors=1)
    assert 'messages[0].content: recorded "hi" got "changed"' in lines(missed)
    assert "INTERNALERROR" not in lines(missed)


def test_workers_carry_a_blocked_connection_and_a_missing_tape(project):
    project.write(
        """
        pytestmark = pytest.mark.tape

        def test_blocked():
            if QUESTION == "changed":
                socket.create_connection(("192.0.2.1", 443), 1)
        """
    )
    project.run().assert_outcomes(passed=1)
    project.write(
        """
        @pytest.mark.tape
        def test_missing():
            ask()
        """,
        "test_other.py",
    )
    run = project.run("-n2", "--tape-mode=replay", processes=True, QUESTION="changed")
    run.assert_outcomes(failed=1, errors=1)
    assert "tapes: 1 replayed, 1 missing, 0 misses; network calls 0, 1 blocked" in run.outlines
    assert "network blocked: connect to 192.0.2.1:443 in test 'test_it.py::test_blocked'" in lines(run)


def test_a_swallowed_miss_fails_the_test(project):
    project.write(
        """
        @pytest.mark.tape
        def test_swallowed():
            try:
                ask(QUESTION)
            except BaseException:
                pass

        @pytest.mark.tape
        def test_in_a_thread():
            thread = threading.Thread(target=ask, args=[QUESTION])
            thread.start()
            thread.join()

        @pytest.mark.tape
        async def test_in_a_task_group():
            async with asyncio.TaskGroup() as group:
                group.create_task(ask_async(QUESTION))
        """
    )
    project.live().assert_outcomes(passed=3)
    missed = project.run(QUESTION="changed")
    missed.assert_outcomes(failed=3)
    assert lines(missed).count('messages[0].content: recorded "hi" got "changed"') >= 3
    assert lines(missed).count("Miss: nothing recorded answers POST") >= 3


def test_the_tests_own_failure_is_shown_first_with_the_swallowed_miss_below(project):
    project.write(
        """
        @pytest.mark.tape
        def test_it():
            try:
                answer = ask(QUESTION)
            except BaseException:
                answer = "nothing"
            assert answer != "nothing", "my own words"
        """
    )
    project.live().assert_outcomes(passed=1)
    missed = project.run(QUESTION="changed")
    missed.assert_outcomes(failed=1)
    missed.stdout.fnmatch_lines(
        ["*my own words*", "*tape: a miss before this*", "nothing recorded answers POST*"]
    )


def test_steps_that_nobody_asks_for_fail_the_test(project):
    project.write(
        """
        @pytest.mark.tape
        def test_strict():
            if QUESTION == "hi":
                ask()

        @pytest.mark.tape(allow_unused=True)
        def test_lenient():
            if QUESTION == "hi":
                ask()
        """
    )
    project.live().assert_outcomes(passed=2)
    unused = project.run(QUESTION="none")
    unused.assert_outcomes(failed=1, passed=1)
    unused.stdout.fnmatch_lines(["*1 of 1 recorded steps were not asked for", "*FAILED*test_strict*"])


def test_steps_that_a_fixture_does_not_ask_for_at_its_end_are_an_error(project):
    project.write(
        """
        @pytest.fixture
        def thread():
            yield
            if QUESTION == "hi":
                ask("after")

        @pytest.mark.tape
        def test_it(thread):
            ask()
        """
    )
    project.live().assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)
    with_less = project.run(QUESTION="none")
    with_less.assert_outcomes(passed=1, errors=1)
    assert "1 of 2 recorded steps were not asked for" in lines(with_less)


def test_unused_steps_never_hide_the_tests_own_failure(project):
    project.write(
        """
        @pytest.mark.tape
        def test_it():
            assert QUESTION == "hi", "my own words"
            ask()
        """
    )
    project.live().assert_outcomes(passed=1)
    failed = project.run(QUESTION="none")
    failed.assert_outcomes(failed=1)
    assert "my own words" in lines(failed)
    assert "not asked for" not in lines(failed)


def test_a_miss_may_be_expected(project):
    project.write(
        """
        @pytest.mark.tape
        @pytest.mark.xfail(strict=True, raises=spantape.Miss, condition=QUESTION != "hi", reason="changed")
        def test_it():
            ask(QUESTION)
        """
    )
    project.live().assert_outcomes(passed=1)
    project.run(QUESTION="changed").assert_outcomes(xfailed=1)


# --- what a recording leaves -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("assert False", {"failed": 1}),
        ("pytest.skip()", {"skipped": 1}),
        ("pytest.xfail()", {"xfailed": 1}),
        ("raise KeyboardInterrupt", {}),
    ],
)
def test_only_an_expected_outcome_leaves_a_tape(project, ending, outcome):
    project.write(
        f"""
        @pytest.mark.tape
        def test_it():
            ask()
            {ending}
        """
    )
    run = project.live(processes=ending.startswith("raise"))
    run.assert_outcomes(**outcome)
    assert project.tapes() == (["tapes/test_it/test_it.tape"] if "xfailed" in outcome else [])
    if outcome and "xfailed" not in outcome:
        assert "tapes: 1 not kept (the test did not pass), 0 misses; network calls 1" in run.outlines


def test_a_set_up_that_fails_leaves_no_tape_and_a_failed_recording_leaves_the_old_one(project):
    project.write(
        """
        @pytest.fixture
        def broken():
            assert QUESTION == "hi"

        @pytest.mark.tape
        def test_old(broken):
            ask()

        @pytest.mark.tape
        def test_new(broken):
            ask()
        """
    )
    project.live("-k", "test_old").assert_outcomes(passed=1)
    before = (project.path / "tapes/test_it/test_old.tape").read_bytes()
    project.live("--tape-mode=record", QUESTION="other").assert_outcomes(errors=2)
    assert project.tapes() == ["tapes/test_it/test_old.tape"]
    assert (project.path / "tapes/test_it/test_old.tape").read_bytes() == before


def test_a_test_that_is_run_again_records_again(project):
    project.pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            for _ in range(2):
                item._initrequest() if hasattr(item, "_initrequest") else None
                reports = runtestprotocol(item, nextitem=nextitem, log=False)
                if not any(report.failed for report in reports):
                    break
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    project.write(
        """
        tries = []

        @pytest.mark.tape
        def test_flaky():
            tries.append(ask())
            assert tries[-1] == "good"
        """
    )
    project.live(script=[text("bad"), text("good")]).assert_outcomes(passed=1)
    assert project.requests == 2
    assert project.tapes() == ["tapes/test_it/test_flaky.tape"]
    project.run().assert_outcomes(passed=1)


# --- modes, settings and their order -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("1", True),
        ("yes", True),
        ("false", False),
        ("False", False),
        ("0", False),
        ("", False),
    ],
)
def test_ci_is_told_by_its_variable(value, expected):
    assert in_ci({"CI": value}) is expected
    assert in_ci({}) is False


def test_in_ci_a_missing_tape_fails_and_says_how_to_record_it(project):
    project.write(
        """
        @pytest.mark.tape
        def test_it():
            ask()
        """
    )
    missing = project.live(CI="true")
    missing.assert_outcomes(errors=1)
    assert project.requests == 0
    missing.stdout.fnmatch_lines(
        [
            "no tape at *test_it.tape*CI is set*",
            "*pytest test_it.py::test_it --tape-mode=record",
            "tapes: 1 missing, 0 misses; network calls 0",
        ]
    )
    project.live("--tape-mode=record", CI="true").assert_outcomes(passed=1)
    project.run(CI="true").assert_outcomes(passed=1)


def test_the_order_is_command_line_mark_fixture_ini_default(project):
    project.write(
        """
        MODES = []

        @pytest.fixture(scope="session")
        def tape_config():
            return {"mode": os.environ["FIXTURE"]} if "FIXTURE" in os.environ else {}

        @pytest.mark.tape("unmarked")
        def test_unmarked(tape):
            print("unmarked:", tape.mode)

        @pytest.mark.tape("marked", mode="record")
        def test_marked(tape):
            print("marked:", tape.mode)
        """
    )

    def modes(*args, **environ):
        result = project.run("-s", *args, **environ)
        result.assert_outcomes(passed=2)
        found = dict(
            re.findall(r"(\w+): (\w+)", "\n".join(line for line in result.outlines if "marked: " in line))
        )
        return found["unmarked"], found["marked"]

    assert modes() == ("record", "record"), "the default is auto"
    assert modes() == ("replay", "record"), "the mark wins over the default"
    assert modes("-o", "tape_mode=extend") == ("extend", "record"), (
        "ini wins over the default, the mark over ini"
    )
    assert modes("-o", "tape_mode=extend", FIXTURE="rerecord") == ("rerecord", "record"), (
        "the fixture over ini"
    )
    assert modes("--tape-mode=replay", FIXTURE="rerecord") == ("replay", "replay"), (
        "the command line over all"
    )
    assert modes("--tape-mode=auto", CI="1") == ("replay", "replay")


def test_settings_come_from_the_fixture_and_the_nearest_mark(project):
    project.write(
        """
        @pytest.fixture
        def tape_config():
            return {"match": {"ignore": ["body.messages"]}}

        pytestmark = pytest.mark.tape

        def test_fixture():
            ask(QUESTION)

        @pytest.mark.tape(match=spantape.MatchRules())
        def test_mark():
            ask(QUESTION)
        """
    )
    project.live().assert_outcomes(passed=2)
    project.run(QUESTION="changed").assert_outcomes(passed=1, failed=1)


def test_extend_answers_what_is_there_and_records_the_rest(project):
    project.write(
        """
        @pytest.mark.tape
        def test_it():
            ask("one")
            if QUESTION == "more":
                ask("two")
        """
    )
    project.live("--tape-mode=extend").assert_outcomes(passed=1)
    extended = project.live("--tape-mode=extend", QUESTION="more")
    extended.assert_outcomes(passed=1)
    assert project.requests == 1
    assert "tapes: 1 extended, 0 misses; network calls 1" in extended.outlines
    project.run(QUESTION="more").assert_outcomes(passed=1)


def test_rerecord_runs_live_prints_the_drift_and_keeps_the_tape(project):
    project.write(
        """
        @pytest.mark.tape
        def test_it():
            ask()
        """
    )
    project.live(script=[text("old")]).assert_outcomes(passed=1)
    before = (project.path / "tapes/test_it/test_it.tape").read_bytes()
    again = project.live("--tape-mode=rerecord", script=[text("new")])
    again.assert_outcomes(passed=1)
    again.stdout.fnmatch_lines(
        [
            "drift: test_it.py::test_it",
            "  1 step drifted: 1 in *",
            '*"old"*"new"*',
            "tapes: 1 rerecorded, 0 misses; network calls 1",
        ]
    )
    assert (project.path / "tapes/test_it/test_it.tape").read_bytes() == before
    assert project.tapes() == ["tapes/test_it/test_it.tape"]


@pytest.mark.parametrize(
    ("mark", "got", "accepted"),
    [
        ("tape('a', 'b')", "'a', 'b'", "at most one, the path or name"),
        ("tape(5)", "positional 5", "at most one, the path or name"),
        ("tape(mod='replay')", "setting 'mod'", "allow_unused, match"),
        ("tape(mode='none')", "mode='none'", "auto, record, replay, rerecord, extend"),
        ("tape(allow_unused='yes')", "allow_unused='yes'", "True or False"),
        ("tape(retries='never')", "retries='never'", "skip, replay"),
        ("tape(match={'ignore': 5})", "5", "ignore"),
        ("tape(match=5)", "match=5", "MatchRules"),
        ("tape(match={'colour': 5})", "colour", "ignore"),
        ("tape(allowed_hosts='localhost')", "'localhost'", "a list of hosts"),
        ("tape(allowed_hosts=['http://x'])", "'http://x'", "expected a host"),
    ],
)
def test_a_mark_that_is_wrong_is_quoted_with_what_is_accepted(project, mark, got, accepted):
    project.write(
        f"""
        @pytest.mark.{mark}
        def test_it():
            pass
        """
    )
    project.write(
        """
        @pytest.mark.tape
        def test_it():
            pass
        """,
        "test_fine.py",
    )
    if "hosts" in mark:  # they are looked at when a tape is replayed
        project.path.joinpath("tapes/test_it").mkdir(parents=True)
        with spantape.record(project.path / "tapes/test_it/test_it.tape"):
            pass
    wrong = project.run()
    wrong.assert_outcomes(errors=1, passed=1)
    assert got in lines(wrong)
    assert accepted in lines(wrong)
    assert "test_it.py::test_it" in lines(wrong)
    assert "Traceback" not in lines(wrong)


def test_one_tape_for_a_whole_class_is_refused(project):
    project.write(
        """
        @pytest.mark.tape("all.tape")
        class TestIt:
            def test_a(self):
                pass
        """
    )
    refused = project.run()
    refused.assert_outcomes(errors=1)
    assert "each test has a tape of its own" in lines(refused)


@pytest.mark.parametrize(
    ("fixture", "gives", "accepted"),
    [
        ("tape_config", "['mode']", "expected a dict of mode"),
        ("tape_config", "{'mod': 1}", "expected one of mode"),
        ("tape_dir", "5", "expected a path"),
        ("tape_allowed_hosts", "'localhost'", "expected a list of hosts"),
    ],
)
def test_a_fixture_that_gives_what_cannot_be_is_named(project, fixture, gives, accepted):
    project.write(
        f"""
        @pytest.fixture
        def {fixture}():
            return {gives}

        def test_it(tape):
            pass
        """
    )
    wrong = project.run()
    wrong.assert_outcomes(errors=1)
    assert accepted in lines(wrong)


def test_an_ini_mode_that_is_none_is_refused_at_once(project):
    refused = project.run("-o", "tape_mode=sometimes")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "'sometimes', expected one of auto, record, replay" in lines(refused)


def test_the_settings_are_those_of_use():
    keywords = set(inspect.signature(spantape.use).parameters) - {"path", "mode"}
    assert set(settings.USE_SETTINGS) == keywords


def test_a_damaged_tape_fails_its_test_with_one_message(project):
    project.write(
        """
        @pytest.mark.tape("broken")
        def test_it():
            ask()
        """
    )
    project.path.joinpath("tapes").mkdir()
    project.path.joinpath("tapes/broken.tape").write_bytes(b"nothing of the kind")
    damaged = project.run()
    damaged.assert_outcomes(errors=1)
    assert "broken.tape" in lines(damaged)
    assert "site-packages" not in lines(damaged)
    assert not _state.STATE.sessions


# --- where tapes are ---------------------------------------------------------------------------------------------


def test_the_folder_is_the_fixtures_or_the_ini_files_and_mirrors_the_tests(project):
    source = """
        @pytest.mark.tape
        def test_it():
            pass
        """
    for name in ("a/test_it.py", "b/test_it.py"):
        project.write(source, name)
    project.run("--import-mode=importlib").assert_outcomes(passed=2)
    project.run("--import-mode=importlib", "-o", "tape_dir=all").assert_outcomes(passed=2)
    project.pytester.makeconftest(
        """
        import pathlib, pytest

        @pytest.fixture(scope="session")
        def tape_dir():
            return pathlib.Path(__file__).parent / "conftest"
        """
    )
    project.run("--import-mode=importlib").assert_outcomes(passed=2)
    assert project.tapes() == [
        "a/tapes/test_it/test_it.tape",
        "all/a/test_it/test_it.tape",
        "all/b/test_it/test_it.tape",
        "b/tapes/test_it/test_it.tape",
        "conftest/a/test_it/test_it.tape",
        "conftest/b/test_it/test_it.tape",
    ]


PLAIN = ["test_a", "TestA.test_a", "test_a[x-1.5]", "test_a[a=b,c]", "test_camelCase"]
ODD = [
    "test_a[a/b]",
    "test_a[a:b]",
    "test_a[a\\b]",
    "test_a[A]",
    "test_a[é]",
    "test_a[a b]",
    "test_a[" + "x" * 300 + "]",
    "test_a[" + "x" * 299 + "y]",
    "test_a[" + "é" * 300 + "]",
    "test_a[\ud800]",
    "nul",
    "con.test",
    "..",
    "test_a.",
    "",
]


def test_plain_names_are_kept_and_odd_ones_are_safe_and_distinct():
    assert [safe(name) for name in PLAIN] == PLAIN
    made = [safe(name) for name in ODD]
    assert len({name.casefold() for name in (*made, *PLAIN)}) == len(ODD) + len(PLAIN)
    for name in made:
        assert name.isascii()
        assert len(name) <= 100
        assert "~" in name
        assert not set(name) & set('/\\:*?"<>| ')
        assert not name.startswith(".")


def test_parameters_of_any_kind_give_tapes_that_do_not_collide(project):
    project.write(
        """
        WHO = ["a/b", "a:b", "a?b", "A", "a", "é", "e", "..", "x" * 300, "x" * 299 + "y"]

        @pytest.mark.tape
        @pytest.mark.parametrize("who", WHO, ids=WHO)
        def test_it(who):
            assert ask(who)
        """
    )
    project.live().assert_outcomes(passed=10)
    assert len({name.casefold() for name in project.tapes()}) == 10
    project.run().assert_outcomes(passed=10)


def test_two_tests_that_would_share_a_derived_tape_are_named(project):
    project.write(
        """
        pytestmark = pytest.mark.tape

        class TestABC:
            def test_it(self):
                pass

        class TestAbc:
            def test_it(self):
                pass
        """
    )
    shared = project.run()
    shared.assert_outcomes(passed=1, errors=1)
    assert "TestAbc::test_it and test_it.py::TestABC::test_it would share the tape" in lines(shared)


def test_a_tape_that_is_shared_by_name_is_replayed_by_the_second_and_never_overwritten_unawares(project):
    project.write(
        """
        @pytest.mark.tape("shared")
        def test_a():
            ask()

        @pytest.mark.tape("shared.tape")
        def test_b():
            ask(QUESTION)
        """
    )
    project.live().assert_outcomes(passed=2)
    assert project.requests == 1
    assert project.tapes() == ["tapes/shared.tape"]
    twice = project.live("--tape-mode=record")
    twice.assert_outcomes(passed=1, errors=1)
    assert "which test_it.py::test_a has just recorded" in lines(twice)
    project.path.joinpath("tapes/shared.tape").unlink()
    missed = project.live(QUESTION="other")
    missed.assert_outcomes(passed=1, failed=1)
    assert "was recorded by test_it.py::test_a in this session" in lines(missed)


# --- the network -------------------------------------------------------------------------------------------------


def test_a_replayed_test_reaches_nothing_that_is_not_allowed(project):
    project.write(
        """
        @pytest.fixture(scope="module")
        def own_server():
            with socket.create_server(("127.0.0.1", 0)) as server:
                yield server.getsockname()

        pytestmark = pytest.mark.tape

        def test_blocked(own_server):
            socket.create_connection(own_server, 5).close()

        def test_swallowed(own_server):
            try:
                socket.create_connection(own_server, 5).close()
            except BaseException:
                pass

        @pytest.mark.tape(allowed_hosts=["localhost"])
        def test_marked(own_server):
            socket.create_connection(own_server, 5).close()

        class TestFixture:
            @pytest.fixture
            def tape_allowed_hosts(self):
                return ["127.0.0.1"]

            def test_allowed(self, own_server):
                socket.create_connection(own_server, 5).close()

        @pytest.mark.tape(mode="record")
        def test_recording(own_server):
            socket.create_connection(own_server, 5).close()
        """
    )
    connect = vars(__import__("socket").socket).get("connect")
    project.run().assert_outcomes(passed=5)
    blocked = project.run()
    blocked.assert_outcomes(passed=3, failed=2)
    assert "network blocked: connect to 127.0.0.1:" in lines(blocked)
    assert "test 'test_it.py::test_blocked', which is replayed" in lines(blocked)
    assert "tapes: 4 replayed, 1 recorded, 0 misses; network calls 0, 2 blocked" in blocked.outlines
    assert vars(__import__("socket").socket).get("connect") is connect, "everything is put back"


# --- company -----------------------------------------------------------------------------------------------------


def test_workers_share_the_sums_and_their_misses_are_failures(project):
    project.write(
        """
        @pytest.mark.tape
        @pytest.mark.parametrize("number", range(4))
        def test_it(number):
            assert ask(QUESTION + str(number))
        """
    )
    recorded = project.live("-n2", processes=True)
    recorded.assert_outcomes(passed=4)
    assert "tapes: 4 recorded, 0 misses; network calls 4" in recorded.outlines
    missed = project.run("-n2", processes=True, QUESTION="changed")
    missed.assert_outcomes(failed=4)
    assert "tapes: 4 replayed, 4 misses; network calls 0" in missed.outlines
    assert 'messages[0].content: recorded "hi0" got "changed0"' in lines(missed)
    assert "INTERNALERROR" not in lines(missed)


def test_workers_that_record_one_tape_wait_for_each_other(project):
    project.write(
        """
        @pytest.mark.tape("shared")
        @pytest.mark.parametrize("number", range(2))
        def test_it(number):
            assert ask("one") and ask("two")
        """
    )
    result = project.live("-n2", processes=True)
    result.assert_outcomes(passed=2)
    assert project.requests == 2, "the second worker found the first one's tape"
    assert "tapes: 1 replayed, 1 recorded, 0 misses; network calls 2" in result.outlines
    assert project.tapes() == ["tapes/shared.tape"]
    tape = spantape.read_tape(project.path / "tapes/shared.tape")
    assert tape.sealed
    assert len(tape.steps) == 2


def test_sessions_without_tapes_say_nothing_and_load_nothing(project):
    project.write("")
    (project.path / "test_it.py").write_text(
        textwrap.dedent(
            """
            import sys

            def test_plain():
                loaded = sorted(name for name in sys.modules if name.startswith("spantape"))
                assert loaded == [
                    "spantape",
                    "spantape._imports",
                    "spantape._pytest",
                    "spantape._pytest.modes",
                    "spantape._pytest.outcome",
                    "spantape._version",
                    "spantape.errors",
                    "spantape.pytest_plugin",
                ]
                assert not {"opentelemetry.sdk", "msgspec", "zstandard", "httpx2", "openai"} & set(sys.modules)
            """
        )
    )
    result = project.run("-p", "no:anyio", "-p", "no:hypothesispytest", processes=True)
    result.assert_outcomes(passed=1)
    assert "tapes:" not in lines(result)


def test_loading_the_plugin_loads_little_of_spantape_and_nothing_heavy():
    code = "import pytest, sys; before = set(sys.modules); import spantape.pytest_plugin; print(*set(sys.modules) - before)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert len([name for name in loaded if name.startswith("spantape")]) < 12
    assert not {"opentelemetry", "numpy", "msgspec", "wrapt", "zstandard", "httpx", "httpx2"} & set(loaded)


def test_projects_may_switch_the_plugin_off(project):
    project.write(
        """
        def test_plain():
            pass
        """
    )
    result = project.run("-p", "no:spantape", processes=True)
    result.assert_outcomes(passed=1)


def test_the_mark_and_the_settings_are_in_the_help(project):
    assert "@pytest.mark.tape(path=None" in lines(project.run("--markers"))
    shown = lines(project.run("--help"))
    assert "--tape-mode={auto,record,replay,rerecord,extend}" in shown
    assert "tape_dir (string)" in shown


def test_the_environment_of_the_suite_is_not_ci():
    assert not in_ci(os.environ), "the tests above set it where they mean it"


def test_a_failed_match_is_told_in_lines_below_the_test(pytester):
    pytester.makepyfile(
        """
        import spantape

        def test_it():
            assert not spantape.matches("It rains.", "It snows.")
            assert spantape.matches("The refund was not approved.", "The refund was approved.")

        def test_another():
            assert False
        """
    )
    result = pytester.runpytest_subprocess("-q")
    result.stdout.fnmatch_lines(
        [
            "*- spantape.matches -*",
            "different in meaning, score 0.*",
            "  negation: *",
            "  expected: 'The refund was approved.'",
            "  actual:   'The refund was not approved.'",
        ]
    )
    assert str(result.stdout).count("- spantape.matches -") == 1
