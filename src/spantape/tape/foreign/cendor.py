"""cendor cassettes, versions 1 and 2, and the JSON Lines that its production trace has, in.

There is no HTTP in them: a request is what it was matched by, a response is an SDK's object dumped to JSON. So requests
hold only some members, response bytes are composed (`cendor_wire`), and every model call is *reconstructed*.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from spantape._model import Exchange, Request, Response
from spantape.errors import TapeError
from spantape.tape.fingerprint import parse_json
from spantape.tape.foreign.bodies import json_bytes
from spantape.tape.foreign.cendor_wire import Wire, wire_of
from spantape.tape.foreign.model import Entry, ForeignExchange, ForeignTool, Notes, Recording
from spantape.tape.foreign.peek import Peek
from spantape.tape.foreign.places import Place

NAME: Final = "cendor"

_VERSIONS: Final = (1, 2)
_KINDS: Final = ("llm", "tool")
_REDACTED: Final = "<redacted>"  # what cendor's own redaction leaves
_COMPOSED: Final = "the recording holds an SDK's object, the bytes of its answer are composed"
_POSITIONAL: Final = "positional arguments have no names in the recording: they stand as the list `args`"
_JSON: Final = (("content-type", "application/json"),)


def fits(peek: Peek) -> bool:
    """Whether the file is a cassette, or lines of its calls."""
    document = peek.document
    if isinstance(document, dict) and isinstance(document.get("entries"), list):
        entries = document["entries"]
        return "version" in document or not entries or _is_call(entries[0])
    first = peek.first
    return _is_call(first) or (isinstance(first, dict) and "_meta" in first)


def _is_call(value: object) -> bool:
    return isinstance(value, dict) and value.get("kind") in _KINDS and isinstance(value.get("request"), dict)


def read(peek: Peek) -> list[Recording]:
    """The one run of a cassette.

    Raises:
        TapeError: it is of a version that is not known, or not of the format; names the entry and the member.
    """
    path, notes = str(peek.path), Notes()
    document = peek.document
    if isinstance(document, dict) and "entries" in document:
        top = Place(document, "", path)
        version = top["version"].typed(int, 1)
        if version not in _VERSIONS:
            raise TapeError(f"got cassette version {version}, expected 1 or 2", path=path, field="version")
        entries = [_entry(entry, version, notes) for entry in top["entries"].items()]
    else:
        entries = [_entry(line, 2, notes) for line in _lines(peek, path, notes)]
    if any(isinstance(entry, ForeignExchange) for entry in entries):
        notes.add(
            "URL, method, status and headers are not in the format: they are taken from the provider's API"
        )
        notes.add(
            "of a request only model, messages and stream are in the format: a replay compares these alone"
        )
    return [Recording(NAME, tuple(entries), notes)]


def _lines(peek: Peek, path: str, notes: Notes) -> Iterator[Place]:
    for number, line in enumerate(peek.text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except (ValueError, RecursionError) as error:
            raise TapeError(f"is not JSON ({error})", path=path, field=f"line {number}") from error
        if _is_call(value):
            yield Place(value, f"line {number}", path)
        elif not isinstance(value, dict) or "_meta" not in value:
            notes.add("left out: neither a model call nor a tool call", f"line {number}")


def _entry(entry: Place, version: int, notes: Notes) -> Entry:
    kind = entry["kind"].needed(str)
    if kind not in _KINDS:
        raise entry["kind"].wrong("llm or tool")
    request = entry["request"].needed(dict)
    _check_hash(entry, request, version, notes)
    return _call(entry, notes) if kind == "llm" else _tool(entry)


def _check_hash(entry: Place, request: Mapping[str, Any], version: int, notes: Notes) -> None:
    """Say where the stated hash is not that of the request, as far as that can be told."""
    stated = entry["request_hash"].typed(str, "")
    if not stated:
        return
    if _holds(request, _REDACTED):
        notes.add(
            "request_hash cannot be checked: the request was redacted, and matches no live one", entry.at
        )
    elif stated not in _hashes(request, version):
        notes.add(
            "request_hash is not that of the request: it was edited, redacted, or matched by a custom normalizer",
            entry.at,
        )


def _hashes(request: Mapping[str, Any], version: int) -> Iterable[str]:
    bare = {key: value for key, value in request.items() if key != "stream"}
    for wanted in (bare,) if version == 1 else (request, bare):
        text = json.dumps(wanted, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        yield hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _holds(value: object, mark: str) -> bool:
    if isinstance(value, str):
        return mark in value
    if isinstance(value, dict):
        return any(_holds(member, mark) for member in value.values())
    return isinstance(value, list) and any(_holds(item, mark) for item in value)


# --- model calls -------------------------------------------------------------------------------------------------


def _call(entry: Place, notes: Notes) -> ForeignExchange:
    request = entry["request"]
    stated = entry["response"] if "response" in entry else entry["result"]
    marker = entry["response_type"].typed(str, "object")
    wire = wire_of(request, stated.value, marker)
    asked = Request("POST", wire.url, _JSON, json_bytes(wire.request))
    if wire.body is None:
        notes.add(f"cannot be replayed: {wire.why}", entry.at)
    headers = (("content-type", wire.content_type),)
    exchange = Exchange(asked, Response(200, headers, wire.body or b""))
    known = tuple(f"body.{key}" for key in wire.request)
    if not wire.is_known:
        notes.add(
            f"the provider {request['provider'].value!r:.40} is not known here: {wire.url} is taken", entry.at
        )
    unrecorded = ("tools",) if wire.url.endswith("chat/completions") else ("system", "tools")
    return ForeignExchange(exchange, *_grade(wire), known, unrecorded)


def _grade(wire: Wire) -> tuple[Any, str]:
    return ("reconstructed", _COMPOSED) if wire.body is not None else ("skeleton", wire.why)


# --- tools -------------------------------------------------------------------------------------------------------


def _tool(entry: Place) -> ForeignTool:
    request = entry["request"]
    stated = request["arguments"]
    result = entry["response"] if "response" in entry else entry["result"]
    name = request["name"].typed(str, "") or "unknown"
    arguments: Any = stated.value if stated.value is not None else {}
    if isinstance(arguments, dict) and set(arguments) <= {"args", "kwargs"} and arguments:
        args, kwargs = stated["args"].typed(list, []), stated["kwargs"].typed(dict, {})
        if args:
            return ForeignTool(
                name, {"args": args, **kwargs}, result.value, None, "reconstructed", _POSITIONAL
            )
        arguments = kwargs
    return ForeignTool(name, arguments, result.value)
