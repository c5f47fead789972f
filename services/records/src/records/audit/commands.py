"""Chain what has arrived, and sign what is chained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, Uuid, bindparam, func, select

from plantkit.db.engine import compile_statement
from plantkit.db.row import columns_of as names_of
from plantkit.db.tx import Tx
from records.audit.keys import CheckpointKey
from records.audit.links import BEGINNING, Arrival, columns_of, hash_of, text_of
from records.audit.model import CheckpointRow, EntryRow, stored
from records.audit.reading import HEAD, hashes_at, newest
from records.audit.tree import Frontier, joined, subtrees
from takt_contracts.records.checkpoints import Checkpoint, CheckpointSigned

MOST: Final = 1_000
"""Entries between two checkpoints of a stream, at most."""
# One writer a stream: whoever comes second waits, and then sees what the first has written.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('takt.audit.' || $1, 0))"
_KNOWN = compile_statement(select(EntryRow.id).where(EntryRow.id == func.any(bindparam("ids", type_=ARRAY(Uuid)))))
_TYPES = {
    "id": "uuid", "created_at": "timestamptz", "at": "timestamptz", "seq": "bigint", "version": "bigint",
}  # fmt: skip
_NAMES = names_of(EntryRow)
_UNNESTED = ", ".join(f"${number}::{_TYPES.get(name, 'text')}[]" for number, name in enumerate(_NAMES, 1))
_APPEND = f"INSERT INTO audit_chain ({', '.join(_NAMES)}) SELECT * FROM unnest({_UNNESTED})"  # noqa: S608 -- names of our own columns


async def chain(tx: Tx, stream: str, arrivals: Sequence[Arrival]) -> None:
    """Append what is not there yet, in the order of its arrival."""
    await tx.connection.execute(_ALONE, stream)
    new = await _unknown(tx, arrivals)
    if not new:
        return
    frontier, previous = await _edge(tx, stream)
    rows = []
    for one in new:
        text = text_of(one, stream, frontier.size + 1, previous, tx.now)
        previous = hash_of(text)
        rows.append(columns_of(text, frontier.add(previous)))
    await tx.connection.execute(_APPEND, *([row[name] for row in rows] for name in _NAMES))


async def _unknown(tx: Tx, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Each once, without those that the chains have."""
    by_id = {one.id: one for one in arrivals}
    known = {str(row["id"]) for row in await tx.fetch(_KNOWN, ids=list(by_id))}
    return [one for id_, one in by_id.items() if id_ not in known]


async def _edge(tx: Tx, stream: str) -> tuple[Frontier, str]:
    """Where the stream ends: the tree's right edge and the hash of its last entry."""
    found = await tx.fetch(HEAD, stream=stream)
    if not found:
        return Frontier(), BEGINNING
    head = found[0]
    places = subtrees(0, head["seq"])
    kept = await hashes_at(tx.connection, stream, places)
    return Frontier(head["seq"], [kept[place] for place in places]), head["hashes"].partition(" ")[0]


@dataclass(frozen=True, kw_only=True)
class SignStream:
    """Sign a stream where a thousand entries are new, or the oldest new one has waited long enough."""

    stream: str
    source: str
    key: CheckpointKey
    every_s: float


async def sign_stream(tx: Tx, order: SignStream) -> bool:
    """Answers whether a checkpoint was made, for then another may be due."""
    await tx.begin()
    await tx.connection.execute(_ALONE, order.stream)
    last = await newest(tx.connection, order.stream)
    size = await _due(tx, order, 0 if last is None else last.size)
    if size is None:
        return False
    signed = order.key.sign(await _unsigned(tx, order, last, size))
    tx.add(CheckpointRow, **stored(signed))
    tx.tell(CheckpointSigned(version=signed.number, state=signed))
    return True


async def _due(tx: Tx, order: SignStream, signed: int) -> int | None:
    found = await tx.fetch(HEAD, stream=order.stream)
    size: int = found[0]["seq"] if found else 0
    if size == signed:
        return None
    if size - signed >= MOST:
        return signed + MOST
    oldest = await tx.connection.fetchval(
        "SELECT created_at FROM audit_chain WHERE stream = $1 AND seq = $2", order.stream, signed + 1
    )
    return size if (tx.now - oldest).total_seconds() >= order.every_s else None


async def _unsigned(tx: Tx, order: SignStream, last: Checkpoint | None, size: int) -> Checkpoint:
    places = subtrees(0, size)
    kept = await hashes_at(tx.connection, order.stream, places)
    about: dict[str, Any] = {"source": order.source, "stream": order.stream, "key_id": order.key.id, "at": tx.now}
    before = (1, BEGINNING) if last is None else (last.number + 1, last.digest)
    return Checkpoint(
        **about, number=before[0], previous=before[1], size=size, root=joined(kept[place] for place in places),
        signature="0" * 128,
    )  # fmt: skip
