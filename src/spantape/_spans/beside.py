"""Whether another instrumentation has opened a span for this very model call: ours then counts nothing again.

Most make their span the current one, and start it with attributes that tell. Some do not (OpenLLMetry's for
anthropic and for openai responses, which opens its span after the call), and the no-op spans that anthropic's SDK
makes where no global provider is set hide the one around them: those are told by their wrappers on the stack.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from types import FrameType
from typing import Any, Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context

Outer = Literal["current", "unseen"]
"""Where the other span is: the current one, or one that cannot be seen from here."""

MODEL_OPERATIONS: Final = frozenset(
    {"chat", "generate_content", "text_completion", "embeddings", "fetch_response", "retrieval"}
)

_PROVIDERS: Final = (
    "openai",
    "openai_v2",
    "anthropic",
    "alephalpha",
    "bedrock",
    "cohere",
    "google_genai",
    "google_generativeai",
    "groq",
    "litellm",
    "mistralai",
    "ollama",
    "portkey",
    "replicate",
    "sagemaker",
    "together",
    "vertexai",
    "voyageai",
    "watsonx",
    "writer",
)
_PACKAGES: Final = frozenset(
    f"{family}.instrumentation.{provider}"
    for family in ("opentelemetry", "openinference")
    for provider in (*_PROVIDERS, *(f"genai.{name}" for name in _PROVIDERS))
)
"""Instrumentations of model SDKs; those of agent frameworks wrap more than one call."""

_HIDING: Final = frozenset(f"opentelemetry.instrumentation.{provider}" for provider in _PROVIDERS)
"""Those that may have a span that is not the current one, whatever the context says."""

_loaded: list[int] = [0, 0, 0]
"""The number of loaded modules when last looked at, and of these instrumentations then: all, and the hiding ones."""


def outer_model_span(context: Context) -> Outer | None:
    """Where the span is that another instrumentation opened for this call; None where there is none."""
    span = trace.get_current_span(context)
    if _is_model_span(span):
        return "current"
    hidden = bool(context) and not span.is_recording()  # a no-op span may hide the one around it
    return "unseen" if _may_be_unseen(hidden=hidden) and _wrapped() else None


def _is_model_span(span: trace.Span) -> bool:
    """Told by the attributes that such spans start with; agent, tool and workflow spans are not calls.

    They are the conventions', old and new, OpenLLMetry's and OpenInference's.
    """
    attributes: Any = getattr(span, "attributes", None)
    if not attributes:
        return False
    operation = attributes.get("gen_ai.operation.name")
    if operation is not None:
        return operation in MODEL_OPERATIONS and "spantape.kind" not in attributes
    if attributes.get("openinference.span.kind") in ("LLM", "EMBEDDING"):
        return True
    return "llm.request.type" in attributes or "gen_ai.system" in attributes


def _may_be_unseen(*, hidden: bool) -> bool:
    """Whether an instrumentation is loaded whose span could be around without being the current one."""
    modules = sys.modules
    if len(modules) != _loaded[0]:
        found = [sum(map(modules.__contains__, some)) for some in (_PACKAGES, _HIDING)]
        _loaded[:] = len(modules), *found
    return _loaded[2] > 0 or (hidden and _loaded[1] > 0)


def _wrapped() -> bool:
    """Whether the call came through a wrapper of such an instrumentation."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to the caller's frame
    while frame is not None:
        if _is_instrumentation(frame.f_globals.get("__name__") or ""):
            return True
        frame = frame.f_back
    return False


@lru_cache(maxsize=4096)
def _is_instrumentation(module: str) -> bool:
    if "instrumentation" not in module:
        return False
    parts = module.split(".")
    return ".".join(parts[:3]) in _PACKAGES or ".".join(parts[:4]) in _PACKAGES
