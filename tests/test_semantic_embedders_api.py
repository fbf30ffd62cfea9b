"""Embeddings from a provider's API: over HTTP or through the SDK, batched, with named errors."""

from __future__ import annotations

import json

import httpx
import httpx2
import numpy as np
import openai
import pytest

import spantape
from spantape.errors import EmbedderError, UsageError
from spantape.semantic.cosine import cosine
from spantape.semantic.embedders import CachedEmbedder, OpenAICompatibleEmbedder
from spantape.testing import ModelServer, embedding, error, raw

TEXTS = ["one", "two", "three", "two"]


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


def embedder(server, **settings):
    return OpenAICompatibleEmbedder(server.base_url("openai"), "text-embedding-3-small", **settings)


def http_client(_server):
    return None


def httpx_client(_server):
    return httpx.Client()


def httpx2_client(_server):
    return httpx2.Client()


def sdk_client(server):
    return openai.OpenAI(base_url=server.base_url("openai"), api_key="sk", max_retries=0)


@pytest.mark.parametrize("make", [http_client, httpx_client, httpx2_client, sdk_client])
def test_each_text_gets_its_row_in_batches_of_the_size_that_was_set(server, make):
    client = make(server)
    found = embedder(server, client=client, batch=3).embed(TEXTS)
    assert found.shape == (4, 8)
    assert found.dtype == np.float32
    assert cosine(found[1], found[3]) == 1
    assert cosine(found[0], found[1]) < 0.99
    assert [request.json()["input"] for request in server.requests] == [TEXTS[:3], TEXTS[3:]]
    if client is not None:
        client.close()


def test_fewer_dimensions_are_asked_for_and_named_in_the_id(server):
    small = embedder(server, dimensions=4)
    assert small.id == "openai/text-embedding-3-small@4"
    assert small.embed(["a"]).shape == (1, 4)
    assert server.requests[0].json()["dimensions"] == 4


def test_the_key_is_sent_and_taken_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "from-env")
    embedder(server).embed(["a"])
    embedder(server, api_key="given").embed(["a"])
    keys = [dict(request.headers)["authorization"] for request in server.requests]
    assert keys == ["Bearer from-env", "Bearer given"]


@pytest.mark.parametrize(
    ("url", "model", "name"),
    [
        ("https://api.openai.com/v1", "text-embedding-3-small", "openai/text-embedding-3-small"),
        ("https://api.mistral.ai/v1", "mistral-embed", "mistral_ai/mistral-embed"),
        ("http://localhost:8000/v1", "BAAI/bge-m3", "BAAI/bge-m3"),
    ],
)
def test_the_id_names_provider_and_model_wherever_it_is_served(url, model, name):
    assert OpenAICompatibleEmbedder(url, model).id == name
    assert OpenAICompatibleEmbedder(url, model).digest == ""
    assert OpenAICompatibleEmbedder(url, model, id="mine").id == "mine"


def test_no_texts_ask_nobody(server):
    assert embedder(server).embed([]).shape == (0, 0)
    assert server.requests == []


def body(**members):
    return raw(body=json.dumps(members))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (error(401, "invalid_api_key", "no such key"), "answered 401.*no such key"),
        (embedding([1.0, 2.0]), r"got 1 vectors with indices \[0\], expected one for each of 2 texts"),
        (
            body(data=[{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]),
            "got 2 vectors with indices",
        ),
        (
            body(data=[{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]),
            "no array of numbers",
        ),
        (
            body(data=[{"index": 0, "embedding": [1]}, {"index": 1, "embedding": ["x"]}]),
            "no array of numbers",
        ),
        (body(data=[{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]), r"shape \(2, 0\)"),
        (body(error="x"), "gave no embeddings"),
        (
            raw(body=b'{"data": [{"index": 0, "embedding": [NaN]}, {"index": 1, "embedding": [1]}]}'),
            "NaN or an infinity",
        ),
        (raw(body=b"<html>"), "gave no embeddings"),
    ],
)
def test_an_answer_that_is_no_embeddings_says_which_embedder_and_what_came(reply, said):
    with ModelServer(lambda _request: reply) as server:
        with pytest.raises(EmbedderError, match=said) as caught:
            embedder(server).embed(["a", "b"])
        assert "openai/text-embedding-3-small" in str(caught.value)


def test_rows_come_back_in_the_order_of_the_texts_whatever_the_order_of_the_answer():
    shuffled = body(data=[{"index": 1, "embedding": [1, 0]}, {"index": 0, "embedding": [0, 1]}])
    with ModelServer(lambda _request: shuffled) as server:
        assert embedder(server).embed(["a", "b"]).tolist() == [[0, 1], [1, 0]]


def test_a_server_that_is_not_there_is_an_embedder_error(server):
    gone = embedder(server)
    server.close()
    with pytest.raises(EmbedderError, match="failed"):
        gone.embed(["a"])


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"dimensions": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="expected at least 1"):
        OpenAICompatibleEmbedder("http://localhost", "m", **wrong)


def test_inside_a_recording_the_embeddings_are_on_the_tape_and_come_back_from_it(server, tmp_path):
    with spantape.record(tmp_path / "a.tape"):
        live = embedder(server).embed(TEXTS)
    asked = len(server.requests)
    with spantape.replay(tmp_path / "a.tape"):
        replayed = CachedEmbedder(embedder(server)).embed
        assert (embedder(server).embed(TEXTS) == live).all()
    assert len(server.requests) == asked
    assert replayed is not None
