"""What every declared resource promises, asserted over HTTP and events. A resource's test is a class of ten lines."""

import asyncio

import orjson
from jsonschema import Draft202012Validator

from plantkit.testing.resource_imports import Imports
from plantkit.testing.resource_refusals import Refusals
from plantkit.testing.watch import audit_entries, nothing_written
from takt_contracts.resource import Change


class ResourceSuite(Refusals, Imports):
    """Inherit, and say what a good one, a change and bad values look like (see `ResourceCase`)."""

    async def test_what_is_created_is_read_back_and_told(self) -> None:
        body = self.fresh()
        reply = await self.client.post(self.url, json=body)
        found = await self.client.get(reply.headers["location"])
        assert (reply.status_code, reply.headers["etag"], found.headers["etag"]) == (201, '"1"', '"1"')
        assert reply.headers["takt-consistency"]
        assert found.json() == reply.json()
        assert found.json().items() >= body.items()
        assert await self.told(body) == [("created", 1)]

    async def test_a_reader_who_has_the_version_is_not_sent_it_again(self) -> None:
        body = await self.created()
        reply = await self.client.get(self.at(body), headers={"if-none-match": '"1"'})
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", '"1"')

    async def test_a_list_is_filtered_sorted_and_paged(self) -> None:
        made = [await self.created() for _ in range(3)]
        key = self.key[0]
        asked = {f"{key}__in": ",".join(one[key] for one in made), "sort": f"-{key}", "limit": "2", "total": "true"}
        first = (await self.client.get(self.url, params=asked)).json()
        second = (await self.client.get(self.url, params={**asked, "cursor": first["page"]["next"]})).json()
        rows = first["data"] + second["data"]
        assert rows == sorted(made, key=lambda one: one[key], reverse=True)
        assert (first["page"]["total"], second["page"]["next"]) == (3, None)

    async def test_a_list_shows_only_the_fields_that_were_asked_for(self) -> None:
        body, key = await self.created(), self.key[0]
        [row] = (await self.client.get(self.url, params={key: body[key], "fields": f"version,{key}"})).json()["data"]
        assert row == {"version": 1, key: body[key]}

    async def test_each_change_is_one_version_and_one_fact(self) -> None:
        body = await self.created()
        patched = await self.client.patch(self.at(body), json=self.patch, headers={"if-match": '"1"'})
        assert (patched.status_code, patched.headers["etag"]) == (200, '"2"')
        assert patched.json().items() >= {**self.patch, "version": 2}.items()
        replaced = await self.client.put(self.at(body), json=self.written(body), headers={"if-match": '"2"'})
        assert (replaced.status_code, replaced.json()["version"]) == (200, 3)
        assert self.written(replaced.json()) == self.written(body)
        assert await self.told(body) == [("created", 1), ("updated", 2), ("updated", 3)]

    async def test_a_change_is_in_the_audit_trail_with_the_fields_that_changed(self) -> None:
        body = await self.created()
        await self.client.patch(self.at(body), json=self.patch, headers={"if-match": '"1"'})
        entry = (await audit_entries(self.database))[-1]
        assert (entry["outcome"], entry["version"], entry["actor"]["kind"]) == ("changed", 2, "user")
        assert entry["subject"] == "/".join(body[name] for name in self.key)
        assert set(entry["changes"]) == set(self.patch)

    async def test_a_change_to_the_same_changes_nothing(self) -> None:
        body = await self.created()
        async with nothing_written(self.database, self.table):
            for method, sent in (("PUT", self.written(body)), ("PATCH", self.written(body)), ("PATCH", {})):
                reply = await self.client.request(method, self.at(body), json=sent, headers={"if-match": '"1"'})
                assert (reply.status_code, reply.json(), reply.headers["etag"]) == (200, body, '"1"')

    async def test_of_ten_changes_to_one_version_one_wins(self) -> None:
        body = await self.created()
        at, seen = self.at(body), {"if-match": '"1"'}
        replies = await asyncio.gather(*(self.client.patch(at, json=self.patch, headers=seen) for _ in range(10)))
        assert sorted(reply.status_code for reply in replies) == [200] + [412] * 9
        assert await self.told(body) == [("created", 1), ("updated", 2)]

    async def test_archived_is_hidden_keeps_its_key_and_can_be_restored(self) -> None:
        body = await self.archived()
        hidden, shown = [await self.client.get(self.at(body), params=asked) for asked in ({}, {"archived": "true"})]
        assert (hidden.status_code, shown.status_code, shown.json()["version"]) == (404, 200, 2)
        assert shown.json()["archived_at"] is not None
        assert (await self.client.post(self.url, json=self.written(body))).status_code == 409
        changed = await self.client.patch(self.at(body), json=self.patch, headers={"if-match": '"2"'})
        assert changed.status_code == 404

        restored = await self.client.post(
            f"{self.at(body)}/restore", headers={"idempotency-key": "r-1" + self.at(body)}
        )
        assert (restored.status_code, restored.json()["archived_at"], restored.headers["etag"]) == (200, None, '"3"')
        assert await self.told(body) == [("created", 1), ("archived", 2), ("restored", 3)]

    async def test_archived_is_listed_only_when_asked(self) -> None:
        body, key = await self.archived(), self.key[0]
        hidden, shown = [
            (await self.client.get(self.url, params={key: body[key], **asked})).json()["data"]
            for asked in ({}, {"archived": "true"})
        ]
        assert (hidden, [one[key] for one in shown]) == ([], [body[key]])

    async def test_restore_needs_an_idempotency_key(self) -> None:
        body = await self.archived()
        async with nothing_written(self.database, self.table):
            reply = await self.client.post(f"{self.at(body)}/restore")
        assert (reply.status_code, reply.json()["code"]) == (400, "idempotency.key-missing")

    async def test_its_events_match_their_published_schema(self) -> None:
        body = await self.archived()
        async with self.database.connect() as connection:
            rows = await connection.fetch(
                "SELECT payload, headers FROM outbox WHERE aggregateid = $1 AND aggregatetype <> 'audit'",
                "/".join(body[name] for name in self.key),
            )
        events = self.resource.contract.changed, *self.resource.facts.values()
        schemas = [event.model_json_schema(mode="serialization") for event in events if event is not None]
        for row in rows:
            payload = orjson.loads(row["payload"])
            assert any(Draft202012Validator(schema).is_valid(payload) for schema in schemas), payload
        assert len(rows) == 2

    def test_every_change_has_a_name_on_the_wire(self) -> None:
        contract = self.resource.contract
        told = contract.changed.types() if contract.changed else [fact.type for fact in self.resource.facts.values()]
        assert {name.split(".")[-2] for name in told} == {str(change) for change in Change}
