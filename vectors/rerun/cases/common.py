"""What the cases share: keys, a step that is right in every way, and how a case is told."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spantape.rerun import PrivateKey, canonicalize, capture, encode_embedding

Json = dict[str, Any]
Edit = Callable[[Json], Any]


def key(name: str) -> PrivateKey:
    """A key of the vectors: never one for anything else, its seed is the hash of its name."""
    return PrivateKey(hashlib.sha256(f"spantape rerun vectors: {name}".encode()).digest())


SIGNER = key("signer")
OTHER = key("other")
REVIEWER = key("reviewer")

STEP: Json = {
    "model": {"vendor": "openai", "id": "gpt-4o-2024-08-06", "fingerprint": "fp_1"},
    "sampling": {"temperature": 0.2, "top_p": 1, "seed": 42, "max_tokens": 256},
    "inputs": {
        "system_prompt": "You are a travel guide.",
        "messages": [
            {"role": "user", "content": "How warm is it in Oslo?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "name": "lookup", "arguments": '{"city":"Oslo"}'}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius":4.5}'},
        ],
        "tools": [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}],
    },
    "runtime": {"class": "cloud", "tool_versions": {"python": "3.12.3"}},
    "expected": {"transcript": {"messages": [{"role": "assistant", "content": "4.5 °C, so take a coat."}]}},
    "tolerance": {"level": "byte"},
}
ACTUAL: Json = {"inputs": STEP["inputs"], "output": {"transcript": STEP["expected"]["transcript"]}}

UP = encode_embedding([1, 0, 0, 0])
NEAR = encode_embedding([0.96, 0.28, 0, 0])
ACROSS = encode_embedding([0, 1, 0, 0])
DOWN = encode_embedding([-1, 0, 0, 0])
ZERO = encode_embedding([0, 0, 0, 0])
SHORT = encode_embedding([1, 0, 0])


@dataclass(frozen=True)
class Case:
    """One directory: its name, its files by name, and what is expected of them."""

    name: str
    description: str
    files: dict[str, bytes]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    more: Json = field(default_factory=dict)

    def expected(self) -> Json:
        """The `expected.json`; `more` stands in for `verified` where nothing is verified."""
        told: Json = {"description": self.description}
        told |= self.more or {"verified": not self.errors}
        told["errorContains"] = list(self.errors)
        if self.warnings:
            told["warningContains"] = list(self.warnings)
        return told


def pretty(value: Any) -> bytes:
    """Indented JSON, as people and other languages write it."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"


def changed(document: Json, edit: Edit) -> Json:
    """A deep copy of `document` after `edit`."""
    made = copy.deepcopy(document)
    edit(made)
    return made


def member(path: str) -> tuple[Callable[[Json], Json], str]:
    """How to get to the object that holds the member at the dotted `path`, and the member's name."""
    *blocks, name = path.split(".")

    def holder(document: Json) -> Json:
        for block in blocks:
            document = document[block]
        return document

    return holder, name


def put(path: str, value: Any) -> Edit:
    """An edit that sets the member at `path`."""
    holder, name = member(path)
    return lambda document: holder(document).__setitem__(name, value)


def drop(path: str) -> Edit:
    """An edit that takes the member at `path` away."""
    holder, name = member(path)
    return lambda document: holder(document).pop(name)


def signed(edit: Edit = lambda _: None) -> Json:
    """The bundle of the edited step, signed by the signer."""
    return capture(changed(STEP, edit), SIGNER)


def semantic(threshold: float = 0.9, embedding: str = UP) -> Json:
    """The bundle of the step at semantic tolerance, signed."""
    step = changed(STEP, put("expected", {"semantic_embedding": embedding}))
    return capture(changed(step, put("tolerance", {"level": "semantic", "threshold": threshold})), SIGNER)


def case(
    name: str,
    description: str,
    bundle: Json | bytes,
    actual: Json | bytes = ACTUAL,
    *,
    errors: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Case:
    """A case of verifying; what is given as bytes is written as it is."""
    files = {
        "bundle.rr": bundle if isinstance(bundle, bytes) else canonical(bundle),
        "actual.json": actual if isinstance(actual, bytes) else pretty(actual),
    }
    return Case(name, description, files, errors, warnings)


def canonical(bundle: Json) -> bytes:
    """The canonical bytes of a document, also of one that is no bundle."""
    return canonicalize(bundle)
