"""What every declared resource promises, asserted over HTTP and events. A resource's test is a class of ten lines."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
import orjson
import pytest
from jsonschema import Draft202012Validator

from plantkit.resources.resource import Resource
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import Signer
from plantkit.testing.watch import nothing_written
from takt_contracts.resource import Change
from takt_contracts.roles import Role

Body = dict[str, Any]
Headers = dict[str, str]

MALFORMED = {
    "not json": (b"{", 400, "json.malformed"),
    "nothing": (b"", 422, "request.invalid"),
    "a list": (b"[]", 422, "request.invalid"),
    "a name twice": (b'{"name": "a", "name": "b"}', 400, "json.duplicate-name"),
    "not a number": (b'{"name": NaN}', 400, "json.malformed"),
    "not utf-8": (b'{"name": "\xff"}', 400, "json.not-utf8"),
    "too deep": (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "json.too-deep"),
    "nul": (rb'{"name": "a\u0000b"}', 422, "request.unstorable-text"),
    "half a surrogate pair": (rb'{"name": "\ud800"}', 422, "request.unstorable-text"),
    "unknown field": (b'{"nobody_knows": 1}', 422, "request.invalid"),
}
UNREADABLE = {
    "limit=0": "query.bad-value",
    "limit=1001": "query.bad-value",
    "limit=x": "query.bad-value",
    "nobody_knows=1": "query.unknown-name",
    "sort=nobody_knows": "query.unknown-name",
    "fields=nobody_knows": "query.unknown-name",
    "cursor=nonsense": "query.bad-cursor",
    "version=x": "query.bad-value",
    "created_at__gte=yesterday": "query.bad-value",
    "total=perhaps": "query.bad-value",
    "id=%00": "query.bad-value",
}
PRECONDITIONS = {
    "missing": ({}, 428, "resource.precondition-required"),
    "stale": ({"if-match": '"99"'}, 412, "resource.stale"),
    "weak": ({"if-match": 'W/"1"'}, 400, "request.bad-if-match"),
    "any": ({"if-match": "*"}, 400, "request.bad-if-match"),
    "malformed": ({"if-match": "1"}, 400, "request.bad-if-match"),
}
_numbers = itertools.count(1)


@pytest.mark.db
class ResourceSuite:
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
    async def _given(self, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
        self.client, self.anonymous, self.database = client, anonymous, database
        self.plural, self.key = self.resource.contract.plural, self.resource.contract.key
        self.url, self.table = f"/api/v1/{self.plural}", self.resource.listing.table.name
        for resource, body in self.requires:
            reply = await client.post(f"/api/v1/{resource.contract.plural}", json=body)
            assert reply.status_code in (201, 409), reply.text

    def fresh(self, **changes: Any) -> Body:
        """A good body with a key of its own."""
        return {**self.valid, self.key[0]: f"{self.valid[self.key[0]][:24]}-{next(_numbers)}", **changes}

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

    # --- create, read, list

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

    @pytest.mark.parametrize("query", UNREADABLE)
    async def test_a_query_that_is_not_understood_is_refused(self, query: str) -> None:
        reply = await self.client.get(f"{self.url}?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, UNREADABLE[query])

    # --- what is refused leaves nothing behind

    @pytest.mark.parametrize("body", MALFORMED)
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
    async def test_a_body_that_cannot_be_taken_is_refused(self, method: str, body: str) -> None:
        content, status, code = MALFORMED[body]
        url, headers = self.url, {"content-type": "application/json"}
        if method != "POST":
            url, headers = self.at(await self.created()), {**headers, "if-match": '"1"'}
        async with nothing_written(self.database, self.table, told=code if status == 422 else None):
            reply = await self.client.request(method, url, content=content, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (status, code)

    async def test_each_invalid_value_is_refused_with_its_field(self) -> None:
        body = await self.created()
        for field, value in self.invalid.items():
            for method, url, sent in (("POST", self.url, self.fresh()), ("PATCH", self.at(body), {})):
                async with nothing_written(self.database, self.table, told="request.invalid"):
                    reply = await self.client.request(
                        method, url, json={**sent, field: value}, headers={"if-match": '"1"'}
                    )
                assert (reply.status_code, reply.json()["code"]) == (422, "request.invalid")
                assert [error["pointer"] for error in reply.json()["errors"]] == [f"/{field}"]

    async def test_a_missing_field_is_named(self) -> None:
        for name in self.key:
            body = self.fresh()
            del body[name]
            [error] = (await self.client.post(self.url, json=body)).json()["errors"]
            assert (error["pointer"], error["code"]) == (f"/{name}", "field.missing")

    async def test_a_taken_key_is_refused_by_name(self) -> None:
        body = await self.created()
        async with nothing_written(self.database, self.table, told="resource.already-exists"):
            reply = await self.client.post(self.url, json=self.fresh(**{name: body[name] for name in self.key}))
        assert (reply.status_code, reply.json()["code"]) == (409, "resource.already-exists")
        assert body[self.key[0]] in reply.json()["detail"]

    async def test_of_twenty_who_race_for_a_key_one_gets_it(self) -> None:
        body = self.fresh()
        replies = await asyncio.gather(*(self.client.post(self.url, json=body) for _ in range(20)))
        assert sorted(reply.status_code for reply in replies) == [201] + [409] * 19
        refused = {reply.json()["code"] for reply in replies if reply.status_code == 409}
        assert refused == {"resource.already-exists"}
        assert await self.told(body) == [("created", 1)]

    async def test_a_repeated_key_gets_the_stored_answer_and_another_body_is_refused(self) -> None:
        body, headers = self.fresh(), {"idempotency-key": f"suite-{next(_numbers)}"}
        first, again = [await self.client.post(self.url, json=body, headers=headers) for _ in range(2)]
        assert (again.status_code, again.content) == (201, first.content)
        assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
        async with nothing_written(self.database, self.table, told="idempotency.key-reused"):
            other = await self.client.post(self.url, json=self.fresh(), headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency.key-reused")
        assert await self.told(body) == [("created", 1)]

    # --- changes

    async def test_each_change_is_one_version_and_one_fact(self) -> None:
        body = await self.created()
        patched = await self.client.patch(self.at(body), json=self.patch, headers={"if-match": '"1"'})
        assert (patched.status_code, patched.headers["etag"]) == (200, '"2"')
        assert patched.json().items() >= {**self.patch, "version": 2}.items()
        replaced = await self.client.put(self.at(body), json=self._written(body), headers={"if-match": '"2"'})
        assert (replaced.status_code, replaced.json()["version"]) == (200, 3)
        assert self._written(replaced.json()) == self._written(body)
        assert await self.told(body) == [("created", 1), ("updated", 2), ("updated", 3)]

    async def test_a_change_to_the_same_changes_nothing(self) -> None:
        body = await self.created()
        async with nothing_written(self.database, self.table):
            for method, sent in (("PUT", self._written(body)), ("PATCH", self._written(body)), ("PATCH", {})):
                reply = await self.client.request(method, self.at(body), json=sent, headers={"if-match": '"1"'})
                assert (reply.status_code, reply.json(), reply.headers["etag"]) == (200, body, '"1"')

    @pytest.mark.parametrize("given", PRECONDITIONS)
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    async def test_a_change_needs_the_present_version(self, method: str, given: str) -> None:
        headers, status, code = PRECONDITIONS[given]
        body = await self.created()
        sent = None if method == "DELETE" else self._written(body)
        async with nothing_written(self.database, self.table, told=None if status == 400 else code):
            reply = await self.client.request(method, self.at(body), headers=headers, json=sent)
        assert (reply.status_code, reply.json()["code"]) == (status, code)

    async def test_of_ten_changes_to_one_version_one_wins(self) -> None:
        body = await self.created()
        at, seen = self.at(body), {"if-match": '"1"'}
        replies = await asyncio.gather(*(self.client.patch(at, json=self.patch, headers=seen) for _ in range(10)))
        assert sorted(reply.status_code for reply in replies) == [200] + [412] * 9
        assert await self.told(body) == [("created", 1), ("updated", 2)]

    async def test_the_key_never_changes(self) -> None:
        body = await self.created()
        for method in ("PUT", "PATCH"):
            for name in self.key:
                sent = {**self._written(body), name: "ANOTHER-1"}
                async with nothing_written(self.database, self.table, told="resource.key-immutable"):
                    reply = await self.client.request(method, self.at(body), json=sent, headers={"if-match": '"1"'})
                assert (reply.status_code, reply.json()["code"]) == (422, "resource.key-immutable")
                assert [error["pointer"] for error in reply.json()["errors"]] == [f"/{name}"]

    async def test_what_is_not_there_is_told_before_what_is_wrong_with_the_request(self) -> None:
        for method in ("PUT", "PATCH", "DELETE"):
            async with nothing_written(self.database, self.table):
                reply = await self.client.request(method, self.at(self.fresh()), json={"nobody_knows": 1})
            assert (reply.status_code, reply.json()["code"]) == (404, "resource.not-found")

    # --- archive and restore

    async def test_archived_is_hidden_keeps_its_key_and_can_be_restored(self) -> None:
        body = await self.archived()
        hidden, shown = [await self.client.get(self.at(body), params=asked) for asked in ({}, {"archived": "true"})]
        assert (hidden.status_code, shown.status_code, shown.json()["version"]) == (404, 200, 2)
        assert shown.json()["archived_at"] is not None
        assert (await self.client.post(self.url, json=self._written(body))).status_code == 409
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

    async def test_what_is_in_use_is_not_archived_and_names_its_users(self) -> None:
        if self.used_by is None:
            return
        user, example, field = self.used_by
        body = await self.created()
        key = f"U-{next(_numbers)}"
        sent = {**example, field: body[self.key[0]], user.contract.key[0]: key}
        assert (await self.client.post(f"/api/v1/{user.contract.plural}", json=sent)).status_code == 201
        async with nothing_written(self.database, self.table, told="resource.in-use"):
            reply = await self.client.delete(self.at(body), headers={"if-match": '"1"'})
        assert (reply.status_code, reply.json()["code"]) == (409, "resource.in-use")
        [named] = reply.json()["users"]
        assert named.startswith(f"{user.contract.plural}/{key}")

    async def test_a_reference_to_nothing_is_refused_with_its_field(self) -> None:
        for name in self._references():
            async with nothing_written(self.database, self.table, told="resource.unknown-reference"):
                reply = await self.client.post(self.url, json=self.fresh(**{name: "NOBODY-1"}))
            assert (reply.status_code, reply.json()["code"]) == (422, "resource.unknown-reference")
            assert [error["pointer"] for error in reply.json()["errors"]] == [f"/{name}"]

    # --- who may do it

    @pytest.mark.parametrize("role", Role)
    async def test_each_role_may_do_what_is_declared_and_no_more(self, signer: Signer, role: Role) -> None:
        headers = signer.headers(role)
        writer = role in (Role.ADMIN, self.resource.write) or self.resource.write is Role.VIEWER
        reader = role in (Role.ADMIN, self.resource.read) or self.resource.read is Role.VIEWER
        body = await self.created()
        assert (await self.anonymous.get(self.at(body), headers=headers)).status_code == (200 if reader else 403)
        assert (await self.anonymous.get(self.url, headers=headers)).status_code == (200 if reader else 403)
        requests = [
            ("POST", self.url, self.fresh()),
            ("PATCH", self.at(body), self.patch),
            ("DELETE", self.at(body), None),
        ]
        for version, (method, url, sent) in zip((1, 1, 2), requests, strict=True):
            given = {**headers, "if-match": f'"{version}"'}
            reply = await self._as(given, method, url, sent, refused=None if writer else "auth.forbidden")
            assert (reply.status_code < 300) is writer, reply.text

    async def test_without_a_good_token_nothing_is_done(self, signer: Signer) -> None:
        claims = signer.claims(Role.ADMIN)
        expired = signer.sign(
            {**claims, "iat": claims["iat"] - 7200, "nbf": claims["iat"] - 7200, "exp": claims["iat"] - 3600}
        )
        body = await self.created()
        for sent in (None, "nonsense", expired, Signer().token(Role.ADMIN)):
            headers: Headers = {} if sent is None else {"authorization": f"Bearer {sent}"}
            for method, url in (("GET", self.url), ("POST", self.url), ("DELETE", self.at(body))):
                async with nothing_written(self.database, self.table):
                    reply = await self.anonymous.request(method, url, headers=headers)
                assert (reply.status_code, reply.json()["code"]) == (401, "auth.unauthenticated")
                assert reply.headers["www-authenticate"].startswith("Bearer")

    # --- what others read

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

    # --- helpers

    def _written(self, body: Mapping[str, Any]) -> Body:
        """Of a state, what a client may write."""
        return {name: value for name, value in body.items() if name in self.resource.contract.fields.model_fields}

    def _references(self) -> list[str]:
        return sorted(str(key.parent.name) for key in self.resource.listing.table.foreign_keys)

    async def _as(
        self, headers: Headers, method: str, url: str, sent: Body | None, *, refused: str | None
    ) -> httpx.Response:
        if refused is None:
            return await self.anonymous.request(method, url, json=sent, headers=headers)
        async with nothing_written(self.database, self.table, told=refused):
            return await self.anonymous.request(method, url, json=sent, headers=headers)
