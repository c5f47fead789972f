import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from plantkit.db.machinery import OUTBOX_PENDING
from takt.embedded import identity
from takt.embedded.postgres import Postgres
from takt.errors import StackError
from takt.stack.pids import Record

pytestmark = pytest.mark.db


@pytest.fixture
def home() -> Iterator[Path]:
    """Short and enterable: a cluster may run as another user."""
    folder = Path(tempfile.mkdtemp(prefix="takt-pg-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def ask(server: Postgres, sql: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_it_starts_keeps_its_rows_and_stops(home: Path) -> None:
    with Postgres.start(home / "pg") as server:
        await ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
        pid = server.pid
    assert not psutil.pid_exists(pid)

    with Postgres.start(home / "pg") as server:
        assert await ask(server, "SELECT number FROM kept") == 7
        assert str(await ask(server, "SHOW server_version")).startswith("18.")


async def test_the_dead_names_of_a_backlog_are_cleared_away_within_seconds(home: Path) -> None:
    with Postgres.start(home / "pg") as server:
        asked = ", ".join(f"{name} = {value}" for name, value in OUTBOX_PENDING.kwargs["postgresql_with"].items())
        await ask(server, f"CREATE TABLE names WITH ({asked}) AS SELECT n FROM generate_series(1, 20000) AS n")
        await ask(server, "DELETE FROM names")
        cleared = "SELECT autovacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'names'"
        async with asyncio.timeout(30):
            while not await ask(server, cleared):  # noqa: ASYNC110 - a table says nothing by itself
                await asyncio.sleep(0.5)


async def test_a_wrong_password_is_refused(home: Path) -> None:
    with Postgres.start(home / "pg") as server, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url.replace(server.password, "guessed"))


async def test_it_comes_back_after_it_was_killed(home: Path) -> None:
    with Postgres.start(home / "pg") as server:
        await ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
        server.spawn()
        server.wait_ready()
        assert await ask(server, "SELECT number FROM kept") == 7


def test_a_pid_file_that_names_somebody_else_s_process_is_no_obstacle(home: Path) -> None:
    Postgres.start(home / "pg").stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (home / "pg" / "cluster" / "postmaster.pid").write_text(f"{stranger.pid}\n{home}\n")
        Postgres.start(home / "pg").stop()
        assert stranger.poll() is None
        stranger.kill()


async def test_root_without_user_namespaces_runs_it_as_nobody(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root needs another user")
    (home / "pg").mkdir()
    server = Postgres(home / "pg", who=identity.as_nobody(home / "pg" / "cluster"))
    server.prepare()
    server.spawn()
    with server:
        server.wait_ready()
        assert await ask(server, "SELECT 1") == 1
        assert psutil.Process(server.pid).username() == "nobody"
    assert (home / "pg" / "cluster").exists()


async def test_the_reason_of_a_failed_start_is_one_sentence(home: Path) -> None:
    Postgres.start(home / "pg").stop()
    with pytest.raises(StackError, match=r"postgres ended while starting.*no_such_setting"):
        Postgres.start(home / "pg", settings={"no_such_setting": "1"})


def test_who_looks_it_up_as_soon_as_it_was_started_finds_it_later(home: Path) -> None:
    server = Postgres(home / "pg")
    server.prepare()
    with server:
        server.spawn()
        seen = Record.of(server.pid)
        server.wait_ready()

        assert seen is not None
        assert seen.process() is not None
