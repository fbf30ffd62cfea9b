"""A tape in the making: a tracer provider of its own, which neither samples nor limits, and the file behind it.

The program's own provider may sample at one percent and cut attributes; a recording must not. So it has a provider
that nobody else sees, and every span is on disk before the call that it stands for returns.
"""

from __future__ import annotations

import platform
import secrets
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind

from spantape import _guard
from spantape._spans import names
from spantape._spans.redaction import Redactor
from spantape._spans.runs import Run
from spantape._spans.target import Target
from spantape._version import __version__
from spantape.errors import TapeError
from spantape.tape.write import TapeWriter

if TYPE_CHECKING:
    from spantape.tape.model import Tape

_UNLIMITED = SpanLimits(
    max_attributes=SpanLimits.UNSET,
    max_events=SpanLimits.UNSET,
    max_links=SpanLimits.UNSET,
    max_span_attributes=SpanLimits.UNSET,
    max_event_attributes=SpanLimits.UNSET,
    max_link_attributes=SpanLimits.UNSET,
    max_attribute_length=SpanLimits.UNSET,
    max_span_attribute_length=SpanLimits.UNSET,
)

_NOTED_PACKAGES = ("openai", "anthropic", "httpx2", "httpx", "opentelemetry-sdk")


class _ToTape(SpanProcessor):
    """Hands each finished span to the writer, and remembers what could not be written."""

    def __init__(self, writer: TapeWriter) -> None:
        self._writer = writer
        self.failures: list[Exception] = []
        self.written = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is known yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Put the span on disk."""
        try:
            self._writer.add(span)
            self.written += 1
        except Exception as error:  # noqa: BLE001 - the call goes on; the block that records says it at its end
            self.failures.append(error)
            _guard.report(self._writer.add, error)


class Recording:
    """One tape in the making; `target` takes the spans, `close` seals it.

    It goes on with the tape that it `extends`, and numbers secrets with `redactor` where a replay has one already.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        redact: bool,
        extends: Tape | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._path = path
        run = Run(
            extends.run_id if extends else secrets.token_hex(16),
            (redactor or Redactor()) if redact else None,
            first_step=len(extends.steps) if extends else 0,
        )
        self._writer = TapeWriter(path, name=name, run_id=run.id, resource=environment(), extends=extends)
        self._processor = _ToTape(self._writer)
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource(environment()),
            shutdown_on_exit=False,
            span_limits=_UNLIMITED,
        )
        provider._disabled = False  # noqa: SLF001 - OTEL_SDK_DISABLED is about the program's telemetry, not its tapes
        provider.add_span_processor(self._processor)
        tracer = provider.get_tracer(names.SCOPE, __version__)
        attributes: dict[str, Any] = {
            names.KIND: "run",
            names.RUN_ID: run.id,
            names.RUN_NAME: name,
            names.FORMAT: names.FORMAT_VERSION,
        }
        self._root = tracer.start_span(name, Context(), SpanKind.INTERNAL, attributes)
        self.target = Target(
            tracer,
            redact=redact,
            ambient=False,
            everything=True,
            fixed_run=run,
            root=self._root,
        )

    @property
    def trace_id(self) -> str:
        """The trace that the recorded spans are in, as lowercase hex."""
        return format(self._root.get_span_context().trace_id, "032x")

    @property
    def is_empty(self) -> bool:
        """Whether no span was recorded, the run's own aside."""
        return not (self._processor.written or self._processor.failures)

    def drop(self) -> None:
        """Write nothing; a tape that was at the path before stays as it is."""
        self._writer.abort()

    def forget_bodies(self) -> None:
        """Write no further body as a delta to one that was: their secrets are numbered anew."""
        if self.target.fixed_run is not None:
            self.target.fixed_run.forget_bodies()

    def note(self, event: str) -> None:
        """Put an event of that name, with the time, on the run's own span."""
        self._root.add_event(event)

    def close(self, error: BaseException | None) -> Tape:
        """The sealed tape; `error` is what ended the program, None where it ended well.

        Raises:
            TapeError: a span could not be written, so the tape would lack a step.
        """
        if error is not None:
            self._root.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
        self._root.end()
        tape = self._writer.close()
        if self._processor.failures and error is None:
            first = self._processor.failures[0]
            raise TapeError(
                f"{len(self._processor.failures)} spans could not be written, the first because of {first!r}; "
                "the tape lacks those steps",
                path=self._path,
            ) from first
        return tape


def environment() -> dict[str, str]:
    """What the recording ran on: Python, platform and the packages whose bytes are on the tape."""
    packages = {
        f"spantape.package.{name}": version for name in _NOTED_PACKAGES if (version := _version(name))
    }
    return {
        "service.name": Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else "python",
        "telemetry.sdk.language": "python",
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        "os.type": platform.system().lower(),
        "spantape.version": __version__,
        **packages,
    }


def _version(package: str) -> str | None:
    module = sys.modules.get(package)
    if module is None and package != "opentelemetry-sdk":
        return None
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
