"""Whose host it is: the `gen_ai.provider.name` of a request. A new provider is a new row.

The names are the conventions' well-known ones where there is one, else a lower-case name of ours.
"""

from __future__ import annotations

import functools

from spantape._dialects._base import Dialect
from spantape._model import Headers

_AZURE = "azure.ai.openai"

# by the host itself
_HOSTS = {
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "ai-gateway.vercel.sh": "vercel",
    "api.ai21.com": "ai21",
    "api.aleph-alpha.com": "aleph_alpha",
    "api.anthropic.com": "anthropic",
    "api.cerebras.ai": "cerebras",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepinfra.com": "deepinfra",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.githubcopilot.com": "github",
    "api.groq.com": "groq",
    "api.hyperbolic.xyz": "hyperbolic",
    "api.inference.crusoecloud.com": "crusoe",
    "api.inference.wandb.ai": "wandb",
    "api.minimax.io": "minimax",
    "api.minimaxi.com": "minimax",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.novita.ai": "novita",
    "api.openai.com": "openai",
    "api.perplexity.ai": "perplexity",
    "api.replicate.com": "replicate",
    "api.sambanova.ai": "sambanova",
    "api.siliconflow.cn": "siliconflow",
    "api.siliconflow.com": "siliconflow",
    "api.studio.nebius.ai": "nebius",
    "api.studio.nebius.com": "nebius",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.tokenfactory.nebius.com": "nebius",
    "api.voyageai.com": "voyage_ai",
    "api.writer.com": "writer",
    "api.x.ai": "x_ai",
    "api.z.ai": "z_ai",
    "codestral.mistral.ai": "mistral_ai",
    "dashscope.aliyuncs.com": "alibaba_cloud",
    "dashscope-intl.aliyuncs.com": "alibaba_cloud",
    "dashscope-us.aliyuncs.com": "alibaba_cloud",
    "gateway.ai.cloudflare.com": "cloudflare",
    "gateway.pydantic.dev": "pydantic_gateway",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "inference.baseten.co": "baseten",
    "integrate.api.nvidia.com": "nvidia",
    "models.github.ai": "github",
    "models.inference.ai.azure.com": "azure.ai.inference",
    "ollama.com": "ollama",
    "open.bigmodel.cn": "z_ai",
    "openrouter.ai": "openrouter",
    "api.portkey.ai": "portkey",
    "router.huggingface.co": "huggingface",
    "api-inference.huggingface.co": "huggingface",
    "localhost:11434": "ollama",
    "127.0.0.1:11434": "ollama",
    "[::1]:11434": "ollama",
}

# by the end of the host; the first that fits
_DOMAINS = (
    (".openai.azure.com", _AZURE),
    (".openai.azure.us", _AZURE),
    (".cognitiveservices.azure.com", _AZURE),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    (".inference.ml.azure.com", "azure.ai.inference"),
    ("-aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".api.openai.com", "openai"),
    (".api.x.ai", "x_ai"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    (".endpoints.huggingface.cloud", "huggingface"),
    (".inference.heroku.com", "heroku"),
    (".replicate.com", "replicate"),
    (".replicate.net", "replicate"),
    (".api.crusoe.ai", "crusoe"),
    (".api.baseten.co", "baseten"),
)

# by the start and the end of the host: `<service>.<region>.<cloud>`
_REGIONAL = (
    ("bedrock-", ".amazonaws.com", "aws.bedrock"),
    ("bedrock-", ".amazonaws.com.cn", "aws.bedrock"),
    ("bedrock-", ".api.aws", "aws.bedrock"),
    ("runtime.sagemaker.", ".amazonaws.com", "aws.sagemaker"),
    ("aiplatform.", ".rep.googleapis.com", "gcp.vertex_ai"),
)

# by the end of hosts that serve much beside models: they name a provider, but their other traffic is not ours
_SHARED = (
    ("api.cloudflare.com", "cloudflare"),
    (".snowflakecomputing.com", "snowflake"),
    (".cloud.databricks.com", "databricks"),
    (".azuredatabricks.net", "databricks"),
    (".gcp.databricks.com", "databricks"),
)

# where one host serves two: by a part of the path
_PATHS = (("azure.ai.inference", "/openai/", _AZURE),)

# whose API is called through a gateway, by a segment of the path
_SEGMENTS = {
    "anthropic": "anthropic",
    "azure": _AZURE,
    "azure-openai": _AZURE,
    "bedrock": "aws.bedrock",
    "aws-bedrock": "aws.bedrock",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "google-ai-studio": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "google-vertex-ai": "gcp.vertex_ai",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity-ai": "perplexity",
    "xai": "x_ai",
}
_GATEWAYS = frozenset(("cloudflare", "portkey", "pydantic_gateway"))

# a gateway's own header that names the provider behind it
_PROVIDER_HEADER = "x-portkey-provider"

# what is left where host, path and headers say nothing: the flavour that the client speaks
_FLAVOURS = {"anthropic": "anthropic"}


def provider_name(host: str, path: str, request_headers: Headers, dialect: Dialect | None) -> str:
    """The `gen_ai.provider.name` of a request.

    A known host says it, but for gateways, whose path or headers name whom they pass it on to. Of an unknown host the
    path and the client's name may say it; else it is the flavour that the dialect speaks ("openai", "anthropic").
    """
    agent = given = ""
    for name, value in request_headers:
        if name == "user-agent":
            agent = agent or value
        elif name == _PROVIDER_HEADER:
            given = given or value
    return _provider_name(host, path, given.lower(), "AzureOpenAI/" in agent, _flavour(dialect))


@functools.lru_cache(maxsize=1024)
def _provider_name(host: str, path: str, given: str, is_azure: bool, flavour: str) -> str:
    known = _of_host(host)
    if known is not None and known not in _GATEWAYS:
        return next((name for one, part, name in _PATHS if one == known and part in path), known)
    return _behind(path, given, is_azure=is_azure) or known or _sharing(host) or flavour


def known_host(host: str) -> bool:
    """Whether `host` (with or without a port) is an LLM provider's, so that all of its endpoints matter."""
    return _of_host(host) is not None


@functools.lru_cache(maxsize=512)
def _of_host(host: str) -> str | None:
    whole = host.strip().lower()
    bare = _without_port(whole)
    found = _HOSTS.get(whole) or _HOSTS.get(bare)
    if found is None:
        found = next((name for end, name in _DOMAINS if bare.endswith(end)), None)
    if found is None:
        found = next(
            (name for start, end, name in _REGIONAL if bare.startswith(start) and bare.endswith(end)), None
        )
    return found


def _sharing(host: str) -> str | None:
    bare = _without_port(host.strip().lower())
    return next((name for end, name in _SHARED if bare.endswith(end)), None)


def _without_port(host: str) -> str:
    bare, colon, port = host.rpartition(":")
    return bare if colon and port.isdecimal() and not bare.endswith(":") else host


def _behind(path: str, given: str, *, is_azure: bool) -> str | None:
    """Who is behind a gateway or a host of one's own, as headers and path tell."""
    if given:
        return _SEGMENTS.get(given, given)
    if "/openai/deployments/" in path or is_azure:
        return _AZURE
    segments = path.partition("?")[0].lower().split("/")
    return next((_SEGMENTS[segment] for segment in segments if segment in _SEGMENTS), None)


def _flavour(dialect: Dialect | None) -> str:
    family = "" if dialect is None else dialect.name.partition(".")[0]
    return _FLAVOURS.get(family, "openai")
