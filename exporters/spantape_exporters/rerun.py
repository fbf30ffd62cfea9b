"""Spans to signed rerun bundles: one for each call of a model, as its span is exported.

`OTEL_TRACES_EXPORTER=otlp,rerun` switches it on beside the usual exporter; `SPANTAPE_RERUN_KEY` names the key that
signs, `SPANTAPE_RERUN_DIR` says where bundles go. Without a key it does not start.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from spantape import _guard
from spantape._spans import names
from spantape.errors import KeyFileError, NotCut, TapeError, UsageError
from spantape.rerun.bundles import to_bytes
from spantape.rerun.cut_bodies import RecentBodies
from spantape.rerun.cut_files import write_cut, write_whole
from spantape.rerun.cut_runtime import Runtimes, runtimes_of
from spantape.rerun.cut_step import REDACTED_KINDS, kinds_of
from spantape.rerun.cut_tolerance import RerunTolerance, tolerances_of
from spantape.rerun.cutting import Cutter
from spantape.rerun.keys import PrivateKey, load_private_key
from spantape.tape.build import recorded_spans
from spantape.tape.model import ExchangeStep, Span
from spantape.tape.steps import steps_of

if TYPE_CHECKING:
    from spantape.semantic.embedders import Embedder

_DIRECTORY: Final = "SPANTAPE_RERUN_DIR"
_KEY: Final = "SPANTAPE_RERUN_KEY"
_KEY_DATA: Final = "SPANTAPE_RERUN_KEY_DATA"
_TOLERANCE: Final = "SPANTAPE_RERUN_TOLERANCE"
_RUNTIME: Final = "SPANTAPE_RERUN_RUNTIME"
_REDACTED: Final = "SPANTAPE_RERUN_REDACTED"
_RECORDS: Final = "SPANTAPE_RERUN_RECORDS"
_YES: Final = ("1", "true", "yes", "on")


class RerunSpanExporter(SpanExporter):
    """Writes `<trace id>-<span id>.rr`, signed, into `directory` for each answered call of a model.

    A bundle holds hashes, no content; with `records` what it verifies and what a rerun is sent are written beside it,
    in clear. What is not given comes from the environment: `SPANTAPE_RERUN_DIR` (./bundles), `SPANTAPE_RERUN_KEY` (a
    file) or `SPANTAPE_RERUN_KEY_DATA` (the key itself), `SPANTAPE_RERUN_TOLERANCE` (byte; see `rerun.cut_tolerance`),
    `SPANTAPE_RERUN_RUNTIME` (cloud; see `rerun.cut_runtime`, divided by commas), `SPANTAPE_RERUN_REDACTED=1` (sign
    redacted calls as they stand, else they get no bundle) and `SPANTAPE_RERUN_RECORDS=1`.

    Calls that failed, calls that a tape answered, and spans that are no call of a model get no bundle. A call of which
    the span does not hold all, or whose earlier request did not come here, is logged, once for each reason. Safe to
    use from many threads, and in a forked child.

    Raises:
        KeyFileError: there is no key, or it cannot be read.
        UsageError: a setting means nothing.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        key: PrivateKey | str | os.PathLike[str] | None = None,
        tolerance: str | RerunTolerance | Sequence[RerunTolerance] | None = None,
        runtime: Runtimes | None = None,
        redacted: bool | None = None,
        records: bool | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        self._directory = Path(directory or os.environ.get(_DIRECTORY) or "bundles")
        self._cutter = Cutter(
            key if isinstance(key, PrivateKey) else _key(key),
            tolerances_of(tolerance or os.environ.get(_TOLERANCE) or "byte"),
            runtime or runtimes_of(_listed(_RUNTIME)),
            _set(_REDACTED) if redacted is None else redacted,
            embedder,
        )
        self._records = _set(_RECORDS) if records is None else records
        self._bodies = RecentBodies()
        self._kinds: frozenset[str] = REDACTED_KINDS
        self._lock = threading.Lock()
        self._closed = threading.Event()
        if hasattr(os, "register_at_fork"):
            _register_at_fork(weakref.ref(self))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """SUCCESS when each call of a model that was answered has its bundle; never raises."""
        if self._closed.is_set():
            return SpanExportResult.FAILURE
        failed = _guard.entered(self._take, spans)
        return SpanExportResult.SUCCESS if failed == 0 else SpanExportResult.FAILURE

    def _take(self, spans: Sequence[ReadableSpan]) -> int:
        """How many of `spans` should have a bundle and have none."""
        with self._lock:
            return sum(not self._signed(span) for span in spans)

    def _signed(self, span: ReadableSpan) -> bool:
        try:
            self._sign(span)
        except NotCut as error:
            if error.why in ("other", "failed"):
                return True
            _tell(span, error)
            return False
        except Exception as error:  # noqa: BLE001 - the exporter's edge: one span's failure must not cost another its bundle
            _guard.report(self.export, error)
            return False
        return True

    def _sign(self, span: ReadableSpan) -> None:
        if (span.attributes or {}).get(names.KIND) != "exchange":
            return
        (recorded,) = recorded_spans([span])
        step = self._step(recorded)
        if recorded.attributes.get(names.REPLAYED):
            return
        self._kinds |= kinds_of([step])
        made = self._cutter.cut(step, kinds=self._kinds)
        name = f"{recorded.trace_id}-{recorded.span_id}"
        if self._records:
            write_cut(self._directory, name, made)
        else:
            write_whole(self._directory / f"{name}.rr", to_bytes(made.bundle), what="bundle")

    def _step(self, span: Span) -> ExchangeStep:
        """The step that `span` is, its request body rebuilt from what came before; that body is kept for the next."""
        (step,) = steps_of([span])
        if step.kind != "exchange":
            raise NotCut(f"is a call of the {step.kind} {step.name!r}")
        try:
            body = self._bodies.body(span.attributes)
        except TapeError as error:
            return replace(
                step, load_body=partial(_fail, error)
            )  # for who asks: most spans' bodies nobody does
        return replace(step, load_body=lambda: body)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the base class names it
        """True: every bundle is on disk when `export` returns."""
        return True

    def shutdown(self) -> None:
        """Take no more spans."""
        self._closed.set()
        self._bodies.forget()

    def _begin_anew(self) -> None:
        """In a forked child: locks did not come along; bodies did, as did those that the recorder grows new ones from."""
        self._lock = threading.Lock()


def _fail(error: TapeError) -> NoReturn:
    raise error


def _tell(span: ReadableSpan, error: NotCut) -> None:
    """Log that the span has no bundle, and why; each reason once."""
    cause = type(error.__cause__).__name__
    context = span.context
    name = f"{context.trace_id:032x}-{context.span_id:016x}" if context else span.name
    _guard.once(
        f"rerun:{error.why}:{cause}:{error.field}",
        "spantape: the span %s (%s) gets no rerun bundle: it %s. Others that get none for a like reason are not logged.",
        name,
        span.name,
        error.reason,
    )


def _key(source: str | os.PathLike[str] | None) -> PrivateKey:
    given = [name for name in (_KEY, _KEY_DATA) if os.environ.get(name, "").strip()]
    if source is not None:
        return load_private_key(source)
    if len(given) > 1:
        raise UsageError(f"got both {_KEY} and {_KEY_DATA}, expected one of them")
    if not given:
        raise KeyFileError(
            f"there is none: set {_KEY} to its file, or {_KEY_DATA} to its text; `spantape rerun keygen` makes one",
            what="the rerun exporter's key",
        )
    return load_private_key(os.environ[_KEY] if given == [_KEY] else f"env:{_KEY_DATA}")


def _set(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in _YES


def _listed(variable: str) -> list[str]:
    return [one for one in os.environ.get(variable, "").split(",") if one.strip()]


def _register_at_fork(exporter: weakref.ref[RerunSpanExporter]) -> None:
    def after_in_child() -> None:
        alive = exporter()
        if alive is not None:
            alive._begin_anew()  # noqa: SLF001 - the same class, seen through a weak reference

    os.register_at_fork(after_in_child=after_in_child)
