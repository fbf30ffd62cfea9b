"""What the demo proved, check by check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from spantape._model import Json


class Check(NamedTuple):
    """One thing that had to hold: its name, whether it did, and what was seen."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class DemoReceipt:
    """What the demo did and saw.

    `bytes` are those of all request and response bodies on the tape, `answered` the steps given back on replay. The
    connections are what a guard saw the interpreter ask of the network. `collected` is what OTLP brought, as a file. `miss` is the message of the negative control.
    """

    tape: str
    second_tape: str
    collected: str
    steps: int
    requests: int
    bytes: int
    fingerprint: str
    second_fingerprint: str
    answered: int
    live_connections: int
    replay_connections: int
    seconds: float
    question: str
    answer: str
    miss: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Json]:
        """The receipt as a JSON object; its keys are the field names, and `ok`."""
        return {
            "ok": self.ok,
            "checks": [check._asdict() for check in self.checks],
            "tape": self.tape,
            "second_tape": self.second_tape,
            "collected": self.collected,
            "steps": self.steps,
            "requests": self.requests,
            "bytes": self.bytes,
            "fingerprint": self.fingerprint,
            "second_fingerprint": self.second_fingerprint,
            "answered": self.answered,
            "live_connections": self.live_connections,
            "replay_connections": self.replay_connections,
            "seconds": round(self.seconds, 3),
            "question": self.question,
            "answer": self.answer,
            "miss": self.miss,
        }
