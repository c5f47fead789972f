"""Begin anew where the database no longer remembers that a group had its first offsets: after a replay or a rebuild.

The broker sets an offset from outside only while the group has no members. Each member that finds its place forgotten
leaves; who finds itself the last sets the beginning, and all join again.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from aiokafka import TopicPartition

from plantkit.context import Context
from plantkit.messaging.provision import GroupBusy, join_group, joined
from plantkit.messaging.subscription import Subscription
from plantkit.observability import logs

_PATIENCE_S = 30.0
_EVERY_S = 0.5
log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Of one subscription; asked every few seconds."""

    context: Context
    subscription: Subscription

    async def __call__(self, partitions: Collection[TopicPartition]) -> bool:
        """Whether the group had to begin anew on some of them."""
        async with self.context.db.connection() as connection:
            known = await joined(connection, self.subscription.group)
        if known.issuperset(partitions):
            return False
        log.warning("consumer.begins_anew", group=self.subscription.group)
        async with self.subscription.left():
            await self._set_first_offsets()
        return True

    async def _set_first_offsets(self) -> None:
        """While members of other processes are there, wait for them to leave; in the end the next look tries again."""
        bootstrap, topics = self.context.settings.kafka_bootstrap, self.subscription.consumer.topics
        for _ in range(round(_PATIENCE_S / _EVERY_S)):
            try:
                async with self.context.db.connection() as connection:
                    await join_group(connection, bootstrap, self.subscription.group, topics)
            except GroupBusy:
                await asyncio.sleep(_EVERY_S)
            else:
                return
