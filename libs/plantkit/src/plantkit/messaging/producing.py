"""Producers of the relay: how they are let go of, and the one that tries again what was refused."""

import asyncio
from typing import Protocol

from aiokafka import AIOKafkaProducer

_CLOSE_S = 3.0


class Connect(Protocol):
    """Makes a started producer. Raises KafkaError."""

    async def __call__(self, *, idempotent: bool) -> AIOKafkaProducer: ...


class SecondClient:
    """For rows that were refused before; made when the first of them is tried again.

    It is not idempotent: it gives no numbers, and a refusal leaves no gap in them. The price is that a row whose
    acknowledgement was lost is told twice, which a relay may do.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._made: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()

    async def client(self) -> AIOKafkaProducer:
        """Raises KafkaError."""
        async with self._making:
            if self._made is None:
                self._made = await self._connect(idempotent=False)
        return self._made

    async def close(self) -> None:
        if self._made is not None:
            await let_go(self._made)


async def let_go(producer: AIOKafkaProducer) -> None:
    """Within seconds, whether or not the broker answers."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            await producer.stop()
    except TimeoutError:
        await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """`stop` waits for ever for a broker that is away; there is no public way to drop what was handed over."""
    sender = producer._sender
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
    await producer.client.close()
