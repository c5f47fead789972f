"""Our relay beside the bare loop of the same client, over the same filled outbox.

Each turn gets a fresh copy of the same rows and a process of its own. The clock is the parent's: from "go" (imports are
done, no connection is open yet) to the moment when the last row of the table is marked. Then a raw consumer, which
knows nothing of either, must find every event of the turn once, and each key in the order of its versions.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.filling import fill, refill
from bench.log import ends, read_since
from bench.machine import (
    Child,
    broker,
    child,
    cpu_s,
    database_server,
    database_url,
    family_peak_mib,
    make_database,
    migrate_schemas,
    peak_mib,
    role_url,
)
from bench.report import Claim, Round, Verdict, judge
from plantkit.messaging.provision import ensure_topics
from takt.embedded.kafka import Kafka
from takt.embedded.postgres import Postgres

MUST, AIM = 0.65, 0.80
_LOOK_S = 0.01
_LONGEST_S = 120.0
_NAMES = ("bare loop", "our relay")
_LAST = """
SELECT id, month FROM outbox ORDER BY slot DESC, aggregatetype DESC, aggregateid DESC, version DESC LIMIT 1
"""


@dataclass(frozen=True)
class Amount:
    rounds: int = 5
    rows: int = 40_000
    aggregates: int = 2_000


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with database_server() as postgres, broker() as kafka:
        make_database(postgres, "takt", "operations")
        migrate_schemas(postgres, "takt", "operations")
        asyncio.run(ensure_topics(kafka.bootstrap))
        asyncio.run(fill(_owner(postgres), amount.rows, amount.aggregates))
        rounds = list(_Course(postgres, kafka, amount).run())
    bare, ours = _NAMES
    return rounds, [judge(Claim(title="our relay / bare loop", ours=ours, peer=bare, must=MUST, aim=AIM), rounds)]


def _owner(postgres: Postgres) -> str:
    return role_url(postgres, "takt", "operations", "owner")


class _Course:
    def __init__(self, postgres: Postgres, kafka: Kafka, amount: Amount) -> None:
        self._postgres = postgres
        self._kafka = kafka
        self._amount = amount

    def run(self) -> Iterator[Round]:
        for number in range(self._amount.rounds):
            for name in _NAMES if number % 2 == 0 else reversed(_NAMES):
                yield self._turn(name)

    def _turn(self, name: str) -> Round:
        asyncio.run(refill(_owner(self._postgres), database_url(self._postgres, "takt")))
        before = asyncio.run(ends(self._kafka.bootstrap))
        module = "bench.relay_bare" if name == _NAMES[0] else "bench.relay_ours"
        with child(name.replace(" ", "-"), ["-m", module], self._settings()) as process:
            turn = asyncio.run(self._time(name, process))
        asyncio.run(self._verify(name, before))
        sys.stderr.write(f"{name:<12} {turn.per_s:8,.0f} /s\n")
        return turn

    def _settings(self) -> dict[str, str]:
        return {
            "BENCH_DATABASE_URL": role_url(self._postgres, "takt", "operations", "app"),
            "BENCH_KAFKA": self._kafka.bootstrap,
        }

    async def _time(self, name: str, process: Child) -> Round:
        assert process.process.stdin is not None
        assert process.process.stdout is not None
        looking = await asyncpg.connect(self._settings()["BENCH_DATABASE_URL"])
        last = await looking.fetchrow(_LAST)
        assert last is not None
        marked = await looking.prepare("SELECT published_at IS NOT NULL FROM outbox WHERE id = $1 AND month = $2")
        process.process.stdout.readline()
        spent, started = self._cpu(process), time.perf_counter()
        process.process.stdin.write("go\n")
        process.process.stdin.flush()
        while not await marked.fetchval(last["id"], last["month"]):
            if process.process.poll() is not None or time.perf_counter() - started > _LONGEST_S:
                raise RuntimeError(f"{name} did not come to its end")
            await asyncio.sleep(_LOOK_S)
        seconds = time.perf_counter() - started
        used = {part: total - spent[part] for part, total in self._cpu(process).items()}
        unmarked = await looking.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        await looking.close()
        if unmarked:
            raise RuntimeError(f"{name} marked its last row and left {unmarked} unmarked")
        return Round(name=name, per_s=self._amount.rows / seconds, peak_mib=self._memory(process), cpu_s=used)

    def _cpu(self, process: Child) -> dict[str, float]:
        return {part: cpu_s(pid) for part, pid in self._pids(process).items()}

    def _memory(self, process: Child) -> dict[str, float]:
        pids = self._pids(process)
        return {part: (family_peak_mib if part == "postgres" else peak_mib)(pid) for part, pid in pids.items()}

    def _pids(self, process: Child) -> Mapping[str, int]:
        return {"relay": process.process.pid, "postgres": self._postgres.pid, "kafka": self._kafka.pid}

    async def _verify(self, name: str, before: Mapping[Any, int]) -> None:
        arrived = await read_since(self._kafka.bootstrap, before)
        expected = self._amount.rows
        if (arrived.records, arrived.ids, arrived.inversions) != (expected, expected, 0):
            raise RuntimeError(f"{name}: {arrived}, expected {expected} records in order")
