"""Who may not come in: no token, a bad one, a wrong role; in which order a request with several faults is judged."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from plantkit.auth.tokens import ALGORITHM
from takt_contracts.roles import Role
from tests.e2e.evidence import Refusing, is_problem
from tests.e2e.plant import API, Plant, code, planted
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.broker
NO_ONE = "auth.unauthenticated"


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def packed(value: object) -> str:
    return b64(json.dumps(value).encode())


class Forge:
    """Holds the stack's own signing key, so that each token is wrong in one thing only."""

    def __init__(self, stack: Stack) -> None:
        self.good = stack.headers(Role.ADMIN)["authorization"].removeprefix("Bearer ")
        self.key = OKPKey.import_key(json.loads(stack.secret("signing-key")))
        self.stranger = OKPKey.generate_key("Ed25519")
        self.header, self.payload, self.signature = self.good.split(".")
        self.claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(self.payload + "=="))

    def signed(self, key: OKPKey | None = None, **claims: Any) -> str:
        header = json.loads(base64.urlsafe_b64decode(self.header + "=="))
        return jwt.encode(header, {**self.claims, **claims}, key or self.key, algorithms=[ALGORITHM])

    def hs256(self) -> str:
        """Signed with the public key as if it were a shared secret."""
        text = f"{packed({'alg': 'HS256', 'typ': 'JWT', 'kid': self.key.kid})}.{self.payload}"
        secret = base64.urlsafe_b64decode(str(self.key.as_dict(private=False)["x"]) + "==")
        return f"{text}.{b64(hmac.digest(secret, text.encode(), hashlib.sha256))}"


TOKENS: dict[str, Callable[[Forge], str]] = {
    "expired": lambda forge: forge.signed(
        iat=int(time.time()) - 2000, nbf=int(time.time()) - 2000, exp=int(time.time()) - 60
    ),
    "not yet valid": lambda forge: forge.signed(nbf=int(time.time()) + 600),
    "for ever": lambda forge: forge.signed(exp=int(time.time()) + 10**9),
    "of a stranger's key": lambda forge: forge.signed(forge.stranger),
    "of another issuer": lambda forge: forge.signed(iss="elsewhere"),
    "for another audience": lambda forge: forge.signed(aud="elsewhere"),
    "a refresh token": lambda forge: forge.signed(typ="refresh"),
    "of a sign-in that is none": lambda forge: forge.signed(sid=str(uuid4())),
    "of no sign-in": lambda forge: forge.signed(sid=None),
    "with more roles than the user": lambda forge: forge.signed(roles=["ADMIN", "HEALTH"]),
    "unsigned": lambda forge: f"{packed({'alg': 'none', 'typ': 'JWT'})}.{forge.payload}.",
    "unsigned, with a signature": lambda forge: (
        f"{packed({'alg': 'none', 'typ': 'JWT'})}.{forge.payload}.{forge.signature}"
    ),
    "signed with the public key": lambda forge: forge.hs256(),
    "with another payload": lambda forge: f"{forge.header}.{packed({**forge.claims, 'sub': 'x'})}.{forge.signature}",
    "cut off": lambda forge: forge.good[:-4],
    "twice": lambda forge: f"{forge.good}.{forge.good}",
    "nonsense": lambda forge: "nonsense",
    "empty": lambda forge: "",
    "very long": lambda forge: "x" * 20_000,
    "nested": lambda forge: f"{b64(b'[' * 5000)}.{forge.payload}.{forge.signature}",
}


@pytest.mark.parametrize("name", TOKENS)
async def test_a_bad_token_opens_nothing(refusing: Refusing, stack: Stack, name: str) -> None:
    headers = {"authorization": f"Bearer {TOKENS[name](Forge(stack))}".strip()}

    for method, path, body in (
        ("GET", f"{API}/items", None),
        ("POST", f"{API}/items", {"code": code("I"), "name": "x", "unit": "pcs"}),
        ("GET", f"{API}/users", None),
    ):
        answer = await refusing(method, path, 401, NO_ONE, headers=headers, json=body, told=False)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["detail"] == "A valid access token is needed.", (
            "what is wrong with it is nobody's business"
        )


async def test_other_ways_to_say_who_one_is_are_not_believed(refusing: Refusing, stack: Stack) -> None:
    token = stack.headers(Role.ADMIN)["authorization"].removeprefix("Bearer ")
    for headers in (
        {},
        {"authorization": f"Basic {token}"},
        {"authorization": token},
        {"cookie": f"access_token={token}"},
    ):
        await refusing("GET", f"{API}/items", 401, NO_ONE, headers=headers)
        await refusing("GET", f"{API}/me", 401, NO_ONE, headers=headers)
    await refusing("GET", f"{API}/items?access_token={token}", 401, NO_ONE)
    pairs = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
    async with httpx.AsyncClient(base_url=stack.gateway, trust_env=False) as client:
        is_problem(await client.get(f"{API}/items", headers=pairs), 401, NO_ONE)


async def test_a_sign_in_that_ended_opens_nothing(refusing: Refusing, door: httpx.AsyncClient, stack: Stack) -> None:
    username = code("leaver")
    stack.add_user(username, Role.PLANNER)
    headers = {"authorization": f"Bearer {stack.sign_in(username)['access_token']}"}
    assert (await door.post(f"{API}/auth/logout", headers=headers)).status_code == 204

    await refusing("GET", f"{API}/items", 401, NO_ONE, headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", f"{API}/workplaces", Role.OPERATOR),
        ("POST", f"{API}/workplaces", Role.VIEWER),
        ("PATCH", f"{API}/workplaces/W-1", Role.QUALITY),
        ("PUT", f"{API}/workplaces/W-1", Role.DISPATCHER),
        ("DELETE", f"{API}/workplaces/W-1", Role.HEALTH),
        ("POST", f"{API}/workplaces/W-1/restore", Role.OPERATOR),
        ("POST", f"{API}/operations/WO-1/0010/start", Role.VIEWER),
        ("POST", f"{API}/operations/WO-1/0010/cancel", Role.OPERATOR),
        ("POST", f"{API}/users", Role.PLANNER),
        ("PATCH", f"{API}/users/admin", Role.PLANNER),
        ("GET", f"{API}/users", Role.PLANNER),
        ("GET", f"{API}/parked", Role.PLANNER),
    ],
)
@pytest.mark.parametrize("body", [b"{}", b"{", b"\xff", b'{"code": 1}'])
async def test_a_wrong_role_is_told_before_anything_of_the_request(
    refusing: Refusing, stack: Stack, method: str, path: str, role: Role, body: bytes
) -> None:
    headers = {**stack.headers(role), "content-type": "application/json"}

    answer = await refusing(method, path, 403, "auth.forbidden", headers=headers, content=body)

    assert answer.json()["roles"], "says which roles may"


async def test_headers_that_say_who_one_is_are_ignored(
    refusing: Refusing, door: httpx.AsyncClient, stack: Stack, plant: Plant, tables: asyncpg.Connection
) -> None:
    claimed = {
        "x-user-id": "admin", "x-user-name": "admin", "x-user-roles": "ADMIN", "x-takt-roles": "ADMIN",
        "x-auth-roles": "ADMIN", "x-forwarded-user": "admin", "x-internal-user": "admin",
        "x-original-url": f"{API}/roles", "x-http-method-override": "GET",
    }  # fmt: skip
    body = {"code": code("W"), "name": "x"}
    viewer = {**stack.headers(Role.VIEWER), **claimed}
    await refusing("POST", f"{API}/workplaces", 403, "auth.forbidden", headers=viewer, json=body)
    await refusing("POST", f"{API}/workplaces", 401, NO_ONE, headers=claimed, json=body)

    made = await door.post(
        f"{API}/workplaces", json=body, headers={**plant.planner, **claimed, "x-request-id": body["code"]}
    )

    me = (await door.get(f"{API}/me", headers=plant.planner)).json()
    query = "SELECT entry -> 'actor' ->> 'id' FROM operations.audit_entries WHERE entry ->> 'request_id' = $1"
    assert made.status_code == 201
    assert await tables.fetchval(query, body["code"]) == me["id"]


JSON = {"content-type": "application/json"}
KEY = {"idempotency-key": "order-of-checks"}


@pytest.mark.parametrize(
    ("method", "path", "more", "body", "status", "expected"),
    [
        ("POST", "{operation}/report", {}, b"{", 400, "idempotency.key-missing"),
        ("POST", "{operation}/report", KEY, b"{", 400, "json.malformed"),
        ("POST", f"{API}/operations/WO-0/0010/report", {}, b'{"good": "1"}', 400, "idempotency.key-missing"),
        ("POST", f"{API}/operations/WO-0/0010/report", KEY, b'{"good": "-1"}', 404, "resource.not-found"),
        ("POST", f"{API}/operations/WO-0/0010/report", KEY, b'{"good": "\\u0000"}', 404, "resource.not-found"),
        ("PATCH", f"{API}/workplaces/W-0", {}, b"{}", 404, "resource.not-found"),
        ("PATCH", f"{API}/workplaces/W-0", {"if-match": '"9"'}, b'{"name": 1}', 404, "resource.not-found"),
        ("PATCH", f"{API}/workplaces/W-0", {"if-match": "9"}, b'{"name": 1}', 400, "request.bad-if-match"),
        ("PATCH", "{idle}", {}, b'{"name": 1}', 428, "resource.precondition-required"),
        ("PATCH", "{idle}", {"if-match": '"9"'}, b'{"name": 1}', 412, "resource.stale"),
        ("PATCH", "{idle}", {"if-match": '"9"'}, b'{"code": "other"}', 412, "resource.stale"),
        ("PATCH", "{idle}", {"if-match": '"1"'}, b'{"name": 1}', 422, "request.invalid"),
        ("POST", f"{API}/workplaces", {}, b'{"code": "{taken}", "name": 1}', 422, "request.invalid"),
        ("POST", f"{API}/operations", {}, b'{"order_no": "{taken}", "qty_desired": "-1"}', 422, "request.invalid"),
        ("POST", "{operation}/resume", KEY, b'{"nobody_knows": 1}', 422, "request.invalid"),
        ("PATCH", f"{API}/users/nobody", {"if-match": '"1"'}, b'{"name": 1}', 404, "resource.not-found"),
        ("PATCH", f"{API}/users/admin", {"if-match": '"99"'}, b'{"roles": ["KING"]}', 412, "resource.stale"),
        ("PATCH", f"{API}/users/admin", {}, b'{"roles": ["KING"]}', 428, "resource.precondition-required"),
    ],
)  # fmt: skip
async def test_of_several_faults_the_first_in_order_is_told(
    refusing: Refusing,
    stack: Stack,
    plant: Plant,
    method: str,
    path: str,
    more: dict[str, str],
    body: bytes,
    status: int,
    expected: str,
) -> None:
    path = path.replace("{operation}", plant.operation).replace("{idle}", f"{API}/workplaces/{plant.idle}")
    content = body.replace(b"{taken}", (plant.order if b"order_no" in body else plant.idle).encode())

    for headers in ({**stack.headers(Role.ADMIN), **JSON, **more}, {**JSON, **more}):
        signed_in = "authorization" in headers
        verdict = (status, expected) if signed_in else (401, NO_ONE)
        await refusing(method, path, *verdict, headers=headers, content=content)


@pytest.mark.long
async def test_anonymous_refusals_are_summed_by_source_and_minute(
    door: httpx.AsyncClient, tables: asyncpg.Connection
) -> None:
    query = "SELECT entry FROM gateway.audit_entries WHERE entry -> 'actor' ->> 'kind' = 'anonymous'"
    before = {row["entry"] for row in await tables.fetch(query)}
    for _ in range(7):
        is_problem(await door.post(f"{API}/users", json={}), 401, NO_ONE)

    async def counted() -> list[dict[str, Any]]:
        return [json.loads(row["entry"]) for row in await tables.fetch(query) if row["entry"] not in before]

    entries = [entry for entry in await until(counted, 70) if entry["code"] == NO_ONE]
    assert [(entry["changes"]["source"], entry["outcome"]) for entry in entries] == [("127.0.0.1", "refused")]
    assert entries[0]["changes"]["count"] >= 7
