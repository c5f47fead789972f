"""The separate reader of our turns: a plain consumer that says when it has read the last row's own event.

`python -m bench.imports_watch`: waits at the end of the topic, says "ready", is told prefix and rows, and prints the
moment (CLOCK_MONOTONIC, which all processes of a machine share) when it has seen an event of every row.
"""

import asyncio
import json
import os
import sys
import time

from aiokafka import AIOKafkaConsumer

_TOPIC = "takt.operations.operation"
_LONGEST_S = 300.0


async def watch() -> None:
    consumer = AIOKafkaConsumer(
        _TOPIC, bootstrap_servers=os.environ["BENCH_KAFKA"], auto_offset_reset="latest", enable_auto_commit=False
    )
    await consumer.start()
    await consumer.seek_to_end()
    for place in consumer.assignment():
        await consumer.position(place)
    print("ready", flush=True)
    order = json.loads(await asyncio.to_thread(sys.stdin.readline))
    print(json.dumps(await _seen(consumer, order["prefix"].encode(), order["rows"])), flush=True)
    await consumer.stop()


async def _seen(consumer: AIOKafkaConsumer, prefix: bytes, rows: int) -> dict[str, float]:
    """Every subject once, whatever is delivered twice; and how many records there were in all."""
    seen: set[bytes] = set()
    records, ends_at = 0, time.monotonic() + _LONGEST_S
    while len(seen) < rows and time.monotonic() < ends_at:
        for batch in (await consumer.getmany(timeout_ms=200, max_records=20_000)).values():
            mine = [record.key for record in batch if record.key.startswith(prefix)]
            seen.update(mine)
            records += len(mine)
    return {"at": time.monotonic(), "rows": len(seen), "records": records}


if __name__ == "__main__":
    asyncio.run(watch())
