"""How long a refused sign-in takes says nothing about why."""

import statistics
import time

import httpx
import pytest

pytestmark = pytest.mark.db
PROBES = 40


async def probe_s(client: httpx.AsyncClient, username: str) -> float:
    started = time.perf_counter()
    await client.post("/api/v1/auth/login", json={"username": username, "password": "wrong by a mile"})
    return time.perf_counter() - started


async def test_unknown_wrong_and_resting_take_the_same_time(admin, anonymous, signed_in):
    """Medians of interleaved probes within 10 ms or a tenth."""
    await signed_in("resting", "VIEWER")
    for _ in range(8):
        await probe_s(anonymous, "resting")
    times: dict[str, list[float]] = {"resting": [], "known": [], "unknown": []}
    for number in range(PROBES):
        await signed_in_name(admin, f"known-{number}")
        times["known"].append(await probe_s(anonymous, f"known-{number}"))
        times["unknown"].append(await probe_s(anonymous, f"unknown-{number}"))
        times["resting"].append(await probe_s(anonymous, "resting"))

    medians = {name: statistics.median(found) for name, found in times.items()}

    assert max(medians.values()) - min(medians.values()) <= max(0.010, 0.1 * medians["known"]), medians


async def signed_in_name(admin: httpx.AsyncClient, username: str) -> None:
    """A fresh account for each probe, so that none of them rests."""
    body = {"username": username, "name": "Known", "password": "a long and dull one 77", "roles": ["VIEWER"]}
    assert (await admin.post("/api/v1/users", json=body)).status_code == 201
