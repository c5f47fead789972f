"""The servers of a test run: one of each for all its workers, and none left behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.db, pytest.mark.timeout(240)]  # runs of pytest inside a test are processes of their own

ASKING = """
import asyncpg, pytest

@pytest.mark.parametrize("n", range(4))
async def test_asks(postgres_server, n):
    connection = await asyncpg.connect(postgres_server)
    started = await connection.fetchval("SELECT pg_postmaster_start_time()")
    with open("seen", "a") as seen:
        seen.write(f"{started} {await connection.fetchval('SHOW data_directory')}\\n")
    await connection.close()
"""


def test_workers_share_one_server_and_it_is_gone_at_the_end(pytester):
    pytester.makepyfile(ASKING)

    result = pytester.runpytest_subprocess("-n", "2", "-o", "asyncio_mode=auto")

    result.assert_outcomes(passed=4)
    [seen] = set((pytester.path / "seen").read_text().splitlines())
    assert not Path(seen.split()[-1]).exists()
    assert not _postgres_on(seen.split()[-1])


def test_a_killed_run_leaves_no_server(pytester):
    pytester.makepyfile(ASKING + "\nimport time\ndef test_hangs(postgres_server): time.sleep(60)\n")
    run = subprocess.Popen([sys.executable, "-m", "pytest", "-o", "asyncio_mode=auto"], cwd=pytester.path)
    seen = pytester.path / "seen"
    _until(lambda: seen.exists() and len(seen.read_text().splitlines()) == 4)

    run.send_signal(signal.SIGKILL)
    run.wait()

    data = seen.read_text().split()[-1]
    _until(lambda: not _postgres_on(data))


@pytest.mark.broker
async def test_the_broker_answers(kafka_bootstrap):
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        assert isinstance(await admin.list_topics(), list)
    finally:
        await admin.close()


def _postgres_on(data: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if data in (p.info["cmdline"] or ())]


def _until(claim, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.1)
