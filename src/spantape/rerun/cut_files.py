"""Evidence as files: `<name>.rr` is the bundle, and what it verifies and what a rerun is sent stand beside it.

The latter are `<name>.actual.json` and `<name>.inputs.json`.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from os import PathLike
from pathlib import Path
from typing import Any, Final

import msgspec

from spantape.errors import EvidenceError
from spantape.rerun.apply_inputs import inputs_document
from spantape.rerun.bundles import to_bytes
from spantape.rerun.cut_together import Together
from spantape.rerun.cutting import Cut

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST: Final = 80


def name_of(tape: str | None, step: int | None = None) -> str:
    """The name of the files of a step, safe on any file system: `run-step-0003` of `run.tape`, `run` of all steps."""
    stem = _UNSAFE.sub("-", Path(tape or "").stem)[:_LONGEST].strip(".-") or "run"
    return stem if step is None else f"{stem}-step-{step:04d}"


def write_cut(directory: str | PathLike[str], name: str, made: Cut | Together) -> Path:
    """The path of the bundle, written into `directory` with the records beside it; old ones are replaced.

    Raises:
        EvidenceError: a file cannot be written.
    """
    place = Path(directory)
    write_json(place / f"{name}.actual.json", made.actual)
    inputs = made.inputs if isinstance(made, Together) else inputs_document(made.call)
    write_json(place / f"{name}.inputs.json", inputs)
    bundle = place / f"{name}.rr"
    write_whole(bundle, to_bytes(made.bundle), what="bundle")
    return bundle


def write_json(path: str | PathLike[str], document: Any) -> None:
    """Write a JSON document for people to read too; `Raises` as `write_whole`."""
    data = msgspec.json.format(msgspec.json.encode(document), indent=2)
    write_whole(path, data + b"\n", what="record")


def write_whole(path: str | PathLike[str], data: bytes, *, what: str) -> None:
    """Write a file that is there whole or not at all; directories are made.

    Raises:
        EvidenceError: it cannot be written.
    """
    target = Path(path)
    part = target.with_name(f".{target.name[:_LONGEST]}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            os.replace(part, target)  # noqa: PTH105 - atomic on one file system
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise EvidenceError(f"cannot be written: {reason}", what=what, path=path) from error
