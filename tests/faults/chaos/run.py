"""One chaos run: warm up, load with a fault every few seconds, heal, drain until quiet, judge."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from plantkit.db.provision import SERVICES
from tests.e2e.stack import until
from tests.faults.chaos import judging
from tests.faults.chaos.floor import Floor
from tests.faults.chaos.judging import Times
from tests.faults.chaos.menu import menu
from tests.faults.chaos.schedule import TAIL_S, Step, schedule
from tests.faults.checkers import history
from tests.faults.checkers.verdict import Anomaly, Verdict, enough, judge
from tests.faults.harness import groups
from tests.faults.harness.links import Linked

DRAIN_S = 120.0
_COMMANDS_A_MINUTE = 60
"""Fewer than a hundredth of what a quiet machine does; below it, a run has shown nothing."""
_UNPUBLISHED = " UNION ALL ".join(f"SELECT id FROM {service}.outbox WHERE published_at IS NULL" for service in SERVICES)
_WAITING = " UNION ALL ".join(f"SELECT id FROM {service}.parked WHERE state = 'retry'" for service in SERVICES)
_LEFT = f"SELECT (SELECT count(*) FROM ({_UNPUBLISHED}) u) + (SELECT count(*) FROM ({_WAITING}) w)"
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, OSError, httpx.TransportError)

Say = Callable[[str], None]


@dataclass
class Run:
    """One run on a stack. `say` is told each fault as it lands and heals."""

    linked: Linked
    seed: int
    minutes: float
    say: Say
    landed: Counter[str] = field(default_factory=Counter)

    def steps(self) -> list[Step]:
        dishes = menu(links=bool(self.linked.links))
        return schedule(self.seed, self.minutes, {name: dish.span for name, dish in dishes.items()})

    async def verdicts(self) -> list[Verdict]:
        """Of a whole run."""
        floor = Floor(self.linked.stack, self.seed)
        try:
            await floor.open()
            times = await self._disturbed(floor)
            drained = await self._drained(floor)
            return [self._landed(), drained, *await self._judged(floor, times)]
        finally:
            await floor.close()

    async def _disturbed(self, floor: Floor) -> Times:
        over, began = asyncio.Event(), time.monotonic()
        working = asyncio.create_task(floor.work(over))
        for step in self.steps():
            await asyncio.sleep(max(0.0, began + step.at_s - time.monotonic()))
            await self._suffer(step, floor, began)
        healed_at = time.monotonic()
        await asyncio.wait([working], timeout=TAIL_S)
        ended_at = time.monotonic()
        over.set()
        await working
        return Times(healed_at=healed_at, ended_at=ended_at)

    async def _suffer(self, step: Step, floor: Floor, began: float) -> None:
        fault = menu(links=bool(self.linked.links))[step.fault].make(self.linked, floor.name)
        self.say(f"{time.monotonic() - began:6.1f} s  lands  {step.fault}")
        try:
            await fault.land()
            await asyncio.sleep(step.for_s)
        finally:
            await fault.heal()
        self.landed[step.fault] += bool(fault.landed)
        self.say(f"{time.monotonic() - began:6.1f} s  heals  {step.fault} (landed {fault.landed})")

    def _landed(self) -> Verdict:
        """A fault of the schedule that did not take effect leaves the run unproved."""
        planned = Counter(step.fault for step in self.steps())
        return enough(**{name.replace(" ", "-"): (self.landed[name], count) for name, count in planned.items()})

    async def _drained(self, floor: Floor) -> Verdict:
        """Everything is told, read and ended within the limit after the last fault."""
        began = time.monotonic()
        anomalies = []
        try:
            await until(lambda: self._quiet(floor), DRAIN_S)
        except TimeoutError:
            anomalies.append(Anomaly("stuck", f"after {DRAIN_S:g} s something is still under way"))
        return judge("drained", anomalies, {"seconds": round(time.monotonic() - began)})

    async def _quiet(self, floor: Floor) -> bool:
        with suppress(*_TROUBLE):
            async with self.linked.stack.database() as connection:
                left = await connection.fetchval(_LEFT)
            return (
                not left
                and await floor.imports_ended()
                and not await groups.lag(str(self.linked.stack.status["kafka"]))
            )
        return False

    async def _judged(self, floor: Floor, times: Times) -> Sequence[Verdict]:
        self.say(f"answers: {dict(floor.codes)}; files: {dict(Counter(floor.ended.values()))}")
        kept = _kept(self.linked.stack.data / f"chaos-{self.seed}.jsonl", floor)
        least = round(_COMMANDS_A_MINUTE * self.minutes)
        return await judging.verdicts(self.linked.stack, floor, times, kept, least)


def _kept(path: Path, floor: Floor) -> list[history.Op]:
    """The history as its file has it: what is judged is what is kept."""
    with path.open("w") as lines:
        history.write(floor.history, lines)
    with path.open() as lines:
        return list(history.read(lines))
