"""What a stranger breaks on the log lies aside, is seen through the gateway, and is mended there or at a terminal."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from takt.cli import app
from takt_contracts.roles import Role
from tests.e2e.plant import API, Plant, code, keyed, planted
from tests.e2e.stack import PASSWORD, Stack, running_stack, until

pytestmark = [pytest.mark.broker, pytest.mark.long]
PARKED = f"{API}/parked"
GARBAGE = b"\xff\x00 no JSON"
READERS = {"gateway.activity", "gateway.order-card", "operations.transport-proposals"}  # of an operation's events
_BREAK = """
CREATE FUNCTION gateway.break_one() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''this order is broken''; END';
CREATE TRIGGER broken BEFORE INSERT OR UPDATE ON gateway.card_operations
    FOR EACH ROW WHEN (NEW.order_no = '{order}') EXECUTE FUNCTION gateway.break_one();
"""
_MEND = "DROP TRIGGER broken ON gateway.card_operations; DROP FUNCTION gateway.break_one()"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Of this module's own: what lies aside here would be in the way of others."""
    with running_stack() as made:
        yield made


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


@pytest.fixture(scope="module")
async def stranger(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    """Writes what it likes."""
    producer = AIOKafkaProducer(bootstrap_servers=stack.status["kafka"])
    await producer.start()
    yield producer
    await producer.stop()


def takt_redrive(stack: Stack, *arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, ["redrive", *arguments, "--data", str(stack.data)], env=variables)


async def lying(door: httpx.AsyncClient, stack: Stack, **query: str) -> list[dict[str, Any]]:
    answer = await door.get(PARKED, params=query, headers=stack.headers(Role.ADMIN))
    assert answer.status_code == 200, answer.text
    assert all(one["answered"] for one in answer.json()["services"])
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def redrive(door: httpx.AsyncClient, stack: Stack, **body: Any) -> dict[str, Any]:
    answer = await door.post(f"{PARKED}/redrive", json=body, headers=keyed(stack.headers(Role.ADMIN)))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def on_card(door: httpx.AsyncClient, stack: Stack, order: str) -> list[str]:
    """Statuses of the order's operations, as its card shows them."""
    answer = await door.get(f"{API}/orders/{order}/card", headers=stack.headers(Role.ADMIN))
    return [one["status"] for one in answer.json()["operations"]["data"]] if answer.status_code == 200 else []


async def audited(tables: asyncpg.Connection, action: str) -> list[dict[str, Any]]:
    query = "SELECT entry FROM gateway.audit_entries WHERE entry ->> 'action' = $1 ORDER BY recorded_at"
    return [json.loads(row["entry"]) for row in await tables.fetch(query, action)]


async def test_garbage_on_a_key_is_kept_whole_does_not_loop_and_is_given_up_by_a_person(
    door: httpx.AsyncClient, stack: Stack, plant: Plant, stranger: AIOKafkaProducer, tables: asyncpg.Connection
) -> None:
    order = code("WO")
    key = f"{order}/0010"
    headers = [("ce_id", b"\xff"), ("ce_null", None), ("odd\0name", b"x")]
    await stranger.send_and_wait("takt.operations.operation", GARBAGE, key=key.encode(), headers=headers)

    async def with_all() -> list[dict[str, Any]]:
        found = await lying(door, stack, key=key, reason_code="envelope.not-utf8")
        return found if {one["group"] for one in found} == READERS else []

    garbage = [one for one in await until(with_all, 30) if one["service"] == "gateway"]
    fields = {"order_no": order, "operation_no": "0010", "workplace": plant.workplace, "item": plant.item}
    await plant.create("operations", **fields, qty_desired="10")

    async def waiting() -> bool:
        return len(await lying(door, stack, service="gateway", key=key)) == 4

    await until(waiting, 30)
    assert await on_card(door, stack, order) == []
    whole = (await door.get(f"{PARKED}/{garbage[0]['id']}", headers=stack.headers(Role.ADMIN))).json()
    assert base64.b64decode(whole["value"]) == GARBAGE
    assert [one["value"] for one in whole["headers"]] == [base64.b64encode(b"\xff").decode(), None, "eA=="]
    assert base64.b64decode(whole["headers"][2]["exact_name"]) == b"odd\0name"

    told = await redrive(door, stack, filter={"service": "gateway", "key": key})
    assert (told["keys"], told["records"]) == (2, 4)

    async def parked_again() -> bool:
        found = await lying(door, stack, service="gateway", key=key, state="parked")
        return len(found) == 4 and all(one["parked_at"] > garbage[0]["parked_at"] for one in found)

    await until(parked_again, 30)
    assert await on_card(door, stack, order) == []
    for one in garbage:
        done = takt_redrive(stack, one["id"], "--discard", "a stranger's")
        assert done.exit_code == 0, done.stderr

    async def shown() -> bool:
        return await on_card(door, stack, order) == ["RELEASED"]

    await until(shown, 30)
    assert {one["subject"] for one in await audited(tables, "gateway.parked.discarded")} == {
        one["id"] for one in garbage
    }


async def test_a_handler_that_failed_for_one_order_is_mended_and_the_order_catches_up(
    door: httpx.AsyncClient, stack: Stack, plant: Plant, tables: asyncpg.Connection
) -> None:
    path = await plant.fresh_operation()
    order = path.split("/")[-2]

    async def shown(*statuses: str) -> bool:
        return await on_card(door, stack, order) == [*statuses]

    await until(lambda: shown("RELEASED"), 30)
    await tables.execute(_BREAK.format(order=order))
    await plant.act("start", path)
    await plant.act("report", path, good="3")
    await plant.act("report", path, good="4")

    async def given_up() -> list[dict[str, Any]]:
        found = await lying(door, stack, group="gateway.order-card", key=f"{order}/0010", state="parked")
        return found if len(found) == 3 else []

    found = await until(given_up, 90)
    assert [one["attempts"] for one in found] == [5, 0, 0]
    assert await shown("RELEASED")
    await tables.execute(_MEND)
    told = await redrive(door, stack, ids=[found[0]["id"]])
    assert told == {"service": "gateway", "keys": 1, "records": 3, "left": 0}

    await until(lambda: shown("IN_PROGRESS"), 30)
    card = (await door.get(f"{API}/orders/{order}/card", headers=stack.headers(Role.ADMIN))).json()
    assert [entry["good"] for entry in card["ledger"]["data"]] == ["3", "4"]
    entry = (await audited(tables, "gateway.parked.redriven"))[-1]
    assert entry["changes"]["ids"] == [found[0]["id"]]
    refused = await door.post(
        f"{PARKED}/redrive", json={"ids": [found[0]["id"]]}, headers=keyed(stack.headers(Role.ADMIN))
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "parked.over")


async def test_at_a_terminal_it_is_a_table_and_one_order(
    door: httpx.AsyncClient, stack: Stack, stranger: AIOKafkaProducer
) -> None:
    await stranger.send_and_wait("takt.inbound.file", b"{", key=b"evil\x1b[2J[red]key")

    async def seen() -> list[dict[str, Any]]:
        return await lying(door, stack, service="imports", topic="takt.inbound.file")

    [line] = await until(seen, 30)
    listed = takt_redrive(stack, "--list", "--topic", "takt.inbound.file")
    print(listed.stdout)
    assert listed.exit_code == 0
    assert all(
        word in listed.stdout
        for word in (line["id"], "imports.files", "envelope.missing", "1 record aside: 1 failed, 0 waiting behind.")
    )
    assert "\x1b" not in listed.stdout
    again = takt_redrive(stack, "--service", "imports")
    assert (again.exit_code, again.stdout) == (0, "imports: 1 record of 1 key sent on.\n")
    nothing = takt_redrive(stack, "--group", "nobody.here")
    assert (nothing.exit_code, nothing.stdout) == (0, "Nothing that matches is parked.\n")

    async def lies_again() -> bool:
        [found] = await seen()
        return bool(found["state"] == "parked" and found["parked_at"] > line["parked_at"])

    await until(lies_again, 30)
    over = takt_redrive(stack, "00000000-0000-7000-8000-000000000000")
    assert (over.exit_code, over.stdout) == (1, "")
    assert "There is no parked record 00000000-0000-7000-8000-000000000000." in over.stderr
    stack.headers(Role.PLANNER)
    planner = CliRunner().invoke(
        app, ["redrive", line["id"], "--url", stack.gateway, "--user", "e2e-planner"], env={"TAKT_PASSWORD": PASSWORD}
    )
    assert planner.exit_code == 1
    assert "This needs the role ADMIN." in planner.stderr
