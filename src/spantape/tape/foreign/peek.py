"""A file looked into: what its first bytes and its first values say of its format, read no further than needed."""

from __future__ import annotations

import re
import sqlite3
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from spantape.errors import TapeDamaged, TapeError
from spantape.tape.fingerprint import parse_json
from spantape.tape.foreign.sqlite_safe import SQLITE_MAGIC, tables
from spantape.tape.limits import DEFAULT

_HEAD: Final = 1 << 16
_BOM: Final = b"\xef\xbb\xbf"
_KEY: Final = re.compile(rb"^(?:- )?[\"']?(?:(?:http_)?interactions|request)[\"']?[ \t]*:", re.MULTILINE)


class Peek:
    """The file at `path`, whose content is loaded at most once, and only when a detector asks for it.

    Raises:
        TapeError: it cannot be read, or is too large to be one document.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB, a byte order mark taken off."""
        return self._read(_HEAD).removeprefix(_BOM)

    @cached_property
    def data(self) -> bytes:
        """The whole file."""
        data = self._read(DEFAULT.line_bytes + 1)
        if len(data) > DEFAULT.line_bytes:
            raise TapeDamaged(f"got more than {DEFAULT.line_bytes} bytes (Limits.line_bytes)", path=self.path)
        return data

    @cached_property
    def text(self) -> str:
        """The whole file as text.

        Raises:
            TapeDamaged: it is not UTF-8.
        """
        try:
            return self.data.removeprefix(_BOM).decode()
        except UnicodeDecodeError as error:
            raise TapeDamaged(f"is not UTF-8 text ({error})", path=self.path) from error

    @cached_property
    def tables(self) -> frozenset[str]:
        """The names of the tables of an SQLite file, none where it is no such file."""
        if not self.head.startswith(SQLITE_MAGIC):
            return frozenset()
        try:
            return tables(self.path)
        except sqlite3.Error as error:
            raise TapeDamaged(f"is an SQLite file that cannot be read ({error})", path=self.path) from error

    @cached_property
    def first(self) -> Any:
        """The JSON value of the first line that is not blank, None where it is not whole there."""
        if self.head.lstrip()[:1] not in (b"{", b"["):
            return None
        return _json(self._first_line)

    @cached_property
    def document(self) -> Any:
        """The JSON value that the whole file is, None where it is none or many."""
        if self.head.lstrip()[:1] not in (b"{", b"["):
            return None
        if self.first is not None:
            return self.first if self._is_one_line else None
        return _json(self.data.removeprefix(_BOM))

    @cached_property
    def looks_like_yaml(self) -> bool:
        """Whether it is text with a line near its start that opens a list of interactions."""
        return b"\0" not in self.head and _KEY.search(self.head) is not None

    @cached_property
    def _first_line(self) -> bytes:
        with self.path.open("rb") as file:
            for _ in range(_HEAD):
                line = file.readline(DEFAULT.line_bytes)
                if not line or line.strip().removeprefix(_BOM):
                    return line.removeprefix(_BOM)
        return b""

    @cached_property
    def _is_one_line(self) -> bool:
        with self.path.open("rb") as file:
            found = 0
            while line := file.readline(DEFAULT.line_bytes):
                found += bool(line.strip().removeprefix(_BOM))
                if found > 1:
                    return False
        return True

    def _read(self, size: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                return file.read(size)
        except OSError as error:
            raise TapeError(f"cannot be read ({error.strerror or error})", path=self.path) from error


def _json(data: bytes) -> Any:
    try:
        return parse_json(data.decode())
    except (ValueError, RecursionError):
        return None
