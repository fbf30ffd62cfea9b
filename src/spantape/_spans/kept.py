"""Which headers are kept, which carry credentials, and which parts of a URL are secret: names, as data."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from spantape._model import Headers, header
from spantape._spans.detectors import random_looking

KEEP_REQUEST_HEADERS: Final = frozenset(
    "accept amz-sdk-invocation-id anthropic-beta anthropic-dangerous-direct-browser-access anthropic-version content-encoding content-type "  # noqa: SIM905 - a list to read
    "http-referer mcp-protocol-version openai-beta prefer user-agent x-amz-target x-goog-api-client "
    "x-stainless-helper-method x-stainless-raw-response "
    "x-stainless-retry-count x-stainless-stream-helper x-title".split()
)
"""Request headers that are recorded, by exact name; all others, credentials first, stay out."""

KEEP_REQUEST_PREFIXES: Final = ("x-amzn-bedrock-",)

KEEP_RESPONSE_HEADERS: Final = frozenset(
    "apim-request-id cache-control cf-cache-status cf-ray content-disposition content-encoding content-language "  # noqa: SIM905 - a list to read
    "content-length content-type date etag inference-id last-modified link location mistral-correlation-id "
    "openai-model openai-processing-ms openai-version request-id retry-after retry-after-ms server server-timing "
    "traceresponse transfer-encoding via x-cache x-compute-time x-compute-type x-envoy-upstream-service-time "
    "x-generated-tokens x-inference-id x-inference-time x-kong-request-id x-prompt-tokens x-queue-time x-request-id "
    "x-served-by x-should-retry x-time-per-token x-total-time x-validation-time".split()
)
"""Response headers that are recorded, by exact name."""

KEEP_RESPONSE_PREFIXES: Final = (
    "anthropic-fast-",
    "anthropic-priority-",
    "anthropic-ratelimit-",
    "azureai-",
    "azureml-",
    "pydantic-ai-gateway-",
    "ratelimit-",
    "x-amzn-",
    "x-groq-",
    "x-ms-",
    "x-ratelimit-",
)

_NEVER: Final = re.compile(
    r"authori[sz]ation|cookie|secret|credential|api-?key|organi[sz]ation|project|(?:^|[-_])(?:token|signature)$"
)
_CREDENTIALS: Final = re.compile(
    r"(?:^|[-_])(?:api|access|auth|secret|subscription|security|private|session)[-_]?(?:key|token)$|^authorization$|"
    r"^proxy-authorization$|[-_]auth(?:orization)?$|^cookie$"
)
_SECRET_QUERY: Final = frozenset(
    "access_token accesskey api-key api_key apikey app_key auth auth_key auth_token awsaccesskeyid client_secret "  # noqa: SIM905 - a list to read
    "code_verifier id_token key password refresh_token secret sig signature subscription-key token upload_id "
    "x-amz-credential x-amz-security-token x-amz-signature x-api-key x-goog-credential x-goog-signature".split()
)
_DUMMIES: Final = re.compile(r"[A-Za-z][a-z]*|(?:no|not)[-_][a-z]+(?:[-_][a-z]+)*|[A-Z]+|(.)\1*", re.DOTALL)
SHORTEST: Final = 8
"""Shorter credentials are not looked for: as part of a text they would be found by accident."""


@lru_cache(maxsize=1024)
def is_kept(name: str, *, response: bool) -> bool:
    """Whether the header `name` (lower-case) is recorded."""
    if response:
        listed = name in KEEP_RESPONSE_HEADERS or name.startswith(KEEP_RESPONSE_PREFIXES)
    else:
        listed = name in KEEP_REQUEST_HEADERS or name.startswith(KEEP_REQUEST_PREFIXES)
    return listed and _NEVER.search(name) is None


@lru_cache(maxsize=1024)
def is_credential(name: str) -> bool:
    """Whether the header `name` (lower-case) carries a credential."""
    return _CREDENTIALS.search(name) is not None


class Sent(NamedTuple):
    """What the headers of a request come to: those that are recorded, the secrets in them, and which retry it is."""

    kept: Headers
    credentials: tuple[str, ...]
    resent: int


@lru_cache(maxsize=128)
def sent(headers: Headers) -> Sent:
    """What `headers` (names in lower case) come to. A client sends the same ones with almost every request."""
    count = header(headers, "x-stainless-retry-count") or ""
    return Sent(
        kept(headers, response=False), tuple(credentials(headers)), int(count) if count.isdigit() else 0
    )


def credentials(headers: Headers) -> Iterator[str]:
    """The secrets in the credential headers among `headers` that are worth looking for in texts.

    A key that is a plain word, or says that there is none ("EMPTY", "not-needed"), is a stand-in: replaced in texts,
    it would change what they say.
    """
    for name, value in headers:
        if is_credential(name):
            for secret in _secrets(name, value):
                if len(secret) >= SHORTEST and _DUMMIES.fullmatch(secret) is None:
                    yield secret


def _secrets(name: str, value: str) -> Iterator[str]:
    if name == "cookie":
        pairs = (pair.partition("=")[2].strip('"') for pair in value.split("; "))
        yield from (one for one in pairs if random_looking(one.encode()))
        return
    scheme, _, token = value.strip().partition(" ")
    if not token:
        yield scheme
    elif scheme.lower() == "basic":
        yield token
        yield from _password(token)
    elif " " not in token and "," not in token:
        yield token


def _password(token: str) -> Iterator[str]:
    try:
        plain = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield plain.partition(":")[2]


# --- URLs --------------------------------------------------------------------------------------------------------

_URL: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*://)?(?:([^/?#]*)@)?([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL
)


def clean_url(url: str, place: Callable[[str, bytes], str]) -> str:
    """`url` with its userinfo and the query values of secret names replaced by `place(kind, secret)`."""
    match = _URL.fullmatch(url)
    if match is None or ("?" not in url and "@" not in url):
        return url
    scheme, userinfo, rest, query, fragment = match.groups()
    parts = [scheme or ""]
    if userinfo:
        parts += (place("credentials", unquote_to_bytes(userinfo)) if scheme else userinfo, "@")
    parts.append(rest)
    if query is not None:
        parts += ("?", "&".join(_clean_pair(pair, place) for pair in query.split("&")))
    parts.append(fragment or "")
    return "".join(parts)


def _clean_pair(pair: str, place: Callable[[str, bytes], str]) -> str:
    name, equals, value = pair.partition("=")
    if not value or name.lower() not in _SECRET_QUERY:
        return pair
    return f"{name}{equals}{place('api_key', unquote_to_bytes(value))}"


# --- headers as a client holds them ------------------------------------------------------------------------------

_Names = dict[bytes, str | None]
_request_names: _Names = {}
_response_names: _Names = {}
_MOST_NAMES: Final = 2048


def relevant(raw: Iterable[tuple[bytes, bytes]], *, response: bool) -> Headers:
    """Of the header lines `raw`, those that are recorded or carry a credential, as text with lower-case names.

    Clients send some twenty, most of them never looked at again. Bytes that are not UTF-8 are read as latin-1.
    """
    names = _response_names if response else _request_names
    found = []
    for name, value in raw:
        try:
            text = names[name]
        except KeyError:
            text = _relevant_name(names, name, response=response)
        if text is not None:
            try:
                found.append((text, value.decode()))
            except UnicodeDecodeError:
                found.append((text, value.decode("latin-1")))
    return tuple(found)


def _relevant_name(names: _Names, name: bytes, *, response: bool) -> str | None:
    text = name.decode("latin-1").lower()
    wanted = is_kept(text, response=response) or (not response and is_credential(text))
    if len(names) >= _MOST_NAMES:
        names.clear()
    names[name] = text if wanted else None
    return names[name]


def kept(headers: Headers, *, response: bool) -> Headers:
    """Those of `headers` (names in lower case) that are recorded."""
    return tuple([pair for pair in headers if is_kept(pair[0], response=response)])
