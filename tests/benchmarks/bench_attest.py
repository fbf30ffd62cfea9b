"""Measures attesting: reading, verifying, attesting and proving tapes of 1,000 and 10,000 steps.

Run by hand: `python tests/benchmarks/bench_attest.py [steps …]`. Every other step is a model call that resends a
history of up to 40 messages, the others are tool calls; each number is the best of three, in seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from spantape._model import Exchange, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.attest import attest, prove, verify, verify_proof
from spantape.rerun.keys import PrivateKey
from spantape.tape.model import Span
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from spantape.tape.write import write_tape

RUN = "5eed" * 8
URL = "https://api.example.com/v1/chat/completions"
JSON = (("content-type", "application/json"),)


def spans(steps: int) -> Iterator[Span]:
    """The spans of the run."""
    messages: list[dict[str, str]] = []
    before = None
    for index in range(steps):
        if index % 2:
            called = {
                names.KIND: "tool",
                names.TOOL_NAME: "search",
                names.ARGUMENTS: json.dumps({"n": index}),
            }
            yield span(index, called | {names.RESULT: json.dumps({"text": "found it " * 10})})
            continue
        if index % 40 == 0:
            messages, before = [], None
        messages = [*messages, {"role": "user", "content": f"question {index} " * 8}]
        body = json.dumps({"model": "m", "messages": messages}).encode()
        answer = json.dumps({"id": f"{index:x}", "content": f"answer {index} " * 30}).encode()
        recorded = Exchange(Request("POST", URL, JSON, body), Response(200, JSON, answer))
        yield span(index, {names.KIND: "exchange"} | write_exchange(recorded, before))
        messages, before = [*messages, {"role": "assistant", "content": f"answer {index} " * 30}], body


def span(index: int, attributes: dict[str, object]) -> Span:
    """One span of the run."""
    own = {names.RUN_ID: RUN, names.STEP: index, **attributes}
    started = 1_700_000_000_000_000_000 + index * 1000
    return Span("ab" * 16, f"{index + 1:016x}", "", "step", started, started + 500, own, scope=names.SCOPE)


def best(call: Callable[[], object]) -> float:
    """The shortest of three times, in seconds."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def main(sizes: list[int]) -> None:
    """Print one line a size."""
    key = PrivateKey(bytes(32))
    with tempfile.TemporaryDirectory() as folder:
        for steps in sizes:
            path = Path(folder) / f"{steps}.tape"
            write_tape(path, spans(steps), name="bench", run_id=RUN)
            envelope = attest(path, key)
            proof = prove(path, steps // 2, attestation=envelope)
            measured = {
                "read": best(lambda path=path: read_tape(path)),
                "verify tape": best(lambda path=path: verify_tape(path)),
                "attest": best(lambda path=path: attest(path, key)),
                "verify attested": best(
                    lambda path=path, envelope=envelope: verify(path, [key.public], attestation=envelope)
                ),
                "verify proof": best(lambda proof=proof: verify_proof(proof, [key.public])),
            }
            told = ", ".join(f"{name} {seconds:.4f}" for name, seconds in measured.items())
            print(f"{steps:>6} steps: {told}; proof {len(proof.to_json()):,} bytes")


if __name__ == "__main__":
    main([int(steps) for steps in sys.argv[1:]] or [1_000, 10_000])
