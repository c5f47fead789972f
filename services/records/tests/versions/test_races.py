"""Fifty records, sixteen writers who read, write and try again, and readers who look whether the past stays."""

import asyncio
import hashlib
import random
from collections import Counter

import pytest

from plantkit.testing.database import TestDatabase
from services.records.tests.stage import Ask, Json, Make, at
from takt_contracts.records.canonical import digest_of
from takt_contracts.roles import Role

pytestmark = [pytest.mark.db, pytest.mark.long]
RECORDS, WRITERS, READERS = 50, 16, 4
_BLIND = 0.05
_BUSY = 503  # on a slow machine no connection is free in time; nothing was done then


class Race:
    """What was won and what was seen, by record."""

    def __init__(self, ask: Ask, records: list[Json]) -> None:
        self.ask, self.records = ask, records
        self.won: dict[str, list[int]] = {record["id"]: [] for record in records}
        self.seen: dict[tuple[str, int], str] = {}
        self.answers: Counter[int] = Counter()
        self.over = False

    async def write(self, number: int) -> None:
        """All writers meet at each record; each stays until an edit of theirs has won."""
        chance = random.Random(number)
        for record in self.records:
            while not await self._try(record, number, chance):
                pass

    async def _try(self, record: Json, number: int, chance: random.Random) -> bool:
        answer = await self.ask("GET", at(record), Role.VIEWER)
        if answer.status_code == _BUSY:
            return False
        read = answer.json()
        base = None if chance.random() < _BLIND else read["version"]
        body = {"content": {"diameter_mm": read["content"]["diameter_mm"] + 1, "notes": [f"writer {number}"]}}
        answer = await self.ask("PATCH", at(record), base=base, json=body)
        self.answers[answer.status_code] += 1
        if answer.status_code != 200:
            assert answer.status_code in (428 if base is None else 412, _BUSY), answer.text
            return False
        assert answer.json()["version"] == read["version"] + 1
        self.won[record["id"]].append(read["version"])
        return True

    async def read(self, number: int) -> None:
        """Random old versions: the bytes of each are what they were when it was first seen."""
        chance = random.Random(-1 - number)
        while not self.over:
            record = chance.choice(self.records)
            version = chance.randint(1, len(self.won[record["id"]]) + 1)
            answer = await self.ask("GET", at(record, f"/history/{version}"), Role.VIEWER)
            if answer.status_code == 200:
                self.look_at(record, answer.content, answer.json())

    def look_at(self, record: Json, shown: bytes, version: Json) -> None:
        digest = hashlib.sha256(shown).hexdigest()
        assert self.seen.setdefault((record["id"], version["version"]), digest) == digest
        assert version["digest"] == digest_of(version["content"], version["salt"])


async def test_each_base_is_used_once_and_no_version_changes(
    ask: Ask, new_type: Make, new_record: Make, database: TestDatabase
) -> None:
    name = (await new_type())["name"]
    content = {"result": "pass", "diameter_mm": 0}
    race = Race(ask, [await new_record(record_type=name, content=content) for _ in range(RECORDS)])

    async with asyncio.TaskGroup() as readers:
        for number in range(READERS):
            readers.create_task(race.read(number))
        await asyncio.gather(*(race.write(number) for number in range(WRITERS)))
        race.over = True

    for record in race.records:
        assert sorted(race.won[record["id"]]) == list(range(1, WRITERS + 1)), "each base was used once"
        history = (await ask("GET", at(record, "/history"), Role.VIEWER)).json()["data"]
        assert [one["version"] for one in history] == list(range(WRITERS + 1, 0, -1))
        assert [one["content"]["diameter_mm"] for one in history] == list(range(WRITERS, -1, -1))
        for one in history:
            raw = await ask("GET", at(record, f"/history/{one['version']}"), Role.VIEWER)
            race.look_at(record, raw.content, raw.json())
    async with database.connect() as connection:
        told = await connection.fetchval(
            "SELECT count(*) FROM outbox WHERE aggregateid = ANY($1)", [record["id"] for record in race.records]
        )
    assert told == RECORDS * (WRITERS + 1)
    print(f"\n{dict(race.answers)}, {len(race.seen)} versions looked at")
