"""The documents of rerun.json v0.1: bundle, step record, actual record. `vectors/rerun/README.md` specifies them."""

from __future__ import annotations

from typing import Any, Final

from spantape.rerun._members import (
    Object,
    Wrong,
    anything,
    array,
    embedding,
    hash_string,
    integer,
    number,
    one_of,
    string,
    strings,
)

VERSION: Final = "0.1"

MODEL: Final = Object({"vendor": string, "id": string}, {"fingerprint": string})
INPUT_HASHES: Final = Object(
    {"system_prompt_sha256": hash_string, "messages_sha256": hash_string}, {"tools_sha256": hash_string}
)
INPUTS: Final = Object({"system_prompt": string, "messages": array}, {"tools": array})
SIGNATURE: Final = Object({"alg": one_of("ed25519"), "pubkey": string, "sig": string})
RUNTIME_SEEN: Final = Object({}, {"fingerprint": string})

_SAMPLING: Final = Object({"temperature": number, "top_p": number}, {"seed": integer, "max_tokens": integer})
_RUNTIME: Final = Object(
    {"class": one_of("cloud", "local-vllm", "local-transformers")}, {"tool_versions": strings}
)
_TOLERANCE: Final = Object({"level": one_of("byte", "semantic", "structural")}, {"threshold": number})


def tolerance_has_its_data(bundle: dict[str, Any]) -> None:
    """Check that what the tolerance level of a bundle compares is there; all else may be right without it."""
    needs_of(bundle, {"byte": ("expected.transcript_sha256",), "semantic": SEMANTIC_NEEDS})


SEMANTIC_NEEDS: Final = ("expected.semantic_embedding", "tolerance.threshold")


def needs_of(document: dict[str, Any], needs: dict[str, tuple[str, ...]]) -> None:
    """Check that the members that the document's tolerance level needs are there, and an embedding not empty."""
    level = document["tolerance"]["level"]
    for place in needs.get(level, ()):
        block, member = place.split(".")
        if member not in document[block] or (member == "semantic_embedding" and not document[block][member]):
            raise Wrong(f"missing; tolerance level '{level}' needs it", member, block)


BUNDLE: Final = Object(
    {
        "rerun_version": one_of(VERSION),
        "model": MODEL,
        "sampling": _SAMPLING,
        "inputs": INPUT_HASHES,
        "runtime": _RUNTIME,
        "expected": Object({}, {"transcript_sha256": hash_string, "semantic_embedding": embedding}),
        "tolerance": _TOLERANCE,
    },
    {"signature": SIGNATURE},
    rule=tolerance_has_its_data,
)

STEP: Final = Object(
    {
        "model": MODEL,
        "sampling": _SAMPLING,
        "inputs": INPUTS,
        "runtime": _RUNTIME,
        "expected": Object({}, {"transcript": anything, "semantic_embedding": embedding}),
        "tolerance": _TOLERANCE,
    }
)

ACTUAL: Final = Object(
    {"inputs": INPUTS, "output": Object({}, {"transcript": anything, "embedding": embedding})},
    {"runtime": RUNTIME_SEEN},
)
