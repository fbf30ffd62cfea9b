"""Where a call is answered anew: by an endpoint over HTTP, or by what a tape has recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from spantape._dialects import provider_name
from spantape._model import Request
from spantape.errors import EndpointError, NotCut
from spantape.player.player import Player
from spantape.rerun.apply_endpoint import Ask, Endpoint, connected
from spantape.rerun.cut_step import Heard, fingerprint_of, hear, transcript_of
from spantape.rerun.wire import Call, api_named, render
from spantape.tape.model import ExchangeStep, Tape

Source = Callable[[Call], Heard]
"""Gives the answer to a call."""

_LISTED: Final = 3


@contextmanager
def asked_of_endpoint(endpoint: Endpoint) -> Iterator[Source]:
    """Inside, a source that asks `endpoint`.

    It raises `EndpointError` where the endpoint refuses, or answers with nothing to compare.

    Raises:
        UsageError: no HTTP client is installed.
    """
    with connected(endpoint) as ask:
        yield partial(_asked, endpoint, ask)


def _asked(endpoint: Endpoint, ask: Ask, call: Call) -> Heard:
    api = api_named(call.api)
    members = render(call)
    answer = ask(api, members, call.headers)
    asked = api.dialect.ask(msgspec.json.encode(members), api.path)
    answered = api.dialect.answer(answer.body, answer.status, answer.content_type, asked)
    try:
        transcript = transcript_of(call, answered, answer.body)
    except NotCut as error:
        text = answer.body.decode("utf-8", "replace")
        raise EndpointError(f"the call {error.reason}", status=answer.status, body=text) from error
    where = urlsplit(endpoint.base_url)
    vendor = provider_name(where.netloc, where.path, (), api.dialect)
    return Heard(call, vendor, where.netloc, fingerprint_of(answered), transcript)


def found_on_tape(tape: Tape) -> Source:
    """A source that looks for the call on `tape`; equal calls are answered in recorded order, each once.

    A call is the same where model, sampling and inputs are, and the options where the call gives some: how its answer
    travelled, and to which host it went, does not count. It raises `EndpointError` where there is none left.
    """
    player, candidates = Player(tape, allow_unused=True), list(_calls(tape))

    def source(call: Call) -> Heard:
        for step, heard in candidates:
            if _same(call, heard.call):
                request = Request(step.method, step.url, step.request_headers, step.request_body())
                answer = player.find(request)
                if answer is not None:
                    return hear(answer, path=tape.path, redacted=())
        raise EndpointError(_missed(tape, call, [heard.call for _, heard in candidates]))

    return source


def _calls(tape: Tape) -> Iterator[tuple[ExchangeStep, Heard]]:
    for step in tape.steps:
        try:
            heard = hear(step, path=tape.path, redacted=())
        except NotCut:
            continue
        if step.kind == "exchange":
            yield step, heard


def _same(call: Call, recorded: Call) -> bool:
    return not _differences(call, recorded)


def _differences(call: Call, recorded: Call) -> list[str]:
    """The names of what two calls differ in; sampling that v0.1 has no place for counts where the call has it."""
    pairs: list[tuple[str, Any, Any]] = [
        ("model", call.model, recorded.model),
        *(
            (name, call.inputs.get(name), recorded.inputs.get(name))
            for name in ("system_prompt", "messages", "tools")
        ),
        *((name, value, recorded.sampling.get(name)) for name, value in call.sampling.items()),
    ]
    if call.options:
        pairs.append(("options", call.options, recorded.options))
    return [name for name, asked, told in pairs if asked != told]


def _missed(tape: Tape, call: Call, recorded: list[Call]) -> str:
    name = repr(tape.path) if tape.path else "in memory"
    message = (
        f"tape {name}: no call is left that asks this of {call.model!r}; compared with {len(recorded)} calls"
    )
    near = sorted((_differences(call, one) for one in recorded), key=len)[:_LISTED]
    told = ["differs in " + ", ".join(one) if one else "is answered already" for one in near]
    return message + "".join(f"\n  one {text}" for text in told)
