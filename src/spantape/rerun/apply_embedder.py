"""The embedder that a bundle was made with, where it is here: vectors of two embedders say nothing of each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spantape.errors import UsageError
from spantape.rerun.cut_evidence import V01_EMBEDDER

if TYPE_CHECKING:
    from spantape.semantic.embedders import Embedder


def embedder_for(expected: Mapping[str, Any], given: Embedder | None = None) -> Embedder:
    """The embedder to measure with what is `expected` by a bundle; v0.1, which names none, means all-MiniLM-L6-v2.

    `given` is taken where it is that one, and for a v0.1 bundle whichever it is.

    Raises:
        UsageError: the bundle names another than `given`, or one that is not installed.
    """
    from spantape.semantic.embedders import (
        EmbedderIdentity,
        HashedEmbedder,
        default_embedder,
        identity,
        mismatch,
    )

    named = expected.get("embedder")
    if named is None and given is not None:
        return given
    stated = named or {"id": V01_EMBEDDER}
    wanted = EmbedderIdentity(stated["id"], stated.get("digest", "").removeprefix("sha256:"))
    known = [given] if given is not None else [default_embedder(), HashedEmbedder()]
    for embedder in known:
        why = mismatch(wanted, identity(embedder))
        if why is None:
            return embedder
    told = ", ".join(str(identity(embedder)) for embedder in known)
    raise UsageError(
        f"the bundle's embedding is of {wanted}, and here there is only {told}: install that embedder, or give it"
    )
