"""Which wire API a request speaks."""

from __future__ import annotations

import pytest
from msgspec.json import encode

from spantape._dialects import recognise


def name(method, host, path, **members):
    found = recognise(method, host, path, encode(members) if members else b"")
    return None if found is None else found.name


CHAT = {"model": "m", "messages": [{"role": "user", "content": "a"}]}


@pytest.mark.parametrize(
    ("host", "path", "dialect"),
    [
        ("api.openai.com", "/v1/chat/completions", "openai.chat"),
        ("api.openai.com", "/v1/completions", "openai.completions"),
        ("api.openai.com", "/v1/responses", "openai.responses"),
        ("api.openai.com", "/v1/responses/compact", "openai.responses"),
        ("api.openai.com", "/v1/responses/input_tokens", "openai.responses"),
        ("api.openai.com", "/v1/embeddings", "openai.embeddings"),
        ("r.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1", "openai.chat"),
        ("r.openai.azure.com", "/openai/deployments/d/embeddings?api-version=1", "openai.embeddings"),
        ("r.openai.azure.com", "/openai/v1/responses", "openai.responses"),
        ("api.anthropic.com", "/v1/messages?beta=true", "anthropic.messages"),
        ("api.anthropic.com", "/v1/messages/count_tokens?beta=true", "anthropic.messages"),
        ("api.groq.com", "/openai/v1/chat/completions", "openai.chat"),
        ("openrouter.ai", "/api/v1/chat/completions", "openai.chat"),
        ("openrouter.ai", "/api/v1/responses", "openai.responses"),
        ("api.deepseek.com", "/chat/completions", "openai.chat"),
        ("api.deepseek.com", "/anthropic/v1/messages", "anthropic.messages"),
        ("router.huggingface.co", "/novita/v3/openai/chat/completions", "openai.chat"),
        ("generativelanguage.googleapis.com", "/v1beta/openai/chat/completions", "openai.chat"),
        ("bedrock-mantle.us-east-1.api.aws", "/openai/v1/responses", "openai.responses"),
        ("api.mistral.ai", "/v1/fim/completions", "openai.completions"),
        ("api.mistral.ai", "/v1/agents/completions", "openai.chat"),
        ("api.portkey.ai", "/v1/prompts/pp-1/completions", "openai.chat"),
        ("api.writer.com:443", "/v1/chat", "openai.chat"),
        (
            "us-east5-aiplatform.googleapis.com",
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict",
            "anthropic.messages",
        ),
        ("api.cohere.com", "/v1/chat", None),
        ("api.cohere.com", "/v2/chat", None),
        ("api.cohere.com", "/v1/rerank", None),
        ("api.voyageai.com", "/v1/embeddings", "openai.embeddings"),
        ("localhost:11434", "/api/chat", None),
        ("localhost:11434", "/api/embeddings", None),
        ("localhost:11434", "/v1/chat/completions", "openai.chat"),
        ("api.openai.com", "/v1/images/generations", None),
        ("api.openai.com", "/v1/threads/t/messages", None),
        ("api.openai.com", "/v1/responses/resp_1/cancel", None),
        ("api.openai.com", "/v1/moderations", None),
        ("api.anthropic.com", "/v1/complete", None),
        ("api.anthropic.com", "/v1/messages/batches", None),
        ("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse", None),
        ("generativelanguage.googleapis.com", "/v1beta/models/m:generateContent", None),
    ],
)
def test_a_known_host_is_taken_at_its_path(host, path, dialect):
    assert name("POST", host, path) == dialect
    assert name("POST", host, path, **CHAT) == dialect


@pytest.mark.parametrize(
    ("path", "members", "dialect"),
    [
        ("/any/prefix/v1/chat/completions", {}, "openai.chat"),
        ("/v1/chat/completions/", CHAT, "openai.chat"),
        ("/v1/messages", CHAT, "anthropic.messages"),
        ("/v1/messages", {"to": "+1", "text": "an SMS"}, None),
        ("/v1/messages/count_tokens", CHAT, "anthropic.messages"),
        ("/survey/7/responses", {"answers": [1]}, None),
        ("/v1/responses", {"model": "m", "input": "a"}, "openai.responses"),
        ("/v1/responses", {"model": "m", "previous_response_id": "r"}, "openai.responses"),
        ("/v1/completions", {"prompt": "a"}, "openai.completions"),
        ("/tasks/completions", {"done": 5}, None),
        ("/v1/embeddings", {"input": "a"}, "openai.embeddings"),
        ("/graph/embeddings", {"nodes": []}, None),
        ("/openai/responses", {"input": "a"}, "openai.responses"),
        ("/api/chat", CHAT, None),
        ("/tokenize", CHAT, None),
    ],
)
def test_an_unknown_host_must_show_that_it_means_it(path, members, dialect):
    assert name("POST", "llm.corp.example", path, **members) == dialect
    assert name("POST", "127.0.0.1:8000", path, **members) == dialect


@pytest.mark.parametrize(
    ("members", "dialect"),
    [
        (CHAT, "openai.chat"),
        ({**CHAT, "max_tokens": 5}, "openai.chat"),
        ({**CHAT, "max_tokens": 5, "system": "a"}, "anthropic.messages"),
        (
            {"messages": [{}], "anthropic_version": "bedrock-2023-05-31", "max_tokens": 5},
            "anthropic.messages",
        ),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}], "inferenceConfig": {}}, None),
        ({"model": "m", "input": "a", "encoding_format": "base64"}, "openai.embeddings"),
        ({"model": "m", "input": ["a"], "dimensions": 5}, "openai.embeddings"),
        ({"model": "m", "input": [{"role": "user", "content": "a"}]}, "openai.responses"),
        ({"model": "m", "input": "a", "instructions": "b"}, "openai.responses"),
        ({"model": "tts", "input": "a", "voice": "b"}, None),
        ({"model": "m", "input": []}, None),
        ({"model": "m", "messages": []}, None),
        ({"model": 5, "messages": 7}, None),
        ({"contents": [{"parts": []}]}, None),
    ],
)
def test_at_an_unknown_path_the_body_tells(members, dialect):
    assert name("POST", "llm.corp.example", "/invoke/me", **members) == dialect


@pytest.mark.parametrize(
    "body", [b"", b"messages", b'["messages"]', b'{"messages": ', b"\xff{", b'{"a":' * 3000 + b'"messages"']
)
def test_bodies_that_are_no_such_json_mean_nothing(body):
    assert recognise("POST", "llm.corp.example", "/x", body) is None


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/messages", "/v1/threads/t/runs/r", "/v1/models", "/", ""]
)
def test_polls_and_clean_ups_are_no_inference(method, path):
    assert name(method, "api.openai.com", path) is None


@pytest.mark.parametrize(
    ("method", "host", "path", "dialect"),
    [
        ("GET", "api.openai.com", "/v1/responses/resp_1", "openai.responses"),
        ("get", "api.openai.com", "/v1/responses/resp_1?stream=true", "openai.responses"),
        ("GET", "llm.corp.example", "/v1/responses/resp_1", "openai.responses"),
        ("GET", "survey.example", "/v1/responses/17", None),
        ("GET", "api.openai.com", "/v1/responses/resp_1/input_items", None),
        ("DELETE", "api.openai.com", "/v1/responses/resp_1", None),
        ("POST", "api.openai.com", "/v1/responses/resp_1", None),
    ],
)
def test_a_response_may_be_fetched_again(method, host, path, dialect):
    assert name(method, host, path) == dialect
