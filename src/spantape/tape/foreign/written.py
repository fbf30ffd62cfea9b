"""A tape in another tool's format, as the pieces to write; and what every such format cannot say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from spantape._model import Response
from spantape.tape.foreign.model import Notes, grade_of
from spantape.tape.model import ExchangeStep, Tape


@dataclass(slots=True)
class Written:
    """Bytes to write, in pieces that are made as they are asked for; then `count` and `notes` are filled."""

    pieces: Iterable[bytes]
    notes: Notes = field(default_factory=Notes)
    count: int = 0


def exchange_steps(tape: Tape, written: Written) -> Iterator[ExchangeStep]:
    """The exchanges of a tape; what crossed no wire is named as left out."""
    for step in tape.steps:
        if isinstance(step, ExchangeStep):
            written.count += 1
            yield step
        else:
            written.notes.add(f"left out: {step.kind} calls, which are no exchanges", f"step {step.index}")
    for draw in tape.draws:
        written.notes.add("left out: draws, which are no exchanges", f"draw {draw.index}")


def phrase(status: int) -> str:
    """The reason phrase of a status, "" where it has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def response_of(step: ExchangeStep, written: Written) -> Response | None:
    """The response of a step, None where none came; one without its body, of a skeleton, is named.

    Raises:
        TapeError: the body cannot be told.
    """
    if grade_of(step.span)[0] != "skeleton":
        return step.response
    written.notes.add("a skeleton: its response has no body", f"step {step.index}")
    return None if step.status is None else Response(step.status, ())
