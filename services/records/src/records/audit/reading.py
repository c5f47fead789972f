"""Where a chain ends and what its tree is made of: read by whoever appends, signs or proves."""

from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
from sqlalchemy import bindparam, select

from plantkit.db.engine import compile_statement
from plantkit.db.row import columns_of
from records.audit.errors import ChainBroken
from records.audit.model import CheckpointRow, EntryRow, checkpoint_of
from records.audit.tree import Place, completed_by
from takt_contracts.records.checkpoints import Checkpoint

HEAD: Final = compile_statement(
    select(EntryRow.seq, EntryRow.hashes)
    .where(EntryRow.stream == bindparam("stream"))
    .order_by(EntryRow.seq.desc())
    .limit(1)
)
_CHECKPOINTS = select(*(getattr(CheckpointRow, name) for name in columns_of(CheckpointRow))).where(
    CheckpointRow.stream == bindparam("stream")
)
_LAST_CHECKPOINT = compile_statement(_CHECKPOINTS.order_by(CheckpointRow.number.desc()).limit(1))
_NODES = "SELECT seq, hashes FROM audit_chain WHERE stream = $1 AND seq = ANY($2::bigint[])"


async def hashes_at(connection: asyncpg.Connection, stream: str, places: Iterable[Place]) -> Mapping[Place, str]:
    """The hashes of full subtrees, each kept with the entry that completed it. Raises ChainBroken."""
    wanted = list(places)
    rows = await connection.fetch(_NODES, stream, [completed_by(place) for place in wanted])
    kept = {row["seq"]: row["hashes"].split(" ") for row in rows}
    try:
        return {place: kept[completed_by(place)][place[0]] for place in wanted}
    except (KeyError, IndexError):
        raise ChainBroken(f"The chain of {stream} lacks an entry that it stands on.", stream=stream) from None


async def newest(connection: asyncpg.Connection, stream: str) -> Checkpoint | None:
    """The last checkpoint of a stream."""
    found = await connection.fetch(_LAST_CHECKPOINT.sql, *_LAST_CHECKPOINT.arguments({"stream": stream}))
    return checkpoint_of(found[0]) if found else None
