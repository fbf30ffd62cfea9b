"""The player: answers the calls of a program from a tape, each recorded step once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, cast, get_args

from spantape._fields import json_differences
from spantape._model import Json, Request, Response
from spantape._spans import names
from spantape.errors import Miss, TapeError, UnusedSteps, UsageError
from spantape.player.canonical import paired
from spantape.player.matching import Exact, Forms, Matcher, Queue
from spantape.player.miss import exchange_miss, tool_miss
from spantape.player.preview import step_line
from spantape.player.receipt import Receipt
from spantape.player.reconstructed import Meanings, answered_as_asked, is_reconstructed
from spantape.player.retries import Attempts, attempt_number, find_attempts, without_pause
from spantape.player.rules import MatchRules
from spantape.player.tools import Calls
from spantape.tape.model import AgentStep, ExchangeStep, Step, Tape, ToolStep

Retries = Literal["skip", "replay"]
Use = Literal["answered", "skipped", "covered"]

_LISTED: Final = 20  # unused steps that are named one by one
_NOTED: Final = 20  # differences in agents' arguments that are noted


class Player:
    """Answers requests and tool calls from a tape; safe to use from any thread or task.

    Equal requests are answered in recorded order, and every step once. With `retries` "skip" a call that
    succeeded after failed attempts is answered with its success at once; with "replay" each attempt comes back
    with its pause taken out. `misses` holds every miss raised so far, in order.

    Raises:
        UsageError: `retries` is neither.
    """

    def __init__(
        self,
        tape: Tape,
        rules: MatchRules | None = None,
        *,
        allow_unused: bool = False,
        retries: Retries = "skip",
    ) -> None:
        if retries not in get_args(Retries):
            raise UsageError(f"Player(retries={retries!r}): expected 'skip' or 'replay'")
        self.tape: Final = tape
        self.rules: Final = rules or MatchRules()
        self.allow_unused: Final = allow_unused
        self.misses: Final[list[Miss]] = []
        self._lock = threading.Lock()
        self._steps: Final = tape.steps
        self._use: Final[dict[int, Use]] = {}
        self._notes: Final[list[str]] = []
        self._calls = Calls(tape.steps, self.rules)
        exchanges = [(p, s) for p, s in enumerate(tape.steps) if s.kind == "exchange"]
        self._matcher = Matcher(exchanges, self.rules)
        self._meanings = Meanings(exchanges)
        self._attempts: Attempts = find_attempts(tape.steps, self._matcher.groups(), skip=retries == "skip")
        self._matcher.enqueue(self._attempts.order)
        self._use.update(dict.fromkeys(self._attempts.skipped, "skipped"))

    def answer(self, request: Request, verbatim: Request | None = None) -> ExchangeStep:
        """The recorded exchange that answers the request, which must be redacted as recordings are.

        `verbatim` is the request as it was before that, where it differs: imported tapes hold bodies verbatim. The
        step's response has its pause taken out where the recorded client tried again after it.

        Raises:
            Miss: no step that is left has such a request.
            UsageError: the rules' `normalize` gave back no bytes.
        """
        step = self.find(request, verbatim)
        if step is not None:
            return step
        key = self._matcher.key(request)
        forms = self._matcher.forms(key[0], request.body, request.headers)
        with self._lock:
            miss = self._miss(request, key, forms)
            self.misses.append(miss)
        raise miss

    def find(self, request: Request, verbatim: Request | None = None) -> ExchangeStep | None:
        """The recorded exchange that answers the request, None where no step that is left does; else as `answer`."""
        forms_of_it = [request] if verbatim is None else [request, verbatim]
        asked = [(each, self._matcher.key(each), self._attempt(each)) for each in forms_of_it]
        with self._lock:
            for _, key, attempt in asked:
                found = self._matcher.find_exact(key, lambda queue, n=attempt: self._take(queue, n))  # type: ignore[misc]
                if found is not None:
                    return self._served(found, request)
        found_ones = (find(*each) for find in (self._find_equivalent, self._find_partial) for each in asked)
        return next(filter(None, found_ones), None)

    def _attempt(self, request: Request) -> int | None:
        return attempt_number(request.headers) if self._attempts.number else None

    def numbering(self, step: ExchangeStep, request: Request) -> list[tuple[bytes, bytes]]:
        """The placeholders of a request, each with the one that stands in its place in the step that answers it."""
        recorded = Request(step.method, step.url, step.request_headers, step.request_body())
        if recorded.body == request.body and recorded.url == request.url:
            return paired(request.url.encode() + request.body, request.url.encode() + request.body)
        return paired(self._matcher.text(request), self._matcher.text(recorded))

    def tool_numbering(self, step: ToolStep, arguments: Json) -> list[tuple[bytes, bytes]]:
        """As `numbering`, of a tool's arguments."""
        return paired(
            self._calls.arguments(arguments).canonical, self._calls.arguments(step.arguments).canonical
        )

    def tool(self, name: str, arguments: Json) -> ToolStep:
        """The recorded call of the tool `name` with these arguments; the steps under it count as covered.

        Raises:
            Miss: no such call is left.
        """
        step = self.find_tool(name, arguments)
        if step is not None:
            return step
        with self._lock:
            recorded = self._calls.recorded(("tool", name), self._calls.arguments(arguments))
            miss = tool_miss(self.tape, self._calls, name, arguments, recorded=recorded, used=self._use)
            self.misses.append(miss)
        raise miss

    def find_tool(self, name: str, arguments: Json) -> ToolStep | None:
        """The recorded call of the tool, None where no such call is left; else as `tool`."""
        keys = self._calls.arguments(arguments)
        with self._lock:
            for queue in self._calls.queues(("tool", name), keys):
                if (found := self._take(queue, None)) is not None:
                    self._cover(found)
                    return cast(ToolStep, self._steps[found])
        return None

    def agent(self, name: str, arguments: Json) -> AgentStep | None:
        """The recorded call of the agent `name`, None where the tape has none left: agents run live on replay.

        Among several the first with the same arguments is taken, else the first. Other arguments than the
        recorded ones, or an agent that is not on the tape, are noted on the receipt.
        """
        called: Final = ("agent", name)
        keys = self._calls.arguments(arguments)
        with self._lock:
            for queue in (*self._calls.queues(called, keys), self._calls.every(called)):
                if (found := self._take(queue, None)) is not None:
                    step = cast(AgentStep, self._steps[found])
                    self._note_arguments(step, arguments)
                    return step
            self._note(f"agent {name!r} was entered, and the tape has no such call left")
            return None

    def unused(self) -> list[Step]:
        """The steps that nobody has asked for yet, in recorded order.

        Skipped attempts, steps inside answered tools, and the agents and tools of other instrumentations, which
        nobody enters on replay, are not among them.
        """
        with self._lock:
            return list(self._unused())

    def close(self) -> None:
        """End the replay.

        Raises:
            UnusedSteps: steps were not asked for, and that is not allowed.
        """
        unused = self.unused()
        if unused and not self.allow_unused:
            raise UnusedSteps(self._unused_message(unused))

    def receipt(self) -> Receipt:
        """What the replay did up to now."""
        with self._lock:
            counts = Counter(self._use.values())
            return Receipt(
                tape=self.tape.path,
                fingerprint=self.tape.fingerprint,
                steps=len(self._steps),
                answered=counts["answered"],
                skipped=counts["skipped"],
                covered=counts["covered"],
                unused=sum(1 for _ in self._unused()),
                bytes_served=sum(map(self._response_size, self._use)),
                notes=(*self._notes, *self._matcher.unreadable, *self._calls.unreadable),
                misses=tuple(str(miss).partition("\n")[0] for miss in self.misses),
            )

    def _find_equivalent(self, request: Request, key: Exact, attempt: int | None) -> ExchangeStep | None:
        """The step that is equal in canonical form; the live body is brought into it outside the lock."""
        forms = self._matcher.forms(key[0], request.body, request.headers)
        with self._lock:
            found = self._matcher.find_canonical(key[0], forms, lambda queue: self._take(queue, attempt))
            if found is None:
                found = self._meanings.find(request, lambda queue: self._take(queue, attempt))
            return None if found is None else self._served(found, request)

    def _find_partial(self, request: Request, _key: Exact, attempt: int | None) -> ExchangeStep | None:
        """The step of a foreign recording that holds only a part of its request, and that part agrees."""
        with self._lock:
            found = self._matcher.find_partial(request, lambda queue: self._take(queue, attempt))
            return None if found is None else self._served(found, request)

    def _miss(self, request: Request, key: Exact, forms: Forms) -> Miss:
        recorded = self._matcher.equal_to(key[0], forms) or self._meanings.equal_to(request)
        return exchange_miss(self.tape, self.rules, request, recorded=recorded, used=self._use)

    def _take(self, queue: Queue, attempt: int | None) -> int | None:
        """The first position of the queue that is not used, marked as answered; used ones before it are dropped."""
        while queue and queue[0] in self._use:
            queue.popleft()
        if not queue:
            return None
        position = self._same_attempt(queue, attempt) if attempt is not None else queue[0]
        self._use[position] = "answered"
        return position

    def _same_attempt(self, queue: Queue, attempt: int) -> int:
        """The first unused position that was the same attempt of its call: equal calls may retry at the same time."""
        numbers = self._attempts.number
        same = (p for p in queue if numbers.get(p, 0) == attempt and p not in self._use)
        return next(same, queue[0])

    def _served(self, position: int, request: Request) -> ExchangeStep:
        step = cast(ExchangeStep, self._steps[position])
        given = answered_as_asked(step, request) if is_reconstructed(step) else step
        if position not in self._attempts.followed:
            return given
        return replace(given, load_response=lambda: _without_pause(given.response))

    def _cover(self, position: int) -> None:
        for inner in self._calls.inside(position):
            self._use.setdefault(inner, "covered")

    def _unused(self) -> Iterator[Step]:
        for position, step in enumerate(self._steps):
            foreign = (step.kind == "agent" and step.callable is None) or (
                step.kind == "tool" and names.GRADE in step.span.attributes
            )
            if position not in self._use and not foreign:
                yield step

    def _unused_message(self, unused: Sequence[Step]) -> str:
        name = repr(self.tape.path) if self.tape.path else "in memory"
        lines = [f"tape {name}: {len(unused)} of {len(self._steps)} recorded steps were not asked for"]
        lines += [f"  {step_line(step)}" for step in unused[:_LISTED]]
        if len(unused) > _LISTED:
            lines.append(f"  … and {len(unused) - _LISTED} more")
        lines.append(
            '  next: pass allow_unused=True if that is right, or record again with mode="record" (pytest: --tape-mode=record)'
        )
        return "\n".join(lines)

    def _response_size(self, position: int) -> int:
        """The bytes of the response given back for this position, 0 for a step that gave none."""
        step = self._steps[position]
        if step.kind != "exchange" or self._use[position] != "answered":
            return 0
        size = step.span.attributes.get(names.RESPONSE_SIZE)
        if isinstance(size, int):
            return size
        try:
            return len(step.response.body) if step.response else 0
        except TapeError:
            return 0

    def _note(self, text: str) -> None:
        if len(self._notes) < _NOTED:
            self._notes.append(text)

    def _note_arguments(self, step: AgentStep, arguments: Json) -> None:
        try:
            recorded = self._calls.fields(step.arguments)
        except TapeError:
            return
        if found := json_differences(recorded, self._calls.fields(arguments), limit=3):
            self._note(f"agent {step.name!r} (step {step.index}): " + "; ".join(map(str, found)))


def _without_pause(response: Response | None) -> Response | None:
    return None if response is None else replace(response, headers=without_pause(response.headers))


__all__ = ["Player", "Retries"]
