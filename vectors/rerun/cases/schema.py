"""Every member of v0.1 missing, of the wrong type, and an unknown one at every level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.common import ACTUAL, Case, Json, case, changed, drop, put, semantic, signed

HASH = "sha256:" + "a" * 64

REQUIRED = (
    "rerun_version",
    "model",
    "model.vendor",
    "model.id",
    "sampling",
    "sampling.temperature",
    "sampling.top_p",
    "inputs",
    "inputs.system_prompt_sha256",
    "inputs.messages_sha256",
    "runtime",
    "runtime.class",
    "expected",
    "expected.transcript_sha256",
    "tolerance",
    "tolerance.level",
    "signature.alg",
    "signature.pubkey",
    "signature.sig",
)
WRONG: tuple[tuple[str, str, Any], ...] = (
    ("rerun_version", "another-version", "0.2"),
    ("rerun_version", "a-number", 0.1),
    ("model", "text", "gpt-4o"),
    ("model.vendor", "null", None),
    ("model.id", "a-number", 4),
    ("model.fingerprint", "null", None),
    ("sampling", "an-array", []),
    ("sampling.temperature", "text", "0.2"),
    ("sampling.temperature", "a-boolean", True),
    ("sampling.temperature", "null", None),
    ("sampling.top_p", "an-array", [1]),
    ("sampling.seed", "a-fraction", 1.5),
    ("sampling.seed", "a-boolean", False),
    ("sampling.max_tokens", "text", "256"),
    ("inputs", "null", None),
    ("inputs.system_prompt_sha256", "without-prefix", "a" * 64),
    ("inputs.messages_sha256", "of-63-digits", HASH[:-1]),
    ("inputs.messages_sha256", "of-65-digits", HASH + "a"),
    ("inputs.messages_sha256", "in-upper-case", "sha256:" + "A" * 64),
    ("inputs.messages_sha256", "with-a-line-break", HASH + "\n"),
    ("inputs.tools_sha256", "null", None),
    ("runtime", "text", "cloud"),
    ("runtime.class", "unknown", "on-premises"),
    ("runtime.tool_versions", "an-array", ["3.12"]),
    ("runtime.tool_versions.python", "a-number", 3.12),
    ("expected", "null", None),
    ("expected.transcript_sha256", "another-hash", "md5:" + "a" * 32),
    ("expected.semantic_embedding", "an-array", [1, 0]),
    ("tolerance", "text", "byte"),
    ("tolerance.level", "in-upper-case", "BYTE"),
    ("tolerance.threshold", "text", "0.9"),
    ("tolerance.threshold", "null", None),
    ("signature", "null", None),
    ("signature", "text", "unsigned"),
    ("signature.alg", "another", "rsa"),
    ("signature.alg", "in-upper-case", "Ed25519"),
    ("signature.pubkey", "an-array", []),
    ("signature.sig", "null", None),
)
LEVELS = ("", "model.", "sampling.", "inputs.", "runtime.", "expected.", "tolerance.", "signature.")

RECORD_REQUIRED = ("inputs", "inputs.system_prompt", "inputs.messages", "output")
RECORD_WRONG: tuple[tuple[str, str, Any], ...] = (
    ("inputs", "an-array", []),
    ("inputs.system_prompt", "null", None),
    ("inputs.system_prompt", "an-array", ["You are a travel guide."]),
    ("inputs.messages", "an-object", {}),
    ("inputs.messages", "text", "hello"),
    ("inputs.tools", "null", None),
    ("inputs.tools", "an-object", {}),
    ("output", "text", "4.5"),
    ("output.embedding", "an-array", [1, 0]),
    ("runtime", "null", None),
    ("runtime.fingerprint", "a-number", 1),
)
RECORD_LEVELS = ("", "inputs.", "output.", "runtime.")


def cases() -> Iterator[Case]:
    """All of them."""
    for path in REQUIRED:
        yield _bundle(f"missing-{path}", f"{path} is missing", changed(signed(), drop(path)), path)
    for path, name, value in WRONG:
        yield _bundle(f"{path}-is-{name}", f"{path}: {value!r}", changed(signed(), put(path, value)), path)
    for level in LEVELS:
        path = f"{level}extra"
        yield _bundle(f"unknown-{path}", f"{path} is unknown", changed(signed(), put(path, HASH)), path)
    for path in ("expected.semantic_embedding", "tolerance.threshold"):
        yield _bundle(f"semantic-missing-{path}", "semantic needs it", changed(semantic(), drop(path)), path)
    empty = changed(semantic(), put("expected.semantic_embedding", ""))
    yield _bundle(
        "semantic-empty-embedding", "no dimension is no embedding", empty, "expected.semantic_embedding"
    )
    seen = changed(ACTUAL, put("runtime", {"fingerprint": "fp_1"}))
    for path in RECORD_REQUIRED:
        yield _record(f"missing-{path}", f"{path} is missing", changed(seen, drop(path)), path)
    for path, name, value in RECORD_WRONG:
        yield _record(f"{path}-is-{name}", f"{path}: {value!r}", changed(seen, put(path, value)), path)
    for level in RECORD_LEVELS:
        path = f"{level}extra"
        yield _record(f"unknown-{path}", f"{path} is unknown", changed(seen, put(path, HASH)), path)
    both = changed(signed(), drop("model"))
    yield case(
        "schema-ends-it",
        "a bundle that is none: the record's faults and the signature are not looked at",
        both,
        {},
        errors=("SchemaViolation:bundle: model:",),
    )


def _bundle(name: str, description: str, bundle: Json, path: str) -> Case:
    return case(f"schema-{name}", description, bundle, errors=(f"SchemaViolation:bundle: {path}:",))


def _record(name: str, description: str, actual: Json, path: str) -> Case:
    return case(f"record-{name}", description, signed(), actual, errors=(f"SchemaViolation:actual: {path}:",))
