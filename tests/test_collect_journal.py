"""What the journal says is kept is on the disk: found again after any crash, by one sync for many."""

from __future__ import annotations

import errno
import os
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spantape.collect import _journal
from spantape.collect._journal import Journal, Place, number_of, segments_in
from spantape.collect._lock import DirectoryLock
from spantape.collect._segment import HEAD_BYTES, Skipped, record_head, requests_in
from spantape.errors import UsageError

KEPT = [b"first" * 9, b"", b"SPTJ\x01\n" * 3, bytes(100)]


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    yield made
    made.close()


def keep(journal, body, heads=b"heads"):
    return journal.append(body + heads, len(body)).result(5)


def all_in(directory):
    return [record for path in segments_in(directory) for record in requests_in(path)]


def test_what_is_kept_is_found_again_in_order(journal, tmp_path):
    places = [keep(journal, body) for body in KEPT]
    assert all_in(tmp_path) == KEPT
    data = journal.path_of(1).read_bytes()
    for body, place in zip(KEPT, places, strict=True):
        assert place.segment == 1
        assert data[place.at : place.at + len(body) + 5] == body + b"heads"


def test_a_killed_collector_leaves_what_it_acknowledged(journal, tmp_path):
    keep(journal, b"acknowledged")  # and nothing is closed
    assert all_in(tmp_path) == [b"acknowledged"]


def test_many_that_wait_cost_one_sync(tmp_path, monkeypatch):
    gate, syncs = threading.Event(), []

    def slow(fd):
        syncs.append(fd)
        gate.wait(5)

    monkeypatch.setattr(_journal, "_sync", slow)
    journal = Journal(tmp_path)
    first = journal.append(b"0", 1)
    while not syncs:
        pass
    others = [journal.append(b"%d" % number, 1) for number in range(1, 9)]
    gate.set()
    assert [place.result(5).at for place in (first, *others)] == sorted(
        place.result(5).at for place in (first, *others)
    )
    assert (len(syncs), journal.groups) == (2, 2)
    journal.close()
    assert all_in(tmp_path) == [b"%d" % number for number in range(9)]


def test_nothing_is_acknowledged_before_it_is_synced(tmp_path, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(_journal, "_sync", lambda _fd: gate.wait(5))
    journal = Journal(tmp_path)
    kept = journal.append(b"x", 1)
    with pytest.raises(TimeoutError):
        kept.result(0.02)
    gate.set()
    assert kept.result(5) == Place(1, HEAD_BYTES)
    journal.close()


def test_without_fsync_nothing_is_synced(tmp_path, monkeypatch):
    monkeypatch.setattr(_journal, "_sync", lambda _fd: pytest.fail("synced"))
    journal = Journal(tmp_path, fsync=False)
    assert keep(journal, b"x") == Place(1, HEAD_BYTES)
    journal.close()


def test_who_no_longer_waits_holds_nobody_up(tmp_path, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(_journal, "_sync", lambda _fd: gate.wait(5))
    journal = Journal(tmp_path)
    first = journal.append(b"a", 1)
    while not first.running():
        pass
    gone, stays = journal.append(b"b", 1), journal.append(b"c", 1)
    assert gone.cancel()
    gate.set()
    assert stays.result(5).segment == 1
    journal.close()
    assert all_in(tmp_path) == [b"a", b"c"]


def test_segments_are_closed_when_full_and_deleted_when_done(tmp_path):
    journal = Journal(tmp_path, segment_bytes=100)
    places = [keep(journal, bytes(60)) for _ in range(5)]
    assert [place.segment for place in places] == [1, 1, 2, 2, 3]
    assert journal.finished() == [1, 2]
    assert journal.size_bytes == sum(path.stat().st_size for path in segments_in(tmp_path))
    journal.delete(1)
    assert [number_of(path) for path in segments_in(tmp_path)] == [2, 3]
    assert journal.size_bytes == sum(path.stat().st_size for path in segments_in(tmp_path))
    journal.close()
    assert journal.finished() == [2, 3]


def test_a_segment_is_ended_when_asked(journal):
    assert keep(journal, b"a").segment == 1
    journal.rotate()
    assert keep(journal, b"b").segment == 2
    assert journal.finished() == [1]


def test_the_next_journal_begins_a_segment_of_its_own(tmp_path):
    for body in (b"a", b"b"):
        journal = Journal(tmp_path)
        keep(journal, body)
        journal.close()
    assert journal.number == 2
    assert all_in(tmp_path) == [b"a", b"b"]


def test_a_closed_journal_takes_nothing(journal):
    journal.close()
    with pytest.raises(OSError, match="closed"):
        keep(journal, b"x")


def test_a_full_disk_fails_the_request_and_leaves_no_half_record(journal, tmp_path, monkeypatch):
    keep(journal, b"before")

    def full(fd, data):
        os.write(fd, data[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(_journal, "_write_all", full)
        with pytest.raises(OSError, match="No space left"):
            keep(journal, b"x")
    assert keep(journal, b"after").segment > 1
    assert all_in(tmp_path) == [b"before", b"after"]


def test_after_a_failed_sync_the_segment_is_not_trusted_again(journal, tmp_path, monkeypatch):
    first = keep(journal, b"before")

    def broken(_fd):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(_journal, "_sync", broken)
        with pytest.raises(OSError, match="Input/output"):
            keep(journal, b"x")
    assert keep(journal, b"after").segment != first.segment


# --- damage --------------------------------------------------------------------------------------------------------


def segment(path, bodies):
    data = b"".join(record_head(body + b"heads", len(body)) + body + b"heads" for body in bodies)
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("left", range(1, HEAD_BYTES + 8))
def test_a_torn_tail_is_dropped_and_named(tmp_path, left):
    path = tmp_path / "0000000001.segment"
    data = segment(path, [b"abc"])
    path.write_bytes(data + data[:left])
    *whole, skipped = requests_in(path)
    assert whole == [b"abc"]
    assert skipped == Skipped(path, len(data), left, torn=True)
    assert str(skipped) == f"journal {str(path)!r}: dropped a torn tail, {left} bytes at byte {len(data)}"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_record_costs_only_itself(tmp_path, data):
    path = tmp_path / "0000000001.segment"
    written = bytearray(segment(path, KEPT))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(written)
    found = list(requests_in(path))
    assert sum(isinstance(record, Skipped) for record in found) == 1
    whole = [record for record in found if not isinstance(record, Skipped)]
    assert len(whole) == len(KEPT) - 1
    assert all(record in KEPT for record in whole)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_file_is_read_to_its_end(tmp_path, data):
    path = tmp_path / "0000000001.segment"
    path.write_bytes(data)
    assert sum(record.size for record in requests_in(path)) == len(data)


def test_one_collector_at_a_time(tmp_path):
    (tmp_path / "x").mkdir()
    lock = DirectoryLock(tmp_path / "x" / "lock")
    with pytest.raises(UsageError, match="another collector writes to"):
        DirectoryLock(tmp_path / "x" / "lock")
    lock.release()
    DirectoryLock(tmp_path / "x" / "lock").release()
