"""What the tests of the machinery share: a schema with its tables alone, events of their own, a raw look at the log."""

import json
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from pydantic import BaseModel

from plantkit.context import Context
from plantkit.ids import new_id
from plantkit.settings import ServiceSettings
from takt_contracts.envelope import Envelope
from takt_contracts.event import Event

SERVICE = "machinery"


class MachinerySettings(ServiceSettings):
    service: ClassVar[str] = SERVICE


@dataclass(frozen=True)
class Machinery:
    """A database that holds nothing but the machinery's tables."""

    settings: ServiceSettings
    context: Context

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[asyncpg.Connection]:
        url = self.settings.database_url.get_secret_value()
        connection = await asyncpg.connect(url, server_settings={"search_path": SERVICE})
        try:
            yield connection
        finally:
            await connection.close()

    async def fetch(self, query: str, *given: Any) -> list[asyncpg.Record]:
        async with self.connect() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(query, *given)
            return rows


class Counter(BaseModel):
    code: str
    count: int = 0
    note: str = ""


def ticked(entity: str) -> type[Event]:
    """An event class with a topic of its own."""

    class Ticked(Event):
        service: ClassVar[str] = "tests"
        key: ClassVar[tuple[str, ...]] = ("code",)
        fact: ClassVar[str] = "ticked"
        state: Counter

    return type("Ticked", (Ticked,), {"entity": entity, "__module__": __name__})


def body(code: str, version: int, **more: Any) -> str:
    return json.dumps({"version": version, "state": {"code": code, "count": version} | more})


def headers(event: type[Event], code: str, version: int, **changes: Any) -> dict[str, str]:
    now = datetime.now(UTC)
    envelope = Envelope(
        id=str(new_id()), source="/plants/test/tests", type=event.types()[0], subject=code, time=now, recordedtime=now,
        sequence=version, partitionkey=code, correlationid=str(new_id()),
    )  # fmt: skip
    return {**envelope.to_headers(), **changes}


Row = tuple[Any, ...]
_COLUMNS = (
    "id",
    "month",
    "slot",
    "aggregatetype",
    "aggregateid",
    "version",
    "topic",
    "key",
    "type",
    "time",
    "headers",
    "payload",
)


def outbox_row(event: type[Event], code: str, version: int, **changes: Any) -> Row:
    told = headers(event, code, version)
    now = datetime.now(UTC)
    row = {
        "id": told["ce_id"],
        "month": date(now.year, now.month, 1),
        "slot": zlib.crc32(code.encode()) % 16,
        "aggregatetype": event.entity,
        "aggregateid": code,
        "version": version,
        "topic": event.topic,
        "key": code,
        "type": told["ce_type"],
        "time": now,
        "headers": json.dumps(told),
        "payload": body(code, version),
    } | changes
    return tuple(row[name] for name in _COLUMNS)


async def commit(connection: asyncpg.Connection, rows: Iterable[Row]) -> None:
    await connection.copy_records_to_table("outbox", records=list(rows), columns=_COLUMNS)


async def whole_topic(bootstrap: str, topic: str) -> list[ConsumerRecord]:
    """Every record of a topic, partition by partition, read without a group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        numbers = (await consumer._client.fetch_all_metadata()).partitions_for_topic(topic) or set()
        partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records.extend(batch)
        return records
    finally:
        await consumer.stop()


def first_seen(records: Sequence[ConsumerRecord]) -> dict[str, list[int]]:
    """Versions of each key in the order of their first copies."""
    seen: dict[str, list[int]] = {}
    for record in records:
        versions = seen.setdefault(record.key.decode(), [])
        version = json.loads(record.value)["version"]
        if version not in versions:
            versions.append(version)
    return seen


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def tell(
    producer: AIOKafkaProducer, event: type[Event], code: str, version: int, *, told: Mapping[str, str] | None = None
) -> None:
    """Put one sound event on its topic, past any relay."""
    given = headers(event, code, version) if told is None else told
    named = [(name, value.encode()) for name, value in given.items()]
    await producer.send_and_wait(event.topic, body(code, version).encode(), key=code.encode(), headers=named)


async def keep_versions(tx: Any, deliveries: Sequence[Any]) -> None:
    """Appends what it is given, so that one read shows a loss, a double effect and a wrong order."""
    await tx.connection.executemany(
        "INSERT INTO effects (code, version) VALUES ($1, $2)", [(one.subject, one.version) for one in deliveries]
    )


async def make_effects_table(machinery: Machinery) -> None:
    await machinery.fetch("CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY, code text, version bigint)")


async def effects(machinery: Machinery) -> dict[str, list[int]]:
    """Versions that took effect, by key, in the order they did."""
    found: dict[str, list[int]] = {}
    for row in await machinery.fetch("SELECT code, version FROM effects ORDER BY n"):
        found.setdefault(row["code"], []).append(row["version"])
    return found
