"""One chaos run: warm up, load with a fault every few seconds, heal, drain until quiet, judge."""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
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
from tests.faults.checkers.verdict import Anomaly, Truth, Verdict, enough, judge, overall
from tests.faults.harness import groups
from tests.faults.harness.links import Linked

DRAIN_S = 180.0
_COMMANDS_A_MINUTE = 60
"""Fewer than a hundredth of what a quiet machine does; below it, a run has shown nothing."""
_UNPUBLISHED = " UNION ALL ".join(f"SELECT id FROM {service}.outbox_pending" for service in SERVICES)
_WAITING = " UNION ALL ".join(f"SELECT id FROM {service}.parked WHERE state = 'retry'" for service in SERVICES)
_LEFT = f"SELECT (SELECT count(*) FROM ({_UNPUBLISHED}) u) + (SELECT count(*) FROM ({_WAITING}) w)"
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, OSError, httpx.TransportError)

Say = Callable[[str], None]


def composite(linked: Linked, seed: int, minutes: float, say: Say) -> "Run":
    """The run that a seed stands for, on this stack."""
    spans = {name: dish.span for name, dish in menu(links=bool(linked.links)).items()}
    return Run(linked, schedule(seed, minutes, spans), say, seed)


@dataclass
class Run:
    """One run on a stack. `say` is told each fault as it lands and heals; `moments` are when each did."""

    linked: Linked
    steps: Sequence[Step]
    say: Say
    seed: int = 1
    landed: Counter[str] = field(default_factory=Counter)
    moments: list[tuple[float, float]] = field(default_factory=list)
    stuck: list[Anomaly] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.floor = Floor(self.linked.stack, self.seed)

    async def verdicts(self) -> list[Verdict]:
        """Of a whole run. Whatever stays unproved leaves its evidence behind."""
        verdicts: list[Verdict] = []
        try:
            await self.floor.open()
            times = await self._disturbed()
            verdicts = [self._healed(), await self._drained(), self._landed(), *await self._judged(times)]
            return verdicts
        finally:
            await self.floor.close()
            if overall(verdicts) is not Truth.TRUE:
                self.say(f"Logs and history are kept in {self._keep_evidence()}.")

    def _keep_evidence(self) -> Path:
        data = self.linked.stack.data
        folder = Path(tempfile.mkdtemp(prefix=f"takt-chaos-{self.seed}-"))
        shutil.copytree(data / "logs", folder / "logs")
        for history_file in data.glob("*.jsonl"):
            shutil.copy(history_file, folder)
        return folder

    async def _disturbed(self) -> Times:
        over, began = asyncio.Event(), time.monotonic()
        working = asyncio.create_task(self.floor.work(over))
        try:
            for step in self.steps:
                await asyncio.sleep(max(0.0, began + step.at_s - time.monotonic()))
                await self._suffer(step, began)
            healed_at = time.monotonic()
            await asyncio.wait([working], timeout=TAIL_S)
        finally:
            ended_at = time.monotonic()
            over.set()
            await working
        return Times(healed_at=healed_at, ended_at=ended_at)

    async def _suffer(self, step: Step, began: float) -> None:
        fault = menu(links=bool(self.linked.links))[step.fault].make(self.linked, self.floor.name)
        self.say(f"{time.monotonic() - began:6.1f} s  lands  {step.fault}")
        landed_at = time.monotonic()
        try:
            await self._within(f"{step.fault} does not land", fault.land())
            await asyncio.sleep(step.for_s)
        finally:
            await self._within(f"{step.fault} does not heal", fault.heal())
        self.moments.append((landed_at, time.monotonic()))
        self.landed[step.fault] += bool(fault.landed)
        self.say(f"{time.monotonic() - began:6.1f} s  heals  {step.fault} (landed {fault.landed})")

    async def _within(self, otherwise: str, doing: Awaitable[None]) -> None:
        """A limit that is passed is a verdict: an error would leave the log without all the others."""
        try:
            await doing
        except TimeoutError:
            self.stuck.append(Anomaly("stuck", otherwise))

    def _healed(self) -> Verdict:
        """Every fault came and went within its limits."""
        return judge("healed", self.stuck, {"faults": len(self.moments)})

    def _landed(self) -> Verdict:
        """A fault of the schedule that did not take effect leaves the run unproved."""
        planned = Counter(step.fault for step in self.steps)
        return enough(**{name.replace(" ", "-"): (self.landed[name], count) for name, count in planned.items()})

    async def _drained(self) -> Verdict:
        """Everything is told, read and ended within the limit after the last fault."""
        began = time.monotonic()
        anomalies = []
        try:
            await until(self._quiet, DRAIN_S)
        except TimeoutError:
            anomalies.append(Anomaly("stuck", f"after {DRAIN_S:g} s something is still under way"))
        return judge("drained", anomalies, {"seconds": round(time.monotonic() - began)})

    async def _quiet(self) -> bool:
        with suppress(*_TROUBLE):
            async with self.linked.stack.database() as connection:
                left = await connection.fetchval(_LEFT)
            if not left and await self.floor.imports_ended():
                return await groups.lag(str(self.linked.stack.status["kafka"])) == 0
        return False

    async def _judged(self, times: Times) -> Sequence[Verdict]:
        floor, stack = self.floor, self.linked.stack
        self.say(f"answers: {dict(floor.codes)}; files: {dict(Counter(floor.ended.values()))}")
        kept = _kept(stack.data / f"{floor.name}.jsonl", floor)
        least = round(_COMMANDS_A_MINUTE * (self.steps[-1].ends_s + TAIL_S) / 60)
        return await judging.verdicts(stack, floor, times, kept, least)


def _kept(path: Path, floor: Floor) -> list[history.Op]:
    """The history as its file has it: what is judged is what is kept."""
    with path.open("w") as lines:
        history.write(floor.history, lines)
    with path.open() as lines:
        return list(history.read(lines))
