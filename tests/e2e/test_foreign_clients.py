"""Programs that know nothing of Takt read what it tells: kcat, and the CNCF's CloudEvents SDK."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase

pytestmark = pytest.mark.broker
TOPIC = "takt.operations.workplace"


@pytest.fixture
async def told(telling: httpx.AsyncClient, database: TestDatabase) -> str:
    """Code of a workplace whose creation and renaming the broker has acknowledged."""
    code = f"W-{new_id().hex[-12:]}"
    made = await telling.post("/api/v1/workplaces", json={"code": code, "name": "Löten 3"})
    assert made.status_code == 201, made.text
    renamed = await telling.patch(f"/api/v1/workplaces/{code}", json={"name": "Löten 4"}, headers={"if-match": '"1"'})
    assert renamed.status_code == 200, renamed.text
    async with asyncio.timeout(30), database.connect() as connection:
        query = "SELECT count(*) FROM outbox_published WHERE key = $1"
        while await connection.fetchval(query, code) < 2:  # noqa: ASYNC110 -- the table cannot call back
            await asyncio.sleep(0.05)
    return code


@pytest.mark.needs("kcat")
async def test_kcat_reads_key_headers_and_value(told: str, kafka_bootstrap: str) -> None:
    arguments = ["-b", kafka_bootstrap, "-C", "-t", TOPIC, "-e", "-q", "-J"]
    kcat = await asyncio.create_subprocess_exec("kcat", *arguments, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(kcat.communicate(), 20)

    records = [json.loads(line) for line in printed.splitlines()]
    ours = [record for record in records if record["key"] == told]
    assert kcat.returncode == 0
    headers = [dict(zip(record["headers"][::2], record["headers"][1::2], strict=True)) for record in ours]
    assert [h["ce_type"] for h in headers] == [f"{TOPIC}.created.v1", f"{TOPIC}.updated.v1"]
    assert [h["ce_sequence"] for h in headers] == ["000000000001", "000000000002"]
    assert headers[0]["content-type"] == "application/json"
    assert headers[0]["ce_source"] == "/plants/test/operations"
    assert [json.loads(record["payload"])["state"]["name"] for record in ours] == ["Löten 3", "Löten 4"]
    assert len({record["partition"] for record in ours}) == 1


async def test_the_cloudevents_sdk_reads_binary_mode(told: str, kafka_bootstrap: str) -> None:
    ours = [message for message in await raw(kafka_bootstrap) if message.key == told.encode()]

    events: list[Any] = [from_binary_event(message) for message in ours]

    assert [event.get_type() for event in events] == [f"{TOPIC}.created.v1", f"{TOPIC}.updated.v1"]
    assert [event.get_subject() for event in events] == [told, told]
    assert events[1].get_data()["version"] == 2
    assert events[1].get_extension("partitionkey") == told
    assert events[1].get_extension("authtype") == "app_user"
    assert events[0].get_id() != events[1].get_id()
    assert events[0].get_time().tzinfo is not None


async def raw(bootstrap: str) -> list[KafkaMessage]:
    """All records of the topic as a plain consumer gets them."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [
            TopicPartition(TOPIC, number) for number in sorted(consumer.partitions_for_topic(TOPIC) or range(6))
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[KafkaMessage] = []
        for partition in (p for p in partitions if ends[p]):
            while await consumer.position(partition) < ends[partition]:
                records = await consumer.getmany(partition, timeout_ms=500)
                found += [_message(record) for record in records.get(partition, [])]
        return found
    finally:
        await consumer.stop()


def _message(record: Any) -> KafkaMessage:
    return KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
