"""Spans sent to an OTLP endpoint in batches: retried where it asks for that, with everything that it rejects counted.

See: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling>
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from spantape.tape.outward.endpoint import Endpoint
from spantape.tape.outward.otlp_json import document_line
from spantape.tape.outward.packing import packed
from spantape.tape.outward.source import Document
from spantape.tape.outward.transport import Answer, Transport, transport_to

BATCH_BYTES: Final = 4 * (1 << 20) - (64 << 10)
"""What a request holds at most, of several spans: receivers of gRPC take 4 MiB where nothing else is set."""
BATCH_SPANS: Final = 512
ATTEMPTS: Final = 6
_LONGEST_S: Final = 60.0
_TOLD: Final = 5

Wait = Callable[[float], None]


@dataclass(slots=True)
class Sent:
    """What became of the spans.

    `rejected` are those refused, or dropped of a request that was taken; `unsent` those that did not reach the endpoint,
    since it could not be reached any more. `messages` are what it said, each once, at most a few.
    """

    taken: int = 0
    rejected: int = 0
    unsent: int = 0
    requests: int = 0
    retries: int = 0
    messages: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All spans that were to be sent."""
        return self.taken + self.rejected + self.unsent

    @property
    def complete(self) -> bool:
        """Whether every span was taken."""
        return not self.rejected and not self.unsent

    def told(self, message: str) -> None:
        """Keep what the endpoint said."""
        if message and message not in self.messages and len(self.messages) < _TOLD:
            self.messages.append(message)


def send(
    documents: Iterable[Document],
    endpoint: Endpoint,
    *,
    transport: Transport | None = None,
    wait: Wait = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> Sent:
    """What became of the spans in `documents`, sent to `endpoint` in their order.

    A request that is to come again is sent up to six times, behind the time that the endpoint asks for, else behind one
    that doubles from a second; `wait` waits, and `jitter` gives numbers in [0, 1) that spread senders. One that is too
    large is halved. Where one cannot be delivered at all, the rest is not tried.
    """
    form = _FORMS["json" if endpoint.protocol == "http/json" else "protobuf"]
    sender = _Sender(transport or transport_to(endpoint), form, wait, jitter)
    pending = batches(_piece(document, form) for document in documents)
    try:
        for batch in pending:
            if not sender.deliver(batch):
                sender.sent.unsent += sum(map(len, pending))  # which ends the loop
    finally:
        sender.transport.close()
    return sender.sent


def _piece(document: Document, form: _Form) -> bytes:
    """A span as it is sent: as it is, or with its payloads packed where it would be too large for a request."""
    piece = form.piece(document)
    return piece if len(piece) <= BATCH_BYTES else form.piece(packed(document))


def batches(
    pieces: Iterable[bytes], *, limit: int = BATCH_BYTES, count: int = BATCH_SPANS
) -> Iterator[list[bytes]]:
    """`pieces` in order, in lists that hold at most `limit` bytes and `count` of them; a larger one is alone."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        if held and (size + len(piece) > limit or len(held) >= count):
            yield held
            held, size = [], 0
        held.append(piece)
        size += len(piece)
    if held:
        yield held


class _Form(NamedTuple):
    """How a span is written, and how those of one request are put together."""

    piece: Callable[[Document], bytes]
    join: Callable[[Sequence[bytes]], bytes]


def _proto_piece(document: Document) -> bytes:
    from spantape.tape.outward.otlp_proto import serialized

    return serialized(document)


def _json_piece(document: Document) -> bytes:
    """The group of a span, as a member of the list of groups that a request is."""
    (group,) = document["resourceSpans"]
    return document_line(group).rstrip()


def _json_join(pieces: Sequence[bytes]) -> bytes:
    return b'{"resourceSpans":[' + b",".join(pieces) + b"]}"


_FORMS: Final = {"protobuf": _Form(_proto_piece, b"".join), "json": _Form(_json_piece, _json_join)}


class _Sender:
    """Requests to one endpoint, and what became of them."""

    def __init__(self, transport: Transport, form: _Form, wait: Wait, jitter: Callable[[], float]) -> None:
        self.transport = transport
        self.sent = Sent()
        self._join = form.join
        self._wait = wait
        self._jitter = jitter

    def deliver(self, pieces: Sequence[bytes]) -> bool:
        """Whether the endpoint could be reached with these spans, taken or not."""
        answer = self._tried(self._join(pieces))
        if answer.outcome == "too large" and len(pieces) > 1:
            middle = len(pieces) // 2
            if self.deliver(pieces[:middle]):
                return self.deliver(pieces[middle:])
            self.sent.unsent += len(pieces) - middle
            return False
        self.sent.told(answer.message)
        if answer.outcome == "later":
            self.sent.unsent += len(pieces)
            return False
        rejected = min(answer.rejected, len(pieces)) if answer.outcome == "taken" else len(pieces)
        self.sent.rejected += rejected
        self.sent.taken += len(pieces) - rejected
        return True

    def _tried(self, data: bytes) -> Answer:
        """The answer to a request, sent again while that may help."""
        for attempt in range(ATTEMPTS):
            self.sent.requests += 1
            answer = self.transport.send(data)
            pause = self._pause(answer, attempt)
            if answer.outcome != "later" or attempt == ATTEMPTS - 1 or pause > _LONGEST_S:
                break
            self.sent.retries += 1
            self._wait(pause)
        return answer

    def _pause(self, answer: Answer, attempt: int) -> float:
        """The seconds until the next attempt; never nothing, whatever the endpoint says."""
        spread = float(2**attempt) * (0.8 + 0.4 * self._jitter())
        return spread if answer.after_s is None else max(answer.after_s, spread / 10)
