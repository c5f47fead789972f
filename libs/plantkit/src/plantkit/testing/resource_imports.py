"""What every resource promises to imports: rows land by key, bad ones are refused alone, the same again is silence."""

from typing import Any

from plantkit.testing.resource_case import Body, ResourceCase
from takt_contracts.imports.rows import RowResults


class Imports(ResourceCase):
    """Part of the suite. Rows go to the owner's consumer, as the imports service sends them."""

    async def land(self, *rows: Body, **given: Any) -> RowResults:
        return await self.imports.send(self.plural, rows, roles=(self.resource.write,), **given)

    async def test_a_row_becomes_one(self) -> None:
        body = self.fresh()
        result = await self.land(body)
        read = await self.client.get(self.at(body))
        assert (result.states, result.versions) == (("created",), (1,))
        assert read.json().items() >= body.items()
        assert await self.told(body) == [("created", 1)]

    async def test_a_row_changes_the_one_that_has_its_key(self) -> None:
        body = await self.created()
        key = {name: body[name] for name in self.key}
        result = await self.land({**key, **self.patch})
        read = (await self.client.get(self.at(body))).json()
        assert (result.states, result.versions) == (("updated",), (2,))
        assert {name: read[name] for name in body if name not in self.patch} == {
            **{name: body[name] for name in body if name not in self.patch},
            "version": 2,
            "updated_at": read["updated_at"],
        }
        said = {name: value for name, value in self.patch.items() if value is not None}
        assert read.items() >= said.items()
        assert result.changes[0].before == {name: body[name] for name in self.patch if read[name] != body[name]}
        assert await self.told(body) == [("created", 1), ("updated", 2)]

    async def test_a_bad_row_is_refused_and_its_neighbours_land(self) -> None:
        wrong = {name: value for name, value in self.invalid.items() if value is not None}
        bad = [self.fresh(**{name: value}) for name, value in wrong.items()]
        good = [self.fresh(), self.fresh()]
        result = await self.land(good[0], *bad, good[1])
        assert result.states == ("created", *["rejected"] * len(bad), "created")
        assert [(one.row, one.field) for one in result.refusals] == list(enumerate(wrong, start=3))
        assert [(await self.client.get(self.at(one))).status_code for one in good] == [200, 200]

    async def test_the_same_row_again_is_silence(self) -> None:
        body = self.fresh()
        await self.land(body)
        before = (await self.client.get(self.at(body))).json()
        result = await self.land(body)
        assert (result.states, result.versions, result.changes) == (("unchanged",), (1,), ())
        assert (await self.client.get(self.at(body))).json() == before
        assert await self.told(body) == [("created", 1)]

    async def test_a_plan_changes_nothing(self) -> None:
        body, new = await self.created(), self.fresh()
        key = {name: body[name] for name in self.key}
        created = await self.land(new, phase="plan")
        updated = await self.land({**key, **self.patch}, phase="plan")
        assert (created.states, created.versions, updated.states, updated.versions) == (
            ("created",),
            (0,),
            ("updated",),
            (1,),
        )
        assert (await self.client.get(self.at(new))).status_code == 404
        assert (await self.client.get(self.at(body))).json() == body
        assert await self.told(body) == [("created", 1)]
