"""Batches of an import that wants all or none wait here, in the owner's database, until the last one has come."""

from typing import Final

import asyncpg

from plantkit.db.tx import Tx
from plantkit.resources.sent import Sent
from takt_contracts.imports.rows import RowBatch

_KEPT_DAYS: Final = 7
_PUT = """
INSERT INTO import_staging (import_id, batch, version, traceparent, payload) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (import_id, batch) DO UPDATE
SET version = excluded.version, traceparent = excluded.traceparent, payload = excluded.payload
"""
_COUNT = "SELECT count(*) FROM import_staging WHERE import_id = $1"
_TAKE = "DELETE FROM import_staging WHERE import_id = $1 RETURNING version, traceparent, payload"
# Those of an import that was cancelled half-way will never be called for.
_FORGET = "DELETE FROM import_staging WHERE staged_at < clock_timestamp() - make_interval(days => $1)"


async def gathered(tx: Tx, sent: Sent) -> list[Sent]:
    """All batches of the import in their order, once `sent` is the last. Until then it is kept, and none is given."""
    batch, connection = sent.batch, tx.connection
    if batch.batch == 1:
        await forget(connection)
    await connection.execute(
        _PUT, batch.import_id, batch.batch, sent.version, sent.traceparent, batch.model_dump_json()
    )
    if await connection.fetchval(_COUNT, batch.import_id) < batch.batches:
        return []
    rows = await connection.fetch(_TAKE, batch.import_id)
    batches = [RowBatch.model_validate_json(row["payload"]) for row in rows]
    whole = [Sent(row["version"], one, row["traceparent"]) for row, one in zip(rows, batches, strict=True)]
    return sorted(whole, key=lambda one: one.batch.batch)


async def forget(connection: asyncpg.Connection) -> None:
    """Those that nobody will ask for."""
    await connection.execute(_FORGET, _KEPT_DAYS)
