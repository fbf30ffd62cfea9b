"""`spantape import` and `export`: every byte of anybody's traffic, there and back; redacted when asked."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli_tapes import line, make_runner, record_guide, write_lines
from spantape import cli, read_tape
from spantape._spans.chunks import write_chunks


@pytest.fixture
def spantape(capsys):
    return make_runner(capsys)


def there_and_back(spantape, tmp_path, *exchanges):
    source = write_lines(tmp_path / "a.jsonl", *exchanges)
    assert spantape("import", source, "-o", tmp_path / "a.tape").code == 0
    assert (
        spantape("export", tmp_path / "a.tape", "--format", "exchanges", "-o", tmp_path / "b.jsonl").code == 0
    )
    return [
        json.loads(each, object_pairs_hook=list) for each in (tmp_path / "b.jsonl").read_bytes().splitlines()
    ]


def ordered(*exchanges):
    return [json.loads(json.dumps(each), object_pairs_hook=list) for each in exchanges]


def test_exchanges_come_back_as_they_were(spantape, tmp_path):
    exchanges = [
        line(),
        line(request_body=None, method="GET"),
        line(request_body="", response_body=""),
        line(response_body=None, response_body_b64=base64.b64encode(b"\xff\0\n").decode(), status=500),
        line(response_headers={"z": "1", "a": "2"}, reserialised=True, masked={"deep": [None, 1.5]}),
        line(status=None, response_headers=None, response_body=None),
        {key: line()[key] for key in ("url", "status", "method")},
    ]
    assert there_and_back(spantape, tmp_path, *exchanges) == ordered(*exchanges)


bodies = st.one_of(st.none(), st.text(), st.binary(min_size=1))
names = st.text(
    st.characters(codec="ascii", categories=["Ll", "Nd"], include_characters="-"), min_size=1, max_size=12
)
headers = st.one_of(
    st.none(), st.dictionaries(names, st.text(st.characters(codec="latin-1", categories=["L", "N", "P"])))
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def exchanges(draw):
    made = {
        "method": draw(st.sampled_from(["POST", "GET", "PUT"])),
        "url": f"https://h/{draw(names)}?q={draw(names)}",
    }
    for side in ("request", "response"):
        made[f"{side}_headers"] = draw(headers)
        body = draw(bodies)
        if isinstance(body, bytes):
            made[f"{side}_body"] = None
            made[f"{side}_body_b64"] = base64.b64encode(body).decode()
        else:
            made[f"{side}_body"] = body
        if side == "request":
            made["status"] = draw(st.integers(100, 599))
    made |= draw(
        st.dictionaries(st.sampled_from(["masked", "reserialised", "note"]), json_values, max_size=2)
    )
    return dict(draw(st.permutations(list(made.items()))))


@given(st.lists(exchanges(), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_exchanges_come_back_as_they_were(tmp_path_factory, given_exchanges):
    tmp_path = tmp_path_factory.mktemp("any")
    source, tape, back = tmp_path / "a.jsonl", tmp_path / "a.tape", tmp_path / "b.jsonl"
    write_lines(source, *given_exchanges)
    assert cli.run(["import", str(source), "-o", str(tape)]) == 0
    assert cli.run(["export", str(tape), "-o", str(back)]) == 0
    shown = [json.loads(each, object_pairs_hook=list) for each in back.read_bytes().splitlines()]
    assert shown == ordered(*given_exchanges)


def test_export_is_on_stdout_by_default_and_leaves_tools_out(spantape, tmp_path):
    shown = spantape("export", record_guide(tmp_path / "a.tape"))
    (exchange,) = map(json.loads, shown.out.splitlines())
    assert exchange["url"].endswith("/v1/chat/completions")
    assert "Sunny, 21 °C." in exchange["response_body"]
    assert shown.err == ""


def test_several_files_are_one_run_in_order(spantape, tmp_path):
    files = [
        write_lines(tmp_path / f"{n}.jsonl", line(request_body=str(n)), line(request_body=f"{n}b"))
        for n in (1, 2)
    ]
    assert spantape("import", *files, "-o", tmp_path / "a.tape").code == 0
    assert [step.request_body() for step in read_tape(tmp_path / "a.tape").steps] == [
        b"1",
        b"1b",
        b"2",
        b"2b",
    ]


def test_a_bad_line_is_named_by_file_and_line(spantape, tmp_path):
    good, bad = write_lines(tmp_path / "good.jsonl", line(), line()), tmp_path / "bad.jsonl"
    bad.write_text(json.dumps(line()) + "\n{}\n")
    for redact in ([], ["--redact"]):
        shown = spantape("import", good, bad, "-o", tmp_path / "a.tape", *redact)
        assert shown.code == 1
        assert f"tape '{bad}': line 2: got no method and url" in shown.err
    assert not (tmp_path / "a.tape").exists()


def test_a_file_that_is_not_there_is_an_error(spantape, tmp_path):
    shown = spantape("import", tmp_path / "none.jsonl", "-o", tmp_path / "a.tape")
    assert shown.code == 1
    assert "No such file" in shown.err


def test_a_tape_given_to_import_is_told_apart(spantape, tmp_path):
    shown = spantape("import", record_guide(tmp_path / "a.tape"), "-o", tmp_path / "b.tape")
    assert shown.code == 1
    assert "a file of spans needs no import" in shown.err


def test_an_output_that_cannot_be_written_is_an_error(spantape, tmp_path):
    shown = spantape("export", record_guide(tmp_path / "a.tape"), "-o", tmp_path / "none" / "b.jsonl")
    assert shown.code == 1
    assert "cannot be written" in shown.err


# --- redaction ---------------------------------------------------------------------------------------------------

KEY = "sk-proj-4fjA82kd0sKq91mZx77Tq3bn"
MAIL = "ada@example.com"


def said(text):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})


def sensitive():
    """Two turns of one run: the same address in both, another in the second; a key in header, URL and body."""
    history, url = "x" * 400, f"https://user:{KEY}@api.example.com/v1?key={KEY}"
    pieces = [
        f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]})}\n\n"
        for piece in ("ad", "a@exam", "ple.com")
    ]
    return [
        line(
            url=url,
            request_headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
            request_body=said(f"{history} I am {MAIL}"),
            response_headers={"content-type": "text/event-stream", "set-cookie": "s=1"},
            response_body="".join(pieces),
            note=f"seen by {MAIL}",
        ),
        line(url=url, request_body=said(f"{history} I am {MAIL} and bob@example.org, {KEY}")),
        line(request_body=None, request_body_b64=base64.b64encode(said(MAIL).encode()).decode()),
    ]


def test_without_redact_every_byte_stays(spantape, tmp_path):
    assert there_and_back(spantape, tmp_path, *sensitive()) == ordered(*sensitive())


def test_redact_replaces_each_secret_by_its_own_placeholder(spantape, tmp_path):
    source = write_lines(tmp_path / "a.jsonl", *sensitive())
    assert spantape("import", source, "-o", tmp_path / "a.tape", "--redact").code == 0
    first, second, third = map(json.loads, spantape("export", tmp_path / "a.tape").out.splitlines())
    assert json.loads(first["request_body"])["messages"][0]["content"].endswith("I am __email_1__")
    shown = json.loads(second["request_body"])["messages"][0]["content"]
    assert shown.endswith("I am __email_1__ and __email_2__, __api_key_1__")
    assert "__email_1__" in first["response_body"]
    assert first["note"] == "seen by __email_1__"
    assert base64.b64decode(third["request_body_b64"]).decode() == said("__email_1__")
    assert "authorization" not in first["request_headers"]
    assert "set-cookie" not in first["response_headers"]
    everything = json.dumps([first, second, third])
    assert KEY not in everything
    assert "example.com/v1" in everything
    assert "ada" not in everything


def test_a_redacted_tape_is_whole(spantape, tmp_path):
    source = write_lines(tmp_path / "a.jsonl", *sensitive())
    spantape("import", source, "-o", tmp_path / "a.tape", "--redact")
    assert spantape("verify", tmp_path / "a.tape").code == 0
    grown = read_tape(tmp_path / "a.tape").steps[1]
    assert "spantape.request.base.sha256" in grown.span.attributes, "the second body is a delta to the first"
    assert KEY.encode() not in grown.request_body()


def test_chunk_lengths_follow_the_redacted_body(spantape, tmp_path):
    source = write_lines(tmp_path / "a.jsonl", line(response_body=MAIL * 2, chunks=write_chunks((3, 27), ())))
    shown = spantape("import", source, "-o", tmp_path / "a.tape", "--redact")
    assert shown.code == 0, shown.err
    response = read_tape(tmp_path / "a.tape").steps[0].response
    assert sum(response.chunks) == len(response.body)
    assert len(response.chunks) == 2


@pytest.mark.parametrize(
    "odd", [{"request_headers": [1]}, {"request_body": 5}, {"response_body_b64": "?"}, {"chunks": 7}]
)
def test_a_line_that_cannot_be_redacted_is_refused(spantape, tmp_path, odd):
    source = write_lines(tmp_path / "a.jsonl", line(**odd))
    shown = spantape("import", source, "-o", tmp_path / "a.tape", "--redact")
    assert shown.code == 1
    assert str(source) in shown.err
    assert not (tmp_path / "a.tape").exists()
