"""Run by every Python interpreter that `spantape run` starts, as it starts; then the program's own `sitecustomize`.

Nothing of spantape is imported until the program imports a library that can be recorded: interpreters that never do
(build tools, resource trackers, a launcher that replaces itself) are left alone.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import threading

TYPE_CHECKING = False  # as type checkers know it; `typing` itself is slow to import, at every start
if TYPE_CHECKING:
    from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - so is pathlib
_OPENS = frozenset({"httpx", "httpx2", "spantape._seams.tools"})
_FINDERS: list[Any] = sys.meta_path


class _Trigger:
    """Opens the session before the first import of a library with a seam, then finds that library as always."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """The spec that the other finders have for `name`, None for what opens nothing."""
        if name not in _OPENS:
            return None
        with self._lock:
            if self not in _FINDERS:
                return None
            _FINDERS.remove(self)
            _open_session()
        # asked anew: the session has put a finder of its own before the others, to wrap what is imported
        found = (finder.find_spec(name, path, target) for finder in list(_FINDERS))
        return next((spec for spec in found if spec is not None), None)


def _open_session() -> None:
    try:
        from spantape._program.inside import open_session
    except ImportError as error:
        sys.stderr.write(
            f"spantape run: {sys.executable} cannot import spantape ({error}); install it there\n"
        )
        if '"replay"' in os.environ["SPANTAPE_RUN"]:
            raise SystemExit(1) from error  # a replay never goes on to the network
        return
    open_session()


def _chain() -> None:
    """Run the `sitecustomize` that would have run without us, in its own name."""
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]  # noqa: PTH100 - as above
if os.environ.get("SPANTAPE_RUN"):
    _FINDERS.insert(0, _Trigger())
_chain()
