"""An import beside people who work: nothing is lost, nothing happens twice, no batch is stuck."""

import asyncio

import orjson
import pytest

from plantkit.testing.importing import ImportSender

from .conftest import at, row

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("plant")]
WRITERS = 16


async def nothing_parked(database):
    async with database.connect() as connection:
        return await connection.fetchval("SELECT count(*) FROM parked") == 0


async def test_an_import_beside_writers_on_the_same_rows_loses_nothing(imports, client, database):
    rows = [row() for _ in range(40)]
    await imports.send("operations", rows)
    done = asyncio.Event()

    async def write(number):
        """Lengthens due dates and never touches what the import changes."""
        won = 0
        while not done.is_set():
            one = rows[(number + won * 7) % len(rows)]
            seen = (await client.get(at(one))).headers["etag"]
            reply = await client.patch(
                at(one), json={"due": f"2027-01-01T00:00:{number:02}Z"}, headers={"if-match": seen}
            )
            assert reply.status_code in (200, 412, 503), reply.text
            won += 1

    writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    for quantity in range(101, 107):
        result = await imports.send("operations", [{**one, "qty_desired": f"{quantity}"} for one in rows])
        assert set(result.states) == {"updated"}
    done.set()
    await asyncio.gather(*writers)

    assert await nothing_parked(database)
    for one in rows:
        read = (await client.get(at(one))).json()
        assert read["qty_desired"] == "106"
        events = await facts(database, one)
        assert [event["version"] for event in events] == list(range(1, read["version"] + 1))
        assert [event["state"]["qty_desired"] for event in events if event["cause"]] == [
            "100",
            *map(str, range(101, 107)),
        ]


async def test_new_rows_that_somebody_creates_meanwhile_are_met_not_lost(imports, client, database):
    for _ in range(5):
        rows = [row() for _ in range(60)]
        result, *replies = await asyncio.gather(
            imports.send("operations", [{**one, "qty_desired": "7"} for one in rows]),
            *(client.post("/api/v1/operations", json=one) for one in rows[::4]),
        )
        assert set(result.states) <= {"created", "updated"}
        assert {reply.status_code for reply in replies} <= {201, 409, 503}
        for one in rows:
            assert (await client.get(at(one))).json()["qty_desired"] == "7"
    assert await nothing_parked(database)


async def test_two_imports_of_one_file_at_once_are_one_and_silence(app, database, client):
    for _ in range(5):
        rows = [row() for _ in range(100)]
        senders = [ImportSender(app, database) for _ in range(2)]
        results = await asyncio.gather(*(sender.send("operations", rows) for sender in senders))
        landed = [set(states) for states in zip(*(result.states for result in results), strict=True)]
        assert all(states == {"created", "unchanged"} for states in landed), landed
        assert {(await client.get(at(one))).json()["version"] for one in rows} == {1}
    assert await nothing_parked(database)


async def test_a_workplace_is_archived_or_referred_to_never_both(imports, client, database):
    for number in range(8):
        code = f"WP-A{number}"
        await client.post("/api/v1/workplaces", json={"code": code, "name": "Cell"})
        rows = [row(workplace=code) for _ in range(50)]
        archived, result = await asyncio.gather(
            client.delete(f"/api/v1/workplaces/{code}", headers={"if-match": '"1"'}),
            imports.send("operations", rows),
        )
        outcome = (archived.status_code, set(result.states))
        assert outcome in ((204, {"rejected"}), (409, {"created"})), outcome
    assert await nothing_parked(database)


async def facts(database, one):
    """The events about an operation, each with what made it happen."""
    async with database.connect() as connection:
        found = await connection.fetch(
            "SELECT payload, headers FROM outbox WHERE aggregatetype = 'operation' AND aggregateid = $1"
            " ORDER BY version",
            f"{one['order_no']}/{one['operation_no']}",
        )
    return [
        orjson.loads(each["payload"]) | {"cause": orjson.loads(each["headers"]).get("ce_causationid")} for each in found
    ]


async def test_a_delivery_cut_off_at_any_moment_is_whole_or_not_there(imports, database):
    for cut_ms in (1, 3, 6, 10, 15, 25, 40):
        rows = [row() for _ in range(300)]
        records = [imports.record(imports.batch("operations", rows[start : start + 100])) for start in (0, 100, 200)]
        delivery = asyncio.create_task(imports.subscription.pipeline.consume(records))
        await asyncio.sleep(cut_ms / 1000)
        delivery.cancel()
        await asyncio.gather(delivery, return_exceptions=True)
        assert await landed(database, rows) in {(0, 0), (300, 300)}

        await imports.subscription.pipeline.consume(records)
        assert await landed(database, rows) == (300, 300)


async def landed(database, rows):
    """How many of the rows are operations, and how many facts tell of them."""
    orders = [one["order_no"] for one in rows]
    async with database.connect() as connection:
        found = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM operations WHERE order_no = ANY($1)),"
            " (SELECT count(*) FROM outbox"
            "  WHERE aggregatetype = 'operation' AND split_part(aggregateid, '/', 1) = ANY($1))",
            orders,
        )
    return tuple(found)
