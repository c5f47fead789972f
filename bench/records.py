"""Versions of records beside SQLAlchemy-Continuum, on one database: how many a second, and paging a long history.

Both revise in a process of their own: ours through the command that a PATCH runs (rights, schema, rule, version, event,
audit entry), the peer as its manual has it, a session that commits. Each writer has a record of its own, so that nobody
waits. One record gets a long history, and pages of 100 versions are read at its new end and at its old one: ours by the
place in the history, the peer by OFFSET, which is what its relation offers. SQL counts the versions.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from bench.machine import (
    Child,
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
from takt.embedded.postgres import Postgres

OURS, PEER = "takt", "Continuum"
REVISE, FIRST, DEEPEST = "revise", "first page", "deepest page"
FLAT: Final = 1 / 1.5
_COUNTED = {
    OURS: "SELECT count(*) FROM records.record_versions",
    PEER: "SELECT count(*) FROM public.inspections_version",
}


@dataclass(frozen=True)
class Amount:
    """`depth`: versions of the record whose history is paged; `pages`: reads of each page."""

    rounds: int = 5
    seconds: float = 4.0
    writers: int = 8
    depth: int = 10_000
    pages: int = 50


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with database_server() as postgres:
        make_database(postgres, "takt", "records")
        migrate_schemas(postgres, "takt", "records")
        rounds = list(_Course(postgres, amount).run())
    return rounds, [judge(claim, rounds) for claim in _claims()]


def _claims() -> Iterator[Claim]:
    yield Claim(title="versions: takt / Continuum", ours=_turn(REVISE, OURS), peer=_turn(REVISE, PEER))
    flat = "history: deepest page / first, "
    yield Claim(title=flat + OURS, ours=_turn(DEEPEST, OURS), peer=_turn(FIRST, OURS), must=FLAT)
    yield Claim(title=flat + PEER, ours=_turn(DEEPEST, PEER), peer=_turn(FIRST, PEER))
    yield Claim(title="history: deepest page, takt / Continuum", ours=_turn(DEEPEST, OURS), peer=_turn(DEEPEST, PEER))


def _turn(task: str, name: str) -> str:
    return f"{task}: {name}"


class _Course:
    """All turns: the children stay, so that each history is made once."""

    def __init__(self, postgres: Postgres, amount: Amount) -> None:
        self._postgres, self._amount = postgres, amount
        self._versions = dict.fromkeys((OURS, PEER), 0)

    def run(self) -> Iterator[Round]:
        ours = {"BENCH_DATABASE_URL": role_url(self._postgres, "takt", "records", "app")}
        peer = {"BENCH_DATABASE_URL": database_url(self._postgres, "takt")}
        writers = {"BENCH_WRITERS": str(self._amount.writers)}
        with (
            child(OURS, ["-m", "bench.records_ours"], ours | writers) as first,
            child(PEER, ["-m", "bench.records_continuum"], peer | writers) as second,
        ):
            children = {OURS: first, PEER: second}
            for name, one in children.items():
                self._versions[name] += int(_ask(one, task="deepen", versions=self._amount.depth)["versions"])
            for number in range(self._amount.rounds):
                for name in (OURS, PEER) if number % 2 == 0 else (PEER, OURS):
                    yield from self._round(name, children[name])

    def _round(self, name: str, one: Child) -> Iterator[Round]:
        yield self._revised(name, one)
        for task, skip in ((FIRST, 0), (DEEPEST, self._amount.depth - 100)):
            told = _ask(one, task="page", skip=skip, pages=self._amount.pages)
            if told["versions"] != 100:
                raise RuntimeError(f"{name} answered {told['versions']} versions behind {skip}")
            yield self._reported(Round(name=_turn(task, name), per_s=told["per_s"], latency_ms=told["latency_ms"]))

    def _revised(self, name: str, one: Child) -> Round:
        pids = {name: one.process.pid, "postgres": self._postgres.pid}
        spent = {part: cpu_s(pid) for part, pid in pids.items()}
        told = _ask(one, task="revise", seconds=self._amount.seconds)
        used = {part: cpu_s(pid) - spent[part] for part, pid in pids.items()}
        self._versions[name] += int(told["versions"])
        asyncio.run(self._verify(name))
        memory = {name: peak_mib(one.process.pid), "postgres": family_peak_mib(self._postgres.pid)}
        turn = Round(
            name=_turn(REVISE, name),
            per_s=told["per_s"],
            latency_ms=told["latency_ms"],
            peak_mib=memory,
            cpu_s=used,
        )
        return self._reported(turn)

    def _reported(self, turn: Round) -> Round:
        sys.stderr.write(f"{turn.name:<30} {turn.per_s:8,.0f} /s\n")
        return turn

    async def _verify(self, name: str) -> None:
        """Every answer left one version, those that began a record included; and no checkpoint falls into a turn."""
        looking = await asyncpg.connect(database_url(self._postgres, "takt"))
        found = await looking.fetchval(_COUNTED[name])
        await looking.execute("CHECKPOINT")
        await looking.close()
        if found != self._versions[name] + self._amount.writers + 1:
            raise RuntimeError(f"{name} answered {self._versions[name]} revisions, the table has {found} versions")


def _ask(one: Child, **task: Any) -> dict[str, Any]:
    """Have the child do something and wait for its answer."""
    assert one.process.stdin is not None
    assert one.process.stdout is not None
    one.process.stdin.write(json.dumps(task) + "\n")
    one.process.stdin.flush()
    line = one.process.stdout.readline()
    if not line:
        raise RuntimeError(f"{one.name} ended")
    told: dict[str, Any] = json.loads(line)
    return told
