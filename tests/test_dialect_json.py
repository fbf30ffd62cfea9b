"""Typed reading that forgives: both of its ways must give the same."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dialect_forgiving import forgiven
from spantape._dialects import (
    _anthropic_stream,
    _chat_stream,
    _json,
    _openai,
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
from spantape._dialects._json import Count, Reader, value


class Leaf(msgspec.Struct):
    a: Count | None = None
    b: str | None = None


class Tree(msgspec.Struct):
    leaf: Leaf | None = None
    leaves: list[Leaf] | None = None
    either: str | list[str] | None = None
    number: float | None = None
    whole: int | None = None
    yes: bool | None = None
    rest: Raw = Raw()


TREE = Reader(Tree)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", Tree()),
        ('{"leaf":{"a":1,"b":2},"number":0.5}', Tree(leaf=Leaf(a=1), number=0.5)),
        ('{"leaf":7,"number":"x","whole":1}', Tree(whole=1)),
        ('{"leaves":[{"a":1},7,null,{"a":-1,"b":"x"}]}', Tree(leaves=[Leaf(a=1), Leaf(b="x")])),
        ('{"either":["a",1,"b"]}', Tree(either=["a", "b"])),
        ('{"either":{"a":1}}', Tree()),
        ('{"leaf":{"a":12.0}}', Tree(leaf=Leaf(a=12))),
        ('{"leaf":{"a":12.5}}', Tree(leaf=Leaf())),
        ('{"leaf":{"a":9223372036854775808}}', Tree(leaf=Leaf())),
        ('{"whole":18446744073709551616}', Tree(whole=2**64)),
        ('{"whole":1e300}', Tree(whole=int(1e300))),
        ('{"number":1e999,"yes":true}', Tree(yes=True)),
        ('{"number":NaN,"yes":true}', Tree(yes=True)),
        ('{"unknown":1e999,"yes":true}', Tree(yes=True)),
        ('{"either":"\\ud83d","yes":true}', Tree(either="?", yes=True)),
        ('{"rest":[1,{"a":2}],"yes":1}', Tree(rest=Raw(b'[1,{"a":2}]'))),
        ('  {"yes":true}\n', Tree(yes=True)),
    ],
)
def test_what_fits_is_kept(text, expected):
    assert TREE.one(text.encode()) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b"{",
        b'{"yes":tru',
        b"\xff",
        b"{}{}",
        b'{"leaf":' * 5000,
        b"[" * 200_000,
    ],
)
def test_what_is_no_object_is_none(data):
    assert TREE.one(data) is None


def test_bytes_that_are_not_utf8_do_not_cost_the_rest():
    assert TREE.one(b'{"either":"a\xff","yes":true}') == Tree(either="a\ufffd", yes=True)


def test_many_are_read_at_once_or_one_by_one():
    assert TREE.many([]) == []
    assert TREE.many([b'{"yes":true}', b'{"yes":false}']) == [Tree(yes=True), Tree(yes=False)]
    assert TREE.many([b'{"yes":true}', b"nonsense", b'{"yes":\nfalse}', b"", b"null"]) == [
        Tree(yes=True),
        Tree(yes=False),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":1}', {"a": 1}),
        (b"nonsense", None),
        (b"", None),
        (b'"\\ud83d"', "?"),
        (b"[NaN]", [None]),
        (b"[" * 200_000, None),
    ],
)
def test_a_plain_value_or_none(data, expected):
    assert value(data) == expected


MODULES = (
    _anthropic_stream,
    _chat_stream,
    _openai,
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)
KINDS = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    },
    key=lambda kind: (kind.__module__, kind.__qualname__),
)
SCALARS = {
    str: st.text(max_size=5),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**70), 2**70),
    Raw: st.sampled_from(["a", 1, None, [1], {"b": [2]}]),
    type(None): st.none(),
}


def of_kind(kind):
    """Values that fit `kind`, as plain JSON."""
    arms = _json._arms(kind)
    return st.one_of([of_arm(arm) for arm in arms])


def of_arm(arm):
    if isinstance(arm, type) and issubclass(arm, msgspec.Struct):
        fields = {field: of_kind(field_type) for _, field, field_type in _json._fields(arm)}
        return st.fixed_dictionaries({}, optional=fields)
    if arm == Count:
        return st.integers(0, 2**63 - 1)
    if getattr(arm, "__origin__", None) is list:
        return st.lists(of_kind(arm.__args__[0]), max_size=3)
    return SCALARS.get(arm, st.sampled_from(["x", 7, None, {"type": "text", "text": "a"}, [1]]))


@pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_one_way_reads_the_other_reads_alike(kind, data):
    """The forgiving way, forced down to the leaves, equals the typed one on all that is well-formed."""
    text = msgspec.json.encode(data.draw(of_kind(kind)))
    typed = msgspec.json.decode(text, type=kind)
    assert forgiven(kind, text) == typed
