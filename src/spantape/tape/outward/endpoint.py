"""Where spans are sent and how: a URL, and the standard settings of OTLP exporters.

See: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast
from urllib.parse import urlsplit, urlunsplit

from spantape.errors import UsageError

Protocol = Literal["http/protobuf", "http/json", "grpc"]
PROTOCOLS: Final = ("http/protobuf", "http/json", "grpc")

_PATH: Final = "/v1/traces"
_SCHEMES: Final = ("http", "https", "grpc", "grpcs")
_COMPRESSIONS: Final = ("none", "gzip", "deflate")
_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OTLP endpoint. `url` is the whole URL that is posted to, or for gRPC `host:port`; `timeout_s` is of one request.

    `certificate` is the file of the CA that is trusted, "" for the system's.
    """

    url: str
    protocol: Protocol = "http/protobuf"
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = _TIMEOUT_S
    compression: str = "none"
    secure: bool = False
    certificate: str = ""
    client_key: str = ""
    client_certificate: str = ""


def endpoint_of(
    url: str, environment: Mapping[str, str], *, protocol: str | None = None, headers: Sequence[str] = ()
) -> Endpoint:
    """The endpoint at `url`, with what `environment` says by OTEL_EXPORTER_OTLP_* (TRACES_ before the general ones).

    A `url` whose path does not end in /v1/traces is a base, to which that is added; the schemes `grpc` and `grpcs` mean
    gRPC. `headers` are texts `name=value`, and are put over those of the environment.

    Raises:
        UsageError: a setting cannot mean anything.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise UsageError(f"got {url!r}, expected http://host:port, https://… or grpc://host:port")
    spoken = "grpc" if parts.scheme.startswith("grpc") else protocol or _setting(environment, "PROTOCOL")
    spoken = spoken or "http/protobuf"
    if spoken not in PROTOCOLS:
        raise UsageError(f"got the protocol {spoken!r}, expected one of {', '.join(PROTOCOLS)}")
    return Endpoint(
        url=parts.netloc if spoken == "grpc" else _posted(url),
        protocol=cast("Protocol", spoken),
        headers=_headers(_setting(environment, "HEADERS"), headers),
        timeout_s=_timeout(_setting(environment, "TIMEOUT")),
        compression=_compression(_setting(environment, "COMPRESSION"), spoken),
        secure=parts.scheme in ("https", "grpcs"),
        certificate=_file(environment, "CERTIFICATE"),
        client_key=_file(environment, "CLIENT_KEY"),
        client_certificate=_file(environment, "CLIENT_CERTIFICATE"),
    )


def _setting(environment: Mapping[str, str], name: str) -> str:
    for key in (f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}"):
        value = environment.get(key, "").strip()
        if value:
            return value
    return ""


def _posted(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_PATH) else path + _PATH))


def _headers(stated: str, given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    from opentelemetry.util.re import parse_env_headers

    headers = dict(parse_env_headers(stated, liberal=True))
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError("got a header without a name or a value, expected NAME=VALUE")
        headers[name.strip().lower()] = value.strip()
    return tuple(headers.items())


def _timeout(text: str) -> float:
    try:
        seconds = float(text or _TIMEOUT_S)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"got OTEL_EXPORTER_OTLP_TIMEOUT={text!r}, expected seconds above 0")
    return seconds


def _compression(text: str, protocol: str) -> str:
    chosen = text.lower() or "none"
    known = _COMPRESSIONS[:2] if protocol == "grpc" else _COMPRESSIONS
    if chosen not in known:
        raise UsageError(f"got OTEL_EXPORTER_OTLP_COMPRESSION={text!r}, expected one of {', '.join(known)}")
    return chosen


def _file(environment: Mapping[str, str], name: str) -> str:
    path = _setting(environment, name)
    if path and not Path(path).is_file():
        raise UsageError(f"got OTEL_EXPORTER_OTLP_{name}={path!r}, which is no file")
    return path
