"""Run vectors of rerun bundles against this implementation: `python -m spantape.rerun.conformance DIRECTORY...`.

A vector is a directory with an `expected.json`: of v0.1's layout (`bundle.rr`, `actual.json`), perhaps with a
`policy.json`, or of a capture (`step.json`, and `bundle.rr` where one is made). Those of other implementations run
as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from spantape.errors import EvidenceError, NotCanonical, SchemaViolation
from spantape.rerun.bundles import capture, to_bytes
from spantape.rerun.keys import load_private_key, load_trust
from spantape.rerun.policy import TrustPolicy
from spantape.rerun.reading import read_file, read_json
from spantape.rerun.verifying import Result, check, schema_error

__all__ = ["Vector", "run_vectors"]


@dataclass(frozen=True, slots=True)
class Vector:
    """One vector that was run: where it is, and what came out other than expected."""

    path: Path
    problems: tuple[str, ...]


def run_vectors(directory: str | PathLike[str]) -> list[Vector]:
    """Every vector in `directory` and below, by path, with its problems.

    Keys that a vector names are files in the `keys` directory that is nearest above it.

    Raises:
        EvidenceError: an `expected.json` or a key cannot be read.
    """
    found = sorted(path.parent for path in Path(directory).rglob("expected.json"))
    return [Vector(path, tuple(_problems(path))) for path in found]


def _problems(path: Path) -> Iterator[str]:
    expected = read_file(path / "expected.json", what="vector")
    if (path / "step.json").exists():
        return _capture_problems(path, expected)
    result = check((path / "bundle.rr").read_bytes(), (path / "actual.json").read_bytes(), _policy(path))
    return _result_problems(expected, result)


def _result_problems(expected: dict[str, Any], result: Result) -> Iterator[str]:
    if result.verified != expected["verified"]:
        yield f"verified: expected {expected['verified']}, got {result.verified} {list(result.errors)}"
    yield from _absent("error", expected.get("errorContains", ()), result.errors)
    yield from _absent("warning", expected.get("warningContains", ()), result.warnings)


def _absent(what: str, wanted: Sequence[str], got: Sequence[str]) -> Iterator[str]:
    for text in wanted:
        if not any(text in one for one in got):
            yield f"expected an {what} with {text!r}, got {list(got)}"


def _capture_problems(path: Path, expected: dict[str, Any]) -> Iterator[str]:
    key = expected.get("key")
    signer = None if key is None else load_private_key(_key_file(path, key))
    try:
        data = to_bytes(capture(read_json((path / "step.json").read_bytes(), what="step"), signer))
    except (SchemaViolation, NotCanonical) as error:
        if expected["captured"]:
            yield f"expected a bundle, got {error}"
        yield from _absent("error", expected.get("errorContains", ()), [schema_error(error)])
        return
    if not expected["captured"]:
        yield "expected no bundle, got one"
    elif data != (path / "bundle.rr").read_bytes():
        yield f"expected other bytes, got {data!r}"


def _policy(path: Path) -> TrustPolicy | None:
    if not (path / "policy.json").exists():
        return None
    policy = read_file(path / "policy.json", what="policy")
    names = policy["trusted_keys"]
    keys = load_trust(_key_file(path, name) for name in names) if names else None
    return TrustPolicy(keys, policy["require_signature"])


def _key_file(path: Path, name: str) -> Path:
    for above in path.parents:
        if (above / "keys").is_dir():
            return above / "keys" / name
    raise EvidenceError(
        f"no directory 'keys' above it, and it names the key {name!r}", what="vector", path=path
    )


def main(directories: Sequence[str]) -> int:
    """Print each vector that went wrong; 0 where none did, 1 where one did, 2 where there is none."""
    vectors = [vector for directory in directories for vector in run_vectors(directory)]
    for vector in vectors:
        for problem in vector.problems:
            sys.stdout.write(f"FAIL {vector.path}: {problem}\n")
    failed = sum(bool(vector.problems) for vector in vectors)
    sys.stdout.write(f"{len(vectors) - failed} of {len(vectors)} vectors pass\n")
    return 2 if not vectors else int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
