"""A log of the test's own on the run's broker, and clients that read it as the gateway's clients do."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from gateway.stream.follow import Follower
from gateway.stream.hub import Hub
from gateway.stream.log import Log
from gateway.stream.positions import Positions
from plantkit.ids import new_id

SECRET = "0f9d4c1b7a2e83651d9c4b7a2e8365f1"
PARTITIONS = 3
Tell = Callable[..., Awaitable[list[str]]]


@dataclass
class Seen:
    """What one client received."""

    events: list[dict[str, Any]] = field(default_factory=list)
    position: str | None = None
    comments: int = 0

    @property
    def subjects(self) -> list[str]:
        return [event["subject"] for event in self.events]

    def take(self, piece: bytes) -> None:
        for frame in piece.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in frame.split("\n") if not line.startswith(":"))
            self.comments += frame.startswith(":")
            self.position = fields.get("id", self.position)
            if "data" in fields:
                self.events.append(orjson.loads(fields["data"]))


@dataclass
class Stream:
    """One gateway's stream over one log."""

    source: Log
    positions: Positions
    hub: Hub
    follower: Follower

    async def ready(self) -> None:
        await until(lambda: self.hub.is_reading)

    async def has_read(self, count: int) -> None:
        """So many records in all; the topics are the test's own."""
        await until(lambda: sum(map(sum, self.hub.next.values())) >= count)

    async def read(
        self,
        count: int,
        after: str | None = None,
        *,
        wanted: Any = None,
        within_s: float = 40.0,
        into: Seen | None = None,
    ) -> Seen:
        """Follow until `count` events have come."""
        seen = into or Seen()
        start = await self.follower.start(after)
        frames = self.follower.frames(start, wanted or (lambda record: True), _stays)
        async with asyncio.timeout(within_s), aclosing(frames) as pieces:
            async for piece in pieces:
                seen.take(piece)
                if len(seen.events) >= count and seen.position:
                    break
        return seen


async def until(holds: Callable[[], bool], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def connected(seen: Seen) -> None:
    """Until the client knows where it is."""
    await until(lambda: seen.position is not None)


async def _stays() -> bool:
    return True


@pytest.fixture
async def topics(kafka_bootstrap: str) -> AsyncIterator[dict[str, int]]:
    name = f"takt.test{secrets.token_hex(4)}"
    wanted = {f"{name}.thing": PARTITIONS, f"{name}.other": 1}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, count, 1) for topic, count in wanted.items()])
    yield wanted
    await admin.delete_topics(list(wanted))
    await admin.close()


@asynccontextmanager
async def streaming(
    bootstrap: str, topics: dict[str, int], *, remembered: int = 2_000, backlog: int = 1_000, keep_alive_s: float = 15
) -> AsyncIterator[Stream]:
    source, positions = Log(bootstrap, topics), Positions(SECRET)
    hub = Hub(source, positions, remembered=remembered, backlog=backlog)
    reading = asyncio.create_task(hub.run())
    made = Stream(source, positions, hub, Follower(hub, source, positions, keep_alive_s=keep_alive_s))
    await made.ready()
    yield made
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@pytest.fixture
async def stream(kafka_bootstrap: str, topics: dict[str, int]) -> AsyncIterator[Stream]:
    async with streaming(kafka_bootstrap, topics) as made:
        yield made


@pytest.fixture
async def tell(kafka_bootstrap: str, topics: dict[str, int]) -> AsyncIterator[Tell]:
    """`await tell(5)`: five events about five subjects, acknowledged; answers the subjects."""
    thing = next(iter(topics))
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all", enable_idempotence=True) as producer:

        async def send(count: int, topic: str = thing, *, prefix: str = "S") -> list[str]:
            subjects = [f"{prefix}-{new_id().hex[-12:]}" for _ in range(count)]
            sent = [
                await producer.send(
                    topic, b'{"version": 1, "state": {}}', key=one.encode(), headers=headers(topic, one)
                )
                for one in subjects
            ]
            await asyncio.gather(*sent)
            return subjects

        yield send


def headers(topic: str, subject: str) -> list[tuple[str, bytes]]:
    told = {"specversion": "1.0", "id": str(new_id()), "source": "/plants/test/x", "type": f"{topic}.made.v1"}
    named = {**told, "subject": subject, "time": "2026-03-02T06:30:00Z"}
    return [(f"ce_{name}", value.encode()) for name, value in named.items()]
