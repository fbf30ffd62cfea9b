"""Requests in the step record's terms, and back: `read_call` of what was sent, `render` of what to send again.

One module for each wire API that has a dialect. What a request says beyond model, sampling and inputs is kept as its
options, so that `render` gives back what `read_call` was given, but for how the answer travels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Asked
from spantape._model import Headers
from spantape.errors import UsageError
from spantape.rerun.wire._base import SAID_IN_HEADERS, TRAVEL, Api, Call, NotACallError, plain_json
from spantape.rerun.wire.chat import CHAT
from spantape.rerun.wire.completions import COMPLETIONS
from spantape.rerun.wire.embeddings import EMBEDDINGS
from spantape.rerun.wire.messages import MESSAGES
from spantape.rerun.wire.responses import RESPONSES

__all__ = ["APIS", "Api", "Call", "NotACallError", "api_named", "likely_api", "read_call", "render"]

APIS: Final = {api.name: api for api in (CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS, MESSAGES)}
"""The wire APIs by the name of their dialect."""

_BY_VENDOR: Final = {"anthropic": MESSAGES}
_OF_RESPONSES: Final = ("input_text", "input_image", "output_text")
_OF_MESSAGES: Final = ("tool_use", "tool_result", "redacted_thinking")


def api_named(name: str) -> Api:
    """The wire API of that name.

    Raises:
        UsageError: there is none.
    """
    api = APIS.get(name)
    if api is None:
        raise UsageError(f"got wire API {name!r}, expected one of {', '.join(APIS)}")
    return api


def likely_api(vendor: str, inputs: Mapping[str, Any]) -> Api:
    """The wire API that `inputs` are written for, as far as their messages tell, else the one that `vendor` speaks.

    `vendor` is a `gen_ai.provider.name`; most speak OpenAI's chat completions.
    """
    messages = [message for message in inputs["messages"] if isinstance(message, dict)]
    if any("role" not in message and "type" in message for message in messages):
        return RESPONSES  # an item that is no message: a call, its output, a reasoning
    kinds = {part.get("type") for message in messages for part in _parts(message)}
    if not kinds.isdisjoint(_OF_RESPONSES):
        return RESPONSES
    return _BY_VENDOR.get(vendor, CHAT) if kinds.isdisjoint(_OF_MESSAGES) else MESSAGES


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    return (part for part in (content if isinstance(content, list) else ()) if isinstance(part, dict))


def read_call(dialect: str, body: bytes, asked: Asked, headers: Headers = ()) -> Call:
    """What the request `body` asks of a model; `asked` is what its dialect read in it.

    Raises:
        NotACallError: it asks nothing that could be asked again: no model, no messages, no JSON.
    """
    api = APIS.get(dialect)
    if api is None:
        raise NotACallError(f"its wire API {dialect!r} is not one that bundles are cut from")
    call = api.call(asked.model or "", plain_json(body))
    if not asked.model:
        raise NotACallError("the request names no model")
    return replace(call, headers={name: value for name, value in headers if name in SAID_IN_HEADERS})


def render(call: Call) -> dict[str, Any]:
    """The request body that asks `call`.

    Raises:
        UsageError: the API cannot ask that, or the options contradict inputs, sampling or model.
    """
    api = api_named(call.api)
    unknown = sorted(call.sampling.keys() - api.sampling.keys()) if api.sampling else []
    if unknown:
        raise UsageError(f"{call.api} has no {', '.join(unknown)}, which the sampling gives")
    body = api.write(call)
    try:
        plain, whole = api.call(call.model, api.write(replace(call, options={}))), api.call(call.model, body)
    except NotACallError as error:
        raise UsageError(f"{call.api} cannot be asked that: {error}") from error
    if TRAVEL & call.options.keys() or (plain.inputs, plain.sampling) != (whole.inputs, whole.sampling):
        raise UsageError(
            f"the options {', '.join(sorted(call.options))} change what {call.api} is asked beside the model, the "
            "sampling and the inputs that are given; leave out those that do"
        )
    return body
