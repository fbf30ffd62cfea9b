"""A tape in memory: one run as its steps, in order of start.

`Span` is one recorded span as plain data, whatever it came from; a step is what such a span means. Large
request bodies are rebuilt when they are asked for, so a tape of many turns costs memory in proportion to what
is new in each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from spantape._model import End, Exchange, Failure, Headers, Json, Request, Response

Value = None | bool | int | float | str | bytes | Sequence["Value"] | Mapping[str, "Value"]
"""What an attribute may hold: OTLP's AnyValue."""

Kind = Literal["exchange", "tool", "agent"]


@dataclass(frozen=True, slots=True)
class Span:
    """One recorded span. Ids are lowercase hex, "" for none; times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, Value]
    kind: int = 0
    status_code: int = 0
    status_message: str = ""
    links: tuple[Mapping[str, Value], ...] = ()
    events: tuple[Mapping[str, Value], ...] = ()
    dropped_attributes: int = 0
    scope: str = ""
    resource: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExchangeStep:
    """One HTTP exchange.

    `request_digest` and `response_digest` are sha256 hex of the bodies as recorded (redacted where redaction was
    on), "" where none was recorded; `response_digest` and `status` are None where no response came.
    """

    index: int
    span: Span = field(repr=False)
    parent: int | None  # index of the agent or tool step that this one ran under
    method: str
    url: str
    request_headers: Headers
    request_digest: str
    request_size: int
    status: int | None
    response_digest: str | None
    end: End
    error: Failure | None
    dialect: str | None
    load_body: Callable[[], bytes] = field(repr=False, compare=False)
    load_response: Callable[[], Response | None] = field(repr=False, compare=False)
    kind: Literal["exchange"] = "exchange"

    def request_body(self) -> bytes:
        """The request body, rebuilt from its bases and checked by its digest.

        Raises:
            MissingBase: a base is not on the tape.
            NotReplayable: the body was never recorded, or lost on its way.
            TapeDamaged: the rebuilt body does not have the recorded digest.
        """
        return self.load_body()

    @property
    def response(self) -> Response | None:
        """The response with its body, checked by its digest; None where none came.

        Raises:
            NotReplayable: the body was never recorded, or lost on its way.
            TapeDamaged: the body does not decode, or does not have the recorded digest.
        """
        return self.load_response()

    def exchange(self) -> Exchange:
        """The whole exchange; `Raises` as `request_body` and `response`."""
        request = Request(self.method, self.url, self.request_headers, self.request_body())
        return Exchange(request, self.response, self.end, self.error)


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One call of a decorated tool: arguments by name, and its result or its error, as JSON values.

    `result_type` is "value", or "generator"/"async_generator" where `result` is the list of what was yielded.
    """

    index: int
    span: Span = field(repr=False)
    parent: int | None
    name: str
    result_type: str
    error: Failure | None
    load_arguments: Callable[[], Json] = field(repr=False, compare=False)
    load_result: Callable[[], Json] = field(repr=False, compare=False)
    kind: Literal["tool"] = "tool"

    @property
    def arguments(self) -> Json:
        """The arguments by name.

        Raises:
            NotReplayable: they were never recorded, or lost on their way.
            TapeDamaged: they are not JSON.
        """
        return self.load_arguments()

    @property
    def result(self) -> Json:
        """What the call gave back, None where it raised; `Raises` as `arguments`."""
        return self.load_result()


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One call of a decorated agent; its own steps have it as their `parent`."""

    index: int
    span: Span = field(repr=False)
    parent: int | None
    name: str
    callable: str | None
    error: Failure | None
    load_arguments: Callable[[], Json] = field(repr=False, compare=False)
    load_result: Callable[[], Json] = field(repr=False, compare=False)
    kind: Literal["agent"] = "agent"

    @property
    def arguments(self) -> Json:
        """The arguments by name; `Raises` as `ToolStep.arguments`."""
        return self.load_arguments()

    @property
    def result(self) -> Json:
        """What the call gave back, None where it raised; `Raises` as `ToolStep.arguments`."""
        return self.load_result()


Step = ExchangeStep | ToolStep | AgentStep


@dataclass(frozen=True, slots=True)
class Draw:
    """One nondeterministic value that the program read: no step, but part of what the run did.

    `source` says where from (`clock`, `uuid`, `random`); `before` is the number of steps that had begun when it was
    read, so draws and steps have one order. Draws of one source are read in the order in which they stand.
    """

    index: int
    span: Span = field(repr=False)
    before: int
    source: str
    load_value: Callable[[], Json] = field(repr=False, compare=False)

    @property
    def value(self) -> Json:
        """The value that was read.

        Raises:
            NotReplayable: it was never recorded, or lost on its way.
            TapeDamaged: it is not JSON.
        """
        return self.load_value()


@dataclass(frozen=True, slots=True)
class Tape:
    """One run, read from a file or from spans.

    `path` is None for a tape that is in no file. `sealed` is False for a recording that was cut short; `notes` then say what was dropped. `fingerprint` is the
    sha256 chain over the steps and draws (`spantape.tape.fingerprint`), the same on any machine for the same behaviour.
    `spans` are all that the tape holds, also those that are no step, in order of start.
    """

    path: str | None
    run_id: str
    name: str
    steps: tuple[Step, ...] = field(repr=False)
    fingerprint: str
    sealed: bool
    notes: tuple[str, ...] = ()
    resource: Mapping[str, Value] = field(default_factory=dict)
    spans: tuple[Span, ...] = field(default=(), repr=False)
    draws: tuple[Draw, ...] = field(default=(), repr=False)
