"""A scripted model server on loopback: OpenAI's and Anthropic's wire formats, under the real SDKs, without a network."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from spantape._model import Headers
from spantape.errors import UsageError
from spantape.testing._encoding import encoded
from spantape.testing._loopback import Loopback
from spantape.testing._message import Answer, ReceivedRequest, json_answer, json_object, not_found
from spantape.testing._wire import endpoint_for
from spantape.testing._wire.base import Call, Endpoint
from spantape.testing.brain import weather_brain
from spantape.testing.replies import Failing, Reply

Script = Sequence[Reply] | Callable[[ReceivedRequest], Reply | None]
"""Replies in order, or a function from the request to its reply; None from it leaves the answer to `weather_brain`."""

Family = Literal["openai", "anthropic"]


class ModelServer(Loopback):
    """A model server that answers from a script; without one, `weather_brain` answers.

    ::

        with ModelServer([text("Hello")]) as server:
            client = openai.OpenAI(base_url=server.base_url("openai"), api_key="none")
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
        assert server.requests[0].json()["model"] == "m"

    A reply takes the form of the endpoint that was asked, streamed where the request says so. Ids are made of the
    request, so that the same requests get the same answers byte for byte. A list is consumed in order; when it is
    used up, requests get a 400 that says so. Embeddings and token counts are computed, and take nothing from a list;
    a function is asked for them too. Raw replies and errors answer any path and method; other requests than model
    calls get a JSON 404. Made for tests: what a script raises is raised again where the `with` block is left.
    """

    def __init__(self, script: Script | None = None, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._script = weather_brain if script is None else script
        self._taken = 0
        self._script_lock = threading.Lock()
        self._seen: Counter[bytes] = Counter()

    def base_url(self, family: Family) -> str:
        """What the SDK of `family` wants as its `base_url`."""
        if family not in ("openai", "anthropic"):
            raise UsageError(f"base_url({family!r}): expected 'openai' or 'anthropic'")
        return f"{self.url}/v1" if family == "openai" else self.url

    @property
    def remaining(self) -> int:
        """How many replies of a list are not consumed yet; 0 for a function."""
        return 0 if callable(self._script) else len(self._script) - self._taken

    def answer(self, request: ReceivedRequest) -> Answer:
        """The answer that the script has for `request`."""
        endpoint = endpoint_for(request.route) if request.method == "POST" else None
        if endpoint is None and not callable(self._script):
            return not_found(request)
        reply = self._reply(request, endpoint)
        if reply is None:
            return not_found(request)
        return _answer(reply, request, endpoint, self._mark(request))

    def _reply(self, request: ReceivedRequest, endpoint: Endpoint | None) -> Reply | None:
        if callable(self._script):
            reply = self._script(request)
            return weather_brain(request) if reply is None and endpoint is not None else reply
        if endpoint is not None and endpoint.automatic:
            return Reply()
        with self._script_lock:
            self._taken += 1
            if self._taken <= len(self._script):
                return self._script[self._taken - 1]
        message = f"the script has {len(self._script)} replies, and this is request {self._taken}"
        return Reply(status=400, failure=Failing("invalid_request_error", message, "script_exhausted"))

    def _mark(self, request: ReceivedRequest) -> str:
        """24 hex digits of the request and how often it was made before: the same in every run, in any order."""
        digest = hashlib.sha256(b"\0".join((request.method.encode(), request.path.encode(), request.body)))
        with self._script_lock:
            self._seen[digest.digest()] += 1
            digest.update(b"\0%d" % self._seen[digest.digest()])
        return digest.hexdigest()[:24]


def _answer(reply: Reply, request: ReceivedRequest, endpoint: Endpoint | None, mark: str) -> Answer:
    if reply.drops:
        return Answer(disconnect=True)
    if reply.chunks is not None:
        return _sent(reply, reply.chunks, reply.chunked, ())
    if endpoint is None:
        return _failed(reply) if reply.failure else not_found(request)
    body = json_object(request.body)
    call = Call(body, mark, endpoint.prompt(body))
    headers = endpoint.headers(call)
    if reply.failure is not None and reply.failure.after is None:
        failed = json_answer(reply.status, endpoint.failure(reply.failure, reply.status, call), headers)
        return _sent(reply, failed.chunks, False, failed.headers)
    if call.prompt.stream and endpoint.stream is not None:
        events = tuple(endpoint.stream(reply, call))
        return _sent(reply, events, True, (*headers, ("content-type", "text/event-stream; charset=utf-8")))
    answered = json_answer(reply.status, endpoint.whole(reply, call), headers)
    return _sent(reply, answered.chunks, False, answered.headers)


def _failed(reply: Reply) -> Answer:
    """A scripted error where no API is known: a shape that both families of SDKs read."""
    failure = reply.failure or Failing("", "")
    content = {"type": "error", "error": {"type": failure.type or "error", "message": failure.message}}
    return _sent(
        reply, json_answer(reply.status, content).chunks, False, (("content-type", "application/json"),)
    )


def _sent(reply: Reply, chunks: tuple[bytes, ...], chunked: bool, headers: Headers) -> Answer:
    """`chunks` on the wire, encoded, held and cut as the reply says; its own headers win."""
    own = {name for name, _ in reply.headers}
    kept = (*(pair for pair in headers if pair[0] not in own), *reply.headers)
    if reply.encoding is not None:
        chunks = encoded(chunks, reply.encoding)
        kept = (*kept, ("content-encoding", reply.encoding))
    return Answer(reply.status, kept, chunks, chunked, reply.gates, reply.cut_after)
