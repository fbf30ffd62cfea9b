"""What a `record()`, `replay()` or `use()` block is while it is open.

A session answers two questions at every crossing: which targets want a span of this call, and does a tape answer
it. The modes are classes; the surfaces in `_use.py` only open and close them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from spantape import _guard
from spantape._model import Json, Request
from spantape._recording import Recording
from spantape._seams.crossing import Crossing, abandon_all, wanted_targets
from spantape._seams.served import Served
from spantape._spans import names
from spantape._spans.invocation import encode
from spantape._spans.redaction import Redactor
from spantape._spans.runs import Run
from spantape.errors import Drift, Miss, TapeError
from spantape.player.drift import drift
from spantape.player.player import Player
from spantape.player.receipt import Receipt
from spantape.player.rules import MatchRules
from spantape.tape.read import read_tape
from spantape.tape.steps import require_payloads

if TYPE_CHECKING:
    from spantape._seams.invoked import Invocation
    from spantape._spans.body import Body
    from spantape._spans.call import Call
    from spantape._spans.target import Target
    from spantape.tape.model import ExchangeStep, Tape, ToolStep
    from spantape.tolerance.policy import Policy

Mode = Literal["auto", "record", "replay", "rerecord", "extend"]


class Session:
    """An open block: `path` is its tape, `mode` what it does; `tape` is the tape once it is written or read."""

    replays = False

    def __init__(self, path: Path, mode: Mode) -> None:
        self.path = str(path)
        self.mode = mode
        self.active = True
        self.outer: Session | None = None
        self.targets: list[Target] = []
        self.tape: Tape | None = None
        self._open: set[Crossing | Invocation] = set()
        self._lock = (
            threading.RLock()
        )  # what the garbage collector closes may be noted in the midst of another

    def cross(self, call: Call) -> Crossing | None:  # noqa: ARG002 - for the modes that answer
        """The crossing of a call that this session answers."""
        raise TypeError(f"a session in mode {self.mode} answers no calls")

    def opened(self, call: Crossing | Invocation) -> None:
        """A call is in flight."""
        with self._lock:
            self._open.add(call)

    def closed(self, call: Crossing | Invocation) -> None:
        """A call has ended."""
        with self._lock:
            self._open.discard(call)

    def missed(self, miss: Miss) -> None:
        """Note a miss, which is raised again when the block is left."""

    def answer_tool(self, name: str, arguments: Json) -> ToolStep | None:  # noqa: ARG002 - likewise
        """The recorded call of a tool, None where the tool is to be run."""
        return None

    def enter_agent(self, name: str, arguments: Json) -> bool:  # noqa: ARG002 - likewise
        """Whether the tape has this call of an agent; agents always run."""
        return False

    def invocation_targets(self, *, replayed: bool) -> list[Target]:  # noqa: ARG002 - likewise
        """The targets that want a span of a tool's or agent's call; `replayed` says that the tape has it."""
        return self.targets

    def finish(self, error: BaseException | None) -> None:
        """Close the block that `error` is leaving (None: it was left well).

        Raises:
            Miss, UnusedSteps, Drift, TapeError: what the block found out, unless `error` is on its way already.
        """
        self.active = False
        abandon_all(cast("list[Crossing]", list(self._open)))  # an invocation is ended as a crossing is
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        """What the mode does at its end."""


class RecordSession(Session):
    """Everything that crosses a seam goes on the tape; the tape appears, whole, when the block is left."""

    def __init__(
        self, path: Path, *, name: str, redact: bool, mode: Mode = "record", old: Tape | None = None
    ) -> None:
        super().__init__(path, mode)
        self._recording = Recording(path, name=name, redact=redact, extends=old)
        self.targets = [self._recording.target]

    def _finish(self, error: BaseException | None) -> None:
        self.tape = _sealed(self._recording, error)


def _sealed(recording: Recording, error: BaseException | None) -> Tape | None:
    """The tape of `recording`. What fails in us is not raised over the program's own `error`; None then."""
    return recording.close(error) if error is None else _guard.guarded(recording.close, error)


class RerecordSession(RecordSession):
    """The program runs live; what differs from the tape is reported, and the tape stays as it is.

    `drift` has the differences once the block is left, those beyond `policy` where one is given. With `on_drift`
    "raise" they are an error, with "replace" the new recording takes the tape's place, with "warn" they are logged.
    """

    def __init__(
        self, path: Path, *, name: str, redact: bool, on_drift: str, policy: Policy | None = None
    ) -> None:
        self._recorded = read_tape(path)
        self._fresh = path.with_name(f"{path.name}.new")
        super().__init__(self._fresh, name=name, redact=redact, mode="rerecord")
        self.path = str(path)
        self._on_drift = on_drift
        self._policy = policy
        self.drift: Any = None

    def _finish(self, error: BaseException | None) -> None:
        super()._finish(error)
        if self.tape is None:
            return
        if error is None:
            self.drift = drift(self._recorded.steps, self.tape.steps, policy=self._policy)
        else:
            self.drift = _guard.guarded(drift, self._recorded.steps, self.tape.steps, policy=self._policy)
        if self._on_drift == "replace" and error is None:
            os.replace(self._fresh, self.path)  # noqa: PTH105 - atomic on one file system, as for tapes
            return
        self._fresh.unlink(missing_ok=True)
        said = "\n".join(map(str, self.drift))
        if self.drift and self._on_drift == "raise" and error is None:
            raise Drift(f"tape {self.path!r}: the live run differs:\n{said}")
        if self.drift:
            _guard.logger.warning("tape %r: the live run differs:\n%s", self.path, said)


class ReplaySession(Session):
    """Calls are answered from the tape, tools too; nothing that crosses a seam reaches the network."""

    replays = True

    def __init__(
        self,
        path: Path,
        *,
        rules: MatchRules,
        allow_unused: bool,
        retries: Literal["skip", "replay"],
        pauses: bool,
        record_to: Path | None,
        redact: bool,
        mode: Mode = "replay",
    ) -> None:
        super().__init__(path, mode)
        self.tape = read_tape(path)
        require_payloads(self.tape.steps)
        self.player = Player(self.tape, rules, allow_unused=allow_unused, retries=retries)
        self._run = Run("", Redactor() if redact else None)
        self._turn = threading.Lock()
        self._pauses = pauses
        self._copy: Recording | None = None
        if record_to is not None:
            self._copy = Recording(record_to, name=self.tape.name, redact=redact, redactor=self._run.redactor)
            self.targets = [self._copy.target]

    # --- calls ---

    def cross(self, call: Call) -> Crossing | None:
        """The crossing of `call` with its recorded answer.

        Raises:
            Miss: the tape does not hold it.
        """
        call.settle()
        call.replayed = True
        with self._turn:  # no call is numbered and not yet found while another's numbers change
            request, verbatim = self._requests(call)
            step = self._find(request, verbatim)
            if step is not None:
                self._agree(request.url.encode() + request.body, lambda: self.player.numbering(step, request))
        return None if step is None else self._crossing(call, step)

    def _find(self, request: Request, verbatim: Request | None) -> ExchangeStep | None:
        return self.player.answer(request, verbatim)

    def _agree(self, asked: bytes, numbering: Callable[[], list[tuple[bytes, bytes]]]) -> None:
        """Number the secrets in what was asked as the step that answers it does, from here on."""
        redactor = self._run.redactor
        if redactor is None or redactor.is_settled(asked) or not redactor.agree(numbering()):
            return
        self._run.forget_bodies()  # they were written with the old numbers
        if self._copy is not None:
            self._copy.forget_bodies()

    def _requests(self, call: Call) -> tuple[Request, Request | None]:
        """The request as it is recorded, and as it is, where that differs: imported tapes hold bodies verbatim."""
        redactor = self._run.redactor
        if redactor is None:
            return Request(call.method, call.url, call.headers, call.body or b""), None
        redactor.learn(call.headers)  # in the order in which a recording numbers what it finds
        body = self._body(call)
        url, headers = redactor.url(call.url), redactor.headers(call.headers, response=False)
        request = Request(call.method, url, headers, body.data)
        verbatim = Request(call.method, call.url, headers, body.raw)
        return request, None if body.data is body.raw and request.url == call.url else verbatim

    def _body(self, call: Call) -> Body:
        raw = call.body or b""
        origin = self._run.nearest(call.target, raw)
        body, _ = self._run.record_body(call.target, raw, origin, lambda _data: None, clean=False)
        self._run.remember(body)
        return body

    def _crossing(self, call: Call, step: ExchangeStep) -> Crossing:
        response = step.response
        if response is not None and self._run.redactor is not None:
            self._run.redactor.observe(response.body)
        crossing = Crossing(call, wanted_targets(call, self), None)
        crossing.served = Served(step, self.path, response=response, pause=self._pause, missed=self.missed)
        crossing.replay(step)
        return crossing

    def _pause(self, nanoseconds: int) -> None:
        if self._pauses:
            import time

            time.sleep(nanoseconds / 1e9)

    def missed(self, miss: Miss) -> None:
        """Note a miss, which is raised again when the block is left."""
        self.player.misses.append(miss)

    # --- tools ---

    def answer_tool(self, name: str, arguments: Json) -> ToolStep | None:
        """The recorded call of a tool.

        Raises:
            Miss: the tape does not hold it.
        """
        with self._turn:
            clean = self._clean(arguments)
            step = self._find_tool(name, clean)
            if step is None:
                return None
            self._agree(encode(clean).encode(), lambda: self.player.tool_numbering(step, clean))
        return self._observed(step)

    def _find_tool(self, name: str, arguments: Json) -> ToolStep | None:
        return self.player.tool(name, arguments)

    def _observed(self, step: ToolStep) -> ToolStep:
        """`step`, once the numbers of the placeholders that it gives back are taken, as they were when it ran."""
        redactor = self._run.redactor
        if redactor is not None:
            result = step.span.attributes.get(names.RESULT)
            redactor.observe(result if isinstance(result, str) else "")
            redactor.observe(step.error.message if step.error is not None else "")
        return step

    def enter_agent(self, name: str, arguments: Json) -> bool:
        """Mark the recorded call of the agent as used; False where the tape has none left."""
        return self.player.agent(name, self._clean(arguments)) is not None

    def _clean(self, arguments: Json) -> Json:
        redactor = self._run.redactor
        return arguments if redactor is None else msgspec.json.decode(redactor.text(encode(arguments)))

    # --- end ---

    def receipt(self) -> Receipt:
        """What was answered so far."""
        return self.player.receipt()

    def _finish(self, error: BaseException | None) -> None:
        copy_error: TapeError | None = None
        if self._copy is not None:
            try:
                _sealed(self._copy, error)
            except TapeError as failure:
                copy_error = failure
        misses: list[Miss] = self.player.misses
        if misses and not isinstance(error, Miss):
            raise misses[0] from error
        if error is None:
            self.player.close()
        if copy_error is not None and error is None:
            raise copy_error


class ExtendSession(ReplaySession):
    """What the tape holds is answered from it; what it does not hold runs live and is added to it."""

    def __init__(self, path: Path, *, name: str, redact: bool, **settings: Any) -> None:
        super().__init__(path, redact=redact, mode="extend", record_to=None, **settings)
        self._recording = Recording(
            path,
            name=self.tape.name if self.tape else name,
            redact=redact,
            extends=self.tape,
            redactor=self._run.redactor,
        )
        self.targets = []

    def _find(self, request: Request, verbatim: Request | None) -> ExchangeStep | None:
        return self.player.find(request, verbatim)

    def cross(self, call: Call) -> Crossing | None:
        """The crossing of `call`: answered where the tape holds it, else live and recorded."""
        crossing = super().cross(call)
        if crossing is not None:
            return crossing
        call.replayed = False
        return Crossing(call, [*wanted_targets(call, None), self._recording.target], self)

    def _find_tool(self, name: str, arguments: Json) -> ToolStep | None:
        return self.player.find_tool(name, arguments)

    def invocation_targets(self, *, replayed: bool) -> list[Target]:
        """Only what the tape does not have yet is recorded."""
        return [] if replayed else [self._recording.target]

    def _finish(self, error: BaseException | None) -> None:
        if self._recording.is_empty and self.tape is not None and self.tape.sealed:
            self._recording.drop()
        else:
            self.tape = _sealed(self._recording, error) or self.tape
        super()._finish(error)


__all__ = ["ExtendSession", "Mode", "RecordSession", "ReplaySession", "RerecordSession", "Session"]
