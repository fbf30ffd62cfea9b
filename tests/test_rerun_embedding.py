"""Embeddings are base64 of little-endian float32, and nothing else."""

import base64
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.errors import UsageError
from spantape.rerun.embedding import decode_embedding, encode_embedding


def test_a_vector_is_written_little_endian():
    assert encode_embedding([1, -2.5]) == base64.b64encode(struct.pack("<2f", 1, -2.5)).decode()
    assert encode_embedding(np.array([1, -2.5], dtype=">f8")) == encode_embedding([1, -2.5])
    assert decode_embedding("AACAPwAAIMA=").tolist() == [1, -2.5]
    assert decode_embedding("AACAPwAAIMA=").dtype == np.float32


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_a_vector_comes_back(values):
    assert decode_embedding(encode_embedding(values)).tolist() == values


def test_the_largest_floats_are_finite():
    largest = float(np.finfo(np.float32).max)
    assert decode_embedding(encode_embedding([largest] * 1000)).tolist() == [largest] * 1000


@pytest.mark.parametrize(
    "values", [[], [[1.0]], 1.0, "text", [[1], [1, 2]], None, [float("nan")], [float("inf")], [1e39]]
)
def test_what_is_no_vector_is_refused(values):
    with pytest.raises(UsageError, match=r"expected (one vector|finite float32 values)"):
        encode_embedding(values)


def packed(*values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (packed(1)[:-1], "with its padding"),
        (packed(1) + "\n", "without blanks"),
        (packed(1) + "=", "with its padding"),
        ("__8_", "the URL-safe alphabet"),
        ("AAAAAB==", "bits that are dropped"),
        ("AAAA", "float32 values of 4 bytes each, got 3 bytes"),
        ("é" * 8, "with its padding"),
        (packed(1, float("nan")), "NaN or an infinity"),
        (packed(float("inf"), float("-inf")), "NaN or an infinity"),
    ],
)
def test_what_is_no_embedding_says_why(text, says):
    with pytest.raises(UsageError, match=says):
        decode_embedding(text)
