"""`instrument()`: the program's calls as spans of its own TracerProvider, or of one made from `OTEL_*`."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Self
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import NoOpTracer, NoOpTracerProvider, Span, Tracer, TracerProvider

from spantape import _guard, _state
from spantape._imports import uncollected
from spantape._spans import names
from spantape._spans.target import Content, Events, Target, content_mode, emits_events
from spantape._version import __version__
from spantape.errors import UsageError

_CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_EVENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"


class Instrumentation:
    """What `instrument()` switched on; `remove()` leaves every library as it was. Also a context manager."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def remove(self) -> None:
        """Switch off and take every wrapper out again; does nothing the second time."""
        with _state.STATE.lock:
            if _state.STATE.target is not self.target:
                return
            _state.STATE.target = None
            _state.release_seams()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()


def instrument(
    tracer_provider: TracerProvider | None = None, *, redact: bool = True, everything: bool = False
) -> Instrumentation:
    """The handle of the instrumentation; the program's model calls and tools are spans from here on.

    They go to `tracer_provider`, else to the global one, else to one made from the standard `OTEL_*` variables and
    set as the global one. `redact` replaces secrets and personal data by numbered placeholders; `everything` records
    calls to any host, not only to models' APIs. A second call changes nothing and gives the same instrumentation.

    Raises:
        SeamError: an imported library is not shaped as its seam expects.
    """
    with _state.STATE.lock, uncollected():
        if _state.STATE.target is not None:
            return Instrumentation(_state.STATE.target)
        provider = tracer_provider or _global_provider()
        return _switched_on(provider.get_tracer(names.SCOPE, __version__), redact, everything)


def instrument_late() -> Instrumentation:
    """As `instrument()`, but a global provider that the program sets before its first call is still the one used.

    OpenTelemetry lets nobody replace the global provider: made at once, ours would shut out the program's own.
    """
    with _state.STATE.lock, uncollected():
        if _state.STATE.target is not None:
            return Instrumentation(_state.STATE.target)
        return _switched_on(LateTracer(), redact=True, everything=False)


def _switched_on(tracer: Tracer, redact: bool, everything: bool) -> Instrumentation:
    target = Target(tracer, content=_content(), redact=redact, everything=everything, events=_events())
    _state.hold_seams()
    _state.STATE.target = target
    return Instrumentation(target)


def uninstrument() -> None:
    """Switch off what `instrument()` switched on, if anything."""
    with _state.STATE.lock:
        if _state.STATE.target is not None:
            Instrumentation(_state.STATE.target).remove()


def _content() -> Content:
    try:
        return content_mode(os.environ.get(_CONTENT_VARIABLE))
    except UsageError as error:
        _guard.logger.warning("%s; going on as with NO_CONTENT", error)
        return "none"


def _events() -> Events:
    return emits_events(os.environ.get(_CONTENT_VARIABLE), os.environ.get(_EVENT_VARIABLE))


# --- a provider where the program has none -----------------------------------------------------------------------


class LateTracer(NoOpTracer):
    """A tracer of the global provider, as that is when the first span is started."""

    def __init__(self) -> None:
        self._tracer: Tracer | None = None

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        """A span of that provider's tracer."""
        return (self._tracer or self._settled()).start_span(*args, **kwargs)

    def _settled(self) -> Tracer:
        with _state.STATE.lock:
            if self._tracer is None:
                provider = _guard.guarded(_global_provider) or NoOpTracerProvider()
                self._tracer = provider.get_tracer(names.SCOPE, __version__)
            return self._tracer


def _global_provider() -> TracerProvider:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        return provider
    trace.set_tracer_provider(_configured())
    return trace.get_tracer_provider()


def _configured() -> TracerProvider:
    """A provider with the exporters that the environment names; the SDK reads the other variables itself.

    Without any setting for an exporter, recordings go to tapes on disk: one line, and there are recordings.
    """
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = SdkTracerProvider()
    for name in exporter_names():
        exporter = _exporter(name)
        if exporter is not None:
            # tapes are written as calls end, so that a killed process keeps what it has done
            processor: Any = SimpleSpanProcessor if name == "tape" else BatchSpanProcessor
            provider.add_span_processor(processor(exporter))
    return provider


def exporter_names() -> list[str]:
    """The entry points named by OTEL_TRACES_EXPORTER, or what stands in for it where it is not set."""
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if not chosen:
        chosen = "otlp" if _otlp_endpoint() else "tape"
    named = [name.strip() for name in chosen.split(",") if name.strip()]
    return [_otlp_entry_point() if name == "otlp" else name for name in named if name != "none"]


def _otlp_endpoint() -> str:
    environment = os.environ
    return (
        environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        or ""
    )


def _otlp_entry_point() -> str:
    """The OTLP exporter for the protocol that is set; without one, the port tells gRPC's 4317 from HTTP."""
    environment = os.environ
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if not protocol:
        protocol = "grpc" if urlsplit(_otlp_endpoint()).port == 4317 else "http/protobuf"
    return "otlp_proto_grpc" if protocol.strip() == "grpc" else "otlp_proto_http"


def _made(entry_point: EntryPoint) -> Any:
    return entry_point.load()()


def _exporter(name: str) -> Any:
    for entry_point in entry_points(group="opentelemetry_traces_exporter", name=name):
        return _guard.guarded(_made, entry_point)
    _guard.logger.warning(
        "got OTEL_TRACES_EXPORTER with %r, and no installed package offers an exporter of that name", name
    )
    return None
