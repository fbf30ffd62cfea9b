"""Which wire API a request speaks: by the end of its path, then its host, then the shape of its body.

Proxies and gateways keep the end of the path, while host and prefix are anybody's. A new wire API is a new row.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import msgspec
from msgspec import Raw

from spantape._dialects import _json
from spantape._dialects._base import Dialect
from spantape._dialects._hosts import known_host
from spantape._dialects.anthropic_messages import MESSAGES
from spantape._dialects.openai_chat import CHAT
from spantape._dialects.openai_completions import COMPLETIONS
from spantape._dialects.openai_embeddings import EMBEDDINGS
from spantape._dialects.openai_responses import RESPONSES


class Route(NamedTuple):
    """A way to a dialect.

    `end` are the last segments of the path, "*" for any. `host`, where given, is the one that the row holds for.
    `marks` are keys of which the body of a request to an unknown host must show one, for ends that other software
    uses too; () where the end says enough. A row without a dialect is an API that is known not to be one of ours.
    """

    end: tuple[str, ...]
    dialect: Dialect | None
    marks: tuple[bytes, ...] = ()
    host: str = ""


_POST = (
    Route(("chat", "completions"), CHAT),
    Route(("agents", "completions"), CHAT, (b'"agent_id"',)),
    Route(("prompts", "*", "completions"), CHAT, (b'"variables"',)),
    Route(("v1", "chat"), CHAT, host="api.writer.com"),
    Route(("completions",), COMPLETIONS, (b'"prompt"',)),
    Route(("responses", "compact"), RESPONSES, (b'"input"', b'"previous_response_id"')),
    Route(
        ("responses", "input_tokens"), RESPONSES, (b'"input"', b'"previous_response_id"', b'"conversation"')
    ),
    Route(("responses",), RESPONSES, (b'"input"', b'"previous_response_id"', b'"conversation"', b'"prompt"')),
    Route(("embeddings",), EMBEDDINGS, (b'"input"',)),
    Route(("v1", "messages"), MESSAGES, (b'"messages"',)),
    Route(("messages", "count_tokens"), MESSAGES, (b'"messages"',)),
    Route(("anthropic", "models", "*:rawPredict"), MESSAGES),
    Route(("anthropic", "models", "*:streamRawPredict"), MESSAGES),
    Route(("api", "embeddings"), None),  # Ollama
    Route(("api", "chat"), None),
    Route(("api", "generate"), None),
    Route(("v2", "chat"), None),  # Cohere
    Route(("apply-template",), None),  # what serves models beside inference: vLLM, llama.cpp, OpenAI, Cohere
    Route(("classify",), None),
    Route(("count-tokens",), None),
    Route(("moderations",), None),
    Route(("rerank",), None),
    Route(("score",), None),
    Route(("speech",), None),
    Route(("tokenize",), None),
)
_GET = (Route(("responses", "*"), RESPONSES),)


def recognise(method: str, host: str, path: str, body: bytes) -> Dialect | None:
    """The dialect that a request speaks, None where it is of no wire API that is known here.

    `path` may carry its query, `host` its port. Polls and clean-ups (`GET`, `DELETE`) are no inference and have no
    dialect, but for a response that is fetched again. A body is looked into only where host and path leave doubt.
    """
    dialect, marks = _at(method, host, path)
    if marks is None:
        return _by_shape(body)
    return dialect if not marks or any(mark in body for mark in marks) else None


@functools.lru_cache(maxsize=1024)
def _at(method: str, host: str, path: str) -> tuple[Dialect | None, tuple[bytes, ...] | None]:
    """The dialect spoken there, and the keys of which the body must show one; None where only its shape can tell."""
    verb = method.upper()
    segments = path.partition("?")[0].rstrip("/").split("/")
    if verb == "GET":
        return _fetched(host, segments), ()
    if verb != "POST":
        return None, ()
    known = known_host(host)
    for route in _BY_LAST.get(segments[-1].rpartition(":")[2], ()):
        if _fits(route, segments, host):
            return route.dialect, () if known else route.marks
    return None, () if known else None


def _fits(route: Route, segments: list[str], host: str) -> bool:
    last = tuple(segments[-len(route.end) :])
    if route.host and not host.lower().startswith(route.host):
        return False
    return last == route.end or (len(last) == len(route.end) and all(map(_segment_fits, route.end, last)))


def _segment_fits(wanted: str, got: str) -> bool:
    return wanted in ("*", got) or (wanted.startswith("*:") and got.endswith(wanted[1:]))


def _fetched(host: str, segments: list[str]) -> Dialect | None:
    """A poll of a stored response; at an unknown host, its id must look like one."""
    if len(segments) < 2:
        return None
    for route in _GET:
        if _fits(route, segments, host) and (known_host(host) or segments[-1].startswith("resp_")):
            return route.dialect
    return None


def _by_last(routes: tuple[Route, ...]) -> dict[str, list[Route]]:
    """The routes by their last segment, those with longer ends first: they say more."""
    found: dict[str, list[Route]] = {}
    for route in sorted(routes, key=lambda route: -len(route.end)):
        found.setdefault(route.end[-1].removeprefix("*:"), []).append(route)
    return found


_BY_LAST = _by_last(_POST)


class _Shape(msgspec.Struct, gc=False):
    """The members that tell one request from another where the path says nothing."""

    model: str | None = None
    messages: list[Raw] | None = None
    input: str | list[Raw] | None = None
    max_tokens: Raw = Raw()
    anthropic_version: Raw = Raw()
    system: Raw = Raw()
    stop_sequences: Raw = Raw()
    thinking: Raw = Raw()
    instructions: Raw = Raw()
    max_output_tokens: Raw = Raw()
    previous_response_id: Raw = Raw()
    encoding_format: Raw = Raw()
    dimensions: Raw = Raw()


_SHAPE = _json.Reader(_Shape)


def _by_shape(body: bytes) -> Dialect | None:
    """The dialect of a body at a path that says nothing; cheap for what is no such JSON."""
    if not body[:16].lstrip().startswith(b"{") or not (b'"messages"' in body or b'"input"' in body):
        return None
    shape = _SHAPE.one(body)
    if shape is None:
        return None
    if shape.messages:
        return _of_messages(shape)
    return _of_input(shape) if shape.model and shape.input else None


def _of_messages(shape: _Shape) -> Dialect | None:
    if shape.anthropic_version or (
        shape.max_tokens and (shape.system or shape.stop_sequences or shape.thinking)
    ):
        return MESSAGES
    return CHAT if shape.model else None


def _of_input(shape: _Shape) -> Dialect | None:
    """Responses and embeddings both have an `input`; a bare string of one key leaves doubt, and is left."""
    if shape.encoding_format or shape.dimensions:
        return EMBEDDINGS
    items = isinstance(shape.input, list) and bytes(shape.input[0]).lstrip().startswith(b"{")
    if items or shape.instructions or shape.max_output_tokens or shape.previous_response_id:
        return RESPONSES
    return None
