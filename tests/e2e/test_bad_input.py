"""Bodies and queries that nobody can mean, at every kind of door: refused by one shape, and nothing is left behind."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from takt_contracts.roles import Role
from tests.e2e.evidence import Refusing, raw_exchange
from tests.e2e.plant import API, Plant, code, planted
from tests.e2e.stack import PASSWORD, Stack

pytestmark = pytest.mark.broker
MIB = 1_048_576

JUST_WRONG = {
    "cut off": (b'{"name": ', 400, "json.malformed"),
    "followed by more": (b"%s {}", 400, "json.malformed"),
    "two in one": (b"%s%s", 400, "json.malformed"),
    "not a number": (b'{"name": NaN}', 400, "json.malformed"),
    "infinite": (b'{"name": -Infinity}', 400, "json.malformed"),
    "single quotes": (b"{'name': 'x'}", 400, "json.malformed"),
    "a name twice": (b'{"name": "a", "name": "b"}', 400, "json.duplicate-name"),
    "10,000 deep": (b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "json.too-deep"),
    "40 deep": (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", 400, "json.too-deep"),
    "byte order mark": (b"\xef\xbb\xbf%s", 400, "json.not-utf8"),
    "utf-16": ('{"name": "x"}'.encode("utf-16"), 400, "json.not-utf8"),
    "latin-1": ('{"name": "Löten"}'.encode("latin-1"), 400, "json.not-utf8"),
    "nul": (rb'{"name": "a\u0000b"}', 422, "request.unstorable-text"),
    "nul in a name": (rb'{"na\u0000me": 1}', 422, "request.unstorable-text"),
    "a raw control sign": (b'{"name": "a\x00b"}', 400, "json.malformed"),
    "half a surrogate pair": (rb'{"name": "\ud800"}', 422, "request.unstorable-text"),
    "pair in the wrong order": (rb'{"name": "\udc00\ud800"}', 422, "request.unstorable-text"),
    "1e400": (b'{"name": 1e400}', 400, "json.malformed"),
    "1e-400": (b'{"name": 1e-400}', 400, "json.malformed"),
    "10,000 digits": (b'{"name": ' + b"9" * 10_000 + b"}", 400, "json.malformed"),
    "2^63": (b'{"name": 9223372036854775808}', 422, "request.invalid"),
    "unknown field": (b'{"nobody_knows": 1}', 422, "request.invalid"),
    "__proto__": (b'{"__proto__": {"roles": ["ADMIN"]}}', 422, "request.invalid"),
    "wrong type": (b'{"name": ["x"], "username": 7, "reason": {}}', 422, "request.invalid"),
    "nothing": (b"", 422, "request.invalid"),
    "null": (b"null", 422, "request.invalid"),
    "a list": (b"[]", 422, "request.invalid"),
    "a word": (b'"name"', 422, "request.invalid"),
}
NUMBERS = {
    "2^63": "9223372036854775808",
    "2^53 + 1 in an exponent": "9007199254740993e3",
    "13 digits": "1000000000000",
    "7 places": "1.0000001",
    "negative": "-1",
    "negative zero point one": "-0.1",
    "words": '"ten"',
    "blank": '" 5"',
    "exponent in a text": '"1e3"',
    "underscore": '"1_000"',
    "arabic digits": '"١٢"',
    "not a number in a text": '"NaN"',
    "infinite in a text": '"Infinity"',
    "true": "true",
    "null": "null",
    "a list": "[1]",
}
QUERIES = {
    "nobody_knows=1": "query.unknown-name",
    "name__like=x": "query.unknown-name",
    "name__gte__in=x": "query.unknown-name",
    "__proto__=x": "query.unknown-name",
    "sort=nobody_knows": "query.unknown-name",
    "sort=name%3Bdrop%20table%20items": "query.unknown-name",
    "sort=name,name": "query.bad-value",
    "sort=": "query.unknown-name",
    "fields=nobody_knows": "query.unknown-name",
    "fields=": "query.unknown-name",
    "limit=0": "query.bad-value",
    "limit=-1": "query.bad-value",
    "limit=1001": "query.bad-value",
    "limit=1e3": "query.bad-value",
    "limit=%D9%A1": "query.bad-value",
    "limit=": "query.bad-value",
    "limit=1&limit=2": "query.bad-value",
    "version=x": "query.bad-value",
    "version=9223372036854775808": "query.bad-value",
    "created_at__gte=yesterday": "query.bad-value",
    "created_at__gte=2026-03-02T06:30:00": "query.bad-value",
    "total=perhaps": "query.bad-value",
    "name=%00": "query.bad-value",
    "cursor=nonsense": "query.bad-cursor",
    "cursor=": "query.bad-cursor",
    "cursor=%F0%9F%A6%9E": "query.bad-cursor",
}

UNINDEXED = ("version", "created_at")
"""Lists of operations are long: they are not asked by what has no index."""


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


Door = tuple[str, str, dict[str, str], dict[str, Any]]


DOORS = ("create", "change", "replace", "report", "sign-in", "new user")


def door_of(kind: str, plant: Plant, stack: Stack) -> Door:
    """Method, path, headers and a good body of one kind of door."""
    key = {"idempotency-key": str(uuid4())}
    planner, admin = plant.planner, stack.headers(Role.ADMIN)
    idle = f"{API}/workplaces/{plant.idle}"
    user = {"username": code("u"), "name": "Somebody", "password": PASSWORD, "roles": ["VIEWER"]}
    doors: dict[str, Door] = {
        "create": ("POST", f"{API}/workplaces", planner, {"code": code("W"), "name": "x"}),
        "change": ("PATCH", idle, {**planner, "if-match": '"1"'}, {"name": "x"}),
        "replace": ("PUT", idle, {**planner, "if-match": '"1"'}, {"code": plant.idle, "name": "x"}),
        "report": ("POST", f"{plant.operation}/report", {**planner, **key}, {"good": "1"}),
        "sign-in": ("POST", f"{API}/auth/login", {}, stack.credentials),
        "new user": ("POST", f"{API}/users", admin, user),
    }
    return doors[kind]


@pytest.fixture(params=DOORS)
def opening(request: pytest.FixtureRequest, plant: Plant, stack: Stack) -> Door:
    return door_of(request.param, plant, stack)


@pytest.mark.parametrize("wrong", JUST_WRONG)
async def test_a_body_that_is_wrong_is_refused_at_every_door(refusing: Refusing, opening: Door, wrong: str) -> None:
    method, path, headers, good = opening
    body, status, expected = JUST_WRONG[wrong]
    content = body.replace(b"%s", json.dumps(good).encode())

    headers = {**headers, "content-type": "application/json"}
    answer = await refusing(method, path, status, expected, content=content, headers=headers)

    if status == 422:
        assert answer.json()["errors"], "a 422 points at what is wrong"


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_quantity_out_of_range_is_refused(refusing: Refusing, plant: Plant, number: str) -> None:
    headers = {**plant.planner, "idempotency-key": str(uuid4()), "content-type": "application/json"}
    content = f'{{"good": {NUMBERS[number]}}}'.encode()

    answer = await refusing(
        "POST", f"{plant.operation}/report", 422, "request.invalid", content=content, headers=headers
    )

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/good"]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("plural", ["workplaces", "operations"])
async def test_a_query_that_is_wrong_is_refused(refusing: Refusing, plant: Plant, plural: str, query: str) -> None:
    expected = "query.unknown-name" if plural == "operations" and query.startswith(UNINDEXED) else QUERIES[query]
    await refusing("GET", f"{API}/{plural}?{query}", 400, expected, headers=plant.planner)


async def test_a_time_that_is_none_is_refused(refusing: Refusing, plant: Plant) -> None:
    for time in ("yesterday", "2026-03-02T06:30:00"):
        await refusing("GET", f"{API}/operations?due__gte={time}", 400, "query.bad-value", headers=plant.planner)


async def test_a_cursor_opens_its_own_list_only(refusing: Refusing, plant: Plant, door: httpx.AsyncClient) -> None:
    page = (await door.get(f"{API}/workplaces?limit=1", headers=plant.planner)).json()["page"]["next"]
    other = "A" if page[0] != "A" else "B"
    for path in (
        f"workplaces?cursor={other}{page[1:]}",
        f"workplaces?cursor={page[:-1]}",
        f"workplaces?cursor={page}A",
        f"workplaces?sort=name&cursor={page}",
        f"workplaces?name=x&cursor={page}",
        f"items?cursor={page}",
    ):
        await refusing("GET", f"{API}/{path}", 400, "query.bad-cursor", headers=plant.planner)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", None])
async def test_another_content_type_is_refused(refusing: Refusing, opening: Door, kind: str | None) -> None:
    method, path, headers, good = opening
    content = json.dumps(good).encode()
    headers = headers if kind is None else {**headers, "content-type": kind}

    await refusing(method, path, 415, "request.unsupported-media-type", content=content, headers=headers)


@pytest.mark.parametrize("framing", ["declared", "chunked"])
async def test_a_body_over_the_limit_is_refused(refusing: Refusing, opening: Door, framing: str) -> None:
    method, path, headers, _ = opening
    body = b'{"name": "' + b"x" * MIB + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = body if framing == "declared" else pieces()
    headers = {**headers, "content-type": "application/json"}
    await refusing(method, path, 413, "request.too-large", content=content, headers=headers)


async def test_a_declared_length_is_enough_to_refuse(stack: Stack) -> None:
    authorization = stack.headers(Role.PLANNER)["authorization"].encode()
    head = b"POST /api/v1/items HTTP/1.1\r\nHost: takt\r\nContent-Type: application/json\r\nConnection: close\r\n"

    answer = await raw_exchange(
        stack.gateway, head + b"Authorization: " + authorization + b"\r\nContent-Length: 75497473\r\n\r\n"
    )

    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert b'"code":"request.too-large"' in answer


@pytest.mark.parametrize(
    "path",
    ["/nothing", f"{API}/nothing", f"{API}/", API, f"{API}/workplaces/", f"{API}/workplaces/a/b", f"{API}//workplaces"],
)
async def test_an_unknown_path_is_a_problem_too(refusing: Refusing, plant: Plant, path: str) -> None:
    await refusing("GET", path, 404, "request.no-such-path", headers=plant.planner)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", f"{API}/workplaces", {"GET", "POST"}),
        ("POST", f"{API}/workplaces/W-1", {"GET", "PUT", "PATCH", "DELETE"}),
        ("GET", f"{API}/operations/WO-1/0010/start", {"POST"}),
        ("PUT", f"{API}/auth/login", {"POST"}),
        ("DELETE", f"{API}/users", {"GET", "POST"}),
        ("POST", "/openapi.json", {"GET"}),
        ("POST", "/health", {"GET"}),
    ],
)
async def test_a_wrong_method_says_which_are_right(
    refusing: Refusing, plant: Plant, method: str, path: str, allowed: set[str]
) -> None:
    answer = await refusing(method, path, 405, "request.method-not-allowed", headers=plant.planner)

    assert {name.strip() for name in answer.headers["allow"].split(",")} - {"HEAD"} == allowed


@pytest.mark.parametrize(
    "given", [b"a b", b"a\tb", b"a;b", b"\xc3\xbc", b"x" * 129, b"", b"a\x0bb", b"%0d%0aset-cookie:a"]
)
async def test_a_request_id_that_is_not_one_is_not_repeated(stack: Stack, given: bytes) -> None:
    request = b"GET /api/v1/roles HTTP/1.1\r\nHost: takt\r\nConnection: close\r\nX-Request-ID: " + given + b"\r\n\r\n"

    answer = await raw_exchange(stack.gateway, request)

    head = answer.lower().split(b"\r\n\r\n")[0]
    assert b"set-cookie" not in head
    if answer.startswith(b"HTTP/1.1 401 "):
        [ours] = [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(b"x-request-id")]
        assert ours != given
        assert len(ours) == 36
    else:
        assert answer.startswith(b"HTTP/1.1 400 "), answer


async def test_bytes_that_are_not_http_are_refused(stack: Stack) -> None:
    for request in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /api/v1/items HTTP/1.1\r\nHost: takt\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /api/v1/items HTTP/1.1\r\nHost: takt\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"POST /api/v1/items HTTP/1.1\r\nHost: takt\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ):
        assert (await raw_exchange(stack.gateway, request)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("kind", DOORS)
async def test_the_good_bodies_of_these_tests_are_good(door: httpx.AsyncClient, stack: Stack, kind: str) -> None:
    method, path, headers, good = door_of(kind, await planted(door, stack), stack)

    answer = await door.request(method, path, json=good, headers=headers)

    assert answer.status_code in {200, 201}, answer.text
