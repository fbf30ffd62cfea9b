"""Whatever bytes a file holds, an import gives tapes or an error of ours that names the file; nothing else, and no tape."""

import gzip
import json
import struct
from pathlib import Path

import pytest
import yaml
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spantape.errors import SpantapeError
from spantape.tape.foreign.importing import import_files
from spantape.tape.verify import verify_tape

RECORDINGS = Path(__file__).parent / "recordings" / "tracefork_1_0"
CASSETTE = {
    "interactions": [
        {
            "request": {
                "method": "POST",
                "uri": "https://h/v1/messages",
                "body": '{"a": 1}',
                "headers": {"a": ["b"]},
            },
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {"content-encoding": ["gzip"], "content-type": ["text/event-stream"]},
                "body": {"string": gzip.compress(b"data: 1\n\n", mtime=0)},
            },
            "recorded_at": "2026-01-01T00:00:00Z",
        }
    ],
    "version": 1,
}
ARCHIVE = {
    "log": {
        "version": "1.2",
        "entries": [
            {
                "startedDateTime": "2026-01-01T00:00:00Z",
                "time": 1.5,
                "request": {"method": "POST", "url": "https://h/", "headers": [{"name": "a", "value": "b"}]},
                "response": {
                    "status": 200,
                    "headers": [],
                    "content": {"text": "x", "mimeType": "text/plain"},
                },
            }
        ],
    }
}
CALLS = {
    "version": 2,
    "entries": [
        {
            "seq": 0,
            "kind": "llm",
            "request_hash": "0",
            "request": {
                "kind": "llm",
                "provider": "anthropic",
                "model": "m",
                "messages": [{"role": "user"}],
                "stream": True,
            },
            "response": [{"type": "message_start", "message": {"id": None}}, {"type": "message_stop"}],
            "response_type": "object",
        },
        {
            "kind": "tool",
            "request": {"name": "f", "arguments": {"args": [1], "kwargs": {"k": 2}}},
            "response": None,
        },
    ],
}
SEEDS = {
    "vcr.yaml": yaml.dump(CASSETTE).encode(),
    "vcr.json": json.dumps(CASSETTE | {"interactions": []}).encode(),
    "har": json.dumps(ARCHIVE).encode(),
    "cendor": json.dumps(CALLS).encode(),
    "cendor lines": b"\n".join(json.dumps(entry).encode() for entry in CALLS["entries"]),
    "blob": (RECORDINGS / "run.blob").read_bytes(),
    "tape": (RECORDINGS / "run.tape.sqlite").read_bytes(),
    "store": (RECORDINGS / "store.db").read_bytes(),
}


def attempt(tmp_path, data):
    """The paths of the tapes that an import of `data` wrote, each of them verified; none where it was refused."""
    path, out = tmp_path / "in", tmp_path / "out"
    path.write_bytes(data)
    try:
        outcome = import_files([path], f"{out}/")
    except SpantapeError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert str(path) in refused
        return []
    for one in outcome.imported:
        verify_tape(one.tape.path)
    for failed in outcome.failed:
        assert failed.path == str(path)
    return [one.tape.path for one in outcome.imported]


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_are_read(tmp_path, seed):
    assert attempt(tmp_path, SEEDS[seed])


@given(st.sampled_from(sorted(SEEDS)), st.data())
@quick
def test_changed_bytes_are_read_or_refused(tmp_path_factory, seed, data):
    changed = bytearray(SEEDS[seed])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    attempt(tmp_path_factory.mktemp("any"), bytes(changed))


@given(st.sampled_from(sorted(SEEDS)), st.floats(0, 1))
@quick
def test_cut_files_are_read_or_refused(tmp_path_factory, seed, part):
    whole = SEEDS[seed]
    attempt(tmp_path_factory.mktemp("cut"), whole[: int(len(whole) * part)])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def places(value, at=()):
    """Every place in a JSON value, as the keys that lead there."""
    yield at
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places(member, (*at, key))


def put(value, at, new):
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = put(value[at[0]], at[1:], new)
    return copy


@given(st.sampled_from([CASSETTE, ARCHIVE, CALLS]), st.data(), values)
@settings(quick, max_examples=150)
@example(CALLS, None, {"x": 1 << 70})
def test_a_value_of_any_kind_in_any_place_is_read_or_refused(tmp_path_factory, document, data, value):
    at = ("entries", 0, "response") if data is None else data.draw(st.sampled_from(list(places(document))))
    changed = put(document, at, value)
    written = yaml.dump(changed) if document is CASSETTE else json.dumps(changed)
    attempt(tmp_path_factory.mktemp("kind"), written.encode())


@given(values, st.integers(1, 9))
@quick
def test_any_header_of_a_blob_is_read_or_refused(tmp_path_factory, value, version):
    header = {"exchanges": [], "draws": [["a", "b"]], "blob_hashes": [], "boundary": "b", "agent_name": "a"}
    for key in header:
        text = json.dumps(header | {key: value}).encode()
        packed = b"TFTAPE\0" + struct.pack(">HI", version, len(text)) + text + zstandard.compress(b"x")
        attempt(tmp_path_factory.mktemp("blob"), packed)


@given(st.binary(max_size=200))
@quick
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    attempt(tmp_path_factory.mktemp("bytes"), data)
