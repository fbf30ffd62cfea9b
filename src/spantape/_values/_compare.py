"""Whether a value comes back from its JSON as it was, and if not, where and why."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from spantape._model import Json
from spantape._values._kinds import is_numpy, is_pydantic, is_text, record_fields
from spantape._values._place import key_step, short, type_name
from spantape._values._read import from_json
from spantape._values._write import to_json
from spantape.errors import UsageError

_PLAIN = (str, int, bool, type(None))
_UNSET: Any = object()


def lossy(value: object, annotation: Any = Any, *, data: Json = _UNSET, place: str = "result") -> str | None:
    """None where `from_json(to_json(value), annotation)` is equal to `value` and of its types, else why not.

    The reason names the place and what to annotate. `data` is `to_json(value)` where the caller has it. NaN counts
    as equal to NaN. Never raises, whatever `value` is.
    """
    try:
        written = to_json(value, place=place) if data is _UNSET else data
        back = from_json(written, annotation, place=place)
    except UsageError as error:
        return f"{error}{_advice_on_type(value, annotation)}"
    try:
        return _difference(value, back, place)
    except Exception as error:  # noqa: BLE001 - a user's __eq__ may raise anything
        return f"{place}: cannot be compared with what comes back: {type(error).__name__}: {error}"


def _advice_on_type(value: object, annotation: Any) -> str:
    if annotation is Any or not isinstance(value, (*_PLAIN, float, bytes, list, tuple, dict, set, frozenset)):
        return ""
    return f"; it is annotated {type_name(annotation)}, and a {annotation_for(value)} was returned"


def _difference(one: Any, other: Any, place: str) -> str | None:  # noqa: PLR0911 - a table of kinds
    if type(one) is not type(other):
        return _type_difference(one, other, place)
    if isinstance(one, _PLAIN):
        return None if one == other else _value_difference(one, other, place)
    if is_numpy(type(one)):
        return _array_difference(one, other, place)
    names = record_fields(type(one))
    if names is not None:
        return _first_difference(
            ((f".{n}", getattr(one, n, None), getattr(other, n, None)) for n in names), place
        )
    if is_pydantic(type(one)):
        return _model_difference(one, other, place)
    if isinstance(one, Mapping):
        return _mapping_difference(one, other, place)
    if isinstance(one, (list, tuple)):
        return _sequence_difference(one, other, place)
    if isinstance(one, AbstractSet):
        return _set_difference(one, other, place)
    if is_text(type(one)):  # by text, since a signalling NaN refuses ==
        return None if str(one) == str(other) else _value_difference(one, other, place)
    same = one == other or (one != one and other != other)  # noqa: PLR0124 - NaN
    return None if same else _value_difference(one, other, place)


def _first_difference(pairs: Any, place: str) -> str | None:
    for step, one, other in pairs:
        found = _difference(one, other, place + step)
        if found is not None:
            return found
    return None


def _sequence_difference(one: Any, other: Any, place: str) -> str | None:
    if len(one) != len(other):
        return _value_difference(one, other, place)
    return _first_difference(((f"[{i}]", a, other[i]) for i, a in enumerate(one)), place)


def _mapping_difference(one: Any, other: Any, place: str) -> str | None:
    keys, others = list(one), list(other)
    if getattr(one, "default_factory", None) is not getattr(other, "default_factory", None):
        return f"{place}: defaultdict came back without its default factory"
    if len(keys) != len(others):
        return _value_difference(one, other, place)
    for key, match in zip(keys, others, strict=True):
        found = _difference(key, match, f"{place}'s key {short(key)}")
        found = found or _difference(one[key], other[match], place + key_step(key))
        if found is not None:
            return found
    return None


def _set_difference(one: Any, other: Any, place: str) -> str | None:
    if one != other:
        kinds = sorted({type_name(type(item)) for item in one} ^ {type_name(type(item)) for item in other})
        if kinds:
            return f"{place}: its items came back as other types ({', '.join(kinds)}); {_advice(one, place)}"
        return _value_difference(one, other, place)
    return None


def _model_difference(one: Any, other: Any, place: str) -> str | None:
    names = (name for name in vars(one))
    found = _first_difference(((f".{n}", getattr(one, n), getattr(other, n, None)) for n in names), place)
    return found or (None if one == other else _value_difference(one, other, place))


def _array_difference(one: Any, other: Any, place: str) -> str | None:
    same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return None if same else _value_difference(one, other, place)


def _type_difference(one: Any, other: Any, place: str) -> str:
    was, now = type_name(type(one)), type_name(type(other))
    return f"{place}: {was} came back as {now}; {_advice(one, place)}"


def _value_difference(one: Any, other: Any, place: str) -> str:
    return f"{place}: {short(one)} came back as {short(other)}"


def _advice(value: Any, place: str) -> str:
    nested = not place.isidentifier()
    return f"annotate {'it there' if nested else 'the return type'} as {annotation_for(value)}"


def annotation_for(value: Any, depth: int = 3) -> str:
    """The annotation that describes `value`: `set[str]`, `dict[str, list[int]]`; inner parts to `depth`."""
    name = type_name(type(value))
    if value is None:
        return "None"
    if depth == 0 or not isinstance(value, (list, set, frozenset, tuple, dict)) or not value:
        return name
    if record_fields(type(value)) is not None:
        return name
    if isinstance(value, dict):
        return f"{name}[{_either(value.keys(), depth)}, {_either(value.values(), depth)}]"
    if isinstance(value, tuple):
        return _tuple_annotation(name, value, depth)
    return f"{name}[{_either(value, depth)}]"


def _tuple_annotation(name: str, value: tuple[Any, ...], depth: int) -> str:
    if len(value) > 3:
        return f"{name}[{_either(value, depth)}, ...]"
    return f"{name}[{', '.join(annotation_for(item, depth - 1) for item in value)}]"


def _either(values: Any, depth: int) -> str:
    kinds = list(dict.fromkeys(annotation_for(item, depth - 1) for item in values))
    return " | ".join(kinds) if len(kinds) <= 3 else "Any"
