"""How we connect to Kafka. The settings that keep the promises are here and nowhere else."""

import asyncio
import logging
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from plantkit.messaging import broken
from plantkit.settings import ServiceSettings

broken.mend(AIOKafkaConnection)
BATCH_BYTES = 262_144
_START_S = 2.0
_quiet = logging.getLogger("plantkit.messaging.faststream")  # FastStream's own logger writes lines that are not JSON
_quiet.setLevel(logging.ERROR)


class _WithoutTrace(logging.Filter):
    """A broker in trouble is said by its kind: a trace means a bug, and dashboards count those."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, KafkaError):
            record.msg, record.args, record.exc_info = f"{record.getMessage()}: {type(error).__name__}", (), None
        return True


_quiet.addFilter(_WithoutTrace())


class Startable(Protocol):
    """A client of aiokafka, or what FastStream makes of one."""

    async def start(self) -> Any: ...


async def start_client(client: Startable) -> None:
    """Start a client that the caller stops, whatever happens here. Raises KafkaError.

    aiokafka forgets a connection, open as it is, when a start is cut short: who is cancelled waits for its end first.
    """
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=_START_S)
        raise
    finally:
        starting.cancel()


async def connect_producer(settings: ServiceSettings, *, idempotent: bool = True) -> AIOKafkaProducer:
    """A started producer, acknowledged by all in-sync replicas. Raises KafkaError."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap.split(","),
        client_id=f"takt-{settings.service}-relay",
        enable_idempotence=idempotent,
        acks="all",
        request_timeout_ms=settings.kafka_request_timeout_ms,
        max_batch_size=BATCH_BYTES,
        max_request_size=8 * BATCH_BYTES,
        retry_backoff_ms=100,
    )
    try:
        await start_client(producer)
    except BaseException:
        await producer.stop()
        raise
    return producer


def subscriber_broker(settings: ServiceSettings) -> KafkaBroker:
    """FastStream for consuming only: no topics are made, no types are guessed, nothing is produced."""
    return KafkaBroker(
        settings.kafka_bootstrap.split(","),
        client_id=f"takt-{settings.service}",
        allow_auto_create_topics=False,
        apply_types=False,
        consumer_only=True,
        graceful_timeout=5.0,
        request_timeout_ms=settings.kafka_request_timeout_ms,
        logger=_quiet,
        log_level=logging.DEBUG,
    )


def group_options(settings: ServiceSettings) -> dict[str, Any]:
    """What every subscriber is given. `none`: a group without an offset stops and says so, it never skips."""
    return {
        "auto_offset_reset": "none",
        "session_timeout_ms": settings.kafka_session_timeout_ms,
        "heartbeat_interval_ms": max(300, settings.kafka_session_timeout_ms // 5),
        "max_poll_interval_ms": 300_000,
        "rebalance_timeout_ms": settings.kafka_session_timeout_ms,
        "fetch_max_wait_ms": 250,
    }


def commit_client(bootstrap: str, group: str) -> AIOKafkaConsumer:
    """A client that reads and sets offsets of a group without being a member of it."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        group_id=group,
        client_id=f"takt-{group}-offsets",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
