"""`spantape run`: programs recorded and replayed as they are, in every way in which Python is started."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cli_tapes import Ran
from spantape import read_tape
from spantape._program.hook import sitecustomize
from spantape._seams import TABLE
from spantape.testing import Gate, ModelServer, text

APP = """
import os, sys
import httpx2

for word in sys.argv[1:]:
    body = {"model": "m", "messages": [{"role": "user", "content": word}]}
    answer = httpx2.post(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json=body).raise_for_status().json()
    print(answer["choices"][0]["message"]["content"])
"""
SDK_APP = """
import sys
import openai

client = openai.OpenAI(api_key="none", max_retries=0)
for word in sys.argv[1:]:
    answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": word}])
    print(answer.choices[0].message.content)
"""
NOWHERE = "http://127.0.0.1:9/v1"


class Project:
    """A directory with a program in it, and the command to run it there."""

    def __init__(self, path, url):
        self.path = path
        self.url = url
        self.write("app.py", APP)

    def write(self, name, source):
        path = self.path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(textwrap.dedent(source))
        return path

    def environment(self, **variables):
        return {**os.environ, "OPENAI_BASE_URL": self.url, "PYTHONPATH": ".", **variables}

    def start(self, *arguments, **variables):
        return subprocess.Popen(
            [sys.executable, "-m", "spantape", "run", *arguments],
            cwd=self.path,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **variables):
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def replay(self, *arguments, **variables):
        return self.run("--mode", "replay", *arguments, OPENAI_BASE_URL=NOWHERE, **variables)

    def asked(self, tape="a.tape"):
        return [
            step.request_body().decode().partition('"content":"')[2].partition('"')[0]
            for step in self.tape(tape).steps
        ]

    def tape(self, name="a.tape"):
        return read_tape(self.path / name)


@pytest.fixture(scope="module")
def server():
    with ModelServer() as server:
        yield server


@pytest.fixture
def project(tmp_path, server):
    return Project(tmp_path, server.base_url("openai"))


PY = sys.executable


def test_a_script_is_recorded_as_it_is_and_replays_offline(project):
    project.write("app.py", SDK_APP)
    ran = project.run("-o", "a.tape", "--", PY, "app.py", "one", "two")
    assert (ran.code, ran.out) == (0, "You asked: one\nYou asked: two\n")
    assert "2 steps on a.tape" in ran.err
    assert project.asked() == ["one", "two"]
    assert sorted(path.name for path in project.path.glob("a.tape*")) == ["a.tape"]
    again = project.replay("-o", "a.tape", "--", PY, "app.py", "one", "two")
    assert (again.code, again.out) == (0, ran.out)
    assert "2 of 2 steps of a.tape were replayed" in again.err


def test_a_module_and_a_console_script_are_recorded(project):
    project.write("pkg/__init__.py", "")
    project.write("pkg/main.py", APP)
    assert project.run("-o", "a.tape", "--", PY, "-m", "pkg.main", "m").code == 0
    assert project.asked() == ["m"]
    project.write(
        "test_app.py",
        """
        import sys, runpy

        def test_app(monkeypatch):
            monkeypatch.setattr(sys, "argv", ["app.py", "in a test"])
            runpy.run_path("app.py")
        """,
    )
    pytest_script = str(Path(PY).with_name("pytest"))
    ran = project.run("-o", "b.tape", "--", pytest_script, "-q", "-p", "no:cacheprovider", "test_app.py")
    assert ran.code == 0, ran.out + ran.err
    assert project.asked("b.tape") == ["in a test"]


def test_what_subprocesses_do_is_on_the_same_tape(project):
    project.write(
        "parent.py",
        """
        import subprocess, sys
        subprocess.check_call([sys.executable, "app.py", "first"])
        sys.argv = ["app.py", "parent"]
        exec(open("app.py").read())
        subprocess.check_call([sys.executable, "app.py", "second"])
        """,
    )
    assert project.run("-o", "a.tape", "--", PY, "parent.py").code == 0
    assert project.asked() == ["first", "parent", "second"]
    assert project.tape().sealed
    assert len({span.attributes.get("spantape.run.id") for span in project.tape().spans}) == 1
    again = project.replay("-o", "a.tape", "--", PY, "parent.py")
    assert (again.code, again.out.split()) == (
        0,
        ["You", "asked:", "first", "You", "asked:", "parent", "You", "asked:", "second"],
    )


def test_processes_at_the_same_time_are_on_the_same_tape(project):
    project.write(
        "fan.py",
        """
        import subprocess, sys
        for child in [subprocess.Popen([sys.executable, "app.py", f"w{n}"]) for n in range(4)]:
            assert child.wait() == 0
        """,
    )
    assert project.run("-o", "a.tape", "--", PY, "fan.py").code == 0
    assert sorted(project.asked()) == ["w0", "w1", "w2", "w3"]
    assert project.replay("-o", "a.tape", "--", PY, "fan.py").code == 0


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(7)", 7),
        ("raise RuntimeError('no')", 1),
        ("os.kill(os.getpid(), signal.SIGTERM)", 143),
        ("pass", 0),
    ],
)
def test_however_a_program_ends_its_tape_is_whole_and_its_code_is_passed_on(project, ending, code):
    project.write("end.py", APP + f"\nimport os, signal\n{ending}\n")
    ran = project.run("-o", "a.tape", "--", PY, "end.py", "x")
    assert ran.code == code
    assert project.asked() == ["x"]
    assert project.tape().sealed


def test_a_signal_to_us_reaches_the_program(project):
    gate = Gate()
    with ModelServer([text("a"), text("b").held(gate, 0)]) as server:
        process = project.start(
            "-o", "a.tape", "--", PY, "app.py", "x", "y", OPENAI_BASE_URL=server.base_url("openai")
        )
        assert gate.reached.wait(30)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert project.asked()[0] == "x"
    assert project.tape().sealed


def test_a_killed_program_leaves_what_it_had_recorded(project, recwarn):
    project.write("killed.py", APP + "\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    ran = project.run("-o", "a.tape", "--", PY, "killed.py", "x")
    assert ran.code == 137
    assert "a.tape.journal holds what a process had recorded when it was killed" in ran.err
    shown = subprocess.run(
        [PY, "-m", "spantape", "show", "a.tape"], cwd=project.path, capture_output=True, text=True, check=True
    )
    assert "1 step, not sealed" in shown.stdout
    assert project.asked() == ["x"]
    assert recwarn


def test_a_miss_is_1_and_shown_also_where_the_program_swallows_it(project):
    source = """
    import runpy
    try:
        runpy.run_path("app.py")
    except BaseException:
        pass
    """
    project.write("swallow.py", source)
    project.run("-o", "a.tape", "--", PY, "swallow.py", "one")
    ran = project.replay("-o", "a.tape", "--", PY, "swallow.py", "other")
    assert (ran.code, ran.out) == (1, "")
    assert 'messages[0].content: recorded "one" got "other"' in ran.err


def test_steps_that_nobody_asks_for_are_1_unless_allowed(project):
    project.run("-o", "a.tape", "--", PY, "app.py", "one", "two")
    ran = project.replay("-o", "a.tape", "--", PY, "app.py", "one")
    assert (ran.code, ran.out) == (1, "You asked: one\n")
    assert "steps 1 were not asked for" in ran.err
    assert project.replay("--allow-unused", "-o", "a.tape", "--", PY, "app.py", "one").code == 0
    assert project.replay("-o", "a.tape", "--", PY, "-c", "pass").code == 1


def test_auto_records_once_and_replays_then(project, server):
    first = project.run("--mode", "auto", "-o", "a.tape", "--", PY, "app.py", "one")
    count = len(server.requests)
    second = project.run("--mode", "auto", "-o", "a.tape", "--", PY, "app.py", "one")
    assert (first.code, second.code, second.out) == (0, 0, first.out)
    assert len(server.requests) == count


def test_extend_records_only_what_is_new(project, server):
    project.run("-o", "a.tape", "--", PY, "app.py", "one")
    count = len(server.requests)
    assert project.run("--mode", "extend", "-o", "a.tape", "--", PY, "app.py", "one", "two").code == 0
    assert len(server.requests) == count + 1
    assert project.asked() == ["one", "two"]


def test_rerecord_runs_live_and_tells_what_differs(project):
    project.run("-o", "a.tape", "--", PY, "app.py", "one")
    before = (project.path / "a.tape").read_bytes()
    ran = project.run("--mode", "rerecord", "-o", "a.tape", "--", PY, "app.py", "other")
    assert ran.code == 0
    assert '"other"' in ran.err
    assert (project.path / "a.tape").read_bytes() == before


def test_a_damaged_tape_stops_a_replay_before_the_program_starts(project):
    (project.path / "a.tape").write_bytes(b"nonsense")
    ran = project.replay("-o", "a.tape", "--", PY, "-c", "print('started')")
    assert (ran.code, ran.out) == (1, "")


def test_without_a_name_the_tape_is_in_tapes_by_time_and_program(project):
    ran = project.run("--", PY, "app.py", "x")
    (tape,) = (project.path / "tapes").iterdir()
    assert tape.name.endswith("Z-app.tape")
    assert str(tape.relative_to(project.path)) in ran.err


def test_secrets_are_replaced_unless_told_not_to(project):
    project.run("-o", "a.tape", "--", PY, "app.py", "ada@example.com")
    project.run("--no-redact", "-o", "b.tape", "--", PY, "app.py", "ada@example.com")
    assert project.asked() == ["__email_1__"]
    assert project.asked("b.tape") == ["ada@example.com"]
    assert project.replay("-o", "a.tape", "--", PY, "app.py", "ada@example.com").code == 0


def test_tools_and_agents_of_a_program_without_a_client_are_recorded(project):
    source = """
    import spantape

    @spantape.tool
    def double(number: int) -> int:
        print("ran")
        return 2 * number

    print(double(4))
    """
    project.write("tools.py", source)
    assert project.run("-o", "a.tape", "--", PY, "tools.py").out == "ran\n8\n"
    assert [step.name for step in project.tape().steps] == ["double"]
    assert project.replay("-o", "a.tape", "--", PY, "tools.py").out == "8\n"


def test_the_programs_own_sitecustomize_runs_and_nothing_of_ours_is_on_its_path(project):
    project.write("sitecustomize.py", "import builtins; builtins.own = __file__")
    code = "import sys, sitecustomize; print(own == sitecustomize.__file__, any(p.endswith('hook') for p in sys.path))"
    assert project.run("-o", "a.tape", "--", PY, "-c", code).out == "True False\n"


def test_an_interpreter_that_records_nothing_loads_nothing_of_ours_and_leaves_no_file(project):
    ran = project.run(
        "-o", "a.tape", "--", PY, "-c", "import sys; print([m for m in sys.modules if 'spantape' in m])"
    )
    assert ran.out == "[]\n"
    assert "nothing was recorded" in ran.err
    assert not list(project.path.glob("a.tape*"))


def test_opentelemetry_instrument_in_between_changes_nothing(project):
    script = Path(PY).with_name("opentelemetry-instrument")
    variables = {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    ran = project.run("-o", "a.tape", "--", str(script), PY, "app.py", "x", **variables)
    assert (ran.code, ran.out) == (0, "You asked: x\n"), ran.err
    assert project.asked() == ["x"]


def test_a_directory_is_no_place_for_a_tape(project):
    ran = project.run("-o", ".", "--", PY, "-c", "print('started')")
    assert (ran.code, ran.out) == (1, "")
    assert "is a directory, expected a tape" in ran.err


def test_a_program_that_is_not_there_is_wrong_usage(project):
    ran = project.run("-o", "a.tape", "--", "no-such-program")
    assert ran.code == 2
    assert "cannot start 'no-such-program'" in ran.err


@pytest.mark.parametrize("mode", ["replay", "rerecord", "extend"])
def test_modes_that_need_a_tape_say_so(project, mode):
    ran = project.run("--mode", mode, "--", PY, "app.py")
    assert ran.code == 2
    assert f"--mode {mode} needs a tape" in ran.err


def test_forked_children_record_on_their_parents_tape(project):
    project.write(
        "fork.py",
        """
        import os, runpy, sys
        sys.argv = ["app.py", "parent"]
        runpy.run_path("app.py")
        child = os.fork()
        if child == 0:
            sys.argv = ["app.py", "child"]
            runpy.run_path("app.py")
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        """,
    )
    ran = project.run("-o", "a.tape", "--", PY, "-W", "ignore", "fork.py")
    assert ran.code == 0, ran.err
    assert sorted(project.asked()) == ["child", "parent"]


def test_the_hook_waits_for_every_library_that_has_a_seam():
    assert {where.module.partition(".")[0] for where in TABLE} <= sitecustomize._OPENS


def test_a_start_costs_little(project):
    """What every interpreter imports for the hook is small."""

    def loaded(**variables):
        command = [PY, "-c", "import sys; print(*sys.modules)"]
        environment = project.environment(**variables)
        return set(
            subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            ).stdout.split()
        )

    hook = str(Path(sitecustomize.__file__).parent)
    more = loaded(PYTHONPATH=hook, SPANTAPE_RUN="{}") - loaded(PYTHONPATH="")
    assert "sitecustomize" in more
    assert not more & {"typing", "pathlib", "json", "re", "subprocess", "inspect", "spantape", "msgspec"}
