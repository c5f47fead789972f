"""An order of three operations under many client processes, and a watcher who reads all three in one moment."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import httpx
from aiokafka import ConsumerRecord

from takt_contracts.roles import Role
from tests.faults.checkers.conservation import Balance
from tests.faults.checkers.flow import Entry, Step
from tests.faults.checkers.traces import Seen
from tests.faults.harness import tables, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import forked

_NUMBERS = ("0010", "0020", "0030")
_BALANCES = """
SELECT operation_no AS key, qty_good::int AS good, qty_scrap::int AS scrap, qty_processed::int AS processed,
       qty_desired::int AS desired,
       (SELECT array_agg(good::int ORDER BY entry_no) FROM ledger_entries l WHERE l.operation_id = o.id) AS goods,
       (SELECT array_agg(scrap::int ORDER BY entry_no) FROM ledger_entries l WHERE l.operation_id = o.id) AS scraps
FROM operations o
"""
_ENTRIES = """
SELECT l.id, operation_no AS operation, entry_no AS number, corrects
FROM ledger_entries l JOIN operations o ON o.id = l.operation_id
"""


def step(state: Any) -> Step:
    """An operation as the API or an event shows it."""
    amounts = {name: Fraction(state[f"qty_{name}"]) for name in ("desired", "good", "scrap", "processed")}
    tolerance = Fraction(state["tolerance_percent"])
    flows = state["status"] != "CANCELLED" and state["archived_at"] is None
    return Step(number=state["operation_no"], tolerance_percent=tolerance, flows=flows, **amounts)


def seen(state: Any, fact: str | None = None) -> Seen:
    key, held = f"{state['order_no']}/{state['operation_no']}", "no" if state["hold"] is None else "yes"
    return Seen(key=key, version=state["version"], place=(state["status"], held), fact=fact)


def told(raw: Iterable[ConsumerRecord]) -> list[tuple[str, Any]]:
    """Fact and state of each event about an operation."""
    return [(topics.headers_of(one)["ce_type"].split(".")[3], json.loads(one.value)["state"]) for one in raw]


@dataclass
class BusyOrder:
    plant: Plant
    desired: int
    read: list[list[Any]] = field(default_factory=list)
    """What the watcher saw: the operations of the order, each time in one moment."""

    def __post_init__(self) -> None:
        self._headers = self.plant.signer.headers(Role.ADMIN)

    @property
    def keys(self) -> list[str]:
        return [f"{self.plant.name}/{number}" for number in _NUMBERS]

    async def open(self, address: str) -> None:
        """All three run: each has handed one piece over to the next."""
        code = f"F-{self.plant.name}"
        async with self._client(address) as client:
            for plural in ("workplaces", "items"):
                await _must(client, f"/{plural}", {"code": code, "name": "Flow"}, code)
            for number in _NUMBERS:
                planned = {"order_no": self.plant.name, "operation_no": number, "workplace": code, "item": code}
                await _must(client, "/operations", {**planned, "qty_desired": str(self.desired)}, number)
            for key in self.keys:
                await _must(client, f"/operations/{key}/start", {}, f"start-{key}")
                await _must(client, f"/operations/{key}/report", {"good": "1"}, f"report-{key}")

    async def work(
        self, addresses: list[str], *, clients: int, commands: int, corrections_percent: int
    ) -> Counter[str]:
        """So many commands by each client; how often each answer came."""
        files = [self.plant.folder / f"answers-{number}.json" for number in range(clients)]
        for number, file in enumerate(files):
            given: dict[str, Any] = {"token": self._headers["authorization"], "keys": " ".join(self.keys)}
            given |= {"base": addresses[number % len(addresses)], "seed": number, "commands": commands}
            given |= {"corrections_percent": corrections_percent, "answers": str(file)}
            name, log = f"{self.plant.name}-client-{number}", self.plant.folder / f"client-{number}.log"
            target = "tests.faults.harness.flow_client:run"
            self.plant.children.append(forked(self.plant.parent, target, name, log, {}, **given))
        for child in self.plant.children[-clients:]:
            assert await child.ended(within_s=400) == 0, child.tail()
        return sum((Counter(json.loads(file.read_text())) for file in files), Counter[str]())

    @asynccontextmanager
    async def watched(self, address: str) -> AsyncIterator[None]:
        """Somebody reads the order again and again."""
        watching = asyncio.create_task(self._watch(address))
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def balances(self) -> list[Balance]:
        found = []
        for row in await tables.rows(self.plant, _BALANCES):
            entries = tuple(zip(row["goods"] or (), row["scraps"] or (), strict=True))
            sums = {name: row[name] for name in ("key", "good", "scrap", "processed", "desired")}
            found.append(Balance(**sums, entries=entries))
        return found

    async def entries(self) -> list[Entry]:
        return [Entry(**dict(row)) for row in await tables.rows(self.plant, _ENTRIES)]

    async def _watch(self, address: str) -> None:
        async with self._client(address) as client:
            while True:
                answer = await client.get("/operations", params={"order_no": self.plant.name})
                self.read.append(answer.json()["data"])

    def _client(self, address: str) -> httpx.AsyncClient:
        base = f"{address}/api/v1"
        return httpx.AsyncClient(base_url=base, headers=self._headers, timeout=20, trust_env=False)


async def _must(client: httpx.AsyncClient, path: str, body: dict[str, str], key: str) -> None:
    answer = await client.post(path, json=body, headers={"idempotency-key": f"{path}-{key}"})
    assert answer.is_success, answer.text
