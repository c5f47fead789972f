"""Give a group that feeds no read model what it has missed, from the owners' archives.

Everything that was ever told passes through its inbox and its guards, which drop what it has had. Then it begins at the
beginning of what the log still holds, and drops that too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from plantkit.context import Context
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.metrics import APPLIED
from plantkit.messaging.pipeline import is_trouble
from plantkit.messaging.rebuild import Archives, RebuildRefused
from plantkit.messaging.records import Delivery, Poison
from plantkit.messaging.subscription import Subscription


@dataclass(slots=True)
class CaughtUp:
    """How many events there were, and how many had not taken effect before. `left_alone`: keys with a record aside."""

    group: str
    events: int = 0
    applied: int = 0
    unreadable: int = 0
    left_alone: int = 0


async def catch_up(context: Context, consumer: Consumer, archives: Archives) -> CaughtUp:
    """Raises RebuildRefused where an event cannot be applied (what came before it is), and what the owners raise."""
    made = _CatchingUp(context, consumer)
    for topic in consumer.topics:
        async for records in archives.events(topic):
            for first in range(0, len(records), consumer.batch):
                await made.give(records[first : first + consumer.batch])
    async with context.db.connection() as connection:
        await connection.execute("DELETE FROM joined_groups WHERE group_name = $1", consumer.group)
    return made.counted()


class _CatchingUp:
    """Of one group."""

    def __init__(self, context: Context, consumer: Consumer) -> None:
        self._context = context
        self._subscription = Subscription(context, consumer)
        self._done = CaughtUp(consumer.group)
        self._left_alone: set[tuple[str, bytes]] = set()
        self._applied_before = self._applied()

    def counted(self) -> CaughtUp:
        self._done.applied = self._applied() - self._applied_before
        self._done.left_alone = len(self._left_alone)
        return self._done

    async def give(self, records: Sequence[ConsumerRecord]) -> None:
        """A batch in one transaction, without the keys of which something lies aside: that comes first."""
        async with self._context.db.connection() as connection:
            heads = await self._subscription.parking.heads(connection)
        read = [self._subscription.reader.read(record) for record in records]
        deliveries = [one for one in read if isinstance(one, Delivery)]
        self._done.events += len(deliveries)
        self._done.unreadable += sum(isinstance(one, Poison) for one in read)
        self._left_alone |= {_key(one) for one in deliveries} & heads.keys()
        await self._apply([one for one in deliveries if _key(one) not in heads])

    async def _apply(self, deliveries: Sequence[Delivery[Any]]) -> None:
        if not deliveries:
            return
        try:
            await self._subscription.effect.apply(deliveries)
        except Exception as error:
            if is_trouble(error):
                raise
            raise RebuildRefused(
                f"An event cannot be applied ({type(error).__name__}: {str(error)[:200]}); it is between"
                f" {deliveries[0].subject} and {deliveries[-1].subject} of {deliveries[0].topic}."
            ) from error

    def _applied(self) -> int:
        return int(APPLIED.labels(self._subscription.group)._value.get())


def _key(delivery: Delivery[Any]) -> tuple[str, bytes]:
    return delivery.topic, delivery.record.key
