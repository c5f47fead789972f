"""How much a refused sign-in costs says nothing about why."""

import statistics
import time

import httpx
import pytest

pytestmark = pytest.mark.db
PROBES = 25


async def cost_s(client: httpx.AsyncClient, username: str) -> float:
    """Processor time of one refused sign-in, hashing included: the clock on the wall would measure the neighbours."""
    started = time.process_time()
    await client.post("/api/v1/auth/login", json={"username": username, "password": "wrong by a mile"})
    return time.process_time() - started


async def test_unknown_wrong_and_resting_cost_the_same(admin, anonymous, signed_in):
    """Interleaved, medians within 10 ms or a fifth: a path without the hash would stand out."""
    await signed_in("resting", "VIEWER")
    for _ in range(8):
        await cost_s(anonymous, "resting")
    costs: dict[str, list[float]] = {"resting": [], "known": [], "unknown": []}
    for number in range(PROBES):
        await new_account(admin, f"known-{number}")
        costs["known"].append(await cost_s(anonymous, f"known-{number}"))
        costs["unknown"].append(await cost_s(anonymous, f"unknown-{number}"))
        costs["resting"].append(await cost_s(anonymous, "resting"))

    medians = {name: statistics.median(found) for name, found in costs.items()}

    assert max(medians.values()) - min(medians.values()) <= max(0.010, 0.2 * medians["known"]), medians


async def new_account(admin: httpx.AsyncClient, username: str) -> None:
    """A fresh account for each probe, so that none of them rests."""
    body = {"username": username, "name": "Known", "password": "a long and dull one 77", "roles": ["VIEWER"]}
    assert (await admin.post("/api/v1/users", json=body)).status_code == 201
