"""tracefork's single blobs, in: versions 1 (JSON with base64) to 7 (magic, version, JSON header, zstd blobs)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import zstandard

from spantape._model import digest
from spantape.errors import TapeDamaged, TapeError
from spantape.tape.fingerprint import parse_json
from spantape.tape.foreign.bodies import base64_bytes, zstd_plain
from spantape.tape.foreign.model import Recording
from spantape.tape.foreign.peek import Peek
from spantape.tape.foreign.places import Place
from spantape.tape.foreign.tracefork import Held, recording
from spantape.tape.limits import DEFAULT

MAGIC: Final = b"TFTAPE\0"

_NEWEST: Final = 7
_META: Final = (
    "boundary",
    "agent_name",
    "async_batches",
    "provenance",
    "request_urls",
    "response_status",
    "response_content_type",
    "content_redacted",
)


def fits(peek: Peek) -> bool:
    """Whether the file is a blob."""
    if peek.head.startswith(MAGIC):
        return True
    document = peek.document
    return isinstance(document, dict) and {"exchanges", "draws"} <= set(document)


def read(peek: Peek) -> list[Recording]:
    """The one run of a blob.

    Raises:
        TapeError: it is of a version that is not known, or not of the format.
        TapeDamaged: its bytes are not those that were written.
    """
    path = str(peek.path)
    return [recording(held_of(peek.data, path), path)]


def held_of(data: bytes, path: str, place: str = "") -> Held:
    """What a blob holds; `place` is where it stands in the file `path`, "" where it is the file.

    Raises:
        TapeError: it is of a version that is not known, or not of the format.
        TapeDamaged: its bytes are not those that were written.
    """
    if not data.startswith(MAGIC):
        return _version_1(data, path, place)
    prefix = f"{place}." if place else ""
    try:
        (version,) = struct.unpack_from(">H", data, len(MAGIC))
        (size,) = struct.unpack_from(">I", data, len(MAGIC) + 2)
    except struct.error as error:
        raise TapeDamaged("ends inside its first bytes", path=path, field=place or None) from error
    if not 2 <= version <= _NEWEST:
        raise TapeError(
            f"got blob version {version}, expected 1 to {_NEWEST}", path=path, field=place or None
        )
    start = len(MAGIC) + 6
    header = Place(
        _header(data[start : start + size], size, path, f"{prefix}header"), f"{prefix}header", path
    )
    blobs = _blobs(data, start + size, header["blob_hashes"])
    held = Held(meta=_meta(header))
    _add_draws(held, header["draws"])
    for kind, key in (("exchange", "exchanges"), ("tool_exchange", "tool_exchanges")):
        for pair in header[key].items():
            held.add(kind, _pair(pair, blobs))
    return held


def _header(data: bytes, size: int, path: str, place: str) -> Any:
    if len(data) < size:
        raise TapeDamaged(f"ends inside its header ({len(data)} of {size} bytes)", path=path, field=place)
    try:
        value = parse_json(data.decode())
    except (ValueError, RecursionError) as error:
        raise TapeDamaged(f"is not JSON that can be read ({error})", path=path, field=place) from error
    if not isinstance(value, dict):
        raise TapeDamaged(f"got JSON {type(value).__name__}, expected an object", path=path, field=place)
    return value


def _meta(header: Place) -> dict[str, Any]:
    return {key: header[key].value for key in _META if key in header}


def _blobs(data: bytes, start: int, hashes: Place) -> dict[str, bytes]:
    blobs: dict[str, bytes] = {}
    left = DEFAULT.total_bytes
    for stated in hashes.items():
        if start + 4 > len(data):
            raise stated.damaged("ends before this blob")
        (size,) = struct.unpack_from(">I", data, start)
        packed = data[start + 4 : start + 4 + size]
        if len(packed) < size:
            raise stated.damaged(f"ends inside this blob ({len(packed)} of {size} bytes)")
        name = stated.needed(str)
        blobs[name] = _unpacked(packed, stated, left)
        left -= len(blobs[name])
        check_blob(blobs[name], name, stated)
        start += 4 + size
    return blobs


def _unpacked(packed: bytes, at: Place, left: int) -> bytes:
    try:
        return zstd_plain(packed, min(DEFAULT.body_bytes, left))
    except zstandard.ZstdError as error:
        raise at.damaged(f"got bytes that are no zstd frame ({error})") from error
    except TapeDamaged as error:
        raise at.damaged(error.reason) from error


def check_blob(data: bytes, stated: str, at: Place) -> None:
    """Raise unless the blob has the sha256 that it is called by.

    Raises:
        TapeDamaged: it has another.
    """
    got = digest(data)
    if got != stated:
        raise at.damaged(f"got a blob of sha256 {got}, recorded {stated}")


def _pair(pair: Place, blobs: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    request, response = _two(pair)
    return _blob(request, blobs), _blob(response, blobs)


def _two(pair: Place) -> tuple[Place, Place]:
    items = list(pair.items())
    if len(items) != 2:
        raise pair.damaged(f"got {len(items)} items, expected a pair")
    return items[0], items[1]


def _blob(name: Place, blobs: Mapping[str, bytes]) -> bytes:
    found = blobs.get(name.needed(str))
    if found is None:
        raise name.damaged(f"names the blob {name.value}, which is not in the file")
    return found


def _add_draws(held: Held, draws: Place) -> None:
    for pair in draws.items():
        source, value = _two(pair)
        held.add("draw", (source.needed(str), value.needed(str)))


def _version_1(data: bytes, path: str, place: str) -> Held:
    header = Place(_header(data, len(data), path, place or "document"), place, path)
    held = Held(meta=_meta(header))
    _add_draws(held, header["draws"])
    for pair in header["exchanges"].items():
        request, response = _two(pair)
        held.add("exchange", (_decoded(request), _decoded(response)))
    return held


def _decoded(body: Place) -> bytes:
    try:
        return base64_bytes(body.needed(str))
    except ValueError as error:
        raise body.damaged(f"is not base64 ({error})") from error
