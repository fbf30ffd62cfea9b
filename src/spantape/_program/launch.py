"""Starting a program under a session, and making one tape of what its processes did."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

from spantape._program import hook
from spantape._program.orders import VARIABLE, Orders, Report, read_reports
from spantape._session import Mode
from spantape._spans import names
from spantape._use import recorded
from spantape.errors import TapeError, UsageError
from spantape.tape.journal import journal_path
from spantape.tape.model import Span, Tape
from spantape.tape.read import read_tape
from spantape.tape.write import write_tape

_HOOK: Final = str(Path(hook.__file__).parent)
_FORWARDED: Final = ("SIGTERM", "SIGHUP")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program did under a session.

    `returncode` is its own (negative for a signal). `steps` are those on the tape, `answered` those given back from
    it, `unused` the indices that no process asked for. `processes` counts those that had a session. `left` are
    files of processes that were killed: readable, but not sealed.
    """

    mode: Mode
    tape: Path
    returncode: int
    processes: int
    steps: int
    answered: int
    unused: tuple[int, ...]
    misses: tuple[str, ...]
    problems: tuple[str, ...]
    left: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Gathered:
    """The reports of all processes, and what was made of their files."""

    reports: list[Report]
    steps: int = 0
    left: list[Path] = field(default_factory=list)


def launch(
    command: Sequence[str], *, tape: str | os.PathLike[str], mode: Mode, redact: bool = True
) -> Outcome:
    """What `command` did, run to its end under a session in `mode` over `tape`.

    Every Python process that it starts takes part, as long as its interpreter has spantape; recordings of several
    processes are joined into one tape. Standard streams and signals are the program's.

    Raises:
        UsageError: there is no such program.
        TapeError: the tape cannot be read, or none can be written there.
    """
    path = Path(tape).absolute()
    if path.is_dir():
        raise TapeError("is a directory, expected a tape", path=path)
    if mode == "auto":
        mode = "replay" if recorded(path) else "record"
    before = read_tape(path) if mode in ("replay", "rerecord") else None
    with _parts_directory(path, mode) as parts:
        orders = Orders(str(path), mode, str(parts), redact)
        code = _run(command, _environment(orders))
        gathered = _Gathered(list(read_reports(parts)))
        if mode == "record":
            _join(path, parts, gathered)
        elif mode == "extend":
            gathered.steps = sum(report.steps for report in gathered.reports)
        elif before is not None:
            gathered.steps = len(before.steps)
        return _outcome(path, mode, code, gathered, before)


def _outcome(path: Path, mode: Mode, code: int, gathered: _Gathered, before: Tape | None) -> Outcome:
    reports = gathered.reports
    unused = set(range(len(before.steps))) if mode == "replay" and before is not None else set()
    for report in reports:
        unused &= set(report.unused)
    return Outcome(
        mode=mode,
        tape=path,
        returncode=code,
        processes=len(reports),
        steps=gathered.steps,
        answered=sum(report.answered for report in reports),
        unused=tuple(sorted(unused)),
        misses=tuple(miss for report in reports for miss in report.misses),
        problems=tuple(problem for report in reports for problem in report.problems),
        left=tuple(gathered.left),
    )


# --- the process -------------------------------------------------------------------------------------------------


def _environment(orders: Orders) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    path = _HOOK if not inherited else os.pathsep.join((_HOOK, inherited))
    return {**os.environ, "PYTHONPATH": path, VARIABLE: orders.encode()}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - running the user's command is the purpose
    except OSError as error:
        raise UsageError(f"cannot start {command[0]!r} ({error.strerror or error})") from error
    with process, _signals_passed_on(process):
        return process.wait()


@contextmanager
def _signals_passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Inside, the program is told of what we are told; a terminal tells it of Ctrl-C itself."""

    def forward(signum: int, _frame: FrameType | None) -> None:
        process.send_signal(signum)

    handlers: dict[str, Any] = {**dict.fromkeys(_FORWARDED, forward), "SIGINT": signal.SIG_IGN}
    known = {getattr(signal, name): handler for name, handler in handlers.items() if hasattr(signal, name)}
    before = {signum: signal.signal(signum, handler) for signum, handler in known.items()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


# --- the tape ----------------------------------------------------------------------------------------------------


@contextmanager
def _parts_directory(path: Path, mode: Mode) -> Iterator[Path]:
    """A directory for what processes write; beside the tape where they record, so that a crash leaves it there."""
    beside = path.parent if mode == "record" else None
    try:
        if beside is not None:
            beside.mkdir(parents=True, exist_ok=True)
        parts = Path(tempfile.mkdtemp(prefix=f"{path.name}.", suffix=".parts", dir=beside))
    except OSError as error:
        raise TapeError(f"cannot be written ({error})", path=path) from error
    yield parts
    shutil.rmtree(parts, ignore_errors=True)


def _join(path: Path, parts: Path, gathered: _Gathered) -> None:
    """Make one tape of the first process's and the others' parts; what was cut short stays apart."""
    sealed = {report.tape for report in gathered.reports}
    whole = [part for part in sorted(parts.glob("*.tape")) if str(part) in sealed]
    journals = sorted(parts.glob("*.journal"))
    if str(path) not in sealed:
        _drop_empty(journal_path(path), gathered)
    gathered.left += [_kept_beside(path, part) for part in journals if not _is_empty(part)]
    if str(path) in sealed and path.exists():
        gathered.steps = len(_joined(path, whole).steps)
    else:
        gathered.left += [_kept_beside(path, part) for part in whole]


def _joined(path: Path, parts: Sequence[Path]) -> Tape:
    first = read_tape(path)
    others = [tape for tape in map(read_tape, parts) if tape.steps]
    if not others:
        return first
    spans = [_of_run(span, first.run_id) for tape in (first, *others) for span in tape.spans]
    return write_tape(path, spans, name=first.name, run_id=first.run_id, resource=first.resource)


def _of_run(span: Span, run_id: str) -> Span:
    return replace(span, attributes={**span.attributes, names.RUN_ID: run_id})


def _kept_beside(path: Path, part: Path) -> Path:
    kept = path.with_name(f"{path.stem}-{part.name}")
    part.replace(kept)
    return kept


def _drop_empty(journal: Path, gathered: _Gathered) -> None:
    if journal.exists() and _is_empty(journal):
        journal.unlink()
    elif journal.exists():
        gathered.left.append(journal)


def _is_empty(journal: Path) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return not read_tape(journal).steps
    except TapeError:
        return False
