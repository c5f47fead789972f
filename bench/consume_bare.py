"""A bare FastStream batch consumer: it counts, and with BENCH_EFFECT it writes each batch in one statement as well.

The same client settings and size of batches. No inbox, no versions, nothing parked; the client acknowledges by itself.
"""

import asyncio
import os
import sys
from typing import Any

import asyncpg
import uvloop
from faststream.kafka import KafkaBroker

from bench.consume_topic import APPLY, WORKLOADS, Progress, say


class _Counter:
    def __init__(self, connection: asyncpg.Connection | None) -> None:
        self._connection, self._progress = connection, Progress()

    async def take(self, messages: list[Any]) -> None:
        self._progress.came()
        if self._connection is not None:
            states = [(one["version"], one["state"]) for one in messages]
            subjects = [f"{state['order_no']}/{state['operation_no']}" for _, state in states]
            good = [state["qty_good"] for _, state in states]
            await self._connection.execute(APPLY, subjects, [version for version, _ in states], good)
        self._progress.done(len(messages))


async def consume() -> None:
    connection = await asyncpg.connect(os.environ["BENCH_DATABASE_URL"]) if "BENCH_EFFECT" in os.environ else None
    broker = KafkaBroker(os.environ["BENCH_KAFKA"], logger=None)
    subscriber = broker.subscriber(
        WORKLOADS[os.environ["BENCH_WORKLOAD"]].topic,
        group_id=os.environ["BENCH_GROUP"],
        batch=True,
        max_records=2_000,
        batch_timeout_ms=20,
        fetch_max_wait_ms=250,
        auto_offset_reset="earliest",
    )
    subscriber(_Counter(connection).take)
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    say("ready")
    sys.stdin.readline()
    uvloop.run(consume())
