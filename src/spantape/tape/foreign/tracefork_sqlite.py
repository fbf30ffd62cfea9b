"""tracefork's SQLite files, in: `*.tape.sqlite` with one run, and stores (`store.db`) with many."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import zstandard

from spantape._model import digest
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.foreign.bodies import zstd_plain
from spantape.tape.foreign.model import Recording
from spantape.tape.foreign.peek import Peek
from spantape.tape.foreign.places import Place
from spantape.tape.foreign.sqlite_safe import columns, opened, text
from spantape.tape.foreign.tracefork import Held, check_fingerprint, recording
from spantape.tape.foreign.tracefork_blob import held_of
from spantape.tape.limits import DEFAULT

_TAPE: Final = frozenset({"blobs", "events"})
_STORE: Final = "tapes"
_JSON_META: Final = (
    "async_batches",
    "provenance",
    "request_urls",
    "response_status",
    "response_content_type",
)


def fits(peek: Peek) -> bool:
    """Whether the file is a tape or a store."""
    return peek.tables >= _TAPE or _STORE in peek.tables


def read(peek: Peek) -> list[Recording]:
    """The runs of a tape or a store: a store's branches too, each with the part of its parent that it shares.

    Raises:
        TapeError: it is not of the format.
        TapeDamaged: its bytes are not those that were written; names the event, or the run.
    """
    path = str(peek.path)
    with _named(peek.path), opened(peek.path) as database:
        if peek.tables >= _TAPE:
            return [recording(_tape(database, path, has_meta="meta" in peek.tables), path)]
        return list(_store(database, path, has_branches="branches" in peek.tables))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What SQLite says of a damaged file is an error of ours that names it."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise TapeDamaged(f"is an SQLite file that cannot be read ({error})", path=path) from error


# --- one tape ----------------------------------------------------------------------------------------------------


def _tape(database: sqlite3.Connection, path: str, *, has_meta: bool) -> Held:
    blobs = _Blobs(database)
    held = Held(meta=_meta(database, path) if has_meta else {})
    for seq, kind, first, second in database.execute("SELECT seq, kind, a, b FROM events ORDER BY seq"):
        at = Place(None, f"event {seq}", path)
        named = text(kind)
        if named == "draw":
            held.add("draw", (text(first), text(second)))
        elif named in ("exchange", "tool_exchange"):
            held.add(named, (blobs.get(text(first), at), blobs.get(text(second), at)))
        else:
            raise TapeError(
                f"got an event of kind {named!r:.40}, expected draw, exchange or tool_exchange",
                path=path,
                field=at.at,
            )
    check_fingerprint(held, held.meta.get("digest"), path, "meta digest")
    return held


class _Blobs:
    """The blobs of a tape, each unpacked and checked as it is asked for; the total is bounded."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._left = DEFAULT.total_bytes

    def get(self, name: str, at: Place) -> bytes:
        row = self._database.execute("SELECT data FROM blobs WHERE hash = ?", (name,)).fetchone()
        if row is None:
            raise at.damaged(f"names the blob {name}, which is not in the file")
        packed = row[0] if isinstance(row[0], bytes) else b""
        data = packed if digest(packed) == name else self._unpacked(packed, name, at)
        self._left -= len(data)
        return data

    def _unpacked(self, packed: bytes, name: str, at: Place) -> bytes:
        try:
            data = zstd_plain(packed, min(DEFAULT.body_bytes, max(self._left, 0)))
        except zstandard.ZstdError as error:
            raise at.damaged(
                f"the blob {name} is neither what its name says nor a zstd frame ({error})"
            ) from error
        except TapeDamaged as error:
            raise at.damaged(f"the blob {name}: {error.reason}") from error
        got = digest(data)
        if got != name:
            raise at.damaged(f"got a blob of sha256 {got}, recorded {name}")
        return data


def _meta(database: sqlite3.Connection, path: str) -> dict[str, Any]:
    rows = database.execute("SELECT key, value FROM meta").fetchall()
    meta: dict[str, Any] = {text(key): text(value) for key, value in rows}
    for key in _JSON_META:
        if key in meta:
            try:
                meta[key] = json.loads(meta[key])
            except (ValueError, RecursionError) as error:
                raise TapeDamaged(f"is not JSON ({error})", path=path, field=f"meta {key}") from error
    meta["content_redacted"] = meta.get("content_redacted", "0") not in ("", "0", "False", "false")
    return meta


# --- a store -----------------------------------------------------------------------------------------------------


def _store(database: sqlite3.Connection, path: str, *, has_branches: bool) -> Iterator[Recording]:
    states_digest = "digest" in columns(database, _STORE)
    wanted = "run_id, tape_bytes, digest" if states_digest else "run_id, tape_bytes, NULL"
    runs: dict[str, Held] = {}
    for run_id, blob, stated in database.execute(f"SELECT {wanted} FROM tapes ORDER BY created_at, run_id"):  # noqa: S608 - our own words
        run = text(run_id)
        runs[run] = held_of(bytes(blob or b""), path, f"run {run}")
        check_fingerprint(runs[run], text(stated), path, f"run {run}")
        yield recording(runs[run], path, run)
    if has_branches:
        yield from _branches(database, path, runs)


def _branches(database: sqlite3.Connection, path: str, runs: dict[str, Held]) -> Iterator[Recording]:
    states_parent = "parent_tape_digest" in columns(database, "branches")
    wanted = "parent_tape_digest" if states_parent else "NULL"
    query = (
        f"SELECT branch_id, parent_run_id, divergence_step, delta_tape_bytes, mutation_desc, {wanted} "  # noqa: S608 - our own words
        "FROM branches ORDER BY created_at, branch_id"
    )
    for branch_id, parent_id, step, blob, described, stated in database.execute(query):
        branch, parent = text(branch_id), runs.get(text(parent_id))
        place = f"branch {branch}"
        if parent is None:
            raise TapeDamaged(
                f"is of the run {text(parent_id)!r}, which is not in the file", path=path, field=place
            )
        if not isinstance(step, int) or not 0 <= step <= len(parent.exchanges):
            raise TapeDamaged(
                f"got divergence step {step!r:.40}, expected 0 to {len(parent.exchanges)}",
                path=path,
                field=place,
            )
        check_fingerprint(parent, text(stated), path, f"{place}, its parent")
        made = _branch(_branched(parent, step, held_of(bytes(blob or b""), path, place)), step, path, branch)
        yield replace(
            made, attributes={**made.attributes, "spantape.import.branch": text(described) or branch}
        )


def _branched(parent: Held, step: int, delta: Held) -> Held:
    """A branch as a run: its parent's exchanges before it parted, then its own."""
    whole = Held(meta={**delta.meta, **_joined_columns(parent, step, delta)})
    for pair in (*parent.exchanges[:step], *delta.exchanges):
        whole.add("exchange", pair)
    for draw in delta.draws:
        whole.add("draw", draw)
    for pair in delta.tools:
        whole.add("tool_exchange", pair)
    return whole


def _branch(whole: Held, step: int, path: str, branch: str) -> Recording:
    made = recording(whole, path, branch)
    made.notes.add(
        f"a branch: its steps before {step} come from the run that it parted from"
        if step
        else "a branch from the start"
    )
    return made


def _joined_columns(parent: Held, step: int, delta: Held) -> dict[str, Any]:
    """What stands beside the exchanges, joined as they are; left out where either has none."""
    joined: dict[str, Any] = {}
    for key in ("request_urls", "response_status", "response_content_type"):
        first, second = (held.meta.get(key) for held in (parent, delta))
        if isinstance(first, list) and isinstance(second, list) and len(first) >= step:
            joined[key] = [*first[:step], *second]
    return {"request_urls": [], "response_status": [], "response_content_type": [], **joined}
