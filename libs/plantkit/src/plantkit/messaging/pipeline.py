"""What happens to a batch of one group. No exception leaves it: the client would go on and commit past the batch.

Whatever cannot be read is parked first. The rest takes effect in one transaction; when that fails it is halved until
the record that fails stands alone, which is put aside. Trouble with the database is nobody's fault: the batch waits,
whole.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from aiokafka import ConsumerRecord, TopicPartition

from plantkit import crash
from plantkit.context import Context
from plantkit.db.engine import LOST_CONNECTION
from plantkit.errors import DomainError, Kind
from plantkit.messaging.effect import Effect
from plantkit.messaging.inbox import VersionGap
from plantkit.messaging.metrics import BATCH_RETRIES, CONSUMED, SCHEMA_UNKNOWN, VERSION_GAPS
from plantkit.messaging.offsets import Assignment, Offsets
from plantkit.messaging.parking import Aside, Parking
from plantkit.messaging.records import Delivery, Poison, Reader
from plantkit.observability import logs
from plantkit.tasks import together

Read = Delivery[Any] | Poison | None
_PART = 500  # records
_BREATH = 16  # records (0.2 ms) between two looks at the event loop, which hands the database its next statement
_LONGEST_PAUSE_S = 5.0
_TROUBLED_CLASSES = ("08", "25", "40", "53", "55", "57", "58")  # connections, states, rollbacks, resources, operators
_ALARMS = {"event.unknown-type": SCHEMA_UNKNOWN, VersionGap.code: VERSION_GAPS}
log = logs.get(__name__)


class Pipeline:
    """One group's road from the log to the database in this process."""

    def __init__(
        self,
        context: Context,
        *,
        reader: Reader,
        effect: Effect,
        parking: Parking,
        assignment: Assignment,
        offsets: Offsets,
    ) -> None:
        self._context = context
        self._reader = reader
        self._effect = effect
        self._parking = parking
        self._assignment = assignment
        self._offsets = offsets
        self._stopping = False
        self.trouble: str | None = None

    def stop(self) -> None:
        """Stop waiting for a database that is away; what is under way ends without a commit of offsets."""
        self._stopping = True

    async def consume(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply or put aside every record, then say so to the broker."""
        crash.point("consumer.after_poll")
        owned = dict(self._assignment.owned)
        CONSUMED.labels(self._parking.group).inc(len(records))
        if await self._until_settled(records, owned):
            crash.point("consumer.after_commit_before_offset")
            await self._offsets.commit(records, owned)

    async def _until_settled(self, records: Sequence[ConsumerRecord], owned: Mapping[TopicPartition, int]) -> bool:
        pause, is_settled = 0.1, False
        while not (is_settled or self._stopping) and self._is_ours(owned):
            try:
                await self._settle_in_parts(records)
                is_settled = True
            except Exception as error:  # noqa: BLE001  # the consumer loop: whatever it is, the batch is not passed over
                self._complain(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
        self.trouble = None  # also where the batch is somebody else's now: the watchdog spares who is in trouble
        return is_settled

    def _is_ours(self, owned: Mapping[TopicPartition, int]) -> bool:
        """Once every partition has gone to somebody else, so has the batch."""
        now = self._assignment.owned
        return not owned or any(now.get(partition) == number for partition, number in owned.items())

    def _complain(self, error: Exception) -> None:
        self.trouble = f"{self._parking.group} waits for the database: {type(error).__name__}."
        BATCH_RETRIES.labels(self._parking.group).inc()
        log.warning(
            "consumer.batch_retried", group=self._parking.group, error=type(error).__name__, detail=str(error)[:200]
        )

    async def _settle_in_parts(self, records: Sequence[ConsumerRecord]) -> None:
        """The next part is read while the database works on the one before; they take effect one after the other."""
        settling: asyncio.Task[None] | None = None
        async with together() as group:
            for start in range(0, len(records), _PART):
                read = await self._read(records[start : start + _PART])
                if settling is not None:
                    await settling
                settling = group.create_task(self._settle(read))

    async def _read(self, records: Sequence[ConsumerRecord]) -> list[Read]:
        read: list[Read] = []
        for number, record in enumerate(records, 1):
            read.append(self._reader.read(record))
            if not number % _BREATH:
                await asyncio.sleep(0)
        return read

    async def _settle(self, read: Sequence[Read]) -> None:
        poisons = [one for one in read if isinstance(one, Poison)]
        if poisons:
            await self._put_aside([self._parking.poisoned(poison) for poison in poisons])
        await self._apply([one for one in read if isinstance(one, Delivery)])

    async def _apply(self, deliveries: Sequence[Delivery[Any]]) -> None:
        if not deliveries:
            return
        try:
            await self._effect.apply(deliveries)
        except Exception as error:
            if is_trouble(error):
                raise
            await self._divide(deliveries, error)

    async def _divide(self, deliveries: Sequence[Delivery[Any]], error: Exception) -> None:
        if len(deliveries) == 1:
            aside = self._parking.refused if is_final(error) else self._parking.failed
            await self._put_aside([aside(deliveries[0].record, *explained(error))])
            return
        middle = len(deliveries) // 2
        await self._apply(deliveries[:middle])
        await self._apply(deliveries[middle:])

    async def _put_aside(self, asides: Sequence[Aside]) -> None:
        for aside in asides:
            if aside.code in _ALARMS:
                _ALARMS[aside.code].labels(self._parking.group).inc()
            place = {"topic": aside.record.topic, "partition": aside.record.partition, "offset": aside.record.offset}
            log.warning("consumer.put_aside", group=self._parking.group, code=aside.code, state=aside.state, **place)
        async with self._context.db.connection() as connection:
            await self._parking.put(connection, asides)
        crash.point("dlq.after_park_before_offset")


def is_trouble(error: Exception) -> bool:
    """Whether the database is to blame, not the record: the same batch may well succeed later."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in _TROUBLED_CLASSES
    if isinstance(error, DomainError):
        return error.kind is Kind.UNAVAILABLE
    if isinstance(error, ValueError):  # a value that the driver cannot send
        return False
    return isinstance(error, LOST_CONNECTION)


def is_final(error: Exception) -> bool:
    """Whether the record itself is wrong, so that no later attempt can go better."""
    return isinstance(error, DomainError) and error.kind is Kind.INVALID


def explained(error: Exception) -> tuple[str, str]:
    """A code and a sentence for the table."""
    code = error.code if isinstance(error, DomainError) else f"handler.{type(error).__name__}"
    return code, str(error) or type(error).__name__
