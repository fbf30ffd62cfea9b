"""OTLP over HTTP: what the real exporters send is taken, and every refusal is said in the protocol's words."""

from __future__ import annotations

import gzip
import json
import socket

import httpx2
import pytest
import zstandard
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import SpanExportResult

from collect_requests import agent_run, otlp_json, protobuf, raw_span, request
from spantape.collect import Collector, Settings, _journal, address
from spantape.collect._sockets import open_socket
from spantape.tape.read import read_tape

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


@pytest.fixture
def collect(tmp_path):
    """Collectors into `tmp_path` that write what is whole at once, and a client of each."""
    running = []

    def start(**settings):
        collector = Collector(
            tmp_path / "tapes", Settings(**{"idle_s": 0, "fsync": False} | settings)
        ).start()
        client = httpx2.Client(base_url=collector.endpoint)
        running.extend([client.close, collector.stop])
        return collector, client

    yield start
    for stop in running:
        stop()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of one collector for all tests that leave nothing in it."""
    with (
        Collector(tmp_path_factory.mktemp("shared"), Settings(fsync=False)) as collector,
        httpx2.Client(base_url=collector.endpoint) as client,
    ):
        yield client


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_what_the_exporter_sends_is_a_tape(collect, compression):
    collector, _ = collect()
    spans = agent_run(turns=3)
    exporter = OTLPSpanExporter(f"{collector.endpoint}/v1/traces", compression=compression)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()
    tape = read_tape(collector.wait_for(spans[0].context.trace_id))
    assert [step.kind for step in tape.steps] == ["agent", "exchange", "exchange", "exchange"]


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress), ("identity", bytes)]
)
@pytest.mark.parametrize(("headers", "coded"), [(PROTOBUF, bytes), (JSON, otlp_json)])
def test_protobuf_and_json_are_taken_in_any_encoding(collect, encoding, pack, headers, coded):
    collector, client = collect()
    spans = agent_run()
    body = pack(coded(protobuf(spans)))
    answer = client.post("/v1/traces", content=body, headers={**headers, "content-encoding": encoding})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == headers["content-type"]
    assert answer.content == (b"{}" if headers is JSON else b"")
    assert len(read_tape(collector.wait_for(spans[0].context.trace_id)).steps) == 3


def test_a_body_in_chunks_is_taken(collect):
    collector, client = collect()
    spans = agent_run()
    data = protobuf(spans)
    pieces = (data[at : at + 100] for at in range(0, len(data), 100))
    assert client.post("/v1/traces", content=pieces, headers=PROTOBUF).status_code == 200
    assert len(read_tape(collector.wait_for(spans[0].context.trace_id)).steps) == 3


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs"])
@pytest.mark.parametrize(("headers", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_metrics_and_logs_are_accepted_and_left_unread(client, path, headers, body):
    answer = client.post(path, content=b"anything", headers=headers)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == headers["content-type"]


def test_an_empty_export_is_a_success(client):
    assert client.post("/v1/traces", headers=PROTOBUF).status_code == 200
    assert client.post("/v1/traces", content=b"{}", headers=JSON).json() == {}


def test_rejected_spans_are_a_partial_success_with_the_reason(collect):
    collector, client = collect()
    body = request(raw_span(trace=b"abc"), raw_span())
    answer = ExportTraceServiceResponse.FromString(
        client.post("/v1/traces", content=body, headers=PROTOBUF).content
    )
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message.startswith("span 0: got a trace_id of 3 bytes")
    told = client.post("/v1/traces", content=otlp_json(body), headers=JSON).json()["partialSuccess"]
    assert told["rejectedSpans"] == "1"
    assert "span 0: got a trace_id of" in told["errorMessage"]
    assert (collector.counts["rejected"], collector.counts["spans"]) == (2, 1)


# --- refusals --------------------------------------------------------------------------------------------------------


REFUSED = [
    ("POST", "/v1/traces", PROTOBUF, b"\xff\xff\xff", (400, 3)),
    ("POST", "/v1/traces", {**PROTOBUF, "content-encoding": "gzip"}, b"no gzip", (400, 3)),
    ("GET", "/v1/traces", PROTOBUF, b"", (405, 12)),
    ("POST", "/v1/profiles", PROTOBUF, b"", (404, 5)),
    ("POST", "/", PROTOBUF, b"", (404, 5)),
]


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused[1] + str(refused[4]))
def test_a_refusal_is_a_status_in_protobuf(client, refused):
    method, path, headers, content, (status, code) = refused
    answer = client.request(method, path, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/x-protobuf"
    told = Status.FromString(answer.content)
    assert (told.code, told.message.startswith("got ")) == (code, True)
    assert not told.details
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{**PROTOBUF, "content-encoding": "br"}, {"content-type": "text/plain"}, {}]
)
def test_what_is_not_understood_is_415(client, headers):
    answer = client.post("/v1/traces", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, 3)
    assert ", expected " in answer.json()["message"]


def test_a_refusal_of_json_is_a_status_in_json(client):
    answer = client.post("/v1/traces", content=b"{", headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert "not an ExportTraceServiceRequest in JSON" in answer.json()["message"]
    assert client.get("/v1/traces").headers["allow"] == "POST"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_that_is_too_large_is_413_and_the_connection_lives(collect, chunked, encoding):
    collector, client = collect(max_body_bytes=10_000)
    body = bytes(25_000) if encoding == "identity" else gzip.compress(bytes(25_000))
    content = iter([body]) if chunked else body
    answer = client.post("/v1/traces", content=content, headers={**PROTOBUF, "content-encoding": encoding})
    assert answer.status_code == 413
    assert "10000" in Status.FromString(answer.content).message
    assert client.get("/healthz").status_code == 200
    assert collector.counts["requests"] == 0


def test_when_there_is_no_room_the_sender_is_told_to_come_again(collect):
    collector, client = collect(max_waiting_bytes=100)
    answer = client.post("/v1/traces", content=protobuf(agent_run()), headers=PROTOBUF)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    told, retry = Status.FromString(answer.content), RetryInfo()
    assert told.code == 8
    assert told.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 1
    assert client.post("/v1/traces", content=request(raw_span()), headers=PROTOBUF).status_code == 200
    assert collector.counts["refused"] == 1


def test_when_too_much_is_stored_the_sender_is_told_to_come_again_until_it_is_written(collect):
    collector, client = collect(max_open_spans=2, idle_s=3600, wait_s=3600)
    collector._engine.sweep = lambda: None  # as if the workers had no time
    assert client.post("/v1/traces", content=protobuf(agent_run()), headers=PROTOBUF).status_code == 200
    again = protobuf(agent_run("cd" * 16))
    assert client.post("/v1/traces", content=again, headers=PROTOBUF).status_code == 429
    del collector._engine.sweep
    collector.flush()
    assert client.post("/v1/traces", content=again, headers=PROTOBUF).status_code == 200


def test_a_full_disk_is_503_said_once_and_nothing_is_acknowledged(collect, monkeypatch):
    told = []
    collector, client = collect()
    collector._told = told.append

    def full(_fd, _data):
        raise OSError(28, "No space left on device")

    body = protobuf(agent_run())
    with monkeypatch.context() as broken:
        broken.setattr(_journal, "_write_all", full)
        answers = [client.post("/v1/traces", content=body, headers=PROTOBUF) for _ in range(3)]
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(503, "5")] * 3
    assert Status.FromString(answers[0].content).code == 14
    assert [event.what for event in told] == ["journal"]
    assert client.get("/healthz").json()["failing"] == ["journal"]
    assert client.get("/healthz").status_code == 503
    assert "No space left on device" in told[0].reason
    assert (collector.counts["spans"], collector.counts["not_stored"]) == (0, 9)
    assert client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200
    assert collector.counts["spans"] == 3
    assert client.get("/healthz").json()["status"] == "ok"


def test_a_sender_that_leaves_in_the_middle_costs_nothing(collect):
    collector, client = collect()
    host, port = collector.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sender:
        head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
        sender.sendall(f"{head}content-length: 1000\r\n\r\n".encode() + b"x" * 10)
    assert client.get("/healthz").status_code == 200
    assert collector.counts["requests"] == 0


# --- token and health ------------------------------------------------------------------------------------------------


AUTHORIZATIONS = {
    "Bearer s3cret": 200,
    "bearer  s3cret": 200,
    "Bearer s3cre": 401,
    "Bearer s3crets": 401,
    "Basic s3cret": 401,
    "s3cret": 401,
    "Bearer \xe9": 401,
    "": 401,
}


def test_a_token_is_asked_for_where_one_is_set(collect):
    collector, client = collect(token="s3cret")
    for number, (authorization, status) in enumerate(AUTHORIZATIONS.items(), 1):
        headers = {**PROTOBUF, "authorization": authorization.encode("latin-1")}
        answer = client.post("/v1/traces", content=request(raw_span(span=number)), headers=headers)
        assert answer.status_code == status, authorization
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
            assert Status.FromString(answer.content).code == 16
            assert b"s3c" not in answer.content
            assert client.post("/flush", headers=headers).status_code == 401
            assert client.post("/v1/logs", headers=headers).status_code == 401
    assert collector.counts["spans"] == 2


def test_health_tells_counts_to_who_may_know_them(collect):
    _, client = collect(token="s3cret")
    assert client.get("/healthz").json() == {"status": "ok"}
    told = client.get("/healthz", headers={"authorization": "Bearer s3cret"}).json()
    assert (told["status"], told["spans"], told["open_runs"]) == ("ok", 0, 0)


def test_flush_writes_what_is_there(collect):
    collector, client = collect(idle_s=3600, wait_s=3600)
    spans = agent_run()
    client.post("/v1/traces", content=protobuf(spans[:2]), headers=PROTOBUF)
    told = client.post("/flush").json()
    assert (told["tapes"], told["open_runs"]) == (1, 0)
    assert len(read_tape(collector.wait_for(spans[0].context.trace_id)).steps) == 2


def test_the_other_internet_protocol_is_listened_on_too(collect):
    collector, client = collect(http=address("[::1]:0"))
    assert collector.endpoint.startswith("http://[::1]:")
    assert client.get("/healthz").status_code == 200


def test_answers_in_two_pieces_are_not_held_back():
    with (
        open_socket(address("127.0.0.1:0"), "http") as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_health_is_json(client):
    answer = client.get("/healthz")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.content)["status"] == "ok"
