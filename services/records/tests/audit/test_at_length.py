"""Ten thousand entries by sixteen writers at once, and every way to tamper with them, at every kind of place."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI

from plantkit.testing.database import TestDatabase
from records.audit.judging import Finding, Judge, about_checkpoints
from records.audit.keys import PublicKeys
from records.audit.model import checkpoint_of
from records.audit.verifying import Verifier, told
from services.records.tests.audit.conftest import Chained, Sign
from services.records.tests.audit.entries import entry
from services.records.tests.audit.probes import OTHER, STREAM, WAYS, Copy

pytestmark = pytest.mark.db
WRITERS = 16


async def written(arrive: Chained, sign: Sign, entries: int, at_once: int) -> None:
    """Most into one stream, some into another; signed when all are there."""
    turns = [STREAM if number % 10 else OTHER for number in range(entries // at_once)]

    async def write(mine: list[str]) -> None:
        for number, stream in enumerate(mine):
            await arrive(*(entry(stream, number=number * at_once + one) for one in range(at_once)))

    await asyncio.gather(*(write(turns[writer::WRITERS]) for writer in range(WRITERS)))
    await sign(later_s=61)


async def copied(database: TestDatabase) -> Copy:
    entries, checkpoints = {}, {}
    async with database.connect() as connection:
        for stream in (STREAM, OTHER):
            chain = "SELECT * FROM audit_chain WHERE stream = $1 ORDER BY seq"
            signed = "SELECT * FROM audit_checkpoints WHERE stream = $1 ORDER BY number"
            entries[stream] = [dict(row) for row in await connection.fetch(chain, stream)]
            checkpoints[stream] = [dict(row) for row in await connection.fetch(signed, stream)]
    return Copy(entries, checkpoints)


def found_in(copy: Copy, keys: PublicKeys) -> list[Finding]:
    found = []
    for stream, chain in copy.entries.items():
        kept, wrong = about_checkpoints(stream, copy.checkpoints[stream], (), keys)
        judge = Judge(stream, kept)
        wrong = wrong or next((one for row in chain if (one := judge.judge(row))), None) or judge.end()
        found += [wrong] if wrong is not None else []
    return found


def places(copy: Copy) -> Mapping[str, int]:
    """The first, the middle, the last and both sides of a checkpoint."""
    sizes = [checkpoint_of(row).size for row in copy.checkpoints[STREAM]]
    last = len(copy.entries[STREAM]) - 1
    return {"first": 0, "middle": last // 2, "last": last, "boundary": sizes[0] - 1, "behind": min(sizes[0], last)}


async def convicts_everything(app: FastAPI, database: TestDatabase) -> int:
    """How many probes were convicted; all of them, or the test fails."""
    keys, untouched = app.state.context.settings.public_keys, await copied(database)
    async with database.connect() as connection:
        verdict = await Verifier(connection, keys, await told(connection)).verify()
    assert (verdict.findings, found_in(untouched, keys)) == ([], [])
    missed, probes = [], 0
    for place, at in places(untouched).items():
        for name, way in WAYS.items():
            copy: Any = Copy(untouched.entries, untouched.checkpoints)
            way(copy, at)
            probes += 1
            if not found_in(copy, keys):
                missed.append(f"{name} at {place}")
    assert missed == []
    return probes


async def test_a_small_chain(app: FastAPI, arrive: Chained, sign: Sign, database: TestDatabase) -> None:
    await written(arrive, sign, entries=320, at_once=5)

    assert await convicts_everything(app, database) >= 200


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_ten_thousand_entries(app: FastAPI, arrive: Chained, sign: Sign, database: TestDatabase) -> None:
    await written(arrive, sign, entries=10_000, at_once=25)

    assert await convicts_everything(app, database) >= 200
