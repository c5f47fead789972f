"""Records that could not be applied, whole, with every later record of their key, in order. Others keep flowing.

A record that failed is tried again for a minute, in state `retry`; then it and what waits behind it are `parked` until
somebody redrives them (see `redrive`). A record that can never be read, or that a rule refuses as invalid, is parked at
once. Without a key a record has no successors. One that came before an earlier version of its subject waits for it:
earlier versions pass it.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import asyncpg
import orjson
from aiokafka import ConsumerRecord

from plantkit.ids import new_id
from plantkit.messaging import parked_statements as sql
from plantkit.messaging.inbox import VersionGap
from plantkit.messaging.metrics import PARKED_TOTAL
from plantkit.messaging.parked_statements import BEHIND
from plantkit.messaging.records import Delivery, Poison
from takt_contracts.event import Event

BACKOFF_S = (2, 5, 12, 25)  # after the first, second, third and fourth failure: five attempts in 44 s
LONGEST_RETRY_S = 60
_REASON_LENGTH = 500


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


@dataclass(frozen=True, slots=True)
class Turn:
    """Records of one key to be tried together, in order, because `due` is."""

    due: asyncpg.Record
    rows: Sequence[asyncpg.Record]


Heads = Mapping[tuple[str, bytes], Head]


class Parking:
    """The parked records of one group."""

    def __init__(self, group: str, *, backoff_s: Sequence[float] = BACKOFF_S) -> None:
        self.group = group
        self._backoff_s = tuple(float(pause) for pause in backoff_s)

    async def heads(self, connection: asyncpg.Connection) -> Heads:
        rows = await connection.fetch(sql.HEADS, self.group, VersionGap.code)
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
        kept = await connection.fetch(sql.PUT, self.group, *(list(column) for column in zip(*rows, strict=True)))
        for record in kept:
            PARKED_TOTAL.labels(self.group, record["reason_code"]).inc()

    async def next_turn(self, connection: asyncpg.Connection, most: int) -> Turn | None:
        """What to try next, locked so that nobody else gets it; up to `most` records of one key. None: nothing is due.

        When one is due that came too early, it is the earliest version of its key that waits.
        """
        due = await connection.fetchrow(sql.NEXT, self.group, BEHIND, VersionGap.code)
        if due is None:
            return None
        key = (self.group, due["topic"], due["key"])
        if due["reason_code"] == VersionGap.code:
            early = await connection.fetch(sql.EARLY, *key, [VersionGap.code, BEHIND])
            return Turn(due, [min([due, *early], key=lambda row: version_in(row["value"]))])
        following = await connection.fetch(sql.FOLLOWING, *key, due["offset_"], most - 1)
        return Turn(due, [due, *takewhile(_only_follows, following)])

    async def done(self, connection: asyncpg.Connection, rows: Iterable[asyncpg.Record]) -> None:
        """They took effect. What came too early for lack of them is due."""
        await connection.execute(sql.DONE, self.group, [row["id"] for row in rows], VersionGap.code)

    async def failed_again(
        self, connection: asyncpg.Connection, row: asyncpg.Record, code: str, reason: str, *, final: bool
    ) -> None:
        """Count the attempt; after the last, or when it is final, the record and its successors wait for a person.

        One that was sent on again since it was read has all its attempts before it.
        """
        why = (_storable(code), _storable(reason))
        limits = (list(self._backoff_s), final, float(LONGEST_RETRY_S), row["next_attempt_at"])
        state = await connection.fetchval(sql.FAILED, self.group, row["id"], *why, *limits)
        if state == "parked":
            PARKED_TOTAL.labels(self.group, code).inc()
        await self.follow(connection)

    async def follow(self, connection: asyncpg.Connection) -> None:
        """What waits behind a record that was given up is given up with it, and goes on with it or without it."""
        await connection.execute(sql.GIVEN_UP, self.group, BEHIND, VersionGap.code)
        await connection.execute(sql.TAKEN_ALONG, self.group, BEHIND)

    async def depth(self, connection: asyncpg.Connection) -> Mapping[str, int]:
        return {row["state"]: row["count"] for row in await connection.fetch(sql.DEPTH, self.group)}


def _head(row: asyncpg.Record) -> Head:
    early = row["early"]
    return Head(row["offset_"], row["state"], None if early is None else version_in(early))


def version_in(value: bytes) -> int:
    """Of a record that was read before."""
    return Event.model_validate_json(value).version


def _only_follows(row: asyncpg.Record) -> bool:
    """Whether it may be tried with the records before it."""
    return bool(row["state"] == "retry" and row["reason_code"] != VersionGap.code)


def record_of(row: asyncpg.Record) -> ConsumerRecord:
    """The record as it came from the log."""
    headers = tuple(_header(*kept) for kept in orjson.loads(row["headers"]))
    key, value = row["key"], row["value"]
    sizes = (-1 if key is None else len(key), -1 if value is None else len(value))
    return ConsumerRecord(row["topic"], row["partition"], row["offset_"], -1, 0, key, value, None, *sizes, headers)


def _row(aside: Aside) -> tuple[Any, ...]:
    record = aside.record
    headers = [_kept(name, value) for name, value in record.headers]
    place = (new_id(), record.topic, record.partition, record.offset, record.key, record.value)
    why = (_storable(aside.code), _storable(aside.reason), aside.state, aside.attempts, aside.wait_s)
    return (*place, orjson.dumps(headers).decode(), *why)


def _kept(name: str, value: bytes | None) -> list[str | None]:
    """Name and base64 of the value; a third part is base64 of the name where jsonb refuses that, because of a NUL."""
    told = [name.replace("\0", "\ufffd"), None if value is None else base64.b64encode(value).decode()]
    return [*told, base64.b64encode(name.encode()).decode()] if "\0" in name else told


def _header(name: str, value: str | None, exact_name: str | None = None) -> tuple[str, bytes | None]:
    sent = name if exact_name is None else base64.b64decode(exact_name).decode()
    return sent, None if value is None else base64.b64decode(value)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:_REASON_LENGTH]
