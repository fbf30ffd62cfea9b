"""Spans of a service become signed bundles: one for each answered call of a model, and nothing that harms the service."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from importlib.metadata import entry_points

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult

import programs
import spantape
from rerun_calls import CLAUDE_TOOL, EVERY, STREAMED, Clients, chat, claude, clients_of
from spantape import rerun
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.errors import BadSignature, KeyFileError, NotVerified, UnknownKey, UsageError
from spantape.rerun import PrivateKey, TrustPolicy, read_bundle, save_private_key, verify
from spantape.testing import ModelServer, error, text, tool_call
from spantape_exporters.rerun import RerunSpanExporter
from spantape_exporters.tape import TapeSpanExporter
from tape_spans import chat as chat_body
from tape_spans import exchange, sdk_spans

KEY = PrivateKey.generate()
TRUST = TrustPolicy([KEY.public])
LONG = "You are a patient teacher of geography, and you answer in one short sentence. " * 20
SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


@pytest.fixture
def quiet(monkeypatch, caplog):
    """Our failures are logged as in production; the log is what is asserted."""
    monkeypatch.delenv("SPANTAPE_RAISE")
    caplog.set_level(logging.WARNING, "spantape")
    return caplog


def exporter_in(directory, **settings):
    return RerunSpanExporter(directory, **{"key": KEY} | settings)


def run(exporters, calls, *, script=None, processor=SimpleSpanProcessor, limits=None):
    """What `calls` do with real clients, instrumented, their spans going to the exporters."""
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    for exporter in exporters:
        provider.add_span_processor(processor(exporter))
    tracer = provider.get_tracer("service")
    with (
        clients_of(script) as clients,
        spantape.instrument(provider),
        tracer.start_as_current_span("GET /plan"),
    ):
        for call in calls:
            call(clients)
    provider.force_flush()
    provider.shutdown()


def bundles(directory):
    return sorted(directory.glob("*.rr"))


def proven(path, policy=TRUST):
    actual = json.loads(path.with_name(path.name.removesuffix(".rr") + ".actual.json").read_bytes())
    return verify(path.read_bytes(), actual, policy)


# --- what is signed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_each_call_of_the_real_sdks_has_a_bundle_that_its_signer_vouches_for(tmp_path, processor):
    run([exporter_in(tmp_path, records=True)], EVERY.values(), processor=processor)
    signed = bundles(tmp_path)
    assert len(signed) == 5
    assert all(re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{16}\.rr", path.name) for path in signed)
    assert {proven(path).signer for path in signed} == {KEY.public}
    for path in signed:
        with pytest.raises(UnknownKey):
            proven(path, TrustPolicy([PrivateKey.generate().public]))


def test_streams_and_tools_are_signed_too(tmp_path):
    calls = [(lambda clients, call=call: call(clients, stream=True)) for call in STREAMED.values()]
    tools = lambda clients: claude(clients, tools=[CLAUDE_TOOL])  # noqa: E731 - a call like the others
    run(
        [exporter_in(tmp_path, records=True, tolerance="structural")],
        [*calls, tools],
        script=[text("Hi.")] * 4 + [tool_call("weather", {"city": "Oslo"})],
    )
    assert len(list(map(proven, bundles(tmp_path)))) == 5


class Conversation:
    """A chat whose every turn resends its history, so that its requests travel as deltas."""

    def __init__(self, turns, call=chat, stream=False):
        self.turns, self.call, self.stream = turns, call, stream

    def __call__(self, clients):
        messages = [] if self.call is claude else [{"role": "system", "content": LONG}]
        for turn in range(self.turns):
            messages.append({"role": "user", "content": f"Question {turn}: {LONG}"})
            more = {"stream": True} if self.stream else {}
            self.call(clients, messages=list(messages), **more)
            messages.append({"role": "assistant", "content": f"Answer {turn}"})


def test_a_history_that_travels_as_deltas_is_signed_as_it_was_asked(tmp_path):
    seen = []

    class Keep(TapeSpanExporter):
        def export(self, spans):
            seen.extend(span.attributes.get(names.REQUEST_ENCODING) for span in spans)
            return super().export(spans)

    tapes, signed = tmp_path / "tapes", tmp_path / "bundles"
    run(
        [Keep(tapes), exporter_in(signed, records=True)],
        [Conversation(40), Conversation(5, claude, stream=True)],
        processor=BatchSpanProcessor,
    )
    assert sum(str(encoding).startswith("delta") for encoding in seen) > 35
    (tape,) = tapes.glob("*.tape")
    cut = list(rerun.cut(spantape.read_tape(tape), key=KEY))
    assert len(cut) == 45
    assert {rerun.to_bytes(one.bundle) for one in cut} == {path.read_bytes() for path in bundles(signed)}
    assert len(list(map(proven, bundles(signed)))) == 45


def test_several_threads_and_runs_are_signed(tmp_path):
    exporter = exporter_in(tmp_path, records=True)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with ModelServer() as server, spantape.instrument(provider):
        threads = [threading.Thread(target=converse, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(list(map(proven, bundles(tmp_path)))) == 4 * 6


def converse(server):
    clients = Clients(server)
    Conversation(6)(clients)
    clients.close()


def test_a_bundle_holds_no_content_and_records_only_where_asked_for(tmp_path):
    run([exporter_in(tmp_path)], [chat], script=[text("The answer is forty-two.")])
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".rr"
    assert b"forty-two" not in path.read_bytes()
    assert b"Be brief" not in path.read_bytes()


def test_settings_reach_the_bundle(tmp_path):
    run([exporter_in(tmp_path, tolerance="structural:any", runtime={"127.0.0.1": "local-vllm"})], [chat])
    (path,) = bundles(tmp_path)
    (step,) = read_bundle(path)["steps"]
    assert step["runtime"] == {"class": "local-vllm"}
    assert step["tolerance"]["calls"]["order"] == "any"


def test_a_span_that_comes_again_is_the_same_file(tmp_path):
    spans = sdk_spans(lambda tracer: tracer.start_span("chat", attributes=call(0)).end())
    exporter = exporter_in(tmp_path)
    assert exporter.export(spans) is SUCCESS
    (path,) = bundles(tmp_path)
    before = path.read_bytes()
    assert exporter.export(spans) is SUCCESS
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [before]


def test_an_edited_bundle_is_found_out(tmp_path):
    run([exporter_in(tmp_path, records=True)], [chat])
    (path,) = bundles(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"gpt-4o"', b'"gpt-9x"'))
    with pytest.raises(BadSignature):
        proven(path)
    with pytest.raises(NotVerified):
        verify(path.read_bytes(), json.loads((path.parent / f"{path.stem}.actual.json").read_bytes()), TRUST)


def test_payloads_past_the_sdks_limits_are_signed_where_they_travel_whole(tmp_path):
    limits = SpanLimits(max_attribute_length=64)
    run([exporter_in(tmp_path, records=True)], [Conversation(3)], limits=limits)
    assert len(list(map(proven, bundles(tmp_path)))) == 3


# --- what is not signed ------------------------------------------------------------------------------------------


def call(turn, base=None, **more):
    own = {names.KIND: "exchange", names.RUN_ID: "ab" * 16, names.DIALECT: "openai.chat"}
    return own | write_exchange(exchange(turn, **more), base)


def exported(directory, *attributes, **settings):
    def make(tracer):
        for each in attributes:
            tracer.start_span("chat \x1b[2J\n../../etc", attributes=each).end()

    return exporter_in(directory, **settings).export(sdk_spans(make))


def test_spans_that_are_no_answered_call_get_none_and_that_is_no_failure(tmp_path):
    agent = {names.KIND: "agent", names.RUN_ID: "ab" * 16, names.ARGUMENTS: "{}", names.RESULT: "1"}
    other = {
        names.KIND: "exchange",
        names.RUN_ID: "ab" * 16,
        names.HTTP_METHOD: "GET",
        names.URL_FULL: "http://x/",
    }
    replayed = call(0) | {names.REPLAYED: True}
    assert exported(tmp_path, {}, agent, other, replayed, call(0, status=500)) is SUCCESS
    assert list(tmp_path.iterdir()) == []


def test_failed_calls_of_real_sdks_get_none(tmp_path, quiet):
    def failing(clients):
        with pytest.raises(Exception, match="429"):
            chat(clients)

    run([exporter_in(tmp_path)], [failing, chat], script=[error(429), text("Hi.")])
    assert len(bundles(tmp_path)) == 1
    assert quiet.records == []


def test_names_of_files_are_ids_whatever_the_span_is_called(tmp_path):
    assert exported(tmp_path, call(0)) is SUCCESS
    (path,) = tmp_path.iterdir()
    assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{16}\.rr", path.name)


def test_a_missing_base_is_named_and_costs_no_other_span_its_bundle(tmp_path, quiet):
    base = chat_body(4)
    spans = (call(5, base), call(0), call(1, chat_body(0)))
    assert exported(tmp_path, *spans) is FAILURE
    assert len(bundles(tmp_path)) == 2
    (record,) = quiet.records
    assert re.search(
        r"the span [0-9a-f]{32}-[0-9a-f]{16} .* gets no rerun bundle", record.getMessage(), re.DOTALL
    )
    assert (
        f"its base body sha256 {spans[0][names.BASE_DIGEST]} has not come here before it"
        in record.getMessage()
    )


def test_a_redacted_call_is_signed_only_where_that_is_asked_for(tmp_path, quiet):
    secret = [{"role": "user", "content": "Mail ada.byron@analytical-engine.org"}]
    asking = lambda clients: chat(clients, messages=secret)  # noqa: E731 - a call like the others
    run([exporter_in(tmp_path / "strict")], [asking, asking, chat])
    assert len(bundles(tmp_path / "strict")) == 1
    (record,) = quiet.records
    assert "__email_1__ stands for what was really said" in record.getMessage()
    run([exporter_in(tmp_path / "all", redacted=True, records=True)], [asking, chat])
    assert len(list(map(proven, bundles(tmp_path / "all")))) == 2


def test_a_call_without_content_is_told_once(tmp_path, quiet, monkeypatch):
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT")
    run([exporter_in(tmp_path)], [chat, claude, chat])
    assert not bundles(tmp_path)
    (record,) = quiet.records
    assert "NO_CONTENT" in record.getMessage()


def test_a_call_that_the_tolerance_cannot_compare_is_told_once(tmp_path, quiet):
    script = [tool_call("f", {}), tool_call("f", {})]
    run([exporter_in(tmp_path, tolerance="semantic")], [chat, chat], script=script)
    assert not tmp_path.exists() or not bundles(tmp_path)
    (record,) = quiet.records
    assert "no text that could be compared by meaning" in record.getMessage()


def test_a_damaged_payload_is_told_and_never_signed(tmp_path, quiet):
    wrong = call(0) | {names.REQUEST_BODY: '{"model": "m", "messages": []}'}
    other = call(0) | {names.RESPONSE_BODY: "{}"}
    odd = call(0) | {names.REQUEST_BODY: 7}
    assert exported(tmp_path, wrong, other, odd, call(0)) is FAILURE
    assert len(bundles(tmp_path)) == 1
    assert len(quiet.records) == 3


def test_a_disk_that_is_full_is_told_once_and_harms_nobody(tmp_path, quiet):
    (tmp_path / "file").write_text("")
    exporter = exporter_in(tmp_path / "file" / "bundles")
    run([exporter], [chat, chat])
    assert len(quiet.records) == 1
    assert "cannot be written" in quiet.records[0].getMessage()


def test_what_is_no_span_harms_nobody(tmp_path, quiet):
    spans = sdk_spans(lambda tracer: tracer.start_span("chat", attributes=call(0)).end())
    assert exporter_in(tmp_path).export([object(), *spans]) is FAILURE
    assert len(bundles(tmp_path)) == 1


def test_after_shutdown_nothing_is_taken(tmp_path):
    exporter = exporter_in(tmp_path)
    assert exporter.force_flush()
    exporter.shutdown()
    spans = sdk_spans(lambda tracer: tracer.start_span("chat", attributes=call(0)).end())
    assert exporter.export(spans) is FAILURE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_signs_what_grew_from_its_parents_bodies(tmp_path):
    exporter = exporter_in(tmp_path)

    def make(base, turn):
        return sdk_spans(lambda tracer: tracer.start_span("chat", attributes=call(turn, base)).end())

    assert exporter.export(make(None, 0)) is SUCCESS
    exporter._lock.acquire()
    child = os.fork()
    if child == 0:
        done = exporter.export(make(chat_body(0), 1)) is SUCCESS
        os._exit(0 if done and len(bundles(tmp_path)) == 2 else 3)
    exporter._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert exporter.export(make(chat_body(0), 1)) is SUCCESS


# --- the key, and the environment --------------------------------------------------------------------------------


@pytest.fixture
def key_file(tmp_path):
    save_private_key(KEY, tmp_path / "signing.key")
    return tmp_path / "signing.key"


def test_without_a_key_it_does_not_start(monkeypatch, tmp_path):
    with pytest.raises(KeyFileError, match="set SPANTAPE_RERUN_KEY to its file, or SPANTAPE_RERUN_KEY_DATA"):
        RerunSpanExporter(tmp_path)
    monkeypatch.setenv("SPANTAPE_RERUN_KEY", str(tmp_path / "nowhere.key"))
    with pytest.raises(KeyFileError, match=r"nowhere\.key"):
        RerunSpanExporter(tmp_path)
    (tmp_path / "bad.key").write_text("not a key")
    with pytest.raises(KeyFileError, match=r"bad\.key"):
        RerunSpanExporter(tmp_path, key=tmp_path / "bad.key")
    monkeypatch.delenv("SPANTAPE_RERUN_KEY")
    monkeypatch.setenv("SPANTAPE_RERUN_KEY_DATA", "c2hvcnQ=")
    with pytest.raises(KeyFileError, match="SPANTAPE_RERUN_KEY_DATA"):
        RerunSpanExporter(tmp_path)


def test_a_key_comes_from_a_file_or_from_the_environment(monkeypatch, tmp_path, key_file):
    texts = {"SPANTAPE_RERUN_KEY": str(key_file), "SPANTAPE_RERUN_KEY_DATA": key_file.read_text()}
    for number, (variable, value) in enumerate(texts.items()):
        with monkeypatch.context() as patched:
            patched.setenv(variable, value)
            run([RerunSpanExporter(tmp_path / str(number), records=True)], [chat])
        assert len(list(map(proven, bundles(tmp_path / str(number))))) == 1
    for variable, value in texts.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match="got both SPANTAPE_RERUN_KEY and SPANTAPE_RERUN_KEY_DATA"):
        RerunSpanExporter(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPANTAPE_RERUN_TOLERANCE", "equal"),
        ("SPANTAPE_RERUN_RUNTIME", "mars"),
        ("SPANTAPE_RERUN_RUNTIME", "a=b,c"),
    ],
)
def test_a_setting_that_means_nothing_is_named_at_the_start(monkeypatch, tmp_path, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match="got"):
        exporter_in(tmp_path)


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPANTAPE_RERUN_KEY_DATA", KEY.to_text("raw"))
    monkeypatch.setenv("SPANTAPE_RERUN_RUNTIME", "127.0.0.1=local-vllm, elsewhere=local")
    monkeypatch.setenv("SPANTAPE_RERUN_TOLERANCE", "structural")
    monkeypatch.setenv("SPANTAPE_RERUN_RECORDS", "1")
    for directory in (None, "elsewhere"):
        if directory:
            monkeypatch.setenv("SPANTAPE_RERUN_DIR", directory)
        [entry] = entry_points(group="opentelemetry_traces_exporter", name="rerun")
        run([entry.load()()], [chat])
        (path,) = bundles(tmp_path / (directory or "bundles"))
        assert read_bundle(path)["steps"][0]["runtime"]["class"] == "local-vllm"
        proven(path)


APP = (
    programs.CHAT
    + """
messages = [{"role": "user", "content": "Question " * 100}]
for turn in range(3):
    answer = client.chat.completions.create(model="m", messages=messages).choices[0].message.content
    messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "And then?"}]
print("done")
"""
)
WRAPPED = ("-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()")


@pytest.fixture
def program(tmp_path):
    pytest.importorskip("opentelemetry.distro")
    import sys

    def start(url, **variables):
        settings = {
            "OTEL_TRACES_EXPORTER": "rerun",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "SPANTAPE_RERUN_DIR": "evidence",
            "SPANTAPE_RERUN_RECORDS": "yes",
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,anthropic,httpx,httpx2,genai-openai,genai-anthropic",
        }
        return programs.run(tmp_path, APP, url, before=(*WRAPPED, sys.executable), **settings | variables)

    return start


def test_a_program_that_knows_nothing_of_us_leaves_signed_bundles(program, tmp_path, key_file):
    with ModelServer() as server:
        process = program(server.base_url("openai"), SPANTAPE_RERUN_KEY=str(key_file))
    assert programs.said(process) == "done\n"
    assert len(list(map(proven, bundles(tmp_path / "evidence")))) == 3


def test_a_program_without_a_key_is_told_at_its_start_and_runs_on(program, tmp_path):
    with ModelServer() as server:
        process = program(server.base_url("openai"))
    assert (process.returncode, process.stdout) == (0, "done\n")
    assert "set SPANTAPE_RERUN_KEY to its file" in process.stderr
    assert not (tmp_path / "evidence").exists()
