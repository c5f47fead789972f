"""Rows at rest: stored and read a batch at a time, never one row of a sheet as one row of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
from pydantic import JsonValue

from imports.jobs.rules import LETTERS
from plantkit.db.tx import Tx
from takt_contracts.imports.jobs import RowState
from takt_contracts.imports.rows import Phase, RowResults

REJECTED = LETTERS[RowState.REJECTED]
_CLEAR = """
WITH rows AS (DELETE FROM import_batches WHERE import_id = $1)
UPDATE import_work SET rows_read = 0, rows_rejected = 0, batches = 0, fields = $2 WHERE id = $1
"""
_STORE = """
WITH stored AS (
    INSERT INTO import_batches (import_id, chunk, batch, first_row, last_row, row_count, rejected, rows, errors)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9))
UPDATE import_work SET rows_read = $10, rows_rejected = rows_rejected + cardinality($7::bigint[]),
    batches = batches + ($3::int IS NOT NULL)::int
WHERE id = $1
"""
_NEXT = """
SELECT b.batch, b.rows, b.row_count, p.states AS planned, p.versions AS bases, w.fields
FROM import_batches b JOIN import_work w ON w.id = b.import_id
LEFT JOIN import_results p ON p.import_id = b.import_id AND p.batch = b.batch AND p.phase = $4
WHERE b.import_id = $1 AND b.batch > $2 ORDER BY b.batch LIMIT $3
"""
_SENT = """
SELECT b.batch, b.row_count, p.states AS planned
FROM import_batches b LEFT JOIN import_results p ON p.import_id = b.import_id AND p.batch = b.batch AND p.phase = $3
WHERE b.import_id = $1 AND b.batch = ANY($2::int[])
"""
_KEEP = """
INSERT INTO import_results (import_id, phase, batch, states, versions, refusals, changes)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_LEAVE_OUT = """
INSERT INTO import_results (import_id, phase, batch, states, versions, refusals, changes)
SELECT import_id, $3, batch, states, versions, refusals, changes FROM import_results
WHERE import_id = $1 AND batch = $2 AND phase = $4 ON CONFLICT DO NOTHING
"""
_HASH = """
SELECT encode(sha256(convert_to(
    string_agg(states || array_to_string(versions, ','), ';' ORDER BY batch), 'UTF8')), 'hex')
FROM import_results WHERE import_id = $1 AND phase = $2
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one stretch of the sheet. `batch` is None when none of them is valid. Both texts are JSON."""

    number: int
    batch: int | None
    first_row: int
    last_row: int
    row_count: int
    rejected: Sequence[int]
    rows: bytes
    errors: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch as it can be sent. `planned` and `bases` are what the plan said of each row, where there was one."""

    number: int
    fields: tuple[str, ...]
    rows: tuple[tuple[JsonValue, ...], ...]
    planned: str | None
    bases: tuple[int, ...] | None


async def clear(tx: Tx, import_id: UUID, fields: Sequence[str]) -> None:
    """Forget what an earlier attempt has read; the rows that come now have these fields."""
    await tx.connection.execute(_CLEAR, import_id, orjson.dumps(list(fields)).decode())


async def store(tx: Tx, import_id: UUID, chunk: Chunk, seen: int) -> None:
    """Keep a stretch of rows; the sheet has shown `seen` rows so far."""
    rows, errors = chunk.rows.decode(), chunk.errors.decode()
    place = (chunk.number, chunk.batch, chunk.first_row, chunk.last_row, chunk.row_count)
    await tx.connection.execute(_STORE, import_id, *place, list(chunk.rejected), rows, errors, seen)


async def following(tx: Tx, import_id: UUID, after: int, count: int, *, with_plan: bool) -> list[Stored]:
    """The next batches to send, in order."""
    plan = Phase.PLAN if with_plan else ""
    return [_stored(found) for found in await tx.connection.fetch(_NEXT, import_id, after, count, plan)]


def _stored(found: asyncpg.Record) -> Stored:
    rows = tuple(map(tuple, orjson.loads(found["rows"])))
    bases = None if found["bases"] is None else tuple(found["bases"])
    return Stored(found["batch"], tuple(orjson.loads(found["fields"])), rows, found["planned"], bases)


async def sent(
    tx: Tx, import_id: UUID, batches: Sequence[int], *, with_plan: bool
) -> dict[int, tuple[int, str | None]]:
    """How many rows these batches have, and what the plan said of them."""
    plan = Phase.PLAN if with_plan else ""
    found = await tx.connection.fetch(_SENT, import_id, list(batches), plan)
    return {record["batch"]: (record["row_count"], record["planned"]) for record in found}


async def keep(tx: Tx, results: RowResults, letters: str, versions: Sequence[int]) -> bool:
    """Keep an answer. False when it is there already."""
    refusals = orjson.dumps([one.model_dump() for one in results.refusals]).decode()
    changes = orjson.dumps([one.model_dump() for one in results.changes]).decode()
    place = (results.import_id, results.phase, results.batch)
    done = await tx.connection.execute(_KEEP, *place, letters, list(versions), refusals, changes)
    return bool(done.endswith(" 1"))


async def leave_out(tx: Tx, import_id: UUID, batch: int) -> None:
    """What the plan said of a batch stays true, because it is not sent again."""
    await tx.connection.execute(_LEAVE_OUT, import_id, batch, Phase.COMMIT, Phase.PLAN)


async def plan_hash(tx: Tx, import_id: UUID) -> str | None:
    """The same for the same plan: what would happen to each row, and on which version."""
    found: str | None = await tx.connection.fetchval(_HASH, import_id, Phase.PLAN)
    return found
