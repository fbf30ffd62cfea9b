"""Measures `spantape collect` under load: 16 clients that send agents' runs over OTLP/HTTP, checked by digest.

Run by hand: `python tests/benchmarks/bench_collect.py [--seconds 10] [--rate 2000] [--clients 16] [--kill]`. The
collector is a process of its own, the clients are threads of this one, each with a connection of its own. Every run
is an agent with `--turns` exchanges, and is sent in requests of `--batch` spans, as a batch processor does it. At the
end every tape is read and verified, and the sha256 over the digests of all bodies that were sent is compared with the
one over all that are on tapes. With `--kill`, the collector is killed (SIGKILL) half-way and started again; clients
send again what was not acknowledged.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantape._model import Exchange, Request, Response, digest
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.tape.read import read_tape

_URL = "https://api.example.com/v1/chat/completions"
_HEADERS = (("content-type", "application/json"),)
_WORDS = [
    f"{a}{b}" for a in ("ta", "re", "mo", "li", "su", "ne") for b in ("n", "ster", "", "ving", "dle", "p")
]


def run_spans(run: str, turns: int, chance: random.Random) -> list[ReadableSpan]:
    """The spans of an agent that makes `turns` exchanges and resends its history; its own span is the last."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_attributes=SpanLimits.UNSET), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("spantape", "1.0")
    agent = {names.KIND: "agent", names.RUN_ID: run, names.AGENT_NAME: "bench", names.ARGUMENTS: "{}"}
    before, history = None, []
    with tracer.start_as_current_span("invoke_agent bench", attributes=agent | {names.RESULT: "null"}):
        for turn in range(turns):
            history.append(
                {"role": "user", "content": " ".join(chance.choices(_WORDS, k=120)), "n": chance.random()}
            )
            body = json.dumps({"model": "m", "messages": history}).encode()
            answer = json.dumps(
                {"choices": [{"message": {"content": " ".join(chance.choices(_WORDS, k=90))}}]}
            )
            exchange = Exchange(
                Request("POST", _URL, _HEADERS, body), Response(200, _HEADERS, answer.encode())
            )
            own = {names.KIND: "exchange", names.RUN_ID: run, names.STEP: turn + 1, names.OPERATION: "chat"}
            own |= {
                names.REQUEST_MODEL: "m",
                "gen_ai.usage.input_tokens": 90 * turn,
                names.PROVIDER: "openai",
            }
            tracer.start_span("chat m", attributes=own | write_exchange(exchange, before)).end()
            before = body
    return list(kept.get_finished_spans())


class Load:
    """Requests made beforehand, so that the clients cost little while the collector is measured."""

    def __init__(self, spans: int, turns: int, batch: int, clients: int) -> None:
        runs = max(spans // (turns + 1), clients)
        self.runs = runs
        self.requests: list[list[tuple[bytes, int]]] = [[] for _ in range(clients)]
        for client in range(clients):
            self.requests[client] = list(self._requests(range(client, runs, clients), turns, batch))
        self.spans = sum(count for requests in self.requests for _, count in requests)
        self.bytes = sum(len(body) for requests in self.requests for body, _ in requests)

    def _requests(self, runs: range, turns: int, batch: int) -> Iterator[tuple[bytes, int]]:
        waiting: list[ReadableSpan] = []
        for number in runs:
            waiting += run_spans(hashlib.md5(b"%d" % number).hexdigest(), turns, random.Random(number))
            while len(waiting) >= batch:
                yield encode_spans(waiting[:batch]).SerializeToString(), batch
                del waiting[:batch]
        if waiting:
            yield encode_spans(waiting).SerializeToString(), len(waiting)

    def digests(self, turns: int) -> str:
        """The sum over the bodies that are sent."""
        found = []
        for number in range(self.runs):
            spans = run_spans(hashlib.md5(b"%d" % number).hexdigest(), turns, random.Random(number))
            for span in spans:
                attributes = span.attributes or {}
                if names.REQUEST_DIGEST in attributes:
                    found += [str(attributes[names.REQUEST_DIGEST]), str(attributes[names.RESPONSE_DIGEST])]
        return total(found)


def total(digests: list[str]) -> str:
    """One sha256 over many, in any order."""
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


class Client(threading.Thread):
    """Sends its requests at its share of the rate, each until it is acknowledged."""

    def __init__(self, port: int, requests: list[tuple[bytes, int]], rate: float, packed: bool) -> None:
        super().__init__()
        self.port, self.requests, self.rate, self.packed = port, requests, rate, packed
        self.latencies_s: list[float] = []
        self.again = 0

    def run(self) -> None:
        started, sent = time.perf_counter(), 0
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for body, count in self.requests:
            ahead_s = sent / self.rate - (time.perf_counter() - started)
            if ahead_s > 0:
                time.sleep(ahead_s)
            self._send(connection, gzip.compress(body, 1) if self.packed else body)
            sent += count

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        headers = {"content-type": "application/x-protobuf"}
        if self.packed:
            headers["content-encoding"] = "gzip"
        began = time.perf_counter()
        while True:
            try:
                connection.request("POST", "/v1/traces", body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    break
                time.sleep(float(answer.headers.get("retry-after", "1")))
            except (OSError, http.client.HTTPException):
                connection.close()
                time.sleep(0.2)
            self.again += 1
        self.latencies_s.append(time.perf_counter() - began)


class Collect:
    """`spantape collect` in a process of its own."""

    def __init__(self, directory: Path, port: int, arguments: list[str]) -> None:
        command = [
            sys.executable,
            "-m",
            "spantape",
            "collect",
            "--grpc",
            "off",
            "--json",
            "-o",
            str(directory),
        ]
        self.process = subprocess.Popen(
            [*command, "--http", f"127.0.0.1:{port}", *arguments], stdout=subprocess.PIPE, text=True
        )
        self.events: list[dict[str, object]] = []
        self.listening = threading.Event()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        if not self.listening.wait(60):
            raise RuntimeError("the collector does not listen")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == "listening":
                self.listening.set()

    def counts(self, port: int) -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/healthz")
        counts: dict[str, int] = json.loads(connection.getresponse().read())
        return counts

    def peak_mb(self) -> float:
        """The most memory that the receiving process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def cpu_s(self) -> float:
        """CPU seconds of the receiving process."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def on_tapes(directory: Path) -> tuple[int, int, str]:
    """How many tapes and steps there are, and the sum over all their bodies, each rebuilt and checked."""
    found, tapes, steps = [], 0, 0
    for path in directory.glob("*.tape"):
        tape = read_tape(path)
        tapes, steps = tapes + 1, steps + len(tape.steps)
        for step in tape.steps:
            if step.kind == "exchange":
                response = step.response
                assert response is not None
                found += [digest(step.request_body()), digest(response.body)]
    return tapes, steps, total(found)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=2000, help="spans per second")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--turns", type=int, default=19)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("collect", nargs="*", help="more arguments of `spantape collect`, after --")
    given = parser.parse_args()
    load = Load(int(given.rate * given.seconds), given.turns, given.batch, given.clients)
    print(
        f"{load.spans} spans of {load.runs} runs, {load.bytes / load.spans:.0f} bytes each, {given.clients} clients"
    )
    with tempfile.TemporaryDirectory() as scratch:
        measure(given, load, Path(scratch))


def measure(given: argparse.Namespace, load: Load, directory: Path) -> None:
    """Send the load, stop the collector, and compare."""
    port = free_port()
    more = ["--idle", "1", *given.collect]
    collect = Collect(directory, port, more)
    clients = [Client(port, requests, given.rate / given.clients, given.gzip) for requests in load.requests]
    began = time.perf_counter()
    for client in clients:
        client.start()
    if given.kill:
        time.sleep(given.seconds / 2)
        collect.process.send_signal(signal.SIGKILL)
        collect.process.wait()
        collect = Collect(directory, port, more)
        print("killed and started again:", next(e for e in collect.events if e["event"] == "recovered"))
    for client in clients:
        client.join()
    sending_s = time.perf_counter() - began
    counts, peak_mb, cpu_s = collect.counts(port), collect.peak_mb(), collect.cpu_s()
    ending = time.perf_counter()
    collect.process.send_signal(signal.SIGTERM)
    code = collect.process.wait()
    collect.reader.join()
    ending_s = time.perf_counter() - ending
    latencies = sorted(latency for client in clients for latency in client.latencies_s)
    print(
        f"sent in {sending_s:.1f} s: {load.spans / sending_s:.0f} spans/s, {load.bytes / sending_s / 1e6:.1f} MB/s"
    )
    print(
        f"acknowledged after {1000 * latencies[len(latencies) // 2]:.1f} ms (median), "
        f"{1000 * latencies[len(latencies) * 99 // 100]:.1f} ms (99 %), {1000 * latencies[-1]:.1f} ms (most); "
        f"sent again: {sum(client.again for client in clients)}"
    )
    print(f"receiving process: {cpu_s:.1f} s of CPU, {peak_mb:.0f} MB at most; {counts}")
    print(f"ended with {code} {ending_s:.1f} s after the last request")
    tapes, steps, got = on_tapes(directory)
    size = sum(path.stat().st_size for path in directory.glob("*.tape"))
    sent = load.digests(given.turns)
    print(f"{tapes} tapes, {steps} steps, {size / 1e6:.1f} MB; bodies sent {sent[:16]}, on tapes {got[:16]}")
    lost = load.spans - steps
    print("none lost" if sent == got and lost == 0 else f"LOST: {lost} spans, digests differ: {sent != got}")
    sys.exit(sent != got or lost != 0 or code)


if __name__ == "__main__":
    main()
