"""What may be booked has a number that the database gives, that never changes, and that nobody outside sees."""

import asyncpg
import pytest

from operations.catalog import RESOURCES
from plantkit.resources.resource import Bookable

pytestmark = pytest.mark.db
BOOKABLE = sorted(resource.contract.plural for resource in RESOURCES if issubclass(resource.row, Bookable))


def test_who_and_what_is_in_one_place_at_a_time():
    assert BOOKABLE == ["drivers", "employees", "machines", "trailers", "trucks"]


@pytest.mark.parametrize("plural", BOOKABLE)
async def test_each_has_another_number_and_keeps_it(client, database, plural):
    for code in ("N-1", "N-2"):
        reply = await client.post(f"/api/v1/{plural}", json={"code": code, "name": "One"})
        assert (reply.status_code, "no" in reply.json()) == (201, False)
    async with database.connect() as connection:
        numbers = [row["no"] for row in await connection.fetch(f"SELECT no FROM {plural} ORDER BY no")]
    reply = await client.patch(f"/api/v1/{plural}/N-1", json={"name": "Two"}, headers={"if-match": '"1"'})
    assert reply.status_code == 200
    async with database.connect() as connection:
        assert [row["no"] for row in await connection.fetch(f"SELECT no FROM {plural} ORDER BY no")] == numbers
        with pytest.raises(asyncpg.GeneratedAlwaysError):
            await connection.execute(f"UPDATE {plural} SET no = 7")
    assert len(set(numbers)) == len(numbers) >= 2


@pytest.mark.parametrize("plural", BOOKABLE)
async def test_nobody_asks_for_it(client, plural):
    reply = await client.get(f"/api/v1/{plural}?no=1")
    assert (reply.status_code, reply.json()["code"]) == (400, "query.unknown-name")
