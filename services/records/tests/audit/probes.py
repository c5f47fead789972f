"""Ways to tamper with a chain, for somebody who writes the tables and does not hold the key."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import orjson

from records.audit.links import BEGINNING, Arrival, columns_of, hash_of, text_of
from records.audit.model import stored
from records.audit.tree import Frontier
from takt_contracts.records.checkpoints import Checkpoint

Row = dict[str, Any]
Chain = list[Row]


class Copy:
    """Entries and checkpoints of two streams, to be tampered with."""

    def __init__(self, entries: Mapping[str, Chain], checkpoints: Mapping[str, list[Row]]) -> None:
        self.entries = {stream: [dict(row) for row in rows] for stream, rows in entries.items()}
        self.checkpoints = {stream: [dict(row) for row in rows] for stream, rows in checkpoints.items()}


Tampering = Callable[[Copy, int], None]
STREAM, OTHER = "operations", "gateway"


def other_value(value: Any) -> Any:
    """Something else of the same kind."""
    if value is None:
        return "somebody"
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1] != "0" else "1") if value else "x"
    if isinstance(value, int):
        return value + 1
    return value + timedelta(microseconds=1) if hasattr(value, "microsecond") else uuid4()


def flipped(name: str) -> Tampering:
    def tamper(copy: Copy, at: int) -> None:
        row = copy.entries[STREAM][at]
        row[name] = other_value(row[name])

    return tamper


def flipped_inside(*path: str) -> Tampering:
    """A member of the link's text, with nothing else made anew."""

    def tamper(copy: Copy, at: int) -> None:
        row = copy.entries[STREAM][at]
        link = orjson.loads(row["link"])
        inner = link
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = other_value(inner[path[-1]])
        row["link"] = orjson.dumps(link, option=orjson.OPT_SORT_KEYS).decode()

    return tamper


def deleted(copy: Copy, at: int) -> None:
    del copy.entries[STREAM][at]


def deleted_range(copy: Copy, at: int) -> None:
    del copy.entries[STREAM][max(0, at - 2) : at + 1]


def deleted_and_renumbered(copy: Copy, at: int) -> None:
    chain = copy.entries[STREAM]
    del chain[at]
    computed_anew(copy, 0)


def swapped(copy: Copy, at: int) -> None:
    chain, other = copy.entries[STREAM], at - 1 if at else at + 1
    for name in ("id", "link", "hashes", "at", "created_at", "subject", "version", "request_id"):
        chain[at][name], chain[other][name] = chain[other][name], chain[at][name]


def swapped_and_computed_anew(copy: Copy, at: int) -> None:
    swapped(copy, at)
    computed_anew(copy, 0)


def inserted(copy: Copy, at: int) -> None:
    """One with a hash of its own; those behind it move up and keep theirs."""
    chain = copy.entries[STREAM]
    said = orjson.loads(chain[at]["link"])
    new = Arrival(id=str(uuid4()), source=said["event"]["source"], type=said["event"]["type"], entry=said["entry"])
    text = text_of(new, STREAM, at + 1, said["previous"], chain[at]["created_at"])
    for row in chain[at:]:
        row["seq"] += 1
    chain.insert(at, columns_of(text, Frontier().add(hash_of(text))))


def inserted_and_computed_anew(copy: Copy, at: int) -> None:
    inserted(copy, at)
    computed_anew(copy, 0)


def computed_anew(copy: Copy, start: int, change: Callable[[Any], None] = lambda _: None) -> None:
    """Everything from an entry on, as a program would that knows how chains are made."""
    tree, previous, made = Frontier(), BEGINNING, []
    for place, row in enumerate(copy.entries[STREAM]):
        link = orjson.loads(row["link"])
        if place == start:
            change(link["entry"])
        about = {name: link["event"][name] for name in ("id", "source", "type")}
        text = row["link"]
        if place >= start:
            text = text_of(Arrival(**about, entry=link["entry"]), STREAM, place + 1, previous, row["created_at"])
        previous = hash_of(text)
        made.append(columns_of(text, tree.add(previous)))
    copy.entries[STREAM] = made


def changed_and_computed_anew(copy: Copy, at: int) -> None:
    computed_anew(copy, at, lambda entry: entry.update(subject="WO-FALSE/0010"))


def changed_with_its_own_hash(copy: Copy, at: int) -> None:
    row = copy.entries[STREAM][at]
    link = orjson.loads(row["link"])
    said = {name: link["event"][name] for name in ("id", "source", "type")}
    entry = {**link["entry"], "subject": "WO-FALSE/0010"}
    text = text_of(Arrival(**said, entry=entry), STREAM, at + 1, link["previous"], row["created_at"])
    copy.entries[STREAM][at] = columns_of(text, [hash_of(text), *row["hashes"].split(" ")[1:]])


def cut_off(copy: Copy, at: int) -> None:
    del copy.entries[STREAM][at:]


def doubled(copy: Copy, at: int) -> None:
    chain = copy.entries[STREAM]
    chain.insert(at + 1, {**chain[at], "id": uuid4()})
    for row in chain[at + 1 :]:
        row["seq"] += 1


def moved(copy: Copy, at: int) -> None:
    """To the end of the other stream, named and numbered as if it were of it."""
    row, there = copy.entries[STREAM].pop(at), copy.entries[OTHER]
    there.append({**row, "stream": OTHER, "seq": len(there) + 1})


def later(copy: Copy, at: int) -> None:
    row = copy.entries[STREAM][at]
    row["created_at"] += timedelta(hours=1)
    row["at"] += timedelta(hours=1)


COLUMNS: Final = (
    "id", "created_at", "stream", "seq", "link", "hashes", "at", "actor", "action", "outcome", "resource", "subject",
    "version", "request_id",
)  # fmt: skip
_INSIDE: Final = (
    ("stream",), ("seq",), ("previous",), ("chained_at",), ("event", "id"), ("event", "source"), ("event", "type"),
    ("entry", "id"), ("entry", "at"), ("entry", "action"), ("entry", "outcome"), ("entry", "subject"),
    ("entry", "version"), ("entry", "actor", "id"), ("entry", "actor", "kind"), ("entry", "changes", "qty_good"),
)  # fmt: skip
WAYS: Final[Mapping[str, Tampering]] = {
    **{f"flip {name}": flipped(name) for name in COLUMNS},
    **{f"flip {'.'.join(path)} in the link": flipped_inside(*path) for path in _INSIDE},
    **{
        way.__name__.replace("_", " "): way
        for way in (
            deleted, deleted_range, deleted_and_renumbered, swapped, swapped_and_computed_anew, inserted,
            inserted_and_computed_anew, changed_and_computed_anew, changed_with_its_own_hash, cut_off, doubled, moved,
            later,
        )
    },
}  # fmt: skip


def with_checkpoints(told: list[Checkpoint]) -> Iterator[tuple[str, list[Row]]]:
    """Ways to tamper with checkpoints, by name."""
    rows = [stored(one) for one in told]
    for place, row in enumerate(rows):
        for name in row:
            changed = {**row, name: other_value(row[name])}
            yield f"flip {name} of {place + 1}", [*rows[:place], changed, *rows[place + 1 :]]
        yield f"delete {place + 1}", [*rows[:place], *rows[place + 1 :]]
    for place in range(len(rows) - 1):
        one, two = rows[place], rows[place + 1]
        others = (*rows[:place], *rows[place + 2 :])
        yield f"swap {place + 1}", [*others[:place], two, one, *others[place:]]
        renumbered = [{**two, "number": one["number"]}, {**one, "number": two["number"]}]
        yield f"swap {place + 1} under the other's number", [*others[:place], *renumbered, *others[place:]]
        yield f"old signature {place + 1} on a new root", [
            *rows[: place + 1], {**two, "signature": one["signature"]}, *rows[place + 2 :],
        ]  # fmt: skip
        yield f"old signature and root {place + 1} on a new size", [
            *rows[: place + 1], {**two, "signature": one["signature"], "root": one["root"]}, *rows[place + 2 :],
        ]  # fmt: skip
