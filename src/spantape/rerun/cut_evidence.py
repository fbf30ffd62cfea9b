"""What of an answer a bundle expects, and an actual record shows, under a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from spantape.rerun.cut_tolerance import RerunTolerance
from spantape.rerun.cut_transcript import text_of, vector_of
from spantape.rerun.embedding import decode_embedding, embedding_refusal, encode_embedding
from spantape.tolerance.calls import calls_of

if TYPE_CHECKING:  # embedders bring numpy along, which only semantic tolerance needs
    from spantape.semantic.embedders import Embedder

V01_EMBEDDER: Final = "sentence-transformers/all-MiniLM-L6-v2"
"""The embedder that v0.1 means where it names none."""


@dataclass(frozen=True, slots=True)
class Made:
    """Who made an embedding: the `embedder` of a record."""

    id: str
    digest: str = ""

    def member(self) -> dict[str, str]:
        """The member of a record."""
        return {"id": self.id, "digest": f"sha256:{self.digest}"} if self.digest else {"id": self.id}


@dataclass(frozen=True, slots=True)
class Evidence:
    """An answer as records hold it: its transcript, and what else the tolerance compares.

    `embedder` is who made the embedding: of an answer that is vectors, the model that answered.
    """

    transcript: Any
    embedding: str | None = None
    embedder: Made | None = None
    calls: list[list[dict[str, Any]]] | None = None

    def expected(self, *, extended: bool = False) -> dict[str, Any]:
        """The `expected` of a step record."""
        return {"transcript": self.transcript, **self._rest("semantic_embedding", extended)}

    def output(self, *, extended: bool = False) -> dict[str, Any]:
        """The `output` of an actual record."""
        return {"transcript": self.transcript, **self._rest("embedding", extended)}

    def _rest(self, name: str, extended: bool) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        if self.embedding is not None:
            rest[name] = self.embedding
            if extended and self.embedder is not None:
                rest["embedder"] = self.embedder.member()
        if extended and self.calls is not None:
            rest["calls"] = self.calls
        return rest


class UnfitError(Exception):
    """There is nothing in an answer that a tolerance compares; its text says what could."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a tolerance looks at in an answer; the embedder is by default the best that is installed."""

    tolerance: RerunTolerance
    embedder: Embedder | None = None

    def of_transcript(self, transcript: Any, model: str = "") -> Evidence:
        """The evidence of a transcript; `model` is who answered, the embedder of an answer that is vectors.

        Raises:
            UnfitError: there is nothing in the answer that the tolerance compares.
            EmbedderError: the embedder failed.
        """
        vectors = isinstance(transcript, dict)
        if self.tolerance.level == "semantic":
            return self._of_vectors(transcript, model) if vectors else self._of_text(transcript)
        if self.tolerance.level == "structural":
            if vectors:
                raise UnfitError("embeddings call no tools; their tolerance is byte or semantic")
            return Evidence(transcript, calls=_graph(transcript))
        return Evidence(transcript)

    def _of_vectors(self, transcript: Any, model: str) -> Evidence:
        vector = vector_of(transcript)
        reason = embedding_refusal(vector)
        if reason is None and not decode_embedding(vector).any():
            reason = "a vector of zeros has no direction"
        if reason is not None:
            raise UnfitError(f"the vectors cannot be compared ({reason}); their tolerance is byte")
        return Evidence(transcript, vector, Made(model))

    def _of_text(self, transcript: Any) -> Evidence:
        text = text_of(transcript)
        if not text.strip():
            raise UnfitError(
                "the answer has no text that could be compared by meaning; its tolerance is byte or structural"
            )
        embedder = self.embedder or _default()
        made = Made(embedder.id, embedder.digest)
        return Evidence(transcript, encode_embedding(embedder.embed([text])[0]), made)


def _default() -> Embedder:
    from spantape.semantic.embedders import default_embedder

    return default_embedder()


def _graph(transcript: Any) -> list[list[dict[str, Any]]]:
    calls = [{"name": call.name, "arguments": call.arguments} for call in calls_of(transcript)]
    return [calls] if calls else []
