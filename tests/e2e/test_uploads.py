"""The largest file through a real gateway: what it costs in memory."""

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from takt.stack import status
from takt_contracts.roles import Role
from tests.e2e.plant import API
from tests.e2e.road import Road
from tests.e2e.stack import Stack

pytestmark = pytest.mark.broker
MIB = 1024 * 1024
LARGEST = 64 * MIB


def peak_mib(pid: int) -> float:
    """The most that a process has held at once so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


async def form(size: int) -> AsyncIterator[bytes]:
    """A form whose file begins like a workbook and is none."""
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="large.xlsx"\r\n\r\nPK\x03\x04'
    noise = os.urandom(256 * 1024)
    for start in range(4, size, len(noise)):
        yield noise[: size - start]
    yield b"\r\n--b--\r\n"


async def test_the_largest_file_passes_through_little_memory(door: httpx.AsyncClient, stack: Stack) -> None:
    road = Road(door, stack.headers(Role.PLANNER))
    headers = {**road.headers, "idempotency-key": str(uuid4()), "content-type": "multipart/form-data; boundary=b"}
    path, pid = f"{API}/templates/items/uploads", status.read(stack.data)["pids"]["gateway"]
    small = await door.post(path, content=form(MIB), headers=headers, timeout=60)
    before = peak_mib(pid)

    large = await door.post(
        path, content=form(LARGEST), headers={**headers, "idempotency-key": str(uuid4())}, timeout=120
    )
    over = await door.post(
        path, content=form(LARGEST + 1), headers={**headers, "idempotency-key": str(uuid4())}, timeout=120
    )

    assert (small.status_code, large.status_code, over.status_code) == (202, 202, 413)
    assert large.json()["bytes"] == LARGEST
    assert peak_mib(pid) - before < 40
    ended = await road.settled(large.headers["location"], ("failed", "done"))
    assert ended["state"] == "failed"
    assert ended["reason"]["code"].startswith(("file.", "workbook."))
