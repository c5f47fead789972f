"""Wrong relays, each a mistake that is made in the field. They take the place of the product's parts by constructor.

Every one of them must be convicted by a checker; if one passes, the checkers prove nothing.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence

import asyncpg
from aiokafka import AIOKafkaProducer

from plantkit.db.machinery import SLOTS
from plantkit.messaging.broker import BATCH_BYTES
from plantkit.messaging.outbox import ROW, Marker, Outcome, Position, Reader
from plantkit.messaging.publisher import KafkaPublisher, Publisher, Ticket
from plantkit.messaging.relay import Strategies, open_kafka_publisher
from plantkit.settings import ServiceSettings

_COLUMNS = """o.id, o.month, o.slot, o.aggregatetype, o.aggregateid, o.version, topic, convert_to(key, 'UTF8'), headers,
              convert_to(payload, 'UTF8'), NULL"""
_BEYOND = f"SELECT {_COLUMNS} FROM outbox o WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2"
_UNLOCKED = f"""
SELECT {_COLUMNS} FROM outbox o JOIN outbox_pending p USING (id, month)
ORDER BY o.aggregatetype, o.aggregateid, o.version LIMIT $1 FOR UPDATE OF p SKIP LOCKED
"""
_MARK = "DELETE FROM outbox_pending WHERE id = ANY($1::uuid[])"


class PointerReader:
    """Remembers the greatest id that it has sent and asks for what is greater: a slower transaction is passed over."""

    def __init__(self, connection: asyncpg.Connection, limit: int) -> None:
        self._connection = connection
        self._limit = limit
        self._pointer: object = None

    async def page(self, slots: Sequence[int], after: Position) -> Sequence[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(_BEYOND, self._pointer, self._limit)
        if rows:
            self._pointer = rows[-1][ROW.id]
        return rows


class EverySlot:
    """Leases of nobody: each relay believes that everything is its own."""

    def __init__(self, connection: asyncpg.Connection, service: str, lease_s: float) -> None:
        self.held: Mapping[int, int] = dict.fromkeys(range(SLOTS), 0)
        self.is_above_share = False

    async def heartbeat(self) -> None:
        return

    async def settle(self) -> None:
        return

    async def leave(self) -> None:
        return

    def lose(self, slots: frozenset[int]) -> None:
        return


class PlainMarker:
    """Marks what it is told to, and asks nobody."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        await self._connection.execute(_MARK, [row[ROW.id] for row in outcome.delivered])
        return frozenset()


class _SkipLocked:
    """Reader and marker of one relay: rows that another is sending are skipped, later ones of their key are not."""

    def __init__(self) -> None:
        self._connection: asyncpg.Connection | None = None
        self._limit = 0
        self._open = False

    def reader(self, connection: asyncpg.Connection, limit: int) -> Reader:
        self._connection, self._limit, self._open = connection, min(limit, 16), False
        return self

    def marker(self, connection: asyncpg.Connection) -> Marker:
        return self

    async def page(self, slots: Sequence[int], after: Position) -> Sequence[asyncpg.Record]:
        """One page a walk: its rows stay locked until they are marked."""
        assert self._connection is not None
        if self._open:
            return []
        await self._connection.execute("BEGIN")
        rows: list[asyncpg.Record] = await self._connection.fetch(_UNLOCKED, random.randint(1, self._limit))
        self._open = bool(rows)
        if not rows:
            await self._connection.execute("COMMIT")
        await asyncio.sleep(random.uniform(0.0, 0.02))  # as a busy machine does, so that a run suffices
        return rows

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        assert self._connection is not None
        await self._connection.execute(_MARK, [row[ROW.id] for row in outcome.delivered])
        await self._connection.execute("COMMIT")
        self._open = False
        return frozenset()


class HastyPublisher:
    """Says "delivered" when it has taken the rows, and sends them a moment later."""

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner
        self._later: asyncio.Queue[tuple[Sequence[asyncpg.Record], set[tuple[str, str]]]] = asyncio.Queue()
        self._sending = asyncio.create_task(self._send())

    async def send(self, rows: Sequence[asyncpg.Record], stopped: set[tuple[str, str]]) -> Ticket:
        ticket = Ticket()
        ticket.outcome.delivered.extend(rows)
        ticket.close()
        await self._later.put((rows, stopped))
        return ticket

    async def close(self) -> None:
        self._sending.cancel()
        await self._inner.close()

    async def _send(self) -> None:
        while True:
            rows, stopped = await self._later.get()
            await asyncio.sleep(0.03)
            ticket = await self._inner.send(rows, stopped)
            await ticket.settled.wait()


async def _open_hasty(settings: ServiceSettings, one_by_one: bool) -> Publisher:
    return HastyPublisher(await open_kafka_publisher(settings, one_by_one))


async def _open_without_idempotence(settings: ServiceSettings, one_by_one: bool) -> Publisher:
    """The client's own default: a batch whose acknowledgement was lost is sent again, and the broker takes it twice."""

    async def connect(*, idempotent: bool) -> AIOKafkaProducer:
        del idempotent
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap.split(","),
            acks="all",
            request_timeout_ms=settings.kafka_request_timeout_ms,
            max_batch_size=BATCH_BYTES,
            max_request_size=8 * BATCH_BYTES,
        )
        await producer.start()
        return producer

    return await KafkaPublisher.open(connect, settings.service, one_by_one=one_by_one)


_skipping = _SkipLocked()
POINTER = Strategies(reader=PointerReader, marker=PlainMarker, leases=EverySlot)
SKIP_LOCKED = Strategies(reader=_skipping.reader, marker=_skipping.marker, leases=EverySlot)
MARK_BEFORE_ACK = Strategies(publisher=_open_hasty)
WITHOUT_IDEMPOTENCE = Strategies(publisher=_open_without_idempotence)
