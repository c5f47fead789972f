"""Consumers of the product that fall asleep at the worst moment: their process is stopped in its second batch. And one
that takes its time.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from plantkit.db.tx import Tx
from plantkit.messaging.effect import Effect, TransactionalEffect
from plantkit.messaging.inbox import Deliveries
from plantkit.messaging.offsets import Offsets
from plantkit.messaging.records import Delivery
from plantkit.messaging.subscription import ConsumerStrategies


def asleep_in_the_second() -> Callable[[], None]:
    """Call it once a batch."""
    batches = iter(range(1, 1_000_000))

    def pass_by() -> None:
        if next(batches) == 2:
            os.kill(os.getpid(), signal.SIGSTOP)

    return pass_by


def _inside_a_transaction(effect: TransactionalEffect, offsets: Offsets) -> Effect:
    passed = asleep_in_the_second()

    async def handler(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        await effect.handler(tx, deliveries)
        passed()

    return replace(effect, handler=handler)


class _AfterTheCommit:
    """The effect stands, and the broker has not been told."""

    def __init__(self, effect: TransactionalEffect, offsets: Offsets) -> None:
        self._effect = effect
        self._passed = asleep_in_the_second()

    async def apply(self, deliveries: Deliveries) -> None:
        await self._effect.apply(deliveries)
        self._passed()


def _in_no_hurry(effect: TransactionalEffect, offsets: Offsets) -> Effect:
    """Every batch takes half a second."""

    async def handler(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        await effect.handler(tx, deliveries)
        await asyncio.sleep(0.5)

    return replace(effect, handler=handler)


INSIDE_A_TRANSACTION = ConsumerStrategies(effect=_inside_a_transaction)
PONDEROUS = ConsumerStrategies(effect=_in_no_hurry)
AFTER_THE_COMMIT = ConsumerStrategies(effect=_AfterTheCommit)
