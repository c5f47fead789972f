"""What an operator sees while a fault is there: metrics and readiness of a process, a few times a second."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

from tests.e2e.stack import Stack

_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. A metric is the sum over its labels; `ready` is the status of /health/ready."""

    at: float
    metrics: dict[str, float]
    ready: int


@dataclass
class Watch:
    """Of one process, by its name in the stack."""

    stack: Stack
    process: str
    sights: list[Sight] = field(default_factory=list)

    def lowest(self, metric: str) -> float:
        return min(sight.metrics[metric] for sight in self.sights if metric in sight.metrics)

    def highest(self, metric: str) -> float:
        return max(sight.metrics[metric] for sight in self.sights if metric in sight.metrics)

    def rise(self, metric: str) -> float:
        """How much a counter went up. It may have appeared only with its first count."""
        return self.sights[-1].metrics.get(metric, 0.0) - self.sights[0].metrics.get(metric, 0.0)

    def mean(self, histogram: str, *, since: float, until: float) -> float:
        """Of what a histogram counted between the last look before this time and the first one after it."""
        first = [sight for sight in self.sights if sight.at <= since][-1:] or self.sights[:1]
        last = [sight for sight in self.sights if sight.at >= until][:1] or self.sights[-1:]
        counted = (f"{histogram}_sum", f"{histogram}_count")
        total, number = (last[0].metrics[name] - first[0].metrics[name] for name in counted)
        return total / number

    @property
    def ready(self) -> set[int]:
        """Every status that readiness answered with."""
        return {sight.ready for sight in self.sights}

    async def look(self, client: httpx.AsyncClient) -> None:
        ready = await client.get("/health/ready")
        metrics = await client.get("/metrics")
        self.sights.append(Sight(time.monotonic(), parsed(metrics.text), ready.status_code))

    @property
    def address(self) -> str:
        ports = json.loads((self.stack.data / "stack.json").read_text())["ports"]
        return f"http://127.0.0.1:{ports[self.process]}"


@asynccontextmanager
async def watching(stack: Stack, process: str) -> AsyncIterator[Watch]:
    """Looks from now to the end, whatever the process answers in between."""
    watch = Watch(stack, process)
    async with httpx.AsyncClient(base_url=watch.address, timeout=10, trust_env=False) as client:
        await watch.look(client)
        looking = asyncio.create_task(_look_on(watch, client))
        try:
            yield watch
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
        await watch.look(client)


async def _look_on(watch: Watch, client: httpx.AsyncClient) -> None:
    while True:
        with suppress(httpx.TransportError):  # the process may be what the fault is about
            await watch.look(client)
        await asyncio.sleep(_EVERY_S)


def parsed(text: str) -> dict[str, float]:
    """Sums by name, of Prometheus text."""
    found: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name.partition("{")[0]] += float(value)
    return dict(found)


def labelled(text: str, name: str, **labels: str) -> float:
    """Sum of the samples of one metric that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(part in line for part in wanted))
