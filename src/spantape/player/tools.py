"""Which recorded tool calls and agents answer a live one, and which steps ran inside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from spantape._model import Json
from spantape.errors import TapeError
from spantape.player.canonical import canonical_value, has_placeholder, reduced_value, renumbered
from spantape.player.rules import MatchRules
from spantape.tape.model import AgentStep, Step, ToolStep

Name = tuple[Literal["tool", "agent"], str]


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call is found by: its canonical arguments, and those with placeholders renumbered where it has any."""

    canonical: bytes
    renumbered: bytes | None


@dataclass(slots=True)
class Shelf:
    """The calls of one name, by arguments and in recorded order; `recorded` keeps those that are used, too."""

    canonical: dict[bytes, deque[int]] = field(default_factory=dict)
    renumbered: dict[bytes, deque[int]] = field(default_factory=dict)
    recorded: dict[bytes, list[int]] = field(default_factory=dict)
    every: deque[int] = field(default_factory=deque)

    def add(self, position: int, arguments: Arguments) -> None:
        """Put one more call on the shelf, behind the others."""
        self.every.append(position)
        self.canonical.setdefault(arguments.canonical, deque()).append(position)
        self.recorded.setdefault(arguments.canonical, []).append(position)
        if arguments.renumbered is not None:
            self.renumbered.setdefault(arguments.renumbered, deque()).append(position)


class Calls:
    """The tool and agent calls of a tape by what they were called with. Positions are those in `steps`.

    The arguments of a name's calls are read when that name is first called. Not locked: its one owner, the
    player, is.
    """

    def __init__(self, steps: Sequence[Step], rules: MatchRules) -> None:
        self.unreadable: Final[list[str]] = []
        self._steps = steps
        self._rules = rules
        self._shelves: dict[Name, Shelf] = {}
        self._positions: dict[Name, list[int]] = {}
        self._children: dict[int, list[int]] = {}
        where = {step.index: position for position, step in enumerate(steps)}
        for position, step in enumerate(steps):
            if step.parent is not None and step.parent in where:
                self._children.setdefault(where[step.parent], []).append(position)
            if step.kind != "exchange":
                self._positions.setdefault((step.kind, step.name), []).append(position)

    def arguments(self, value: Json) -> Arguments:
        """The keys of a call's arguments, live or recorded."""
        rules = self._rules
        if () in rules.ignored.arguments:
            return Arguments(b"ignored", None)
        text = canonical_value(value, rules.ignored.arguments, self._blank())
        return Arguments(text, renumbered(text) if has_placeholder(text) else None)

    def fields(self, value: Json) -> Any:
        """Arguments to compare field by field, as the rules see them."""
        return reduced_value(value, self._rules.ignored.arguments, self._blank())

    def queues(self, name: Name, arguments: Arguments) -> Iterator[deque[int]]:
        """The queues to take an answer from, the closest first: equal arguments, then equal but for placeholders."""
        shelf = self._shelf(name)
        if arguments.canonical in shelf.canonical:
            yield shelf.canonical[arguments.canonical]
        if arguments.renumbered in shelf.renumbered:
            yield shelf.renumbered[arguments.renumbered]

    def every(self, name: Name) -> deque[int]:
        """The queue of all calls of a name."""
        return self._shelf(name).every

    def recorded(self, name: Name, arguments: Arguments) -> list[int]:
        """Every position with the same arguments, used or not, in recorded order."""
        return self._shelf(name).recorded.get(arguments.canonical, [])

    def inside(self, position: int) -> Iterator[int]:
        """The positions of all steps that ran under this one, at any depth."""
        waiting = [position]
        seen = {position}
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child not in seen:  # parents are data from a file and may form a circle
                    seen.add(child)
                    waiting.append(child)
                    yield child

    def _blank(self) -> Callable[[str], str] | None:
        return self._rules.blank if self._rules.patterns else None

    def _shelf(self, name: Name) -> Shelf:
        if name not in self._shelves:
            shelf = self._shelves[name] = Shelf()
            for position in self._positions.get(name, ()):
                shelf.add(position, self._read(position))
        return self._shelves[name]

    def _read(self, position: int) -> Arguments:
        step = cast(ToolStep | AgentStep, self._steps[position])
        try:
            return self.arguments(step.arguments)
        except TapeError as error:
            self.unreadable.append(f"step {step.index} cannot be matched: {error}")
            return Arguments(b"unreadable %d" % position, None)
