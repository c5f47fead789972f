import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from takt.embedded.kafka import Kafka
from takt.embedded.ports import own_port
from takt.errors import StackError

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


async def heard(cluster: Kafka, count: int = 1) -> list[bytes]:
    """The first `count` values. A leader that is new shows its records one by one, as its followers confirm them."""
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap, auto_offset_reset="none", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TOPIC])
        consumer.seek(TOPIC, 0)
        async with asyncio.timeout(30):
            return [(await consumer.getone(TOPIC)).value for _ in range(count)]
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


@pytest.mark.parametrize("which", [0, 1])
def test_a_broker_whose_port_is_taken_says_so_and_which(tmp_path: Path, which: int) -> None:
    ports = own_port(), own_port()
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", ports[which]))
        somebody.listen()
        cluster = Kafka(tmp_path / "kafka", [ports])
        cluster.prepare()
        cluster.spawn()
        with pytest.raises(StackError, match=f"failed to bind to 127.0.0.1:{ports[which]}: Address already in use"):
            cluster.wait_ready()


@pytest.mark.long
async def test_three_brokers_keep_the_log_when_one_is_killed(tmp_path: Path) -> None:
    with Kafka.start(tmp_path / "kafka", brokers=3) as cluster:
        await tell(cluster, b"first", b"second", replicas=3)
        second = cluster.brokers[1]
        assert second.process is not None
        second.process.kill()
        second.process.wait()

        assert await heard(cluster, 2) == [b"first", b"second"]

        cluster.restart(second)
        cluster.wait_ready()
