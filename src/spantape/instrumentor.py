"""The instrumentor that `opentelemetry-instrument` finds by its entry point, for programs without a line of ours."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined] # not exported, and not always installed

from spantape._instrument import Instrumentation, instrument


class SpantapeInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the package is there only under opentelemetry-instrument
    """OpenTelemetry's way to `instrument()` and its handle's `remove()`."""

    _handle: Instrumentation | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: seams wait for the libraries that they wrap."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        self._handle = instrument(kwargs.get("tracer_provider"))
        if os.environ.get("SPANTAPE_RUN"):  # below `spantape run`, whose hook this launcher has pushed aside
            from spantape._program.inside import open_session

            open_session()

    def _uninstrument(self, **_kwargs: Any) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
