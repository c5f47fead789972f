"""What was written stays: against the service's own role, against a bug in the service, against sixteen writers."""

import asyncio
from typing import Any

import asyncpg
import pytest

from plantkit.testing.database import TestDatabase
from services.records.tests.stage import Ask, Json, Make, at
from takt_contracts.records.records import RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
WRITERS, ROUNDS = 16, 6

INSERT = """
INSERT INTO record_versions
    (id, record_id, version, kind, schema_version, refers_to, canonical, reason, digest, salt, written_by, created_at)
SELECT gen_random_uuid(), record_id, {version}, '{kind}', schema_version, refers_to, {canonical}, reason, {digest},
       salt, written_by, now()
FROM record_versions WHERE record_id = $1 AND version = 1
"""


@pytest.mark.parametrize("table", ["record_versions", "records"])
async def test_the_services_own_role_cannot_delete(new_record: Make, database: TestDatabase, table: str) -> None:
    await new_record()

    async with database.connect() as connection:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"DROP TABLE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize("column", ["canonical", "digest", "written_by", "version", "created_at", "reason"])
async def test_the_services_own_role_cannot_change_a_version(
    new_record: Make, database: TestDatabase, column: str
) -> None:
    await new_record()

    async with database.connect() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"UPDATE record_versions SET {column} = {column}")


@pytest.mark.parametrize(
    ("version", "kind", "canonical", "digest"),
    [
        (3, "revised", "canonical", "digest"),
        (2, "revised", "canonical", "digest"),
        (0, "revised", "canonical", "digest"),
        (2, "created", "canonical", "digest"),
        (2, "deleted", "canonical", "digest"),
        (2, "revised", "NULL", "digest"),
        (2, "rewritten", "canonical", "digest"),
        (2, "revised", "'{\"result\":\"fail\"}'", "digest"),
    ],
    ids=["gap", "ahead of the record", "before the first", "second first", "deletion with content", "no content",
         "unknown kind", "digest of other content"],
)  # fmt: skip
async def test_the_database_refuses_a_version_that_does_not_continue(
    new_record: Make, database: TestDatabase, version: int, kind: str, canonical: str, digest: str
) -> None:
    record = await new_record()
    statement = INSERT.format(version=version, kind=kind, canonical=canonical, digest=digest)

    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="does not continue") as refused:
            await connection.execute(statement, record["id"])

    assert "result" not in str(refused.value), "the server's log would repeat it"


@pytest.mark.parametrize(
    "change",
    [
        "canonical = '{}'",
        "version = version + 1",
        "version = version",
        "updated_by = 'somebody'",
        "created_by = 'somebody'",
        "deleted_at = now()",
        "record_type = record_type || 'x'",
        "reason = 'other'",
        "refers_to = '[\"orders/1\"]'",
        "digest = reverse(digest)",
    ],
)
async def test_the_database_refuses_a_record_that_is_not_its_newest_version(
    new_record: Make, database: TestDatabase, change: str
) -> None:
    record = await new_record(content={"result": "pass", "notes": ["unrepeated"]})

    async with database.connect() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
            await connection.execute(f"UPDATE records SET {change} WHERE id = $1", record["id"])

    assert "unrepeated" not in f"{refused.value} {refused.value.detail}"


async def test_nothing_follows_a_deletion_in_the_database_either(
    ask: Ask, new_record: Make, database: TestDatabase
) -> None:
    record = await new_record()
    await ask("DELETE", at(record), base=1)
    statement = INSERT.format(version=3, kind="revised", canonical="canonical", digest="digest")

    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement, record["id"])


async def test_of_sixteen_writers_on_one_base_one_wins_and_no_version_is_missing(
    ask: Ask, new_record: Make, database: TestDatabase, published: Any
) -> None:
    record = await new_record(content={"result": "pass", "diameter_mm": 0})

    for base in range(1, ROUNDS + 1):
        answers = await asyncio.gather(
            *(
                ask("PATCH", at(record), base=base, json={"content": {"diameter_mm": base * 100 + writer}})
                for writer in range(WRITERS)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * (WRITERS - 1)

    history = (await ask("GET", at(record, "/history"), Role.VIEWER)).json()["data"]
    assert [one["version"] for one in history] == list(range(ROUNDS + 1, 0, -1))
    assert [int(one["content"]["diameter_mm"]) // 100 for one in history] == list(range(ROUNDS, -1, -1))
    told = [one for one in await published(RecordRevised) if str(one.state.id) == record["id"]]
    assert [one.version for one in told] == list(range(2, ROUNDS + 2))


async def test_writers_that_read_and_try_again_lose_nothing(ask: Ask, new_record: Make) -> None:
    record = await new_record(content={"result": "pass", "diameter_mm": 0})
    won: list[int] = []
    digests: dict[int, str] = {}

    async def writer(number: int) -> None:
        done = 0
        while done < 3:
            seen: Json = (await ask("GET", at(record), Role.VIEWER)).json()
            assert digests.setdefault(seen["version"], seen["digest"]) == seen["digest"]
            body = {"content": {"diameter_mm": seen["content"]["diameter_mm"] + 1}}
            answer = await ask("PATCH", at(record), base=seen["version"], json=body)
            assert answer.status_code in (200, 412), answer.text
            if answer.status_code == 200:
                won.append(seen["version"])
                done += 1

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))

    assert sorted(won) == list(range(1, 3 * WRITERS + 1)), "each base was used once"
    last = (await ask("GET", at(record), Role.VIEWER)).json()
    assert (last["version"], last["content"]["diameter_mm"]) == (3 * WRITERS + 1, 3 * WRITERS)
    for version, digest in digests.items():
        assert (await ask("GET", at(record, f"/history/{version}"), Role.VIEWER)).json()["digest"] == digest
