"""What was acknowledged is on the file, whatever becomes of the process."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spantape.errors import PartialTapeWarning, TapeDamaged, TapeError
from spantape.tape import write
from spantape.tape.journal import JournalBusy
from spantape.tape.read import read_tape
from spantape.tape.write import TapeWriter
from tape_spans import RUN, exchange, names_in, sdk_run, sealed

TESTS = Path(__file__).parent

KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from tape_spans import RUN, sdk_run
from spantape.tape.write import TapeWriter
writer = TapeWriter({path!r}, name="killed", run_id=RUN)
for span in sdk_run(25)[:25]:
    writer.add(span)
    print("acknowledged", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def journalled(path, turns=4) -> Path:
    """A journal of `turns` exchanges whose writer is gone."""
    writer = TapeWriter(path, name="cut", run_id=RUN)
    for recorded in sdk_run(turns):
        writer.add(recorded)
    writer.release()
    return Path(f"{path}.journal")


def test_everything_acknowledged_before_kill_9_is_read(tmp_path):
    path = tmp_path / "a.tape"
    program = KILLED.format(tests=str(TESTS), path=str(path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert done.stdout.count(b"acknowledged") == 25
    with pytest.warns(PartialTapeWarning, match=r"journal of a recording that was cut short: 25 whole steps"):
        tape = read_tape(path)
    assert [step.exchange() for step in tape.steps] == [exchange(turn) for turn in range(25)]
    assert (tape.run_id, tape.name, tape.sealed) == (RUN, "killed", False)


def test_a_journal_is_read_by_its_own_path_under_any_name(tmp_path):
    journalled(tmp_path / "a.tape").rename(tmp_path / "renamed")
    with pytest.warns(PartialTapeWarning):
        assert len(read_tape(tmp_path / "renamed").steps) == 5


def test_a_torn_tail_is_dropped_and_named_at_every_length(tmp_path):
    journal = journalled(tmp_path / "a.tape", turns=2)
    whole = journal.read_bytes()
    seen = set()
    for length in range(len(whole)):
        journal.write_bytes(whole[:length])
        with pytest.warns(PartialTapeWarning):
            tape = read_tape(tmp_path / "a.tape")
        seen.add(len(tape.steps))
        assert not tape.notes or re.match(r"dropped a torn tail of \d+ bytes at byte \d+", tape.notes[0])
    assert seen == {0, 1, 2}


def test_a_tail_of_zeros_is_torn(tmp_path):
    journal = journalled(tmp_path / "a.tape")
    journal.write_bytes(journal.read_bytes() + bytes(4096))
    with pytest.warns(PartialTapeWarning, match="torn tail of 4096 bytes"):
        assert len(read_tape(tmp_path / "a.tape").steps) == 5


def test_damage_before_whole_frames_is_an_error(tmp_path):
    journal = journalled(tmp_path / "a.tape")
    whole = journal.read_bytes()
    for bit in random.Random(3).sample(range(30 * 8, len(whole) * 4), 40):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        journal.write_bytes(flipped)
        with pytest.raises(TapeDamaged, match=r"a\.tape\.journal"):
            read_tape(tmp_path / "a.tape")


def test_a_second_writer_is_refused_in_the_same_process_and_in_another(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    with pytest.raises(JournalBusy, match="another recording is writing it"):
        TapeWriter(tmp_path / "a.tape", run_id="x")
    program = f"from spantape.tape.write import TapeWriter; TapeWriter({str(tmp_path / 'a.tape')!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert b"JournalBusy" in done.stderr
    writer.add(sdk_run(1)[0])
    assert len(writer.close().steps) == 1


def test_threads_share_a_writer(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    spans = [sdk_run(10) for _ in range(8)]

    def add_all(given):
        for one in given:
            writer.add(one)

    threads = [threading.Thread(target=add_all, args=(given,)) for given in spans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(writer.close().steps) == 88
    assert len(read_tape(tmp_path / "a.tape").steps) == 88


def test_the_journal_of_a_dead_recording_is_kept_beside_the_next(tmp_path):
    journalled(tmp_path / "a.tape")
    TapeWriter(tmp_path / "a.tape", run_id="next").close()
    assert names_in(tmp_path) == ["a.tape", "a.tape.journal.old"]
    with pytest.warns(PartialTapeWarning):
        assert len(read_tape(tmp_path / "a.tape.journal.old").steps) == 5


def test_closing_that_fails_keeps_the_journal_and_can_be_tried_again(tmp_path, monkeypatch):
    before = sealed(tmp_path / "a.tape")
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    for recorded in sdk_run(2):
        writer.add(recorded)

    def full(*_args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(write, "_pack", full)
        with pytest.raises(TapeError, match="No space left"):
            writer.close()
    assert read_tape(tmp_path / "a.tape") == before
    assert names_in(tmp_path) == ["a.tape", "a.tape.journal"]
    assert len(writer.close().steps) == 3


def test_a_short_write_leaves_no_half_frame(tmp_path, monkeypatch):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    first, second, third, *_ = sdk_run(3)
    writer.add(first)
    real, calls = os.write, []

    def short(fd, data):
        calls.append(len(data))
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(fd, data[:7])

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", short)
        with pytest.raises(TapeError, match="No space left"):
            writer.add(second)
    writer.add(third)
    assert [step.span.span_id for step in writer.close().steps] == [
        f"{one.context.span_id:016x}" for one in (first, third)
    ]


def test_a_span_after_the_end_is_refused(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    writer.close()
    with pytest.raises(TapeError, match="after the tape was closed"):
        writer.add(sdk_run(1)[0])


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TapeError, match="cannot be written"):
        TapeWriter(tmp_path / "file" / "a.tape")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_adds_spans_and_its_parent_closes(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    first, second, *_ = sdk_run(2)
    writer.add(first)
    child = os.fork()
    if child == 0:
        try:
            writer.add(second)
            partial = writer.close()
            os._exit(0 if len(partial.steps) == 2 and not partial.sealed else 3)
        finally:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(writer.close().steps) == 2


@pytest.mark.skipif(bool(os.environ.get("CI_SLOW")), reason="measures")
def test_adding_a_span_stays_cheap(tmp_path):
    writer = TapeWriter(tmp_path / "a.tape", run_id=RUN)
    spans = sdk_run(60)
    rounds = []
    for _ in range(5):
        before = time.process_time()
        for one in spans:
            writer.add(one)
        rounds.append((time.process_time() - before) / len(spans))
    writer.abort()
    assert min(rounds) < 300e-6  # some 40 µs; a loose bound, so that only a change of order fails it
