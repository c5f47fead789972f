"""Our relay beside the bare loop of the same client, and beside Debezium's outbox, with the same events.

Each turn gets a fresh copy of the same rows and a process of its own. Beside the bare loop the clock is the parent's:
from "go" (imports are done, no connection is open yet) to the moment when the last row of the table is marked. Beside
Debezium both are warm, see `bench.relay_warm`, and both then tell single commits at a steady rate, timed one by one.
After each turn a raw consumer, which knows nothing of any of them, must find every event once, and each key in the
order of its versions.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from bench import debezium, relay_latency, relay_warm
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
RATE_MUST, RATE_AIM = 1.5, 3.0
LATENCY_MUST, LATENCY_AIM = 2.0, 3.0
_BARE, _OURS, _WARM, _DEBEZIUM = "bare loop", "our relay", "our relay, warm", "Debezium"
_NAMES = (_BARE, _OURS, _WARM, _DEBEZIUM)
_LOOK_S = 0.01
_LONGEST_S = 120.0
_LAST = """
SELECT id FROM outbox ORDER BY slot DESC, aggregatetype DESC, aggregateid DESC, version DESC LIMIT 1
"""


@dataclass(frozen=True)
class Amount:
    rounds: int = 5
    rows: int = 40_000
    aggregates: int = 2_000
    rate_per_s: int = 200
    seconds: float = 10.0


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with database_server(wal_level="logical") as postgres, broker() as kafka:
        make_database(postgres, "takt", "operations")
        migrate_schemas(postgres, "takt", "operations")
        asyncio.run(ensure_topics(kafka.bootstrap))
        asyncio.run(fill(_owner(postgres), amount.rows, amount.aggregates))
        asyncio.run(relay_warm.prepare(database_url(postgres, "takt")))
        rounds = list(_Course(postgres, kafka, amount).run())
    return rounds, _verdicts(rounds)


def _verdicts(rounds: list[Round]) -> list[Verdict]:
    """A latency is compared by its inverse, so that more is better in every line."""
    quick = [replace(turn, per_s=1000 / turn.latency_ms["p50"]) for turn in rounds if turn.latency_ms]
    bare = Claim(title="our relay / bare loop", ours=_OURS, peer=_BARE, must=MUST, aim=AIM)
    peer = Claim(title="our relay / Debezium, events/s", ours=_WARM, peer=_DEBEZIUM, must=RATE_MUST, aim=RATE_AIM)
    late = Claim(
        title="Debezium / our relay, median latency", ours=_WARM, peer=_DEBEZIUM, must=LATENCY_MUST, aim=LATENCY_AIM
    )
    return [judge(bare, rounds), judge(peer, rounds), judge(late, quick)]


def _owner(postgres: Postgres) -> str:
    return role_url(postgres, "takt", "operations", "owner")


def _await_ready(process: Child) -> None:
    assert process.process.stdout is not None
    process.process.stdout.readline()


def _go(process: Child) -> None:
    assert process.process.stdin is not None
    process.process.stdin.write("go\n")
    process.process.stdin.flush()


class _Course:
    def __init__(self, postgres: Postgres, kafka: Kafka, amount: Amount) -> None:
        self._postgres = postgres
        self._kafka = kafka
        self._amount = amount

    def run(self) -> Iterator[Round]:
        for number in range(self._amount.rounds):
            first = number % len(_NAMES)
            for name in (*_NAMES[first:], *_NAMES[:first]):
                asyncio.run(refill(_owner(self._postgres), database_url(self._postgres, "takt")))
                turn = self._turn(name)
                late = f"p50 {turn.latency_ms['p50']:.1f} ms" if turn.latency_ms else ""
                sys.stderr.write(f"{name:<16} {turn.per_s:8,.0f} /s  {late}\n")
                yield turn

    def _turn(self, name: str) -> Round:
        if name == _DEBEZIUM:
            with debezium.worker(self._postgres, "takt", self._kafka.bootstrap) as process:
                return self._warm(name, relay_warm.DEBEZIUM, process)
        if name == _WARM:
            with child("our-relay-warm", ["-m", "bench.relay_ours"], self._settings()) as process:
                _await_ready(process)
                _go(process)
                return self._warm(name, relay_warm.OURS, process)
        return self._cold(name)

    def _cold(self, name: str) -> Round:
        before = asyncio.run(ends(self._kafka.bootstrap))
        module = "bench.relay_bare" if name == _BARE else "bench.relay_ours"
        with child(name.replace(" ", "-"), ["-m", module], self._settings()) as process:
            turn = asyncio.run(self._time(name, process))
            asyncio.run(self._verify(name, before))
            return turn

    def _warm(self, name: str, outbox: relay_warm.Outbox, process: Child) -> Round:
        url, kafka = database_url(self._postgres, "takt"), self._kafka.bootstrap
        asyncio.run(relay_warm.warm_up(outbox, url, kafka))
        before, spent = asyncio.run(ends(kafka)), self._cpu(process)
        seconds = asyncio.run(relay_warm.told_after_s(outbox, url, kafka, self._amount.rows))
        used = {part: total - spent[part] for part, total in self._cpu(process).items()}
        asyncio.run(self._verify(name, before))
        late = asyncio.run(self._latency(ours=outbox is relay_warm.OURS))
        per_s, peak = self._amount.rows / seconds, self._memory(process)
        return Round(name=name, per_s=per_s, latency_ms=late, peak_mib=peak, cpu_s=used)

    async def _latency(self, *, ours: bool) -> dict[str, float]:
        superuser = database_url(self._postgres, "takt")
        contestant = (
            relay_latency.ours(self._settings()["BENCH_DATABASE_URL"]) if ours else relay_latency.theirs(superuser)
        )
        pace = relay_latency.Pace(self._amount.rate_per_s, self._amount.seconds)
        async with contestant as commit:
            return await relay_latency.measure(commit, superuser, self._kafka.bootstrap, pace)

    def _settings(self) -> dict[str, str]:
        return {
            "BENCH_DATABASE_URL": role_url(self._postgres, "takt", "operations", "app"),
            "BENCH_KAFKA": self._kafka.bootstrap,
        }

    async def _time(self, name: str, process: Child) -> Round:
        looking = await asyncpg.connect(self._settings()["BENCH_DATABASE_URL"])
        last = await looking.fetchrow(_LAST)
        assert last is not None
        marked = await looking.prepare("SELECT NOT EXISTS (SELECT FROM outbox_pending WHERE id = $1)")
        _await_ready(process)
        spent, started = self._cpu(process), time.perf_counter()
        _go(process)
        while not await marked.fetchval(last["id"]):
            if process.process.poll() is not None or time.perf_counter() - started > _LONGEST_S:
                raise RuntimeError(f"{name} did not come to its end")
            await asyncio.sleep(_LOOK_S)
        seconds = time.perf_counter() - started
        used = {part: total - spent[part] for part, total in self._cpu(process).items()}
        unmarked = await looking.fetchval("SELECT count(*) FROM outbox_pending")
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
