"""What arrives is chained once, in order, for ever; what is chained is signed and told."""

import asyncio
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import Published
from records.audit.keys import is_signed
from records.audit.links import BEGINNING
from records.audit.tree import leaf_hash
from services.records.tests.audit.conftest import Chained, Sign
from services.records.tests.audit.entries import entry
from takt_contracts.records.checkpoints import Checkpoint, CheckpointSigned

pytestmark = pytest.mark.db


async def rows(database: TestDatabase, stream: str) -> list[dict[str, Any]]:
    async with database.connect() as connection:
        found = await connection.fetch("SELECT * FROM audit_chain WHERE stream = $1 ORDER BY seq", stream)
    return [dict(row) for row in found]


async def test_a_stream_counts_without_gaps_and_each_entry_names_the_one_before(
    arrive: Chained, database: TestDatabase
) -> None:
    for start in range(0, 30, 7):
        await arrive(*(entry(number=start + one) for one in range(7)))

    found = await rows(database, "operations")
    assert [row["seq"] for row in found] == list(range(1, len(found) + 1))
    previous = BEGINNING
    for row in found:
        assert f'"previous":"{previous}"' in row["link"]
        previous = row["hashes"].split(" ")[0]
        assert previous == leaf_hash(row["link"])


async def test_what_comes_twice_is_chained_once_also_when_the_inbox_has_forgotten_it(
    arrive: Chained, database: TestDatabase
) -> None:
    told, before = [entry("gateway", number=number) for number in range(5)], len(await rows(database, "gateway"))
    await arrive(*told, *told)
    async with database.connect("owner") as connection:
        await connection.execute("DELETE FROM inbox")
    await arrive(*reversed(told))

    chained = (await rows(database, "gateway"))[before:]
    assert [row["subject"] for row in chained] == [f"WO-{number}/0010" for number in range(5)]


async def test_sixteen_at_once_make_one_chain(arrive: Chained, database: TestDatabase) -> None:
    before = len(await rows(database, "imports"))
    await asyncio.gather(*(arrive(*(entry("imports") for _ in range(5))) for _ in range(16)))

    found = await rows(database, "imports")
    assert [row["seq"] for row in found] == list(range(1, before + 81))


@pytest.mark.parametrize("table", ["audit_chain", "audit_checkpoints"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
async def test_the_services_own_role_can_only_add(database: TestDatabase, table: str, verb: str) -> None:
    async with database.connect() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(verb.format(table))


async def test_an_entry_that_cannot_be_chained_lies_aside_and_the_others_are_chained(
    arrive: Chained, database: TestDatabase
) -> None:
    before = len(await rows(database, "gateway"))
    await arrive(entry("gateway"), entry("gateway", id_="no-uuid"), entry("gateway"))

    assert len(await rows(database, "gateway")) == before + 2
    async with database.connect() as connection:
        assert await connection.fetchval("SELECT count(*) FROM parked WHERE group_name = 'records.audit-chain'") == 1


async def checkpoints(published: Published[Any], stream: str) -> list[Checkpoint]:
    return [one.state for one in await published(CheckpointSigned) if one.state.stream == stream]


async def test_a_thousand_new_entries_are_signed_at_once_and_no_checkpoint_covers_more(
    app: FastAPI, arrive: Chained, sign: Sign, published: Published[Any]
) -> None:
    for _ in range(2):
        await arrive(*(entry("records", number=number) for number in range(1250)))
    await sign()

    told = await checkpoints(published, "records")
    assert [(one.number, one.size) for one in told] == [(1, 1000), (2, 2000)]
    assert told[1].previous == told[0].digest
    assert all(is_signed(one, app.state.context.settings.public_keys) for one in told)


async def test_a_lone_entry_is_signed_when_it_has_waited_and_only_then(
    app: FastAPI, arrive: Chained, sign: Sign, published: Published[Any], database: TestDatabase
) -> None:
    waits_s = app.state.context.settings.checkpoint_every_s
    await sign(later_s=waits_s + 1)
    await arrive(entry("imports"))
    before = await checkpoints(published, "imports")

    await sign(later_s=waits_s / 2)
    early = await checkpoints(published, "imports")
    await sign(later_s=waits_s + 1)
    late = await checkpoints(published, "imports")
    await sign(later_s=waits_s + 2)

    assert (early, waits_s <= 60) == (before, True)
    assert late[-1].size == len(await rows(database, "imports"))
    assert await checkpoints(published, "imports") == late
