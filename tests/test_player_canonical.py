from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.player.canonical import canonical_body, canonical_number, canonical_value, renumbered
from spantape.player.rules import TIMESTAMP, UUID, MatchRules

JSON = (("content-type", "application/json; charset=utf-8"),)
FORM = (("content-type", "application/x-www-form-urlencoded"),)


def canonical(body, headers=JSON, **rules):
    return canonical_body(body if isinstance(body, bytes) else body.encode(), headers, MatchRules(**rules))


def multipart(boundary: str, *contents: bytes, kept: bool = True):
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="%s"\r\n\r\n'
    parts = b"".join((head % f"f{n}").encode() + c + b"\r\n" for n, c in enumerate(contents))
    kind = f'multipart/form-data; boundary="{boundary}"' if kept else "multipart/form-data"
    return parts + f"--{boundary}--\r\n".encode(), (("content-type", kind),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":2}', '{"b":2,"a":1}'),
        ('{"a":[1,2]}', '{ "a" : [ 1, 2 ] }\n'),
        ('{"a":"é\\u0041/"}', '{"a":"\\u00e9A\\/"}'),
        ('{"a":"😀"}', '{"a":"\\ud83d\\ude00"}'),
        ('{"a":1}', '{"a":1.0}'),
        ('{"a":100}', '{"a":1e2}'),
        ('{"a":0.5}', '{"a":5E-1}'),
        ('{"a":0}', '{"a":-0.0}'),
        ('{"a":9007199254740993}', '{"a":9007199254740993.0}'),
    ],
)
def test_spelling_is_no_difference(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":[1,2]}', '{"a":[2,1]}'),
        ('{"a":1}', '{"a":true}'),
        ('{"a":1}', '{"a":"1"}'),
        ('{"a":null}', "{}"),
        ('{"a":9007199254740993}', '{"a":9007199254740992}'),
        ('{"a":18446744073709551616}', '{"a":18446744073709551617}'),
        ('{"a":0.1}', '{"a":0.10000000000000000001}'),
        ('{"a":1e400}', '{"a":1e401}'),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"a":1,"a":2}', '{"a":2,"a":1}'),
        ('{"a":NaN}', '{"a":null}'),
        ('{"a":NaN}', '{"a":Infinity}'),
        ('{"a":"\\ud800"}', '{"a":"\\ud801"}'),
        ('{"a":1', '{"a":1}'),
        ("", "null"),
        ("\ufeff{}", "{}"),
        ("1" * 5000, "1" * 4999 + "2"),
        ("[" * 60_000 + "1" + "]" * 60_000, "[" * 60_000 + "2" + "]" * 60_000),
        ('{"a":1e999999999999999999999}', '{"a":1e999999999999999999998}'),
    ],
)
def test_distinct_bodies_stay_distinct(one, other):
    assert canonical(one) != canonical(other)


@given(
    st.binary(max_size=60),
    st.binary(max_size=60),
    st.sampled_from([JSON, FORM, (), (("content-type", "x/y"),)]),
)
@settings(max_examples=150)
def test_nothing_crashes_and_unreadable_bytes_collapse_only_with_themselves(a, b, headers):
    one, other = canonical(a, headers), canonical(b, headers)
    if one.startswith(b"bytes\0"):
        assert (one == other) == (a == b)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
@settings(max_examples=150)
def test_numbers_are_one_spelling_exactly_where_they_are_one_value(a, b):
    def spelled(number: Decimal) -> str:
        return canonical(f"{number:e}" if "E" in str(number) else str(number)).decode()

    assert (spelled(a) == spelled(b)) == (a == b)
    assert Decimal(spelled(a).removeprefix("json\0")) == a


def test_a_huge_exponent_costs_nothing():
    assert len(bytes(canonical_number("1e" + "9" * 300))) < 400


@pytest.mark.parametrize("kept", [True, False])
def test_a_multipart_boundary_is_no_difference_but_a_part_is(kept):
    one, other = multipart("aaa", b"x", b"y", kept=kept), multipart("bbbb", b"x", b"y", kept=kept)
    assert canonical(*one) == canonical(*other)
    assert canonical(*one) != canonical(*multipart("aaa", b"x", b"z", kept=kept))
    assert canonical(*one) != canonical(*multipart("aaa", b"y", b"x", kept=kept))


def test_a_multipart_body_is_recognised_where_its_content_type_was_not_kept():
    assert canonical(multipart("aaa", b"x")[0], ()) == canonical(multipart("bbb", b"x")[0], ())


def test_a_part_that_holds_another_boundary_is_not_mistaken():
    one, other = multipart("aaa", b"--bbb"), multipart("bbb", b"--aaa")
    assert canonical(*one) != canonical(*other)


def test_a_part_can_be_ignored_by_name():
    one, other = multipart("aaa", b"x", b"now"), multipart("aaa", b"x", b"then")
    assert canonical(*one, ignore=("body.f1",)) == canonical(*other, ignore=("body.f1",))


def test_form_fields_are_a_multiset():
    assert canonical("a=1&b=2&a=3", FORM) == canonical("b=2&a=3&a=1", FORM)
    assert canonical("a=1&b=2", FORM) != canonical("a=1&b=2&b=2", FORM)
    assert canonical("a=%ff", FORM) != canonical("a=%fe", FORM)
    assert canonical("a=1&t=2", FORM, ignore=("body.t",)) == canonical("t=3&a=1", FORM, ignore=("body.t",))


def test_ignored_fields_and_volatile_texts_are_left_out():
    one = '{"m":[{"id":"x","t":"run 123e4567-e89b-12d3-a456-426614174000 of 2026-01-01"}]}'
    other = '{"m":[{"id":"y","t":"run 00000000-e89b-12d3-a456-426614174000 of 2026-12-31"}]}'
    rules = {"ignore": ("body.m[*].id",), "volatile": (UUID, TIMESTAMP)}
    assert canonical(one, **rules) == canonical(other, **rules)
    assert canonical(one, ignore=rules["ignore"]) != canonical(other, ignore=rules["ignore"])


def test_the_hook_sees_the_body_before_anything_else():
    assert canonical("{} trailing", normalize=lambda body: body[:2]) == canonical("{}")


def test_a_body_that_is_ignored_is_always_the_same():
    assert canonical("{}", ignore=("body",)) == canonical(b"\xff", ignore=("body",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"__email_7__ to __email_3__ cc __email_7__", b"__email_1__ to __email_2__ cc __email_1__"),
        (b"__api_key_4__ __email_4__", b"__api_key_1__ __email_1__"),
        (b"__email_2____email_9__", b"__email_1____email_2__"),
        (b"__init__ __version_info__", b"__init__ __version_info__"),
    ],
)
def test_placeholders_are_renumbered_by_first_appearance(text, expected):
    assert renumbered(text) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(), st.lists, max_leaves=8
    )
)
@settings(max_examples=60)
def test_arguments_are_one_form_however_their_json_is_spelled(value):
    try:
        again = json.loads(json.dumps(value, indent=2))
    except ValueError:
        again = value
    assert canonical_value(value) == canonical_value(again)


def test_arguments_that_are_no_json_are_still_told_apart():
    assert canonical_value({"x": {1, 2}}) != canonical_value({"x": {1, 3}})
    assert canonical_value(float("nan")) != canonical_value(None)
    assert canonical_value({"x": 1.0}) == canonical_value({"x": 1})
