import os
import signal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from takt.embedded.kafka import Kafka

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
TOPIC = TopicPartition("takt.test", 0)


async def tell(cluster: Kafka, *values: bytes, replicas: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC.topic, 1, replicas)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(TOPIC.topic, value)


async def heard(cluster: Kafka) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap, auto_offset_reset="none", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TOPIC])
        consumer.seek(TOPIC, 0)
        found = await consumer.getmany(TOPIC, timeout_ms=30_000)
        return [record.value for record in found[TOPIC]]
    finally:
        await consumer.stop()


async def test_the_log_survives_a_clean_stop_and_a_kill(tmp_path: Path) -> None:
    with Kafka.start(tmp_path / "kafka") as cluster:
        await tell(cluster, b"first")
        cluster.stop()
        assert cluster.brokers[0].process is not None
        assert cluster.brokers[0].process.returncode == 143

        cluster.spawn()
        cluster.wait_ready()
        assert await heard(cluster) == [b"first"]

        os.kill(cluster.pid, signal.SIGKILL)
        cluster.brokers[0].process.wait()
        cluster.restart(cluster.brokers[0])
        cluster.wait_ready()
        assert await heard(cluster) == [b"first"]


@pytest.mark.long
async def test_three_brokers_keep_the_log_when_one_is_killed(tmp_path: Path) -> None:
    with Kafka.start(tmp_path / "kafka", brokers=3) as cluster:
        await tell(cluster, b"first", b"second", replicas=3)
        second = cluster.brokers[1]
        assert second.process is not None
        second.process.kill()
        second.process.wait()

        assert await heard(cluster) == [b"first", b"second"]

        cluster.restart(second)
        cluster.wait_ready()
