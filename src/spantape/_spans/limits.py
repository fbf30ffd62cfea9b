"""The span limits of the program's SDK: what they would cut is given again in a form that they keep, or is named.

The SDK cuts long text but never bytes, and drops the oldest attributes first. So text that was cut is written as
bytes, and what a replay needs is written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from opentelemetry.trace import Span

from spantape import _guard
from spantape._spans import names

_IDENTITY: Final = (names.HTTP_METHOD, names.STEP, names.CUT, names.RUN_ID, names.KIND)
"""Without these a span is not known as a step; the last is the last to be dropped."""


def settle(span: Span, begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the attributes that a replay needs and that the SDK did not keep; () where it kept all.

    `begun` are those that the span started with, `wanted` those that were set since. What is lost for good stands on
    the span as `spantape.cut`, and is logged once.
    """
    kept: Mapping[str, Any] | None = getattr(span, "attributes", None)
    if kept is None:
        return ()
    if names.STEP not in kept:  # a sampler's answer replaces the attributes that a span starts with
        span.set_attributes({name: value for name, value in begun.items() if name not in kept})
    if not getattr(span, "dropped_attributes", 0) and (
        _cuts_nothing(span) or _longest_is_whole(kept, wanted)
    ):
        return ()
    needed = {name: value for name, value in {**begun, **wanted}.items() if name in names.REPLAY}
    again = {name: _uncut(kept.get(name), value) for name, value in needed.items()}
    span.set_attributes({name: again[name] for name in _last(again)})
    lost = _lost(span, again)
    while lost:
        again[names.CUT] = lost
        span.set_attributes({name: again[name] for name in _IDENTITY if name in again})
        if (now := _lost(span, again)) == lost:
            break
        lost = now
    if lost:
        _say(lost)
    return lost


def _last(attributes: Mapping[str, Any]) -> list[str]:
    """Their names, those of the span's identity last."""
    return sorted(attributes, key=lambda name: _IDENTITY.index(name) if name in _IDENTITY else -1)


def _cuts_nothing(span: Span) -> bool:
    """Whether the SDK is known not to cut text in `span`."""
    limits = getattr(span, "_limits", None)
    return getattr(limits, "max_span_attribute_length", 0) is None


def _longest_is_whole(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether no text was cut: the longest tells."""
    longest, name = -1, ""
    for key, value in wanted.items():
        if type(value) is str:
            length = len(value)
        elif type(value) is tuple:
            length = max([len(item) for item in value if type(item) is str], default=-1)
        else:
            continue
        if length > longest and key in names.REPLAY:
            longest, name = length, key
    return longest < 0 or kept.get(name) == wanted[name]


def _uncut(kept: object, value: Any) -> Any:
    if isinstance(value, str) and isinstance(kept, str) and len(kept) < len(value):
        return value.encode("utf-8", "surrogatepass")
    return value


def _lost(span: Span, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    kept: Mapping[str, Any] = getattr(span, "attributes", None) or {}
    gone = {name for name, value in wanted.items() if name not in kept or kept[name] != value}
    return tuple(sorted(gone - {names.CUT}))


def _say(lost: Iterable[str]) -> None:
    _guard.once(
        "limits",
        "the span limits of this TracerProvider cut or dropped %s; such spans cannot be replayed. "
        "Raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT.",
        ", ".join(lost),
    )
