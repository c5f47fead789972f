"""Says whether a chain is as it was signed, and where it first is not. Touches neither database nor log.

Every link is looked at, never only the ends. The text of each entry is hashed anew, every column and every kept hash
is made anew and compared, and the root is compared wherever a checkpoint was signed. A chain that was computed anew
from some entry on is sound in itself: its root betrays it, and the first entry in question is the first one that the
last good checkpoint does not cover.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from records.audit.keys import PublicKeys, is_signed
from records.audit.links import BEGINNING, columns_of, hash_of, previous_of
from records.audit.model import checkpoint_of, id_of
from records.audit.tree import Frontier
from takt_contracts.records.checkpoints import Checkpoint

Row = Any
"""A row of the chain: columns by name, as the driver or a test has them."""


@dataclass(frozen=True)
class Finding:
    """The first thing wrong with a stream. `entry` is the first bad entry, where it is about entries."""

    stream: str
    what: str
    entry: int | None = None
    checkpoint: int | None = None

    def __str__(self) -> str:
        place = f"entry {self.entry}" if self.entry is not None else f"checkpoint {self.checkpoint}"
        return f"{self.stream}, {place}: {self.what}"


def about_checkpoints(
    stream: str, rows: Sequence[Row], published: Iterable[Checkpoint], keys: PublicKeys
) -> tuple[list[Checkpoint], Finding | None]:
    """The checkpoints of a stream by number, and the first thing wrong with them."""
    kept: list[Checkpoint] = []
    for number, row in enumerate(rows, 1):
        try:
            one = checkpoint_of(row)
        except ValidationError:
            return kept, Finding(stream, "is no checkpoint", checkpoint=number)
        if row["id"] != id_of(one):
            return kept, Finding(stream, "id was changed", checkpoint=number)
        kept.append(one)
    return kept, first_bad_checkpoint(stream, kept, keys) or first_difference(stream, kept, published)


def first_bad_checkpoint(stream: str, told: Sequence[Checkpoint], keys: PublicKeys) -> Finding | None:
    """Checkpoints by number: signed by us, one after the other, each naming the one before, over more and more."""
    before: Checkpoint | None = None
    for number, one in enumerate(told, 1):
        if (one.stream, one.number) != (stream, number):
            return Finding(stream, "missing", checkpoint=number)
        if what := _wrong(one, before, keys):
            return Finding(stream, what, checkpoint=number)
        before = one
    return None


def _wrong(one: Checkpoint, before: Checkpoint | None, keys: PublicKeys) -> str | None:
    if not is_signed(one, keys):
        return "not signed by a key that we know"
    if one.previous != (BEGINNING if before is None else before.digest):
        return "does not follow the checkpoint before"
    return None if before is None or one.size > before.size else "covers no more than the checkpoint before"


def first_difference(stream: str, kept: Sequence[Checkpoint], published: Iterable[Checkpoint]) -> Finding | None:
    """What was published must be what is kept; what is kept and not published yet is a minute old at most."""
    by_number = {one.number: one for one in kept}
    for one in sorted(published, key=lambda told: told.number):
        if one.number not in by_number:
            return Finding(stream, "was published and is not kept", checkpoint=one.number)
        if by_number[one.number] != one:
            return Finding(stream, "is not what was published", checkpoint=one.number)
    return None


class Judge:
    """Walks one stream from its first entry. Ask `judge` for each row in order, then `end`."""

    def __init__(self, stream: str, checkpoints: Sequence[Checkpoint]) -> None:
        self._stream = stream
        self._roots = {one.size: one.root for one in checkpoints}
        self._newest = max(self._roots, default=0)
        self._good = 0
        self._previous = BEGINNING
        self._frontier = Frontier()

    @property
    def entries(self) -> int:
        return self._frontier.size

    def judge(self, row: Row) -> Finding | None:
        """What is wrong with the next entry."""
        number = self._frontier.size + 1
        what = self._link(row, number)
        if what is not None:
            return Finding(self._stream, what, entry=number)
        return self._root()

    def _link(self, row: Row, number: int) -> str | None:
        if row["seq"] != number:
            return "missing"
        leaf = hash_of(row["link"])
        try:
            hashes = self._frontier.add(leaf)
            made, previous = columns_of(row["link"], hashes), previous_of(row["link"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return "is no entry"
        if (made["stream"], made["seq"], previous) != (self._stream, number, self._previous):
            return "does not follow the entry before"
        self._previous = leaf
        wrong = [name for name, value in made.items() if row[name] != value]
        return f"{', '.join(wrong)} was changed" if wrong else None

    def _root(self) -> Finding | None:
        size = self._frontier.size
        root = self._roots.get(size)
        if root is not None and root != self._frontier.root:
            what = f"it or another up to {size} is not what was signed"
            return Finding(self._stream, what, entry=self._good + 1)
        self._good = size if root is not None else self._good
        return None

    def end(self) -> Finding | None:
        """After the last row: nothing that was signed may be missing."""
        if self._frontier.size >= self._newest:
            return None
        return Finding(self._stream, f"missing, signed are {self._newest}", entry=self._frontier.size + 1)
