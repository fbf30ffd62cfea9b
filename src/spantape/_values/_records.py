"""Records: classes with named fields, read field by field and built whole."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from spantape._model import Json
from spantape._values._hints import class_hints, required_keys, substitute
from spantape._values._kinds import is_struct, record_fields
from spantape._values._place import Unfit, type_name
from spantape._values._plain import Reader, plain, read_under, unfit

_MISSING: Final = object()


def record_reader(cls: Any, arguments: tuple[Any, ...], reader_of: Callable[[Any], Reader]) -> Reader:
    """The reader of a dataclass, Struct, NamedTuple or TypedDict, `arguments` being those of a generic one.

    Its fields are looked at when it is first used, since a record may hold records of its own class.
    """
    found: list[dict[str, Reader]] = []
    build = _builder(cls)

    def read(data: Json) -> Any:
        if type(data) is not dict:
            raise unfit(data, cls)
        if not found:
            found.append({name: reader_of(hint) for name, hint in _field_hints(cls, arguments).items()})
        return build(_read_fields(found[0], data, cls))

    return read


def _field_hints(cls: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    hints = class_hints(cls)
    variables = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    names = record_fields(cls)
    fields = hints if names is None else {name: hints.get(name, Any) for name in names}
    return {name: substitute(hint, variables) for name, hint in fields.items()}


def _read_fields(readers: Mapping[str, Reader], data: dict[str, Json], cls: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, item in data.items():
        reader = readers.get(name)
        if reader is None:
            raise Unfit(f"{type_name(cls)} has no field {name!r}; it has {', '.join(readers) or 'none'}")
        values[name] = read_under(f".{name}", reader, item)
    return values


def _builder(cls: Any) -> Callable[[dict[str, Any]], Any]:
    if typing.is_typeddict(cls):
        required = required_keys(cls)
        return lambda values: _checked(values, cls, required)
    if dataclasses.is_dataclass(cls):
        return lambda values: _dataclass(cls, values)
    if is_struct(cls):
        return lambda values: _struct(cls, values)
    return lambda values: _called(cls, values, _required_of_tuple(cls))


def _checked(values: dict[str, Any], cls: Any, required: typing.Iterable[str]) -> dict[str, Any]:
    missing = [name for name in required if name not in values]
    if missing:
        raise Unfit(f"field {min(missing)!r} of {type_name(cls)} is missing, and it has no default")
    return values


def _required_of_tuple(cls: Any) -> list[str]:
    return [name for name in cls._fields if name not in cls._field_defaults]


def _called(cls: Any, values: dict[str, Any], required: typing.Iterable[str]) -> Any:
    _checked(values, cls, required)
    try:
        return cls(**values)
    except Exception as error:
        raise Unfit(f"{type_name(cls)} cannot be built: {type(error).__name__}: {error}") from error


def _dataclass(cls: Any, values: dict[str, Any]) -> Any:
    fields = dataclasses.fields(cls)
    _checked(values, cls, [f.name for f in fields if f.init and _no_default(f)])
    try:
        made = cls(**{f.name: values[f.name] for f in fields if f.init and f.name in values})
    except Exception:  # noqa: BLE001 - a constructor that wants more than its fields, or checks what was once accepted
        made = object.__new__(cls)
    for name, value in values.items():
        if getattr(made, name, _MISSING) is not value:
            object.__setattr__(made, name, value)
    return made


def _no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _struct(cls: Any, values: dict[str, Any]) -> Any:
    fields = msgspec.structs.fields(cls)
    made = _called(cls, values, [f.name for f in fields if f.required])
    for name, value in values.items():
        if getattr(made, name, _MISSING) is not value:
            msgspec.structs.force_setattr(made, name, value)
    return made


def pydantic_reader(cls: Any) -> Reader:
    """The reader of a pydantic model: its own validation, in JSON mode, by field name."""

    def read(data: Json) -> Any:
        try:
            return _validate(cls, json.dumps(plain(data)))
        except Unfit:
            raise
        except Exception as error:
            reason = str(error).replace("\n", " ")
            raise Unfit(f"not a valid {type_name(cls)}: {reason}") from error

    return read


def _validate(cls: Any, text: str) -> Any:
    try:
        return cls.model_validate_json(text, by_alias=False, by_name=True)
    except TypeError:  # pydantic before 2.11 does not know by_name
        return cls.model_validate_json(text)
