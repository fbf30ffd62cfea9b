"""What a foreign recording holds, as plain values, before it is spans: calls, tool calls and draws, each graded.

A grade says how far a step is what was on the wire: *exact* (the bytes are the recorded ones), *reconstructed* (the
content is complete, the bytes were composed), *skeleton* (no content: it cannot be replayed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from spantape._model import Exchange, Failure, Json
from spantape._spans import names
from spantape.tape.model import Span, Value

Grade = Literal["exact", "reconstructed", "skeleton"]

_NAMED = 5  # places that a note names one by one


@dataclass(frozen=True, slots=True)
class ForeignExchange:
    """One HTTP exchange.

    `known` says what of the request the recording holds, where that is not all: "url", "body", or the members of a
    JSON body as "body.<name>"; `unrecorded` names members of its meaning that are not held. Times are nanoseconds since the epoch, None where the format has none.
    """

    exchange: Exchange
    grade: Grade = "exact"
    reason: str = ""
    known: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    started_ns: int | None = None
    ended_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ForeignTool:
    """One call of a tool; `attributes` are kept on its span."""

    name: str
    arguments: Json
    result: Json
    error: Failure | None = None
    grade: Grade = "exact"
    reason: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignDraw:
    """One nondeterministic value that the program read, and where from (`clock`, `uuid`, `random`)."""

    source: str
    value: Json


Entry = ForeignExchange | ForeignTool | ForeignDraw


def grade_of(span: Span) -> tuple[str, str]:
    """How far a recorded span is what was on the wire, and why it is not all of it."""
    reasons = span.attributes.get(names.GRADE_REASONS, ())
    told = reasons if isinstance(reasons, tuple | list) else ()
    return str(span.attributes.get(names.GRADE, "exact")), "; ".join(map(str, told))


class Notes:
    """What was defaulted, composed or left out, each said once with the places that it holds for."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def add(self, text: str, place: str | None = None) -> None:
        """Say `text`, of `place` where it is of one."""
        places = self._places.setdefault(text, [])
        if place is not None:
            places.append(place)

    def lines(self) -> tuple[str, ...]:
        """The notes in the order in which they were first said."""
        return tuple(text + _listed(places) for text, places in self._places.items())


def _listed(places: list[str]) -> str:
    if not places:
        return ""
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return f" ({', '.join(places[:_NAMED])}{more})"


@dataclass(frozen=True, slots=True)
class Recording:
    """One run of a foreign file, which becomes one tape.

    `run` tells it from the others of its file, "" where the file is one run. `attributes` are kept on the tape.
    """

    format: str
    entries: tuple[Entry, ...] = field(repr=False)
    notes: Notes = field(repr=False)
    run: str = ""
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
