"""Our consumer (inbox, version guard, effect, offsets after the commit) beside bare FastStream batch consumers.

Ours reads of each event what its handler needs, as our read models do; reading the whole contract is reported beside.
All read the same two topics of the same records: one where every record has a key of its own, one of a few thousand
keys with many versions each. Each turn has a process and a group of its own. The clock is the parent's: from the
first records' arrival, so that connecting and joining make nobody look better, to the last one's count or commit. Then
SQL counts the rows.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from secrets import token_hex

import asyncpg

from bench import consume_topic
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
from takt.embedded.kafka import Kafka
from takt.embedded.postgres import Postgres

MUST, AIM = 0.50, 0.65
_JUDGE = "SELECT count(*), count(DISTINCT (subject, version)) FROM bench_applied"
_KEYS = {"distinct": "distinct keys", "few": "few keys"}
_BARE, _RAW = "bare FastStream batch", "FastStream with a raw effect"
_OURS, _WHOLE = "our consumer", "our consumer, whole contract"
_NAMES = (_BARE, _OURS, _RAW, _WHOLE)
_ASKED = {_RAW: {"BENCH_EFFECT": "yes"}, _WHOLE: {"BENCH_WHOLE": "yes"}}


@dataclass(frozen=True)
class Amount:
    rounds: int = 5
    rows: int = 60_000
    keys: int = 5_000


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with database_server() as postgres, broker() as kafka:
        make_database(postgres, "takt", "operations")
        migrate_schemas(postgres, "takt", "operations")
        owner = role_url(postgres, "takt", "operations", "owner")
        asyncio.run(consume_topic.make(owner, kafka.bootstrap, amount.rows, amount.keys))
        rounds = list(_Course(postgres, kafka, amount).run())
    return rounds, [judge(claim, rounds) for claim in _claims()]


def _claims() -> Iterator[Claim]:
    for keys in _KEYS.values():
        ours, all_of_it = f"{_OURS}, {keys}", f"{_WHOLE}, {keys}"
        goal = {"must": MUST, "aim": AIM} if keys == _KEYS["distinct"] else {}
        yield Claim(title=f"{_OURS} / bare batch, {keys}", ours=ours, peer=f"{_BARE}, {keys}", **goal)
        yield Claim(title=f"{_OURS} / raw effect, {keys}", ours=ours, peer=f"{_RAW}, {keys}")
        yield Claim(title=f"whole contract / bare batch, {keys}", ours=all_of_it, peer=f"{_BARE}, {keys}")


class _Course:
    def __init__(self, postgres: Postgres, kafka: Kafka, amount: Amount) -> None:
        self._postgres = postgres
        self._kafka = kafka
        self._amount = amount

    def run(self) -> Iterator[Round]:
        for number in range(self._amount.rounds):
            for workload in _KEYS:
                for name in _NAMES if number % 2 == 0 else reversed(_NAMES):
                    yield self._turn(name, workload)

    def _turn(self, name: str, workload: str) -> Round:
        owner = role_url(self._postgres, "takt", "operations", "owner")
        asyncio.run(consume_topic.empty(owner, database_url(self._postgres, "takt")))
        module = "bench.consume_ours" if name in {_OURS, _WHOLE} else "bench.consume_bare"
        with child(name.replace(" ", "-"), ["-m", module], self._settings(name, workload)) as process:
            turn = self._time(f"{name}, {_KEYS[workload]}", process)
        self._verify(name, asyncio.run(self._applied()))
        sys.stderr.write(f"{turn.name:<42} {turn.per_s:8,.0f} /s\n")
        return turn

    def _settings(self, name: str, workload: str) -> dict[str, str]:
        return _ASKED.get(name, {}) | {
            "BENCH_DATABASE_URL": role_url(self._postgres, "takt", "operations", "app"),
            "BENCH_KAFKA": self._kafka.bootstrap,
            "BENCH_GROUP": f"operations.bench-{token_hex(4)}",
            "BENCH_RECORDS": str(self._amount.rows),
            "BENCH_WORKLOAD": workload,
        }

    def _time(self, name: str, process: Child) -> Round:
        assert process.process.stdin is not None
        assert process.process.stdout is not None
        process.process.stdout.readline()
        process.process.stdin.write("go\n")
        process.process.stdin.flush()
        process.process.stdout.readline()
        spent, started = self._cpu(process), time.perf_counter()
        if process.process.stdout.readline() != "done\n":
            raise RuntimeError(f"{name} did not come to its end")
        seconds = time.perf_counter() - started
        used = {part: total - spent[part] for part, total in self._cpu(process).items()}
        return Round(name=name, per_s=self._amount.rows / seconds, peak_mib=self._memory(process), cpu_s=used)

    def _cpu(self, process: Child) -> dict[str, float]:
        return {part: cpu_s(pid) for part, pid in self._pids(process).items()}

    def _memory(self, process: Child) -> dict[str, float]:
        pids = self._pids(process)
        return {part: (family_peak_mib if part == "postgres" else peak_mib)(pid) for part, pid in pids.items()}

    def _pids(self, process: Child) -> Mapping[str, int]:
        return {"consumer": process.process.pid, "postgres": self._postgres.pid, "kafka": self._kafka.pid}

    async def _applied(self) -> tuple[int, int]:
        looking = await asyncpg.connect(role_url(self._postgres, "takt", "operations", "app"))
        found = await looking.fetchrow(_JUDGE)
        await looking.close()
        assert found is not None
        return found[0], found[1]

    def _verify(self, name: str, applied: tuple[int, int]) -> None:
        expected = 0 if name == _BARE else self._amount.rows
        if applied != (expected, expected):
            raise RuntimeError(f"{name} applied {applied} rows and different ones, expected {expected}")
