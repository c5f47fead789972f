"""Trucks: the suite, and a plate that is nobody else's."""

from operations.catalog.trucks import TRUCKS
from plantkit.testing.resource_case import a_number
from plantkit.testing.resource_suite import ResourceSuite
from plantkit.testing.watch import nothing_written


class TestTrucks(ResourceSuite):
    resource = TRUCKS
    valid = {"code": "T-07", "name": "Truck 07", "capacity_pallets": 34, "capacity_kg": "24000"}
    patch = {"name": "Truck 07, tall", "capacity_kg": "23500.5"}
    invalid = {"plate": "hh tk 1", "capacity_pallets": -1, "capacity_kg": "-0.5"}

    async def test_a_plate_that_another_has_is_refused_by_its_field(self) -> None:
        plate = f"HH TK {a_number()}"
        await self.created(plate=plate)
        async with nothing_written(self.database, self.table, told="resource.already-exists"):
            reply = await self.client.post(self.url, json=self.fresh(plate=plate))
        assert (reply.status_code, [error["pointer"] for error in reply.json()["errors"]]) == (409, ["/plate"])

    async def test_of_imported_rows_only_the_one_with_a_taken_plate_is_refused(self) -> None:
        plate, good = f"HH TK {a_number()}", [self.fresh(), self.fresh()]
        await self.created(plate=plate)
        result = await self.land(good[0], self.fresh(plate=plate), good[1])
        assert result.states == ("created", "rejected", "created")
        assert [(one.row, one.field, one.code) for one in result.refusals] == [(3, "plate", "resource.already-exists")]

    async def test_it_is_found_by_its_plate(self) -> None:
        plate = f"HH TK {a_number()}"
        body = await self.created(plate=plate)
        found = (await self.client.get(self.url, params={"q": plate})).json()["data"]
        assert [one["code"] for one in found] == [body["code"]]
