"""Wrong ways to put records aside, each a mistake that is made in the field, in the product's place by constructor."""

from collections.abc import Iterable

import asyncpg
from aiokafka import ConsumerRecord

from plantkit.messaging.parking import Aside, Head, Parking
from plantkit.messaging.subscription import ConsumerStrategies


class _DropsHeaders(Parking):
    """Keeps key and value, and thinks that this is the record."""

    async def put(self, connection: asyncpg.Connection, asides: Iterable[Aside]) -> None:
        await super().put(connection, [_bare(aside) for aside in asides])


def _bare(aside: Aside) -> Aside:
    old = aside.record
    place = (old.topic, old.partition, old.offset, old.timestamp, old.timestamp_type)
    bare = ConsumerRecord(*place, old.key, old.value, None, old.serialized_key_size, old.serialized_value_size, ())
    return Aside(bare, aside.code, aside.reason, aside.state, aside.attempts, aside.wait_s)


class _KeepsOneOfAKey(Parking):
    """Keeps the record that failed, and lets go of those that come behind it."""

    async def put(self, connection: asyncpg.Connection, asides: Iterable[Aside]) -> None:
        heads = await self.heads(connection)
        await super().put(connection, [aside for aside in asides if not _is_known(aside, heads.get(_key(aside)))])


def _key(aside: Aside) -> tuple[str, bytes]:
    return aside.record.topic, aside.record.key


def _is_known(aside: Aside, head: Head | None) -> bool:
    return head is not None and aside.record.offset > head.offset


DROPS_HEADERS = ConsumerStrategies(parking=_DropsHeaders)
KEEPS_ONE_OF_A_KEY = ConsumerStrategies(parking=_KeepsOneOfAKey)
