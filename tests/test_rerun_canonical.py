"""Canonical JSON is what RFC 8785 says and the `jcs` package writes, byte for byte."""

import collections
import enum
import json
import math
import random
import struct
from pathlib import Path

import jcs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.errors import EvidenceError, NotCanonical
from spantape.rerun.canonical import canonicalize, number_text, sha256_of
from spantape.rerun.reading import read_json

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "rerun" / "canonical.json").read_text())


class Color(str, enum.Enum):  # noqa: UP042 - as programs have them since before StrEnum
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


# --- numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", [v for v in VECTORS if "bits" in v], ids=lambda v: v["bits"])
def test_the_table_of_numbers_of_the_rfc_is_written(vector):
    (number,) = struct.unpack(">d", bytes.fromhex(vector["bits"]))
    assert number_text(number) == vector["canonical"]
    assert canonicalize(number) == vector["canonical"].encode()
    assert jcs.canonicalize(number) == vector["canonical"].encode()


def test_every_double_is_written_as_by_jcs():
    chance = random.Random(8785)
    for _ in range(20_000):
        (number,) = struct.unpack(">d", chance.randbytes(8))
        if math.isfinite(number):
            assert number_text(number).encode() == jcs.canonicalize(number)
            assert float(number_text(number)) == number


@pytest.mark.parametrize("exponent", range(-8, 24))
def test_the_edges_of_each_notation_are_written_as_by_jcs(exponent):
    for digits in (1, 1.5, 9.999999999999999, 1.2345678901234567):
        number = digits * 10.0**exponent
        assert number_text(-number).encode() == jcs.canonicalize(-number)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (2**53, "9007199254740992"),
        (-(2**53), "-9007199254740992"),
        (2**53 + 2, "9007199254740994"),
        (10**20, "100000000000000000000"),
        (10**21, "1e+21"),
        (10**22, "1e+22"),
        (Level.HIGH, "3"),
    ],
)
def test_integers_are_exact(number, text):
    assert canonicalize([number]) == f"[{text}]".encode()


@pytest.mark.parametrize(
    "number",
    [2**53 + 1, -(2**53) - 1, 2**60, 2**63, 2**64 - 1, 10**23 + 1, 10**400, -(10**5000)],
    ids=lambda number: f"{number.bit_length()} bits",
)
def test_an_integer_is_never_changed_silently(number):
    with pytest.raises(NotCanonical, match=r"a\[1\]: .*(would become|beyond the largest double)"):
        canonicalize({"a": [0, number]})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_json_number_is_refused(number):
    with pytest.raises(NotCanonical, match=r"messages\[0\].score: (nan|-?inf) is not a JSON number"):
        canonicalize({"messages": [{"score": number}]})


# --- texts and order ---------------------------------------------------------------------------------------------


def test_every_character_is_written_as_by_jcs():
    for start in range(0, 0x110000, 0x800):
        text = "".join(map(chr, range(start, start + 0x800)))
        if not 0xD800 <= start < 0xE000:
            assert canonicalize(text) == jcs.canonicalize(text), hex(start)
            assert canonicalize({text: [text, 0.5]}) == jcs.canonicalize({text: [text, 0.5]}), hex(start)


def test_members_stand_by_the_utf_16_units_of_their_names():
    names = ["\U0001f600", "\ue000", "\uffff", "\U0010ffff", "z", "", "€", "é", "A", "10", "9", "\0"]
    ordered = sorted(names, key=lambda name: name.encode("utf-16-be"))
    for value in (1, 0.5):
        written = canonicalize(dict.fromkeys(names, value))
        assert list(json.loads(written)) == ordered
        assert written == jcs.canonicalize(dict.fromkeys(names, value))
        nested = [{"a": {name: {name: value} for name in names}}]
        assert canonicalize(nested) == jcs.canonicalize(nested)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.text(
                st.sampled_from('aé\ue000\uffff\U0001f600\U0010ffff"\\\n')
                | st.characters(exclude_categories=["Cs"]),
                max_size=3,
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_value_is_written_as_by_jcs_and_read_back(value):
    written = canonicalize(value)
    assert written == jcs.canonicalize(value)
    assert canonicalize(read_json(written)) == written
    assert canonicalize(read_json(json.dumps(value).encode())) == written
    assert read_json(json.dumps(value, indent=1).encode()) == value


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_what_is_written_of_a_number_is_that_number(value):
    try:
        text = number_text(value)
    except NotCanonical:
        assert isinstance(value, int)
        assert abs(value) > 2**53
    else:
        assert float(read_json(text.encode())) == float(value)
        assert number_text(read_json(text.encode())) == text


# --- values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ((1, (2.5,)), b"[1,[2.5]]"),
        ({"a": (True, None)}, b'{"a":[true,null]}'),
        (Color.RED, b'"red"'),
        ([Color.RED, {"x": Color.RED}], b'["red",{"x":"red"}]'),
        (collections.OrderedDict(b=1, a=2), b'{"a":2,"b":1}'),
        (collections.Counter("aab"), b'{"a":2,"b":1}'),
        ([], b"[]"),
        ({}, b"{}"),
        ("", b'""'),
        (None, b"null"),
        (False, b"false"),
    ],
)
def test_subclasses_and_tuples_are_what_they_are_as_json(value, written):
    assert canonicalize(value) == written


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": {1: 2}}, "a: the name of a member must be a string, got int 1"),
        ([{None: 2}], "[0]: the name of a member must be a string, got NoneType None"),
        ({True: 2}, "the name of a member must be a string, got bool True"),
        ({"a": b"x"}, "a: expected a JSON value, got bytes"),
        ([1, {2}], "[1]: expected a JSON value, got set"),
        ({"a": [0.5, object]}, "a[1]: expected a JSON value, got type"),
        ({"a": ["\ud800"]}, "a[0]: half a surrogate pair in the text"),
        ({"\udc00": 1}, "\\udc00: half a surrogate pair in the name"),
        ("\ud800", "half a surrogate pair in the text"),
    ],
)
def test_what_is_no_json_is_refused_by_its_place(value, says):
    with pytest.raises(NotCanonical) as raised:
        canonicalize(value)
    assert str(raised.value) == says
    assert isinstance(raised.value, EvidenceError)
    assert isinstance(raised.value, ValueError)


def nested(depth, inside=None):
    value = [] if inside is None else inside
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_written_or_refused_never_a_crash():
    assert canonicalize(nested(200)) == b"[" * 201 + b"]" * 201
    assert canonicalize(nested(200, 0.5)) == b"[" * 200 + b"0.5" + b"]" * 200
    for depth in (5_000, 200_000):
        with pytest.raises(NotCanonical, match="nested too deeply"):
            canonicalize(nested(depth))
    with pytest.raises(NotCanonical):
        canonicalize(nested(900, math.nan))


def test_a_cycle_is_refused():
    cycle = []
    cycle.append({"a": cycle})
    with pytest.raises(NotCanonical, match="nested too deeply"):
        canonicalize(cycle)


def test_a_value_is_left_as_it_was():
    value = {"b": [1.0, {"z": 0.5, "a": 1}], "a": "x"}
    before = repr(value)
    canonicalize(value)
    assert repr(value) == before


def test_a_hash_is_over_the_canonical_bytes():
    assert sha256_of("") == "sha256:12ae32cb1ec02d01eda3581b127c1fee3b0dc53572ed6baf239721a03d82e126"
    assert sha256_of({"b": 1.0, "a": []}) == sha256_of({"a": [], "b": 1})
