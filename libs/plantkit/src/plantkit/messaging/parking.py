"""Records that could not be applied, whole, with every later record of their key, in order. Others keep flowing.

A record that failed is tried again for a minute, in state `retry`; then it and what waits behind it are `parked` until
somebody redrives them. A record that can never be read, or that a rule refuses as invalid, is parked at once. Without
a key a record has no successors. One that came before an earlier version of its subject waits for it: earlier versions
pass it.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from aiokafka import ConsumerRecord

from plantkit.ids import new_id
from plantkit.messaging.inbox import VersionGap
from plantkit.messaging.metrics import PARKED_TOTAL
from plantkit.messaging.records import Delivery, Poison
from takt_contracts.event import Event

BEHIND = "event.behind-parked"
BACKOFF_S = (2, 5, 12, 25)  # after the first, second, third and fourth failure: five attempts in 44 s
LONGEST_RETRY_S = 60
_REASON_LENGTH = 500

_HEADS = """
SELECT DISTINCT ON (topic, key) topic, key, offset_, state, CASE WHEN reason_code = $2 THEN value END AS early
FROM parked
WHERE group_name = $1 AND state <> 'redriven' AND key IS NOT NULL
ORDER BY topic, key, offset_
"""
_PUT = """
INSERT INTO parked (id, group_name, topic, "partition", offset_, key, value, headers, reason_code, reason, state,
                    attempts, next_attempt_at, parked_at)
SELECT id, $1, topic, "partition", offset_, key, value, headers::jsonb, code, reason, state, attempts,
       CASE WHEN state = 'retry' THEN clock_timestamp() + make_interval(secs => wait_s) END,
       CASE WHEN state = 'parked' THEN clock_timestamp() END
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::bytea[], $7::bytea[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::int[], $13::float8[])
     AS given (id, topic, "partition", offset_, key, value, headers, code, reason, state, attempts, wait_s)
ON CONFLICT (group_name, topic, "partition", offset_) DO NOTHING
RETURNING reason_code
"""
_NEXT = """
SELECT p.* FROM parked p
WHERE p.group_name = $1 AND p.state = 'retry' AND p.next_attempt_at <= clock_timestamp()
  AND (p.reason_code <> $2
       OR NOT EXISTS (SELECT FROM parked q WHERE q.group_name = p.group_name AND q.topic = p.topic AND q.key = p.key
                      AND q.state <> 'redriven' AND q.offset_ < p.offset_))
ORDER BY p.next_attempt_at, p.offset_ LIMIT 1
FOR UPDATE OF p SKIP LOCKED
"""
_EARLY = """
SELECT * FROM parked
WHERE group_name = $1 AND topic = $2 AND key = $3 AND state = 'retry' AND reason_code = ANY($4::text[])
ORDER BY offset_ LIMIT 100
FOR UPDATE SKIP LOCKED
"""
_DONE = """
WITH done AS (
    UPDATE parked SET state = 'redriven', attempts = attempts + 1, next_attempt_at = NULL WHERE id = $1
    RETURNING group_name, topic, key
)
UPDATE parked p SET next_attempt_at = now() FROM done
WHERE p.group_name = done.group_name AND p.topic = done.topic AND p.key = done.key AND p.id <> $1
  AND p.state = 'retry' AND p.reason_code = $2
"""
_FAILED = """
UPDATE parked SET attempts = attempts + 1, reason_code = $2, reason = $3,
    first_failed_at = CASE WHEN attempts = 0 THEN clock_timestamp() ELSE first_failed_at END,
    state = CASE WHEN over THEN 'parked' ELSE state END,
    parked_at = CASE WHEN over THEN clock_timestamp() END,
    next_attempt_at = CASE WHEN NOT over THEN clock_timestamp() + make_interval(secs => wait_s) END
FROM (SELECT id AS judged, ($4::float8[])[attempts + 1] AS wait_s, $5 OR attempts >= cardinality($4::float8[])
             OR attempts > 0 AND first_failed_at < clock_timestamp() - make_interval(secs => $6) AS over
      FROM parked WHERE id = $1) AS judgement
WHERE id = judged AND state = 'retry'
RETURNING state
"""
_FOLLOW = """
UPDATE parked p SET state = 'parked', parked_at = clock_timestamp(), next_attempt_at = NULL
WHERE p.group_name = $1 AND p.state = 'retry' AND p.reason_code = $2
  AND EXISTS (SELECT FROM parked q WHERE q.group_name = p.group_name AND q.topic = p.topic AND q.key = p.key
              AND q.state = 'parked' AND q.offset_ < p.offset_)
"""
_DEPTH = "SELECT state, count(*) FROM parked WHERE group_name = $1 AND state <> 'redriven' GROUP BY state"


@dataclass(frozen=True, slots=True)
class Head:
    """The first record of a key that lies aside; later ones go behind it. `version` of one that came too early."""

    offset: int
    state: str
    version: int | None = None

    def is_before(self, delivery: Delivery[Any]) -> bool:
        """An earlier record is only a redelivery; an earlier version is what the one that came too early waits for."""
        return delivery.record.offset > self.offset and (self.version is None or delivery.version > self.version)


@dataclass(frozen=True, slots=True)
class Aside:
    """A record on its way into the table."""

    record: ConsumerRecord
    code: str
    reason: str
    state: str
    attempts: int = 0
    wait_s: float = 0.0


Heads = Mapping[tuple[str, bytes], Head]


class Parking:
    """The parked records of one group."""

    def __init__(self, group: str, *, backoff_s: Sequence[float] = BACKOFF_S) -> None:
        self.group = group
        self._backoff_s = tuple(float(pause) for pause in backoff_s)

    async def heads(self, connection: asyncpg.Connection) -> Heads:
        rows = await connection.fetch(_HEADS, self.group, VersionGap.code)
        return {(row["topic"], row["key"]): _head(row) for row in rows}

    def poisoned(self, poison: Poison) -> Aside:
        return Aside(poison.record, poison.code, poison.reason, "parked", attempts=1)

    def failed(self, record: ConsumerRecord, code: str, reason: str) -> Aside:
        return Aside(record, code, reason, "retry", attempts=1, wait_s=self._backoff_s[0])

    def refused(self, record: ConsumerRecord, code: str, reason: str) -> Aside:
        return Aside(record, code, reason, "parked", attempts=1)

    def behind(self, record: ConsumerRecord, head: Head) -> Aside:
        return Aside(record, BEHIND, f"It follows a record that lies aside (offset {head.offset}).", head.state)

    async def put(self, connection: asyncpg.Connection, asides: Iterable[Aside]) -> None:
        """Keep them with all their bytes. A record that lies there already stays as it is."""
        rows = [_row(aside) for aside in asides]
        if not rows:
            return
        kept = await connection.fetch(_PUT, self.group, *(list(column) for column in zip(*rows, strict=True)))
        for record in kept:
            PARKED_TOTAL.labels(self.group, record["reason_code"]).inc()

    async def next_due(self, connection: asyncpg.Connection) -> asyncpg.Record | None:
        """The next head whose time has come, locked; nobody else gets it."""
        return await connection.fetchrow(_NEXT, self.group, BEHIND)

    async def turn(self, connection: asyncpg.Connection, due: asyncpg.Record) -> asyncpg.Record:
        """What to try when this one is due: of records that came too early, the earliest version of their key."""
        if due["reason_code"] != VersionGap.code:
            return due
        codes = [VersionGap.code, BEHIND]
        waiting = await connection.fetch(_EARLY, self.group, due["topic"], due["key"], codes)
        return min([due, *waiting], key=lambda row: version_in(row["value"]))

    async def done(self, connection: asyncpg.Connection, row: asyncpg.Record) -> None:
        """It took effect. What came too early for lack of it is due."""
        await connection.execute(_DONE, row["id"], VersionGap.code)

    async def failed_again(
        self, connection: asyncpg.Connection, row: asyncpg.Record, code: str, reason: str, *, final: bool
    ) -> None:
        """Count the attempt; after the last, or when it is final, the record and its successors wait for a person."""
        given = (row["id"], code, reason[:_REASON_LENGTH], list(self._backoff_s), final, float(LONGEST_RETRY_S))
        state = await connection.fetchval(_FAILED, *given)
        if state == "parked":
            PARKED_TOTAL.labels(self.group, code).inc()
        await self.follow(connection)

    async def follow(self, connection: asyncpg.Connection) -> None:
        """What waits behind a record that was given up is given up with it."""
        await connection.execute(_FOLLOW, self.group, BEHIND)

    async def depth(self, connection: asyncpg.Connection) -> Mapping[str, int]:
        return {row["state"]: row["count"] for row in await connection.fetch(_DEPTH, self.group)}


def _head(row: asyncpg.Record) -> Head:
    early = row["early"]
    return Head(row["offset_"], row["state"], None if early is None else version_in(early))


def version_in(value: bytes) -> int:
    """Of a record that was read before."""
    return Event.model_validate_json(value).version


def record_of(row: asyncpg.Record) -> ConsumerRecord:
    """The record as it came from the log."""
    named = orjson.loads(row["headers"])
    headers = tuple((name, None if text is None else base64.b64decode(text)) for name, text in named)
    key, value = row["key"], row["value"]
    sizes = (-1 if key is None else len(key), -1 if value is None else len(value))
    return ConsumerRecord(row["topic"], row["partition"], row["offset_"], -1, 0, key, value, None, *sizes, headers)


def _row(aside: Aside) -> tuple[Any, ...]:
    record = aside.record
    headers = [[name, None if value is None else base64.b64encode(value).decode()] for name, value in record.headers]
    place = (new_id(), record.topic, record.partition, record.offset, record.key, record.value)
    why = (_storable(aside.code), _storable(aside.reason), aside.state, aside.attempts, aside.wait_s)
    return (*place, orjson.dumps(headers).decode().replace("\\u0000", "\\ufffd"), *why)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:_REASON_LENGTH]
