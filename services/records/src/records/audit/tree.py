"""Merkle trees as Certificate Transparency has them (RFC 6962, RFC 9162). Pure.

Leaves and nodes are hashed with different first bytes, so that neither can be passed off as the other. Every full
subtree is kept with the leaf that completes it; roots and proofs of any size are made of a few of those.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

_LEAF, _NODE = b"\x00", b"\x01"
EMPTY: Final = hashlib.sha256(b"").hexdigest()
Place = tuple[int, int]
"""A full subtree: its level (0 is a leaf) and its index among those of its level."""


def leaf_hash(text: str) -> str:
    return hashlib.sha256(_LEAF + text.encode()).hexdigest()


def node_hash(left: str, right: str) -> str:
    return hashlib.sha256(_NODE + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def subtrees(start: int, end: int) -> list[Place]:
    """The full subtrees that leaves [start, end) are made of, from left to right; `start` is where RFC 9162 divides."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def joined(hashes: Iterable[str]) -> str:
    """One hash of the subtrees of a range, from left to right."""
    root = ""
    for one in reversed(list(hashes)):
        root = node_hash(one, root) if root else one
    return root or EMPTY


def completed_by(place: Place) -> int:
    """Number (from 1) of the leaf with which the hash of this subtree is kept."""
    level, index = place
    return (index + 1) << level


def siblings(leaf: int, size: int) -> list[list[Place]]:
    """The proof that leaf `leaf` (from 0) is in the tree of `size`: what stands beside its way up, lowest first."""
    start, end, found = 0, size, []
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if leaf < middle:
            found.append(subtrees(middle, end))
            end = middle
        else:
            found.append(subtrees(start, middle))
            start = middle
    return found[::-1]


def proof(leaf: int, size: int, kept: Mapping[Place, str]) -> list[str]:
    """The hashes of `siblings`."""
    return [joined(kept[place] for place in beside) for beside in siblings(leaf, size)]


class Frontier:
    """The right edge of a growing tree: enough to add leaves and to know the root."""

    def __init__(self, size: int = 0, peaks: Iterable[str] = ()) -> None:
        """`peaks` are the hashes of `subtrees(0, size)`."""
        self.size = size
        self._peaks = list(peaks)

    def add(self, leaf: str) -> list[str]:
        """Take one more leaf hash; answers it and the hashes of the subtrees that it completes, lowest first."""
        made, left = [leaf], self.size
        while left & 1:
            made.append(node_hash(self._peaks.pop(), made[-1]))
            left >>= 1
        self._peaks.append(made[-1])
        self.size += 1
        return made

    @property
    def root(self) -> str:
        return joined(self._peaks)
