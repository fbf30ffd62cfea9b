"""Where output goes: data to stdout, words to stderr, nothing that a terminal would obey."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

T = TypeVar("T")


def say(text: str) -> None:
    """Words for people, on stderr."""
    click.echo(plain(text), err=True)


def put(text: str) -> None:
    """Data for people, on stdout."""
    click.echo(plain(text))


def put_json(value: Any) -> None:
    """Data for programs, on stdout: indented JSON in UTF-8, whatever the terminal's encoding."""
    click.echo(_json(value) + b"\n", nl=False)


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=2)
    except (OverflowError, UnicodeEncodeError):  # huge integers and lone surrogates: a tape may hold them
        return json.dumps(value, indent=2).encode()


def plain(text: str) -> str:
    """`text` with what is not printable spelled out: tapes may hold anything, also what moves a cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def counted(count: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@contextmanager
def working(what: str) -> Iterator[None]:
    """Inside, `what` is shown with a spinner on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def watched(what: str) -> Callable[[Iterable[T]], Iterable[T]]:
    """A function that lets items pass and counts them on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        return iter
    from rich.console import Console
    from rich.progress import track

    return lambda items: track(items, what, console=Console(stderr=True), transient=True)


def command_name() -> str:
    """How this program was called, so that what is printed can be typed: `spantape` where that finds it."""
    called = Path(sys.argv[0])
    if called.parts[-2:] == ("spantape", "__main__.py"):
        return f"{_short(Path(sys.executable))} -m spantape"
    found = shutil.which("spantape")
    if called.name != "spantape" or (found and called.exists() and Path(found).samefile(called)):
        return "spantape"
    return _short(called)


def _short(path: Path) -> str:
    """`path` from here where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return min(str(path), relative, key=len)
