"""A `Miss` as pytest sees it: one of its own outcomes, shown with the lines of the test that led to it.

pytest cleans up after exceptions that are an `Exception` or an outcome of its own. Any other `BaseException` from a
fixture makes it forget finalizers, and the next test then dies of an internal assertion; a miss must not do that.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from spantape.errors import Miss


def adopt_misses() -> Callable[[], None]:
    """Make every miss one of pytest's outcomes from here on; calling what comes back ends that."""
    before = Miss.on_made
    Miss.on_made = adopt

    def undo() -> None:
        Miss.on_made = before

    return undo


def adopt(miss: Miss) -> None:
    """Turn `miss` into one of pytest's outcomes; it stays the miss it was for everyone else."""
    if isinstance(miss, pytest.fail.Exception):
        return
    adopted: Any = miss
    adopted.__class__ = _outcome_of(type(miss))
    adopted.msg, adopted.pytrace = str(miss), True


_outcomes: dict[type[Miss], type[BaseException]] = {}


def _outcome_of(kind: type[Miss]) -> type[BaseException]:
    if kind not in _outcomes:
        _outcomes[kind] = _new_outcome(kind)
    return _outcomes[kind]


def _new_outcome(kind: type[Miss]) -> type[BaseException]:
    own = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__str__": BaseException.__str__,
        "__repr__": BaseException.__repr__,
        # across processes it goes as what it was: the other side may know nothing of pytest
        "__reduce__": lambda miss: (kind, miss.args, {"path": miss.path}),
    }
    return type(kind.__name__, (kind, pytest.fail.Exception), own)


def only_miss(group: BaseExceptionGroup[BaseException]) -> Miss | None:
    """The first miss of a group that holds nothing else, as task groups raise it; None for other groups."""
    found: BaseException | None
    found, others = group.split(Miss)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if others is None and isinstance(found, Miss) else None


def shorten(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Leave of a miss's traceback where the test was and the user's last line before the libraries."""
    excinfo.value.__suppress_context__ = excinfo.value.__cause__ is None
    raw = list(_raw(excinfo.tb))
    mine = [entry for entry in raw if not entry.tb_frame.f_code.co_filename.startswith(_libraries())]
    shown = [mine[0], *mine[-1:]] if len(mine) > 1 else mine or raw[-1:]
    chain: TracebackType | None = None
    for entry in reversed(shown):
        chain = TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    # pytest cuts tracebacks by their raw entries, so leaving some of its own out would not last
    excinfo.traceback = type(excinfo.traceback)(chain or excinfo.tb)


def _raw(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


@functools.cache
def _libraries() -> tuple[str, ...]:
    """The folders of code that is not the user's: the standard library, installed packages and ours."""
    import sysconfig

    keys = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(key) for key in keys} | {str(Path(__file__).resolve().parents[1])}
    return tuple(folder + os.sep for folder in folders if folder)
