"""A list of ten million operations at the service's port: the deepest page beside the first, and beside OFFSET.

Both read the real table with all of its constraints and indexes. Two clients ask for the same page again and again,
each when its answer is there; every page holds 100 rows, and the deepest is the last: it must end with the row that SQL
names. Cursors are signed, so ours is made with the bench's own secret, as the page before would have made it.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from secrets import token_urlsafe
from statistics import median
from typing import Any
from urllib.parse import urlencode

import asyncpg

from bench import lists_fill
from bench.contestants import PLAIN, Contestant, Stack, gateway, operations
from bench.machine import (
    busy_s,
    cpu_s,
    database_server,
    database_url,
    family_peak_mib,
    make_database,
    migrate_schemas,
    peak_mib,
    served,
)
from bench.pages import ask
from bench.report import Claim, Round, Verdict, judge
from operations.production.planning import OPERATIONS
from plantkit.http.paging import cursor_for, places
from takt.embedded.ports import own_port
from takt.embedded.postgres import Postgres

MOST_TIMES, MUST_MS = 1.5, 50.0
_PAGE, _CLIENTS = 100, 2
_BUSIEST = "WP-001"


@dataclass(frozen=True)
class Amount:
    rounds: int = 5
    rows: int = 10_000_000
    pages: int = 50


@dataclass(frozen=True)
class Question:
    """A list, and by which SQL its rows are those that it should show."""

    name: str
    query: dict[str, str]
    where: str = "true"
    order: tuple[str, ...] = ("order_no", "operation_no")
    is_peers: bool = True


QUESTIONS = (
    Question("all", {}),
    Question("busiest workplace", {"workplace": _BUSIEST}, f"workplace = '{_BUSIEST}'"),
    Question("by due", {"sort": "due"}, order=("due", "order_no", "operation_no"), is_peers=False),
)


@dataclass(frozen=True)
class Turn:
    """One page of a list, asked of one contestant. `last` is the key of the row that it must end with."""

    name: str
    contestant: Contestant
    path: str
    last: str
    is_deep: bool

    @property
    def pages(self) -> float:
        """Share of the pages that are asked: OFFSET takes seconds for each of the deepest."""
        return 0.04 if self.is_deep and not self.contestant.door else 1.0


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with database_server() as postgres:
        make_database(postgres, PLAIN, "operations", "gateway")
        migrate_schemas(postgres, PLAIN, "operations", "gateway")
        sys.stderr.write(f"filling {amount.rows:,} operations\n")
        asyncio.run(lists_fill.fill(database_url(postgres, PLAIN), amount.rows))
        with _started(postgres) as (told, ours, peer):
            turns = asyncio.run(_turns(postgres, told, ours, peer))
            rounds = [
                _timed(turn, postgres, amount)
                for number in range(amount.rounds)
                for turn in (turns if number % 2 == 0 else reversed(turns))
            ]
    return rounds, [judge(claim, rounds) for claim in _claims()]


def is_fast(rounds: Sequence[Round]) -> bool:
    return _slowest(rounds)[1] <= MUST_MS


def verdict(rounds: Sequence[Round]) -> str:
    name, p95_ms = _slowest(rounds)
    said = "met" if is_fast(rounds) else "MISSED"
    return (
        f"slowest page of ours by the median of its rounds' p95: {name}, {p95_ms:.1f} ms; must {MUST_MS:.0f} ms: {said}"
    )


def _slowest(rounds: Sequence[Round]) -> tuple[str, float]:
    """The page of ours whose p95, median of its rounds, is the longest."""
    names = {turn.name for turn in rounds if turn.name.startswith("ours")}
    found = {name: median(turn.latency_ms["p95"] for turn in rounds if turn.name == name) for name in names}
    slowest = max(found, key=lambda name: found[name])
    return slowest, found[slowest]


def _claims() -> Iterator[Claim]:
    for question in QUESTIONS:
        first, deepest = (f"ours: {question.name}, {which} page" for which in ("first", "deepest"))
        yield Claim(title=f"{question.name}: deepest / first", ours=deepest, peer=first, must=1 / MOST_TIMES)
        if question.is_peers:
            offset = f"OFFSET: {question.name}, deepest page"
            yield Claim(title=f"{question.name}: deepest, ours / OFFSET", ours=deepest, peer=offset)


@contextmanager
def _started(postgres: Postgres) -> Iterator[tuple[Stack, Contestant, Contestant]]:
    told = Stack(postgres, "127.0.0.1:1", own_port(), own_port(), token_urlsafe(32))
    port = own_port()
    url = database_url(postgres, PLAIN).replace("postgresql://", "postgresql+psycopg2://")
    variables = {"PEER_DATABASE_URL": url, "PEER_PORT": str(port)}
    with ExitStack() as stack:
        service = stack.enter_context(operations(told, PLAIN, "api", told.operations_port))
        front = stack.enter_context(gateway(told))
        peer = stack.enter_context(served("peer", ["-m", "bench.lists_peer"], variables, port, "/ready"))
        ours = Contestant("ours", service, PLAIN, prefix="/api/v1", door=front.url)
        yield told, ours, Contestant("OFFSET", peer, PLAIN)


async def _turns(postgres: Postgres, told: Stack, ours: Contestant, peer: Contestant) -> list[Turn]:
    connection = await asyncpg.connect(database_url(postgres, PLAIN))
    turns = [turn for question in QUESTIONS for turn in await _of(connection, question, told, ours, peer)]
    await connection.close()
    return turns


async def _of(
    connection: asyncpg.Connection, question: Question, told: Stack, ours: Contestant, peer: Contestant
) -> list[Turn]:
    """First and deepest page of a list, asked of both."""
    limit = {"limit": str(_PAGE)}
    ends = {
        False: await _row(connection, question, _PAGE - 1),
        True: await _row(connection, question, 0, upwards=False),
    }
    before = await _row(connection, question, _PAGE, upwards=False)
    cursor = {"cursor": _cursor(told, question, before)}
    count = await connection.fetchval(f"SELECT count(*) FROM operations.operations WHERE {question.where}")
    asked = {ours: (question.query, cursor), peer: (question.query, {"offset": str(count - _PAGE)})}
    return [
        Turn(
            f"{one.name}: {question.name}, {'deepest' if is_deep else 'first'} page",
            one,
            f"{one.prefix}/operations?{urlencode(query | limit | (deep if is_deep else {}))}",
            "/".join((ends[is_deep]["order_no"], ends[is_deep]["operation_no"])),
            is_deep,
        )
        for one, (query, deep) in asked.items()
        for is_deep in (False, True)
        if one is ours or question.is_peers
    ]


async def _row(
    connection: asyncpg.Connection, question: Question, offset: int, *, upwards: bool = True
) -> asyncpg.Record:
    direction = "ASC" if upwards else "DESC"
    order = ", ".join(f"{name} {direction}" for name in question.order)
    query = f"SELECT {', '.join(question.order)} FROM operations.operations WHERE {question.where} ORDER BY {order}"
    [row] = await connection.fetch(f"{query} OFFSET {offset} LIMIT 1")
    return row


def _cursor(told: Stack, question: Question, row: asyncpg.Record) -> str:
    query = OPERATIONS.listing.grammar.read(question.query)
    orders = places(query.order(), OPERATIONS.contract.key)
    return cursor_for(told.cursor_secret, "cursor:operations", query, orders, list(row))


def _timed(turn: Turn, postgres: Postgres, amount: Amount) -> Round:
    server = turn.contestant.server
    headers = turn.contestant.headers()
    ask(server.port, turn.path, headers, clients=1, pages=1)  # to warm up: statements are prepared at first use
    spent, busy = {"server": cpu_s(server.process.pid), "postgres": cpu_s(postgres.pid)}, busy_s()
    pages = max(1, round(amount.pages * turn.pages))
    asked = ask(server.port, turn.path, headers, clients=_CLIENTS, pages=pages)
    _verify(turn, asked.body)
    used = {"server": cpu_s(server.process.pid), "postgres": cpu_s(postgres.pid)}
    used = {name: total - spent[name] for name, total in used.items()}
    used["load and strangers"] = max(0.0, busy_s() - busy - sum(used.values()))
    peak = {"server": peak_mib(server.process.pid), "postgres": family_peak_mib(postgres.pid)}
    sys.stderr.write(f"{turn.name:<50} {asked.per_s:8,.0f} /s, p95 {asked.latency_ms['p95']:.1f} ms\n")
    return Round(name=turn.name, per_s=asked.per_s, latency_ms=asked.latency_ms, peak_mib=peak, cpu_s=used)


def _verify(turn: Turn, body: bytes) -> None:
    """A whole page that ends with the row that SQL names, and is the last where it should be."""
    answer: Any = json.loads(body)
    rows = answer["data"] if turn.contestant.door else answer
    last = f"{rows[-1]['order_no']}/{rows[-1]['operation_no']}"
    if len(rows) != _PAGE or last != turn.last:
        raise RuntimeError(f"{turn.name}: {len(rows)} rows up to {last}, not {turn.last}")
    if turn.contestant.door and turn.is_deep and answer["page"]["next"] is not None:
        raise RuntimeError(f"{turn.name}: there is a page behind the last")
