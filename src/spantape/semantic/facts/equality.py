"""When two facts are the same: quantities after conversion, dates and times by the parts that both state."""

from __future__ import annotations

import math

from spantape.semantic.facts.model import Moment, Quantity


def same_quantity(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are equal: converted exactly, with 2% for what is called approximate."""
    low, high, other_low, other_high = _comparable(one, other)
    if math.isnan(low):
        return False
    if {one.dimension, other.dimension} == {"ratio"} and any(
        round(side.low * 3, 9) == round(side.low * 3) for side in (one, other)
    ):
        return math.isclose(low, other_low, rel_tol=2e-3)  # thirds are written rounded
    margin = 0.02 if one.about and other.about else 1e-3 if one.dimension != other.dimension else 1e-6
    return math.isclose(low, other_low, rel_tol=margin, abs_tol=1e-12) and math.isclose(
        high, other_high, rel_tol=margin, abs_tol=1e-12
    )


def _comparable(one: Quantity, other: Quantity) -> tuple[float, float, float, float]:
    """Both in one dimension; not-a-number where they measure different things."""
    dims = {one.dimension, other.dimension}
    if len(dims) == 1 or dims in ({"celsius", "degree"}, {"fahrenheit", "degree"}, {"", "ratio"}):
        return one.low, one.high, other.low, other.high
    if dims == {"celsius", "fahrenheit"}:
        return (*_celsius(one), *_celsius(other))
    if "" in dims and not any(dimension.startswith("money") for dimension in dims):
        return one.written, one.written, other.written, other.written
    if "" in dims:
        return one.low, one.high, other.low, other.high
    return math.nan, math.nan, math.nan, math.nan


def _celsius(quantity: Quantity) -> tuple[float, float]:
    if quantity.dimension == "celsius":
        return quantity.low, quantity.high
    return (quantity.low - 32) / 1.8, (quantity.high - 32) / 1.8


def same_moment(one: Moment, other: Moment) -> bool:
    """Whether two moments can be the same: every part that both state is equal, and they share one."""
    if one.kind != other.kind:
        return False
    if one.kind == "time":
        return _same_time(one, other)
    shared = one.parts.keys() & other.parts.keys()
    if shared and all(one.parts[part] == other.parts[part] for part in shared):
        return True
    swapped = {**other.parts, "day": other.parts.get("month", 0), "month": other.parts.get("day", 0)}
    return (
        (one.vague or other.vague)
        and bool(shared)
        and all(one.parts[part] == swapped[part] for part in shared)
    )


def _same_time(one: Moment, other: Moment) -> bool:
    first, second = one.parts["minute"], other.parts["minute"]
    if "zone" in one.parts and "zone" in other.parts:
        first, second = first - one.parts["zone"], second - other.parts["zone"]
    if one.vague or other.vague:
        return (first - second) % 720 == 0
    return (first - second) % 1440 == 0
