"""tracefork's tapes, blobs and stores become tapes, with their draws, and prove the fingerprint that tracefork gave them."""

import base64
import contextlib
import hashlib
import json
import shutil
import sqlite3
import struct
from pathlib import Path

import anthropic
import openai
import pytest
import zstandard

import spantape
from spantape import cli
from spantape._spans import names
from spantape.errors import TapeDamaged, TapeError, UsageError
from spantape.tape.foreign.importing import import_files
from spantape.tape.foreign.tracefork import FINGERPRINT, FINGERPRINT_HASHED
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from spantape.tape.write import write_tape

REAL = Path(__file__).parent / "recordings" / "tracefork_1_0"
DIGESTS = json.loads((REAL / "digests.json").read_text())


def sha(data):
    return hashlib.sha256(data).hexdigest()


def imported(path, tmp_path, **more):
    (found,) = import_files([path], tmp_path / "t.tape", **more).imported
    return found


# --- what tracefork itself wrote ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run.tape.sqlite", "run.blob"])
def test_a_tape_of_tracefork_has_the_fingerprint_that_tracefork_gave_it(tmp_path, name):
    tape = imported(REAL / name, tmp_path).tape
    assert tape.resource[FINGERPRINT_HASHED] == DIGESTS["run"]
    assert tape.name == "weather-agent"
    assert ("tracefork fingerprint", DIGESTS["run"]) in verify_tape(tape.path).checks
    assert [draw.source for draw in tape.draws][:4] == ["clock", "uuid", "random", "env"]
    assert tape.draws[3].value == "1\0SPANTAPE_TEST_COLON\0a:b\nX:c:d"
    assert [step.kind for step in tape.steps] == ["exchange"] * 3 + ["tool"] * 2


def test_both_files_of_one_run_make_the_same_tape(tmp_path):
    first, second = (imported(REAL / name, tmp_path).tape for name in ("run.tape.sqlite", "run.blob"))
    assert first.fingerprint == second.fingerprint
    assert first.run_id == second.run_id


def test_a_tape_of_tracefork_replays_under_the_real_sdk(tmp_path):
    imported(REAL / "run.blob", tmp_path)
    said = [{"role": "user", "content": "Is it “sunny” in Zürich?"}]
    client = anthropic.Anthropic(api_key="none", max_retries=0)
    with spantape.replay(tmp_path / "t.tape", allow_unused=True):
        plain = client.messages.create(model="claude", max_tokens=64, messages=said)
        with client.messages.stream(model="claude", max_tokens=64, messages=said + said) as stream:
            streamed = stream.get_final_message()
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model="claude", max_tokens=8, messages=said)
    assert plain.content[0].text == "Sunny, “21 °C”."
    assert streamed.content[0].text == "Still sunny."


def test_tools_are_read_from_their_frames_and_the_frames_are_kept(tmp_path):
    lookup, listed = imported(REAL / "run.blob", tmp_path).tape.steps[3:]
    assert (lookup.name, lookup.arguments) == ("lookup", {"city": "Zürich"})
    assert lookup.result == {"content": [{"type": "text", "text": "21"}]}
    assert (listed.name, listed.error.type) == ("tools/list", "JsonRpcError(-32601)")
    assert json.loads(lookup.span.attributes["spantape.import.request"])["id"] == 1


def test_each_run_of_a_store_is_a_tape(tmp_path, capsys):
    assert cli.run(["import", str(REAL / "store.db"), "-o", f"{tmp_path}/tapes/", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(Path(one["path"]).name, one["run"], one["steps"]) for one in shown["tapes"]] == [
        ("store.first_run.tape", "first/run", 5),
        ("store.second.tape", "second", 1),
    ]
    second = read_tape(shown["tapes"][1]["path"])
    assert second.resource[FINGERPRINT_HASHED] == DIGESTS["second"]
    assert second.resource["spantape.import.run"] == "second"


def test_a_store_is_no_single_tape_unless_a_run_is_chosen(tmp_path):
    with pytest.raises(
        UsageError, match="got 2 runs, expected one; choose with --run, of 'first/run', 'second'"
    ):
        imported(REAL / "store.db", tmp_path)
    assert imported(REAL / "store.db", tmp_path, run="second").tape.name == "other"
    with pytest.raises(TapeError, match="got run 'third', expected one of 'first/run', 'second'"):
        imported(REAL / "store.db", tmp_path, run="third")


def test_files_of_tracefork_are_not_touched(tmp_path):
    for name in ("run.tape.sqlite", "store.db"):
        shutil.copy(REAL / name, tmp_path)
        before = (tmp_path / name).read_bytes()
        import_files([tmp_path / name], f"{tmp_path}/out/")
        assert (tmp_path / name).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run.tape.sqlite", "store.db"]


# --- every version -----------------------------------------------------------------------------------------------

ASKED = json.dumps(
    {"model": "claude", "max_tokens": 8, "messages": [{"role": "user", "content": "hé"}]}
).encode()
ANSWERED = json.dumps(
    {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "ja"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
).encode()
DRAWS = [["clock", "2026-01-01"], ["random", "0x1p-1"]]
CALLED = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","arguments":{"x":1}}}'
GAVE = b'{"jsonrpc":"2.0","id":1,"result":5}'


def blob(
    version, exchanges=((ASKED, ANSWERED),), *, draws=DRAWS, tools=((CALLED, GAVE),), changed=None, **header
):
    if version == 1:
        pairs = [[base64.b64encode(part).decode() for part in pair] for pair in exchanges]
        return json.dumps(
            {"exchanges": pairs, "draws": draws, "boundary": "b", "agent_name": "a"} | header
        ).encode()
    bodies = {sha(part): part for pair in (*exchanges, *tools) for part in pair}
    document = {
        "boundary": "b",
        "agent_name": "a",
        "draws": draws,
        "exchanges": [[sha(part) for part in pair] for pair in exchanges],
        "blob_hashes": list(bodies),
        "content_redacted": False,
    }
    if version >= 3:
        document["tool_exchanges"] = [[sha(part) for part in pair] for pair in tools]
    text = json.dumps(document | header | (changed or {})).encode()
    packed = [zstandard.compress(body) for body in bodies.values()]
    head = b"TFTAPE\0" + struct.pack(">HI", version, len(text)) + text
    return head + b"".join(struct.pack(">I", len(part)) + part for part in packed)


def stated_chain(draws, exchanges, tools=()):
    """The fingerprint by the format's text: hex digests and colons, one line an event."""
    lines = [f"D:{kind}:{value}\n" for kind, value in draws]
    lines += [f"X:{sha(a)}:{sha(b)}\n" for a, b in exchanges]
    lines += [f"T:{sha(a)}:{sha(b)}\n" for a, b in tools]
    return sha("".join(lines).encode())


@pytest.mark.parametrize("version", range(1, 8))
def test_blobs_of_every_version_are_read(tmp_path, version):
    path = tmp_path / "run"
    path.write_bytes(blob(version, tools=((CALLED, GAVE),) if version >= 3 else ()))
    found = imported(path, tmp_path)
    tape = found.tape
    tools = ((CALLED, GAVE),) if version >= 3 else ()
    assert tape.resource[FINGERPRINT] == stated_chain(DRAWS, [(ASKED, ANSWERED)], tools)
    assert [draw.value for draw in tape.draws] == ["2026-01-01", "0x1p-1"]
    assert tape.steps[0].exchange().response.body == ANSWERED
    assert [step.kind for step in tape.steps] == ["exchange"] + ["tool"] * len(tools)
    assert any(
        "the URL is not in the recording: https://api.anthropic.com/v1/messages" in n for n in found.notes
    )
    assert any("200 is taken" in note for note in found.notes)
    client = anthropic.Anthropic(api_key="none", max_retries=0, base_url="http://elsewhere.invalid/prefix")
    with spantape.replay(tmp_path / "t.tape", allow_unused=True):
        got = client.messages.create(
            model="claude",
            max_tokens=8,
            messages=[{"role": "user", "content": "hé"}],
            extra_headers={"anthropic-beta": "b"},
        )
    assert got.content[0].text == "ja"


def test_url_status_and_content_type_of_newer_versions_are_kept(tmp_path):
    path = tmp_path / "run"
    kept = {"request_urls": ["https://h/v1/messages?x=1"], "response_status": [529]}
    path.write_bytes(
        blob(7, **kept, response_content_type=["text/x"], async_batches=[[0]], content_redacted=True)
    )
    found = imported(path, tmp_path)
    step = found.tape.steps[0]
    assert (step.url, step.status, step.response.headers) == (
        kept["request_urls"][0],
        529,
        (("content-type", "text/x"),),
    )
    assert any("content_redacted" in note for note in found.notes)
    assert found.tape.resource["spantape.import.async_batches"] == "[[0]]"


@pytest.mark.parametrize("has_meta", [True, False])
def test_the_oldest_tapes_have_no_meta_and_plain_blobs(tmp_path, has_meta):
    path = tmp_path / "x.tape.sqlite"
    make_sqlite(path, packed=has_meta, meta={"agent_name": "a"} if has_meta else None)
    tape = imported(path, tmp_path).tape
    assert tape.resource[FINGERPRINT] == stated_chain(DRAWS, [(ASKED, ANSWERED)], [(CALLED, GAVE)])
    assert tape.name == ("a" if has_meta else "t")


def make_sqlite(path, *, packed=True, meta=None, events=None, blobs=None):
    stored = {sha(part): part for part in (ASKED, ANSWERED, CALLED, GAVE)}
    stored = {name: zstandard.compress(data) if packed else data for name, data in stored.items()} | (
        blobs or {}
    )
    listed = [("draw", *draw) for draw in DRAWS]
    listed += [
        ("exchange", sha(ASKED), sha(ANSWERED)),
        ("tool_exchange", sha(CALLED), sha(GAVE)),
        *(events or ()),
    ]
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE blobs (hash TEXT PRIMARY KEY, data BLOB)")
        database.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, a TEXT, b TEXT)"
        )
        database.executemany("INSERT INTO blobs VALUES (?, ?)", stored.items())
        database.executemany("INSERT INTO events (kind, a, b) VALUES (?, ?, ?)", listed)
        if meta is not None:
            database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
            database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())


def make_store(path, tapes, branches=(), *, digest_of=None):
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        more = ", digest TEXT" if digest_of else ""
        database.execute(
            f"CREATE TABLE tapes (run_id TEXT, agent_name TEXT, tape_bytes BLOB, created_at TEXT{more})"
        )
        database.execute(
            "CREATE TABLE branches (branch_id TEXT, parent_run_id TEXT, divergence_step INTEGER, "
            "delta_tape_bytes BLOB, mutation_desc TEXT, created_at TEXT)"
        )
        for number, (run, data) in enumerate(tapes):
            values = [run, "a", data, str(number), *([digest_of] if digest_of else [])]
            database.execute(f"INSERT INTO tapes VALUES ({', '.join('?' * len(values))})", values)
        database.executemany("INSERT INTO branches VALUES (?, ?, ?, ?, ?, '')", branches)


def test_a_branch_is_its_parents_steps_and_its_own(tmp_path):
    other = ANSWERED.replace(b"ja", b"nein")
    parent = blob(2, [(ASKED, ANSWERED), (ASKED + b" ", ANSWERED)], tools=())
    make_store(
        tmp_path / "s.db",
        [("p", parent)],
        [("b", "p", 1, blob(2, [(ASKED + b" ", other)], tools=()), "mutated")],
    )
    tape = imported(tmp_path / "s.db", tmp_path, run="b").tape
    assert [step.response.body for step in tape.steps] == [ANSWERED, other]
    assert tape.resource["spantape.import.branch"] == "mutated"


# --- what it does not say ----------------------------------------------------------------------------------------

STREAMED = b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'


@pytest.mark.parametrize(
    ("asked", "answered", "url", "kind"),
    [
        (b'{"messages":[]}', STREAMED, "https://api.anthropic.com/v1/messages", "text/event-stream"),
        (
            b'{"messages":[]}',
            b'{"object":"chat.completion"}',
            "https://api.openai.com/v1/chat/completions",
            "application/json",
        ),
        (
            b'{"input":"x"}',
            b'{"object":"response"}',
            "https://api.openai.com/v1/responses",
            "application/json",
        ),
        (b'{"input":"x"}', b'{"object":"list"}', "https://api.openai.com/v1/embeddings", "application/json"),
        (
            b'{"contents":[]}',
            b'{"candidates":[],"modelVersion":"g"}',
            "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent",
            "application/json",
        ),
        (b"{}", b'{"a":1}\n{"b":2}\n', "https://unknown.invalid/", "application/x-ndjson"),
        (b"\xff", b"\xff", "https://unknown.invalid/", "application/octet-stream"),
    ],
)
def test_where_a_call_went_is_told_by_its_bodies(tmp_path, asked, answered, url, kind):
    (tmp_path / "run").write_bytes(blob(2, [(asked, answered)], tools=()))
    step = imported(tmp_path / "run", tmp_path).tape.steps[0]
    assert (step.url, dict(step.response.headers)["content-type"]) == (url, kind)


def test_an_openai_run_of_tracefork_replays(tmp_path):
    asked = b'{"messages":[{"role":"user","content":"hi"}],"model":"gpt-4o"}'
    answered = b'{"id":"c","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"yo"}}]}'
    (tmp_path / "run").write_bytes(blob(2, [(asked, answered)], tools=(), draws=[]))
    imported(tmp_path / "run", tmp_path)
    with spantape.replay(tmp_path / "t.tape"):
        client = openai.OpenAI(api_key="none", max_retries=0)
        got = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert got.choices[0].message.content == "yo"


def test_bytes_composed_by_tracefork_are_not_called_exact(tmp_path):
    (tmp_path / "run").write_bytes(blob(2, boundary="otel-ingested-blame-only-v1", tools=()))
    found = imported(tmp_path / "run", tmp_path)
    assert found.grades == {"reconstructed": 1}
    (tmp_path / "run").write_bytes(blob(2, tools=()))
    assert imported(tmp_path / "run", tmp_path).grades == {"exact": 1}


def test_an_error_that_is_replayed_as_a_success_is_named(tmp_path):
    (tmp_path / "run").write_bytes(
        blob(2, [(ASKED, b'{"type":"error","error":{"type":"rate_limit_error"}}')], tools=())
    )
    assert any(
        "rate_limit_error" in note and "status 200" in note
        for note in imported(tmp_path / "run", tmp_path).notes
    )


# --- draws on a tape ---------------------------------------------------------------------------------------------


def test_show_lists_draws(tmp_path, capsys):
    imported(REAL / "run.blob", tmp_path)
    assert cli.run(["show", str(tmp_path / "t.tape")]) == 0
    assert 'draw 2, before step 0: random "0x1.' in capsys.readouterr().out
    cli.run(["show", str(tmp_path / "t.tape"), "--json"])
    assert json.loads(capsys.readouterr().out)["draws"][0]["source"] == "clock"


def test_another_draw_is_another_fingerprint(tmp_path):
    found = set()
    for draws in (
        [],
        DRAWS,
        DRAWS[::-1],
        [["clock", "2026-01-02"], DRAWS[1]],
        [["uuid", "2026-01-01"], DRAWS[1]],
    ):
        (tmp_path / "run").write_bytes(blob(2, draws=draws, tools=()))
        found.add(imported(tmp_path / "run", tmp_path).tape.fingerprint)
    assert len(found) == 5


def test_a_changed_draw_breaks_traceforks_fingerprint(tmp_path):
    tape = imported(REAL / "run.blob", tmp_path).tape
    changed = [
        span if span.attributes.get(names.DRAW_SOURCE) != "random" else spantape_changed(span)
        for span in tape.spans
    ]
    write_tape(tmp_path / "u.tape", changed, name=tape.name, run_id=tape.run_id, resource=tape.resource)
    with pytest.raises(TapeDamaged, match="tracefork's fingerprint"):
        verify_tape(tmp_path / "u.tape")


def spantape_changed(span):
    from dataclasses import replace

    return replace(span, attributes={**span.attributes, names.DRAW_VALUE: '"0x1p-3"'})


def test_a_redacted_import_keeps_no_fingerprint_that_is_not_its_own(tmp_path):
    (tmp_path / "run").write_bytes(blob(3, draws=[["env", "ada@example.com"]]))
    found = imported(tmp_path / "run", tmp_path, redact=True)
    assert found.tape.draws[0].value == "__email_1__"
    assert FINGERPRINT not in found.tape.resource
    assert any("not kept" in note for note in found.notes)
    verify_tape(tmp_path / "t.tape")


# --- hostile -----------------------------------------------------------------------------------------------------


def test_a_blob_that_is_not_what_its_name_says_is_named_by_its_event(tmp_path):
    make_sqlite(tmp_path / "a", blobs={sha(ANSWERED): zstandard.compress(b"forged")})
    with pytest.raises(TapeDamaged, match="event 3: got a blob of sha256"):
        imported(tmp_path / "a", tmp_path)
    make_sqlite(tmp_path / "b", blobs={sha(GAVE): b"no zstd"})
    with pytest.raises(TapeDamaged, match="event 4: the blob"):
        imported(tmp_path / "b", tmp_path)
    make_sqlite(tmp_path / "c", events=[("exchange", "0" * 64, sha(GAVE))])
    with pytest.raises(TapeDamaged, match="event 5: names the blob 000"):
        imported(tmp_path / "c", tmp_path)
    make_sqlite(tmp_path / "d", events=[("exec", "", "")])
    with pytest.raises(TapeError, match="event 5: got an event of kind 'exec'"):
        imported(tmp_path / "d", tmp_path)


def test_a_stated_fingerprint_is_checked(tmp_path):
    make_store(tmp_path / "s.db", [("r", blob(2, tools=()))], digest_of="0" * 64)
    with pytest.raises(TapeDamaged, match=r"run r: got fingerprint .* stated 0000"):
        imported(tmp_path / "s.db", tmp_path)
    make_store(
        tmp_path / "t.db", [("r", blob(2, tools=()))], digest_of=stated_chain(DRAWS, [(ASKED, ANSWERED)])
    )
    imported(tmp_path / "t.db", tmp_path)


def test_a_branch_of_nothing_is_refused(tmp_path):
    make_store(tmp_path / "a.db", [("p", blob(2))], [("b", "q", 0, blob(2), "")])
    with pytest.raises(TapeDamaged, match="branch b: is of the run 'q', which is not in the file"):
        imported(tmp_path / "a.db", tmp_path)
    make_store(tmp_path / "b.db", [("p", blob(2))], [("b", "p", 9, blob(2), "")])
    with pytest.raises(TapeDamaged, match="divergence step 9, expected 0 to 1"):
        imported(tmp_path / "b.db", tmp_path)


def test_every_cut_of_a_blob_is_refused(tmp_path):
    whole = blob(3)
    for size in range(7, len(whole), 11):
        (tmp_path / "run").write_bytes(whole[:size])
        with pytest.raises(TapeError):
            imported(tmp_path / "run", tmp_path)


def test_every_flipped_byte_of_a_blobs_payload_is_noticed(tmp_path):
    whole = blob(3)
    start = whole.index(b"\x28\xb5\x2f\xfd")
    for at in range(start, len(whole), 7):
        (tmp_path / "run").write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            tape = imported(tmp_path / "run", tmp_path).tape
        except TapeError:
            continue
        # a frame's checksum flag and the like say nothing of its content
        assert tape.resource[FINGERPRINT] == stated_chain(DRAWS, [(ASKED, ANSWERED)], [(CALLED, GAVE)])


def test_a_version_that_is_not_known_is_named(tmp_path):
    (tmp_path / "run").write_bytes(blob(8))
    with pytest.raises(TapeError, match="got blob version 8, expected 1 to 7"):
        imported(tmp_path / "run", tmp_path)


@pytest.mark.parametrize(
    "header",
    [
        {"draws": [["clock"]]},
        {"draws": [[1, 2]]},
        {"exchanges": [["a", "b", "c"]]},
        {"exchanges": 5},
        {"blob_hashes": [5]},
        {"request_urls": [5], "exchanges": [[sha(ASKED), sha(ANSWERED)]]},
        {"response_status": "200"},
    ],
)
def test_a_header_of_another_form_is_refused(tmp_path, header):
    (tmp_path / "run").write_bytes(blob(6, changed=header))
    with pytest.raises(TapeError, match=next(iter(header))):
        imported(tmp_path / "run", tmp_path)


def test_a_bomb_in_a_blob_is_refused(tmp_path, monkeypatch):
    from spantape.tape.foreign import tracefork_blob, tracefork_sqlite
    from spantape.tape.limits import Limits

    for module in (tracefork_blob, tracefork_sqlite):
        monkeypatch.setattr(module, "DEFAULT", Limits(body_bytes=1 << 20))
    bomb = bytes(8 << 20)
    (tmp_path / "run").write_bytes(blob(2, [(ASKED, bomb)], tools=()))
    with pytest.raises(TapeDamaged, match=r"blob_hashes\[1\]: got zstd frames of more than"):
        imported(tmp_path / "run", tmp_path)
    make_sqlite(
        tmp_path / "a",
        blobs={sha(bomb): zstandard.compress(bomb)},
        events=[("exchange", sha(ASKED), sha(bomb))],
    )
    with pytest.raises(TapeDamaged, match=r"event 5: the blob .* more than"):
        imported(tmp_path / "a", tmp_path)


def test_a_torn_sqlite_file_is_refused(tmp_path):
    make_sqlite(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for size in range(20, len(whole) - 1, 1500):
        (tmp_path / "torn").write_bytes(whole[:size])
        with pytest.raises(TapeError):
            imported(tmp_path / "torn", tmp_path)


def test_nothing_of_an_sqlite_file_is_run(tmp_path):
    path = tmp_path / "evil.db"
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS seq, 'draw' AS kind, 'a' AS a, 'b' AS b FROM n"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE blobs (hash TEXT, data BLOB)")
        database.execute(f"CREATE VIEW events AS {endless}")
    with pytest.raises(TapeError, match="an SQLite file with the tables blobs"):
        imported(path, tmp_path)
    generated = tmp_path / "generated.db"
    with contextlib.closing(sqlite3.connect(generated)) as database, database:
        database.execute("CREATE TABLE blobs (hash TEXT, data BLOB)")
        database.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, kind TEXT, b TEXT, a TEXT AS (hex(zeroblob(5))))"
        )
        database.execute("INSERT INTO events (kind, b) VALUES ('draw', 'x')")
    with pytest.raises(TapeError, match="an SQLite file with the tables blobs"):
        imported(generated, tmp_path)


def test_what_stands_in_a_write_ahead_log_is_read_and_left_alone(tmp_path):
    path = tmp_path / "live.tape.sqlite"
    make_sqlite(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("INSERT INTO events (kind, a, b) VALUES ('draw', 'late', 'x')")
        database.commit()
        log = path.with_name(path.name + "-wal").read_bytes()
        tape = imported(path, tmp_path).tape
        assert tape.draws[-1].source == "late"
        assert path.with_name(path.name + "-wal").read_bytes() == log
