"""Capturing: a step record and the bytes of its bundle, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cases.common import SIGNER, STEP, UP, Case, Json, changed, drop, pretty, put
from cases.extension import steps
from spantape.rerun import capture, to_bytes


def cases() -> Iterator[Case]:
    """All of them."""
    yield from made()
    yield from refused()


def made() -> Iterator[Case]:
    """Records that make a bundle, with its bytes."""
    yield _made("signed", "signed: Ed25519 gives the same bytes each time", STEP, signed=True)
    yield _made("unsigned", "without a key", STEP)
    least = changed(changed(STEP, drop("model.fingerprint")), put("sampling", {"temperature": 0, "top_p": 1}))
    least = changed(changed(least, drop("inputs.tools")), put("runtime", {"class": "local-vllm"}))
    yield _made("least", "no optional member", least)
    semantic = changed(STEP, put("expected", {"semantic_embedding": UP}))
    semantic = changed(semantic, put("tolerance", {"level": "semantic", "threshold": 0.95}))
    yield _made("semantic", "an embedding is carried as it is", semantic, signed=True)
    yield _made(
        "structural",
        "v0.1 can state it, and nothing by it",
        changed(STEP, put("tolerance", {"level": "structural"})),
    )
    yield _made("null-transcript", "null is a transcript", changed(STEP, put("expected.transcript", None)))
    wide = {
        "\U0001f600": "😀",
        "\ue000": [5e-324, 1e21, -0.0, 0.1, 1e-7, 123456789012345680000.0],
        "é": 'é\u2028\x7f"\\',
    }
    yield _made(
        "unicode-and-numbers", "canonical order and numbers", changed(STEP, put("inputs.messages", [wide]))
    )
    yield _made("numbers-spelled", "1.0 is written 1", changed(STEP, put("sampling.temperature", 1.0)))
    yield _made("three-steps", "our extension", steps(), signed=True)
    yield _made("shapes", "calls by the shape of their arguments", steps("exact", "shape"))


def refused() -> Iterator[Case]:
    """Records that make none."""
    for path in (
        "model",
        "sampling",
        "inputs",
        "runtime",
        "expected",
        "tolerance",
        "sampling.top_p",
        "inputs.messages",
    ):
        yield _refused(f"missing-{path}", changed(STEP, drop(path)), f"SchemaViolation:step: {path}:")
    for level in ("", "model.", "sampling.", "inputs.", "runtime.", "expected.", "tolerance."):
        path = f"{level}extra"
        yield _refused(f"unknown-{path}", changed(STEP, put(path, 1)), f"SchemaViolation:step: {path}:")
    yield _refused(
        "hash-in-place-of-text",
        changed(STEP, put("inputs.messages_sha256", "sha256:" + "a" * 64)),
        "SchemaViolation:step: inputs.messages_sha256:",
    )
    yield _refused(
        "byte-without-transcript",
        changed(STEP, put("expected", {})),
        "SchemaViolation:bundle: expected.transcript_sha256:",
    )
    yield _refused(
        "semantic-without-threshold",
        changed(
            changed(STEP, put("expected", {"semantic_embedding": UP})),
            put("tolerance", {"level": "semantic"}),
        ),
        "SchemaViolation:bundle: tolerance.threshold:",
    )
    yield _refused(
        "signature-in-the-record", changed(STEP, put("signature", {})), "SchemaViolation:step: signature:"
    )
    yield _refused(
        "calls-without-policy",
        changed(steps(), lambda r: r["steps"][2]["tolerance"].pop("calls")),
        "SchemaViolation:step: steps[2].tolerance.calls:",
    )


def _made(name: str, description: str, record: Json, *, signed: bool = False) -> Case:
    bundle = capture(record, SIGNER if signed else None)
    files = {"step.json": pretty(record), "bundle.rr": to_bytes(bundle)}
    more: dict[str, Any] = {"captured": True, "key": "signer.key.json" if signed else None}
    return Case(name, description, files, more=more)


def _refused(name: str, record: Json, error: str) -> Case:
    description = name.replace("-", " ")
    return Case(
        name, description, {"step.json": pretty(record)}, (error,), more={"captured": False, "key": None}
    )
