"""The wire formats in which a reply can be given, found by the end of the path.

By its end, so that prefixes of gateways, Azure deployments and compatible servers do not matter.
"""

from __future__ import annotations

from typing import Final

from spantape.testing._wire import anthropic, openai_chat, openai_other, openai_responses
from spantape.testing._wire.base import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    openai_chat.ENDPOINT,
    openai_responses.COUNT,
    openai_responses.ENDPOINT,
    openai_other.COMPLETIONS,
    openai_other.EMBEDDINGS,
    anthropic.COUNT,
    anthropic.ENDPOINT,
)


def endpoint_for(route: str) -> Endpoint | None:
    """The endpoint that the path `route` (without its query) asks for, or None."""
    trimmed = route.rstrip("/")
    for endpoint in ENDPOINTS:
        if trimmed.endswith(endpoint.suffix):
            return endpoint
    return None
