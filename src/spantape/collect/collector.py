"""A collector in this process: what `spantape collect` runs, and what tests and programs can hold in a `with` block."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from spantape.collect._engine import JOURNAL, Engine
from spantape.collect._errors import NotStored
from spantape.collect._lock import DirectoryLock
from spantape.collect._servers import Servers
from spantape.collect._sockets import open_socket
from spantape.collect.events import Event, Listening, Observer, Stopped, Unchanged, Wrote, WroteLines
from spantape.collect.settings import Settings
from spantape.errors import TapeError, UsageError

T = TypeVar("T")

_KNOWN: Final = 1 << 16


class Collector:
    """An OTLP receiver that writes one tape for each run into `directory`; without one, into a temporary directory.

    It runs inside a `with` block (or from `start` to `stop`), on a thread of its own. `settings` say where it listens
    (HTTP on a free port of 127.0.0.1, if nothing else is said) and when a run is whole. `tell` is called on that
    thread with each event. `clock` gives seconds, and stands where `time.monotonic` does.

    It stores what it acknowledges, and ends in files; `spantape.testing.OtlpReceiver` holds what it gets in memory, as
    it was sent, for tests of what an exporter sends.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        settings: Settings | None = None,
        *,
        tell: Observer = lambda _event: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="spantape-") if directory is None else None
        self.directory = Path(self._temporary.name if self._temporary else directory or "")
        self.settings = settings or Settings()
        self._told = tell
        self._clock = clock
        self._files: OrderedDict[str, Path] = OrderedDict()
        self._changed = threading.Condition()
        self._listening = Listening()
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._unheard: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._engine: Engine | None = None
        self._thread: threading.Thread | None = None
        self.counts_at_end: dict[str, int] = {}

    # --- where -------------------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be for OTLP over HTTP: `http://127.0.0.1:<port>`."""
        return self._heard().http

    @property
    def grpc_endpoint(self) -> str:
        """The same for OTLP over gRPC."""
        return self._heard().grpc

    def _heard(self) -> Listening:
        if self._thread is None:
            raise UsageError("this Collector is not started: use it as `with Collector(…) as collector:`")
        return self._listening

    @property
    def counts(self) -> dict[str, int]:
        """What came and what became of it, by name."""
        return self.counts_at_end if self._engine is None else self._engine.counts

    # --- what came ---------------------------------------------------------------------------------------------------

    def wait_for(self, trace_id: str | int, timeout_s: float = 10.0) -> Path:
        """The file that holds the trace, once it is written: a tape, or JSON lines where no span of it is ours.

        Raises:
            TimeoutError: it was not, in that time.
        """
        trace = f"{trace_id:032x}" if isinstance(trace_id, int) else trace_id.lower()
        with self._changed:
            if not self._changed.wait_for(lambda: trace in self._files, timeout_s):
                raise TimeoutError(f"no file of trace {trace} after {timeout_s} s; so far: {self.counts}")
            return self._files[trace]

    def flush(self) -> None:
        """Write every run that is stored, whole or not."""
        self._call(lambda engine: engine.flush())

    def sweep(self) -> None:
        """Write the runs that are due by the clock, now rather than when the collector looks again."""

        async def sweep(engine: Engine) -> None:
            engine.sweep()

        self._call(sweep)

    def _call(self, function: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
        if self._loop is None or self._engine is None:
            raise UsageError("this Collector is not running: use it as `with Collector(…) as collector:`")
        return asyncio.run_coroutine_threadsafe(function(self._engine), self._loop).result()

    def _tell(self, event: Event) -> None:
        if isinstance(event, Wrote | WroteLines | Unchanged):
            with self._changed:
                for trace in event.traces:
                    self._files[trace] = Path(event.path)
                while len(self._files) > _KNOWN:
                    self._files.popitem(last=False)
                self._changed.notify_all()
        try:
            self._told(event)
        except Exception as error:  # noqa: BLE001 - the listener's own; raised again where the collector is left
            self._unheard = self._unheard or error

    # --- from start to stop ------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen; gives the collector itself.

        Raises:
            UsageError: an address cannot be listened on, another collector writes to the directory, or this one was
                started before.
            TapeError: the directory cannot be made or written.
        """
        if self._thread is not None:
            raise UsageError("this Collector has been started; make a new one to collect again")
        self._thread = threading.Thread(target=self._run, name="spantape-collect", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            self.stop()
        return self

    def stop(self) -> None:
        """Take no more requests, write what is stored, and end; what went wrong meanwhile is raised, once.

        What cannot be written (`counts` has `open_runs`) stays on disk, and is taken up by the next collector.
        """
        if self._thread is None:
            return
        if self._loop is not None and self._ending is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._forget()
        failed, self._error, self._unheard = self._error or self._unheard, None, None
        if failed is not None:
            raise failed

    def _forget(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it takes requests; False also where it has failed, which `stop` then raises."""
        return self._engine is not None and self._started.is_set()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again where the collector is started or left
            self._error = error
        finally:
            self._engine = None
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        lock = self._locked()
        try:
            with contextlib.ExitStack() as opened:
                http = self.settings.http and opened.enter_context(open_socket(self.settings.http, "http"))
                await self._serve_locked(http, self._ending)
        finally:
            lock.release()

    def _locked(self) -> DirectoryLock:
        journal = self.directory / JOURNAL
        try:
            journal.mkdir(parents=True, exist_ok=True)
            return DirectoryLock(journal / "lock")
        except OSError as error:
            raise TapeError(f"cannot be written ({error})", path=self.directory) from error

    async def _serve_locked(self, http: socket.socket | None, ending: asyncio.Event) -> None:
        engine = self._engine = Engine(self.directory, self.settings, clock=self._clock, tell=self._tell)
        servers = Servers(engine, self.settings)
        try:
            await engine.start()
            self._listening = await servers.start(http)
            if self._listening != Listening():
                self._tell(self._listening)
            self._started.set()
            await self._until(ending, engine)
        except NotStored as error:
            raise TapeError(f"what an earlier collector left {error}", path=self.directory) from error
        finally:
            try:
                await servers.stop()
            finally:
                await engine.stop()
                self.counts_at_end = engine.counts
        self._tell(Stopped(self.counts_at_end))

    @staticmethod
    async def _until(ending: asyncio.Event, engine: Engine) -> None:
        """Wait for the end; a failure in the looking for whole runs is one too, and raised."""
        ended = asyncio.create_task(ending.wait())
        watched = {ended} if engine.sweeper is None else {ended, engine.sweeper}
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        for task in done:
            task.result()
