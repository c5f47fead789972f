"""A consumer dies between reading that work is finished and telling the broker so: each transport is proposed once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import httpx
import pytest
from aiokafka import TopicPartition

from takt_contracts.roles import Role
from tests.faults.harness import points
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED, Stuck
from tests.faults.harness.shop import STEP, Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
ORDERS, AFTER = 60, 4
_PROPOSED = "SELECT proposed_for FROM transport_orders WHERE proposed_for = ANY($1)"
_TOLD = (
    "SELECT payload::jsonb #>> '{state,order_no}' AS order_no FROM outbox"
    " WHERE type = 'takt.operations.transport-order.proposed.v1'"
)


class Finishing:
    """Finishes operations one after the other, so that the consumer reads more than once."""

    def __init__(self, plant: Plant, address: str) -> None:
        self._client = httpx.AsyncClient(headers=plant.signer.headers(Role.ADMIN), base_url=f"{address}/api/v1")

    async def finish(self, orders: Iterable[str], *, but: Callable[[], bool] = lambda: False) -> list[str]:
        """Which were finished until `but` was so."""
        done: list[str] = []
        for order in orders:
            if but():
                break
            answer = await self._client.post(
                f"/operations/{order}/{STEP}/finish", json={}, headers={"idempotency-key": f"finish-{order}"}
            )
            assert answer.is_success, answer.text
            done.append(order)
            await asyncio.sleep(0.3)
        return done

    async def close(self) -> None:
        await self._client.aclose()


@pytest.fixture
async def shop(plant: Plant) -> AsyncIterator[Shop]:
    made = Shop(plant, operations=ORDERS)
    yield made
    await made.close()


@pytest.mark.parametrize("passage", [1, 2])
@pytest.mark.parametrize("point", points.CONSUMER)
async def test_a_killed_consumer_proposes_each_transport_once(
    plant: Plant, shop: Shop, log_ends: dict[TopicPartition, int], point: str, passage: int
) -> None:
    _, address = plant.service("api", "relay")
    await shop.open(address)
    orders = [key.partition("/")[0] for key in shop.keys]
    finishing = Finishing(plant, address)
    victim, _ = plant.service("consumers", crash=f"{point}:{passage}")
    done = await finishing.finish(orders[:-AFTER], but=lambda: victim.code is not None)
    code = await victim.ended(within_s=30)
    plant.service("consumers")
    done += await finishing.finish(orders[-AFTER:])
    await finishing.close()

    assert code == KILLED
    await _all_proposed(plant, done)
    await asyncio.sleep(2)  # what would come twice has come by now
    assert sorted(await _column(plant, _PROPOSED, done)) == sorted(done)
    assert sorted(await _column(plant, _TOLD)) == sorted(done)
    assert await _column(plant, "SELECT reason_code FROM parked") == []


async def _all_proposed(plant: Plant, orders: list[str]) -> None:
    for _ in range(600):
        if len(await _column(plant, _PROPOSED, orders)) == len(orders):
            return
        await asyncio.sleep(0.1)
    raise Stuck(f"{await _column(plant, _PROPOSED, orders)} of {orders} are proposed")


async def _column(plant: Plant, query: str, *given: object) -> list[str]:
    async with plant.database.connect() as connection:
        return [row[0] for row in await connection.fetch(query, *given)]
