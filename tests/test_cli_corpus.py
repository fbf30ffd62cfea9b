"""Every HTTP recording of the shared corpus: import, export, and every line as it was."""

import json
from pathlib import Path

import pytest

from spantape import cli

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"
FILES = sorted(path for path in CORPUS.glob("*/*.jsonl") if path.parent.name != "realtime-ws")

pytestmark = pytest.mark.corpus


def lines(path):
    """The lines as JSON with the order of keys, each number as it is written."""
    with path.open() as file:
        return [json.loads(line, object_pairs_hook=list, parse_float=str, parse_int=str) for line in file]


@pytest.mark.skipif(not FILES, reason="the shared corpus is not beside the project")
def test_every_recording_comes_back_as_it_was(tmp_path):
    tape, back = tmp_path / "a.tape", tmp_path / "b.jsonl"
    different = []
    for path in FILES:
        assert cli.run(["import", str(path), "-o", str(tape)]) == 0, path
        assert cli.run(["export", str(tape), "--format", "exchanges", "-o", str(back)]) == 0, path
        if lines(path) != lines(back):
            different.append(path.name)
    assert not different


@pytest.mark.skipif(not FILES, reason="the shared corpus is not beside the project")
def test_every_recording_redacted_is_a_whole_tape(tmp_path):
    tape = tmp_path / "a.tape"
    for path in FILES:
        assert cli.run(["import", str(path), "-o", str(tape), "--redact"]) == 0, path
        assert cli.run(["verify", str(tape)]) == 0, path
