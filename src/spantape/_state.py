"""What is switched on, in one place: the instrumented target, the sessions, the installed seams.

A session is found through the context it was entered in (so that tests and tasks side by side keep apart) and, for
threads that have no context of it, as the innermost one that is active in the process.
"""

from __future__ import annotations

import itertools
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

from spantape import _guard

if TYPE_CHECKING:
    from spantape._seams._patch import Handle
    from spantape._session import Session
    from spantape._spans.target import Target

_session: ContextVar[Session | None] = ContextVar("spantape_session", default=None)


class _State:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.target: Target | None = None
        self.sessions: list[Session] = []
        self.seams: Handle | None = None
        self.seam_users = 0


STATE = _State()


def current_session() -> Session | None:
    """The session that a call made here belongs to."""
    session = _session.get()
    while session is not None and not session.active:
        session = session.outer
    if session is not None:
        return session
    sessions = STATE.sessions
    if not sessions:
        return None
    if len(sessions) > 1 and not _nested(sessions):
        _guard.once(
            "ambiguous",
            "a thread without a spantape context made a call while %d sessions are open side by side; it was given "
            "to the newest (%s). Run the thread with contextvars.copy_context() to say whose it is.",
            len(sessions),
            sessions[-1].path,
        )
    return sessions[-1]


def _nested(sessions: list[Session]) -> bool:
    return all(inner.outer is outer for outer, inner in itertools.pairwise(sessions))


def enter(session: Session) -> None:
    """Make `session` the current one."""
    session.outer = _session.get()
    with STATE.lock:
        STATE.sessions.append(session)
    _session.set(session)


def leave(session: Session) -> None:
    """Take `session` back, wherever this is called: generators and fixtures may leave in another context."""
    with STATE.lock:
        if session in STATE.sessions:
            STATE.sessions.remove(session)
    if _session.get() is session:
        _session.set(session.outer)


def entered_here(sessions: list[Session]) -> Session:
    """The one of `sessions` that was entered in this context, the innermost; the newest where none was."""
    session = _session.get()
    while session is not None and session not in sessions:
        session = session.outer
    return session if session is not None else sessions[-1]


def hold_seams() -> None:
    """Install the seams where nobody has yet; each `hold_seams` wants its `release_seams`.

    Raises:
        SeamError: a library is not shaped as its seam expects.
    """
    from spantape._seams import TABLE
    from spantape._seams._patch import install

    with STATE.lock:
        if STATE.seam_users == 0:
            STATE.seams = install(TABLE)
        STATE.seam_users += 1


def release_seams() -> None:
    """Remove the seams when the last one lets go."""
    with STATE.lock:
        STATE.seam_users -= 1
        if STATE.seam_users == 0 and STATE.seams is not None:
            STATE.seams.remove()
            STATE.seams = None


def watching() -> bool:
    """Whether anything wants to know of calls at all; cheap, asked at each."""
    return STATE.target is not None or bool(STATE.sessions)


def replaying() -> bool:
    """Whether a call made here is to be answered from a tape."""
    session = current_session() if STATE.sessions else None
    return session is not None and session.replays
