"""`spantape export` and `import` of spans on the command line: files, directories, endpoints, exit codes."""

from __future__ import annotations

import json

import pytest

from cli_tapes import make_runner, record_guide
from spantape import read_tape
from spantape.testing import OtlpReceiver
from spantape.testing._message import json_answer

SPANS = ("otlp-json", "otlp-proto")


@pytest.fixture
def spantape(capsys, monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("OTEL_EXPORTER_OTLP_")]:
        monkeypatch.delenv(name)
    return make_runner(capsys)


@pytest.fixture
def tapes(tmp_path):
    (tmp_path / "more").mkdir()
    return [
        record_guide(tmp_path / "a.tape"),
        record_guide(tmp_path / "b.tape", "Rain?"),
        record_guide(tmp_path / "more" / "a.tape", "Snow?"),
    ]


@pytest.mark.parametrize("form", SPANS)
def test_there_and_back_is_the_same_tape(spantape, tmp_path, tapes, form):
    tape = read_tape(tapes[0])
    shown = spantape("export", tapes[0], "--format", form, "-o", tmp_path / "out")
    assert (shown.code, shown.err) == (0, f"{tmp_path / 'out'}: {len(tape.spans)} spans\n")
    shown = spantape("import", tmp_path / "out", "-o", tmp_path / "back.tape")
    assert shown.code == 0
    back = read_tape(tmp_path / "back.tape")
    assert (back.spans, back.fingerprint, back.name) == (tape.spans, tape.fingerprint, tape.name)
    assert spantape("verify", tmp_path / "back.tape").code == 0


def test_several_tapes_go_into_one_file_and_come_out_of_it(spantape, tmp_path, tapes):
    assert spantape("export", *tapes, "--format", "otlp-proto", "-o", tmp_path / "all.pb").code == 0
    shown = spantape("import", tmp_path / "all.pb", "-o", tmp_path / "c.tape")
    assert (shown.code, "got 3 runs" in shown.err) == (2, True)
    assert spantape("import", tmp_path / "all.pb", "-o", f"{tmp_path}/back/").code == 0
    back = {read_tape(path).fingerprint for path in (tmp_path / "back").iterdir()}
    assert back == {read_tape(path).fingerprint for path in tapes}


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("otlp-json", ["a.2.otlp.jsonl", "a.otlp.jsonl", "b.otlp.jsonl"]),
        ("genai", ["a.2.genai.jsonl", "a.genai.jsonl", "b.genai.jsonl"]),
        ("har", ["a.2.har", "a.har", "b.har"]),
        ("exchanges", ["a.2.jsonl", "a.jsonl", "b.jsonl"]),
    ],
)
def test_into_a_directory_each_tape_is_a_file_of_its_own(spantape, tmp_path, tapes, form, names):
    assert spantape("export", *tapes, "--format", form, "-o", f"{tmp_path}/out/").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


def test_an_archive_holds_one_tape(spantape, tmp_path, tapes):
    shown = spantape("export", *tapes, "--format", "har", "-o", tmp_path / "x.har")
    assert (shown.code, "got 3 tapes for one file of har" in shown.err) == (2, True)
    assert not (tmp_path / "x.har").exists()


def test_without_an_output_it_goes_to_stdout(spantape, tapes):
    shown = spantape("export", tapes[0], "--format", "openinference")
    kinds = [each for each in shown.out.splitlines() if '"openinference.span.kind"' in each]
    assert len(kinds) == len(shown.out.splitlines())
    assert json.loads(kinds[0])["resourceSpans"]


def test_a_directory_that_cannot_be_made_is_an_error(spantape, tmp_path, tapes):
    shown = spantape("export", tapes[0], "-o", f"{tapes[1]}/")
    assert (shown.code, "cannot be written" in shown.err) == (1, True)


def test_redacting_spans_is_refused(spantape, tmp_path, tapes):
    spantape("export", tapes[0], "--format", "otlp-json", "-o", tmp_path / "x")
    shown = spantape("import", tmp_path / "x", "-o", tmp_path / "y.tape", "--redact")
    assert (shown.code, "import them without --redact" in shown.err) == (2, True)


def test_a_directory_of_spans_is_imported(spantape, tmp_path, tapes):
    spantape("export", *tapes, "--format", "otlp-json", "-o", f"{tmp_path}/out/")
    shown = spantape("import", tmp_path / "out", "-o", f"{tmp_path}/back/", "--json")
    assert [one["format"] for one in shown.json()["tapes"]] == ["otlp"] * 3
    assert shown.code == 0


# --- sent --------------------------------------------------------------------------------------------------------


def test_tapes_are_sent_whole(spantape, tapes):
    count = sum(len(read_tape(path).spans) for path in tapes)
    with OtlpReceiver() as receiver:
        shown = spantape("export", *tapes, "--otlp", receiver.url, "--header", "x-key=1")
        spans = receiver.spans()
        assert receiver.requests[0].header("x-key") == "1"
    assert (shown.code, len(spans)) == (0, count)
    assert shown.err == f"{receiver.endpoint}: {count} spans taken of {count}\n"


def test_a_viewer_is_sent_its_own_words(spantape, tapes):
    with OtlpReceiver() as receiver:
        assert (
            spantape("export", tapes[0], "--otlp", receiver.endpoint, "--format", "openinference").code == 0
        )
        kinds = {
            pair.value.string_value
            for span in receiver.spans()
            for pair in span.attributes
            if "span.kind" in pair.key
        }
    assert kinds == {"AGENT", "TOOL", "LLM", "CHAIN"}


class Answering(OtlpReceiver):
    """A receiver that answers everything alike."""

    def __init__(self, answer):
        super().__init__()
        self.given = answer

    def answer(self, _request):
        return self.given


def test_what_is_rejected_is_said_and_exits_with_1(spantape, tapes):
    partial = {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}
    with Answering(json_answer(200, partial)) as receiver:
        shown = spantape("export", tapes[0], "--otlp", receiver.url)
    assert shown.code == 1
    assert "rejected: 2 spans" in shown.err
    assert "it says: too old" in shown.err
    with Answering(json_answer(403, {"message": "no"})) as receiver:
        shown = spantape("export", tapes[0], "--otlp", receiver.url)
    assert (shown.code, "it says: HTTP 403: no" in shown.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--otlp", "nowhere"], "expected http://host:port"),
        (["--otlp", "http://x", "-o", "y"], "give one of them"),
        (["--otlp", "http://x", "--format", "har"], "expected one of spans with --otlp"),
        (["--header", "a=b"], "which is not given"),
    ],
)
def test_what_cannot_be_meant_is_refused(spantape, tapes, arguments, says):
    shown = spantape("export", tapes[0], *arguments)
    assert (shown.code, says in shown.err) == (2, True)
