"""Whose host it is."""

from __future__ import annotations

import pytest

from spantape._dialects import known_host, provider_name
from spantape._dialects.anthropic_messages import MESSAGES
from spantape._dialects.openai_chat import CHAT

PATH = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("api.anthropic.com", "anthropic"),
        ("res.openai.azure.com", "azure.ai.openai"),
        ("res.services.ai.azure.com", "azure.ai.inference"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("europe-west1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("bedrock-mantle.us-east-1.api.aws", "aws.bedrock"),
        ("api.cohere.com", "cohere"),
        ("api.deepseek.com", "deepseek"),
        ("api.groq.com", "groq"),
        ("us-south.ml.cloud.ibm.com", "ibm.watsonx.ai"),
        ("api.mistral.ai", "mistral_ai"),
        ("api.moonshot.ai", "moonshot_ai"),
        ("api.perplexity.ai", "perplexity"),
        ("api.x.ai", "x_ai"),
        ("openrouter.ai", "openrouter"),
        ("api.together.xyz", "together"),
        ("api.cerebras.ai", "cerebras"),
        ("router.huggingface.co", "huggingface"),
        ("abc.us-east-1.aws.endpoints.huggingface.cloud", "huggingface"),
        ("aiplatform.us.rep.googleapis.com", "gcp.vertex_ai"),
        ("us.inference.heroku.com", "heroku"),
        ("api.z.ai", "z_ai"),
        ("api.writer.com:443", "writer"),
        ("API.OpenAI.com", "openai"),
        ("localhost:11434", "ollama"),
    ],
)
def test_a_known_host_names_its_provider(host, provider):
    assert provider_name(host, PATH, (), CHAT) == provider
    assert known_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8000",
        "127.0.0.1",
        "[::1]:8080",
        "::1",
        "llm.corp.example",
        "",
        "api.openai.com.evil.example",
        "s3.amazonaws.com",
        "x.googleapis.com",
    ],
)
def test_an_unknown_host_is_of_the_flavour_it_speaks(host):
    assert not known_host(host)
    assert provider_name(host, PATH, (), CHAT) == "openai"
    assert provider_name(host, "/v1/messages", (), MESSAGES) == "anthropic"
    assert provider_name(host, "/", (), None) == "openai"


@pytest.mark.parametrize(
    ("host", "provider"),
    [("acc.snowflakecomputing.com", "snowflake"), ("dbc-1.cloud.databricks.com", "databricks")],
)
def test_a_host_that_serves_much_else_is_named_but_not_known(host, provider):
    assert provider_name(host, PATH, (), CHAT) == provider
    assert not known_host(host)


@pytest.mark.parametrize(
    ("host", "path", "headers", "provider"),
    [
        ("gateway.pydantic.dev", "/proxy/openai/responses", (), "openai"),
        ("localhost:8787", "/groq/openai/v1/chat/completions", (), "groq"),
        ("localhost:8787", "/anthropic/v1/messages", (), "anthropic"),
        (
            "localhost:8787",
            "/google-vertex/v1beta1/publishers/google/models/m:generateContent",
            (),
            "gcp.vertex_ai",
        ),
        ("gateway.ai.cloudflare.com", "/v1/acct/gw/azure-openai/r/d/chat/completions", (), "azure.ai.openai"),
        ("gateway.ai.cloudflare.com", "/v1/acct/gw/compat/chat/completions", (), "cloudflare"),
        ("api.portkey.ai", "/v1/chat/completions", (("x-portkey-provider", "groq"),), "groq"),
        ("api.portkey.ai", "/v1/chat/completions", (), "portkey"),
        ("llm.corp.example", "/openai/deployments/d/chat/completions", (), "azure.ai.openai"),
        ("llm.corp.example", PATH, (("user-agent", "AsyncAzureOpenAI/Python 3.1"),), "azure.ai.openai"),
        ("llm.corp.example", PATH, (("user-agent", "AsyncOpenAI/Python 3.1"),), "openai"),
        ("api.deepseek.com", "/anthropic/v1/messages", (), "deepseek"),
        ("r.services.ai.azure.com", "/openai/v1/chat/completions", (), "azure.ai.openai"),
        ("r.services.ai.azure.com", "/models/chat/completions", (), "azure.ai.inference"),
    ],
)
def test_behind_a_gateway_the_path_or_a_header_tells(host, path, headers, provider):
    assert provider_name(host, path, headers, CHAT) == provider
