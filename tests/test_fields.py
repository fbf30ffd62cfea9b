from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._fields import MISSING, FieldDifference, align, common_prefix, join, json_differences

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=5) | st.dictionaries(st.text(max_size=4), v, max_size=4),
    max_leaves=20,
)


def paths(recorded, got):
    return [difference.path for difference in json_differences(recorded, got)]


@given(values)
@settings(max_examples=60)
def test_equal_values_have_no_differences(value):
    assert json_differences(value, copy.deepcopy(value)) == []


def same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and a == b


@given(values, values)
@settings(max_examples=150)
def test_values_differ_exactly_where_differences_are_found(a, b):
    assert bool(json_differences(a, b)) == (not same(a, b))


@given(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=30, unique=True), st.data())
@settings(max_examples=60)
def test_one_inserted_item_is_one_difference(items, data):
    place = data.draw(st.integers(0, len(items)))
    longer = [*items[:place], {"role": "new"}, *items[place:]]
    assert json_differences(items, longer) == [FieldDifference(f"[{place}]", MISSING, {"role": "new"})]
    assert json_differences(longer, items) == [FieldDifference(f"[{place}]", {"role": "new"}, MISSING)]


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
@settings(max_examples=100)
def test_an_alignment_holds_every_item_of_both_sides_once_and_in_order(a, b):
    pairs = align(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))


def test_a_changed_message_among_many_is_named_by_its_place():
    recorded = [{"role": "user", "content": f"turn {n}"} for n in range(1000)]
    got = copy.deepcopy(recorded)
    got[700]["content"] = "turn x"
    assert [str(d) for d in json_differences({"messages": recorded}, {"messages": got})] == [
        'messages[700].content: recorded "turn 700" got "turn x"'
    ]


def test_an_insertion_and_a_change_far_behind_it_are_two_differences():
    recorded = [{"role": "user", "content": f"turn {n}"} for n in range(1000)]
    got = [{"role": "system", "content": "new"}, *copy.deepcopy(recorded)]
    got[901]["content"] = "turn x"
    assert paths(recorded, got) == ["[0]", "[900].content"]


def test_added_and_removed_tools_are_named():
    tools = [{"type": "function", "function": {"name": name}} for name in ("find", "read", "send")]
    found = json_differences({"tools": tools[:2]}, {"tools": tools[1:]})
    assert [str(d) for d in found] == [
        'tools[0] "find": recorded {"type":"function","function":{"name":"find"}} got nothing',
        'tools[1] "send": not recorded, got {"type":"function","function":{"name":"send"}}',
    ]


def test_another_tool_in_the_same_place_is_one_removed_and_one_added():
    found = json_differences([{"name": "a", "description": "x"}], [{"name": "b", "description": "x"}])
    assert [(d.recorded is MISSING, d.got is MISSING) for d in found] == [(False, True), (True, False)]


def test_numbers_compare_by_value_and_exactly():
    assert json_differences(1, 1.0) == []
    assert json_differences(Decimal("0.70"), Decimal("0.7")) == []
    assert paths(2**53, 2**53 + 1) == [""]
    assert paths({"a": 1}, {"a": True}) == ["a"]
    assert json_differences(float("nan"), float("nan")) == []


@pytest.mark.parametrize(
    ("recorded", "got"),
    [
        ([0, 0], [0.0, 0]),
        ([2**70, 1], [2.0**70, 1]),
        ([-0.0, 0], [0, 0]),
        ([{"a": 1}, 5], [{"a": Decimal("1.0")}, 5]),
    ],
)
def test_numbers_of_one_value_are_aligned_however_they_are_spelled(recorded, got):
    assert json_differences(recorded, got) == []


def test_a_long_text_is_shown_around_its_first_difference():
    text = "lorem ipsum " * 50
    shown = str(json_differences({"t": text + "red" + text}, {"t": text + "blue" + text})[0])
    assert "red" in shown
    assert "blue" in shown
    assert len(shown) < 250


def test_the_number_of_differences_can_be_limited():
    assert len(json_differences(list(range(50)), list(range(100, 150)), limit=7)) == 7


def test_values_nested_too_deeply_come_back_as_one_difference():
    deep, other = [], [1]
    for _ in range(50_000):
        deep, other = [deep], [other]
    assert len(json_differences(deep, other)) == 1


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [("", "a", "a"), ("a", "b", "a.b"), ("a", 3, "a[3]"), ("a", "b.c", 'a["b.c"]'), ("", "", '[""]')],
)
def test_paths_are_written_as_in_ignore_rules(path, key, expected):
    assert join(path, key) == expected


@given(st.binary(max_size=40), st.binary(max_size=40))
@settings(max_examples=60)
def test_the_common_prefix_is_the_longest(a, b):
    n = common_prefix(a, b)
    assert a[:n] == b[:n]
    assert n == min(len(a), len(b)) or a[n] != b[n]
