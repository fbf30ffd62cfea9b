"""Steps and tapes in memory, for the tests of the replay room."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from spantape._model import Failure, Headers, Json, Request, Response, digest
from spantape.tape.model import AgentStep, ExchangeStep, Span, Step, Tape, ToolStep

CHAT = "https://api.openai.com/v1/chat/completions"
JSON: Headers = (("content-type", "application/json"),)


def span(index: int, started: int | None = None, ended: int | None = None) -> Span:
    start = index * 10 if started is None else started
    return Span(
        "t" * 32, f"{index:016x}", "", f"step {index}", start, start + 5 if ended is None else ended, {}
    )


def exchange(
    index: int,
    body: bytes | Json = b"",
    *,
    status: int | None = 200,
    answer: bytes = b"{}",
    answer_headers: Headers = (),
    method: str = "POST",
    url: str = CHAT,
    headers: Headers = JSON,
    parent: int | None = None,
    started: int | None = None,
    ended: int | None = None,
    error: Failure | None = None,
) -> ExchangeStep:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = None if status is None else Response(status, answer_headers, answer)
    return ExchangeStep(
        index=index,
        span=span(index, started, ended),
        parent=parent,
        method=method,
        url=url,
        request_headers=headers,
        request_digest=digest(sent),
        request_size=len(sent),
        status=status,
        response_digest=None if status is None else digest(answer),
        end="complete" if status is not None else "error",
        error=error or (None if status is not None else Failure("httpx2.ConnectError", "refused")),
        dialect=None,
        load_body=lambda: sent,
        load_response=lambda: response,
    )


def tool(
    index: int, name: str, arguments: Json, result: Json = None, *, parent: int | None = None
) -> ToolStep:
    return ToolStep(index, span(index), parent, name, "value", None, lambda: arguments, lambda: result)


def agent(
    index: int, name: str, arguments: Json = None, *, parent: int | None = None, function: str | None = "m:f"
) -> AgentStep:
    return AgentStep(index, span(index), parent, name, function, None, lambda: arguments, lambda: None)


def tape(*steps: Step, path: str | None = "run.tape") -> Tape:
    spans = tuple(step.span for step in steps)
    return Tape(
        path=path, run_id="run", name="run", steps=steps, fingerprint="f" * 64, sealed=True, spans=spans
    )


def ask(
    body: bytes | Json = b"", *, method: str = "POST", url: str = CHAT, headers: Headers = JSON
) -> Request:
    return Request(method, url, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def requests_of(steps: Iterable[Step]) -> list[Request]:
    return [step.exchange().request for step in steps if isinstance(step, ExchangeStep)]


def chat(*texts: str, model: str = "gpt-4o", **more: Any) -> dict[str, Any]:
    roles: Sequence[str] = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
    return {"model": model, "messages": messages, **more}
