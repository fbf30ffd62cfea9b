"""Inside a started program: a session from the first import of a library with a seam to the end of the process."""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from spantape import _guard
from spantape._program.orders import VARIABLE, Orders, Report, decode_orders, send_report
from spantape._session import ReplaySession, Session
from spantape._use import use
from spantape.errors import Miss, SpantapeError
from spantape.tape.journal import JournalBusy

_CLOSING_S: Final = 10.0
_opened: Final[set[int]] = (
    set()
)  # the processes in which it is open: this one, and those that it was forked from


def open_session() -> None:
    """Open the session that the environment orders; it closes when the interpreter ends or SIGTERM comes.

    A recording that cannot begin is told of and the program runs without it; a replay that cannot begin ends it.
    A second call does nothing.
    """
    if _opened:
        return
    _opened.add(os.getpid())
    try:
        Inside(decode_orders(os.environ[VARIABLE])).open()
    except Exception as error:
        _say(f"{error}")
        if '"replay"' in os.environ[VARIABLE]:
            raise SystemExit(1) from error
        if os.environ.get("SPANTAPE_RAISE"):
            raise


def _say(message: str) -> None:
    sys.stderr.write(f"spantape run: {message}\n")


class Inside:
    """The session of one process."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._path = Path(orders.tape)
        if orders.mode == "record" and not orders.claim():
            self._path = Path(orders.parts) / f"{self._pid}-{secrets.token_hex(4)}.tape"
        self._block = use(
            self._path, orders.mode, name=Path(orders.tape).stem, redact=orders.redact, allow_unused=True
        )
        self._session: Session | None = None

    def open(self) -> None:
        """Open it.

        Raises:
            TapeError: the tape cannot be read or written.
        """
        try:
            self._session = self._block.__enter__()
        except JournalBusy:
            self._send(
                problems=[f"process {self._pid} was not recorded: another one is writing {self._path}"]
            )
            return
        atexit.register(self.close)
        if threading.current_thread() is threading.main_thread():
            _on_sigterm(self.close)

    def close(self) -> None:
        """Close it, once, and only in the process that opened it; reports and never raises."""
        with self._lock:
            if self._closed or os.getpid() != self._pid:
                return
            self._closed = True
        _guard.guarded(self._close)

    def _close(self) -> None:
        session, problems = self._session, list[str]()
        replayed = session if isinstance(session, ReplaySession) else None
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        misses: list[str] = []
        try:
            self._block.__exit__(None if error is None else type(error), error, None)
        except Miss:
            pass  # it is among the player's
        except SpantapeError as failure:
            problems.append(str(failure))
        finally:
            if replayed is not None:
                misses = [str(miss) for miss in replayed.player.misses]
            self._send(misses=misses, problems=problems, replayed=replayed)

    def _send(
        self, *, misses: list[str] | None = None, problems: list[str], replayed: ReplaySession | None = None
    ) -> None:
        tape = self._session.tape if self._session else None
        report = Report(
            pid=self._pid,
            tape=str(self._path),
            steps=len(tape.steps) if tape else 0,
            answered=replayed.player.receipt().answered if replayed else 0,
            unused=[step.index for step in replayed.player.unused()] if replayed else [],
            misses=misses or [],
            problems=problems,
        )
        send_report(self._orders, report)


def _on_sigterm(close: object) -> None:
    """Close before SIGTERM ends the process, where the program has no handler of its own."""
    if not callable(close) or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def terminated(signum: int, _frame: FrameType | None) -> None:
        # in a thread: the interrupted frame may hold the very lock that closing needs; then the journal stays
        closing = threading.Thread(target=close, name="spantape-close", daemon=True)
        closing.start()
        closing.join(_CLOSING_S)
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)

    signal.signal(signal.SIGTERM, terminated)
