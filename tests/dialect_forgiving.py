"""The forgiving way of reading JSON, forced: what the typed decoder would do is refused, down to the leaves."""

from __future__ import annotations

import contextlib

import msgspec
import pytest

from spantape._dialects import _json


def forgiven(kind, text):
    """`text` as the forgiving way reads it when the typed decoder refuses every object and array."""
    with refusals():
        return _json.Reader(kind)._forgiving(text)


@contextlib.contextmanager
def refusals():
    """Every reader takes the forgiving way, member by member."""
    real = _json._decoded

    def refusing(raw, wanted):
        nested = wanted not in (_json._OBJECT, _json._ARRAY) and any(map(_holds_members, _json._arms(wanted)))
        return _json._NOTHING if nested and bytes(raw)[:1] in (b"{", b"[") else real(raw, wanted)

    def many(reader, texts):
        return [item for text in texts if (item := reader.one(text)) is not None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "_decoded", refusing)
        patch.setattr(_json.Reader, "one", _json.Reader._forgiving)
        patch.setattr(_json.Reader, "many", many)
        yield


def _holds_members(arm):
    struct = isinstance(arm, type) and issubclass(arm, msgspec.Struct)
    return struct or getattr(arm, "__origin__", None) is list
