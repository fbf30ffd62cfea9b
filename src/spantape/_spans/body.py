"""A request body of a run, as it was sent and as it is recorded, and the delta that leads from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spantape._model import digest

if TYPE_CHECKING:
    from spantape._dialects._base import Asked
    from spantape._spans.redaction import Edit


@dataclass(slots=True)
class Body:
    """One request body of a run: `raw` as the program sent it, `data` as it is recorded (redacted).

    `edits` lead from one to the other; with none, both are the same object. `depth` counts the deltas since the
    last keyframe. `asked` is what the dialect read in `data`, `answered` the output messages that came back for it.
    """

    path: str
    raw: bytes
    data: bytes
    digest: str
    edits: Sequence[Edit] = ()
    depth: int = 0
    asked: Asked | None = None
    answered: Sequence[Mapping[str, Any]] = ()

    @property
    def history_end(self) -> int:
        """The offset behind the last input message, in `data`; 0 where it is not known."""
        return self.asked.history_end if self.asked is not None else 0


@dataclass(slots=True)
class Base:
    """A remembered body with the delta that leads from it to a new one, in recorded bytes."""

    body: Body
    prefix: int
    suffix: int


def seal(body: Body) -> str:
    """The digest of `body` as recorded, taken once."""
    if not body.digest:
        body.digest = digest(body.data)
    return body.digest
