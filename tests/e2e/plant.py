"""A small plant of a test's own, made through the gateway."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from takt_contracts.roles import Role
from tests.e2e.stack import Stack

API = "/api/v1"


@dataclass(frozen=True)
class Plant:
    """A workplace and an item that a started operation uses, and a workplace that nobody uses."""

    client: httpx.AsyncClient
    planner: dict[str, str]
    workplace: str
    idle: str
    item: str
    order: str

    @property
    def operation(self) -> str:
        return f"{API}/operations/{self.order}/0010"

    async def create(self, plural: str, **fields: Any) -> httpx.Response:
        made = await self.client.post(f"{API}/{plural}", json=fields, headers=self.planner)
        assert made.status_code == 201, made.text
        return made

    async def act(self, verb: str, path: str | None = None, **body: Any) -> httpx.Response:
        headers = {**self.planner, "idempotency-key": str(uuid4())}
        done = await self.client.post(f"{path or self.operation}/{verb}", json=body, headers=headers)
        assert done.status_code == 200, done.text
        return done

    async def fresh_operation(self) -> str:
        """Path of a released operation that nobody else uses."""
        order = code("WO")
        fields = {"order_no": order, "operation_no": "0010", "workplace": self.workplace, "item": self.item}
        await self.create("operations", **fields, qty_desired="100")
        return f"{API}/operations/{order}/0010"

    async def fresh_workplace(self) -> str:
        name = code("W")
        await self.create("workplaces", code=name, name="Of one test")
        return name


def code(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:12]}"


def keyed(headers: dict[str, str], key: str | None = None) -> dict[str, str]:
    """With an Idempotency-Key: this one, or a fresh one."""
    return {**headers, "idempotency-key": key or str(uuid4())}


async def planted(client: httpx.AsyncClient, stack: Stack) -> Plant:
    plant = Plant(client, stack.headers(Role.PLANNER), code("W"), code("IDLE"), code("I"), code("WO"))
    await plant.create("workplaces", code=plant.workplace, name="Löten 3")
    await plant.create("workplaces", code=plant.idle, name="Idle")
    await plant.create("items", code=plant.item, name="Shaft", unit="pcs")
    fields = {"order_no": plant.order, "operation_no": "0010", "workplace": plant.workplace, "item": plant.item}
    await plant.create("operations", **fields, qty_desired="100")
    await plant.act("start")
    return plant
