"""One bad message costs one key: seventeen kinds of it and a handler that fails for one aggregate, under load (G9).

Judged: what lies aside is what was injected and what came behind it, byte for byte; other keys are as quick as in the
quiet windows of the same run; the metrics tell of it; and what a person then does at the service's own endpoints
restores every list exactly.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import MessageSizeTooLargeError

from takt.embedded.ports import own_port
from takt_contracts.roles import Role
from tests.faults.checkers import appends, fold
from tests.faults.checkers.parked import Place, kept
from tests.faults.checkers.verdict import Anomaly, Verdict, enough, judge
from tests.faults.harness import meters, poisons, tables, ticks, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(300)]
WINDOW_S, STEP_S = 1.5, 0.1
BEFORE, BEHIND = range(1, 4), range(4, 8)
"""Versions that a spoiled key has before the bad record, and behind it."""
FAILS = "fails"
_CLOCK = "ALTER TABLE operations.faults_appended ADD COLUMN at timestamptz DEFAULT clock_timestamp()"
_BREAK = """
CREATE FUNCTION operations.fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not this one''; END';
CREATE TRIGGER fails BEFORE INSERT ON operations.faults_appended
    FOR EACH ROW WHEN (NEW.key = '{key}' AND NEW.version >= 4) EXECUTE FUNCTION operations.fail();
"""
_MEND = "DROP TRIGGER fails ON operations.faults_appended"
_SEEN = "SELECT event_id, extract(epoch FROM at)::float8 AS at FROM faults_appended"


@dataclass
class Run:
    """Flowing keys, spoiled keys, and what was injected where."""

    plant: Plant
    sent: Ticks
    producer: AIOKafkaProducer
    bad: dict[str, Place] = field(default_factory=dict)
    stormy: list[tuple[float, float]] = field(default_factory=list)
    version: int = 7

    @property
    def poisons(self) -> Mapping[str, poisons.Poison]:
        return poisons.poisons(self.plant.topic)

    def key(self, kind: str) -> str:
        return f"{self.plant.name}-{kind}"

    async def flow(self, seconds: float) -> None:
        """Every key of the others gets its next version ten times a second."""
        for _ in range(round(seconds / STEP_S)):
            self.version += 1
            began = asyncio.get_running_loop().time()
            await poisons.send(self.producer, self.sent.raw([self.version]))
            await asyncio.sleep(max(0.0, STEP_S - (asyncio.get_running_loop().time() - began)))

    async def spoil(self, kind: str) -> None:
        """Sound records, the bad one, sound ones behind it, on a key of its own."""
        key = self.key(kind)
        await self._sound(key, BEFORE)
        topic, raw_key, value, headers = self.sent._raw(key, BEHIND[0])
        bad, named = self.poisons[kind].spoil(key, value, headers)
        [self.bad[kind]] = await poisons.send(self.producer, [(topic, raw_key, bad, named)])
        await self._sound(key, BEHIND)

    async def fail(self) -> None:
        key = self.key(FAILS)
        await self._sound(key, BEFORE)
        [self.bad[FAILS]] = await poisons.send(self.producer, [self.sent._raw(key, BEHIND[0])])
        await self._sound(key, BEHIND[1:])

    async def tolerated(self) -> None:
        """A later build's record, which knows more."""
        key = self.key("additive")
        records = [(topic, raw_key, poisons.additive(key, version), headers)
                   for version in (*BEFORE, *BEHIND)
                   for topic, raw_key, _, headers in [self.sent._raw(key, version)]]  # fmt: skip
        await poisons.send(self.producer, records)

    async def _sound(self, key: str, versions: Sequence[int]) -> None:
        await poisons.send(self.producer, [self.sent._raw(key, version) for version in versions])


@pytest.fixture
async def run(plant: Plant, sent: Ticks) -> AsyncIterator[Run]:
    producer = AIOKafkaProducer(bootstrap_servers=plant.bootstrap, max_request_size=4_000_000, linger_ms=0)
    await producer.start()
    yield Run(plant, sent, producer)
    await producer.stop()


async def inject(run: Run) -> None:
    """Quiet and stormy windows in turn, so that both meet the same machine; two kinds a stormy window."""
    kinds = list(run.poisons)
    for number in range(0, len(kinds), 2):
        await run.flow(WINDOW_S)
        first = run.version + 1
        storm = asyncio.gather(*(run.spoil(kind) for kind in kinds[number : number + 2]))
        await run.flow(WINDOW_S)
        await storm
        if number == 0:
            await asyncio.gather(run.fail(), run.tolerated())
        run.stormy.append((first, run.version))


def lags(run: Run, told: Sequence[ConsumerRecord], seen: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Seconds from the log to the list of every flowing record: quiet windows, stormy windows."""
    flowing = {raw[1] for raw in run.sent.raw([1])}
    quiet: list[float] = []
    stormy: list[float] = []
    for record in told:
        headers = dict(record.headers)
        if record.key not in flowing or poisons.place_of(record) in run.bad.values():
            continue
        version = int(headers["ce_sequence"])
        if version > 7:
            there = stormy if any(first <= version <= last for first, last in run.stormy) else quiet
            there.append(seen[headers["ce_id"].decode()] - record.timestamp / 1000)
    return quiet, stormy


def p99_ms(values: Sequence[float]) -> int:
    return round(1000 * sorted(values)[math.ceil(0.99 * len(values)) - 1])


def quick(quiet: Sequence[float], stormy: Sequence[float]) -> Verdict:
    """The others' p99 in stormy windows is at most three times that of quiet ones. Kind: slow."""
    usual, worst = p99_ms(quiet), p99_ms(stormy)
    slow = [Anomaly("slow", f"{worst} ms are more than three times {usual} ms")] if worst > 3 * usual else []
    counted = {"quiet": len(quiet), "stormy": len(stormy), "quiet_p99_ms": usual, "stormy_p99_ms": worst}
    return judge("lag", slow, counted, {"quiet": 500, "stormy": 500})


async def exact(run: Run, without: Collection[str] = ()) -> list[Verdict]:
    """Every list is whole, and the last state is the newest told; `without` are kinds whose key stopped before them."""
    names = {raw[1].decode(): run.version for raw in run.sent.raw([1])}
    spoiled = {run.key(kind): BEFORE[-1] if kind in without else BEHIND[-1] for kind in (*run.bad, "additive")}
    wanted = {**names, **spoiled}
    rows = await tables.rows(run.plant, "SELECT key, state FROM faults_newest")
    newest = {row["key"]: row["state"] for row in rows}
    told = fold.fold((key, version, str(version)) for key, last in wanted.items() for version in range(1, last + 1))
    lists = await tables.lists(run.plant)
    return [appends.exactly_once(lists, wanted, least=500), fold.same(newest, told, least=len(wanted))]


class Desk:
    """The service's own endpoints, as an administrator."""

    def __init__(self, plant: Plant, address: str) -> None:
        self._address, self._headers = f"{address}/api/v1/parked", plant.signer.headers(Role.ADMIN)

    async def ask(self, method: str, path: str = "", **more: Any) -> Any:
        headers = {**self._headers, "idempotency-key": str(uuid4())}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.request(method, self._address + path, headers=headers, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def heads(self) -> list[dict[str, Any]]:
        lines = (await self.ask("GET", params={"limit": "1000"}))["data"]
        return [line for line in lines if line["reason_code"] != "event.behind-parked"]


async def up(address: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(30):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{address}/health/live")).is_success:
                    return
            await asyncio.sleep(0.1)


async def moved(metrics: str, run: Run, lie: int) -> Verdict:
    """Whether the numbers that a dashboard shows have moved with what happened."""
    await meters.becomes(metrics, "takt_parked_depth", lie, within_s=30)
    parked = int(await meters.reading(metrics, "takt_parked_total"))
    unknown = int(await meters.reading(metrics, "takt_schema_unknown_total"))
    return enough(kinds=(len(run.bad), 13), parked=(parked, lie), unknown=(unknown, 2))


async def test_each_poison_costs_its_key_and_a_person_restores_it(run: Run) -> None:
    plant, port = run.plant, own_port()
    async with tables.superuser(plant) as connection:
        await connection.execute(_CLOCK)
        await connection.execute(_BREAK.format(key=run.key(FAILS)))
    plant.messaging("consumers", consumers="tests.faults.harness.poisons:IMPATIENT", batch=50, metrics_port=port)
    await ticks.consumed(plant, run.sent.group, within_s=60)
    await inject(run)
    with pytest.raises(MessageSizeTooLargeError):
        await run.producer.send_and_wait(plant.topic, b"x" * 3_000_000, key=run.key("too-large").encode())
    await ticks.consumed(plant, run.sent.group, within_s=60)
    lie = len(run.bad) + len(run.poisons) * len(BEHIND) + len(BEHIND) - 1
    await tables.becomes(plant, lie, poisons.LIES, within_s=60)

    told = await topics.read(plant.bootstrap, [plant.topic], {})
    seen = {row["event_id"]: row["at"] for row in await tables.rows(plant, _SEEN)}
    codes = {row["reason_code"] for row in await tables.rows(plant, "SELECT reason_code FROM parked")}
    passes(
        [
            await moved(f"http://127.0.0.1:{port}", run, lie),
            kept(list(map(poisons.as_raw, told)), set(run.bad.values()), await poisons.lying(plant), least=13),
            quick(*lags(run, told, seen)),
            *await exact(run, without=run.bad),
        ]
    )
    assert {one.code for one in run.poisons.values()} <= codes
    await restored(run, lie)


async def restored(run: Run, lie: int) -> None:
    """The handler is mended and all is sent on: what can be applied is, the rest lies again until it is given up."""
    plant = run.plant
    service, address = plant.service("api")
    await up(address)
    desk = Desk(plant, address)
    async with tables.superuser(plant) as connection:
        await connection.execute(_MEND)
    sent_on = await desk.ask("POST", "/redrive", json={"filter": {"group": run.sent.group}})
    assert (sent_on["records"], sent_on["left"]) == (lie, 0), service.tail()
    await tables.becomes(plant, lie - len(BEHIND), poisons.LIES, within_s=60)
    await tables.becomes(plant, 0, poisons.WAITING, within_s=30)
    told = await topics.read(plant.bootstrap, [plant.topic], {})
    unreadable = {kind: place for kind, place in run.bad.items() if kind != FAILS}
    again = kept(list(map(poisons.as_raw, told)), set(unreadable.values()), await poisons.lying(plant), least=13)
    passes([again, *await exact(run, without=unreadable)])

    for head in await desk.heads():
        await desk.ask("POST", f"/{head['id']}/discard", json={"reason": "nobody can read it"})
    await tables.becomes(plant, 0, "SELECT count(*) FROM parked WHERE state IN ('retry', 'parked')", within_s=60)
    passes(await exact(run))
