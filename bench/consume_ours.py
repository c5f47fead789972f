"""The product's consumers in a process of their own: says "ready", waits for "go", says when it begins and is done."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any

import structlog
import uvloop
from pydantic import BaseModel

from bench.consume_topic import APPLY, WORKLOADS, Progress, say
from bench.filling import settings
from plantkit.db.tx import Tx
from plantkit.messaging.consumer import consumes, whole
from plantkit.messaging.effect import TransactionalEffect
from plantkit.messaging.inbox import Deliveries
from plantkit.messaging.offsets import Offsets
from plantkit.messaging.records import Delivery
from plantkit.messaging.subscription import ConsumerStrategies
from plantkit.messaging.wiring import Messaging
from plantkit.service import Service
from plantkit.settings import Loop
from plantkit.slice import Slice
from takt_contracts.event import Event
from takt_contracts.scalars import OperationNo, OrderNo, Quantity


class SeenState(BaseModel):
    """What the handler looks at; its owner has checked the rest, as for our own read models."""

    order_no: OrderNo
    operation_no: OperationNo
    qty_good: Quantity


class SeenReport(Event):
    state: SeenState


def seen_as(_: type[Event]) -> type[Event]:
    return SeenReport


async def apply(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """Delivered twice or late: the kit drops it."""
    columns = zip(*((one.subject, one.version, one.event.state.qty_good) for one in deliveries), strict=True)
    await tx.connection.execute(APPLY, *(list(column) for column in columns))


class _Counted:
    """The product's effect; what has committed is done."""

    def __init__(self, effect: TransactionalEffect, offsets: Offsets) -> None:
        self._effect, self._progress = effect, Progress()

    async def apply(self, deliveries: Deliveries) -> None:
        self._progress.came()
        await self._effect.apply(deliveries)
        self._progress.done(len(deliveries))


async def consume() -> None:
    told = settings(os.environ["BENCH_DATABASE_URL"], os.environ["BENCH_KAFKA"])
    context = Service(name="operations", settings=type(told), slices=()).app(told).state.context
    view = whole if "BENCH_WHOLE" in os.environ else seen_as
    consumer = consumes(WORKLOADS[os.environ["BENCH_WORKLOAD"]], group=os.environ["BENCH_GROUP"], view=view)(apply)
    messaging = Messaging(
        context, [Slice(name="bench", consumers=(consumer,))], consumers=ConsumerStrategies(effect=_Counted)
    )
    await messaging.start({Loop.CONSUMERS})
    await asyncio.Event().wait()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # our output is for the parent alone
    say("ready")
    sys.stdin.readline()
    uvloop.run(consume())
