"""JSON text is read where it means one thing, and refused with the place where it does not."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape.errors import EvidenceError, NotCanonical
from spantape.rerun.canonical import canonicalize
from spantape.rerun.reading import read_file, read_json

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "rerun" / "canonical.json").read_text())


@pytest.mark.parametrize("vector", [v for v in VECTORS if "canonical" in v], ids=lambda v: ascii(v["text"]))
def test_a_text_has_its_canonical_form(vector):
    for text in (vector["text"], vector["text"].encode()):
        assert canonicalize(read_json(text)) == vector["canonical"].encode()


@pytest.mark.parametrize("vector", [v for v in VECTORS if "refused" in v], ids=lambda v: ascii(v["text"]))
def test_a_text_without_one_is_refused_with_its_place(vector):
    for text in (vector["text"], vector["text"].encode()):
        with pytest.raises(NotCanonical) as raised:
            read_json(text, what="bundle", path="a.rr")
        assert (raised.value.field or "") == vector["refused"]
        assert str(raised.value).startswith("bundle 'a.rr'")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff{}", "not UTF-8: invalid start byte at byte 0"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a":1}\0', "line 1 column 8: not JSON: Extra data"),
        (b'"a\0b"', "line 1 column 3: not JSON: Invalid control character"),
        ('"\ud800"', "half a surrogate pair"),
        ("[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nested too deeply"),
        (b"9" * 5_000, "beyond the largest double"),
        (b"-" + b"9" * 309, "beyond the largest double"),
        (b"1e999999999999999999999", "beyond the largest double"),
        (b"1e-999999999999999999999", "smaller than the smallest double"),
        (b'{"a":NaN,', "line 1 column 10: not JSON"),
        (b'{"a":1,"a":2', "line 1 column 13: not JSON"),
    ],
)
def test_hostile_text_is_refused_in_words(data, says):
    with pytest.raises(NotCanonical) as raised:
        read_json(data)
    assert says in str(raised.value)
    assert len(str(raised.value)) < 500


def test_200_levels_are_read():
    text = b"[" * 200 + b"]" * 200
    assert canonicalize(read_json(text)) == text
    assert canonicalize(read_json(b" " + text)) == text


def test_a_long_name_does_not_make_a_long_message():
    text = b'{"%s":1,"%s":2}' % (b"a" * 100_000, b"a" * 100_000)
    with pytest.raises(NotCanonical, match="stands twice") as raised:
        read_json(text)
    assert len(str(raised.value)) < 500


def test_a_name_cannot_forge_a_message():
    with pytest.raises(NotCanonical) as raised:
        read_json('{"a\\n\\u001b[2Kok":NaN}')
    assert str(raised.value).isprintable()


def test_zeros_of_any_spelling_are_zero():
    assert read_json(b"[0, -0, 0.0, 0e5, 0e-400, -0.0E+9, 0e-99999999999999999999]") == [0] * 7


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=40) | st.text(st.sampled_from('{}[]",:0123456789.eE+-truefalsn\\ud8 '), max_size=30)
)
def test_any_bytes_are_a_value_or_a_refusal(data):
    try:
        value = read_json(data)
    except NotCanonical:
        return
    written = canonicalize(value)
    assert canonicalize(read_json(written)) == written


def test_a_large_file_is_read_in_memory_in_proportion():
    text = json.dumps({"messages": ["x" * 1000] * 10_000}, indent=1).encode()
    tracemalloc.start()
    read_json(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(text)


def test_a_file_is_named_in_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "step.json"
    path.write_text('{"a": [1, NaN]}')
    with pytest.raises(NotCanonical) as raised:
        read_file(path, what="step")
    assert str(raised.value) == f"step {str(path)!r}, a[1]: NaN is not JSON"
    for missing, says in ((tmp_path / "no.json", "No such file or directory"), (f"{path}\0", "null")):
        with pytest.raises(EvidenceError, match=f"cannot be read: .*{says}"):
            read_file(missing, what="step")
