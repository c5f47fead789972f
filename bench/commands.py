"""A command of ours (token, idempotency key, rule, state, event, audit entry, answer) beside a plain create.

Every contestant is one uvicorn process and gets the same load in turn; the order alternates from round to round. After
each turn SQL must find as many rows as answers were given.

The peer keeps no work orders, so an operation is created in one that is there: one row, as with the peer. For an order
that nobody knows ours makes the order too, and tells both; that is reported beside it.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg

from bench.contestants import ORDERS, TARGETS, Contestant, Field, started
from bench.load import NUMBER, TARGET, Load, Result
from bench.machine import broker, busy_s, cpu_s, database_server, database_url, family_peak_mib, peak_mib
from bench.report import Claim, Round, Verdict, judge
from plantkit.messaging.provision import ensure_topics
from takt.embedded.postgres import Postgres

MUST, AIM = 2.0, 4.0
_QUIET_S = 1.0  # one process starts and ends in each turn: the load

_BESIDE = "ARRAY['audit', 'work-order']"  # told beside the row that a task is about


@dataclass(frozen=True)
class Task:
    """What is asked for, and the table in which each answer must have left one row."""

    name: str
    path: str
    body: Mapping[str, str]
    table: str
    targets: int = TARGETS

    def turn_of(self, contestant: Contestant) -> str:
        return f"{self.name}: {contestant.name}"


_OPERATION = {
    "operation_no": NUMBER,
    "workplace": "BENCH",
    "item": "BENCH",
    "due": "2026-12-24T12:00:00Z",
    "qty_desired": "120.5",
}
TASKS = (
    Task(
        "create workplace",
        "/workplaces",
        {"code": f"WP-{NUMBER}", "name": f"Workplace {NUMBER}", "area": "Hall 7", "description": "Five-axis milling"},
        "workplaces",
    ),
    Task(
        "create operation",
        "/operations",
        {"order_no": f"PLAN-{TARGET}", **_OPERATION},
        "operations",
        targets=ORDERS,
    ),
    Task(
        "report quantity",
        f"/operations/BENCH-{TARGET}/0010/report",
        {"good": "0.9", "scrap": "0.1", "reason": "porosity"},
        "ledger_entries",
    ),
)
OF_UNKNOWN_ORDER = Task(
    "create operation of an unknown order", "/operations", {"order_no": f"WO-{NUMBER}", **_OPERATION}, "operations"
)


@dataclass
class Pace:
    rounds: int = 5
    seconds: float = 4.0
    connections: int = 16


def run(pace: Pace) -> tuple[list[Round], list[Verdict]]:
    with database_server() as postgres, broker() as kafka:
        asyncio.run(ensure_topics(kafka.bootstrap))
        with started(postgres, kafka) as field:
            rounds = list(_Course(postgres, field, pace).run())
    return rounds, [judge(claim, rounds) for claim in _claims(field)]


def _claims(field: Field) -> Iterator[Claim]:
    for task in TASKS:
        ours, peer = task.turn_of(field.ours), task.turn_of(field.peer)
        yield Claim(title=f"{task.name}: ours / peer", ours=ours, peer=peer, must=MUST, aim=AIM)
    first, unknown = TASKS[0], OF_UNKNOWN_ORDER
    yield Claim(
        title=f"{unknown.name}: ours / peer", ours=unknown.turn_of(field.ours), peer=TASKS[1].turn_of(field.peer)
    )
    for other in (field.lean, field.relayed, field.gateway):
        yield Claim(title=f"{other.name} / peer", ours=first.turn_of(other), peer=first.turn_of(field.peer))


class _Course:
    """All turns. `first` numbers requests across turns, so that no key comes twice."""

    def __init__(self, postgres: Postgres, field: Field, pace: Pace) -> None:
        self._postgres = postgres
        self._pace = pace
        self._first = 0
        pairs = [(task, contestant) for task in TASKS for contestant in (field.peer, field.ours)]
        beside = [(TASKS[0], other) for other in (field.lean, field.relayed, field.gateway)]
        self._order = [*pairs, (OF_UNKNOWN_ORDER, field.ours), *beside]

    def run(self) -> Iterator[Round]:
        for number in range(self._pace.rounds):
            for task, contestant in self._order if number % 2 == 0 else reversed(self._order):
                yield self._turn(task, contestant)

    def _turn(self, task: Task, contestant: Contestant) -> Round:
        before = asyncio.run(self._count(task, contestant))
        spent, busy = self._cpu(contestant), busy_s()
        result = _generate(self._load(task, contestant))
        self._first = result.next
        used = {name: total - spent[name] for name, total in self._cpu(contestant).items()} | {"load": result.cpu_s}
        used["strangers"] = max(0.0, busy_s() - busy - sum(used.values()))
        after = asyncio.run(self._count(task, contestant))
        _verify(task, contestant, result, {name: after[name] - before[name] for name in after})
        turn = Round(
            name=task.turn_of(contestant),
            per_s=result.per_s,
            latency_ms={"p50": result.p50_ms, "p99": result.p99_ms},
            peak_mib=self._memory(contestant),
            cpu_s=used,
        )
        sys.stderr.write(f"{turn.name:<50} {turn.per_s:8,.0f} /s\n")
        return turn

    def _load(self, task: Task, contestant: Contestant) -> Load:
        return Load(
            port=contestant.server.port,
            path=contestant.prefix + task.path,
            body=json.dumps(task.body),
            headers={"idempotency-key": f"bench-{NUMBER}", **contestant.headers()},
            connections=self._pace.connections,
            targets=task.targets,
            first=self._first,
            seconds=self._pace.seconds,
        )

    async def _count(self, task: Task, contestant: Contestant) -> dict[str, int]:
        """Rows by SQL; and a checkpoint, so that none falls into the turn by chance."""
        connection = await asyncpg.connect(database_url(self._postgres, contestant.database))
        schema = "operations" if contestant.door else "public"
        queries = {"rows": f"SELECT count(*) FROM {schema}.{task.table}"}
        if contestant.door:
            queries["facts"] = f"SELECT count(*) FROM {schema}.outbox WHERE aggregatetype <> ALL({_BESIDE})"
            queries["entries"] = f"SELECT count(*) FROM {schema}.outbox WHERE aggregatetype = 'audit'"
            queries["answers"] = f"SELECT count(*) FROM {schema}.idempotency"
        counted = {name: int(await connection.fetchval(query)) for name, query in queries.items()}
        await connection.execute("CHECKPOINT")
        await connection.close()
        return counted

    def _cpu(self, contestant: Contestant) -> dict[str, float]:
        return {"server": cpu_s(contestant.server.process.pid), "postgres": cpu_s(self._postgres.pid)}

    def _memory(self, contestant: Contestant) -> dict[str, float]:
        return {"server": peak_mib(contestant.server.process.pid), "postgres": family_peak_mib(self._postgres.pid)}


def _generate(load: Load) -> Result:
    """The load comes from a process of its own."""
    argv = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(argv, input=json.dumps(asdict(load)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    answered: dict[str, Any] = json.loads(done.stdout)
    return Result(**answered)


def _verify(task: Task, contestant: Contestant, result: Result, grown: Mapping[str, int]) -> None:
    """Every answer was a success and left its rows: one of state, and with us a fact, an entry and an answer."""
    good = sum(result.statuses.get(status, 0) for status in ("200", "201"))
    if good != sum(result.statuses.values()):
        raise RuntimeError(f"{task.turn_of(contestant)}: {result.statuses}\n{result.example}")
    if wrong := {name: count for name, count in grown.items() if count != good}:
        raise RuntimeError(f"{task.turn_of(contestant)}: {good} answers, but {wrong}")


def describe(rounds: Sequence[Round]) -> str:
    load = max(turn.cpu_s["load"] for turn in rounds)
    strangers = max(turn.cpu_s["strangers"] for turn in rounds)
    told = f"at most {load:.1f} CPU s a turn went to the load, {strangers:.1f} to strangers"
    return told + (" (not a quiet machine)" if strangers > _QUIET_S else "")
