"""Embedders: one protocol, a name for each, and no vector that is not one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.errors import UsageError
from spantape.semantic.cosine import cosine, similarity_matrix
from spantape.semantic.embedders import (
    CachedEmbedder,
    Embedder,
    EmbedderIdentity,
    HashedEmbedder,
    default_embedder,
    identity,
    mismatch,
)

TEXTS = ("The cat sat on the mat.", "Die Tür ist zu.", "東京は雨です。", "🎉", "", "a\ud800b")


class Counting:
    """An embedder that counts what it is asked."""

    id, digest = "test/counting", "00"

    def __init__(self):
        self.asked = []

    def embed(self, texts):
        self.asked.append(list(texts))
        return np.array([[len(text), 1] for text in texts], np.float32).reshape(-1, 2)


# --- the built-in one ---------------------------------------------------------------------------------------------


def test_the_built_in_embedder_gives_one_unit_row_for_each_text():
    found = HashedEmbedder().embed(TEXTS)
    assert found.shape == (len(TEXTS), 512)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)
    assert HashedEmbedder().embed([]).shape == (0, 512)


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_has_a_vector_that_has_a_cosine(text):
    assert cosine(*HashedEmbedder().embed([text, text])) == 1


def test_the_same_text_has_the_same_vector_bit_for_bit_everywhere():
    """The digest was taken once; another Python, machine or numpy must come to the same."""
    vectors = HashedEmbedder().embed(TEXTS)
    assert hashlib.sha256(vectors.astype("<f4").tobytes()).hexdigest() == PINNED
    code = (
        "import hashlib, sys; from spantape.semantic.embedders import HashedEmbedder; "
        f"print(hashlib.sha256(HashedEmbedder().embed({TEXTS!r}).astype('<f4').tobytes()).hexdigest())"
    )
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent.parent / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == PINNED


PINNED = "3b2ec5958a9eae04b628c02dbe4f26cedb9196130f79d043f652fc36250d9147"


def test_case_width_and_spacing_do_not_count_and_order_counts_little():
    embed = HashedEmbedder().embed
    assert cosine(*embed(["The  Cat\nsat", "the cat sat"])) == 1
    assert cosine(*embed(["\uff21\uff22\uff23 caf\u00e9", "abc cafe\u0301"])) == 1
    assert 0.6 < cosine(*embed(["the red cat met the old dog", "the old dog met the red cat"])) < 1


def test_shared_words_and_spelling_are_near_and_strangers_far():
    near, typo, far = similarity_matrix(
        HashedEmbedder().embed(["The invoice was paid on Monday."]),
        HashedEmbedder().embed(
            [
                "On Monday the invoice was paid.",
                "The invioce was payed on Monday.",
                "Goats climb steep hills.",
            ]
        ),
    )[0]
    assert near > typo > 0.4
    assert far < 0.2


def test_a_long_text_is_linear_and_does_not_rule():
    short, long = HashedEmbedder().embed(["cats and dogs", "cats and dogs " * 5000])
    assert cosine(short, long) > 0.8


@pytest.mark.parametrize("texts", ["one text", b"bytes", [1], ["a", None]])
def test_what_is_no_list_of_texts_is_refused(texts):
    with pytest.raises(UsageError, match="embed: got"):
        HashedEmbedder().embed(texts)


# --- identity -----------------------------------------------------------------------------------------------------


def test_every_embedder_has_the_protocol_and_an_identity():
    assert isinstance(HashedEmbedder(), Embedder)
    assert isinstance(CachedEmbedder(HashedEmbedder()), Embedder)
    found = identity(HashedEmbedder())
    assert found.id == "spantape/hashed-ngrams-v1"
    assert len(found.digest) == 64
    assert identity(CachedEmbedder(HashedEmbedder())) == found


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (EmbedderIdentity("a/b", "12"), None),
        (EmbedderIdentity("a/b", ""), None),
        (EmbedderIdentity("a/c", "12"), "got embedder a/c (sha256 12…), expected a/b (sha256 12…)"),
        (
            EmbedderIdentity("a/b", "34"),
            "got other weights of embedder a/b (sha256 34…), expected a/b (sha256 12…)",
        ),
    ],
)
def test_another_embedder_is_named(got, said):
    assert mismatch(EmbedderIdentity("a/b", "12"), got) == said


def test_the_default_is_one_object_and_the_built_in_one_where_no_model_is_installed(monkeypatch):
    from spantape.semantic.embedders import _default

    assert default_embedder() is default_embedder()
    monkeypatch.setattr(_default, "minilm_is_here", lambda: False)
    assert default_embedder.__wrapped__().id == "spantape/hashed-ngrams-v1"
    monkeypatch.setattr(_default, "minilm_is_here", lambda: True)
    assert default_embedder.__wrapped__().id == "sentence-transformers/all-MiniLM-L6-v2"


# --- the cache ----------------------------------------------------------------------------------------------------


def test_a_cached_text_is_embedded_once_and_equal_ones_together():
    inner = Counting()
    cached = CachedEmbedder(inner)
    assert cached.embed(["a", "bb", "a"]).tolist() == [[1, 1], [2, 1], [1, 1]]
    assert cached.embed(["bb", "ccc"]).tolist() == [[2, 1], [3, 1]]
    assert inner.asked == [["a", "bb"], ["ccc"]]
    assert (cached.hits, cached.misses) == (2, 3)


def test_the_oldest_text_leaves_a_full_cache():
    inner = Counting()
    cached = CachedEmbedder(inner, size=2)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        cached.embed([text])
    assert inner.asked == [["a"], ["bb"], ["ccc"], ["bb"]]


def test_more_texts_than_the_cache_holds_still_come_back():
    assert CachedEmbedder(Counting(), size=1).embed(["a", "bb", "a"]).tolist() == [[1, 1], [2, 1], [1, 1]]


def test_changing_what_a_cache_gave_changes_nothing_in_it():
    cached = CachedEmbedder(Counting())
    cached.embed(["a"])[:] = 7
    assert cached.embed(["a"]).tolist() == [[1, 1]]
    assert cached.embed([]).shape == (0, 2)
    with pytest.raises(UsageError, match="size=0"):
        CachedEmbedder(Counting(), size=0)
