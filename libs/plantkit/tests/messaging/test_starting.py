"""A client whose start is cut short leaves no connection behind, at whatever moment that is."""

import asyncio
import gc
import warnings

import pytest

from plantkit.messaging.broker import commit_client, start_client

pytestmark = pytest.mark.broker
_LONGEST_CUT_MS = 60


async def _cut(bootstrap: str, after_ms: int) -> None:
    async def starting() -> None:
        client = commit_client(bootstrap, "tests.cut")
        try:
            await start_client(client)
            await asyncio.Event().wait()
        finally:
            await client.stop()

    task = asyncio.create_task(starting())
    await asyncio.sleep(after_ms / 1000)
    task.cancel()
    [ended] = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)


async def test_a_start_that_is_cut_short_leaves_no_connection_open(kafka_bootstrap: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for after_ms in range(_LONGEST_CUT_MS):
            await _cut(kafka_bootstrap, after_ms)
        gc.collect()

    assert [str(one.message) for one in caught if "AIOKafkaConnection" in str(one.message)] == []


async def test_a_start_that_fails_says_why() -> None:
    client = commit_client("127.0.0.1:1", "tests.cut")
    with pytest.raises(Exception, match="Unable to bootstrap"):
        await start_client(client)
    await client.stop()
