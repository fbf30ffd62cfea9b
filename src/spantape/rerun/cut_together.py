"""Several steps in one bundle: the calls of a whole run under one signature, none of which can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from spantape.errors import UsageError
from spantape.rerun.apply_inputs import inputs_document
from spantape.rerun.bundles import Bundle, capture
from spantape.rerun.cutting import Cut
from spantape.rerun.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class Together:
    """Several steps as evidence; it unpacks into (record, bundle, actual). `inputs` is the file of their inputs."""

    record: dict[str, Any]
    bundle: Bundle
    actual: dict[str, Any]
    inputs: dict[str, Any]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter((self.record, self.bundle, self.actual))


def together(cuts: Iterable[Cut], key: PrivateKey | None = None) -> Together:
    """The evidence of several steps of one tape as one bundle of our extension, signed where a `key` is given.

    A step's id is `step-` and its index on the tape.

    Raises:
        UsageError: there is no step.
        SchemaViolation: a step is there twice.
    """
    steps = list(cuts)
    if not steps:
        raise UsageError("got no step, expected at least one for a bundle")
    record = {"steps": [{"id": _id(one), **one.extended[0]} for one in steps]}
    actual = {"steps": [{"id": _id(one), **one.extended[1]} for one in steps]}
    return Together(
        record, capture(record, key), actual, {"steps": [inputs_document(one.call) for one in steps]}
    )


def _id(one: Cut) -> str:
    return f"step-{one.step}"
