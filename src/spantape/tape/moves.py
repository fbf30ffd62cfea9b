"""Tools that ran in another order between the same two exchanges: one step that moved, not one gone and one new."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from spantape.tape.fingerprint import descriptor
from spantape.tape.model import ExchangeStep, Step

StepPair = tuple[Step | None, Step | None]


def reunited(pairs: Iterable[StepPair]) -> list[StepPair]:
    """The pairs with each lone tool or agent step joined to an equal lone one of the same stretch, in its place.

    A stretch ends at each exchange: what a model asked for in one answer may run in any order.
    """
    given = list(pairs)
    waiting: dict[tuple[int, str], deque[int]] = defaultdict(deque)
    for place, (stretch, step) in _lone(given, side=1):
        waiting[stretch, repr(descriptor(step))].append(place)
    taken: set[int] = set()
    found = dict(enumerate(given))
    for place, (stretch, step) in _lone(given, side=0):
        queue = waiting[stretch, repr(descriptor(step))]
        if queue:
            other = queue.popleft()
            taken.add(other)
            found[place] = (step, given[other][1])
    return [pair for place, pair in found.items() if place not in taken]


def _lone(pairs: list[StepPair], *, side: int) -> Iterable[tuple[int, tuple[int, Step]]]:
    """The steps of one side that have no other, with their place and the number of exchanges before them."""
    stretch = 0
    for place, pair in enumerate(pairs):
        step = pair[side]
        if isinstance(step, ExchangeStep):
            stretch += 1
        elif step is not None and pair[1 - side] is None:
            yield place, (stretch, step)
