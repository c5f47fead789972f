"""Reads of the chains: their ends, their nodes, their checkpoints, proofs of entries."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from plantkit.http.listing import Listing
from records.audit.model import EntryRow
from records.audit.reading import hashes_at, newest
from records.audit.tree import proof, siblings
from records.listed import Listed
from takt_contracts.records.checkpoints import ChainedEntry, Checkpoint, Proven

LISTING: Final = Listing(
    Listed("audit", ChainedEntry, ("id",)), EntryRow, parts={"entry": ("link",), "hash": ("hashes",)}
)
_OF_RECORD = """
SELECT stream, seq, link, hashes, request_id FROM audit_chain
WHERE subject = $1 AND (stream = 'versions' OR stream = 'records' AND resource = 'record' AND outcome = 'changed')
ORDER BY stream, seq
"""
_OF_REQUESTS = """
SELECT stream, seq, link, hashes FROM audit_chain
WHERE request_id = ANY($1) AND stream = 'records' AND outcome = 'changed' ORDER BY seq
"""


async def proven(
    connection: asyncpg.Connection, rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Proven], list[Checkpoint]]:
    """Entries with their proofs under the newest checkpoints of their streams."""
    streams = sorted({row["stream"] for row in rows})
    last = {one: await newest(connection, one) for one in streams}
    found = [await _proven(connection, row, last[row["stream"]]) for row in rows]
    return found, [one for one in last.values() if one is not None]


async def of_record(connection: asyncpg.Connection, id_: str) -> tuple[list[Any], list[Any]]:
    """The chained versions of a record, and the entries of the commands that wrote them."""
    found = await connection.fetch(_OF_RECORD, id_)
    versions = [row for row in found if row["stream"] == "versions"]
    named = {row["seq"]: row for row in found if row["stream"] == "records"}
    requests = [row["request_id"] for row in versions if row["request_id"] is not None]
    together = {row["seq"]: row for row in await connection.fetch(_OF_REQUESTS, requests)}
    entries = {**together, **named}
    return versions, [entries[seq] for seq in sorted(entries)]


async def _proven(connection: asyncpg.Connection, row: Mapping[str, Any], checkpoint: Checkpoint | None) -> Proven:
    told: dict[str, Any] = {name: row[name] for name in ("stream", "seq", "link")}
    told["hash"] = row["hashes"].partition(" ")[0]
    if checkpoint is None or checkpoint.size < row["seq"]:
        return Proven(**told, path=None)
    places = {place for beside in siblings(row["seq"] - 1, checkpoint.size) for place in beside}
    kept = await hashes_at(connection, row["stream"], places)
    return Proven(**told, path=proof(row["seq"] - 1, checkpoint.size, kept))
