"""Request bodies rebuilt as their spans come, from the few that later ones may have grown from.

A recorder writes a body as what is new since an earlier one of its run, whose span has ended by then, and remembers
only a few of them itself. Whoever sees the spans in the order of their ends needs no more than those few.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from spantape._spans import names
from spantape._spans.codec import read_body, refuse_cut
from spantape._spans.runs import BODIES_BYTES, BODIES_PER_RUN, LARGEST_BASE
from spantape.errors import MissingBase
from spantape.tape.bodies import base_digest

_PER_RUN: Final = 2 * BODIES_PER_RUN  # spans of several threads may come in another order than they ended in
_BYTES: Final = 2 * BODIES_BYTES


class RecentBodies:
    """The recent request bodies of the runs that are under way; of each run the newest, and bounded in all.

    Not thread-safe: its owner holds a lock.
    """

    def __init__(self, *, per_run: int = _PER_RUN, most_bytes: int = _BYTES) -> None:
        self._per_run = per_run
        self._most_bytes = most_bytes
        self._runs: OrderedDict[str, OrderedDict[str, bytes]] = OrderedDict()
        self._held = 0

    @property
    def held_bytes(self) -> int:
        """How many bytes are kept."""
        return self._held

    def body(self, attributes: Mapping[str, Any]) -> bytes:
        """The request body in the attributes of a span, which later spans of its run may grow from.

        Raises:
            MissingBase: the body that it grew from did not come, or is forgotten.
            NotReplayable: there is no body in `attributes`.
            TapeDamaged: it does not decode, or does not have its digest.
        """
        refuse_cut(attributes, names.REQUEST_PARTS)
        run = str(attributes.get(names.RUN_ID, ""))
        base = base_digest(attributes)
        bodies = self._runs.get(run)
        known = None if base is None or bodies is None else bodies.get(base)
        if base is not None and known is None:
            raise MissingBase(
                f"its base body sha256 {base} has not come here before it, or is forgotten: its span was dropped or "
                "sampled out, or went to another process",
                field="request.body",
            )
        body = read_body(attributes, known)
        self._keep(run, str(attributes[names.REQUEST_DIGEST]), body)
        return body

    def forget(self) -> None:
        """Drop everything."""
        self._runs.clear()
        self._held = 0

    def _keep(self, run: str, digest: str, body: bytes) -> None:
        if len(body) > LARGEST_BASE:
            return
        bodies = self._runs.setdefault(run, OrderedDict())
        self._runs.move_to_end(run)
        if digest not in bodies:
            bodies[digest] = body
            self._held += len(body)
        bodies.move_to_end(digest)
        while len(bodies) > self._per_run:
            self._held -= len(bodies.popitem(last=False)[1])
        while self._held > self._most_bytes and len(self._runs) > 1:
            _, oldest = self._runs.popitem(last=False)
            self._held -= sum(map(len, oldest.values()))
