"""`spantape import` and `export` with other tools' formats: what a file is, where tapes go, what is reported."""

import gzip
import os
import sqlite3

import anthropic
import openai
import pytest
import vcr
import yaml

import spantape as library
from cli_tapes import line, make_runner, record_guide, write_lines
from spantape import read_tape
from spantape.testing import ModelServer, error, text

REQUEST = {"method": "POST", "uri": "https://h/v1/x", "body": "{}", "headers": {}}
ONE = {"request": REQUEST, "response": {"status": {"code": 200}, "headers": {}, "body": {"string": "{}"}}}
CASSETTE = yaml.dump({"interactions": [ONE], "version": 1})


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


def talk(openai_url, anthropic_url):
    """What two SDKs gave back: plain, streamed, an error, and a call that was tried again."""
    with (
        openai.OpenAI(base_url=openai_url, api_key="none", max_retries=1) as chat,
        anthropic.Anthropic(base_url=anthropic_url, api_key="none", max_retries=0) as claude,
    ):
        return answers(chat, claude)


def answers(chat, claude):
    said = [{"role": "user", "content": "Zürich?"}]
    got = [chat.chat.completions.create(model="gpt-4o", messages=said)]
    got += chat.chat.completions.create(model="gpt-4o", messages=said, stream=True)
    got += claude.messages.create(model="claude", max_tokens=8, messages=said, stream=True)
    with pytest.raises(anthropic.BadRequestError) as failed:
        claude.messages.create(model="claude", max_tokens=8, messages=said)
    return [*got, failed.value.status_code, failed.value.body]


@pytest.fixture
def recorded(tmp_path):
    """A tape of `talk`, the URLs that it went to, and what it gave back."""
    replies = [text("“21 °C”"), text("a b c"), text("d e"), error(400, "no")]
    with ModelServer(replies) as server:
        urls = server.base_url("openai"), server.base_url("anthropic")
        with library.record(tmp_path / "a.tape"):
            got = talk(*urls)
    return tmp_path / "a.tape", urls, got


# --- out and in again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["har", "vcr", "exchanges"])
def test_what_was_exported_imports_and_replays_under_the_real_sdks(spantape, tmp_path, recorded, form):
    tape, urls, got = recorded
    assert spantape("export", tape, "--format", form, "-o", tmp_path / "out").code == 0
    assert spantape("import", tmp_path / "out", "-o", tmp_path / "b.tape").code == 0
    with library.replay(tmp_path / "b.tape"):
        assert talk(*urls) == got
    first, second = (read_tape(path).steps for path in (tape, tmp_path / "b.tape"))
    for one, other in zip(first, second, strict=True):
        assert (one.request_digest, one.response_digest) == (other.request_digest, other.response_digest)


def test_the_real_vcrpy_replays_an_exported_cassette(spantape, tmp_path, recorded):
    tape, urls, got = recorded
    shown = spantape("export", tape, "--format", "vcr", "-o", tmp_path / "out.yaml")
    assert "4 exchanges" in shown.err
    assert "not in the format: the chunks in which a response arrived (step 1, step 2)" in shown.err
    with vcr.use_cassette(str(tmp_path / "out.yaml"), record_mode="none") as cassette:
        assert talk(*urls) == got
        assert cassette.all_played


def test_a_cassette_leaves_out_what_it_cannot_hold(spantape, tmp_path):
    source = write_lines(
        tmp_path / "a.jsonl",
        line(
            status=None,
            response_body=None,
            response_headers=None,
            end="error",
            error={"type": "T", "message": "m"},
        ),
        line(response_body=None, response_body_b64="/wA=", end="closed"),
    )
    spantape("import", source, "-o", tmp_path / "a.tape")
    shown = spantape("export", tmp_path / "a.tape", "--format", "vcr")
    (one,) = yaml.safe_load(shown.out)["interactions"]
    assert one["response"]["body"] == {"string": b"\xff\0"}
    assert "left out: an exchange without a response" in shown.err
    assert "the response ended as 'closed'" in shown.err


def test_a_tape_without_exchanges_is_an_empty_cassette_and_archive(spantape, tmp_path):
    spantape("import", write_lines(tmp_path / "a.jsonl", line()), "-o", tmp_path / "a.tape")
    tape = record_guide(tmp_path / "b.tape")
    assert "left out: agent calls" in spantape("export", tape, "--format", "har").err
    assert "left out: tool calls" in spantape("export", tape, "--format", "vcr").err


# --- known by content --------------------------------------------------------------------------------------------


def test_names_of_files_say_nothing(spantape, tmp_path):
    (tmp_path / "cassette.har").write_text(CASSETTE)
    shown = spantape("import", tmp_path / "cassette.har", "-o", tmp_path / "a.tape", "--json").json()
    assert shown["tapes"][0]["format"] == "vcr"


def make_database(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE users (id)")
    database.close()


UNKNOWN = {
    "empty": (
        lambda path: path.write_bytes(b" \n"),
        "got an empty file, expected JSON Lines of HTTP exchanges, ",
    ),
    "gzip": (
        lambda path: path.write_bytes(gzip.compress(CASSETTE.encode())),
        "got a gzip file (unpack it first)",
    ),
    "sqlite": (make_database, "got an SQLite file with the tables users"),
    "json": (lambda path: path.write_text('{"a": 1, "b": 2}'), "got JSON with the members a, b"),
    "text": (lambda path: path.write_text("hello: [world"), "got text of another kind"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "got binary data of another kind"),
    "fifo": (os.mkfifo, "is no regular file"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_file_of_no_known_format_is_named_by_what_it_is(spantape, tmp_path, kind):
    make, said = UNKNOWN[kind]
    make(tmp_path / "x")
    shown = spantape("import", tmp_path / "x", "-o", tmp_path / "a.tape")
    assert shown.code == 1
    assert said in shown.err
    assert not (tmp_path / "a.tape").exists()


def test_a_format_can_be_insisted_on(spantape, tmp_path):
    (tmp_path / "c").write_text(CASSETTE)
    assert spantape("import", tmp_path / "c", "-o", tmp_path / "a.tape", "--format", "vcr").code == 0
    shown = spantape("import", tmp_path / "c", "-o", tmp_path / "a.tape", "--format", "har")
    assert shown.code == 1
    assert "expected an HTTP archive (HAR)" in shown.err


@pytest.mark.parametrize("journal", [False, True])
def test_spans_need_no_import(spantape, tmp_path, journal):
    tape = record_guide(tmp_path / "a.tape")
    if journal:
        tape.write_bytes(b"\x5b\x2a\x4d\x18\x10\0\0\0SPANTAPE JOURNAL")
    shown = spantape("import", tape, "-o", tmp_path / "b.tape")
    assert (shown.code, "it is a tape already" in shown.err) == (1, True)


# --- directories -------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    """Cassettes as pytest-recording lays them out, with what else lies in such folders."""
    root = tmp_path / "cassettes"
    for name in ("test_a/test_1.yaml", "test_a/test_1.json", "test_a/test_2.v2.yaml", "test_b/test_1.yaml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(CASSETTE)
    (root / "README.md").write_text("# not a recording")
    (root / ".hidden").write_text(CASSETTE)
    write_lines(root / "own.jsonl", line(), line())
    return root


def test_each_recording_of_a_directory_is_a_tape_in_its_place(spantape, tmp_path, tree):
    shown = spantape("import", tree, "-o", tmp_path / "tapes", "--json")
    report = shown.json()
    assert shown.code == 0
    assert [os.path.relpath(one["path"], tmp_path / "tapes") for one in report["tapes"]] == [
        "own.tape",
        "test_a/test_1.tape",
        "test_a/test_1.yaml.tape",
        "test_a/test_2.v2.tape",
        "test_b/test_1.tape",
    ]
    assert [one["steps"] for one in report["tapes"]] == [2, 1, 1, 1, 1]
    (skipped,) = report["skipped"]
    assert "README.md: got text of another kind" in skipped


def test_a_broken_recording_does_not_hold_up_the_others(spantape, tmp_path, tree):
    (tree / "test_a" / "broken.yaml").write_text("interactions:\n- request: {")
    shown = spantape("import", tree, "-o", tmp_path / "tapes")
    assert shown.code == 1
    assert f"tape '{tree}/test_a/broken.yaml', line" in shown.err
    assert sum("1 step" in one for one in shown.err.splitlines()) == 4
    assert (tmp_path / "tapes" / "test_b" / "test_1.tape").exists()


def test_tapes_may_go_beside_what_they_are_made_of(spantape, tree):
    for _ in range(2):
        assert spantape("import", tree, "-o", tree / "tapes").code == 0
    assert sorted(path.name for path in (tree / "tapes").iterdir()) == ["own.tape", "test_a", "test_b"]


def test_several_recordings_are_no_single_tape(spantape, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(CASSETTE)
    shown = spantape("import", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "c.tape")
    assert shown.code == 2
    assert "got 2 recordings for one tape; give a directory" in shown.err
    assert spantape("import", tmp_path / "a", tmp_path / "b", "-o", f"{tmp_path}/out/").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.tape", "b.tape"]


def test_a_directory_without_recordings_says_so(spantape, tmp_path):
    (tmp_path / "in").mkdir()
    shown = spantape("import", tmp_path / "in", "-o", tmp_path / "out")
    assert (shown.code, "no recording was found" in shown.err) == (1, True)


# --- the report --------------------------------------------------------------------------------------------------


def test_the_report_names_grades_and_what_was_taken_by_rule(spantape, tmp_path):
    one = {**ONE, "request": {"uri": "https://h/x", "parsed_body": {"a": 1}}}
    (tmp_path / "c").write_text(yaml.dump({"interactions": [ONE, one]}))
    shown = spantape("import", tmp_path / "c", "-o", tmp_path / "a.tape")
    assert "2 steps (1 exact, 1 reconstructed), fingerprint" in shown.err
    assert "no method is recorded: POST is taken (interactions[1].request)" in shown.err
    report = spantape("import", tmp_path / "c", "-o", tmp_path / "a.tape", "--json").json()["tapes"][0]
    assert report["grades"] == {"exact": 1, "reconstructed": 1}
    assert report["fingerprint"] == read_tape(tmp_path / "a.tape").fingerprint


def test_show_says_which_steps_are_not_what_was_on_the_wire(spantape, tmp_path):
    one = {**ONE, "request": {**REQUEST, "parsed_body": {"a": 1}}}
    (tmp_path / "c").write_text(yaml.dump({"interactions": [ONE, one]}))
    spantape("import", tmp_path / "c", "-o", tmp_path / "a.tape")
    said = "the recording holds the JSON parsed, its bytes are composed"
    assert f"reconstructed: 1 step (1): request: {said}" in spantape("show", tmp_path / "a.tape").out
    assert f"reconstructed: request: {said}" in spantape("show", tmp_path / "a.tape", "--step", 1).out
    steps = spantape("show", tmp_path / "a.tape", "--json").json()["steps"]
    assert [step["grade"] for step in steps] == ["exact", "reconstructed"]


def test_equal_recordings_make_equal_tapes(spantape, tmp_path):
    (tmp_path / "c").write_text(CASSETTE)
    made = set()
    for name in ("a.tape", "b/a.tape"):
        spantape("import", tmp_path / "c", "-o", tmp_path / name)
        made.add((tmp_path / name).read_bytes())
    assert len(made) == 1


def test_show_says_what_an_imported_call_was(spantape, tmp_path, recorded):
    tape, _, _ = recorded
    spantape("export", tape, "--format", "vcr", "-o", tmp_path / "out")
    spantape("import", tmp_path / "out", "-o", tmp_path / "b.tape")
    told = [
        [
            (step["model"], step["dialect"], step["input_tokens"], step["output_tokens"])
            for step in shown["steps"]
        ]
        for shown in (spantape("show", path, "--json").json() for path in (tape, tmp_path / "b.tape"))
    ]
    assert told[0] == told[1]
    assert told[0][0][0] == "gpt-4o"
