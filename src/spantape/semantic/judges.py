"""Judges for `compare`: a second opinion on prose, from an embedder or any model that gives a chance."""

from __future__ import annotations

import math

from spantape.semantic.compare import Judge
from spantape.semantic.embedders import Embedder


def embedding_judge(embedder: Embedder, *, even: float = 0.6, steepness: float = 12.0) -> Judge:
    """Return a judge that takes two texts for the same the surer, the nearer their embeddings are.

    `even` is the cosine at which it is undecided, and `steepness` how fast it makes up its mind around it: both depend
    on the model. Embeddings hardly see a changed number or a "not", so a judge joins the facts and never replaces
    them. An NLI or LLM judge is any callable `(expected, actual) -> float` in [0, 1].
    """

    def judge(expected: str, actual: str) -> float:
        from spantape.semantic.cosine import cosine

        one, other = embedder.embed([expected, actual])
        return 1 / (1 + math.exp(-steepness * (float(cosine(one, other)) - even)))

    return judge
