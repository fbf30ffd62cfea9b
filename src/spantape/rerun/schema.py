"""Whether a document is a bundle, a step record or an actual record, in v0.1 or in our extension of it."""

from __future__ import annotations

from typing import Any, Final

from spantape.errors import NotCanonical, SchemaViolation
from spantape.rerun import _extended, _v01
from spantape.rerun._members import Check, Wrong, expected
from spantape.rerun.canonical import sha256_of

__all__ = [
    "EXTENDED",
    "VERSION",
    "check_actual",
    "check_bundle",
    "check_captured",
    "check_record",
    "hash_of",
    "is_extended",
    "violation",
]

VERSION: Final = _v01.VERSION
"""The version of a bundle of one step, as every implementation of rerun.json reads it."""

EXTENDED: Final = _extended.VERSION
"""The version of our extension: several steps, calls of tools, the embedder's identity, the signer."""

_BUNDLES: Final[dict[str, Check]] = {VERSION: _v01.BUNDLE, EXTENDED: _extended.BUNDLE}


def check_bundle(bundle: Any) -> None:
    """Return where `bundle` is a bundle of its version.

    Raises:
        SchemaViolation: it is not; the member is named.
    """
    _check("bundle", _bundle, bundle)


def check_captured(bundle: Any) -> None:
    """Return where `bundle`, made of a record that was checked, is a bundle; `Raises` as `check_bundle`.

    What a record and its bundle share needs no second look: only v0.1 lets a record lack what its tolerance needs.
    """
    if not is_extended(bundle):
        _check("bundle", _v01.tolerance_has_its_data, bundle)


def check_actual(actual: Any, *, extended: bool = False) -> None:
    """Return where `actual` is an actual record, of several steps where `extended`; `Raises` as `check_bundle`."""
    _check("actual", _extended.ACTUAL if extended else _v01.ACTUAL, actual)


def check_record(record: Any) -> None:
    """Return where `record` is what `capture` takes: a step record, or one with `steps`; `Raises` as `check_bundle`."""
    _check("step", _extended.RECORD if is_extended(record) else _v01.STEP, record)


def is_extended(document: Any) -> bool:
    """Whether the document is of our extension: it has steps."""
    return isinstance(document, dict) and "steps" in document


def violation(what: str, wrong: Wrong | NotCanonical) -> SchemaViolation:
    """What is wrong with the document `what`, as an error of its own."""
    return SchemaViolation(wrong.reason, what=what, field=wrong.field)


def hash_of(value: Any, *, what: str, place: str) -> str:
    """The hash of a value that stands at `place` in the document `what`.

    Raises:
        SchemaViolation: it has no canonical form.
    """
    try:
        return sha256_of(value)
    except NotCanonical as error:
        inner = error.field or ""
        dot = "." if inner and not inner.startswith("[") else ""
        raise SchemaViolation(error.reason, what=what, field=f"{place}{dot}{inner}") from error


def _bundle(bundle: Any) -> None:
    if not isinstance(bundle, dict):
        raise expected("an object", bundle)
    if "rerun_version" not in bundle:
        raise Wrong("missing", "rerun_version")
    version = bundle["rerun_version"]
    check = _BUNDLES.get(version) if isinstance(version, str) else None
    if check is None:
        wrong = expected(" or ".join(f"'{known}'" for known in _BUNDLES), version)
        wrong.path.append("rerun_version")
        raise wrong
    check(bundle)


def _check(what: str, check: Check, document: Any) -> None:
    try:
        check(document)
    except Wrong as wrong:
        raise violation(what, wrong) from wrong
    except RecursionError as error:
        raise SchemaViolation("nested too deeply", what=what) from error
