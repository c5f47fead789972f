"""The script that production runs too: schemas and roles, on a real database."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from plantkit.db.provision import SERVICES
from takt.embedded.postgres import Postgres
from takt.stack.roles import script

INIT_SQL = Path(__file__).parents[2] / "postgres" / "init.sql"
PASSWORDS = {f"TAKT_{s.upper()}_{r}_PASSWORD": f"{s}-{r}'s" for s in SERVICES for r in ("OWNER", "APP")}

pytestmark = pytest.mark.db


def test_the_checked_in_script_is_the_generated_one() -> None:
    assert INIT_SQL.read_text() == script()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    home = Path(tempfile.mkdtemp(prefix="takt-roles-"))
    home.chmod(0o755)
    with Postgres.start(home / "pg") as started:
        for _ in range(2):  # again without harm
            started.psql(INIT_SQL, PASSWORDS)
        yield started
    shutil.rmtree(home, ignore_errors=True)


async def connect(server: Postgres, service: str, role: str) -> asyncpg.Connection:
    password = PASSWORDS[f"TAKT_{service.upper()}_{role.upper()}_PASSWORD"]
    user = f"{service}_{role}"
    return await asyncpg.connect(host="127.0.0.1", port=server.port, user=user, password=password, database="takt")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_works_in_its_own_schema_and_owns_nothing(server: Postgres, service: str) -> None:
    owner, app = await connect(server, service, "owner"), await connect(server, service, "app")
    await owner.execute("CREATE TABLE IF NOT EXISTS things (id int)")

    await app.execute("INSERT INTO things VALUES (1)")
    assert await app.fetchval("SELECT count(*) FROM things") == 1
    for forbidden in ("DROP TABLE things", "ALTER TABLE things ADD more int", "CREATE TABLE mine (id int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(forbidden)
    await owner.execute("DROP TABLE things")
    await owner.close()
    await app.close()


@pytest.mark.parametrize("role", ["owner", "app"])
@pytest.mark.parametrize("service", SERVICES)
async def test_no_role_sees_another_schema(server: Postgres, service: str, role: str) -> None:
    connection = await connect(server, service, role)
    for other in set(SERVICES) - {service}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"CREATE TABLE {other}.intruder (id int)")
        assert not await connection.fetchval("SELECT has_schema_privilege($1, 'USAGE')", other)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE public.intruder (id int)")
    await connection.close()
