"""A call in flight tells whose API it speaks, by what a seam knows of it."""

from __future__ import annotations

import pytest

from spantape._spans.call import Call


def call(host, port, target="/v1/chat/completions"):
    made = Call("POST", "", host, port, target, (), b"{}")
    made.settle()
    return made


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_local_server_is_told_by_its_port(host):
    assert call(host, 11434).provider() == "ollama"
    assert call(host, 11434, "/api/show").is_model_call()
    assert call(host, 8000).provider() == "openai"
    assert not call(host, 8000, "/api/show").is_model_call()


@pytest.mark.parametrize("port", [443, 8443, None])
def test_a_providers_host_is_its_at_any_port(port):
    assert call("api.groq.com", port, "/openai/v1/chat/completions").provider() == "groq"
