"""The inputs of a step as a file: what a rerun is sent, beside the bundle that vouches for it.

::

    {"api": "openai.chat", "inputs": {"system_prompt": …, "messages": […], "tools": […]},
     "options": {"response_format": …}, "headers": {"openai-beta": …}}

A bundle holds hashes of the inputs, and model and sampling in clear. `options` are what else the request said; `api`
is the wire API that the messages are written for. Only `inputs` must be there, so a step record and an actual record
are files of inputs too, of several steps where they have `steps`; and so are bare inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Final

import msgspec

from spantape.errors import SchemaViolation
from spantape.rerun.reading import read_file
from spantape.rerun.wire import Call

WHAT: Final = "inputs"


class _Inputs(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    system_prompt: str
    messages: list[Any]
    tools: list[Any] | msgspec.UnsetType = msgspec.UNSET


class _File(msgspec.Struct):
    inputs: _Inputs
    api: str | None = None
    options: dict[str, Any] = {}
    headers: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What a rerun is sent. `inputs` has `system_prompt`, `messages` and perhaps `tools`; `api` is None where unsaid."""

    inputs: dict[str, Any]
    api: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def step_inputs(document: Any, *, path: str | PathLike[str] | None = None) -> list[StepInputs]:
    """The inputs in a JSON value of any of the forms above, one for each step.

    Raises:
        SchemaViolation: it is of none of them; the member is named.
    """
    if isinstance(document, Mapping) and isinstance(document.get("steps"), list):
        return [_of_step(step, f"steps[{index}]", path) for index, step in enumerate(document["steps"])]
    return [_of_step(document, None, path)]


def _of_step(document: Any, place: str | None, path: str | PathLike[str] | None) -> StepInputs:
    bare = isinstance(document, Mapping) and "inputs" not in document
    try:
        read = msgspec.convert({"inputs": document} if bare else document, _File)
    except msgspec.ValidationError as error:
        raise SchemaViolation(str(error), what=WHAT, path=path, field=place) from error
    plain: dict[str, Any] = msgspec.to_builtins(read.inputs)
    return StepInputs(plain, read.api, read.options, read.headers)


def read_step_inputs(path: str | PathLike[str]) -> list[StepInputs]:
    """The inputs in the JSON file at `path`, one for each step.

    Raises:
        EvidenceError: it cannot be read.
        NotCanonical: it is not JSON that has a canonical form.
        SchemaViolation: it is not a file of inputs.
    """
    return step_inputs(read_file(path, what=WHAT), path=path)


def inputs_document(call: Call) -> dict[str, Any]:
    """The file of the inputs of `call`."""
    document: dict[str, Any] = {"api": call.api, "inputs": call.inputs}
    if call.options:
        document["options"] = call.options
    if call.headers:
        document["headers"] = dict(call.headers)
    return document
