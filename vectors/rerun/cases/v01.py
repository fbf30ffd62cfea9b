"""Verifying by v0.1: the clauses C1 to C4, edits, signatures and inputs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from cases.common import (
    ACTUAL,
    NEAR,
    OTHER,
    SIGNER,
    STEP,
    Case,
    canonical,
    case,
    changed,
    drop,
    put,
    semantic,
    signed,
)
from spantape.rerun import sign

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group that Ed25519 signs in (RFC 8032, 5.1)


def cases() -> Iterator[Case]:
    """All of them."""
    yield from clauses()
    yield from edits()
    yield from signatures()
    yield from inputs()


def clauses() -> Iterator[Case]:
    """The conformance clauses, one case each."""
    yield case("c1-byte-replay-passes", "C1: signed, byte tolerance, the same output", signed())
    yield case(
        "c2-semantic-replay-passes",
        "C2: signed, semantic tolerance, cosine 0.96 at a threshold of 0.9",
        semantic(),
        changed(ACTUAL, put("output", {"embedding": NEAR})),
    )
    yield case(
        "c3-edited-bundle-rejected",
        "C3: temperature edited after signing",
        changed(signed(), put("sampling.temperature", 0.7)),
        errors=("BadSignature:",),
    )
    yield case(
        "c4-other-messages-rejected",
        "C4: other messages than those of the bundle",
        signed(),
        changed(ACTUAL, put("inputs.messages", [{"role": "user", "content": "How warm is it in Rome?"}])),
        errors=("InputHashMismatch:messages_sha256",),
    )


def edits() -> Iterator[Case]:
    """C3 for every block, members added and taken away among them."""
    other = "sha256:" + "0" * 64
    table = {
        "model-id": put("model.id", "gpt-4o-mini"),
        "fingerprint-removed": drop("model.fingerprint"),
        "seed-removed": drop("sampling.seed"),
        "input-hash": put("inputs.tools_sha256", other),
        "tools-hash-removed": drop("inputs.tools_sha256"),
        "tool-version-added": put("runtime.tool_versions.node", "22"),
        "expected-hash": put("expected.transcript_sha256", other),
        "level": put("tolerance.level", "structural"),
        "threshold-added": put("tolerance.threshold", 0.1),
    }
    for name, edit in table.items():
        yield case(
            f"edited-{name}", f"{name} after signing", changed(signed(), edit), errors=("BadSignature:",)
        )
    lowered = changed(semantic(), put("tolerance.threshold", 0.1))
    yield case(
        "edited-threshold-lowered",
        "a threshold lowered after signing, so that the output would pass",
        lowered,
        changed(ACTUAL, put("output", {"embedding": NEAR})),
        errors=("BadSignature:",),
    )


def signatures() -> Iterator[Case]:
    """Signatures that do not hold, and those that v0.1 cannot tell."""
    bundle = signed()
    raw = base64.b64decode(bundle["signature"]["sig"])
    unsigned = changed(bundle, drop("signature"))
    yield case("unsigned-passes", "v0.1 takes an unsigned bundle", unsigned)
    yield case("resigned-by-another-passes", "v0.1 takes a signature by anyone", sign(bundle, OTHER))
    yield case(
        "resigned-after-edit-passes",
        "v0.1 takes an edited bundle that someone else signed anew: only a trusted key tells",
        sign(changed(bundle, put("model.id", "other")), OTHER),
    )

    def bad(name: str, member: str, value: str) -> Case:
        edited = changed(bundle, put(f"signature.{member}", value))
        return case(f"signature-{name}", name.replace("-", " "), edited, errors=("BadSignature:",))

    def b64(data: bytes) -> str:
        return base64.b64encode(data).decode()

    public, text = SIGNER.public.raw, bundle["signature"]["sig"]
    scalar = int.from_bytes(raw[32:], "little") + ORDER
    yield bad("one-bit-flipped", "sig", b64(bytes([raw[0] ^ 1]) + raw[1:]))
    yield bad("of-another-key", "pubkey", OTHER.public.to_base64())
    yield bad("key-of-31-bytes", "pubkey", b64(public[:-1]))
    yield bad("key-of-33-bytes", "pubkey", b64(public + b"\0"))
    yield bad("key-empty", "pubkey", "")
    yield bad("of-63-bytes", "sig", b64(raw[:-1]))
    yield bad("of-65-bytes", "sig", b64(raw + b"\0"))
    yield bad("empty", "sig", "")
    yield bad("with-scalar-not-reduced", "sig", b64(raw[:32] + scalar.to_bytes(32, "little")))
    yield bad("with-a-blank", "sig", text[:10] + "\n" + text[10:])
    yield bad("without-padding", "sig", text.rstrip("="))
    yield bad("in-the-url-safe-alphabet", "sig", text.replace("+", "-").replace("/", "_"))
    yield bad("with-stray-bits", "sig", text[:-3] + chr(ord(text[-3]) + 1) + "==")
    yield bad("key-is-no-base64", "pubkey", "*" * 44)
    yield bad("of-the-file-instead-of-the-body", "sig", b64(SIGNER.sign(canonical(bundle))))
    yield bad("over-unsorted-json", "sig", b64(SIGNER.sign(json.dumps(unsigned).encode())))
    forged = {
        "alg": "ed25519",
        "pubkey": b64(b"\1" + bytes(31)),
        "sig": b64(b"\1" + bytes(63)),
    }
    yield case(
        "signature-by-a-low-order-key",
        "the neutral point as key and R, 0 as scalar: the equation of Ed25519 holds for any message",
        changed(bundle, put("signature", forged)),
        errors=("BadSignature:",),
    )


def inputs() -> Iterator[Case]:
    """Inputs that are not those of the bundle."""
    yield case(
        "other-system-prompt",
        "another system prompt",
        signed(),
        changed(ACTUAL, put("inputs.system_prompt", "You are a travel guide!")),
        errors=("InputHashMismatch:system_prompt_sha256",),
    )
    yield case(
        "other-tools",
        "other tools",
        signed(),
        changed(ACTUAL, put("inputs.tools", [])),
        errors=("InputHashMismatch:tools_sha256",),
    )
    yield case(
        "tools-absent",
        "tools expected, none in the record",
        signed(),
        changed(ACTUAL, drop("inputs.tools")),
        errors=("InputHashMismatch:tools_sha256",),
    )
    yield case(
        "tools-not-expected",
        "tools in the record, none expected: not compared",
        signed(drop("inputs.tools")),
    )
    yield case(
        "every-error-is-told",
        "signature, all inputs and output at once: five errors",
        changed(signed(), put("model.id", "x")),
        {"inputs": {"system_prompt": "", "messages": []}, "output": {}},
        errors=(
            "BadSignature:",
            "InputHashMismatch:system_prompt_sha256",
            "InputHashMismatch:messages_sha256",
            "InputHashMismatch:tools_sha256",
            "TranscriptHashMismatch",
        ),
    )
    turned = list(reversed(STEP["inputs"]["messages"]))
    yield case(
        "messages-in-another-order",
        "the same messages in another order",
        signed(),
        changed(ACTUAL, put("inputs.messages", turned)),
        errors=("InputHashMismatch:messages_sha256",),
    )
