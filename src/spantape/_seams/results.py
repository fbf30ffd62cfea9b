"""What a recorded tool gives back on replay, and what is said where that will not be what it gave."""

from __future__ import annotations

import ast
import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from types import FrameType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from spantape import _guard
from spantape._model import Failure, Json
from spantape._spans import names
from spantape._spans.invocation import Operation
from spantape._values import from_json, return_annotation
from spantape.errors import Miss, NotReplayable, ReplayedError, RoundTripWarning, UsageError
from spantape.tape.model import ToolStep

# --- results -----------------------------------------------------------------------------------------------------


def has_result(step: ToolStep) -> bool:
    """Whether the tape holds what the tool gave back."""
    return names.RESULT in step.span.attributes


def check_result(step: ToolStep, path: str | None) -> None:
    """Raise unless the tape holds what the tool gave back.

    Raises:
        NotReplayable: it does not; the message says why.
    """
    if has_result(step):
        return
    attributes = step.span.attributes
    reason = attributes.get(names.RESULT_LOSSY)
    if reason is None and attributes.get(names.END) == "abandoned":
        reason = "it was still running when its recording ended"
    raise NotReplayable(
        f"tool {step.name!r} has no recorded result: {reason or 'it was lost on its way'}",
        path=path,
        step=step.index,
        field="result",
    )


def value_of(step: ToolStep, data: Json, annotation: Any) -> Any:
    """`data`, a recorded result or an item of one, as the annotated type.

    Where the recording says that this would not do, and it does not, it is plain JSON data.

    Raises:
        UsageError: it is not of the annotated type.
    """
    try:
        return from_json(data, annotation, place=f"the result of tool {step.name!r}")
    except UsageError:
        if names.RESULT_LOSSY not in step.span.attributes:
            raise
    return from_json(data)


def read_on(step: ToolStep, path: str | None) -> Miss | None:
    """The miss where a program reads on behind what was recorded of a generator, None where it had ended there."""
    end = step.span.attributes.get(names.END, "complete")
    if end == "complete":
        return None
    count = len(step.result) if isinstance(step.result, list) else 0
    return Miss(
        f"tape {path!r}, step {step.index}: the program reads on, but the recorded one left the generator of tool "
        f"{step.name!r} after {count} items, so what follows was never recorded. "
        "Record again with a program that reads it to its end.",
        path=path,
    )


# --- annotations -------------------------------------------------------------------------------------------------

_lists: WeakKeyDictionary[Callable[..., Any], tuple[Any, Any]] = WeakKeyDictionary()


def items_annotation(function: Callable[..., Any]) -> Any:
    """The annotation of the list of what the generator `function` yields; one object, since readers are kept by it."""
    item = return_annotation(function)
    known = _lists.get(function)
    if known is None or known[0] is not item:
        known = _lists[function] = (item, list[item])  # type: ignore[valid-type]  # made at run time
    return known[1]


def resolve_here(function: Callable[..., Any]) -> None:
    """Look up the return annotation of a function that is being decorated inside another one.

    Classes defined beside it are known only now, in the locals of the function that decorates it.
    """
    if "<locals>" in getattr(function, "__qualname__", ""):
        return_annotation(function, dict(_names_around(sys._getframe(1))))  # noqa: SLF001 - no public way to the caller


def _names_around(frame: FrameType | None) -> Iterator[tuple[str, Any]]:
    """The local names of the frame that decorates and, where that is a class body, of those around it, inner last."""
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("spantape._seams."):
        frame = frame.f_back
    if frame is None or frame.f_locals is frame.f_globals:
        return
    here = dict(frame.f_locals)
    if "__qualname__" in here:
        yield from _names_around(frame.f_back)
    yield from here.items()


# --- exceptions --------------------------------------------------------------------------------------------------

_LONGEST_LITERAL = 4096


def exception_of(step: ToolStep) -> Exception:
    """The exception that a recorded tool raised, of its own class where the program has loaded it.

    Classes are looked up among what is imported, never imported: a tape is data. Where there is none, or it wants
    more than a message, it is a `ReplayedError`.
    """
    failure = step.error or Failure("RuntimeError")
    kind = _loaded(failure.type)
    made = None if kind is None else _made(kind, failure.message)
    return made or ReplayedError(f"tool {step.name!r} raised {failure.type}: {failure.message}")


def _loaded(name: str) -> type[Exception] | None:
    """The exception class of that qualified name, if its module is loaded; nothing is run to find it."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, -1, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]) if cut else "builtins")
        for part in parts[cut:]:
            found = vars(found).get(part) if isinstance(found, (ModuleType, type)) else None
        if isinstance(found, type) and issubclass(found, Exception):
            return found
    return None


def _made(kind: type[Exception], message: str) -> Exception | None:
    """An exception of that class that says `message`, None where the class makes none of a message."""
    with contextlib.suppress(Exception):
        made = kind(message)
        if str(made) == message:
            return made
        if issubclass(kind, KeyError) and len(message) <= _LONGEST_LITERAL:  # it says the repr of its key
            made = kind(ast.literal_eval(message))
            if str(made) == message:
                return made
        made = kind.__new__(kind, message)  # a class that makes its own message has made this one
        if str(made) == message:
            return made
    return None


# --- warnings ----------------------------------------------------------------------------------------------------


def warn_round_trip(operation: Operation, reason: str) -> None:
    """Say, once for each tool, that its result will not come back as it is."""
    message = (
        f"the result of tool {operation.name!r} ({operation.callable}) will not come back as it is: {reason}"
    )
    if not _guard.once(f"round-trip:{operation.callable}", "%s", message):
        return
    with contextlib.suppress(RoundTripWarning):  # a program that turns warnings into errors must still run
        warnings.warn(message, RoundTripWarning, stacklevel=2)
