"""Our import (checked by cell, upserted, one event a row, one audit entry a batch) beside what one would write instead.

One stack runs, as `takt up` starts it; the peers use its PostgreSQL, in schemas of their own with the same table. Our
clock runs from the 202 to the moment when a separate consumer has read the last row's own event and the table is
complete; a peer's from "go" (everything imported) until its table is committed. Every turn has a fresh file.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from bench.imports_file import ITEMS, WORKPLACES, Book, write
from bench.imports_peers import PEERS
from bench.machine import Child, child, cpu_s, family_peak_mib, stack
from bench.report import Claim, Round, Verdict, judge

MUST, AIM = 5.0, 10.0
_OURS = "ours"
_NAMES = {
    "pandas": "pandas + openpyxl + ORM",
    "django": "django-import-export bulk",
    "insert": "the same, inserting only",
    "copy": "calamine + COPY (limit)",
}
_LONGEST_S = 300.0
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Amount:
    rounds: int = 5
    rows: int = 100_000


def run(amount: Amount) -> tuple[list[Round], list[Verdict]]:
    with tempfile.TemporaryDirectory(prefix="takt-bench-") as home, stack(Path(home)) as status:
        course = _Course(amount, status, Path(home))
        asyncio.run(course.prepare())
        rounds = list(course.run())
    return rounds, [judge(claim, rounds) for claim in _claims()]


def _claims() -> Iterator[Claim]:
    for peer in ("pandas", "django"):
        yield Claim(title=f"ours / {_NAMES[peer]}", ours=_OURS, peer=_NAMES[peer], must=MUST, aim=AIM)
    for peer in ("insert", "copy"):
        yield Claim(title=f"ours / {_NAMES[peer]}", ours=_OURS, peer=_NAMES[peer])


class _Course:
    """All turns, in an order that alternates from round to round."""

    def __init__(self, amount: Amount, status: Mapping[str, Any], home: Path) -> None:
        self._amount, self._status, self._home = amount, status, home
        secret = (Path(status["secrets"]) / "postgres").read_text()
        self._database = str(status["postgres"]).replace("://", f"://postgres:{secret}@")

    async def prepare(self) -> None:
        """Workplaces and items through the API; the peers' tables as copies of ours."""
        async with self._client() as client:
            for plural, codes in (("workplaces", WORKPLACES), ("items", ITEMS)):
                for code in codes:
                    answer = await client.post(f"/{plural}", json={"code": code, "name": f"Bench {code}"})
                    answer.raise_for_status()
        async with self._connection() as connection:
            for peer in PEERS:
                await connection.execute(_TABLES.format(schema=f"peer_{peer}"))

    def run(self) -> Iterator[Round]:
        names = (*PEERS, _OURS)
        for number in range(self._amount.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                book = write(self._home / "book.xlsx", f"B{number}-{name[:2].upper()}", self._amount.rows)
                asyncio.run(self._checkpoint())
                turn = asyncio.run(self._ours(book)) if name == _OURS else asyncio.run(self._peer(name, book))
                sys.stderr.write(f"{turn.name:<28} {turn.per_s:8,.0f} rows/s\n")
                yield turn

    async def _peer(self, name: str, book: Book) -> Round:
        given = {
            "BENCH_FILE": str(book.path),
            "BENCH_DATABASE_URL": self._database,
            "BENCH_SCHEMA": f"peer_{name}",
        }
        with child(name, ["-m", "bench.imports_peers", name], given) as process:
            pids = {"peer": process.process.pid, "postgres": self._status["pids"]["postgres"]}
            _line(process)
            spent = {part: cpu_s(pid) for part, pid in pids.items()}
            _say(process, "go")
            seconds = json.loads(_line(process))["seconds"]
            turn = self._round(_NAMES[name], seconds, pids, spent)
            _say(process, "end")
        await self._count(f"peer_{name}.operations", book)
        return turn

    async def _ours(self, book: Book) -> Round:
        pids = {name: pid for name, pid in self._status["pids"].items() if name != "records"}
        with child("watch", ["-m", "bench.imports_watch"], {"BENCH_KAFKA": str(self._status["kafka"])}) as watch:
            _line(watch)
            _say(watch, json.dumps({"prefix": book.prefix, "rows": book.rows}))
            spent = {part: cpu_s(pid) for part, pid in pids.items()}
            async with self._client() as client:
                place, accepted_at = await self._upload(client, book)
                seen = json.loads(await asyncio.to_thread(_line, watch))
                if seen["rows"] != book.rows or seen["records"] != book.rows:
                    raise RuntimeError(f"events: {seen}, import: {(await client.get(place)).text[:2000]}")
                await self._count("operations.operations", book)
                complete_at = max(seen["at"], accepted_at)
                turn = self._round(_OURS, complete_at - accepted_at, pids, spent)
                await self._totals(client, place, book)
        return turn

    async def _upload(self, client: httpx.AsyncClient, book: Book) -> tuple[str, float]:
        file = {"file": (book.path.name, book.path.read_bytes(), _XLSX)}
        headers = {"idempotency-key": str(uuid4())}
        answer = await client.post(
            "/templates/operations/uploads", files=file, data={"mode": "commit"}, headers=headers
        )
        if answer.status_code != 202:
            raise RuntimeError(f"{answer.status_code}: {answer.text[:500]}")
        return answer.headers["location"].removeprefix("/api/v1"), time.monotonic()

    async def _totals(self, client: httpx.AsyncClient, place: str, book: Book) -> None:
        """The import itself must come to the same end, soon."""
        ends_at = time.monotonic() + 60
        found: dict[str, Any] = {}
        while time.monotonic() < ends_at and found.get("state") != "done":
            await asyncio.sleep(0.1)
            found = (await client.get(place)).json()
        if found.get("state") != "done" or found["totals"]["created"] != book.rows:
            raise RuntimeError(f"the import ended as {found}")

    async def _count(self, table: str, book: Book) -> None:
        """The table is complete: SQL, not what anybody says of himself."""
        async with self._connection() as connection:
            found = await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE order_no LIKE $1", f"{book.prefix}-%"
            )
        if found != book.rows:
            raise RuntimeError(f"{table} has {found} rows of {book.rows}")

    async def _checkpoint(self) -> None:
        """So that none falls into a turn by chance."""
        async with self._connection() as connection:
            await connection.execute("CHECKPOINT")

    def _round(self, name: str, seconds: float, pids: Mapping[str, int], spent: Mapping[str, float]) -> Round:
        return Round(
            name=name,
            per_s=self._amount.rows / seconds,
            peak_mib={part: family_peak_mib(pid) for part, pid in pids.items()},
            cpu_s={part: cpu_s(pid) - spent[part] for part, pid in pids.items()},
        )

    def _connection(self) -> Any:
        return _Connection(self._database)

    def _client(self) -> httpx.AsyncClient:
        """Signed in as the first administrator."""
        gateway = f"{self._status['gateway']}/api/v1"
        known = json.loads(Path(self._status["credentials"]).read_text())
        token = httpx.post(f"{gateway}/auth/login", json=known, trust_env=False).raise_for_status().json()
        headers = {"authorization": f"Bearer {token['access_token']}"}
        return httpx.AsyncClient(base_url=gateway, headers=headers, trust_env=False, timeout=_LONGEST_S)


class _Connection:
    """A connection of the superuser, for a moment."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> asyncpg.Connection:
        self._open = await asyncpg.connect(self._url)
        return self._open

    async def __aexit__(self, *_: object) -> None:
        await self._open.close()


_TABLES = """
CREATE SCHEMA {schema};
CREATE TABLE {schema}.workplaces (LIKE operations.workplaces INCLUDING ALL);
CREATE TABLE {schema}.items (LIKE operations.items INCLUDING ALL);
CREATE TABLE {schema}.operations (LIKE operations.operations INCLUDING ALL);
INSERT INTO {schema}.workplaces SELECT * FROM operations.workplaces;
INSERT INTO {schema}.items SELECT * FROM operations.items;
ALTER TABLE {schema}.operations
    ADD FOREIGN KEY (workplace) REFERENCES {schema}.workplaces (code),
    ADD FOREIGN KEY (item) REFERENCES {schema}.items (code);
"""


def _say(process: Child, words: str) -> None:
    assert process.process.stdin is not None
    process.process.stdin.write(words + "\n")
    process.process.stdin.flush()


def _line(process: Child) -> str:
    assert process.process.stdout is not None
    line = process.process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.name} ended early")
    return line
