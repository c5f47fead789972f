"""Files of items, what their rows are, and a careful client who hands them in and asks what became of them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import httpx

from tests.faults.checkers.import_rows import Account, File
from tests.faults.harness.road import ADMIN, Road

ROWS_A_BATCH = 500
_API = "/api/v1"
_ENDED = ("done", "failed", "cancelled")
_LATER = (401, 404, 409, 429, 502, 503)
"""Not for good: the first administrator is made behind the open door, and what is away comes back."""
_PAGE = 1_000
_REST_S = 0.1
_END_REST_S = 0.5  # many files are asked about at once, and answers take the cores that the rows need


def sheet(name: str, rows: int) -> tuple[File, bytes]:
    """Items; every hundredth has no name and is refused. Row 1 is the header."""
    keys = {number + 2: f"{name}-{number:05d}" for number in range(rows)}
    wrong = frozenset(number for number in keys if number % 100 == 0)
    lines = [f"{key},{'' if number in wrong else f'Item {number}'}" for number, key in keys.items()]
    valid = {number: key for number, key in keys.items() if number not in wrong}
    return File(name=name, keys=valid, wrong=wrong), "\n".join(["Item,Name", *lines, ""]).encode()


@dataclass
class Planner:
    """Hands in until it is answered, under one key; waits for the end; reads the account of every row."""

    client: httpx.AsyncClient

    @classmethod
    async def signed_in(cls, road: Road) -> Self:
        base = f"{road.address('gateway')}{_API}"
        client = httpx.AsyncClient(base_url=base, trust_env=False, timeout=20)
        tokens = await _insisted(client, "POST", "/auth/login", (200,), json=ADMIN)
        client.headers["authorization"] = f"Bearer {tokens.json()['access_token']}"
        return cls(client)

    async def imported(self, name: str, content: bytes, within_s: float) -> Account:
        """What the import says when it has ended, or when the time is over."""
        location = await self._handed_in(name, content)
        found = await self._ended(location, time.monotonic() + within_s)
        totals = {state: count for state, count in found["totals"].items() if count}
        return Account(state=found["state"], rows=await self._rows(location), totals=totals)

    async def _ended(self, location: str, deadline: float) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = (await _insisted(self.client, "GET", location, (200,))).json()
            if found["state"] in _ENDED or time.monotonic() > deadline:
                return found
            await asyncio.sleep(_END_REST_S)

    async def _handed_in(self, name: str, content: bytes) -> str:
        headers = {"idempotency-key": str(uuid4())}
        files, data = {"file": (f"{name}.csv", content, "text/csv")}, {"mode": "commit"}
        path = "/templates/items/uploads"
        answer = await _insisted(self.client, "POST", path, (202,), files=files, data=data, headers=headers)
        return str(answer.headers["location"]).removeprefix(_API)

    async def _rows(self, location: str) -> Sequence[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            page = (await _insisted(self.client, "GET", f"{location}/rows", (200,), params=query)).json()
            found += [(row["row"], str(row["state"])) for row in page["data"]]
            if page["page"]["next"] is None:
                return found
            query["cursor"] = page["page"]["next"]


async def _insisted(
    client: httpx.AsyncClient, method: str, path: str, wanted: tuple[int, ...], **options: Any
) -> httpx.Response:
    """Asks until it is answered as wanted; what is away or still running is asked again."""
    async with asyncio.timeout(60):
        while True:
            try:
                answer = await client.request(method, path, **options)
                if answer.status_code in wanted:
                    return answer
                assert answer.status_code in _LATER, answer.text
            except httpx.TransportError:
                pass
            await asyncio.sleep(_REST_S)
