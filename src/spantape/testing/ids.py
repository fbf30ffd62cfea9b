"""Trace and span ids that tests can foretell."""

from __future__ import annotations

import itertools

from opentelemetry.sdk.trace.id_generator import IdGenerator


class CountedIds(IdGenerator):
    """Ids 1, 2, 3 …: trace ids and span ids are counted apart; safe to share between threads.

    Give it to `TracerProvider(id_generator=CountedIds())`.
    """

    def __init__(self, first: int = 1) -> None:
        self._traces = itertools.count(first)
        self._spans = itertools.count(first)

    def generate_trace_id(self) -> int:
        """The next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """The next span id."""
        return next(self._spans)
