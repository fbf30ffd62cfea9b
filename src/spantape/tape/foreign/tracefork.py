"""A tracefork tape as plain values: its bodies checked by their digests, its fingerprint computed, its frames read.

The format keeps bodies, draws and JSON-RPC frames; what it does not keep of an exchange is taken by rule and named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spantape._model import Exchange, Failure, Request, Response, digest
from spantape.errors import TapeDamaged
from spantape.tape.fingerprint import parse_json
from spantape.tape.foreign.guess import content_type, error_of, guess
from spantape.tape.foreign.model import (
    Entry,
    ForeignDraw,
    ForeignExchange,
    ForeignTool,
    Grade,
    Notes,
    Recording,
)
from spantape.tape.model import ExchangeStep, Tape

NAME: Final = "tracefork"
FINGERPRINT: Final = "spantape.import.fingerprint"  # resource: tracefork's own, of its versions before 1.0
FINGERPRINT_HASHED: Final = (
    "spantape.import.fingerprint.hashed"  # resource: of 1.0 on, draws by their digests
)
FRAMES: Final = ("spantape.import.request", "spantape.import.response")  # a tool span's own JSON-RPC frames

_INGESTED: Final = "otel-ingested"

Pair = tuple[bytes, bytes]


@dataclass(slots=True)
class Held:
    """What a tracefork tape holds, in its order; `at` names the place of each event in its file."""

    draws: list[tuple[str, str]] = field(default_factory=list)
    exchanges: list[Pair] = field(default_factory=list)
    tools: list[Pair] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: str, event: Any) -> None:
        """Take an event of the kind "draw", "exchange" or "tool_exchange"."""
        held: dict[str, list[Any]] = {
            "draw": self.draws,
            "exchange": self.exchanges,
            "tool_exchange": self.tools,
        }
        held[kind].append(event)
        self.order.append(kind)


def fingerprint(held: Held, *, hashed: bool = False) -> str:
    """The fingerprint that tracefork gives a tape, hex; `hashed` is the chain of 1.0 on, where a draw is two digests."""
    exchanges, tools = ([(digest(a), digest(b)) for a, b in pairs] for pairs in (held.exchanges, held.tools))
    return _chain(held.draws, exchanges, tools, hashed=hashed)


def _chain(
    draws: Iterable[tuple[str, str]],
    exchanges: Iterable[tuple[str, str]],
    tools: Iterable[tuple[str, str]],
    *,
    hashed: bool,
) -> str:
    chain = hashlib.sha256()
    for kind, value in draws:
        parts = (digest(kind.encode()), digest(value.encode())) if hashed else (kind, value)
        chain.update(f"D:{parts[0]}:{parts[1]}\n".encode())
    for mark, pairs in (("X", exchanges), ("T", tools)):
        for request, response in pairs:
            chain.update(f"{mark}:{request}:{response}\n".encode())
    return chain.hexdigest()


def check_imported(tape: Tape) -> str | None:
    """The fingerprint that tracefork gave a tape before it was imported, proven anew; None for any other tape.

    Raises:
        TapeDamaged: what is on the tape does not have it.
    """
    keys = {False: FINGERPRINT, True: FINGERPRINT_HASHED}
    stated = {hashed: known for hashed, key in keys.items() if (known := tape.resource.get(key)) is not None}
    if not stated:
        return None
    draws = [(draw.source, str(draw.value)) for draw in tape.draws]
    exchanges = [
        (s.request_digest, s.response_digest or "") for s in tape.steps if isinstance(s, ExchangeStep)
    ]
    frames = [[step.span.attributes.get(key) for key in FRAMES] for step in tape.steps if step.kind == "tool"]
    tools = [(_digest(request), _digest(response)) for request, response in frames]
    for hashed, known in stated.items():
        got = _chain(draws, exchanges, tools, hashed=hashed)
        if got != known:
            raise TapeDamaged(
                f"got tracefork's fingerprint {got}, imported with {known}",
                path=tape.path,
                field=keys[hashed],
            )
    return str(stated.get(True, stated.get(False)))


def _digest(frame: object) -> str:
    return digest(frame if isinstance(frame, bytes) else str(frame).encode())


def check_fingerprint(held: Held, stated: object, path: str, place: str) -> None:
    """Raise unless a fingerprint that a file states is one of the tape's.

    Raises:
        TapeDamaged: it is another.
    """
    known = {fingerprint(held), fingerprint(held, hashed=True)}
    if isinstance(stated, str) and stated and stated not in known:
        raise TapeDamaged(f"got fingerprint {min(known)}, stated {stated}", path=path, field=place)


def recording(held: Held, path: str, run: str = "") -> Recording:
    """The run that `held` is.

    Raises:
        TapeDamaged: a member is not what the format says.
    """
    notes = Notes()
    streams = {"draw": _draws(held), "exchange": _exchanges(held, notes, path), "tool_exchange": _tools(held)}
    entries = tuple(streams[kind].pop(0) for kind in held.order)
    if held.draws and (held.exchanges or held.tools):
        notes.add("draws stand before the exchanges: their order among each other is not in the format")
    if held.meta.get("async_batches"):
        notes.add("async_batches: steps stand in the order of their completion")
    if held.meta.get("content_redacted"):
        notes.add("content_redacted: bodies are those that tracefork's redaction left")
    attributes = {
        FINGERPRINT: fingerprint(held),
        FINGERPRINT_HASHED: fingerprint(held, hashed=True),
        **_kept(held.meta),
    }
    name = held.meta.get("agent_name")
    return Recording(NAME, entries, notes, run, name if isinstance(name, str) else "", attributes)


def _kept(meta: Mapping[str, Any]) -> dict[str, str]:
    """What else the tape says of itself, as text."""
    wanted = ("boundary", "provenance", "async_batches")
    return {
        f"spantape.import.{key}": value if isinstance(value, str) else json.dumps(value)
        for key in wanted
        if (value := meta.get(key))
    }


def _draws(held: Held) -> list[Entry]:
    return [ForeignDraw(source, value) for source, value in held.draws]


# --- exchanges ---------------------------------------------------------------------------------------------------


def _exchanges(held: Held, notes: Notes, path: str) -> list[Entry]:
    urls = _column(held, "request_urls", str, path)
    statuses = _column(held, "response_status", int, path)
    kinds = _column(held, "response_content_type", str, path)
    grade, reason = _grade(held.meta)
    made: list[Entry] = []
    for index, (request, response) in enumerate(held.exchanges):
        url, known = _url(urls, index, request, response, notes)
        status = _status(statuses, index, response, notes)
        headers = (("content-type", _at(kinds, index) or content_type(response)),)
        asked = (("content-type", "application/json"),) if request[:1] in (b"{", b"[") else ()
        exchange = Exchange(Request("POST", url, asked, request), Response(status, headers, response))
        made.append(ForeignExchange(exchange, grade, reason, known))
    if made:
        notes.add("the method is not in the format: POST is taken")
        notes.add("request headers are not in the format: a replay compares none")
    return made


def _grade(meta: Mapping[str, Any]) -> tuple[Grade, str]:
    if str(meta.get("boundary", "")).startswith(_INGESTED):
        return "reconstructed", "tracefork composed the bytes from span attributes (boundary otel-ingested)"
    return "exact", ""


def _column(held: Held, name: str, kind: type, path: str) -> Sequence[Any]:
    stated = held.meta.get(name) or []
    if not isinstance(stated, list) or not all(type(value) is kind for value in stated):
        raise TapeDamaged(f"got {stated!r:.60}, expected a list of {kind.__name__}", path=path, field=name)
    return stated


def _at(column: Sequence[Any], index: int) -> Any:
    return column[index] if index < len(column) else None


def _url(
    urls: Sequence[str], index: int, request: bytes, response: bytes, notes: Notes
) -> tuple[str, tuple[str, ...]]:
    stated = _at(urls, index)
    if stated:
        return stated, ("url", "body")
    guessed = guess(request, response)
    notes.add(
        f"the URL is not in the recording: {guessed.url} is taken, by the form of the bodies",
        f"exchange {index}",
    )
    return guessed.url, ("body",)


def _status(statuses: Sequence[int], index: int, response: bytes, notes: Notes) -> int:
    stated = _at(statuses, index)
    if stated is not None and 100 <= stated <= 999:
        return int(stated)
    notes.add("the status is not in the recording: 200 is taken", f"exchange {index}")
    if (error := error_of(response)) is not None:
        notes.add(f"a body reports an error ({error}), and is replayed with status 200", f"exchange {index}")
    return 200


# --- tools -------------------------------------------------------------------------------------------------------


def _tools(held: Held) -> list[Entry]:
    return [_tool(request, response) for request, response in held.tools]


def _tool(request: bytes, response: bytes) -> ForeignTool:
    """A JSON-RPC call as a call of a tool; the frames themselves stay on the span."""
    asked, answered = _object(request), _object(response)
    params = asked.get("params")
    name, arguments = str(asked.get("method") or "unknown"), params
    if name == "tools/call" and isinstance(params, dict):
        name, arguments = str(params.get("name") or name), params.get("arguments") or {}
    failed = answered.get("error")
    error = None
    if isinstance(failed, dict):
        error = Failure(f"JsonRpcError({failed.get('code')})", str(failed.get("message") or ""))
    frames = dict(zip(FRAMES, map(_text, (request, response)), strict=True))
    return ForeignTool(name, arguments, answered.get("result"), error, attributes=frames)


def _object(frame: bytes) -> Mapping[str, Any]:
    try:
        value = parse_json(frame.decode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(frame: bytes) -> str | bytes:
    try:
        return frame.decode()
    except UnicodeDecodeError:
        return frame
