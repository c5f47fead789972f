"""What every declared resource refuses, with which code, and that a refused request leaves nothing behind."""

import asyncio

import httpx
import pytest

from plantkit.testing.fixtures import Signer
from plantkit.testing.resource_case import Body, Headers, ResourceCase, a_number
from plantkit.testing.watch import nothing_written
from takt_contracts.roles import Role

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


class Refusals(ResourceCase):
    """Bad input, bad timing, and callers who may not."""

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
        body, headers = self.fresh(), {"idempotency-key": f"suite-{a_number()}"}
        first, again = [await self.client.post(self.url, json=body, headers=headers) for _ in range(2)]
        assert (again.status_code, again.content) == (201, first.content)
        assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
        async with nothing_written(self.database, self.table, told="idempotency.key-reused"):
            other = await self.client.post(self.url, json=self.fresh(), headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency.key-reused")
        assert await self.told(body) == [("created", 1)]

    @pytest.mark.parametrize("query", UNREADABLE)
    async def test_a_query_that_is_not_understood_is_refused(self, query: str) -> None:
        reply = await self.client.get(f"{self.url}?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, UNREADABLE[query])

    @pytest.mark.parametrize("given", PRECONDITIONS)
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
    async def test_a_change_needs_the_present_version(self, method: str, given: str) -> None:
        headers, status, code = PRECONDITIONS[given]
        body = await self.created()
        sent = None if method == "DELETE" else self.written(body)
        async with nothing_written(self.database, self.table, told=code):
            reply = await self.client.request(method, self.at(body), headers=headers, json=sent)
        assert (reply.status_code, reply.json()["code"]) == (status, code)

    async def test_the_key_never_changes(self) -> None:
        body = await self.created()
        for method in ("PUT", "PATCH"):
            for name in self.key:
                sent = {**self.written(body), name: "ANOTHER-1"}
                async with nothing_written(self.database, self.table, told="resource.key-immutable"):
                    reply = await self.client.request(method, self.at(body), json=sent, headers={"if-match": '"1"'})
                assert (reply.status_code, reply.json()["code"]) == (422, "resource.key-immutable")
                assert [error["pointer"] for error in reply.json()["errors"]] == [f"/{name}"]

    async def test_what_is_not_there_is_told_before_what_is_wrong_with_the_request(self) -> None:
        for method in ("PUT", "PATCH", "DELETE"):
            async with nothing_written(self.database, self.table):
                reply = await self.client.request(method, self.at(self.fresh()), json={"nobody_knows": 1})
            assert (reply.status_code, reply.json()["code"]) == (404, "resource.not-found")

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

    async def test_a_restore_that_does_not_fit_is_refused_and_one_that_is_not_needed_changes_nothing(self) -> None:
        archived, present = await self.archived(), await self.created()
        refusals = [(self.fresh(), {}, 404, None), (archived, {"if-match": '"1"'}, 412, "resource.stale")]
        for body, headers, status, told in refusals:
            async with nothing_written(self.database, self.table, told=told):
                assert (await self._restore(body, headers)).status_code == status
        restored, unneeded = await self._restore(archived, {"if-match": '"2"'}), await self._restore(present, {})
        assert (restored.status_code, unneeded.status_code, unneeded.json()) == (200, 200, present)
        assert await self.told(present) == [("created", 1)]

    async def test_what_is_in_use_is_not_archived_and_names_its_users(self) -> None:
        if self.used_by is None:
            return
        user, example, field = self.used_by
        body = await self.created()
        key = f"U-{a_number()}"
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

    async def _restore(self, body: Body, headers: Headers) -> httpx.Response:
        key = {"idempotency-key": f"suite-{a_number()}"}
        return await self.client.post(f"{self.at(body)}/restore", headers={**headers, **key})

    def _references(self) -> list[str]:
        """What a client may write that refers to one thing alone."""
        keys = self.resource.listing.table.foreign_key_constraints
        single = {next(iter(key.columns)).name for key in keys if len(key.columns) == 1}
        return sorted(single & set(self.resource.contract.fields.model_fields))

    async def _as(
        self, headers: Headers, method: str, url: str, sent: Body | None, *, refused: str | None
    ) -> httpx.Response:
        if refused is None:
            return await self.anonymous.request(method, url, json=sent, headers=headers)
        async with nothing_written(self.database, self.table, told=refused):
            return await self.anonymous.request(method, url, json=sent, headers=headers)
