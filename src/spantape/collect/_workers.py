"""Where runs are written: a thread of this process, or processes beside it, which leave this one free to receive."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from spantape.collect._tapes import Job, Written, write_run
from spantape.errors import TapeError


class Workers:
    """`count` processes that write runs, or one thread where it is 0."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._executor = self._make()

    @property
    def slots(self) -> int:
        """How many runs are given out at a time, so that none of the workers has to wait for the next."""
        return 2 * max(self._count, 1)

    def submit(self, job: Job) -> Future[Written]:
        """What becomes of a run, once it is written; `TapeError` where it is not."""
        try:
            return self._executor.submit(write_run, job)
        except BrokenProcessPool:  # one was killed: the runs it had have failed, the next ones need not
            self._executor.shutdown(wait=False)
            self._executor = self._make()
            return self._executor.submit(write_run, job)

    def warm(self) -> None:
        """Start a process now rather than with the first run."""
        if self._count:
            self._executor.submit(os.getpid)

    def close(self) -> None:
        """Wait for what is being written, and end."""
        self._executor.shutdown()

    def _make(self) -> Executor:
        if not self._count:
            return ThreadPoolExecutor(1, thread_name_prefix="spantape-tapes")
        spawn = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks
        return ProcessPoolExecutor(self._count, mp_context=spawn, initializer=_begin)


def _begin() -> None:
    """In a worker: an interrupt is its parent's business, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def as_failure(error: BaseException) -> TapeError:
    """Why a run was not written, whatever the worker came to."""
    if isinstance(error, TapeError):
        return error
    if isinstance(error, BrokenProcessPool):
        return TapeError("the process that wrote it was killed (out of memory?)")
    return TapeError(f"writing it failed with {type(error).__name__}: {error}")
