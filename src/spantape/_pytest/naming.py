"""Where the tape of a test is: names that every file system takes, one for each test.

A name that is plain is kept: `TestAgent.test_weather[oslo].tape`. In any other, what a file system might refuse,
change or fold is replaced, and a digest of the whole name is added after a `~`, which no plain name has.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

import pytest

SUFFIX: Final = ".tape"
_LONGEST: Final = 100
_HEAD: Final = 60
_ODD: Final = re.compile(r"[^A-Za-z0-9_.,=+@()\[\]-]")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|\[|$)")


def safe(name: str) -> str:
    """`name` as a file name; two different names never give the same, also where case does not count.

    Case is kept unmarked in names of classes and functions alone: those that differ in nothing else are told apart
    when they meet.
    """
    plain = _ODD.sub("_", name)
    parameters = name.partition("[")[2]
    if (
        plain == name
        and name
        and len(name) <= _LONGEST
        and parameters == parameters.lower()
        and not name.startswith(".")
        and not name.endswith(".")
        and not _RESERVED.match(name)
    ):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain[:_HEAD].strip('.')}~{digest}"


def test_name(item: pytest.Item) -> str:
    """The classes and the function of a test with its parameters: `Class.test[param]`."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return ".".join([*classes, item.name])


def default_path(item: pytest.Item, folder: Path) -> Path:
    """The tape of a test below `folder`: `<module>/<Class.test[param]>.tape`.

    A folder that is not beside the test file may serve several directories of tests, so it mirrors them.
    """
    module = item.path.stem if item.path.suffix == ".py" else item.path.name
    return folder / _mirrored(item, folder) / safe(module) / f"{safe(test_name(item))}{SUFFIX}"


def _mirrored(item: pytest.Item, folder: Path) -> Path:
    tests = item.path.parent
    if tests == folder or tests in folder.parents:
        return Path()
    if tests.is_relative_to(item.config.rootpath):
        return tests.relative_to(item.config.rootpath)
    return Path(hashlib.sha256(os.fsencode(tests)).hexdigest()[:12])


def given_path(given: Any, folder: Path) -> Path:
    """The tape that a mark on a test itself names: below `folder` unless it is absolute; `.tape` may be left out."""
    path: Path = folder / os.fspath(given)
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
