"""Verifying outputs by v0.1: transcripts, structural tolerance, fingerprints, embeddings."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from cases.common import (
    ACROSS,
    ACTUAL,
    DOWN,
    SHORT,
    UP,
    ZERO,
    Case,
    Json,
    case,
    changed,
    put,
    semantic,
    signed,
)
from spantape.rerun import encode_embedding


def cases() -> Iterator[Case]:
    """All of them."""
    yield from outputs()
    yield from embeddings()


def outputs() -> Iterator[Case]:
    """Transcripts, structural tolerance, fingerprints."""
    other = {"messages": [{"role": "assistant", "content": "4.5 °C, so take a hat."}]}
    yield case(
        "other-transcript",
        "another transcript at byte tolerance",
        signed(),
        changed(ACTUAL, put("output.transcript", other)),
        errors=("TranscriptHashMismatch",),
    )
    yield case(
        "transcript-absent",
        "no transcript at byte tolerance",
        signed(),
        changed(ACTUAL, put("output", {})),
        errors=("TranscriptHashMismatch",),
    )
    for name, value in {
        "text": "4.5 °C",
        "empty-text": "",
        "number": 4.5,
        "array": [1, [2]],
        "null": None,
    }.items():
        yield case(
            f"transcript-is-{name}",
            "a transcript may be any JSON",
            signed(put("expected.transcript", value)),
            changed(ACTUAL, put("output.transcript", value)),
        )
    yield case(
        "structural-has-no-data",
        "v0.1 has nothing to compare at structural tolerance",
        signed(put("tolerance", {"level": "structural"})),
        errors=("UnsupportedTolerance:structural",),
    )
    drifted = changed(ACTUAL, put("runtime", {"fingerprint": "fp_2"}))
    yield case(
        "fingerprint-drift-warns",
        "another fingerprint is a warning",
        signed(),
        drifted,
        warnings=("FingerprintDrift:bundle=fp_1,actual=fp_2",),
    )
    yield case(
        "fingerprint-drift-beside-an-error",
        "a warning beside an error",
        signed(),
        changed(drifted, put("output", {})),
        errors=("TranscriptHashMismatch",),
        warnings=("FingerprintDrift:bundle=fp_1,actual=fp_2",),
    )
    yield case(
        "fingerprint-in-the-bundle-only",
        "one fingerprint is none to compare",
        signed(),
        changed(ACTUAL, put("runtime", {})),
    )


def embeddings() -> Iterator[Case]:
    """Semantic tolerance: cosines, edges, and embeddings that are none."""

    def meaning(name: str, description: str, bundle: Json, embedding: str, *errors: str) -> Case:
        actual = changed(ACTUAL, put("output", {"embedding": embedding}))
        return case(f"semantic-{name}", description, bundle, actual, errors=errors)

    below = "SemanticBelowThreshold:cosine="
    yield meaning("below", "orthogonal", semantic(), ACROSS, f"{below}0.0000,threshold=0.9")
    yield meaning("opposite", "the cosine is -1", semantic(0.5), DOWN, f"{below}-1.0000,threshold=0.5")
    yield meaning("equal-at-1", "equal vectors at a threshold of 1", semantic(1), UP)
    yield meaning("length-is-free", "three times the vector", semantic(1), encode_embedding([3, 0, 0, 0]))
    yield meaning("orthogonal-at-0", "a cosine of 0 at a threshold of 0", semantic(0), ACROSS)
    yield meaning("opposite-at-minus-1", "a cosine of -1 at a threshold of -1", semantic(-1), DOWN)
    half = encode_embedding([1, 1, 1, 1])
    yield meaning("at-the-edge", "a cosine of 0.5 at a threshold of 0.5", semantic(0.5), half)
    yield meaning(
        "above-the-edge",
        "a cosine of 0.5 at 0.500001",
        semantic(0.500001),
        half,
        f"{below}0.5000,threshold=0.500001",
    )
    yield meaning("threshold-beyond-1", "no cosine is 1.5", semantic(1.5), UP, f"{below}1.0000,threshold=1.5")
    yield meaning(
        "fewer-dimensions", "4 and 3", semantic(), SHORT, "EmbeddingDimensionMismatch:expected 4, got 3"
    )
    wide = encode_embedding([0.05] * 384)
    yield meaning("384-dimensions", "as MiniLM has", semantic(0.99, wide), encode_embedding([0.07] * 384))
    yield meaning("zero-vector-got", "a vector of zeros has no direction", semantic(-1), ZERO, below)
    yield meaning("zero-vector-expected", "nor has it in the bundle", semantic(-1, ZERO), UP, below)
    yield meaning("embedding-empty", "no dimension is no embedding", semantic(), "", "MissingEmbedding")
    yield case(
        "semantic-embedding-absent",
        "a transcript does not stand in for the embedding",
        semantic(),
        errors=("MissingEmbedding",),
    )
    table = {
        "of-5-bytes": base64.b64encode(bytes(5)).decode(),
        "not-base64": "not base64",
        "with-a-blank": UP[:4] + " " + UP[4:],
        "of-nan": base64.b64encode(bytes(12) + b"\0\0\xc0\x7f").decode(),
        "of-infinity": base64.b64encode(bytes(12) + b"\0\0\x80\xff").decode(),
    }
    for name, text in table.items():
        yield meaning(
            f"got-{name}", "the record", semantic(), text, "SchemaViolation:actual: output.embedding:"
        )
        edited = changed(semantic(), put("expected.semantic_embedding", text))
        yield meaning(
            f"expected-{name}",
            "the bundle",
            edited,
            UP,
            "SchemaViolation:bundle: expected.semantic_embedding:",
        )
