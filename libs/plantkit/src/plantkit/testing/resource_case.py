"""The stage of a resource's tests: how one is made, addressed and looked up, over HTTP and in the outbox."""

import itertools
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
import orjson
import pytest
from fastapi import FastAPI

from plantkit.resources.resource import Resource
from plantkit.testing.database import TestDatabase
from plantkit.testing.importing import ImportSender

Body = dict[str, Any]
Headers = dict[str, str]
_numbers = itertools.count(1)


def a_number() -> int:
    """Another one each time, for keys that nobody has."""
    return next(_numbers)


@pytest.mark.db
class ResourceCase:
    """Inherit, and say what a good one, a change and bad values look like.

    `invalid` maps fields to values that must be refused on their own. `requires` are resources that must exist for
    `valid`. `used_by` is a resource that can refer to this one, one of it, and the field that refers.
    """

    resource: ClassVar[Resource[Any, Any]]
    valid: ClassVar[Body]
    patch: ClassVar[Body]
    invalid: ClassVar[Body]
    requires: ClassVar[tuple[tuple[Resource[Any, Any], Body], ...]] = ()
    used_by: ClassVar[tuple[Resource[Any, Any], Body, str] | None] = None

    @pytest.fixture(autouse=True)
    async def _given(
        self, app: FastAPI, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, database: TestDatabase
    ) -> None:
        self.client, self.anonymous, self.database = client, anonymous, database
        self.imports = ImportSender(app, database)
        self.plural, self.key = self.resource.contract.plural, self.resource.contract.key
        self.url, self.table = f"/api/v1/{self.plural}", self.resource.listing.table.name
        for resource, body in self.requires:
            reply = await client.post(f"/api/v1/{resource.contract.plural}", json=body)
            assert reply.status_code in (201, 409), reply.text

    def fresh(self, **changes: Any) -> Body:
        """A good body with a key of its own."""
        return {**self.valid, self.key[0]: f"{self.valid[self.key[0]][:24]}-{a_number()}", **changes}

    def at(self, body: Mapping[str, Any]) -> str:
        return "/".join([self.url, *(quote(body[name], safe="") for name in self.key)])

    async def created(self, **changes: Any) -> Body:
        reply = await self.client.post(self.url, json=self.fresh(**changes))
        assert reply.status_code == 201, reply.text
        body: Body = reply.json()
        return body

    async def archived(self) -> Body:
        body = await self.created()
        assert (await self.client.delete(self.at(body), headers={"if-match": '"1"'})).status_code == 204
        return body

    async def told(self, body: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Facts about one, in order: the word and the version."""
        async with self.database.connect() as connection:
            rows = await connection.fetch(
                "SELECT type, version, payload FROM outbox WHERE topic = $1 AND aggregateid = $2 ORDER BY version",
                f"takt.{self.resource.contract.owner}.{self.resource.contract.name}",
                "/".join(body[name] for name in self.key),
            )
        for row in rows:
            assert orjson.loads(row["payload"])["version"] == row["version"]
        return [(row["type"].split(".")[-2], row["version"]) for row in rows]

    def written(self, body: Mapping[str, Any]) -> Body:
        """Of a state, what a client may write."""
        return {name: value for name, value in body.items() if name in self.resource.contract.fields.model_fields}
