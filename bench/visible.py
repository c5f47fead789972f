"""Committed -> visible: orders are made at a steady rate, and each is timed until the gateway's card shows it.

One stack runs, as `takt up` starts it. The clock of an order runs from the `time` of its event, which its owner takes
before it commits, until a watcher finds it: all of them in the tables that the card is read from, by asking again and
again for what is missing, and one in twenty in the card itself, over HTTP at the gateway. Writers keep to their
schedule however long an answer takes; what could not be offered in time shows in the rate.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

from bench.machine import cpu_s, peak_mib, stack
from bench.report import Round

MUST_MS, AIM_MS = 500.0, 100.0
TABLES, CARD = "found in the tables", "found in the card, by HTTP"
_WRITERS = 32
_PROBED = 20
_PROBE_PAUSE_S = 0.01
_PAUSE_S = 0.004
_LATE_S = 30.0
_FIND = "SELECT order_no FROM gateway.card_operations WHERE order_no = ANY($1::text[])"


@dataclass(frozen=True)
class Pace:
    rounds: int = 3
    rate: int = 500
    seconds: float = 10.0


@dataclass
class _Seen:
    """What one round has found. `missing` are orders that were made and are not seen yet, with their moments."""

    missing: dict[str, float] = field(default_factory=dict)
    delays_ms: list[float] = field(default_factory=list)
    probed_ms: list[float] = field(default_factory=list)
    made: int = 0
    last_at: float = 0.0


def run(pace: Pace) -> list[Round]:
    with tempfile.TemporaryDirectory(prefix="takt-bench-") as home, stack(Path(home)) as status:
        return uvloop.run(_Course(pace, status).run())


def is_met(rounds: Sequence[Round]) -> bool:
    return all(turn.latency_ms["p99"] <= MUST_MS for turn in rounds)


def verdict(rounds: Sequence[Round]) -> str:
    worst = max(turn.latency_ms["p99"] for turn in rounds)
    said = "MISSED" if worst > MUST_MS else "met" if worst > AIM_MS else "met, and the aim"
    return f"worst p99 {worst:.0f} ms; must {MUST_MS:.0f} ms, aim {AIM_MS:.0f} ms: {said}"


class _Course:
    """All rounds on one stack."""

    def __init__(self, pace: Pace, status: Mapping[str, Any]) -> None:
        self._pace, self._status = pace, status
        secret = (Path(status["secrets"]) / "postgres").read_text()
        self._database = str(status["postgres"]).replace("://", f"://postgres:{secret}@")
        self._next, self._headers = 0, ""

    async def run(self) -> list[Round]:
        watcher = await asyncpg.connect(self._database)
        self._headers = await self._signed_in()
        async with AsyncExitStack() as opened:
            owners = [await opened.enter_async_context(self._wire("operations")) for _ in range(_WRITERS)]
            for plural in ("workplaces", "items"):
                await owners[0].ask("POST", f"/api/v1/{plural}", {"code": "BENCH", "name": "Bench"}, wanted=201)
            await self._round(owners, watcher, 2.0)  # to warm up
            rounds = [
                turn
                for _ in range(self._pace.rounds)
                for turn in await self._round(owners, watcher, self._pace.seconds)
            ]
        await watcher.close()
        return rounds

    def _wire(self, service: str) -> AbstractAsyncContextManager["Wire"]:
        return wire(int(str(self._status[service]).rpartition(":")[2]), self._headers)

    async def _signed_in(self) -> str:
        """As the first administrator: a header line."""
        known = json.loads(Path(self._status["credentials"]).read_text())
        async with self._wire("gateway") as door:
            tokens = await door.ask("POST", "/api/v1/auth/login", known, wanted=200)
        return f"authorization: Bearer {tokens['access_token']}\r\n"

    async def _round(self, owners: Sequence["Wire"], watcher: asyncpg.Connection, seconds: float) -> list[Round]:
        seen, pids = _Seen(), {name: self._status["pids"][name] for name in ("gateway", "operations", "postgres")}
        spent = {name: cpu_s(pid) for name, pid in pids.items()}
        numbers, started = self._numbers(seconds), time.monotonic()
        begun = time.process_time()
        async with asyncio.TaskGroup() as writing:
            watching = writing.create_task(_watch(watcher, seen))
            for owner in owners:
                writing.create_task(self._write(owner, seen, numbers, started))
            await _until_found(seen, round(self._pace.rate * seconds))
            watching.cancel()
        used = {name: cpu_s(pid) - spent[name] for name, pid in pids.items()}
        used["load"] = time.process_time() - begun
        peak = {name: peak_mib(pids[name]) for name in ("gateway", "operations")}
        about: dict[str, Any] = {"per_s": seen.made / (seen.last_at - started), "peak_mib": peak, "cpu_s": used}
        told = ((TABLES, seen.delays_ms), (CARD, seen.probed_ms))
        return [Round(name=name, latency_ms=_latencies(delays), **about) for name, delays in told]

    def _numbers(self, seconds: float) -> Iterator[tuple[int, int]]:
        """Place in the schedule, and a number that no other order has."""
        count = round(self._pace.rate * seconds)
        first, self._next = self._next, self._next + count
        return iter([(place, first + place) for place in range(count)])

    async def _write(
        self,
        owner: "Wire",
        seen: _Seen,
        numbers: Iterator[tuple[int, int]],
        started: float,
    ) -> None:
        for place, number in numbers:
            await asyncio.sleep(max(0.0, started + place / self._pace.rate - time.monotonic()))
            order = f"V-{number:08d}"
            told_at = await _make(owner, order)
            seen.made, seen.last_at = seen.made + 1, time.monotonic()
            seen.missing[order] = told_at
            if number % _PROBED == 0:
                async with self._wire("gateway") as door:
                    seen.probed_ms.append(await _shown_after_ms(door, order, told_at))


async def _make(owner: "Wire", order: str) -> float:
    """The moment that its event names, in seconds since 1970."""
    key = {"order_no": order, "operation_no": "0010"}
    body = {**key, "workplace": "BENCH", "item": "BENCH", "qty_desired": "10"}
    made = await owner.ask("POST", "/api/v1/operations", body, wanted=201)
    return datetime.fromisoformat(made["updated_at"]).timestamp()


async def _shown_after_ms(door: "Wire", order: str, told_at: float) -> float:
    while not await door.ask("GET", f"/api/v1/orders/{order}/card", wanted=200, other=404):
        await asyncio.sleep(_PROBE_PAUSE_S)
    return (time.time() - told_at) * 1000


class Wire:
    """One keep-alive connection. A client library would take more of the machine than what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: str) -> None:
        self._reader, self._writer, self._headers = reader, writer, headers

    async def ask(
        self, method: str, path: str, body: Mapping[str, str] | None = None, *, wanted: int, other: int = 0
    ) -> dict[str, Any]:
        """What was answered with status `wanted`; empty for `other`. Raises RuntimeError for any third."""
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{self._headers}content-type: application/json\r\n"
        self._writer.write(f"{head}content-length: {len(sent)}\r\n\r\n".encode() + sent)
        told = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(told.partition(b"content-length:")[2].partition(b"\r\n")[0])
        answer, status = await self._reader.readexactly(length), int(told[9:12])
        if status == other:
            return {}
        if status != wanted:
            raise RuntimeError(f"{path}: {status} {answer[:500]!r}")
        made: dict[str, Any] = json.loads(answer)
        return made


@asynccontextmanager
async def wire(port: int, headers: str) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer, headers)
    finally:
        writer.close()


async def _watch(watcher: asyncpg.Connection, seen: _Seen) -> None:
    while True:
        found = await watcher.fetch(_FIND, list(seen.missing))
        now = time.time()
        seen.delays_ms += [(now - seen.missing.pop(row["order_no"])) * 1000 for row in found]
        await asyncio.sleep(_PAUSE_S)


async def _until_found(seen: _Seen, count: int) -> None:
    """Every order must be seen in the end, or nothing was measured."""
    moved_at, known = time.monotonic(), 0
    while len(seen.delays_ms) < count:
        await asyncio.sleep(0.1)
        if len(seen.delays_ms) > known:
            moved_at, known = time.monotonic(), len(seen.delays_ms)
        if time.monotonic() - moved_at > _LATE_S:
            raise RuntimeError(f"{len(seen.missing)} orders are on no card after {_LATE_S:g} s")


def _latencies(delays_ms: Sequence[float]) -> dict[str, float]:
    ordered = sorted(delays_ms)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}
