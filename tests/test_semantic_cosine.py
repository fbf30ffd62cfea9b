"""Cosine of embeddings: exact where it decides, refused where no angle is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spantape.errors import UsageError
from spantape.semantic.cosine import cosine, similarity_matrix

ROWS = np.array([[1, 0], [0, 1], [1, 1], [-2, 0]], np.float32)


def test_rows_are_compared_in_their_places():
    assert cosine(ROWS, ROWS[[0, 0, 0, 0]]).tolist() == pytest.approx([1, 0, 0.5**0.5, -1])


def test_one_vector_is_compared_with_every_row():
    assert (
        cosine([1, 0], ROWS).tolist() == cosine(ROWS, [1, 0]).tolist() == pytest.approx([1, 0, 0.5**0.5, -1])
    )


def test_two_vectors_give_one_number():
    found = cosine([3.0, 4.0], [4.0, 3.0])
    assert isinstance(found, float)
    assert found == pytest.approx(0.96, abs=1e-7)


def test_every_row_is_compared_with_every_row():
    matrix = similarity_matrix(ROWS, ROWS[:2])
    assert matrix.shape == (4, 2)
    assert matrix.dtype == np.float32
    assert matrix[:, 0].tolist() == pytest.approx([1, 0, 0.5**0.5, -1], abs=1e-6)
    assert similarity_matrix(ROWS) == pytest.approx(similarity_matrix(ROWS, ROWS))


@given(hnp.arrays(np.float32, (3, 8), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
@settings(max_examples=50, deadline=None)
def test_a_vector_has_the_cosine_one_with_itself_at_any_scale(rows):
    rows = rows[np.abs(rows).max(axis=1) > 0]
    assert (cosine(rows, rows) == 1).all()
    for row in rows:
        assert cosine(row, row) == 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([1e-3, 1.0, 1e6]))
@settings(max_examples=50, deadline=None)
def test_a_batch_agrees_with_pairs_and_with_the_formula(seed, width, scale):
    pair = (np.random.default_rng(seed).normal(size=(2, 5, width)) * scale).astype(np.float32)
    a, b = pair.astype(np.float64)
    formula = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    assert cosine(*pair) == pytest.approx(formula, abs=2e-6)
    assert [cosine(x, y) for x, y in zip(*pair, strict=True)] == pytest.approx(formula, abs=1e-9)
    assert np.diag(similarity_matrix(*pair)) == pytest.approx(formula, abs=2e-6)


def test_tiny_and_huge_numbers_lose_nothing():
    assert cosine([[1e-30, 1e-30]], [[1e30, 0]]).tolist() == pytest.approx([0.5**0.5], abs=1e-6)
    assert similarity_matrix([[1e-30, 1e-30]], [[1e30, 0]])[0, 0] == pytest.approx(0.5**0.5, abs=1e-6)


def test_no_rows_give_no_numbers():
    assert cosine(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0,)
    assert similarity_matrix(np.zeros((0, 3)), np.ones((2, 3))).shape == (0, 2)


@pytest.mark.parametrize("function", [cosine, similarity_matrix])
@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([[1, 2, 3]], [[1, 2]], r"a of shape \(1, 3\) and b of shape \(1, 2\)"),
        ([[[1.0]]], [[1.0]], r"a of shape \(1, 1, 1\)"),
        ([["x"]], [[1.0]], "a of type list that is no array of numbers"),
        ([[1.0, 2.0], [1.0]], [[1.0]], "no array of numbers"),
        ([[1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]][1:], "a vector of zeros in row 0 of b"),
        ([[1.0, float("nan")]], [[1.0, 1.0]], "NaN or an infinity in row 0 of a"),
        ([[1.0, float("inf")]], [[1.0, 1.0]], "NaN or an infinity in row 0 of a"),
        ([[1e39, 0.0]], [[1.0, 1.0]], "NaN or an infinity in row 0 of a"),
        (np.zeros((2, 0)), np.zeros((2, 0)), r"shape \(2, 0\)"),
    ],
)
def test_what_has_no_cosine_is_refused_with_what_was_got(function, a, b, said):
    with pytest.raises(UsageError, match=said):
        function(a, b)


def test_rows_of_other_counts_are_refused_and_the_matrix_is_named():
    with pytest.raises(UsageError, match=r"\(4, 2\) and b of shape \(3, 2\).*similarity_matrix"):
        cosine(ROWS, ROWS[:3])


def test_the_matrix_wants_rows():
    with pytest.raises(UsageError, match=r"got b of shape \(2,\), expected \[n, d\]"):
        similarity_matrix(ROWS, [1.0, 0.0])


def test_the_wrong_row_is_named():
    rows = ROWS.copy()
    rows[2] = 0
    with pytest.raises(UsageError, match="zeros in row 2 of b"):
        cosine(ROWS, rows)
