"""Merkle trees: every leaf of every tree proves, nothing else does."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantape.attest import merkle

TREES = json.loads((Path(__file__).parent.parent / "vectors" / "attestation" / "trees.json").read_text())
hashes = st.binary(min_size=32, max_size=32)
trees = st.integers(1, 200).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


def leaves_of(size):
    return [merkle.leaf_hash(b"leaf %d" % index) for index in range(size)]


def by_the_book(leaves):
    """The definition of RFC 6962, section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_the_book(leaves[:k]) + by_the_book(leaves[k:])).digest()


def path_by_the_book(leaves, index):
    """The audit path of RFC 6962, section 2.1.1, as it stands there."""
    if len(leaves) <= 1:
        return ()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return (*path_by_the_book(leaves[:k], index), by_the_book(leaves[k:]))
    return (*path_by_the_book(leaves[k:], index - k), by_the_book(leaves[:k]))


def test_a_leaf_is_hashed_behind_a_zero_byte():
    assert merkle.leaf_hash(b"data") == hashlib.sha256(b"\x00data").digest()


@pytest.mark.parametrize("size", [*range(70), 127, 128, 129, 1000])
def test_trees_are_those_of_the_rfc(size):
    leaves = leaves_of(size)
    assert merkle.root(leaves) == by_the_book(leaves)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: f"{tree['size']} leaves")
def test_the_trees_of_the_vectors_are_found_again(tree):
    leaves = leaves_of(tree["size"])
    assert merkle.root(leaves).hex() == tree["root"]
    paths = [[each.hex() for each in merkle.audit_path(leaves, index)] for index in range(tree["size"])]
    assert paths == tree["paths"]


@pytest.mark.parametrize("size", range(1, 70))
def test_every_leaf_of_every_size_proves(size):
    leaves = leaves_of(size)
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.audit_path(leaves, index)
        assert path == path_by_the_book(leaves, index)
        assert len(path) == merkle.path_length(index, size)
        assert merkle.root_of_path(leaf, index, size, path) == root


@given(trees, st.data())
def test_another_leaf_does_not_prove(tree, data):
    size, index = tree
    leaves = leaves_of(size)
    other = data.draw(hashes.filter(lambda one: one != leaves[index]))
    path = merkle.audit_path(leaves, index)
    assert merkle.root_of_path(other, index, size, path) != merkle.root(leaves)


@given(trees, st.data())
def test_a_path_with_any_change_does_not_prove(tree, data):
    size, index = tree
    leaves = leaves_of(size)
    path = list(merkle.audit_path(leaves, index))
    if not path:
        return
    at = data.draw(st.integers(0, len(path) - 1))
    path[at] = data.draw(hashes.filter(lambda one: one != path[at]))
    assert merkle.root_of_path(leaves[index], index, size, path) != merkle.root(leaves)


@given(trees, st.integers(0, 210))
def test_a_leaf_does_not_prove_at_another_index(tree, claimed):
    size, index = tree
    if claimed == index:
        return
    leaves = leaves_of(size)
    path = merkle.audit_path(leaves, index)
    try:
        found = merkle.root_of_path(leaves[index], claimed, size, path)
    except ValueError:
        return
    assert found != merkle.root(leaves)


@given(trees, st.lists(hashes, max_size=10))
def test_a_path_of_another_length_is_refused(tree, path):
    size, index = tree
    expected = merkle.path_length(index, size)
    if len(path) == expected:
        return
    with pytest.raises(ValueError, match=f"a path of {len(path)} hashes, expected {expected}"):
        merkle.root_of_path(leaves_of(1)[0], index, size, path)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (5, 5), (-1, 5)])
def test_an_index_that_the_tree_does_not_have_is_refused(index, size):
    with pytest.raises(ValueError, match=f"leaf {index} of a tree of {size}"):
        merkle.root_of_path(b"\x00" * 32, index, size, ())
    with pytest.raises(IndexError):
        merkle.audit_path(leaves_of(size), index)


def test_a_node_cannot_pose_as_a_leaf():
    """The second preimage that a tree without prefixes has: two hashes side by side as the data of one leaf."""
    leaves = leaves_of(4)
    inner = leaves[0] + leaves[1]
    shorter = merkle.audit_path(leaves, 0)[1:]
    assert merkle.root([hashlib.sha256(b"\x01" + inner).digest(), *shorter]) == merkle.root(leaves)
    assert merkle.root_of_path(merkle.leaf_hash(inner), 0, 2, shorter) != merkle.root(leaves)


def test_a_leaf_cannot_pose_as_a_node():
    """A leaf whose data looks like a node's leads to another root than that node."""
    left, right = leaves_of(2)
    assert merkle.leaf_hash(b"\x01" + left + right) != merkle.root([left, right])


@given(st.integers(0, 64), st.integers(0, 64))
def test_trees_of_different_sizes_have_different_roots(one, other):
    if one != other:
        assert merkle.root(leaves_of(one)) != merkle.root(leaves_of(other))


def test_one_pair_of_leaves_that_are_the_same_is_not_one_leaf():
    """The flaw of trees that repeat an odd last leaf: with it, these two had one root."""
    leaves = leaves_of(3)
    assert merkle.root(leaves) != merkle.root([*leaves, leaves[-1]])
