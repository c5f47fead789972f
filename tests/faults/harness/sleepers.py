"""Consumers of the product that fall asleep at the worst moment: the process is stopped inside its transaction."""

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from plantkit.db.tx import Tx
from plantkit.messaging.effect import Effect, TransactionalEffect
from plantkit.messaging.offsets import Offsets
from plantkit.messaging.records import Delivery
from plantkit.messaging.subscription import ConsumerStrategies


def _asleep_in_its_second_batch(effect: TransactionalEffect, offsets: Offsets) -> Effect:
    batches = iter(range(1, 1_000_000))

    async def handler(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        await effect.handler(tx, deliveries)
        if next(batches) == 2:
            os.kill(os.getpid(), signal.SIGSTOP)

    return replace(effect, handler=handler)


INSIDE_A_TRANSACTION = ConsumerStrategies(effect=_asleep_in_its_second_batch)
