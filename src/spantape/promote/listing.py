"""The runs of a directory of tapes, read fast: no payload is rebuilt, no digest of a body is worked out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from spantape._spans import names
from spantape.errors import TapeError, TapeNotFound
from spantape.promote.facts import Facts, facts_of
from spantape.tape.read import load

_OWN: Final = frozenset({names.FORMAT, names.RUN_ID, names.RUN_NAME, "spantape.journal"})


class Listed(NamedTuple):
    """A run, and whether its tape is sealed."""

    facts: Facts
    sealed: bool


def tapes_in(directory: str | os.PathLike[str]) -> list[Path]:
    """The tapes and journals in `directory` and below, sorted; the file itself where it is one.

    Raises:
        TapeNotFound: nothing is there.
    """
    place = Path(directory)
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise TapeNotFound("no directory is there", path=place)
    endings = (".tape", ".tape.journal")
    found = (path for path in place.rglob("*") if path.name.endswith(endings) and path.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def list_tapes(paths: Iterable[Path]) -> Iterator[tuple[Path, Listed | TapeError]]:
    """What each tape holds, or why it cannot be read, in the order of `paths`."""
    for path in paths:
        try:
            yield path, _listed(path)
        except TapeError as error:
            yield path, error


def _listed(path: Path) -> Listed:
    loaded = load(path)
    header = loaded.recording.headers[0] if loaded.recording.headers else {}
    spans = loaded.recording.spans
    stated = [header.get(names.RUN_ID), *(span.attributes.get(names.RUN_ID) for span in spans)]
    run_id = next((one for one in stated if isinstance(one, str) and one), "")
    name = header.get(names.RUN_NAME)
    resource = {key: value for key, value in header.items() if key not in _OWN}
    facts = facts_of(spans, run_id=run_id, name=name if isinstance(name, str) else "", resource=resource)
    return Listed(facts, loaded.seal is not None)
