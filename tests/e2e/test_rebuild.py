"""`takt rebuild` on a real stack: the same content, at rest and after traffic, whatever was spoilt in between."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping

import asyncpg
import httpx
import pytest

from takt.rebuild import settings_of
from takt_contracts.roles import Role
from tests.e2e.kafka_log import all_records
from tests.e2e.plant import API, Plant, planted
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.broker
_HASHES = re.compile(
    r"^([a-z-]+): (\d+) records.*\n  before  sha256:([0-9a-f]{64})\n  after   sha256:([0-9a-f]{64})", re.M
)


async def rebuild(stack: Stack, *arguments: str, **environment: str) -> tuple[int, str]:
    """What `takt rebuild` runs, without the seconds that the command takes to load. Exit code, and what it said."""
    given = {**os.environ, **settings_of(stack.data, "gateway"), **environment}
    return await _run("plantkit.rebuild", *arguments, environment=given)


async def _run(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    argv = [sys.executable, "-m", module, *arguments]
    done = await asyncio.create_subprocess_exec(*argv, env=environment, stdout=PIPE, stderr=PIPE)
    out, err = await done.communicate()
    return done.returncode or 0, out.decode() + err.decode()


async def hashes(stack: Stack, *models: str) -> dict[str, tuple[str, str]]:
    code, said = await rebuild(stack, "gateway", *models)
    assert code == 0, said
    return {name: (before, after) for name, _, before, after in _HASHES.findall(said)}


@pytest.fixture
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


async def shown(plant: Plant) -> dict[str, object]:
    """The card without what moves on by itself."""
    answer = await plant.client.get(f"{API}/orders/{plant.order}/card", headers=plant.planner)
    assert answer.status_code == 200, answer.text
    card: dict[str, object] = answer.json()
    return {name: part["data"] if isinstance(part, dict) and "data" in part else part for name, part in card.items()}


async def booked(plant: Plant, good: str) -> None:
    """Book, and wait until the card shows it: the token of the owner is read by the gateway."""
    done = await plant.act("report", good=good)
    headers = {**plant.planner, "takt-consistency": done.headers["takt-consistency"]}
    seen = await plant.client.get(f"{API}/orders/{plant.order}/card", headers=headers)
    assert seen.status_code == 200, seen.text
    [last] = [entry for entry in seen.json()["ledger"]["data"] if entry["good"] == good]
    assert last["operation_no"] == "0010"


async def quiet(tables: asyncpg.Connection) -> None:
    """Until every model has read all there is."""

    async def read() -> bool:
        late = "SELECT count(*) FROM gateway.read_model_progress WHERE lag > 0 OR as_of < now() - interval '2 s'"
        return bool(await tables.fetchval(late) == 0)

    await asyncio.sleep(1.5)
    await until(read, limit_s=50)


async def test_a_model_is_the_same_after_it_was_made_again(
    plant: Plant, stack: Stack, tables: asyncpg.Connection
) -> None:
    await booked(plant, "7")
    before = await shown(plant)
    await quiet(tables)
    found = await hashes(stack)

    assert found.keys() == {"activity", "order-card"}
    assert all(old == new for old, new in found.values()), found
    assert await shown(plant) == before


async def test_what_was_spoilt_is_healed(plant: Plant, stack: Stack, tables: asyncpg.Connection) -> None:
    await booked(plant, "3")
    before = await shown(plant)
    await tables.execute("DELETE FROM gateway.card_entries WHERE order_no = $1", plant.order)
    await tables.execute("UPDATE gateway.card_operations SET version = 99 WHERE order_no = $1", plant.order)
    assert await shown(plant) != before
    [(old, new)] = (await hashes(stack, "order-card")).values()

    assert old != new
    assert await shown(plant) == before
    await booked(plant, "5")


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_rebuild_while_work_goes_on_ends_where_the_log_ends(
    plant: Plant, stack: Stack, tables: asyncpg.Connection
) -> None:
    stop = asyncio.Event()

    async def work() -> int:
        done = 0
        while not stop.is_set():
            await plant.act("report", good="0.001")
            done += 1
            await asyncio.sleep(0.02)
        return done

    working = [asyncio.create_task(work()) for _ in range(2)]
    await hashes(stack)
    killed, said = await rebuild(stack, "gateway", TAKT_CRASH_POINT="rebuild.before_commit:1")
    stop.set()
    reports = sum(await asyncio.gather(*working))
    await quiet(tables)
    again = await hashes(stack)

    assert killed == -signal.SIGKILL, said
    assert all(old == new for old, new in again.values()), again
    ledger = (await shown(plant))["ledger"]
    assert isinstance(ledger, list)
    assert len(ledger) == reports > 0
    assert await tables.fetchval("SELECT count(*) FROM gateway.parked WHERE group_name LIKE 'gateway.%'") == 0


async def test_the_command_runs_it_with_the_settings_of_the_stack(stack: Stack) -> None:
    code, said = await _run("takt", "rebuild", "gateway", "order-card", "--data", str(stack.data))

    assert code == 0, said
    assert [name for name, *_ in _HASHES.findall(said)] == ["order-card"]


async def test_an_unknown_model_is_refused_with_the_known_ones_and_nothing_changes(
    stack: Stack, tables: asyncpg.Connection
) -> None:
    async def content() -> list[str | None]:
        names = ("subjects", "recent_events", "card_operations", "card_entries", "inbox", "joined_groups", "parked")
        digest = "SELECT md5(string_agg(one::text, '|' ORDER BY one::text)) FROM gateway.{} one"
        return [await tables.fetchval(digest.format(name)) for name in names]

    async def told() -> set[tuple[str, bytes]]:
        """What the gateway has told. Other services go on with what is theirs, and a sum of anonymous refusals is
        told every minute."""
        found = await all_records(str(stack.status["kafka"]))
        records = [one for one in found if b"anonymous requests" not in (one.value or b"")]
        headers = [(record.topic, dict(record.headers)) for record in records]
        return {(topic, one["ce_id"]) for topic, one in headers if one.get("ce_source", b"").endswith(b"/gateway")}

    await quiet(tables)
    before, log = await content(), await told()
    code, said = await _run("takt", "rebuild", "gateway", "no-such-model", "--data", str(stack.data))

    assert code == 2
    assert said.strip() == "The service gateway keeps no read model 'no-such-model': activity, order-card."
    assert (await content(), await told() - log) == (before, set())
    assert log


async def test_without_a_stack_there_is_nothing_to_rebuild(stack: Stack) -> None:
    code, said = await _run("takt", "rebuild", "gateway", "--data", str(stack.data / "elsewhere"))

    assert code == 1
    assert "No stack runs on" in said


async def test_everybody_who_is_signed_in_reads_the_card_through_the_front_door(plant: Plant, stack: Stack) -> None:
    path = f"{API}/orders/{plant.order}/card"
    viewer = await plant.client.get(path, headers=stack.headers(Role.VIEWER))

    assert viewer.status_code == 200
    assert viewer.json()["operations"]["stale"] is False
    assert (await plant.client.get(path)).status_code == 401
