"""The tree against the definitions of RFC 9162, written out again here in their recursive form."""

import hashlib

import pytest

from records.audit.tree import EMPTY, Frontier, completed_by, joined, leaf_hash, proof, siblings, subtrees

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100]


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return sha(b"\x00" + leaves[0]) if leaves else sha(b"")
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def grown(size: int) -> tuple[Frontier, dict[int, list[str]]]:
    tree, kept = Frontier(), {}
    for number in range(size):
        kept[number + 1] = tree.add(leaf_hash(f"entry {number}"))
    return tree, kept


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_proofs_are_those_of_the_standard(size: int) -> None:
    leaves = [f"entry {number}".encode() for number in range(size)]
    tree, kept = grown(size)

    assert tree.root == root(leaves).hex()
    assert joined(kept[completed_by(place)][place[0]] for place in subtrees(0, size)) == tree.root
    for leaf in range(size):
        beside = {place for places in siblings(leaf, size) for place in places}
        nodes = {place: kept[completed_by(place)][place[0]] for place in beside}
        assert proof(leaf, size, nodes) == [one.hex() for one in path(leaf, leaves)]


@pytest.mark.parametrize("size", SIZES)
def test_a_tree_goes_on_from_its_right_edge(size: int) -> None:
    tree, kept = grown(size)
    again = Frontier(size, [kept[completed_by(place)][place[0]] for place in subtrees(0, size)])

    for number in range(size, size + 9):
        assert again.add(leaf_hash(f"entry {number}")) == tree.add(leaf_hash(f"entry {number}"))
        assert again.root == tree.root


def test_a_node_is_no_leaf_and_nothing_has_a_root_too() -> None:
    left, right = leaf_hash("a"), leaf_hash("b")

    assert leaf_hash((bytes.fromhex(left) + bytes.fromhex(right)).decode("latin-1")) != joined([left, right])
    assert Frontier().root == EMPTY == sha(b"").hex()
