"""A tape that was damaged, cut or never closed: never silently wrong, whoever reads it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import warnings

import pytest

import spantape
from spantape.cli import run
from spantape.testing import ModelServer
from survive_sdks import APIS, ask

FLIPS = 60


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A tape of every API, whole and streamed, as bytes; and the URL of the server that is gone."""
    path = tmp_path_factory.mktemp("recorded") / "run.tape"
    with ModelServer() as server, spantape.record(path):
        for turn in range(4):
            for api in APIS:
                for stream in (False, True):
                    ask(api, server, f"{turn}: what is in x{turn}y@example.com?", stream=stream)
    return path.read_bytes(), server._port


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


def _verify(path, *options):
    """The exit code of the command."""
    return run(["verify", *options, str(path)])


def test_the_tape_before_it_is_damaged_is_good(tape, recorded):
    tape.write_bytes(recorded[0])
    assert len(spantape.read_tape(tape).steps) == 24
    assert _verify(tape) == 0


def test_60_random_bit_flips_are_each_noticed_by_reading_replaying_and_verifying(tape, recorded, capsys):
    chance = random.Random(7)
    good = recorded[0]
    for _ in range(FLIPS):
        at, bit = chance.randrange(len(good)), chance.randrange(8)
        tape.write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
        with pytest.raises(spantape.TapeError, match=r"run\.tape"):
            spantape.read_tape(tape)
        with pytest.raises(spantape.TapeError, match=r"run\.tape"), spantape.replay(tape):
            raise AssertionError(f"byte {at}, bit {bit}: the block was entered")
        assert _verify(tape) == 1, (at, bit)
        assert "run.tape" in capsys.readouterr().err


def test_a_tape_cut_anywhere_is_noticed_by_reading_replaying_and_verifying(tape, recorded):
    good = recorded[0]
    for length in {*range(0, len(good), max(len(good) // 60, 1)), 1, 4, len(good) - 1, len(good) - 32}:
        tape.write_bytes(good[:length])
        with pytest.raises(spantape.TapeError, match=r"run\.tape"):
            spantape.read_tape(tape)
        with pytest.raises(spantape.TapeError, match=r"run\.tape"), spantape.replay(tape):
            raise AssertionError(f"cut at {length}: the block was entered")
        assert _verify(tape) == 1, length


# --- killed while recording ----------------------------------------------------------------------------------------

CHILD = """
import sys
import spantape
from survive_sdks import CHAT, MESSAGES, ask

@spantape.tool
def look_up(number: int) -> dict[str, int]:
    return {"found": number}

url, path = sys.argv[1:]
with spantape.record(path):
    for number in range(1000):
        api = (CHAT, MESSAGES)[number % 2]
        answer = ask(api, url, f"question {number} of x{number}y@example.com", stream=number % 3 == 0)
        found = look_up(number)
        print(number, found["found"], flush=True)
        sys.stdin.readline()
"""

REPLAY = """
import sys, warnings
import spantape
from survive_sdks import CHAT, MESSAGES, ask

@spantape.tool
def look_up(number: int) -> dict[str, int]:
    raise AssertionError("a tool ran while replaying")

url, path, count = sys.argv[1:]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with spantape.replay(path) as session:
        for number in range(int(count)):
            api = (CHAT, MESSAGES)[number % 2]
            answer = ask(api, url, f"question {number} of x{number}y@example.com", stream=number % 3 == 0)
            assert f"question {number} of " in "".join(texts(answer)), answer
            assert look_up(number) == {"found": number}
print([w.category.__name__ for w in caught if issubclass(w.category, spantape.PartialTapeWarning)], session.receipt().answered)
"""

TEXTS = """
def texts(answer):
    if isinstance(answer, dict):
        for name, value in answer.items():
            yield from [value] if name in ("content", "text") and isinstance(value, str) else texts(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from texts(value)
"""


def _python(program, *arguments):
    tests = str(__file__).rpartition("/")[0]
    source = f"import sys; sys.path.insert(0, {tests!r})\n{TEXTS}{program}"
    return [sys.executable, "-W", "ignore", "-c", source, *map(str, arguments)]


def _run(program, *arguments):
    return subprocess.run(_python(program, *arguments), check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The path of a tape whose program was killed after 25 acknowledged turns, and the URL that it asked."""
    path = tmp_path_factory.mktemp("killed") / "x.tape"
    with ModelServer() as server:
        child = subprocess.Popen(
            _python(CHILD, server.url, path), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with child:
            for number in range(25):
                assert child.stdout.readline() == f"{number} {number}\n"
                if number < 24:
                    child.stdin.write("\n")
                    child.stdin.flush()
            child.send_signal(signal.SIGKILL)
        url = server.url
    assert child.returncode == -signal.SIGKILL
    assert not path.exists()
    return path, url


def test_after_kill_9_another_process_replays_every_acknowledged_step(killed):
    path, url = killed
    done = _run(REPLAY, url, path, 25)
    assert done.stdout.strip() == "['PartialTapeWarning'] 50", done.stderr


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (20, "UnusedSteps: tape '{path}.journal': 10 of 50 recorded steps were not asked for"),
        (26, "Miss: nothing recorded answers POST"),
    ],
)
def test_after_kill_9_a_program_that_asks_for_less_or_more_is_told(killed, count, said):
    path, url = killed
    assert said.format(path=path) in _run(REPLAY, url, path, count).stderr


def test_after_kill_9_the_journal_is_said_to_be_unsealed_by_all_who_read_it(killed):
    path, _ = killed
    with pytest.warns(spantape.PartialTapeWarning):
        assert len(spantape.read_tape(path).steps) == 50
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", spantape.PartialTapeWarning)
        assert _verify(path) == 1
        assert _verify(path, "--partial") == 0


def test_after_kill_9_the_path_can_be_recorded_again(killed, tmp_path):
    path = tmp_path / "x.tape"
    journal = path.with_name("x.tape.journal")
    journal.write_bytes(killed[0].with_name("x.tape.journal").read_bytes())
    with ModelServer() as server, spantape.record(path):
        ask(APIS[0], server)
    assert len(spantape.read_tape(path).steps) == 1
    assert not journal.exists()
