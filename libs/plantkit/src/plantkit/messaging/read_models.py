"""Read models: tables that events alone feed. One lock for all who write them, and how fresh they are for who reads.

A model's tables hold nothing but what events say, so that the log makes the same rows again: no time of arrival, no
number of our own.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
from sqlalchemy import BigInteger, Column, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from plantkit.db.engine import Database, compile_statement

_TIME: Final = TIMESTAMP(timezone=True)
_AT_ONCE: Final = 1_000
_FRESHNESS = compile_statement(
    text(
        "SELECT topic, as_of, clock_timestamp() - as_of <= make_interval(secs => CAST(:stale_s AS float8)) AS fresh"
        " FROM read_model_progress WHERE model = CAST(:model AS text)"
    )
)


def progress_table(metadata: MetaData) -> Table:
    """Of a service that keeps read models: how far each has read each topic."""
    return Table(
        "read_model_progress",
        metadata,
        Column("model", Text, primary_key=True),
        Column("topic", Text, primary_key=True),
        Column("as_of", _TIME, comment="everything that the log held then is in the model"),
        Column("lag", BigInteger, nullable=False, comment="records of the topic that it has not read yet"),
        Column("aside", BigInteger, nullable=False, comment="records that lie aside, so that the model lacks them"),
        Column("passed", BigInteger, nullable=False, comment="offsets read, summed over the partitions"),
        Column("checked_at", _TIME, nullable=False),
        comment="How fresh the read models are; looked at once a second by whoever feeds them",
    )


@dataclass(frozen=True, slots=True)
class Freshness:
    """Up to when a model holds everything that the log told, and whether that is too long ago to call it live."""

    as_of: datetime | None
    stale: bool


@dataclass(frozen=True, kw_only=True)
class ReadModel:
    """Tables that one consumer feeds and nobody else writes. `name` is what `takt rebuild` calls it."""

    name: str
    tables: tuple[Table, ...]

    @property
    def among_others(self) -> str:
        """SQL: write beside other members of the group, until the transaction ends; wait while it is rebuilt."""
        return f"SELECT pg_advisory_xact_lock_shared({self._lock})"

    @property
    def alone(self) -> str:
        """SQL: write alone until the transaction ends."""
        return f"SELECT pg_advisory_xact_lock({self._lock})"

    @property
    def _lock(self) -> int:
        """Tables carry their schema: services share a database, and so its locks."""
        named = f"read model {self.name} of {self.tables[0].schema}"
        return int.from_bytes(hashlib.sha256(named.encode()).digest()[:8], signed=True)


async def freshness(db: Database, model: ReadModel) -> Mapping[str, Freshness]:
    """By topic. A topic that is not there was never looked at."""
    rows = await db.fetch(_FRESHNESS, model=model.name, stale_s=db.settings.read_model_stale_s)
    return {row["topic"]: Freshness(row["as_of"], not row["fresh"]) for row in rows}


def of_all(known: Mapping[str, Freshness], topics: Collection[str]) -> Freshness:
    """What is made from several topics is as old as the oldest."""
    parts = [known.get(topic, Freshness(None, True)) for topic in topics]
    moments = [part.as_of for part in parts if part.as_of is not None]
    as_of = min(moments) if len(moments) == len(parts) else None
    return Freshness(as_of, any(part.stale for part in parts))


async def empty(connection: asyncpg.Connection, model: ReadModel) -> None:
    """Delete the model's rows. The service's role owns no table, so it cannot truncate."""
    for table in reversed(model.tables):
        await connection.execute(f"DELETE FROM {table.name}")  # noqa: S608 - a name of ours


async def content_hash(connection: asyncpg.Connection, model: ReadModel) -> str:
    """sha256 over all rows in order of their keys. Inside a transaction."""
    digest = hashlib.sha256()
    for table in model.tables:
        keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
        digest.update(f"{table.name}\n".encode())
        rows = f"SELECT CAST(ROW(t.*) AS text) FROM {table.name} AS t ORDER BY {keys}"  # noqa: S608 - names of ours
        async for row in connection.cursor(rows, prefetch=_AT_ONCE):
            digest.update(row[0].encode() + b"\n")
    return digest.hexdigest()
