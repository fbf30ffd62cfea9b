"""What the demo claims, checked against what it left behind."""

from __future__ import annotations

import json
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from google.protobuf import json_format  # type: ignore[import-untyped]  # it ships no types

from spantape._model import digest
from spantape.demo.receipt import Check, DemoReceipt
from spantape.errors import PartialTapeWarning
from spantape.player.receipt import Receipt as Replayed
from spantape.tape.diff import diff
from spantape.tape.model import ExchangeStep, Tape
from spantape.tape.read import read_tape
from spantape.tape.verify import Receipt, verify_tape


@dataclass(frozen=True, slots=True)
class Live:
    """The live run: its answer, what the guard saw, the OTLP requests, and what the model server was sent."""

    answer: str
    network: tuple[str, ...]
    exports: tuple[bytes, ...]
    sent: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """The replayed run: its answer, what the guard saw, and how the tape was used."""

    answer: str
    network: tuple[str, ...]
    receipt: Replayed


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen; `secrets` must be nowhere, and nobody may listen at `addresses` any more."""

    tape: Path
    second: Path
    collected: Path
    live: Live
    replay: Replay
    miss: str
    secrets: tuple[str, ...]
    addresses: Iterable[str]


def collector_lines(exports: Iterable[Any]) -> Iterator[str]:
    """Received OTLP requests as a collector's file exporter writes them: one JSON document a line."""
    for export in exports:
        yield json.dumps(json_format.MessageToDict(export), separators=(",", ":"))


def receipt(seen: Seen, *, question: str, seconds: Callable[[], float]) -> DemoReceipt:
    """The receipt of the demo; a check that cannot be made raises as reading or verifying a tape does."""
    proven, second = verify_tape(seen.tape), verify_tape(seen.second)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartialTapeWarning)  # a collector's file has no seal
        collected = read_tape(seen.collected)
    tape = read_tape(seen.tape)
    used = seen.replay.receipt
    checks = (
        *_recorded(seen, proven, tape, collected),
        *_replayed(seen, proven, second),
        _negative_control(seen.miss),
    )
    return DemoReceipt(
        tape=str(seen.tape),
        second_tape=str(seen.second),
        collected=str(seen.collected),
        steps=proven.steps,
        requests=len(_exchanges(tape)),
        bytes=proven.bytes,
        fingerprint=proven.fingerprint,
        second_fingerprint=second.fingerprint,
        answered=used.answered,
        live_connections=len(seen.live.network),
        replay_connections=len(seen.replay.network),
        seconds=seconds(),
        question=question,
        answer=seen.live.answer,
        miss=seen.miss,
        checks=checks,
    )


def _recorded(seen: Seen, proven: Receipt, tape: Tape, collected: Tape) -> list[Check]:
    exchanges, received = _exchanges(tape), _exchanges(collected)
    bodies = sum(_bodies(one) == _bodies(other) for one, other in zip(exchanges, received, strict=False))
    sent = [secret for secret in seen.secrets if secret.encode() in seen.live.sent]
    found = [
        secret for secret in seen.secrets if _is_in(secret, [*_stored(seen), *_rebuilt(tape, collected)])
    ]
    live = len(seen.live.network)
    return [
        Check("the live run used the network", live > 0, f"the guard saw {live} look-ups and connections"),
        Check(
            "the tape is sealed and whole",
            proven.sealed,
            f"{proven.bodies} bodies of {proven.bytes:,} bytes, each with its sha256",
        ),
        Check(
            "OTLP brought the same bytes",
            bodies == len(exchanges) == len(received) > 0,
            f"{bodies} of {len(exchanges)} requests and responses equal, {sum(map(len, seen.live.exports)):,} bytes of OTLP",
        ),
        Check(
            "OTLP has the tape's fingerprint",
            collected.fingerprint == tape.fingerprint,
            f"{collected.fingerprint[:16]}…",
        ),
        Check(
            "no key and no e-mail address was recorded",
            len(sent) == len(seen.secrets) and not found,
            f"the server got {len(sent)} secrets; {len(found)} are in the tape, in OTLP or in a rebuilt body",
        ),
    ]


def _replayed(seen: Seen, proven: Receipt, second: Receipt) -> list[Check]:
    used, answers = seen.replay.receipt, seen.replay.answer == seen.live.answer
    network = len(seen.replay.network)
    differences = diff(seen.tape, seen.second)
    return [
        Check(
            "the server is gone",
            not any(map(_listens, seen.addresses)),
            f"nobody listens at {', '.join(seen.addresses)}",
        ),
        Check("the replay gave the same answer", answers, f"{len(seen.replay.answer)} characters"),
        Check(
            "every step was asked for again",
            used.answered == used.steps == proven.steps and not used.misses,
            f"{used.answered} of {used.steps}",
        ),
        Check("network calls while replaying: 0", network == 0, f"the guard saw {network}"),
        Check(
            "the replay's own tape is the same",
            second.fingerprint == proven.fingerprint and not differences,
            f"{second.fingerprint[:16]}… against {proven.fingerprint[:16]}…",
        ),
    ]


def _negative_control(miss: str) -> Check:
    named = "messages[1].content" in miss and "warmer" in miss and "colder" in miss
    return Check(
        "a changed prompt misses, and the place is named", named, "messages[1].content" if named else miss
    )


def _exchanges(tape: Tape) -> list[ExchangeStep]:
    return [step for step in tape.steps if isinstance(step, ExchangeStep)]


def _bodies(step: ExchangeStep) -> tuple[str, str]:
    response = step.response
    return digest(step.request_body()), digest(response.body if response else b"")


def _stored(seen: Seen) -> Iterator[bytes]:
    """The bytes that are on disk and that went over the wire, unpacked."""
    yield from seen.live.exports
    yield seen.collected.read_bytes()
    for path in (seen.tape, seen.second):
        yield zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()


def _rebuilt(*tapes: Tape) -> Iterator[bytes]:
    """What the spans give back: bodies, headers, arguments and results."""
    for tape in tapes:
        for step in tape.steps:
            if isinstance(step, ExchangeStep):
                response = step.response
                headers = (*step.request_headers, *(response.headers if response else ()))
                yield from (step.request_body(), response.body if response else b"", repr(headers).encode())
            else:
                yield json.dumps([step.arguments, step.result]).encode()


def _is_in(secret: str, texts: Sequence[bytes]) -> bool:
    return any(secret.encode() in text for text in texts)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
