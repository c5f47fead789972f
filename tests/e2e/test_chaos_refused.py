"""`takt chaos` touches nothing but a stack that was started to be harmed."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from aiokafka import TopicPartition

from takt.stack import status
from takt.workspace import root
from takt_contracts.records.checkpoints import CheckpointSigned
from tests.e2e.evidence import left_behind
from tests.e2e.kafka_log import ends
from tests.e2e.stack import SERVICES, Stack, until


def chaos(data: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "takt", "chaos", "--seed", "1", "--minutes", "1", "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if name != "UV"}
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd=root(), env=environment)


async def log(stack: Stack, tables: asyncpg.Connection) -> dict[TopicPartition, int]:
    """Where topics end once everything is told; without what comes every minute: checkpoints, and sums of anonymous
    refusals among the entries."""
    outboxes = " UNION ALL ".join(f"SELECT id FROM {service}.outbox_pending" for service in SERVICES)

    async def all_told() -> bool:
        return bool(await tables.fetchval(f"SELECT count(*) = 0 FROM ({outboxes}) untold"))

    await until(all_told, limit_s=50)
    found = await ends(str(stack.status["kafka"]))
    by_the_minute = (CheckpointSigned.topic, *(f"takt.{service}.audit" for service in SERVICES))
    return {partition: end for partition, end in found.items() if partition.topic not in by_the_minute}


@pytest.mark.broker
async def test_a_real_stack_is_refused_and_nothing_of_it_changes(stack: Stack, tables: asyncpg.Connection) -> None:
    assert stack.status["test"] is False
    before = await left_behind(tables), await log(stack, tables), status.read(stack.data)

    done = chaos(stack.data)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "was not started with `takt up --test`" in done.stderr
    assert (await left_behind(tables), await log(stack, tables), status.read(stack.data)) == before


def test_a_folder_on_which_nothing_runs_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    done = chaos(tmp_path / "nothing")

    assert done.returncode == 2
    assert "No stack runs on" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_test_stack_in_production_mode_does_not_start(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "takt", "up", "--detach", "--test", "--data", str(tmp_path / "data")]
    environment = {**os.environ, "TAKT_OPERATIONS_MODE": "production"}

    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environment)

    assert done.returncode == 1
    assert "operations cannot run in production mode" in done.stderr
