"""The documents of our extension, version `0.1+spantape.1`. `vectors/rerun/README.md` specifies them.

Beside v0.1 it has several steps, each with its own tolerance; the embedder's identity; the calls of tools for
structural tolerance; sampling members that are all optional; and the signer inside what is signed.
"""

from __future__ import annotations

from typing import Any, Final

from spantape.rerun._members import (
    Array,
    Check,
    Object,
    Wrong,
    anything,
    embedding,
    expected,
    hash_string,
    integer,
    number,
    one_of,
    public_key,
    string,
    strings,
)
from spantape.rerun._v01 import (
    INPUT_HASHES,
    INPUTS,
    MODEL,
    RUNTIME_SEEN,
    SEMANTIC_NEEDS,
    SIGNATURE,
    needs_of,
)

VERSION: Final = "0.1+spantape.1"

_SAMPLING: Final = Object(
    {},
    {
        "temperature": number,
        "top_p": number,
        "top_k": integer,
        "seed": integer,
        "max_tokens": integer,
        "frequency_penalty": number,
        "presence_penalty": number,
        "stop": Array(string),
        "reasoning_effort": string,
        "reasoning_tokens": integer,
    },
)
_RUNTIME: Final = Object(
    {"class": one_of("cloud", "local-vllm", "local-transformers", "local")}, {"tool_versions": strings}
)
_EMBEDDER: Final = Object({"id": string}, {"digest": hash_string})
_CALL_POLICY: Final = Object(
    {"order": one_of("exact", "parallel", "any"), "arguments": one_of("digest", "shape", "ignored")}
)
_TOLERANCE: Final = Object(
    {"level": one_of("byte", "semantic", "structural")}, {"threshold": number, "calls": _CALL_POLICY}
)
_SCALARS: Final = one_of("null", "boolean", "number", "string")
_NEEDS: Final = {
    "byte": ("expected.transcript_sha256",),
    "semantic": (*SEMANTIC_NEEDS, "expected.embedder"),
    "structural": ("expected.calls", "tolerance.calls"),
}
_RECORD_NEEDS: Final = {**_NEEDS, "byte": ("expected.transcript",)}


def _shape(value: Any) -> None:
    if not isinstance(value, dict):
        _SCALARS(value)
    elif len(value) != 1:
        raise expected("an object with the one member 'object' or 'array'", value)
    else:
        _SHAPE(value)


def _shapes(value: Any) -> None:
    if not isinstance(value, dict):
        raise expected("an object", value)
    for name, item in value.items():
        try:
            _shape(item)
        except Wrong as wrong:
            wrong.path.append(str(name))
            raise


_SHAPE: Final = Object({}, {"object": _shapes, "array": Array(_shape)})


def _graph(call: Check) -> Array:
    """Groups of calls, none of them empty; the calls of one answer are a group."""
    return Array(Array(call, at_least_one=True))


_CALL: Final = Object({"name": string}, {"arguments": anything})
_GRAPHS: Final = {
    "digest": _graph(Object({"name": string, "arguments": hash_string})),
    "shape": _graph(Object({"name": string, "arguments": _shape})),
    "ignored": _graph(Object({"name": string})),
}


def _step_rule(step: dict[str, Any]) -> None:
    needs_of(step, _NEEDS)
    if "calls" not in step["expected"]:
        return
    if "calls" not in step["tolerance"]:
        raise Wrong("missing; expected.calls is written by it", "calls", "tolerance")
    try:
        _GRAPHS[step["tolerance"]["calls"]["arguments"]](step["expected"]["calls"])
    except Wrong as wrong:
        wrong.path += ["calls", "expected"]
        raise


def _record_rule(step: dict[str, Any]) -> None:
    needs_of(step, _RECORD_NEEDS)
    if "calls" in step["expected"] and "calls" not in step["tolerance"]:
        raise Wrong("missing; expected.calls is compared by it", "calls", "tolerance")


def _ids_differ(document: dict[str, Any]) -> None:
    seen: dict[str, int] = {}
    for index, step in enumerate(document["steps"]):
        name = step.get("id")
        if name is not None and seen.setdefault(name, index) != index:
            raise Wrong(f"the same as that of steps[{seen[name]}]", "id", index, "steps")


_STEP: Final = Object(
    {
        "model": MODEL,
        "sampling": _SAMPLING,
        "inputs": INPUT_HASHES,
        "runtime": _RUNTIME,
        "expected": Object(
            {},
            {
                "transcript_sha256": hash_string,
                "semantic_embedding": embedding,
                "embedder": _EMBEDDER,
                "calls": anything,  # the step's own rule looks at them
            },
        ),
        "tolerance": _TOLERANCE,
    },
    {"id": string},
    rule=_step_rule,
)

BUNDLE: Final = Object(
    {"rerun_version": one_of(VERSION), "steps": Array(_STEP, at_least_one=True)},
    {"signer": Object({"alg": one_of("ed25519"), "pubkey": public_key}), "signature": SIGNATURE},
    rule=_ids_differ,
)

RECORD: Final = Object(
    {
        "steps": Array(
            Object(
                {
                    "model": MODEL,
                    "sampling": _SAMPLING,
                    "inputs": INPUTS,
                    "runtime": _RUNTIME,
                    "expected": Object(
                        {},
                        {
                            "transcript": anything,
                            "semantic_embedding": embedding,
                            "embedder": _EMBEDDER,
                            "calls": _graph(_CALL),
                        },
                    ),
                    "tolerance": _TOLERANCE,
                },
                {"id": string},
                rule=_record_rule,
            ),
            at_least_one=True,
        )
    },
    {"rerun_version": one_of(VERSION)},
    rule=_ids_differ,
)

ACTUAL: Final = Object(
    {
        "steps": Array(
            Object(
                {
                    "inputs": INPUTS,
                    "output": Object(
                        {},
                        {
                            "transcript": anything,
                            "embedding": embedding,
                            "embedder": _EMBEDDER,
                            "calls": _graph(_CALL),
                        },
                    ),
                },
                {"id": string, "runtime": RUNTIME_SEEN},
            ),
        )
    },
    {"rerun_version": one_of(VERSION)},
)
