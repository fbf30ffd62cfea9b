"""The recorded spans of other instrumentations in `tests/spans`, by the call that they were made of."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from spantape.promote import read_events, steps
from spantape.tape.otlp_read import read_document

HERE = Path(__file__).parent / "spans"


@dataclass(frozen=True)
class Recorded:
    """What one run of calls left: spans, and log records."""

    spans: tuple
    events: tuple

    def steps(self, **settings):
        return steps(self.spans, self.events, **settings)


@functools.cache
def recorded(name):
    """The runs in one file, by the name of their call; "" for the one of all spans under no name."""
    spans, events = defaultdict(list), []
    for line in (HERE / f"{name}.jsonl").read_bytes().splitlines():
        if line.startswith(b'{"resourceLogs'):
            events += read_events(line)
        else:
            for span in read_document(line).spans:
                spans[span.trace_id].append(span)
    found = defaultdict(list)
    for members in spans.values():
        found[next((span.name for span in members if span.scope == "test"), "")] += members
    return {call: Recorded(tuple(members), _events_of(members, events)) for call, members in found.items()}


def _events_of(spans, events):
    traces = {span.trace_id for span in spans}
    return tuple(event for event in events if event.trace_id in traces)


def model_span(name, call, index=0):
    """One span of a model call, to be changed."""
    told = [span for span in recorded(name)[call].spans if span.scope != "test"]
    return sorted(told, key=lambda span: span.started_ns)[index]
