from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._framing.delta import apply_delta, common_prefix, common_suffix, find_delta

few = st.binary(max_size=24).map(lambda data: bytes(byte % 3 for byte in data))
words = st.lists(
    st.sampled_from(["a", "é", "è", "日", "本", "😀", "😁", '"', "ĩ", "\u00a9"]), max_size=12
).map("".join)


def middle_of(base, body):
    prefix, suffix = find_delta(base, body)
    return body[prefix : len(body) - suffix]


@given(st.one_of(few, st.binary(max_size=40)), st.one_of(few, st.binary(max_size=40)))
def test_what_is_found_is_applied_back(base, body):
    prefix, suffix = find_delta(base, body)
    assert prefix >= 0
    assert suffix >= 0
    assert prefix + suffix <= min(len(base), len(body))
    assert apply_delta(base, prefix, suffix, body[prefix : len(body) - suffix]) == body


@given(few, few)
def test_the_common_ends_are_as_long_as_they_can_be(left, right):
    prefix = common_prefix(left, right)
    assert left[:prefix] == right[:prefix]
    assert left[prefix : prefix + 1] != right[prefix : prefix + 1] or prefix == min(len(left), len(right))
    room = min(len(left), len(right)) - prefix
    suffix = common_suffix(left, right, room)
    assert left[len(left) - suffix :] == right[len(right) - suffix :]
    assert suffix == room or left[-suffix - 1] != right[-suffix - 1]


@given(words, words, words, words)
def test_no_cut_stands_inside_a_character(head, old, new, tail):
    base, body = (head + old + tail).encode(), (head + new + tail).encode()
    prefix, suffix = find_delta(base, body)
    parts = [body[:prefix], body[prefix : len(body) - suffix], body[len(body) - suffix :]]
    assert "".join(part.decode() for part in parts) == head + new + tail


@pytest.mark.parametrize(
    ("base", "body", "middle"),
    [
        ("a é", "a è", "è"),  # the first byte is shared
        ("é", "ĩ", "ĩ"),  # the last byte is shared
        ("日", "旤", "旤"),
        ("😀", "😁", "😁"),
        ('["é"]', '["éè"]', "è"),
        ('["è"]', '["éè"]', "é"),
        ("", "é", "é"),
        ("é", "", ""),
    ],
)
def test_a_character_that_differs_in_one_byte_is_new_as_a_whole(base, body, middle):
    assert middle_of(base.encode(), body.encode()).decode() == middle


def test_bytes_that_are_no_text_are_cut_where_they_differ():
    base, body = b"\x80" * 30 + b"a" + b"\x80" * 30, b"\x80" * 30 + b"b" + b"\x80" * 30
    assert find_delta(base, body) == (30, 30)
    assert find_delta(b"\x80" * 9 + b"\xbf" * 9, b"\x80" * 9 + b"\x90" + b"\xbf" * 9) == (9, 9)


@pytest.mark.parametrize(("prefix", "suffix"), [(-1, 0), (0, -1), (3, 2), (5, 0), (0, 5)])
def test_a_delta_that_does_not_fit_its_base_is_refused(prefix, suffix):
    with pytest.raises(ValueError, match=f"got prefix {prefix} and suffix {suffix}.*base of 4 bytes"):
        apply_delta(b"abcd", prefix, suffix, b"")


@settings(max_examples=20)
@given(st.integers(0, 5_000), st.binary(min_size=1, max_size=8))
def test_a_history_that_grew_shares_all_of_the_old_one(turns, new):
    base = b'{"messages":[' + b"x" * turns + b"]}"
    body = base[:-2] + b",#" + new + base[-2:]
    assert sum(find_delta(base, body)) >= len(base)


def test_megabytes_are_compared_without_a_loop_over_bytes():
    base = b"x" * 8_000_000
    started = time.process_time()
    find_delta(base, base[:-1] + b"y")
    find_delta(base, b"y" + base)
    assert time.process_time() - started < 0.5  # a loop over bytes takes whole seconds
