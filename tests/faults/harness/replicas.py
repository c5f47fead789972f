"""Replicas of one service, each behind a link of its own, and what befalls them, one after the other, by a seeded
schedule, while clients work.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from tests.faults.harness import meters, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import Child
from tests.faults.harness.proxy import Link, Proxy, Way, Weather

Trouble = Callable[["Replica"], Awaitable[int]]
_TRIES = 5  # it may befall a replica that nobody is talking to just then
_PAUSE_S = 3.5
_MOMENT_S = 0.4
_BACK_WITHIN_S = 30.0
_END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'takt-%'
"""


@dataclass
class Replica:
    """Its address is its link's, and stays when another process takes the place of this one."""

    plant: Plant
    link: Link
    loops: Sequence[str]
    commands: str | None = None
    child: Child = field(init=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.link.port}"

    def start(self) -> None:
        self.child, url = self.plant.service(*self.loops, commands=self.commands)
        self.link.target = int(url.rpartition(":")[2])


def replicas(plant: Plant, proxy: Proxy, count: int, *loops: str, commands: str | None = None) -> list[Replica]:
    made = [Replica(plant, proxy.link(f"clients-{number}", 0), loops, commands) for number in range(count)]
    for one in made:
        one.start()
    return made


async def killed(replica: Replica) -> int:
    """Ended without notice; another is started in its place. Answers whether it was running."""
    was_running = replica.child.code is None
    replica.child.kill()
    replica.start()
    return int(was_running)


async def paused(replica: Replica) -> int:
    """Stopped for longer than clients wait, and continued: it goes on with what they have given up."""
    replica.child.pause()
    await asyncio.sleep(_PAUSE_S)
    landed = int(replica.child.is_stopped)
    replica.child.resume()
    return landed


async def forgotten(replica: Replica) -> int:
    """Every connection of its clients is reset."""
    return min(1, replica.link.reset())


async def _weather(weather: Weather, hit: str, replica: Replica) -> int:
    before = replica.link.hits[hit]
    replica.link.suffer(weather)
    await asyncio.sleep(_MOMENT_S)
    replica.link.heal()
    return min(1, replica.link.hits[hit] - before)


unheard = partial(_weather, Weather(swallowed=frozenset({Way.ANSWERS})), "swallowed")
"""What it answers is lost on its way, and then the connections are reset."""
cut_short = partial(_weather, Weather(cut=(Way.ANSWERS, 600)), "cut")
"""Its connections are reset in the middle of an answer."""


async def without_sessions(replica: Replica) -> int:
    """The database ends all sessions, as when it restarts."""
    ended = await tables.value(replica.plant, _END_SESSIONS)
    return int(ended > 0)


EVERY: dict[str, Trouble] = {
    "killed": killed,
    "paused": paused,
    "forgotten": forgotten,
    "unheard": unheard,
    "cut_short": cut_short,
    "without_sessions": without_sessions,
}


@asynccontextmanager
async def befallen(among: Sequence[Replica], *, seed: int, rest_s: float = 0.5) -> AsyncIterator[Counter[str]]:
    """Until the end of the block each trouble befalls one replica after the other; then all are back, also the one that
    was killed last. Gives how often each has landed.
    """
    landed: Counter[str] = Counter()
    print(f"seed {seed}")
    befalling = asyncio.create_task(_befall(among, random.Random(seed), landed, rest_s))
    try:
        yield landed
    finally:
        befalling.cancel()
        with suppress(asyncio.CancelledError):
            await befalling
        for one in among:
            one.child.resume()
            one.link.heal()
    for one in among:
        await meters.answers(one.address, _BACK_WITHIN_S)


async def _befall(among: Sequence[Replica], dice: random.Random, landed: Counter[str], rest_s: float) -> None:
    while True:
        round_ = list(EVERY.items())
        dice.shuffle(round_)
        for name, trouble in round_:
            for _ in range(_TRIES):
                hit = await trouble(dice.choice(among))
                landed[name] += hit
                await asyncio.sleep(rest_s)
                if hit:
                    break
