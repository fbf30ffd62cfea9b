"""What can be proven of a tape, check by check."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from spantape._spans import names
from spantape.errors import NotReplayable, TapeDamaged
from spantape.tape.build import build_tape
from spantape.tape.foreign.tracefork import check_imported
from spantape.tape.limits import DEFAULT, Limits
from spantape.tape.model import Draw, ExchangeStep, Step, Tape
from spantape.tape.read import check_seal, load


class Check(NamedTuple):
    """One thing that was proven: its name, and what of it."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the verification of a tape proved.

    Without a seal (`sealed` False) nothing vouches for the tape's being complete: `notes` then say what is known to
    be missing. `unrecorded` names the payloads that were never recorded, so that nothing could be checked of them.
    """

    path: str
    run_id: str
    fingerprint: str
    sealed: bool
    steps: int
    spans: int
    bodies: int
    bytes: int
    checks: tuple[Check, ...]
    unrecorded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.path}: {'sealed' if self.sealed else 'not sealed'}, {self.steps} steps"
        rest = [*(f"  {check.name}: {check.detail}" for check in self.checks)]
        return "\n".join([head, *rest, *(f"  not recorded: {what}" for what in self.unrecorded), *self.notes])


def verify_tape(path: str | os.PathLike[str], *, run: str | None = None, limits: Limits = DEFAULT) -> Receipt:
    """The proof that the tape at `path` is what was written: file, seal, fingerprint and every payload.

    Raises:
        TapeDamaged: a check failed; the message names the place.
        MissingBase: a body's base is not on the tape.
        TapeError: the tape cannot be read.
    """
    loaded = load(path, limits)
    tape = build_tape(
        loaded.recording, path=str(loaded.path), sealed=loaded.seal is not None, run=run, limits=limits
    )
    if loaded.seal is not None:
        check_seal(loaded.seal, tape, loaded)
    counted = _Payloads(tape, limits)
    for step in tape.steps:
        counted.take(step)
    for draw in tape.draws:
        counted.take_draw(draw)
    imported = check_imported(tape)
    payloads = Check(
        "payloads", f"{counted.bodies} bodies of {counted.bytes} bytes rebuilt, each with its sha256"
    )
    return Receipt(
        path=str(loaded.path),
        run_id=tape.run_id,
        fingerprint=tape.fingerprint,
        sealed=tape.sealed,
        steps=len(tape.steps),
        spans=len(tape.spans),
        bodies=counted.bodies,
        bytes=counted.bytes,
        checks=(
            *(Check(*check) for check in loaded.checks),
            payloads,
            *([] if imported is None else [Check("tracefork fingerprint", imported)]),
        ),
        unrecorded=tuple(counted.unrecorded),
        notes=tape.notes,
    )


class _Payloads:
    def __init__(self, tape: Tape, limits: Limits) -> None:
        self.bodies = self.bytes = 0
        self.unrecorded: list[str] = []
        self._path = tape.path
        self._limits = limits

    def take(self, step: Step) -> None:
        if isinstance(step, ExchangeStep):
            self._body(step, "request.body", step.request_body)
            self._body(step, "response.body", lambda: self._answer(step))
        else:
            self._value(step, names.ARGUMENTS, lambda: step.arguments)
            self._value(step, names.RESULT, lambda: step.result)

    def take_draw(self, draw: Draw) -> None:
        """Read the value of a draw."""
        try:
            _ = draw.value
        except NotReplayable as error:
            self.unrecorded.append(f"draw {draw.index}: {error.reason}")

    def _body(self, step: Step, field: str, load: Callable[[], bytes | None]) -> None:
        try:
            body = load()
        except NotReplayable as error:
            self.unrecorded.append(f"step {step.index}, {field}: {error.reason}")
            return
        if body is None:
            return
        self.bodies += 1
        self.bytes += len(body)
        if self.bytes > self._limits.rebuilt_bytes:
            raise TapeDamaged(
                f"rebuilds to more than {self._limits.rebuilt_bytes} bytes, refused (Limits.rebuilt_bytes)",
                path=self._path,
                step=step.index,
                field=field,
            )

    def _answer(self, step: ExchangeStep) -> bytes | None:
        response = step.response
        if response is None:
            return None
        if response.chunks and sum(response.chunks) != len(response.body):
            raise TapeDamaged(
                f"got chunks of {sum(response.chunks)} bytes, expected the {len(response.body)} of the body",
                path=self._path,
                step=step.index,
                field="response.chunks",
            )
        return response.body

    def _value(self, step: Step, field: str, load: Callable[[], object]) -> None:
        try:
            load()
        except NotReplayable as error:
            self.unrecorded.append(f"step {step.index}, {field}: {error.reason}")
