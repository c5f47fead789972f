"""What a review once claimed of a list with its relations, measured: indexes, eager loading, the size of the pool.

One plain FastAPI + SQLAlchemy service over the same rows: tables without and with indexes, relations one by one and
eagerly, 64 clients with a pool of one and of thirty. The ratios are reported, not required; the claims stand in their
titles. Which numbers belong to which cure is our reading of the review, which named three cures and three ratios.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import asyncpg

from bench.machine import Child, cpu_s, database_server, database_url, family_peak_mib, make_database, peak_mib, served
from bench.pages import ask
from bench.report import Claim, Round, Verdict, judge
from takt.embedded.ports import own_port
from takt.embedded.postgres import Postgres

LINES_OF_ORDER, ORDERS_OF_CUSTOMER, ITEMS, _CLIENTS = 5, 100, 500, 64
_DATABASE = "seed_claims"
_TABLES = """
CREATE SCHEMA {schema};
CREATE TABLE {schema}.items AS SELECT n AS id, 'Item ' || n AS name FROM generate_series(1, {items}) n;
CREATE TABLE {schema}.orders AS
    SELECT n AS id, 'WO-' || n AS number, 'Customer ' || n % {customers} AS customer,
           timestamptz '2026-01-01Z' + (n * 7919 % 730) * interval '1 day' AS due FROM generate_series(1, {orders}) n;
CREATE TABLE {schema}.lines AS
    SELECT n AS id, 1 + n % {orders} AS order_id, 1 + n % {items} AS item_id, (1 + n % 50)::numeric AS quantity
    FROM generate_series(1, {orders} * {lines}) n;
"""
_INDEXES = """
ALTER TABLE indexed.items ADD PRIMARY KEY (id);
ALTER TABLE indexed.orders ADD PRIMARY KEY (id);
ALTER TABLE indexed.lines ADD PRIMARY KEY (id);
CREATE INDEX ON indexed.orders (customer, due, id);
CREATE INDEX ON indexed.lines (order_id);
"""


@dataclass(frozen=True)
class Amount:
    rounds: int = 3
    orders: int = 20_000
    seconds: float = 4.0


@dataclass(frozen=True)
class Build:
    """A way to write the list."""

    name: str
    schema: str
    eager: bool
    pool: int


_NAIVE = Build("no indexes, one by one, pool 30", "bare", eager=False, pool=30)
_INDEXED = Build("indexes, one by one, pool 30", "indexed", eager=False, pool=30)
_EAGER = Build("indexes, eager, pool 30", "indexed", eager=True, pool=30)
_ONE = Build("indexes, eager, pool 1", "indexed", eager=True, pool=1)
_UNINDEXED = Build("no indexes, eager, pool 30", "bare", eager=True, pool=30)
BUILDS = (_NAIVE, _UNINDEXED, _INDEXED, _EAGER, _ONE)
CLAIMS = (
    Claim(title="eager loading (claimed 5-10x)", ours=_EAGER.name, peer=_INDEXED.name),
    Claim(title="indexes, one by one (claimed up to 100x)", ours=_INDEXED.name, peer=_NAIVE.name),
    Claim(title="indexes, eager (claimed up to 100x)", ours=_EAGER.name, peer=_UNINDEXED.name),
    Claim(title="pool of 30, not 1 (claimed 3-4x)", ours=_EAGER.name, peer=_ONE.name),
    Claim(title="all three together", ours=_EAGER.name, peer=_NAIVE.name),
)


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with database_server() as postgres:
        make_database(postgres, _DATABASE)
        asyncio.run(_fill(database_url(postgres, _DATABASE), amount.orders))
        with _served(postgres) as servers:
            rounds = [
                _timed(build, servers[build.schema, build.pool], postgres, amount)
                for number in range(amount.rounds)
                for build in (BUILDS if number % 2 == 0 else reversed(BUILDS))
            ]
    return rounds, [judge(claim, rounds) for claim in CLAIMS]


async def _fill(url: str, orders: int) -> None:
    connection = await asyncpg.connect(url)
    for schema in ("bare", "indexed"):
        amounts = {"orders": orders, "lines": LINES_OF_ORDER, "items": ITEMS}
        amounts["customers"] = orders // ORDERS_OF_CUSTOMER
        await connection.execute(_TABLES.format(schema=schema, **amounts))
    await connection.execute(_INDEXES)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


@contextmanager
def _served(postgres: Postgres) -> Iterator[dict[tuple[str, int], Child]]:
    """A service for each schema and pool."""
    url = database_url(postgres, _DATABASE).replace("postgresql://", "postgresql+psycopg2://")
    with ExitStack() as stack:
        servers = {}
        for schema, pool in dict.fromkeys((build.schema, build.pool) for build in BUILDS):
            port = own_port()
            told = {"PEER_DATABASE_URL": url, "PEER_PORT": str(port), "PEER_SCHEMA": schema, "PEER_POOL": str(pool)}
            argv = ["-m", "bench.seed_claims_peer"]
            servers[schema, pool] = stack.enter_context(served(f"{schema}-{pool}", argv, told, port, "/ready"))
        yield servers


def _timed(build: Build, server: Child, postgres: Postgres, amount: Amount) -> Round:
    """As many pages a client as fit into the time, by what a first page of each took."""
    path = f"/orders?customer=Customer%207&eager={str(build.eager).lower()}"
    once = ask(server.port, path, {}, clients=_CLIENTS, pages=1)
    _verify(build, once.body)
    pages = max(1, round(amount.seconds * once.per_s / _CLIENTS))
    spent = {"server": cpu_s(server.process.pid), "postgres": cpu_s(postgres.pid)}
    asked = ask(server.port, path, {}, clients=_CLIENTS, pages=pages)
    used = {"server": cpu_s(server.process.pid), "postgres": cpu_s(postgres.pid)}
    peak = {"server": peak_mib(server.process.pid), "postgres": family_peak_mib(postgres.pid)}
    sys.stderr.write(f"{build.name:<50} {asked.per_s:8,.1f} /s\n")
    return Round(
        name=build.name,
        per_s=asked.per_s,
        latency_ms=asked.latency_ms,
        peak_mib=peak,
        cpu_s={name: total - spent[name] for name, total in used.items()},
    )


def _verify(build: Build, body: bytes) -> None:
    """Every way to write it answers the same list."""
    found = json.loads(body)
    lines = [line for order in found for line in order["lines"]]
    if len(found) != 20 or len(lines) != 20 * LINES_OF_ORDER or not all(line["item"]["name"] for line in lines):
        raise RuntimeError(f"{build.name}: {len(found)} orders with {len(lines)} lines")
