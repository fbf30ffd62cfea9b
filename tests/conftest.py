"""Fixtures that all tests share: nothing left switched on, our own mistakes raised, spans kept in memory."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantape import _guard, _state

pytest_plugins = ["pytester", "corpus_summary"]


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """Our own failures are raised, not logged, unless a test is about the logging; nothing stays switched on."""
    monkeypatch.setenv("SPANTAPE_RAISE", "1")
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "CI"):
        monkeypatch.delenv(name, raising=False)
    _guard.forget()
    yield
    assert not _state.STATE.sessions, "a session was left open"
    assert _state.STATE.target is None, "an instrumentation was left on"
    assert _state.STATE.seam_users == 0, "seams were left installed"


class Spans:
    """A provider whose finished spans are kept, by name."""

    def __init__(self, **settings):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **settings)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def all(self):
        return list(self.exporter.get_finished_spans())

    def one(self):
        (span,) = self.all()
        return span


@pytest.fixture
def spans():
    return Spans()


@pytest.fixture
def make_spans():
    return Spans
