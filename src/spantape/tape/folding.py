"""What a sealed tape leaves out because it follows from the rest: digests and sizes of payloads that are on it.

A sha256 is the one part of a span that no compressor can shorten, and two of them in every span cost more than a
turn's new text. So a sealed tape holds no digest of a body that it holds itself, and a delta names its base by span
id; reading works them out again. That is no loss of proof: the seal's fingerprint chains all of those digests.

Request bodies that grew from each other are digested incrementally: the state at the end of the shared prefix is
taken over, so the work is that of the new bytes, however long the history.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from spantape._model import digest
from spantape._spans import names
from spantape.errors import TapeDamaged
from spantape.tape.bodies import BASE_SPAN, base_digest, sources_of
from spantape.tape.limits import Limits
from spantape.tape.model import Span

FOLDED_BYTES: Final = 1 << 30
"""A writer folds the requests of a run only while they rebuild to no more than this in all."""

_REQUEST: Final = frozenset((names.REQUEST_DIGEST, names.REQUEST_SIZE, names.BASE_DIGEST))
_RESPONSE: Final = frozenset((names.RESPONSE_DIGEST, names.RESPONSE_SIZE))


@dataclass(slots=True)
class _Node:
    """One request body on its way: its new middle and where that goes in the body it grew from."""

    span: Span
    middle: bytes
    prefix: int
    suffix: int
    grown: list[_Node] = field(default_factory=list)
    digest: str = ""
    size: int = 0


# --- leaving out -------------------------------------------------------------------------------------------------


def folded_lines(
    lines: Sequence[tuple[bytes, Span]], spans: Sequence[Span], proven: set[str] | None = None
) -> list[bytes]:
    """`lines` without what follows from the rest of `spans`, in their order.

    The ids of the spans whose request bodies were rebuilt on the way, and have the digests that are stated, are put
    into `proven`.
    """
    requests = _foldable_requests(spans)
    if proven is not None:
        proven.update(requests)
    return [_folded(line, requests) if _is_exchange(span) else line for line, span in lines]


def _foldable_requests(spans: Sequence[Span]) -> dict[str, str]:
    """By span id, the span id of the base ("" for none), for each request whose digest can be worked out again."""
    counts = Counter(span.span_id for span in spans)
    ours = [span for span in spans if _holds_request(span) and counts[span.span_id] == 1 and span.span_id]
    sources = sources_of(span.attributes for span in ours)
    by_attributes = {id(span.attributes): span for span in ours}
    bases = {span.span_id: _base_of(span, sources, by_attributes) for span in ours}
    nodes = {span.span_id: node for span in ours if (node := _node(span)) is not None}
    roots = _linked(nodes, bases)
    foldable: dict[str, str] = {}
    left = FOLDED_BYTES
    for node in _rebuilt(roots, left):
        base = bases[node.span.span_id]
        if _is_as_stated(node) and (base == "" or base in foldable):
            foldable[node.span.span_id] = base or ""
    return foldable


def _is_as_stated(node: _Node) -> bool:
    attributes = node.span.attributes
    return node.digest == attributes[names.REQUEST_DIGEST] and node.size == attributes.get(names.REQUEST_SIZE)


def _base_of(span: Span, sources: Mapping[str, Any], by_attributes: Mapping[int, Span]) -> str | None:
    base = base_digest(span.attributes)
    if base is None:
        return ""
    source = sources.get(base)
    return None if source is None else by_attributes[id(source)].span_id


_Object = dict[str, msgspec.Raw]


class _Document(msgspec.Struct, omit_defaults=True):
    resourceSpans: list[_Object]  # noqa: N815 - the wire's names, here and below


class _Pair(msgspec.Struct):
    key: str
    value: msgspec.Raw = msgspec.Raw(b"{}")


class _Text(msgspec.Struct):
    stringValue: str | None = None  # noqa: N815


class _Integer(msgspec.Struct):
    intValue: int | str | None = None  # noqa: N815


_documents = msgspec.json.Decoder(_Document)
_objects = msgspec.json.Decoder(list[_Object] | None)
_pairs = msgspec.json.Decoder(list[_Pair] | None)
_texts = msgspec.json.Decoder(_Text)
_integers = msgspec.json.Decoder(_Integer)
_encode = msgspec.json.Encoder().encode


def _folded(line: bytes, requests: Mapping[str, str]) -> bytes:
    """`line` with what is left out of its spans; what of it stays is not read, and keeps its bytes."""
    document = _documents.decode(line)
    for group in document.resourceSpans:
        scopes = _members(group, "scopeSpans")
        for scope in scopes:
            spans = _members(scope, "spans")
            for span in spans:
                span["attributes"] = msgspec.Raw(_encode(_folded_attributes(span, requests)))
            scope["spans"] = msgspec.Raw(_encode(spans))
        group["scopeSpans"] = msgspec.Raw(_encode(scopes))
    return _encode(document) + b"\n"


def _members(holder: _Object, key: str) -> list[_Object]:
    return (_objects.decode(holder[key]) if key in holder else None) or []


def _folded_attributes(span: _Object, requests: Mapping[str, str]) -> list[_Pair]:
    pairs = (_pairs.decode(span["attributes"]) if "attributes" in span else None) or []
    held = {pair.key: pair.value for pair in pairs}
    dropped = _RESPONSE if _follows_response(held) else frozenset()
    span_id = msgspec.json.decode(span["spanId"]) if "spanId" in span else None
    base = requests.get(str(span_id))
    if base is not None:
        dropped |= _REQUEST
    kept = [pair for pair in pairs if pair.key not in dropped]
    if base:
        kept.append(_Pair(BASE_SPAN, msgspec.Raw(_encode({"stringValue": base}))))
    return kept


def _follows_response(held: Mapping[str, msgspec.Raw]) -> bool:
    body = _text(held, names.RESPONSE_BODY)
    if body is None or names.RESPONSE_ENCODING in held:
        return False
    data = body.encode()
    stated = _text(held, names.RESPONSE_DIGEST)
    size = _integers.decode(held[names.RESPONSE_SIZE]).intValue if names.RESPONSE_SIZE in held else None
    return bool(stated == digest(data) and size == str(len(data)))


def _text(held: Mapping[str, msgspec.Raw], key: str) -> str | None:
    return _texts.decode(held[key]).stringValue if key in held else None


# --- working out -------------------------------------------------------------------------------------------------


def unfolded(spans: Sequence[Span], limits: Limits) -> list[Span]:
    """`spans` with everything that was left out of them, in their order.

    A span that was not folded, or whose base is not among them, stays as it is.

    Raises:
        TapeDamaged: the bodies rebuild to more than `limits` allow.
    """
    folded = [span for span in spans if _is_exchange(span) and names.REQUEST_BODY in span.attributes]
    folded = [span for span in folded if names.REQUEST_DIGEST not in span.attributes]
    nodes = {span.span_id: node for span in folded if (node := _node(span)) is not None}
    bases = {key: _folded_base(node.span) for key, node in nodes.items()}
    found: dict[int, dict[str, Any]] = {}
    for node in _rebuilt(_linked(nodes, bases), limits.derived_bytes, strict=True):
        added: dict[str, Any] = {names.REQUEST_DIGEST: node.digest, names.REQUEST_SIZE: node.size}
        if base := bases[node.span.span_id]:
            added[names.BASE_DIGEST] = nodes[base].digest
        found[id(node.span)] = added
    return [_completed(span, found.get(id(span), {})) for span in spans]


def _folded_base(span: Span) -> str | None:
    if not span.attributes.get(names.REQUEST_ENCODING, ""):
        return ""
    base = span.attributes.get(BASE_SPAN)
    return base if isinstance(base, str) else None


def _completed(span: Span, added: dict[str, Any]) -> Span:
    attributes = span.attributes
    body = attributes.get(names.RESPONSE_BODY)
    if isinstance(body, str) and names.RESPONSE_DIGEST not in attributes and _is_exchange(span):
        data = body.encode()
        added |= {names.RESPONSE_DIGEST: digest(data), names.RESPONSE_SIZE: len(data)}
    if not added:
        return span
    dropped = (BASE_SPAN,) if names.BASE_DIGEST in added else ()
    return replace(span, attributes={**{k: v for k, v in attributes.items() if k not in dropped}, **added})


# --- both --------------------------------------------------------------------------------------------------------


def _is_exchange(span: Span) -> bool:
    return span.attributes.get(names.KIND) == "exchange"


def _holds_request(span: Span) -> bool:
    attributes = span.attributes
    digests = [attributes.get(names.REQUEST_DIGEST)]
    digests += [attributes[names.BASE_DIGEST]] if names.BASE_DIGEST in attributes else []
    encoding = attributes.get(names.REQUEST_ENCODING, "")
    return (
        _is_exchange(span)
        and names.REQUEST_BODY in attributes
        and all(isinstance(one, str) for one in digests)
        and encoding in ("", "delta")
    )


def _node(span: Span) -> _Node | None:
    """The request of `span`, None where it is not one that can be folded."""
    attributes = span.attributes
    body, encoding = attributes.get(names.REQUEST_BODY), attributes.get(names.REQUEST_ENCODING, "")
    if not isinstance(body, str | bytes) or encoding not in ("", "delta"):
        return None
    middle = body.encode() if isinstance(body, str) else body
    if not encoding:
        return _Node(span, middle, 0, 0)
    prefix, suffix = attributes.get(names.BASE_PREFIX), attributes.get(names.BASE_SUFFIX)
    if type(prefix) is not int or type(suffix) is not int or min(prefix, suffix) < 0:
        return None
    return _Node(span, middle, prefix, suffix)


def _linked(nodes: Mapping[str, _Node], bases: Mapping[str, str | None]) -> list[_Node]:
    """The nodes that are whole bodies; the others hang below what they grew from."""
    roots = []
    for key, node in nodes.items():
        base = bases[key]
        if base == "":
            roots.append(node)
        elif base is not None and base in nodes:
            nodes[base].grown.append(node)
    return roots


def _rebuilt(roots: Iterable[_Node], budget: int, *, strict: bool = False) -> Iterable[_Node]:
    """The nodes that hang below `roots`, each with its digest and size, bases before what grew from them."""
    for root in roots:
        waiting = [(root, b"", None)]
        while waiting:
            node, base, state = waiting.pop()
            if node.prefix + node.suffix > len(base):
                continue
            node.size = node.prefix + len(node.middle) + node.suffix
            budget -= node.size
            if budget < 0:
                if strict:
                    raise TapeDamaged(
                        "rebuilds to more request bytes than allowed, refused (Limits.derived_bytes)"
                    )
                return
            body = base[: node.prefix] + node.middle + base[len(base) - node.suffix :]
            waiting += _digested(node, body, state)
            yield node


def _digested(node: _Node, body: bytes, state: Any) -> list[tuple[_Node, bytes, Any]]:
    """Set the node's digest; gives what grew from it, with the body and the digest's state at each one's prefix.

    `state` is that of the leading `node.prefix` bytes, None where it is not known.
    """
    known = node.prefix if state is not None else 0
    running = hashlib.sha256() if state is None else state
    view = memoryview(body)
    below: list[tuple[_Node, bytes, Any]] = []
    for grown in sorted(node.grown, key=lambda grown: grown.prefix):
        if known <= grown.prefix <= len(body):
            running.update(view[known : grown.prefix])
            known = grown.prefix
            below.append((grown, body, running.copy()))
        else:
            below.append((grown, body, None))
    running.update(view[known:])
    node.digest = running.hexdigest()
    return below
