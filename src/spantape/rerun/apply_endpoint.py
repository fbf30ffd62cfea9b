"""A model endpoint asked over HTTP: where it is, what it is sent, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from spantape._dialects import provider_name
from spantape.errors import EndpointError, UsageError
from spantape.rerun.wire import Api

_CLIENTS: Final = ("httpx2", "httpx")
_SHOWN: Final = 2000  # characters of an error's body that its message shows
_KEY_HEADERS: Final = {"anthropic": "x-api-key", "azure.ai.openai": "api-key"}
_VERSION: Final = ("anthropic-version", "2023-06-01")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a rerun goes: `base_url` as the SDK of the wire API takes it, or the whole URL with the API's path.

    `headers` are sent as they are. `api_key` goes into the header that the API wants, and is sent only where given.
    """

    base_url: str = field(repr=False)  # it may carry credentials, as may the rest
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 600.0

    def url(self, api: Api) -> str:
        """The URL that `api` is asked at; a query of the base stays.

        Raises:
            UsageError: the base is no http(s) URL.
        """
        try:
            parts = urlsplit(self.base_url)
            usable = parts.scheme in ("http", "https") and parts.hostname
        except ValueError:
            usable = None
        if not usable:
            raise UsageError(
                f"got base URL {self.base_url!r}, expected one such as https://api.example.com/v1"
            )
        return urlunsplit(parts._replace(path=_joined(parts.path.rstrip("/"), api.path)))


def _joined(base: str, path: str) -> str:
    if base.endswith((path, ":rawPredict")):
        return base
    first = "/" + path.split("/")[1]
    return base + (path.removeprefix(first) if base.endswith(first) else path)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered with a status below 400; `body` has its content-encoding undone."""

    status: int
    content_type: str
    body: bytes


Ask = Callable[[Api, Mapping[str, Any], Mapping[str, str]], Answer]


@contextmanager
def connected(endpoint: Endpoint) -> Iterator[Ask]:
    """Inside, a function that asks the endpoint, over one connection where it keeps it.

    It is given the wire API, the members of the request and the headers that change what is asked. It raises
    `EndpointError` where the endpoint refuses, with status and body, or does not answer.

    Raises:
        UsageError: no HTTP client is installed.
    """
    library = _library()
    with library.Client(timeout=endpoint.timeout_s) as client:
        yield _Session(endpoint, library, client).ask


@dataclass(frozen=True, slots=True)
class _Session:
    endpoint: Endpoint
    library: ModuleType
    client: Any

    def ask(self, api: Api, members: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        url = self.endpoint.url(api)
        sent = _headers(self.endpoint, api, url, headers)
        try:
            response = self.client.post(url, content=msgspec.json.encode(members), headers=sent)
        except (self.library.HTTPError, self.library.InvalidURL) as error:
            why = f"{type(error).__name__}: {error}"
            raise EndpointError(f"POST {_shown_url(url)}: no answer ({why})") from error
        return _answer(url, response)


def _answer(url: str, response: Any) -> Answer:
    body: bytes = response.content
    if response.status_code >= 300:
        text = body.decode("utf-8", "replace")
        raise EndpointError(
            f"POST {_shown_url(url)}: got status {response.status_code}, expected an answer: {_shown(text)}",
            status=response.status_code,
            body=text,
        )
    return Answer(response.status_code, response.headers.get("content-type", ""), body)


def _shown_url(url: str) -> str:
    """`url` without what may be secret in it: userinfo and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _shown(text: str) -> str:
    text = text.strip()
    return f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text or "(no body)"


def _library() -> ModuleType:
    for name in _CLIENTS:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UsageError("a rerun against an endpoint needs an HTTP client: pip install httpx2")


def _headers(endpoint: Endpoint, api: Api, url: str, said: Mapping[str, str]) -> list[tuple[str, str]]:
    """The headers to send; those that were given win over the usual ones."""
    usual = [("content-type", "application/json"), ("accept", "application/json"), *said.items()]
    if api.name == "anthropic.messages" and _VERSION[0] not in said:
        usual.append(_VERSION)
    if endpoint.api_key is not None:
        usual.append(_key_header(endpoint.api_key, api, url))
    own = {name.lower() for name, _ in endpoint.headers}
    return [*(pair for pair in usual if pair[0].lower() not in own), *endpoint.headers]


def _key_header(api_key: str, api: Api, url: str) -> tuple[str, str]:
    vendor = "anthropic" if api.name.startswith("anthropic.") else _vendor(url)
    name = _KEY_HEADERS.get(vendor)
    return (name, api_key) if name else ("authorization", f"Bearer {api_key}")


def _vendor(url: str) -> str:
    parts = urlsplit(url)
    return provider_name(parts.netloc, parts.path, (), None)


def header_pairs(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The headers in `lines`, each `name: value`.

    Raises:
        UsageError: a line is none.
    """
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or not line.isascii() or not line.isprintable():
            raise UsageError(f"got header {line!r}, expected 'name: value' in printable ASCII")
        pairs.append((name.strip().lower(), value.strip()))
    return tuple(pairs)
