"""The bare loop: select a page of pending rows, send all, wait for all, mark. The same client, the same settings.

No slots, no leases, no fencing, no blocked rows, nothing read ahead: what one writes in an afternoon, and what the
client itself can do.
"""

import asyncio
import json
import os
import sys

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer

PAGE = 2_000
_READ = """
SELECT id, month, topic, key, headers, payload FROM outbox o JOIN outbox_pending p USING (id, month)
ORDER BY p.slot, p.aggregatetype, p.aggregateid, p.version LIMIT $1
"""
_MARK = """
DELETE FROM outbox_pending WHERE id = ANY($1::uuid[])
"""


async def relay() -> None:
    connection = await asyncpg.connect(os.environ["BENCH_DATABASE_URL"])
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["BENCH_KAFKA"],
        enable_idempotence=True,
        acks="all",
        request_timeout_ms=15_000,
        max_batch_size=262_144,
        max_request_size=8 * 262_144,
    )
    await producer.start()
    while rows := await connection.fetch(_READ, PAGE):
        await asyncio.gather(*[await _send(producer, row) for row in rows])
        await connection.execute(_MARK, [row["id"] for row in rows])
    await producer.stop()
    await asyncio.sleep(60)  # until the parent has taken its figures


async def _send(producer: AIOKafkaProducer, row: asyncpg.Record) -> asyncio.Future[object]:
    headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
    sent: asyncio.Future[object] = await producer.send(
        row["topic"], row["payload"].encode(), key=row["key"].encode(), headers=headers
    )
    return sent


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    uvloop.run(relay())
