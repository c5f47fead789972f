"""What an administrator sees of the records that lie aside in a service, and does with them."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import ConsumerRecord

from plantkit.ids import new_id
from plantkit.messaging.parking import Parking
from plantkit.messaging.records import Poison
from plantkit.messaging.redrive import MOST_KEYS, TooManyRedrives, Turnstile
from plantkit.service import Service
from plantkit.settings import ServiceSettings
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import Signer, settings_for
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
PARKED = "/api/v1/parked"
REDRIVE = f"{PARKED}/redrive"
GROUP = "operations.tests"
Park = Callable[..., Awaitable[None]]


def record(key: bytes | None, offset: int, value: bytes | None = b"{", topic: str = "takt.tests.t") -> ConsumerRecord:
    headers = (("ce_id", b"\xff"), ("ce_null", None), ("odd\0name", b"\0"))
    return ConsumerRecord(topic, 0, offset, 0, 0, key, value, None, 1, 1, headers)


@pytest.fixture(scope="module")
def settings(service: Service, database: TestDatabase) -> ServiceSettings:
    return settings_for(service, database, redrives_per_minute=10_000)


@pytest.fixture
async def park(database: TestDatabase) -> Park:
    """`await park(b"K", 3, 4, 5)`: one that cannot be read and two behind it. The table is empty before."""
    parking = Parking(GROUP)

    async def put(key: bytes | None, first: int, *behind: int, code: str = "event.not-json") -> None:
        async with database.connect() as connection:
            poison = Poison(record(key, first), code, "It is no JSON.")
            await parking.put(connection, [parking.poisoned(poison)])
            heads = await parking.heads(connection)
            for offset in behind:
                assert key is not None
                head = heads[record(key, offset).topic, key]
                await parking.put(connection, [parking.behind(record(key, offset), head)])

    async with database.connect() as connection:
        await connection.execute("DELETE FROM parked")
    return put


async def states(database: TestDatabase) -> list[tuple[int, str, int]]:
    async with database.connect() as connection:
        rows = await connection.fetch("SELECT offset_, state, attempts FROM parked ORDER BY offset_")
    return [tuple(row) for row in rows]


async def digest(database: TestDatabase) -> str:
    """Of what a redrive may change."""
    async with database.connect() as connection:
        rows = await connection.fetch("SELECT t::text FROM parked t ORDER BY id")
        kept = await connection.fetch("SELECT key FROM idempotency ORDER BY key")
    return hashlib.sha256(repr([*rows, *kept]).encode()).hexdigest()


def unpacked(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def keyed() -> dict[str, str]:
    return {"idempotency-key": str(uuid4())}


async def lines(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get(PARKED, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_line_tells_what_is_wrong_and_nothing_of_the_content(client, park):
    await park(b"K-1", 3, 4)
    first, second = await lines(client)

    assert (first["key_text"], first["offset"], first["value_bytes"], first["service"]) == ("K-1", 3, 1, "operations")
    assert (first["reason_code"], first["state"], second["reason_code"]) == (
        "event.not-json", "parked", "event.behind-parked",
    )  # fmt: skip
    assert not {"value", "headers"} & set(first)


async def test_one_record_is_shown_with_every_byte_of_it(client, park):
    await park(b"\xff", 3)
    [line] = await lines(client)
    shown = (await client.get(f"{PARKED}/{line['id']}")).json()

    assert (base64.b64decode(shown["key"]), shown["key_text"]) == (b"\xff", None)
    assert base64.b64decode(shown["value"]) == b"{"
    names = [
        base64.b64decode(one["exact_name"]).decode() if one["exact_name"] else one["name"] for one in shown["headers"]
    ]
    values = [None if one["value"] is None else base64.b64decode(one["value"]) for one in shown["headers"]]
    assert list(zip(names, values, strict=True)) == [("ce_id", b"\xff"), ("ce_null", None), ("odd\0name", b"\0")]


async def test_lines_are_found_by_what_they_have_in_common(client, park):
    await park(b"K-1", 1)
    await park(b"K-2", 2, code="event.unknown-type")

    for query, expected in (
        ({"key": "K-2"}, [2]),
        ({"reason_code": "event.not-json"}, [1]),
        ({"topic": "takt.tests.t"}, [1, 2]),
        ({"group": "operations.others"}, []),
        ({"state": "retry"}, []),
    ):
        assert [line["offset"] for line in await lines(client, **query)] == expected, query


async def test_a_record_is_sent_on_with_all_of_its_key_and_with_no_other(client, park, database, audited):
    await park(b"K-1", 1, 2, 3)
    await park(b"K-2", 4)
    successor = (await lines(client))[1]
    done = await client.post(REDRIVE, json={"ids": [successor["id"]]}, headers=keyed())

    assert done.json() == {"service": "operations", "keys": 1, "records": 3, "left": 0}
    assert await states(database) == [(1, "retry", 0), (2, "retry", 0), (3, "retry", 0), (4, "parked", 1)]
    entry = (await audited())[-1]
    assert (entry["action"], entry["outcome"]) == ("operations.parked.redriven", "changed")
    assert (entry["actor"]["id"], entry["changes"]["ids"]) == ("user-07", [successor["id"]])


async def test_a_repeated_call_is_one_call(client, park, database, audited):
    await park(b"K-1", 1)
    [line] = await lines(client)
    headers = keyed()
    first = await client.post(REDRIVE, json={"ids": [line["id"]]}, headers=headers)
    before, entries = await digest(database), len(await audited())
    again = await client.post(REDRIVE, json={"ids": [line["id"]]}, headers=headers)

    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (200, first.content, "true")
    assert (await digest(database), len(await audited())) == (before, entries)


async def test_what_matches_is_sent_on_and_the_rest_lies_where_it_was(client, park, database):
    await park(b"K-1", 1, 2)
    await park(b"K-2", 3, code="event.unknown-type")
    await park(None, 4)
    await park(None, 5, code="event.unknown-type")
    body = {"filter": {"group": GROUP, "reason_code": "event.not-json"}}
    done = await client.post(REDRIVE, json=body, headers=keyed())

    assert done.json() == {"service": "operations", "keys": 2, "records": 3, "left": 0}
    assert [(offset, state) for offset, state, _ in await states(database)] == [
        (1, "retry"), (2, "retry"), (3, "parked"), (4, "retry"), (5, "parked"),
    ]  # fmt: skip


async def test_a_call_takes_so_many_keys_the_longest_parked_first_and_says_what_is_left(client, park, database):
    parking = Parking(GROUP)
    async with database.connect() as connection:
        for number in range(MOST_KEYS + 5):
            poison = Poison(record(b"K-%d" % number, number), "event.not-json", "It is no JSON.")
            await parking.put(connection, [parking.poisoned(poison)])
    done = await client.post(REDRIVE, json={"filter": {}}, headers=keyed())

    assert done.json() == {"service": "operations", "keys": MOST_KEYS, "records": MOST_KEYS, "left": 5}
    assert [offset for offset, state, _ in await states(database) if state == "parked"] == list(
        range(MOST_KEYS, MOST_KEYS + 5)
    )


async def test_a_record_is_given_up_for_a_reason_and_kept(client, park, database, audited):
    await park(b"K-1", 1, 2)
    first, second = await lines(client)
    refused = await client.post(f"{PARKED}/{second['id']}/discard", json={"reason": "noise"}, headers=keyed())
    assert (refused.status_code, refused.json()["code"]) == (409, "parked.only-waits")
    done = await client.post(f"{PARKED}/{first['id']}/discard", json={"reason": "noise"}, headers=keyed())

    assert done.status_code == 204
    assert (await client.get(f"{PARKED}/{first['id']}")).json()["state"] == "discarded"
    entry = (await audited())[-1]
    assert (entry["action"], entry["subject"]) == ("operations.parked.discarded", first["id"])
    assert entry["changes"] == {"reason": "noise", "reason_code": "event.not-json"}
    async with database.connect() as connection:
        await Parking(GROUP).follow(connection)
    assert await states(database) == [(1, "discarded", 1), (2, "retry", 0)]


BAD: dict[str, tuple[Any, int, str]] = {
    "an unknown id": ({"ids": [str(new_id())]}, 404, "resource.not-found"),
    "no id": ({"ids": []}, 422, "request.invalid"),
    "not an id": ({"ids": ["17"]}, 422, "request.invalid"),
    "nothing": ({}, 422, "request.invalid"),
    "both": ({"ids": [str(new_id())], "filter": {}}, 422, "request.invalid"),
    "an unknown name": ({"filter": {"colour": "red"}}, 422, "request.invalid"),
    "an empty word": ({"filter": {"group": ""}}, 422, "request.invalid"),
    "a number": ({"filter": {"topic": 7}}, 422, "request.invalid"),
    "NUL": ({"filter": {"key": "a\0b"}}, 422, "request.unstorable-text"),
    "a list": ([], 422, "request.invalid"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_call_changes_nothing(client, park, database, name):
    await park(b"K-1", 1, 2)
    body, status, code = BAD[name]
    before = await digest(database)
    answer = await client.post(REDRIVE, json=body, headers=keyed())

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await digest(database) == before


async def test_one_bad_id_among_good_ones_sends_none_on(client, park, database):
    await park(b"K-1", 1)
    await park(b"K-2", 2)
    one, other = await lines(client)
    await client.post(f"{PARKED}/{other['id']}/discard", json={"reason": "noise"}, headers=keyed())
    before = await digest(database)
    over = await client.post(REDRIVE, json={"ids": [one["id"], other["id"]]}, headers=keyed())
    unknown = await client.post(REDRIVE, json={"ids": [one["id"], str(new_id())]}, headers=keyed())

    assert (over.status_code, over.json()["code"]) == (409, "parked.over")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "resource.not-found")
    assert await digest(database) == before


async def test_without_a_key_nothing_is_done(client, park, database):
    await park(b"K-1", 1)
    before = await digest(database)
    answer = await client.post(REDRIVE, json={"filter": {}})

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key-missing")
    assert await digest(database) == before


async def test_nobody_but_administrators_may_and_the_trail_tells_of_it(
    anonymous: httpx.AsyncClient, signer: Signer, park: Park, database: TestDatabase, audited: Any
) -> None:
    await park(b"K-1", 1)
    before = await digest(database)
    for role in Role:
        if role is not Role.ADMIN:
            headers = {**keyed(), **signer.headers(role)}
            answer = await anonymous.post(REDRIVE, json={"filter": {}}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")
            entry = (await audited())[-1]
            assert (entry["outcome"], entry["action"]) == ("refused", f"POST {REDRIVE}")
            assert (await anonymous.get(PARKED, headers=headers)).status_code == 403
    assert (await anonymous.post(REDRIVE, json={"filter": {}}, headers=keyed())).status_code == 401
    assert await digest(database) == before


async def test_too_many_calls_a_minute_are_told_when_to_come_back(
    service: Service, database: TestDatabase, signer: Signer
) -> None:
    hurried = service.app(settings_for(service, database, redrives_per_minute=2))
    hurried.state.context.verifier.trust(signer.jwks)
    transport = httpx.ASGITransport(hurried, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://takt", headers=signer.headers(Role.ADMIN)
    ) as one:
        answers = [await one.post(REDRIVE, json={"filter": {"key": "none"}}, headers=keyed()) for _ in range(3)]
    await hurried.state.context.db.dispose()

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "parked.too-many-redrives"
    assert int(answers[2].headers["retry-after"]) >= 1


def test_the_turnstile_lets_so_many_through_a_minute() -> None:
    now = 0.0
    turnstile = Turnstile(2, lambda: now)
    turnstile.pass_or_refuse()
    turnstile.pass_or_refuse()
    with pytest.raises(TooManyRedrives):
        turnstile.pass_or_refuse()
    now = 30.0
    turnstile.pass_or_refuse()
