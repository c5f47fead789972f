"""A run of a consumer: ticks go into the log raw, a consumer is disturbed, another takes over, its lists are judged."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from tests.faults.checkers import appends, fold, order
from tests.faults.checkers.verdict import Verdict, enough
from tests.faults.harness import tables, topics
from tests.faults.harness.ledger import FIRST, group_of
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import Stuck
from tests.faults.harness.topics import Raw

Offsets = dict[TopicPartition, int | None]
KEYS = 20
FEWEST = 200
_NEWEST = "SELECT key, state FROM faults_newest WHERE reader = $1"


@dataclass(frozen=True, slots=True)
class Ticks:
    """What one run puts into the log: every key's versions 1..n, key by key within a version."""

    plant: Plant

    @property
    def group(self) -> str:
        return self.group_of(FIRST)

    def group_of(self, reader: str) -> str:
        return group_of(self.plant.name, reader)

    def raw(self, versions: Iterable[int]) -> Iterator[Raw]:
        for version in versions:
            for number in range(KEYS):
                yield self._raw(f"{self.plant.name}-{number:02}", version)

    def _raw(self, key: str, version: int) -> Raw:
        topic = self.plant.topic
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key} {version}")),
            "ce_source": "/plants/faults/ticks",
            "ce_type": f"{topic}.appended.v1",
            "ce_subject": key,
            "ce_sequence": f"{version:012d}",
            "content-type": "application/json",
        }
        value = json.dumps({"version": version, "state": {"name": key, "count": version}}).encode()
        return topic, key.encode(), value, [(name, text.encode()) for name, text in headers.items()]

    async def send(self, versions: Iterable[int]) -> None:
        await self.put(self.raw(versions))

    async def put(self, records: Iterable[Raw]) -> None:
        await topics.send(self.plant.bootstrap, records)


async def consumed(plant: Plant, group: str, within_s: float = 60.0) -> None:
    """The group has committed the end of every partition. Raises Stuck."""
    async with topics.onlooker(plant.bootstrap, group) as client:
        last = await topics.ends(plant.bootstrap, [plant.topic])
        deadline = time.monotonic() + within_s
        while (reached := await _committed(client, last)) != last:
            if time.monotonic() > deadline:
                raise Stuck(f"{group} has reached {reached} of {last}")
            await asyncio.sleep(0.1)


async def _committed(
    client: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, int | None]:
    return {partition: await client.committed(partition) for partition in partitions}


async def verdicts(plant: Plant, *, faults: int, wanted: int = 1) -> list[Verdict]:
    """The log is in order, and what it holds has taken effect exactly once per key; the last state is the newest."""
    raw = await topics.read(plant.bootstrap, [plant.topic], {})
    ordered = order.first_seen(map(topics.as_record, raw), least=FEWEST)
    return [enough(faults=(faults, wanted)), ordered, *await effects(plant, raw)]


async def effects(plant: Plant, raw: Sequence[ConsumerRecord], reader: str = FIRST) -> list[Verdict]:
    """Whatever order the log has them in, one reader's effects are those of every version once, in order."""
    told: dict[str, int] = {}
    for record in map(topics.as_record, raw):
        told[record.key] = max(told.get(record.key, 0), record.version)
    shown = {row["key"]: row["state"] for row in await tables.rows(plant, _NEWEST, reader)}
    return [
        enough(told=(len(raw), FEWEST)),
        appends.exactly_once(await tables.lists(plant, reader), told, least=FEWEST),
        fold.same(shown, fold.fold(map(_state, raw)), least=KEYS),
    ]


def _state(raw: ConsumerRecord) -> tuple[str, int, str]:
    value = json.loads(raw.value)
    return raw.key.decode(), value["version"], str(value["state"]["count"])
