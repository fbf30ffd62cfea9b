"""`spantape verify` and `spantape diff`: yes, no, and where."""

import pytest
import zstandard

from cli_tapes import line, make_runner, record_guide, write_lines
from spantape import read_tape


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


@pytest.fixture
def recorded(tmp_path):
    return record_guide(tmp_path / "guide.tape")


def unsealed(tape):
    data = zstandard.ZstdDecompressor().stream_reader(tape.read_bytes()).read()
    path = tape.with_name("unsealed.tape")
    path.write_bytes(b"".join(data.splitlines(keepends=True)[:-1]))
    return path


def test_a_whole_tape_is_0_and_each_check_is_printed(spantape, recorded):
    shown = spantape("verify", recorded)
    assert shown.code == 0
    for check in ("trailer", "content", "steps", "spans", "fingerprint", "run.id", "payloads"):
        assert f"  {check}: " in shown.out
    assert read_tape(recorded).fingerprint in shown.out


def test_any_damage_is_1_and_names_the_place(spantape, recorded):
    data = bytearray(recorded.read_bytes())
    data[len(data) // 2] ^= 1
    recorded.write_bytes(data)
    shown = spantape("verify", recorded)
    assert (shown.code, shown.out) == (1, "")
    assert str(recorded) in shown.err
    assert "changed after it was sealed" in shown.err


def test_every_tape_is_verified_also_after_a_bad_one(spantape, recorded, tmp_path):
    bad = tmp_path / "bad.tape"
    bad.write_bytes(recorded.read_bytes()[:-9])
    shown = spantape("verify", bad, recorded, "--json")
    assert shown.code == 1
    assert [(one["path"], one["ok"]) for one in shown.json()] == [(str(bad), False), (str(recorded), True)]
    assert shown.json()[1]["checks"]["steps"] == "3"


def test_a_tape_without_a_seal_is_no_unless_it_is_accepted(spantape, recorded):
    path = unsealed(recorded)
    refused, accepted = spantape("verify", path), spantape("verify", path, "--partial")
    assert (refused.code, accepted.code) == (1, 0)
    assert "no seal, so nothing vouches that it is complete" in refused.err


def test_tapes_of_the_same_behaviour_do_not_differ(spantape, recorded, tmp_path):
    again = record_guide(tmp_path / "again.tape")
    shown = spantape("diff", recorded, again)
    assert (shown.code, shown.out) == (0, "no difference in 3 steps\n")
    assert spantape("diff", recorded, again, "--json").json() == {
        "equal": True,
        "tolerance": "byte",
        "first_steps": 3,
        "second_steps": 3,
        "differences": [],
        "draws": [],
        "tolerated": [],
    }


def test_a_difference_is_1_and_names_step_and_field(spantape, recorded, tmp_path):
    other = record_guide(tmp_path / "other.tape", question="Rain?")
    shown = spantape("diff", recorded, other)
    assert shown.code == 1
    assert 'request.body.messages[0].content: "Weather?" → "Rain?"' in shown.out
    differences = spantape("diff", recorded, other, "--json").json()["differences"]
    fields = [field for one in differences for field in one["fields"]]
    wanted = {"path": "request.body.messages[0].content", "first": "Weather?", "second": "Rain?"}
    assert wanted in fields


def test_a_step_that_only_one_side_has_is_told(spantape, tmp_path):
    for name, count in (("one", 1), ("two", 2)):
        lines = [line(request_body=f'{{"n":{n}}}') for n in range(count)]
        spantape("import", write_lines(tmp_path / name, *lines), "-o", tmp_path / f"{name}.tape")
    shown = spantape("diff", tmp_path / "one.tape", tmp_path / "two.tape", "--json")
    assert shown.code == 1
    assert shown.json()["differences"] == [
        {
            "change": "added",
            "first": None,
            "second": 1,
            "name": "POST /v1/chat/completions",
            "severity": None,
            "fields": [],
        }
    ]
