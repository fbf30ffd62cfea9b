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
    """The names of the plain tables of the file: no views, no virtual tables, none with computed columns.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with opened(path) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        plain = [text(name) for name, sql in rows if not text(sql).upper().startswith("CREATE VIRTUAL")]
        return frozenset(name for name in plain if _is_stored(database, name))


def _is_stored(database: sqlite3.Connection, table: str) -> bool:
    """Whether every column of a table is what was put there, none what an expression makes of others."""
    quoted = table.replace('"', '""')
    return all(column[6] == 0 for column in database.execute(f'PRAGMA table_xinfo("{quoted}")'))


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
    _refuse_torn(path)
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


def _refuse_torn(path: Path) -> None:
    """Raise where the file has fewer pages than its header states: SQLite notices only when it reads them.

    See: <https://www.sqlite.org/fileformat2.html#the_database_header>
    """
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100:
        raise sqlite3.DatabaseError(f"it ends inside its header, after {len(header)} bytes")
    page, pages = int.from_bytes(header[16:18]), int.from_bytes(header[28:32])
    size, stated = path.stat().st_size, pages * (65536 if page == 1 else page)
    if header[24:28] == header[92:96] and size < stated:
        raise sqlite3.DatabaseError(f"it has {size} bytes, its header states {stated}")


def _connected(path: Path, how: str) -> sqlite3.Connection:
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True)
    database.text_factory = bytes
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES)
    database.execute("PRAGMA trusted_schema = OFF")
    database.set_authorizer(_authorized)
    return database


def _authorized(action: int, what: Any, *_more: Any) -> int:
    """Reading is allowed: no functions, no recursion, no attaching, no writing, no pragma but the list of columns."""
    if action == sqlite3.SQLITE_PRAGMA and what == "table_xinfo":
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
