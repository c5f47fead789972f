"""Clients that keep to their schedule however long answers take: a request is timed from the moment when it is due."""

import asyncio
import time
from collections.abc import Callable
from itertools import count

import httpx

from takt_contracts.roles import Role
from tests.faults.harness.plant import Plant

Latencies = list[float]
"""In seconds, from the moment when each was due to its answer."""


class OpenLoop:
    """Reports on operations that are started, at a steady rate."""

    def __init__(self, plant: Plant, address: str, keys: list[str], *, rate_per_s: float) -> None:
        self._address, self._keys, self._rate_per_s = address, keys, rate_per_s
        self._numbers, self._name = count(), plant.name
        self._client = httpx.AsyncClient(headers=plant.signer.headers(Role.ADMIN), timeout=30, trust_env=False)

    async def offer(self, is_over: Callable[[float], bool]) -> Latencies:
        """Until `is_over(seconds so far)`, looked at before each request."""
        found: Latencies = []
        started = time.monotonic()
        async with asyncio.TaskGroup() as asked:
            for place in count():
                due = started + place / self._rate_per_s
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if is_over(time.monotonic() - started):
                    break
                asked.create_task(self._ask(due, found))
        return found

    async def _ask(self, due: float, found: Latencies) -> None:
        number = next(self._numbers)
        url = f"{self._address}/api/v1/operations/{self._keys[number % len(self._keys)]}/report"
        headers = {"idempotency-key": f"{self._name}-offered-{number}"}
        answer = await self._client.post(url, json={"good": "1"}, headers=headers)
        assert answer.status_code == 200, answer.text
        found.append(time.monotonic() - due)

    async def close(self) -> None:
        await self._client.aclose()


def quantile(latencies: Latencies, share: float) -> float:
    ordered = sorted(latencies)
    return ordered[int(len(ordered) * share)]
