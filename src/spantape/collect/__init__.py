"""OTLP in, tapes out: an OTLP receiver (HTTP and gRPC) that writes one tape for each run as it completes.

`spantape collect` runs it as a program; `Collector` runs it in this process:

    with Collector("tapes") as collector:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        ...
        tape = spantape.read_tape(collector.wait_for(trace_id))

What is acknowledged is on the disk, in `<directory>/.collect`, until it is in a file: a collector that is killed loses
nothing, and the next one in the same directory goes on where it ended. Spans of ours make tapes, with every other span
of their traces; a trace without any is kept as OTLP JSON lines (`*.otlp.jsonl`), for `spantape promote`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantape.collect.events import (
    Event,
    Failed,
    Listening,
    Recovered,
    Stopped,
    Unchanged,
    Wrote,
    WroteLines,
    json_line,
)
from spantape.collect.settings import Address, Settings, address
from spantape.errors import UsageError

if TYPE_CHECKING:
    from spantape.collect.collector import Collector

__all__ = [
    "Address",
    "Collector",
    "Event",
    "Failed",
    "Listening",
    "Recovered",
    "Settings",
    "Stopped",
    "Unchanged",
    "Wrote",
    "WroteLines",
    "address",
    "json_line",
]


def __getattr__(name: str) -> Any:
    """`Collector`, whose servers are loaded when it is asked for: they are an extra."""
    if name != "Collector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from spantape.collect.collector import Collector
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("spantape"):
            raise
        raise UsageError(
            f"collecting needs the package {error.name!r}: pip install 'spantape[collect]'"
        ) from error
    return Collector
