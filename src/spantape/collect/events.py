"""What a collector tells while it runs, each as plain data that is one JSON line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec


class Listening(msgspec.Struct, frozen=True, tag_field="event", tag="listening", omit_defaults=True):
    """Exporters can send: to these endpoints."""

    http: str = ""
    grpc: str = ""


class Recovered(msgspec.Struct, frozen=True, tag_field="event", tag="recovered", omit_defaults=True):
    """What an earlier collector had stored and not written is taken up; `skipped` names what was no whole record."""

    requests: int
    spans: int
    skipped: list[str] = []


class Wrote(msgspec.Struct, frozen=True, tag_field="event", tag="tape", omit_defaults=True):
    """A tape is in place; `late` says that one of the run was, and has been extended by `added` spans."""

    path: str
    run: str
    name: str
    traces: list[str]
    spans: int
    steps: int
    added: int
    fingerprint: str
    late: bool = False


class WroteLines(msgspec.Struct, frozen=True, tag_field="event", tag="lines", omit_defaults=True):
    """A trace without a span of ours is in place, as OTLP JSON lines; or a run no tape can be made of, and why."""

    path: str
    run: str
    name: str
    traces: list[str]
    spans: int
    added: int
    late: bool = False
    reason: str = ""


class Unchanged(msgspec.Struct, frozen=True, tag_field="event", tag="unchanged"):
    """Every span of the run that came was in its file already."""

    path: str
    run: str
    traces: list[str]


class Failed(msgspec.Struct, frozen=True, tag_field="event", tag="failed", omit_defaults=True):
    """Something does not work now, said once until it works again; nothing that was acknowledged is lost."""

    what: str
    reason: str


class Stopped(msgspec.Struct, frozen=True, tag_field="event", tag="stopped"):
    """The collector has ended; its counts from first to last."""

    counts: dict[str, int]


Event: TypeAlias = Listening | Recovered | Wrote | WroteLines | Unchanged | Failed | Stopped
Observer: TypeAlias = Callable[[Event], Any]


def json_line(event: Event) -> bytes:
    """`event` as one line of JSON, with its newline."""
    return msgspec.json.encode(event) + b"\n"
