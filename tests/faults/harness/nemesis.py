"""What is done to a running stack: one small class a fault. Each can land, can heal, and counts what landed.

Signals go to processes that the stack's own pid files name, checked by start time; never by a name.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg
import psutil
from aiokafka import ConsumerRecord

from takt.embedded.process import listens
from takt.stack.pids import PidFiles
from tests.e2e.stack import Stack, until
from tests.faults.harness import groups, topics
from tests.faults.harness.links import Linked
from tests.faults.harness.proxy import Weather

BACK_S = 180.0
_REPLAY_S = 180.0
_ENOUGH = 400
"""Sessions that no server of ours has room for."""

_END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name LIKE 'takt-%' AND pid <> ALL($1)
"""


class Fault(Protocol):
    """`landed` counts how often it took effect; a fault that never landed proves nothing."""

    landed: int

    async def land(self) -> None: ...
    async def heal(self) -> None: ...


def process(stack: Stack, name: str) -> psutil.Process:
    """The running process of this name. Raises LookupError when it is down."""
    record = PidFiles(stack.data / "run").read().get(name)
    found = record.process() if record else None
    if found is None:
        raise LookupError(f"{name} does not run")
    return found


async def running(stack: Stack, name: str) -> psutil.Process:
    """The same; one that was killed before may be on its way back."""

    async def found() -> psutil.Process | None:
        with suppress(LookupError):
            return process(stack, name)
        return None

    there: psutil.Process = await until(found, BACK_S)
    return there


async def back(stack: Stack, name: str, instead_of: psutil.Process) -> None:
    """The supervisor has started another process of this name; a server serves again."""

    async def replaced() -> bool:
        with suppress(LookupError):
            return process(stack, name) != instead_of and await _serves(stack, name)
        return False

    await until(replaced, BACK_S)


async def _serves(stack: Stack, name: str) -> bool:
    """A database that recovers listens already; it is asked."""
    if name == "postgres":
        return await answers(stack)
    return name != "kafka" or listens(int(str(stack.status["kafka"]).rpartition(":")[2]))


async def answers(stack: Stack) -> bool:
    """Whether the database does."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        async with stack.database() as connection:
            return bool(await connection.fetchval("SELECT true"))
    return False


@dataclass
class Kill:
    """A process dies at once, or as `number` has it; the supervisor starts it again."""

    linked: Linked
    name: str
    number: signal.Signals = signal.SIGKILL
    landed: int = 0
    _victim: psutil.Process | None = None

    async def land(self) -> None:
        self._victim = await running(self.linked.stack, self.name)
        self._victim.send_signal(self.number)
        await asyncio.to_thread(_await_end, self._victim, BACK_S)
        self.landed += 1

    async def heal(self) -> None:
        if self._victim is not None:
            await back(self.linked.stack, self.name, self._victim)


@dataclass
class Pause:
    """A process stands still: longer than its lease or session, others take over from it."""

    linked: Linked
    name: str
    landed: int = 0
    _sleeper: psutil.Process | None = None

    async def land(self) -> None:
        sleeper = self._sleeper = await running(self.linked.stack, self.name)
        sleeper.suspend()

        async def stopped() -> bool:
            return bool(sleeper.status() == psutil.STATUS_STOPPED)

        await until(stopped, BACK_S)
        self.landed += 1

    async def heal(self) -> None:
        if self._sleeper is not None:
            with suppress(psutil.NoSuchProcess):
                self._sleeper.resume()


@dataclass
class Absence:
    """A process is gone and stays away: the supervisor sleeps meanwhile. `gently`: it is asked to end."""

    linked: Linked
    name: str
    gently: bool = False
    landed: int = 0
    _gone: psutil.Process | None = None

    async def land(self) -> None:
        self._gone = await running(self.linked.stack, self.name)
        process(self.linked.stack, "launcher").suspend()
        self._gone.send_signal(signal.SIGTERM if self.gently else signal.SIGKILL)
        await asyncio.to_thread(_await_end, self._gone, BACK_S)
        self.landed += 1

    async def heal(self) -> None:
        process(self.linked.stack, "launcher").resume()
        if self._gone is not None:
            await back(self.linked.stack, self.name, self._gone)


def _await_end(gone: psutil.Process, within_s: float) -> None:
    """Dead is enough: who has to reap it may be asleep."""
    deadline = time.monotonic() + within_s
    with suppress(psutil.NoSuchProcess):
        while gone.is_running() and gone.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {gone.pid} does not end")
            time.sleep(0.02)


@dataclass
class DiskLost:
    """The broker dies and its log with it; it starts empty, and `takt replay` tells it everything again."""

    linked: Linked
    landed: int = 0

    async def land(self) -> None:
        absence = Absence(self.linked, "kafka")
        await absence.land()
        await asyncio.to_thread(shutil.rmtree, self.linked.stack.data / "kafka" / "broker-0")
        await absence.heal()
        self.landed += 1

    async def heal(self) -> None:
        if self.landed:
            await until(self._told_again, _REPLAY_S)

    async def _told_again(self) -> bool:
        """False while the broker does not answer yet."""
        argv = [sys.executable, "-m", "takt", "replay", "--data", str(self.linked.stack.data)]
        replay = await asyncio.create_subprocess_exec(*argv, stdout=DEVNULL, stderr=DEVNULL)
        return await replay.wait() == 0


@dataclass
class BackendKilled:
    """One session's server process dies; the server ends all others and recovers."""

    linked: Linked
    landed: int = 0

    async def land(self) -> None:
        os.kill(await until(self._session, BACK_S), signal.SIGKILL)
        self.landed += 1

    async def _session(self) -> int | None:
        """Process of a session of ours that is there. Services that were cut off may not be back yet."""
        async with self.linked.stack.database() as connection:
            rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'takt-%'")
        children = {child.pid for child in process(self.linked.stack, "postgres").children()}
        return min(children & {row["pid"] for row in rows}, default=None)

    async def heal(self) -> None:
        await until(lambda: answers(self.linked.stack), BACK_S)


@dataclass
class Exhausted:
    """Somebody holds every session that the server gives, and the services have lost theirs."""

    linked: Linked
    landed: int = 0
    _held: list[asyncpg.Connection] = field(default_factory=list)

    async def land(self) -> None:
        async with self.linked.stack.database() as superuser:
            for _ in range(20):
                await self._fill()
                ours = [session.get_server_pid() for session in self._held]
                if not await superuser.fetchval(_END_SESSIONS, ours):
                    break
        self.landed += len(self._held) > 0

    async def _fill(self) -> None:
        url = str(self.linked.stack.status["postgres"])
        login = f"operations_app:{self.linked.stack.secret('operations-app')}@"
        with suppress(asyncpg.TooManyConnectionsError):
            while len(self._held) < _ENOUGH:
                self._held.append(await asyncpg.connect(url.replace("://", f"://{login}")))

    async def heal(self) -> None:
        for session in self._held:
            session.terminate()
        self._held.clear()


@dataclass
class RowLocked:
    """A session holds a row that commands want."""

    linked: Linked
    name: str
    landed: int = 0
    _holder: asyncpg.Connection | None = None

    async def land(self) -> None:
        self._holder = await asyncpg.connect(self.linked.stack.superuser_url)
        await self._holder.execute("BEGIN")
        rows = "SELECT FROM operations.operations WHERE order_no LIKE $1 || '-%' FOR UPDATE"
        query = f"SELECT count(*) FROM ({rows}) AS locked"
        self.landed += bool(await self._holder.fetchval(query, self.name))

    async def heal(self) -> None:
        if self._holder is not None:
            self._holder.terminate()


@dataclass
class BadLink:
    """Bad weather on some links."""

    linked: Linked
    names: Sequence[str]
    weather: Weather
    landed: int = 0

    async def land(self) -> None:
        self._before = self._hits()
        for name in self.names:
            self.linked.links[name].suffer(self.weather)

    async def heal(self) -> None:
        for name in self.names:
            self.linked.links[name].heal()
        self.landed += self._hits() - self._before

    def _hits(self) -> int:
        return sum(self.linked.links[name].hits.total() for name in self.names)


@dataclass
class Resets:
    """All connections of some links are reset."""

    linked: Linked
    names: Sequence[str]
    landed: int = 0

    async def land(self) -> None:
        self.landed += sum(self.linked.links[name].reset() for name in self.names)

    async def heal(self) -> None:
        return


@dataclass
class Redelivered:
    """The last records of a topic are in the log once more, in their order or turned round."""

    linked: Linked
    topic: str
    turned: bool = False
    most: int = 50
    landed: int = 0

    async def land(self) -> None:
        bootstrap = str(self.linked.stack.status["kafka"])
        ends = await topics.ends(bootstrap, [self.topic])
        since = {partition: max(0, end - self.most // len(ends)) for partition, end in ends.items()}
        records = await topics.read(bootstrap, [self.topic], since)
        await topics.send(bootstrap, map(_raw, reversed(records) if self.turned else records))
        self.landed += len(records)

    async def heal(self) -> None:
        return


def _raw(record: ConsumerRecord) -> topics.Raw:
    return record.topic, record.key, record.value, list(record.headers)


@dataclass
class OffsetsReset:
    """The consumers of a service have left, and one group is sent back to the beginning of the log."""

    linked: Linked
    service: str
    group: str
    landed: int = 0

    def __post_init__(self) -> None:
        self._absence = Absence(self.linked, f"{self.service}-consumers", gently=True)

    async def land(self) -> None:
        await self._absence.land()
        bootstrap = str(self.linked.stack.status["kafka"])

        async def rewound() -> int:
            return await groups.rewind(bootstrap, self.group)

        self.landed += await until(rewound, BACK_S)

    async def heal(self) -> None:
        await self._absence.heal()
