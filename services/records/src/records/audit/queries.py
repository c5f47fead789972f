"""Reads of the chains: lists of entries, and proofs of some."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from plantkit.http.listing import Listing
from records.audit.model import EntryRow
from records.audit.reading import hashes_at, newest
from records.audit.tree import Place, proof, siblings
from records.listed import Listed
from takt_contracts.records.checkpoints import ChainedEntry, Checkpoint, Proven

LISTING: Final = Listing(
    Listed("audit", ChainedEntry, ("id",)), EntryRow, parts={"entry": ("link",), "hash": ("hashes",)}
)
Rows = Sequence[asyncpg.Record]
_OF_RECORD = """
SELECT stream, seq, link, hashes, request_id FROM audit_chain
WHERE subject = $1 AND ($2::bigint IS NULL OR version = $2)
  AND (stream = 'versions' OR stream = 'records' AND resource = 'record' AND outcome = 'changed')
ORDER BY stream, seq
"""
_OF_REQUESTS = """
SELECT stream, seq, link, hashes FROM audit_chain
WHERE request_id = ANY($1) AND stream = 'records' AND outcome = 'changed' ORDER BY seq
"""


async def proven(connection: asyncpg.Connection, rows: Rows) -> tuple[list[Proven], list[Checkpoint]]:
    """Entries with their proofs under the newest checkpoints of their streams: two questions a stream."""
    last = {stream: await newest(connection, stream) for stream in sorted({row["stream"] for row in rows})}
    kept = {stream: await _kept(connection, stream, one, rows) for stream, one in last.items()}
    found = [_proven(row, last[row["stream"]], kept[row["stream"]]) for row in rows]
    return found, [one for one in last.values() if one is not None]


async def of_record(
    connection: asyncpg.Connection, id_: str, version: int | None = None
) -> tuple[list[Any], list[Any]]:
    """The chained versions of a record, or one of them, and the entries of the commands that wrote them."""
    found = await connection.fetch(_OF_RECORD, id_, version)
    versions = [row for row in found if row["stream"] == "versions"]
    named = {row["seq"]: row for row in found if row["stream"] == "records"}
    requests = [row["request_id"] for row in versions if row["request_id"] is not None]
    together = {row["seq"]: row for row in await connection.fetch(_OF_REQUESTS, requests)}
    entries = {**together, **named}
    return versions, [entries[seq] for seq in sorted(entries)]


async def _kept(
    connection: asyncpg.Connection, stream: str, last: Checkpoint | None, rows: Rows
) -> Mapping[Place, str]:
    """The hashes that the proofs of one stream are made of."""
    covered = [row["seq"] for row in rows if row["stream"] == stream and last is not None and row["seq"] <= last.size]
    size = 0 if last is None else last.size
    beside = {place for seq in covered for places in siblings(seq - 1, size) for place in places}
    return await hashes_at(connection, stream, beside)


def _proven(row: Any, last: Checkpoint | None, kept: Mapping[Place, str]) -> Proven:
    told: dict[str, Any] = {name: row[name] for name in ("stream", "seq", "link")}
    way = None if last is None or last.size < row["seq"] else proof(row["seq"] - 1, last.size, kept)
    return Proven(**told, hash=row["hashes"].partition(" ")[0], path=way)
