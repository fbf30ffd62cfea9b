from __future__ import annotations

import gzip
import zlib

import brotli
import httpx2
import pytest
import zstandard
from httpx2._decoders import SUPPORTED_DECODERS
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._framing.content import undo


def _raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
CASES = [*PACKERS.items(), ("deflate", _raw_deflate)]
IDS = [*PACKERS, "raw deflate"]


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in zip(edges, edges[1:], strict=False)]  # noqa: RUF007 - both ends are wanted


@pytest.mark.parametrize(("name", "pack"), CASES, ids=IDS)
@settings(max_examples=40)
@given(
    data=st.one_of(st.binary(max_size=300), st.text(max_size=40).map(lambda text: text.encode() * 50)),
    places=st.lists(st.integers(0, 999), max_size=6),
)
def test_a_body_is_decoded_however_it_is_cut(name, pack, data, places):
    chunks = cut(pack(data), places)
    plain = undo(chunks, name)
    assert b"".join(plain) == data
    assert len(plain) == len(chunks)


@settings(max_examples=30)
@given(data=st.binary(max_size=300), names=st.lists(st.sampled_from(list(PACKERS)), max_size=3))
def test_encodings_are_undone_in_the_reverse_of_their_order(data, names):
    packed = data
    for name in names:
        packed = PACKERS[name](packed)
    assert b"".join(undo([packed], ", ".join(names))) == data


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@settings(max_examples=30)
@given(data=st.binary(min_size=1, max_size=400), places=st.lists(st.integers(0, 999), max_size=5))
def test_what_is_decoded_is_what_the_client_decodes(name, data, places):
    chunks = cut(PACKERS[name](data), places)
    response = httpx2.Response(200, headers={"content-encoding": name}, content=iter(chunks))
    undone = undo(chunks, name, SUPPORTED_DECODERS)
    assert b"".join(chunks if undone is None else undone) == response.read()


@pytest.mark.parametrize(("name", "wbits"), [("gzip", 31), ("x-gzip", 31), ("deflate", 15), ("deflate", -15)])
def test_each_piece_comes_with_the_chunk_that_completed_it(name, wbits):
    packer = zlib.compressobj(wbits=wbits)
    parts = [b"data: 1\n\n", b"data: 2\n\n"]
    assert undo([packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts], name) == parts


def test_zstd_frames_that_follow_each_other_are_one_body():
    pack = zstandard.ZstdCompressor().compress
    assert b"".join(undo([pack(b"one ") + pack(b"two"), pack(b" three")], "zstd")) == b"one two three"


@pytest.mark.parametrize("name", ["compress", "dcb", "aes128gcm", "gzip, compress"])
def test_an_encoding_that_is_not_known_is_left_alone(name):
    assert undo([b"as it is"], name) is None


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
def test_bytes_that_do_not_decode_are_left_alone(name):
    assert undo([b"\x07this is not compressed at all"], name) is None


def test_a_client_that_does_not_undo_an_encoding_gets_it_recorded_so():
    packed = brotli.compress(b"text")
    assert undo([packed], "br", {"gzip"}) is None
    assert undo([packed], "br", {"gzip", "br"}) == [b"text"]


@pytest.mark.parametrize("name", ["identity", "", "  ", ",", "IDENTITY"])
def test_no_encoding_changes_nothing(name):
    assert undo([b"a", b"b"], name) == [b"a", b"b"]


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
def test_a_body_without_a_byte_stays_so(name):
    assert undo([], name) == []
    assert undo([b""], name) == [b""]


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_was_cut_short_gives_what_had_arrived(name):
    data = bytes(range(256)) * 40
    packed = PACKERS[name](data)
    plain = undo([packed[: len(packed) // 2]], name)
    assert data.startswith(b"".join(plain))
