"""git told how to show tapes: a `textconv` diff driver, and the attribute that says which files it is for.

See: <https://git-scm.com/docs/gitattributes#_performing_text_diffs_of_binary_files>
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from spantape.errors import PartialTapeWarning, TapeError, UsageError
from spantape.tape.build import runs_of
from spantape.tape.model import Tape
from spantape.tape.outward.plain import plain_lines
from spantape.tape.read import load, read_tape

LINE: Final = "*.tape diff=spantape -text"
"""The line in .gitattributes; `-text` keeps git from changing line ends inside."""

_DRIVER: Final = "diff.spantape"
_NOT_FOUND: Final = 1  # of `git config --get`


# --- the text ----------------------------------------------------------------------------------------------------


def text_of(path: str | os.PathLike[str]) -> Iterator[str]:
    """The lines of the tape at `path`, of each run where it holds several; never raises for what the file is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartialTapeWarning)
            tapes = _tapes(path)
    except TapeError as error:
        yield f"no tape that can be read: {error.reason}"
        yield from _digest(Path(path))
        return
    for number, tape in enumerate(tapes):
        if number:
            yield ""
        yield from plain_lines(tape)


def _tapes(path: str | os.PathLike[str]) -> list[Tape]:
    try:
        return [read_tape(path)]
    except UsageError:
        return [read_tape(path, run=run) for run in runs_of(load(path).recording.spans)]


def _digest(path: Path) -> Iterator[str]:
    """What tells two files that cannot be read from each other."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    yield f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


# --- setting up --------------------------------------------------------------------------------------------------


def install(*, everywhere: bool) -> list[str]:
    """Set git up in the repository here, or `everywhere` for this user; gives what was changed, in words.

    Raises:
        UsageError: here is no repository, git is not there, or a file of it cannot be written.
    """
    place = _attributes(everywhere=everywhere)
    changes = []
    for key, value in (("textconv", _command()), ("binary", "true")):
        if _get(f"{_DRIVER}.{key}", everywhere=everywhere) != value:
            _git("config", _scope(everywhere=everywhere), f"{_DRIVER}.{key}", value)
            changes.append(f"git config {_scope(everywhere=everywhere)} {_DRIVER}.{key}: {value}")
    text = _read(place)
    if not any(_is_ours(line) for line in text.splitlines()):
        _write(place, text + ("" if not text or text.endswith("\n") else "\n") + LINE + "\n")
        changes.append(f"{place}: added the line {LINE!r}")
    return changes


def uninstall(*, everywhere: bool) -> list[str]:
    """Undo `install`; gives what was changed, in words. `Raises` as `install`."""
    place = _attributes(everywhere=everywhere)
    changes = []
    if any(_get(f"{_DRIVER}.{key}", everywhere=everywhere) for key in ("textconv", "binary")):
        _git("config", _scope(everywhere=everywhere), "--remove-section", _DRIVER)
        changes.append(f"git config {_scope(everywhere=everywhere)}: removed {_DRIVER}")
    lines = _read(place).splitlines(keepends=True)
    kept = [line for line in lines if line.strip() != LINE]
    if len(kept) < len(lines):
        _write(place, "".join(kept))
        changes.append(f"{place}: removed the line {LINE!r}")
    return changes


def _is_ours(line: str) -> bool:
    """Whether a line of .gitattributes gives tapes our driver, as we write it or as somebody else does."""
    pattern, *attributes = line.split() or [""]
    return pattern == "*.tape" and "diff=spantape" in attributes


def _command() -> str:
    """What git runs, through a shell, with the file's name behind it: this interpreter, wherever git is called from.

    `-P` keeps modules that lie in somebody's repository from being imported.
    """
    return f"{shlex.quote(sys.executable)} -P -m spantape git textconv"


def _scope(*, everywhere: bool) -> str:
    return "--global" if everywhere else "--local"


def _attributes(*, everywhere: bool) -> Path:
    """The file of attributes: that of the work tree, or the user's."""
    if not everywhere:
        return Path(_git("rev-parse", "--show-toplevel")) / ".gitattributes"
    stated = _git("config", "--global", "--type=path", "--get", "core.attributesFile", may_be=(_NOT_FOUND,))
    if stated:
        return Path(stated)
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "git" / "attributes"


def _get(key: str, *, everywhere: bool) -> str:
    return _git("config", _scope(everywhere=everywhere), "--get", key, may_be=(_NOT_FOUND,))


def _git(*arguments: str, may_be: tuple[int, ...] = ()) -> str:
    """What git prints; "" where it exits with a code that it `may_be`."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 - git is found as the user's shell finds it
    except OSError as error:
        raise UsageError(f"git cannot be run ({error.strerror or error})") from error
    if done.returncode == 0:
        return done.stdout.rstrip("\n")
    if done.returncode in may_be:
        return ""
    said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
    hint = "; go to one, or use --global" if "not a git repository" in said else ""
    raise UsageError(f"git {arguments[0]}: {said}{hint}")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror or error})") from error


def _write(path: Path, text: str) -> None:
    """Write the file; one that would be empty goes away."""
    try:
        if not text:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror or error})") from error
