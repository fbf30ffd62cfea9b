"""SQLite files read as data: opened read-only on a file nobody else changes, plain tables only, nothing of it run."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

SQLITE_MAGIC: Final = b"SQLite format 3\0"

_VALUE_BYTES: Final = 1 << 30
_ALLOWED: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ})


def tables(path: Path) -> frozenset[str]:
    """The names of the plain tables of the file: no views, no virtual tables.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with opened(path) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return frozenset(text(name) for name, sql in rows if not text(sql).upper().startswith("CREATE VIRTUAL"))


def columns(database: sqlite3.Connection, table: str) -> frozenset[str]:
    """The names of the columns of `table`, which must be one of `tables`."""
    cursor = database.execute(f'SELECT * FROM "{table}" LIMIT 0')  # noqa: S608 - one of our own constants
    return frozenset(column[0] for column in cursor.description)


def text(value: Any) -> str:
    """A value of a TEXT column, which is read as bytes, as text; "" for none.

    Raises:
        ValueError: it is not UTF-8.
    """
    if value is None:
        return ""
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read plain tables, and ends with the block; TEXT comes as bytes.

    What its writer left in a write-ahead log is read from a copy, so that neither is touched.

    Raises:
        sqlite3.Error: it is no SQLite file, or a damaged one.
    """
    log = path.with_name(path.name + "-wal")
    if not log.is_file() or not log.stat().st_size:
        with closing(_connected(path, "mode=ro&immutable=1")) as database:
            yield database
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "copy")
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name("copy-wal"))
        with closing(_connected(copy, "mode=rw")) as database:
            yield database


def _connected(path: Path, how: str) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True)
    database.text_factory = bytes
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES)
    database.execute("PRAGMA trusted_schema = OFF")
    database.set_authorizer(_authorized)
    return database


def _authorized(action: int, *_what: Any) -> int:
    """Reading is allowed: no functions, no recursion, no attaching, no pragmas, no writing."""
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
