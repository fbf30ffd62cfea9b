"""Embeddings: model, counts, dimensions, and neither texts nor vectors."""

from __future__ import annotations

import base64
import struct

import pytest
from msgspec.json import encode

from spantape._dialects.openai_embeddings import EMBEDDINGS


def exchange(request, response, status=200):
    asked = EMBEDDINGS.ask(encode(request), "/v1/embeddings")
    return asked, EMBEDDINGS.answer(encode(response), status, "application/json", asked)


def packed(count, form="f"):
    return base64.b64encode(struct.pack(f"<{count}{form}", *range(count))).decode()


def test_an_exchange_is_read_whole():
    asked, found = exchange(
        {"model": "m", "input": ["a", "b"], "encoding_format": "float", "dimensions": 3},
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1e-3, 2]}],
            "model": "m-2",
            "usage": {"prompt_tokens": 4, "total_tokens": 4},
        },
    )
    assert (asked.operation, asked.model, asked.message_count, asked.render(0)) == ("embeddings", "m", 0, [])
    assert asked.attributes == {
        "gen_ai.request.encoding_formats": ["float"],
        "gen_ai.embeddings.dimension.count": 3,
    }
    assert found.attributes == {
        "gen_ai.response.model": "m-2",
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.embeddings.dimension.count": 3,
    }
    assert (found.messages, found.error) == ([], None)


@pytest.mark.parametrize(
    ("request_", "embedding", "dimensions"),
    [
        ({}, packed(1), 1),
        ({}, packed(2), 2),
        ({}, packed(1536), 1536),
        ({"encoding_format": "base64"}, packed(7), 7),
        ({"encoding_format": "base64", "output_dtype": "float"}, packed(8), 8),
        ({"encoding_format": "base64", "output_dtype": "int8"}, packed(9, "b"), 9),
        ({"encoding_format": "base64", "output_dtype": "ubinary"}, packed(16, "B"), 128),
        ({}, [1], 1),
        ({}, [0.25] * 256, 256),
        ({}, [], None),
        ({}, [[1, 2], [3, 4]], None),
        ({}, "", None),
        ({}, None, None),
        ({}, {"a": 1}, None),
    ],
)
def test_dimensions_are_counted_in_the_answer(request_, embedding, dimensions):
    _, found = exchange(request_, {"data": [{"embedding": embedding}]})
    assert found.attributes.get("gen_ai.embeddings.dimension.count") == dimensions


def test_voyage_counts_only_a_total():
    asked, found = exchange({"output_dimension": 256}, {"usage": {"total_tokens": 7}})
    assert asked.attributes == {"gen_ai.embeddings.dimension.count": 256}
    assert found.attributes == {"gen_ai.usage.input_tokens": 7}


def test_azure_names_its_deployment_in_the_path():
    assert EMBEDDINGS.ask(b'{"input":"a"}', "/openai/deployments/d/embeddings?api-version=1").model == "d"


@pytest.mark.parametrize(
    ("response", "status", "error"),
    [
        ({"detail": "bad"}, 400, ("400", "bad")),
        ({"error": {"message": "no", "type": "t"}}, 401, ("t", "no")),
        ({"error": {"message": "no"}}, 200, ("error", "no")),
    ],
)
def test_failures(response, status, error):
    assert exchange({}, response, status)[1].error == error


@pytest.mark.parametrize("response", [None, [], {}, {"data": []}, {"data": [7]}, {"data": {}, "usage": 3}])
def test_an_answer_that_is_none_says_nothing(response):
    _, found = exchange({}, response)
    assert (found.attributes, found.error) == ({}, None)
