"""Each service's role sees its own schema and no other; it owns nothing and cannot change the shape of anything."""

import asyncio
from collections.abc import Iterator
from itertools import permutations

import asyncpg
import pytest

from plantkit import migrate
from plantkit.db import provision
from plantkit.testing.database import PASSWORD, TestDatabase, copied, database_url

pytestmark = pytest.mark.db
SERVICES = ("operations", "records", "imports", "gateway")


@pytest.fixture(scope="module")
def plant(postgres_server: str) -> Iterator[dict[str, TestDatabase]]:
    """One database with the schemas of all four services, as the launcher makes it."""
    with copied(postgres_server, "operations") as first:
        databases = {service: TestDatabase(postgres_server, service, first.name) for service in SERVICES}
        for service in SERVICES[1:]:
            asyncio.run(_provision(databases[service]))
            migrate.upgrade(service, databases[service].url("owner"))
        yield databases


async def _provision(database: TestDatabase) -> None:
    admin = await asyncpg.connect(database_url(database.server, database.name))
    try:
        for statement in provision.statements(
            database.service, owner_password=PASSWORD, app_password=PASSWORD, database=database.name
        ):
            await admin.execute(statement)
    finally:
        await admin.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_and_writes_its_own_schema(plant: dict[str, TestDatabase], service: str) -> None:
    async with plant[service].connect("app") as connection:
        assert await connection.fetchval("SELECT count(*) FROM relay_slots") == 16
        assert await connection.execute("UPDATE relay_slots SET epoch = epoch") == "UPDATE 16"


@pytest.mark.parametrize(("service", "other"), list(permutations(SERVICES, 2)))
@pytest.mark.parametrize("role", ["app", "owner"])
async def test_a_service_is_refused_in_every_other_schema(
    plant: dict[str, TestDatabase], service: str, other: str, role: str
) -> None:
    async with plant[service].connect(role) as connection:
        for statement in (
            f"SELECT * FROM {other}.outbox",
            f"DELETE FROM {other}.outbox",
            f"CREATE TABLE {other}.intruder (id int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_owns_nothing_and_shapes_nothing(plant: dict[str, TestDatabase], service: str) -> None:
    async with plant[service].connect("app") as connection:
        owned = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert owned == 0
        for statement in (
            "CREATE TABLE intruder (id int)",
            "CREATE TABLE public.intruder (id int)",
            "DROP TABLE outbox",
            "ALTER TABLE outbox ADD COLUMN x int",
            "TRUNCATE outbox",
            "CREATE ROLE intruder",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_makes_next_months_partitions_itself(plant: dict[str, TestDatabase], service: str) -> None:
    async with plant[service].connect("app") as connection:
        await connection.execute("SELECT ensure_outbox_partitions(14)")
        parts = await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'outbox'::regclass")

    assert parts == 16, "this month, fourteen ahead, and the net"


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_changes_and_deletes_nothing_of_its_archive(
    plant: dict[str, TestDatabase], service: str
) -> None:
    async with plant[service].connect("app") as connection:
        await connection.execute("SELECT ensure_outbox_partitions(14)")
        parts = await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'outbox'::regclass"
        )
        assert len(parts) == 16, "this month, fourteen ahead, and the net"
        for name in ("outbox", *(part["name"] for part in parts)):
            for statement in (f"UPDATE {name} SET payload = ''", f"DELETE FROM {name}", f"TRUNCATE {name}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
