"""Events come to the consumer as the kit brings them: inbox, guard, handler, one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.order_card.consumers import keep_cards
from plantkit.messaging.records import Delivery
from plantkit.messaging.subscription import Subscription
from services.gateway.tests.order_card.story import Told

Deliver = Callable[..., Awaitable[None]]
Card = Callable[[str], Awaitable[httpx.Response]]


@pytest.fixture
def deliver(app: FastAPI) -> Deliver:
    """`await deliver(told, ...)`: one batch."""
    subscription = Subscription(app.state.context, keep_cards)

    async def send(*told: Told) -> None:
        read = [subscription.reader.read(one.record(offset)) for offset, one in enumerate(told)]
        assert all(isinstance(one, Delivery) for one in read), read
        deliveries: Sequence[Any] = read
        await subscription.effect.apply(deliveries)

    return send


@pytest.fixture
def card(admin: httpx.AsyncClient) -> Card:
    async def read(order: str, **headers: str) -> httpx.Response:
        return await admin.get(f"/api/v1/orders/{order}/card", headers=headers)

    return read
