"""What a test's tape is to do: the mark, the fixtures, the command line and the ini file, in their order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from spantape._pytest.modes import check_mode
from spantape._pytest.naming import SUFFIX, default_path, given_path
from spantape.errors import UsageError

USE_SETTINGS: Final = (
    "allow_unused",
    "match",
    "name",
    "on_drift",
    "pauses",
    "policy",
    "record_to",
    "redact",
    "retries",
    "tolerance",
)
"""The keyword settings of `spantape.use` but for the mode; spelled here so that `use` is loaded with the first tape."""

SETTINGS: Final = ("mode", *USE_SETTINGS, "allowed_hosts")
_FLAGS: Final = ("allow_unused", "pauses", "redact")


@dataclass(frozen=True, slots=True)
class Mark:
    """The marks of a test as one: settings of the nearest first; `path` is on the test itself, `folder` above it."""

    path: Any = None
    folder: Any = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that opening a test's tape needs. `mode_from` says who chose the mode, in words."""

    path: Path
    derived: bool
    mode: str
    mode_from: str
    use: Mapping[str, Any]
    allowed_hosts: tuple[str, ...]


def read_mark(item: pytest.Item) -> Mark | None:
    """The marks `tape` of a test and of what it is in, None where there are none.

    Raises:
        UsageError: a mark is not what it may be; the message quotes it.
    """
    found = list(item.iter_markers_with_node("tape"))
    if not found:
        return None
    path = folder = None
    settings: dict[str, Any] = {}
    for node, mark in reversed(found):
        given = _positional(mark, own=node is item, where=node.nodeid)
        if given is not None and node is item:
            path = given
        elif given is not None:
            folder = given
        settings |= checked(mark.kwargs, f"@{_shown(mark)} on {node.nodeid}")
    return Mark(path, folder, settings)


def _positional(mark: pytest.Mark, *, own: bool, where: str) -> Any:
    if not mark.args:
        return None
    (given, *more) = mark.args
    if more or not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise _usage(
            f"@{_shown(mark)} on {where}: got positional {', '.join(map(repr, mark.args))}, "
            "expected at most one, the path or name of the tape"
        )
    if not own and os.fspath(given).endswith(SUFFIX):
        raise _usage(
            f"@{_shown(mark)} on {where}: got one tape for several tests, but each test has a tape of its own; "
            f"name a folder for them there, without {SUFFIX!r}, or mark the tests one by one"
        )
    return given


def checked(given: Any, where: str) -> dict[str, Any]:
    """`given` as settings; `where` says who gave them.

    Raises:
        UsageError: it is no mapping, or a setting is not known or not of its kind.
    """
    if not isinstance(given, Mapping):
        raise _usage(f"{where}: got {given!r}, expected a dict of {', '.join(SETTINGS)}")
    for name, value in given.items():
        if name not in SETTINGS:
            raise _usage(f"{where}: got setting {name!r}, expected one of {', '.join(SETTINGS)}")
        if name in _FLAGS and not isinstance(value, bool):
            raise _usage(f"{where}: got {name}={value!r}, expected True or False")
    mode = given.get("mode")
    if mode is not None:
        check_mode(mode, f"{where}: got mode={mode!r}")
    return dict(given)


def resolve(
    item: pytest.Item,
    mark: Mark | None,
    *,
    config: Any,
    folder: Any,
    hosts: Any,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """What the test's tape is to do. `config`, `folder` and `hosts` are what the fixtures gave.

    Order of precedence, for the mode and for every setting: command line, mark (the nearest first), fixture, ini
    file, default. The default mode is "replay" in CI and "auto" elsewhere.

    Raises:
        UsageError: a setting is not what it may be.
    """
    mark = mark or Mark()
    fixture = checked(config, "fixture tape_config")
    given = {**fixture, **mark.settings}
    mode, mode_from = _mode(item.config, mark.settings, fixture, environ)
    return Settings(
        path=_path(item, mark, folder),
        derived=mark.path is None,
        mode=mode,
        mode_from=mode_from,
        use={name: value for name, value in given.items() if name in USE_SETTINGS},
        allowed_hosts=_hosts(given.get("allowed_hosts", hosts)),
    )


def _mode(
    config: pytest.Config, mark: Mapping[str, Any], fixture: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[str, str]:
    sources = (
        (config.getoption("tape_mode"), "--tape-mode"),
        (mark.get("mode"), "the test's mark"),
        (fixture.get("mode"), "the fixture tape_config"),
        (config.getini("tape_mode"), "tape_mode in the ini file"),
    )
    for mode, source in sources:
        if mode:
            return mode, source
    return ("replay", "CI is set") if in_ci(environ) else ("auto", "the default")


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether the environment says that this is continuous integration."""
    return environ.get("CI", "").strip().lower() not in ("", "0", "false")


def _path(item: pytest.Item, mark: Mark, folder: Any) -> Path:
    if not isinstance(folder, (str, os.PathLike)):
        raise _usage(f"fixture tape_dir: got {folder!r}, expected a path")
    base = item.path.parent / os.fspath(folder)
    if mark.path is not None:
        return given_path(mark.path, base)
    return default_path(item, base if mark.folder is None else base / os.fspath(mark.folder))


def _hosts(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise _usage(f"allowed_hosts: got {given!r}, expected a list of hosts")
    return tuple(given)


def _shown(mark: pytest.Mark) -> str:
    given = [*map(repr, mark.args), *(f"{name}={value!r}" for name, value in mark.kwargs.items())]
    return f"pytest.mark.tape({', '.join(given)})"


def _usage(message: str) -> UsageError:
    return UsageError(message)
