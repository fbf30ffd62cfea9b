"""One call crossing a seam: sans-I/O, the same for every library, sync and async.

A seam calls `open_crossing` before the call, `answered` with the response's head, `arrived` with each chunk, and
`end` once at the end. While tracing, nothing here raises into the program; while replaying, a call is answered
from the tape or fails, and never goes on to the network.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import Token
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context

from spantape import _guard, _state
from spantape._model import End, Failure, Headers, Response
from spantape._spans.call import Call, Outcome
from spantape._spans.exchange import ExchangeSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from spantape._seams.served import Served
    from spantape._session import Session
    from spantape._spans.target import Target
    from spantape.tape.model import ExchangeStep


class Crossing:
    """One call in flight, with its span in each target. `served` is the step that answers it, if a tape does.

    `context` is the one to make the call in, None where nothing changes. `chunks` and `arrivals_ns` are the pieces of
    the response body as they came over the wire, and when (`time.perf_counter_ns`).
    """

    def __init__(self, call: Call, targets: Sequence[Target], session: Session | None) -> None:
        self.call = call
        self.served: Served | None = None
        self.chunks: list[bytes] = []
        self.arrivals_ns: list[int] = []
        self._session = session
        self._sent: list[bytes] = []
        self._status: int | None = None
        self._headers: Headers = ()
        self._failure: Failure | None = None
        self._ended = False
        self._lock = threading.Lock()
        self._spans = [span for target in targets if (span := _guard.guarded(ExchangeSpan, target, call))]
        self.context: Context | None = None
        for span in self._spans:
            if span.ambient:
                self.context = span.context
                break
        self._started = time.perf_counter_ns()
        if session is not None:
            session.opened(self)

    def sending(self, chunk: bytes) -> None:
        """Note a piece of a request body that is streamed out."""
        self._sent.append(chunk)

    def answered(self, status: int, headers: Headers) -> None:
        """Note the head of the response."""
        self._status, self._headers = status, headers

    def arrived(self, chunk: bytes) -> None:
        """Note a piece of the response body, as it came over the wire."""
        self.chunks.append(chunk)
        self.arrivals_ns.append(time.perf_counter_ns())

    @property
    def ended(self) -> bool:
        """Whether the span has ended."""
        return self._ended

    def end(self, end: End, error: BaseException | None = None) -> None:
        """End the spans; only the first call counts."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        _guard.guarded(self._finish, end, error)
        self.chunks, self.arrivals_ns = [], []
        if self._session is not None:
            self._session.closed(self)

    def replay(self, step: ExchangeStep) -> None:
        """End the spans with what the tape holds; they say that it was replayed."""
        if not self._spans:
            return
        response = step.response
        if response is not None:
            self.answered(response.status, response.headers)
            self.chunks = list(pieces(response))
            self.arrivals_ns = [self._started + time_ns for time_ns in response.chunk_times_ns]
        self._failure = step.error
        self.end(step.end)

    def _finish(self, end: End, error: BaseException | None) -> None:
        failure = self._failure if error is None else failure_of(error)
        started = self._started
        times_ns = [arrival - started for arrival in self.arrivals_ns]
        outcome = Outcome(self._status, self._headers, self.chunks, times_ns, end, failure)
        try:
            outcome.settle(self.call.undoes)
        finally:
            sent = b"".join(self._sent) if self.call.body is None else None
            for span in self._spans:
                _guard.guarded(span.finish, outcome, sent)


def open_crossing(call: Call) -> Crossing | None:
    """The crossing of `call`, None where nobody records it: the call then goes on as if we were not there.

    Where nothing is replayed, the seam guards it: what fails in here is our mistake.

    Raises:
        Miss: the call is replayed, and the tape does not hold it.
    """
    session = _state.current_session()
    if session is not None and session.replays:
        return None if suppressed() and not _is_model_call(call) else session.cross(call)
    return _record(call, session)


def _is_model_call(call: Call) -> bool:
    call.settle()
    return call.is_model_call()


_SUPPRESS = (
    otel_context._SUPPRESS_INSTRUMENTATION_KEY,  # noqa: SLF001 - the one spelling that all instrumentations share
    otel_context._SUPPRESS_HTTP_INSTRUMENTATION_KEY,  # noqa: SLF001
    "suppress_instrumentation",  # what older packages set
)


def suppressed() -> bool:
    """Whether the program asked instrumentations to look away here, as exporters do for their own requests.

    Telemetry then stays silent. A tape still wants the calls to models: without them the run does not replay.
    """
    context = otel_context.get_current()
    return bool(context) and any(context.get(key) for key in _SUPPRESS)


def _record(call: Call, session: Session | None) -> Crossing | None:
    call.settle()
    if not suppressed():
        targets = wanted_targets(call, session)
    else:
        targets = session.targets if session is not None and call.is_model_call() else []
    return Crossing(call, targets, session) if targets else None


def wanted_targets(call: Call, session: Session | None) -> list[Target]:
    """The targets that want a span of `call`, the program's own first."""
    targets = []
    if _state.STATE.target is not None:
        targets.append(_state.STATE.target)
    if session is not None:
        targets.extend(session.targets)
    return [target for target in targets if target.everything or call.is_model_call()]


def failure_of(error: BaseException) -> Failure:
    """`error` as data; its message is empty where its own `__str__` fails."""
    return Failure(qualified_name(error), _guard.guarded(str, error) or "")


def qualified_name(error: BaseException) -> str:
    """The class of `error` with its module."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def pieces(response: Response) -> Iterator[bytes]:
    """The body of a recorded response in the chunks in which it came."""
    at = 0
    for length in response.chunks or (len(response.body),):
        yield response.body[at : at + length]
        at += length


# --- responses that nobody reads, closes or keeps ----------------------------------------------------------------

_Ending = tuple[Crossing | None, End, BaseException | None, threading.Event]
_endings: queue.SimpleQueue[_Ending] = queue.SimpleQueue()
_reaper: threading.Thread | None = None
_REAP_WAIT_SECONDS = 0.05
_SETTLE_WAIT_SECONDS = 5.0


def abandon(crossing: Crossing) -> None:
    """End the spans of a response that was dropped; called from `__del__`.

    The garbage collector may run anywhere, also while this thread holds an exporter's lock, so another thread does
    it; this one waits a moment for it, and goes on where that thread in turn waits for such a lock.
    """
    if crossing.ended or sys.is_finalizing():
        return
    done = _hand_over(crossing, "abandoned", None)
    if not _guard.inside():  # else that thread wants a lock that this one holds
        done.wait(_REAP_WAIT_SECONDS)


def _hand_over(crossing: Crossing | None, end: End, error: BaseException | None) -> threading.Event:
    """Let another thread end the spans; the event says when it has."""
    done = threading.Event()
    _endings.put((crossing, end, error, done))
    _ensure_reaper()
    return done


def settle() -> None:
    """Wait until the spans that another thread is ending have ended."""
    if _reaper is not None and _reaper.is_alive() and not _guard.inside():
        _hand_over(None, "abandoned", None).wait(_SETTLE_WAIT_SECONDS)


def abandon_all(crossings: Sequence[Crossing]) -> None:
    """End the spans of calls that are still in flight when their block is left."""
    settle()
    for crossing in crossings:
        ended(crossing, "abandoned")


def _ensure_reaper() -> None:
    global _reaper  # noqa: PLW0603 - one thread for the process, started when it is first needed
    if _reaper is None or not _reaper.is_alive():
        _reaper = threading.Thread(target=_reap, name="spantape-reaper", daemon=True)
        _reaper.start()


def _reap() -> None:
    while True:
        crossing, end, error, done = _endings.get()
        if crossing is not None:
            ended(crossing, end, error)
        done.set()
        del crossing, error, done


class Around:
    """Make the call within: its span is current, and an exception ends it. Fails for nobody."""

    __slots__ = ("_crossing", "_token")

    def __init__(self, crossing: Crossing) -> None:
        self._crossing = crossing
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        if self._crossing.context is not None:
            self._token = _guard.guarded(otel_context.attach, self._crossing.context)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if error is not None:  # not an Exception: cancelled or interrupted, so the program left
                ended(self._crossing, "error" if isinstance(error, Exception) else "closed", error)
        finally:
            if self._token is not None:
                otel_context.detach(self._token)  # logs what fails in it


def ended(crossing: Crossing, end: End, error: BaseException | None = None) -> None:
    """End the crossing's spans; fails for nobody."""
    if crossing.ended or sys.is_finalizing():  # nothing can be imported or written any more
        return
    if _guard.inside():
        _hand_over(crossing, end, error)
    else:
        _guard.entered(crossing.end, end, error)
