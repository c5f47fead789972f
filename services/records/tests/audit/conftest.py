"""A log to stand behind the chains: what a service tells is handed to the consumer as the log would."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from fastapi import FastAPI

from plantkit.clock import utc_now
from plantkit.context import Context
from plantkit.testing.database import TestDatabase
from records.audit.consumers import STREAMS
from records.audit.loops import sign_once
from services.records.tests.audit.entries import record_of

Chained = Callable[..., Awaitable[None]]
Sign = Callable[..., Awaitable[int]]


@pytest.fixture
def arrive(app: FastAPI) -> Chained:
    """`await arrive(record, ...)`: one poll of the log, through inbox and parking as in the product."""

    async def consume(*records: ConsumerRecord) -> None:
        found = [one for one in app.state.messaging.subscriptions if one.group == "records.audit-chain"]
        await found[0].pipeline.consume(list(records))

    return consume


@pytest.fixture
def carry(arrive: Chained, database: TestDatabase) -> Chained:
    """`await carry()`: everything that records told so far, as the relay would tell it; again what was told before."""

    async def send() -> None:
        async with database.connect() as connection:
            rows: Sequence[Any] = await connection.fetch(
                "SELECT topic, key, headers::text, payload FROM outbox WHERE topic = ANY($1) ORDER BY recorded_at, id",
                list(STREAMS),
            )
        await arrive(
            *(record_of(row["topic"], row["key"], orjson.loads(row["headers"]), row["payload"]) for row in rows)
        )

    return send


@pytest.fixture
def sign(app: FastAPI) -> Sign:
    """`await sign(later_s=31)`: what would be signed so much later."""

    async def signed(later_s: float = 0) -> int:
        context: Context = app.state.context
        return await sign_once(replace(context, clock=lambda: utc_now() + timedelta(seconds=later_s)))

    return signed
