"""`spantape show`: steps as a table, one step in full, both as JSON."""

import contextlib
import warnings

import openai
import pytest
import zstandard

import spantape as library
from cli_tapes import guide, line, lookup, make_runner, openai_client, record_guide, write_lines
from spantape.errors import PartialTapeWarning
from spantape.tape.build import recorded_spans
from spantape.tape.write import write_tape
from spantape.testing import ModelServer, error, text


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


@pytest.fixture
def recorded(tmp_path):
    return record_guide(tmp_path / "guide.tape")


def test_steps_are_rows_and_inner_steps_are_indented(spantape, recorded):
    shown = spantape("show", recorded)
    assert shown.code == 0
    head, fingerprint, headings, *rows = shown.out.splitlines()
    assert head == f"{recorded}: guide, 3 steps, sealed"
    assert fingerprint == f"fingerprint {library.read_tape(recorded).fingerprint}"
    assert headings.split() == ["#", "kind", "what", "status", "model", "tokens", "bytes", "ms"]
    assert [row.split()[:4] for row in rows] == [
        ["0", "agent", "guide", "ok"],
        ["1", "tool", "lookup", "ok"],
        ["2", "exchange", "POST", "/v1/chat/completions"],
    ]
    assert "gpt-4o" in rows[2]
    indents = [row.index(what) for row, what in zip(rows, ("guide", "lookup", "POST"), strict=True)]
    assert indents[1] == indents[2] == indents[0] + 2


def test_json_lists_every_step_with_the_same_keys(spantape, recorded):
    shown = spantape("show", recorded, "--json").json()
    assert shown["sealed"] is True
    assert [step["name"] for step in shown["steps"]] == ["guide", "lookup", "POST /v1/chat/completions"]
    assert [step["parent"] for step in shown["steps"]] == [None, 0, 0]
    assert len({tuple(step) for step in shown["steps"]}) == 1
    exchange = shown["steps"][2]
    assert (exchange["model"], exchange["status"], exchange["dialect"]) == ("gpt-4o", 200, "openai.chat")
    assert exchange["input_tokens"] > 0
    assert exchange["response_bytes"] > exchange["request_bytes"] > 0


def test_one_step_shows_its_headers_and_pretty_bodies(spantape, recorded):
    shown = spantape("show", recorded, "--step", 2).out
    assert "content-type: application/json" in shown
    assert '  "model": "gpt-4o",' in shown
    assert "Sunny, 21 °C." in shown
    assert "authorization" not in shown


def test_one_step_of_a_tool_shows_arguments_and_result(spantape, recorded):
    shown = spantape("show", recorded, "--step", 1).out
    assert '"city": "Oslo"' in shown
    assert '"celsius": 4.5' in shown
    assert spantape("show", recorded, "--step", 1, "--json").json()["result"] == {"celsius": 4.5}


def test_one_step_as_json_gives_the_bodies_back(spantape, recorded):
    step = library.read_tape(recorded).steps[2]
    shown = spantape("show", recorded, "--step", 2, "--json").json()
    assert shown["request"]["body"].encode() == step.request_body()
    assert shown["response"]["body"].encode() == step.response.body
    assert shown["response"]["sha256"] == step.response_digest


def test_a_step_that_is_not_there_is_wrong_usage(spantape, recorded):
    shown = spantape("show", recorded, "--step", 3)
    assert shown.code == 2
    assert "got 3, expected one of 0 to 2" in shown.err


def test_binary_bodies_are_base64_in_json(spantape, tmp_path):
    lines = write_lines(tmp_path / "a.jsonl", line(response_body=None, response_body_b64="/wD+"))
    assert spantape("import", lines, "-o", tmp_path / "a.tape").code == 0
    shown = spantape("show", tmp_path / "a.tape", "--step", 0, "--json").json()
    assert shown["response"]["body"] == {"base64": "/wD+"}
    assert '"base64": "/wD+"' in spantape("show", tmp_path / "a.tape", "--step", 0).out


def test_a_call_without_an_answer_shows_its_error(spantape, tmp_path):
    failed = line(status=None, response_headers=None, response_body=None)
    failed |= {"end": "error", "error": {"type": "httpx2.ReadTimeout", "message": "too slow"}}
    spantape("import", write_lines(tmp_path / "a.jsonl", failed), "-o", tmp_path / "a.tape")
    assert "ReadTimeout" in spantape("show", tmp_path / "a.tape").out
    assert "error httpx2.ReadTimeout: too slow" in spantape("show", tmp_path / "a.tape", "--step", 0).out


def test_statuses_and_errors_of_tools_are_told(spantape, tmp_path):
    path = tmp_path / "a.tape"
    with (
        ModelServer([error(429), text("x")]) as server,
        openai_client(server) as client,
        library.record(path),
    ):
        with pytest.raises(LookupError):
            lookup("Atlantis")
        for _ in range(2):
            with contextlib.suppress(openai.RateLimitError):
                client.completions.create(model="m", prompt="p")
    assert [step["status"] for step in spantape("show", path, "--json").json()["steps"]] == [
        "LookupError",
        429,
        200,
    ]


def test_the_journal_of_a_killed_recording_is_shown_with_a_warning(spantape, tmp_path):
    path = tmp_path / "a.tape"
    with ModelServer([text("x")]) as server, openai_client(server) as client, library.record(path):
        guide(client, "q")
        journal = path.with_name("a.tape.journal").read_bytes()
    path.unlink()
    path.with_name("a.tape.journal").write_bytes(journal)
    shown = spantape("show", path)
    assert shown.code == 0
    assert "3 steps, not sealed" in shown.out
    assert "warning" in shown.err
    assert "cut short" in shown.err


def test_escapes_in_a_tape_do_not_reach_the_terminal(spantape, tmp_path):
    lines = write_lines(tmp_path / "a.jsonl", line(url="https://h/\x1b[2Jx", response_body="\x1b]0;t\x07"))
    spantape("import", lines, "-o", tmp_path / "a.tape")
    for arguments in ([], ["--step", 0]):
        shown = spantape("show", tmp_path / "a.tape", *arguments).out
        assert "\x1b" not in shown
        assert "\\x1b" in shown


def test_a_collectors_file_is_shown_as_it_is(spantape, tmp_path, recorded):
    plain = tmp_path / "collected.jsonl"
    data = zstandard.ZstdDecompressor().stream_reader(recorded.read_bytes()).read()
    plain.write_bytes(b"".join(data.splitlines(keepends=True)[:-1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartialTapeWarning)
        assert "3 steps, not sealed" in spantape("show", plain).out


def test_model_and_tokens_of_an_outer_span_are_shown(spantape, tmp_path, spans):
    path = tmp_path / "outer.tape"
    tracer = spans.provider.get_tracer("another")
    outer = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-9", "gen_ai.usage.input_tokens": 7}
    with (
        ModelServer([text("x")]) as server,
        openai_client(server) as client,
        library.instrument(spans.provider),
        tracer.start_as_current_span("chat m-9", attributes=outer),
    ):
        client.chat.completions.create(model="m-9", messages=[])
    write_tape(path, recorded_spans(spans.all()))
    (step,) = spantape("show", path, "--json").json()["steps"]
    assert (step["model"], step["input_tokens"], step["output_tokens"]) == ("m-9", 7, None)
    assert "7→?" in spantape("show", path).out
