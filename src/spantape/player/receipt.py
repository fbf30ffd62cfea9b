"""What a replay did, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from spantape._model import Json


@dataclass(frozen=True, slots=True)
class Receipt:
    """How the steps of a tape were used.

    `answered` counts the exchanges and tools that were given back and the agents that were entered, `skipped` the
    failed attempts that a later one made good, `covered` the steps inside answered tools, `unused` the rest.
    `bytes_served` are those of the response bodies. `notes` say what differed without being a miss, or could not
    be used fully; `misses` are the first lines of the misses raised.
    """

    tape: str | None
    fingerprint: str
    steps: int
    answered: int
    skipped: int
    covered: int
    unused: int
    bytes_served: int
    notes: tuple[str, ...] = ()
    misses: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        name = repr(self.tape) if self.tape else "in memory"
        parts = [f"{self.answered} of {self.steps} steps answered"]
        parts += [f"{count} {word}" for word, count in self._rest() if count]
        lines = [f"tape {name}: {', '.join(parts)}; {self.bytes_served:,} bytes served"]
        lines.append(f"  fingerprint {self.fingerprint}")
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  miss: {miss}" for miss in self.misses]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Json]:
        """The receipt as a JSON object; its keys are the field names."""
        return {
            "tape": self.tape,
            "fingerprint": self.fingerprint,
            "steps": self.steps,
            "answered": self.answered,
            "skipped": self.skipped,
            "covered": self.covered,
            "unused": self.unused,
            "bytes_served": self.bytes_served,
            "notes": list(self.notes),
            "misses": list(self.misses),
        }

    def _rest(self) -> list[tuple[str, int]]:
        return [
            ("retried attempts skipped", self.skipped),
            ("inside answered tools", self.covered),
            ("unused", self.unused),
        ]
