"""One step of a bundle against one step of an actual record: inputs by their hashes, the output by its tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spantape.rerun._base64 import from_base64
from spantape.rerun.canonical import number_text
from spantape.rerun.embedding import decode_embedding
from spantape.rerun.graphs import describe, differences
from spantape.rerun.schema import hash_of

SLACK: Final = 1e-12
"""Cosines of the same float32 vectors differ by less than this when they are summed in another order, or in the
precision of doubles at all; what float32 itself can tell is 10^5 times coarser."""

_Step = Mapping[str, Any]


class Outcome:
    """The errors and warnings of a verification, in the order in which they were found."""

    __slots__ = ("errors", "warnings")

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def fail(self, kind: str, place: str, why: str = "") -> None:
        """Add an error: its kind, the step it is about ("" for the bundle), and why."""
        self.errors.append(_worded(kind, place, why))

    def warn(self, kind: str, place: str, why: str) -> None:
        """Add a warning, which does not fail."""
        self.warnings.append(_worded(kind, place, why))


def compare_step(step: _Step, actual: _Step, outcome: Outcome, place: str = "") -> None:
    """Add to `outcome` where `actual` is not what `step` states; `place` is `steps[0]`, or "" in v0.1.

    Raises:
        SchemaViolation: a value in the actual record has no canonical form.
    """
    _compare_inputs(step["inputs"], actual["inputs"], outcome, place)
    _LEVELS[step["tolerance"]["level"]](step, actual["output"], outcome, place)
    stated = step["model"].get("fingerprint")
    seen = actual.get("runtime", {}).get("fingerprint")
    if stated is not None and seen is not None and stated != seen:
        outcome.warn("FingerprintDrift", place, f"bundle={stated},actual={seen}")


def _compare_inputs(stated: _Step, inputs: _Step, outcome: Outcome, place: str) -> None:
    for name in ("system_prompt", "messages", "tools"):
        member = f"{name}_sha256"
        if member not in stated:
            continue
        where = _within(place, f"inputs.{name}")
        if name not in inputs or hash_of(inputs[name], what="actual", place=where) != stated[member]:
            outcome.errors.append(f"InputHashMismatch:{_within(place, member)}")


def _compare_bytes(step: _Step, output: _Step, outcome: Outcome, place: str) -> None:
    if "transcript" not in output:
        outcome.fail("TranscriptHashMismatch", place, "the actual record has no output.transcript")
        return
    got = hash_of(output["transcript"], what="actual", place=_within(place, "output.transcript"))
    stated = step["expected"]["transcript_sha256"]
    if got != stated:
        outcome.fail("TranscriptHashMismatch", place, f"expected {stated}, got {got}")


def _compare_meaning(step: _Step, output: _Step, outcome: Outcome, place: str) -> None:
    stated, got = step["expected"]["semantic_embedding"], output.get("embedding")
    _compare_embedders(step["expected"], output, outcome, place)
    if not got:
        outcome.fail("MissingEmbedding", place, "the actual record has no output.embedding")
        return
    sizes = len(from_base64(stated)) // 4, len(from_base64(got)) // 4
    if sizes[0] != sizes[1]:
        outcome.fail("EmbeddingDimensionMismatch", place, f"expected {sizes[0]}, got {sizes[1]}")
        return
    threshold = step["tolerance"]["threshold"]
    similar = _cosine(stated, got)
    if similar is None or similar < threshold - SLACK:
        outcome.fail(
            "SemanticBelowThreshold",
            place,
            f"cosine={_cosine_text(similar, threshold)},threshold={number_text(threshold)}",
        )


def _compare_embedders(expected: _Step, output: _Step, outcome: Outcome, place: str) -> None:
    stated, got = expected.get("embedder"), output.get("embedder")
    if stated is not None and stated != got:
        outcome.fail("EmbedderMismatch", place, f"expected {_embedder(stated)}, got {_embedder(got)}")


def _compare_calls(step: _Step, output: _Step, outcome: Outcome, place: str) -> None:
    policy, stated = step["tolerance"].get("calls"), step["expected"].get("calls")
    if policy is None or stated is None:  # v0.1 has neither
        outcome.fail("UnsupportedTolerance", place, "structural")
        return
    if "calls" not in output:
        outcome.fail("MissingCalls", place, "the actual record has no output.calls")
        return
    got = describe(output["calls"], policy, what="actual", place=_within(place, "output.calls"))
    for line in differences(stated, got, policy):
        outcome.fail("CallMismatch", place, line)


_LEVELS: Final = {"byte": _compare_bytes, "semantic": _compare_meaning, "structural": _compare_calls}


def _cosine(stated: str, got: str) -> float | None:
    """The cosine of two embeddings of as many dimensions, None where one is all zeros and has no direction."""
    from spantape.semantic.cosine import cosine

    vectors = decode_embedding(stated), decode_embedding(got)
    if not all(vector.any() for vector in vectors):
        return None
    return float(cosine(*vectors))


def _cosine_text(value: float | None, threshold: float) -> str:
    if value is None:
        return "undefined (a vector of zeros)"
    text = f"{value:.4f}"
    return text if float(text) < threshold else repr(value)


def _embedder(embedder: _Step | None) -> str:
    if embedder is None:
        return "none named"
    return "@".join(str(embedder[name]) for name in ("id", "digest") if name in embedder)


def _within(place: str, member: str) -> str:
    return f"{place}.{member}" if place else member


def _worded(kind: str, place: str, why: str) -> str:
    return f"{kind}:{':'.join(part for part in (place, why) if part)}"
