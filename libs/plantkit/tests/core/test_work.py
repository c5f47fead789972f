"""Leased work: fair, fenced, given back, taken over."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from plantkit.auth.principal import SYSTEM
from plantkit.clock import utc_now
from plantkit.db.engine import Database
from plantkit.db.row import Row, schema
from plantkit.db.tx import Origin, Tx
from plantkit.errors import Unavailable
from plantkit.ids import new_id
from plantkit.messaging.wake import Wake
from plantkit.settings import ServiceSettings
from plantkit.testing.database import database_url
from plantkit.work import BACKOFF_S, Crew, Desk, Fenced, Lease, Work, again, finish, hold

pytestmark = pytest.mark.db
_PATIENCE_S = 30.0  # a disk that others keep busy stands still for seconds


class ChoreBase(Row):
    __abstract__ = True
    metadata = schema("chores")


class Chore(Work, ChoreBase):
    __tablename__ = "chores"


class ChoreSettings(ServiceSettings):
    service = "chores"


_TABLE = """
CREATE SCHEMA chores;
CREATE TABLE chores.chores (
    id uuid PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), lane text NOT NULL,
    not_before timestamptz NOT NULL DEFAULT now(), owner text, epoch bigint NOT NULL DEFAULT 0,
    attempts int NOT NULL DEFAULT 0, lease_until timestamptz, finished_at timestamptz)
"""


@pytest.fixture(scope="module")
async def db(postgres_server: str) -> AsyncIterator[Database]:
    admin = await asyncpg.connect(postgres_server)
    name = f"test_chores_{secrets.token_hex(6)}"
    await admin.execute(f"CREATE DATABASE {name}")
    url = database_url(postgres_server, name)
    inside = await asyncpg.connect(url)
    await inside.execute(_TABLE)
    await inside.close()
    settings = ChoreSettings(
        mode="embedded", plant="test", port=0, database_url=SecretStr(url), kafka_bootstrap="127.0.0.1:1",
        jwks_url="http://127.0.0.1:1/jwks.json", cursor_secret=SecretStr(secrets.token_hex(32)),
        consistency_secret=SecretStr(secrets.token_hex(32)),
    )  # fmt: skip
    made = Database(settings)
    yield made
    await made.dispose()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture(autouse=True)
async def nothing_to_do(db: Database) -> None:
    await run(db, "DELETE FROM chores")


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db, Chore)


async def run(db: Database, statement: str, *given: object) -> None:
    async with db.connection() as connection:
        await connection.execute(statement, *given)


async def add(db: Database, *lanes: str) -> list[str]:
    ids = [new_id() for _ in lanes]
    for id_, lane in zip(ids, lanes, strict=True):
        await run(db, "INSERT INTO chores (id, lane) VALUES ($1, $2)", id_, lane)
    return [str(id_) for id_ in ids]


async def state(db: Database, lease: Lease) -> asyncpg.Record:
    async with db.connection() as connection:
        found = await connection.fetchrow(
            "SELECT *, not_before - clock_timestamp() AS rests FROM chores WHERE id = $1", lease.id
        )
    assert found is not None
    return found


async def in_tx(db: Database, *steps: Callable[[Tx], object]) -> None:
    async with db.connection() as connection:
        tx = Tx(connection, now=utc_now(), principal=SYSTEM, origin=Origin(request_id="test"))
        try:
            for step in steps:
                await step(tx)  # type: ignore[misc]  # an awaitable
        finally:
            await connection.execute("COMMIT")


async def claimed(desk: Desk, full: tuple[str, ...] = ()) -> Lease:
    lease = await desk.claim(full)
    assert lease is not None
    return lease


async def test_the_oldest_work_of_the_lane_with_the_fewest_in_hand_comes_first(db, desk):
    a1, a2, b1, a3 = await add(db, "a", "a", "b", "a")
    assert [str((await claimed(desk)).id) for _ in range(4)] == [a1, b1, a2, a3]
    assert await desk.claim() is None


async def test_a_full_lane_is_left_out(db, desk):
    _, b1 = await add(db, "a", "b")
    assert str((await claimed(desk, ("a",))).id) == b1
    assert await desk.claim(("a",)) is None


async def test_many_hands_never_claim_the_same_work(db, desk):
    await add(db, *"abcabcabca")
    claims = await asyncio.gather(*(Desk(db, Chore).claim() for _ in range(30)))
    ids = [lease.id for lease in claims if lease is not None]
    assert len(ids) == len(set(ids))
    while (rest := await desk.claim()) is not None:
        ids.append(rest.id)
    assert len(ids) == len(set(ids)) == 10


async def test_a_claim_takes_one_also_when_the_table_was_last_measured_with_one_in_it(db, desk):
    """A statement that a plan for one row computes again for each row there is would claim all ten (see `_CLAIM`)."""
    await add(db, "a")
    await run(db, "VACUUM ANALYZE chores")
    await add(db, *"bcabcabca")
    claims = [await desk.claim() for _ in range(11)]
    assert [lease is not None for lease in claims] == [True] * 10 + [False]


async def test_work_whose_holder_died_is_taken_over_and_the_dead_one_is_fenced(db, desk):
    await add(db, "a")
    first = await claimed(desk)
    assert await desk.claim() is None
    await run(db, "UPDATE chores SET lease_until = clock_timestamp() - interval '1 ms'")

    second = await claimed(desk)

    assert (second.id, second.epoch, second.attempts) == (first.id, first.epoch + 1, 2)
    assert not await desk.renew(first)
    with pytest.raises(Fenced):
        await in_tx(db, lambda tx: hold(tx, Chore, first))
    await desk.put_off(first, 0)
    assert (await state(db, second))["lease_until"] is not None
    await in_tx(db, lambda tx: hold(tx, Chore, second))


async def test_work_that_is_over_is_nobodys_until_there_is_more_to_do(db, desk):
    await add(db, "a")
    lease = await claimed(desk)
    await in_tx(db, lambda tx: finish(tx, Chore, lease.id))
    assert not await desk.renew(lease)
    assert await desk.claim() is None
    with pytest.raises(Fenced):
        await in_tx(db, lambda tx: hold(tx, Chore, lease))

    await in_tx(db, lambda tx: again(tx, Chore, lease.id))

    anew = await claimed(desk)
    assert anew.epoch > lease.epoch
    assert anew.attempts == 1


async def test_a_renewed_lease_runs_longer(db, desk):
    await add(db, "a")
    lease = await claimed(desk)
    await run(db, "UPDATE chores SET lease_until = clock_timestamp() + interval '10 ms'")
    assert await desk.renew(lease)
    await asyncio.sleep(0.05)
    assert await desk.claim() is None


class Hands:
    """A crew at work, and what it was seen doing."""

    def __init__(self, db: Database, *, most: int = 2, lease_s: float = 15.0) -> None:
        self.db, self.open, self.seen, self.failing = db, asyncio.Event(), list[Lease](), 0
        self.error: Exception = OSError("no room left")
        self.wake, self.taken_at = Wake(), list[float]()
        self.crew = Crew(Desk(db, Chore, lease_s=lease_s), self.do, most=most, wake=self.wake, poll_s=0.02)

    async def do(self, lease: Lease) -> None:
        self.seen.append(lease)
        self.taken_at.append(time.monotonic())
        if len(self.seen) <= self.failing:
            raise self.error
        await self.open.wait()
        await in_tx(self.db, lambda tx: finish(tx, Chore, lease.id))

    async def __aenter__(self) -> "Hands":
        self.task = asyncio.create_task(self.crew.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while len(self.seen) < count:  # noqa: ASYNC110 - the crew says nothing of what it takes
                await asyncio.sleep(0.01)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not await holds():  # noqa: ASYNC110 - a table and a crew say nothing by themselves
            await asyncio.sleep(0.01)


async def test_one_lane_never_has_all_hands(db):
    await add(db, "a", "a", "a", "b")
    async with Hands(db) as hands:
        await hands.until(2)
        await asyncio.sleep(0.1)
        assert sorted(lease.lane for lease in hands.seen) == ["a", "b"]
        hands.open.set()
        await hands.until(4)


async def test_a_single_hand_serves_every_lane_in_turn(db):
    await add(db, "a", "b", "a")
    async with Hands(db, most=1) as hands:
        hands.open.set()
        await hands.until(3)


async def test_a_commit_of_this_process_wakes_the_crew(db):
    async with Hands(db) as hands:
        await add(db, "a")
        hands.wake.notify()
        await hands.until(1)


async def test_what_fails_rests_and_is_tried_again(db, desk):
    await add(db, "a")
    async with Hands(db) as hands:
        hands.failing = 1
        await hands.until(2)
        first, second = hands.seen
        assert (first.attempts, second.attempts) == (1, 2)
        assert hands.taken_at[1] - hands.taken_at[0] >= BACKOFF_S[0]


async def test_what_is_away_is_waited_for_and_counts_as_no_attempt(db, desk):
    await add(db, "a")
    async with Hands(db) as hands:
        hands.failing, hands.error = 1, Unavailable("The store is away.")
        await hands.until(1)

        async def rests() -> bool:
            rest = (await state(db, hands.seen[0]))["rests"]
            return rest is not None and rest > timedelta(0)

        await until(rests)
        assert (await state(db, hands.seen[0]))["attempts"] == 0


async def test_a_crew_that_is_stopped_gives_back_what_it_holds_and_the_attempt_does_not_count(db, desk):
    await add(db, "a")
    async with Hands(db) as hands:
        await hands.until(1)
    lease = await claimed(desk)
    assert lease.attempts == 1


class SlowDesk(Desk):
    """Its claims are done long before whoever asked hears of it."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, Chore)
        self.asked, self.heard = 0, asyncio.Event()

    async def claim(self, full: Sequence[str] = ()) -> Lease | None:
        lease = await super().claim(full)
        self.asked += 1
        await self.heard.wait()
        return lease


async def test_a_crew_that_is_stopped_in_the_middle_of_a_claim_gives_back_what_it_gets(db, desk):
    await add(db, "a")
    slow, hands = SlowDesk(db), Hands(db)
    crew = asyncio.create_task(Crew(slow, hands.do, most=1, wake=hands.wake).run())

    async def is_asked() -> bool:
        return slow.asked == 1

    await until(is_asked)
    crew.cancel()
    await asyncio.sleep(0.05)
    slow.heard.set()
    await asyncio.wait({crew}, timeout=5)

    assert (crew.cancelled(), hands.seen) == (True, [])
    assert (await claimed(desk)).attempts == 1


async def test_a_crew_that_is_stopped_in_the_moment_it_is_rung_stops(db):
    hands = Hands(db)
    crew = Crew(Desk(db, Chore), hands.do, most=1, wake=hands.wake, poll_s=30)
    working = asyncio.create_task(crew.run())
    await asyncio.sleep(0.2)  # there is nothing to do: it rests

    crew._rung.set()
    working.cancel()
    ended, _ = await asyncio.wait({working}, timeout=5)
    working.cancel()

    assert ended


async def test_a_long_piece_of_work_keeps_its_lease(db, desk):
    await add(db, "a")
    async with Hands(db, lease_s=1.0) as hands:
        await hands.until(1)
        await asyncio.sleep(1.5)
        assert await desk.claim() is None
        hands.open.set()


async def test_a_hand_that_lost_its_lease_lets_go(db, desk):
    await add(db, "a")
    async with Hands(db, lease_s=0.3) as hands:
        await hands.until(1)
        await run(db, "UPDATE chores SET epoch = epoch + 1, lease_until = clock_timestamp() + interval '9 s'")

        async def let_go() -> bool:
            return hands.crew._hands == {}

        await until(let_go)


class LateHands(Hands):
    """Whoever takes work up is overtaken before it fails."""

    async def do(self, lease: Lease) -> None:
        await run(self.db, "UPDATE chores SET epoch = epoch + 1, lease_until = clock_timestamp() + interval '9 s'")
        raise self.error


@pytest.mark.parametrize("error", [OSError("no room left"), Unavailable("The store is away.")])
async def test_a_hand_that_lost_its_lease_says_so_whatever_it_met(db, error):
    await add(db, "a")
    with capture_logs() as said:
        async with LateHands(db) as hands:
            hands.error = error

            async def is_said() -> bool:
                return bool(said)

            await until(is_said)
    assert [line["event"] for line in said] == ["work.fenced"]
