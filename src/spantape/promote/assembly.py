"""Spans put together to runs, however they came: shuffled, repeated, split over files; in bounded memory.

Spans are written to a file of their own as they come, undecoded; a small database beside it knows which trace and
which run each names. When all sources are read, the runs are given one after another. So memory holds one batch of
index rows, the database's cache, and the run that is being looked at, however many spans there are; the disk holds
what the sources hold, unpacked.

A span is of the run that it names (`spantape.run.id`), else of the first run that its trace names. Where a trace
names none it is a run of its own, together with the traces that its root spans link to.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, cast

from spantape.promote.foreign import Event, read_events
from spantape.promote.sources import Placed, decode
from spantape.promote.sources._base import LOG, Form
from spantape.tape.model import Span

BATCH_ROWS: Final = 1024
CACHE_KIB: Final = 16 * 1024
_WRITE_BYTES: Final = 1 << 20

_TABLES: Final = """
CREATE TABLE span (seq INTEGER PRIMARY KEY, trace TEXT, run TEXT, at INTEGER, size INTEGER, form INTEGER,
                   file INTEGER, unit TEXT, number INTEGER);
CREATE TABLE link (trace TEXT, other TEXT);
CREATE TABLE grouped (trace TEXT PRIMARY KEY, run TEXT) WITHOUT ROWID;
"""
_RUNS_OF_TRACES: Final = """
INSERT INTO grouped SELECT trace, run FROM (SELECT trace, run, min(seq) FROM span WHERE run != '' GROUP BY trace)
"""
_ORDERED: Final = """
CREATE TABLE member AS
SELECT CASE WHEN s.run != '' THEN s.run ELSE coalesce(g.run, s.trace) END AS run, s.seq AS seq
FROM span s LEFT JOIN grouped g ON g.trace = s.trace;
CREATE TABLE run AS SELECT run, min(seq) AS first, count(*) AS spans FROM member GROUP BY run;
CREATE INDEX member_run ON member (run, seq);
"""
_MEMBERS: Final = """
SELECT s.at, s.size, s.form, s.file, s.unit, s.number FROM member m JOIN span s ON s.seq = m.seq
WHERE m.run = ? ORDER BY m.seq
"""


class Member(NamedTuple):
    """A span of a run: itself, its line, and where it stood."""

    span: Span
    line: bytes
    form: Form
    data: bytes
    place: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """A run's undecoded spans, each once or more often; `members` decodes them."""

    run_id: str
    raw: tuple[tuple[Form, bytes, str], ...]

    @property
    def count(self) -> int:
        """How many spans, the repeated ones too."""
        return sum(form != LOG for form, _, _ in self.raw)

    def members(self) -> list[Member]:
        """The spans, each once, in the order in which they came; of a repeated one, that which has ended.

        Raises:
            TapeDamaged: something in one has a wrong type.
        """
        found: dict[object, Member] = {}
        for number, (form, data, place) in enumerate(self.raw):
            if form == LOG:
                continue
            span, line = decode(form, data)
            key = (span.trace_id, span.span_id) if span.span_id else number
            if key not in found or (span.ended_ns and not found[key].span.ended_ns):
                found[key] = Member(span, line, form, data, place)
        return list(found.values())

    def events(self) -> list[Event]:
        """What was logged of the spans.

        Raises:
            TapeDamaged: a record has a member of a wrong type.
        """
        records = dict.fromkeys(data for form, data, _ in self.raw if form == LOG)
        return [event for record in records for event in read_events(record)]


class Assembly:
    """Spans in, in any order; runs out, in the order of their first spans. A context manager: its files are temporary.

    `held_rows` and `held_bytes` say what of the spans is in memory.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="spantape-promote-", dir=directory)
        folder = Path(self._made.name)
        self._data = (folder / "spans").open("w+b")
        self._index = sqlite3.connect(folder / "index.db", isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_KIB}", "temp_store=FILE"):
            self._index.execute(f"PRAGMA {setting}")
        self._index.executescript(_TABLES)
        self._rows: list[tuple[str, str, int, int, int, int, str, int]] = []
        self._links: list[tuple[str, str]] = []
        self._pending = bytearray()
        self._at = 0
        self._files: list[str] = []
        self.spans = 0
        self.runs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._index.close()
        self._data.close()
        self._made.cleanup()

    @property
    def held_rows(self) -> int:
        """Index rows that are not in the database yet: at most `BATCH_ROWS`."""
        return len(self._rows)

    @property
    def held_bytes(self) -> int:
        """Bytes of spans that are not in the file yet: at most a mebibyte and one span."""
        return len(self._pending)

    def add(self, path: str, placed: Placed) -> None:
        """Take a span that stood in the file `path`."""
        if not self._files or self._files[-1] != path:
            self._files.append(path)
        found = placed.found
        size = len(found.data)
        row = (found.trace_id, found.run_id, self._at, size, found.form, len(self._files) - 1)
        self._rows.append((*row, placed.unit, placed.number))
        self._links.extend((found.trace_id, link) for link in found.links if link != found.trace_id)
        self._pending += found.data
        self._at += size
        self.spans += found.form != LOG
        if len(self._pending) >= _WRITE_BYTES:
            self._write()
        if len(self._rows) >= BATCH_ROWS:
            self._flush()

    def _write(self) -> None:
        self._data.write(self._pending)
        self._pending.clear()

    def _flush(self) -> None:
        self._write()
        self._index.execute("BEGIN")
        columns = "trace, run, at, size, form, file, unit, number"
        self._index.executemany(f"INSERT INTO span ({columns}) VALUES (?,?,?,?,?,?,?,?)", self._rows)  # noqa: S608 - no input in it
        self._index.executemany("INSERT INTO link VALUES (?,?)", self._links)
        self._index.execute("COMMIT")
        self._rows.clear()
        self._links.clear()

    # --- runs out ----------------------------------------------------------------------------------------------------

    def gathered(self) -> Iterator[Gathered]:
        """The runs, once everything is added; one at a time is in memory."""
        self._flush()
        self._data.flush()
        self._index.execute(_RUNS_OF_TRACES)
        self._join_links()
        self._index.executescript(_ORDERED)
        (self.runs,) = self._index.execute("SELECT count(*) FROM run").fetchone()
        for (run,) in self._index.execute("SELECT run FROM run ORDER BY first"):
            yield Gathered(run, tuple(self._members(run)))

    def _members(self, run: str) -> Iterator[tuple[Form, bytes, str]]:
        for at, size, form, file, unit, number in self._index.execute(_MEMBERS, (run,)):
            self._data.seek(at)
            place = f"{self._files[file]}, {unit} {number}" if unit else self._files[file]
            yield cast("Form", form), self._data.read(size), place

    def _join_links(self) -> None:
        """Put each trace without a run with those that it goes on from, where they are here."""
        rows = self._index.execute(
            "SELECT DISTINCT l.trace, l.other, g.run FROM link l LEFT JOIN grouped g ON g.trace = l.other "
            "WHERE l.trace NOT IN (SELECT trace FROM grouped) AND EXISTS (SELECT 1 FROM span WHERE trace = l.other)"
        )
        heads: dict[str, str] = {}
        for trace, other, run in rows.fetchall() if self._has_links() else ():
            first, second = _head(heads, trace), run or _head(heads, other)
            if first != second:
                heads[first] = second
        joined = [(trace, _head(heads, trace)) for trace in heads]
        self._index.executemany("INSERT OR IGNORE INTO grouped VALUES (?,?)", joined)

    def _has_links(self) -> bool:
        if not self._index.execute("SELECT EXISTS (SELECT 1 FROM link)").fetchone()[0]:
            return False
        self._index.execute("CREATE INDEX span_trace ON span (trace)")
        return True


def _head(heads: dict[str, str], trace: str) -> str:
    """What `trace` was joined to in the end, with the way there made short."""
    walked = []
    while trace in heads:
        walked.append(trace)
        trace = heads[trace]
    for passed in walked[:-1]:
        heads[passed] = trace
    return trace
