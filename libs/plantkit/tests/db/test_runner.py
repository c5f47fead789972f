"""One command, one transaction: what is refused, lost or raced leaves nothing, and the pool survives it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from operations.catalog.workplaces import WorkplaceRow
from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.engine import Database, compile_statement
from plantkit.db.tx import Origin, Tx
from plantkit.errors import AlreadyExists, Busy, DomainError, Invalid, Stale, TooLargeEvent, Unavailable, every_error
from plantkit.idempotency import Keyed
from plantkit.ids import new_id
from plantkit.messaging.pipeline import is_trouble
from plantkit.run import Runner
from plantkit.service import Service
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import settings_for
from takt_contracts.operations.workplaces import WorkplaceChanged

_ONE = compile_statement(text("SELECT 1"))


@pytest.fixture
def run(app: FastAPI) -> Runner:
    context: Context = app.state.context
    return Runner(context, SYSTEM, Origin(request_id="test"), now=context.clock)


@pytest.fixture
async def made(run: Runner) -> str:
    code = f"W-{new_id().hex[-12:]}"
    await run(create, code)
    return code


async def create(tx: Tx, code: str) -> WorkplaceRow:
    row = tx.new(WorkplaceRow, code=code, name="made", area=None, description=None, archived_at=None)
    row.record(WorkplaceChanged, change="created")
    return row


async def rename(tx: Tx, order: tuple[str, str]) -> WorkplaceRow:
    row = await tx.one(WorkplaceRow, code=order[0])
    row.name = order[1]
    row.record(WorkplaceChanged, change="updated")
    return row


async def counts(database: TestDatabase, code: str) -> tuple[int, int, int]:
    """State rows, events and audit entries about a workplace."""
    async with database.connect() as connection:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM workplaces WHERE code = $1),"
            " (SELECT count(*) FROM outbox WHERE aggregatetype = 'workplace' AND key = $1),"
            " (SELECT count(*) FROM audit_entries WHERE entry ->> 'subject' = $1)",
            code,
        )
    assert row is not None
    return tuple(row)


async def test_state_event_and_audit_entry_are_written_together(made: str, database: TestDatabase) -> None:
    assert await counts(database, made) == (1, 1, 1)


async def test_a_handler_that_fails_leaves_nothing(run: Runner, database: TestDatabase) -> None:
    async def fail(tx: Tx, code: str) -> None:
        await create(tx, code)
        await tx.begin()
        raise Invalid("on second thought")

    with pytest.raises(Invalid):
        await run(fail, "W-fail")

    assert await counts(database, "W-fail") == (0, 0, 0)


async def test_a_taken_key_leaves_the_first_alone(run: Runner, made: str, database: TestDatabase) -> None:
    with pytest.raises(AlreadyExists, match=made) as refused:
        await run(create, made)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/code", "field.taken")]
    assert "_key" not in str(refused.value), "names of constraints stay inside"
    assert await counts(database, made) == (1, 1, 1)


async def test_of_two_writers_of_one_version_the_second_is_stale(
    run: Runner, made: str, database: TestDatabase
) -> None:
    meeting = asyncio.Barrier(6)

    async def together(tx: Tx, order: tuple[str, str]) -> WorkplaceRow:
        row = await rename(tx, order)
        await meeting.wait()
        return row

    outcomes = await asyncio.gather(*(run(together, (made, f"name {n}")) for n in range(6)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes].count(WorkplaceRow) == 1
    assert {type(outcome) for outcome in outcomes} == {WorkplaceRow, Stale}
    assert await counts(database, made) == (1, 2, 2)


async def test_two_aggregates_change_together_or_not_at_all(run: Runner, made: str, database: TestDatabase) -> None:
    other = f"{made}-b"
    await run(create, other)

    async def both(tx: Tx, code: str) -> None:
        await rename(tx, (made, "new"))
        await rename(tx, (other, "new"))
        async with database.connect() as faster:
            await faster.execute("UPDATE workplaces SET version = version + 1 WHERE code = $1", other)

    with pytest.raises(Stale):
        await run(both, made)

    assert await counts(database, made) == (1, 1, 1)
    async with database.connect() as connection:
        assert await connection.fetchval("SELECT name FROM workplaces WHERE code = $1", made) == "made"


async def test_a_deadlock_is_run_again_and_both_take_effect(run: Runner, made: str, database: TestDatabase) -> None:
    other = f"{made}-c"
    await run(create, other)
    meeting = asyncio.Barrier(2)
    tries = 0

    async def crosswise(tx: Tx, codes: tuple[str, str]) -> None:
        nonlocal tries
        tries += 1
        first = await tx.one(WorkplaceRow, lock=True, code=codes[0])
        if tries <= 2:
            await meeting.wait()
        await tx.one(WorkplaceRow, lock=True, code=codes[1])
        first.record(WorkplaceChanged, change="updated")

    await asyncio.gather(run(crosswise, (made, other)), run(crosswise, (other, made)))

    assert tries > 2, "there was a deadlock"
    assert (await counts(database, made), await counts(database, other)) == ((1, 2, 2), (1, 2, 2))


async def test_a_row_that_stays_locked_is_busy_and_others_are_not(
    service: Service, database: TestDatabase, made: str
) -> None:
    settings = settings_for(service, database, db_lock_timeout_s=0.2)
    app = service.app(settings)
    async with app.router.lifespan_context(app), database.connect() as holder, holder.transaction():
        await holder.execute("SELECT FROM workplaces WHERE code = $1 FOR UPDATE", made)
        run = Runner(app.state.context, SYSTEM, Origin(request_id="test"), now=app.state.context.clock)

        with pytest.raises(Busy):
            await run(rename, (made, "never"))
        await run(create, f"{made}-free")

    assert await counts(database, made) == (1, 1, 1)


@pytest.fixture
async def small(service: Service, database: TestDatabase) -> AsyncIterator[Database]:
    """A pool of one connection whose callers wait 0.2 s."""
    made = Database(settings_for(service, database, db_pool_size=1, db_pool_overflow=0, db_pool_wait_s=0.2))
    yield made
    await made.dispose()


async def test_an_exhausted_pool_is_unavailable_and_recovers_at_once(small: Database) -> None:
    async with small.connection():
        with pytest.raises(Unavailable, match=r"0\.2 s"):
            async with small.connection():
                pass

    async with small.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_callers_who_want_one_connection_have_it_in_turn(small: Database) -> None:
    """Who gives one back and asks again comes last: the others have waited."""
    turns = Counter[int]()

    async def ask(caller: int) -> None:
        while turns.total() < 300:
            async with small.connection() as connection:
                turns[caller] += await connection.fetchval("SELECT 1")

    await asyncio.gather(*(ask(caller) for caller in range(6)))

    assert max(turns.values()) - min(turns[caller] for caller in range(6)) <= 1


async def test_a_caller_who_gave_up_waiting_keeps_nobody_waiting(small: Database) -> None:
    async with small.connection():
        waiting = [asyncio.ensure_future(small.fetch(_ONE)) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        waiting[2].cancel()

    assert [tuple(row) for row in await waiting[1]] == [(1,)]
    assert [tuple(row) for row in await small.fetch(_ONE)] == [(1,)]


async def test_a_connection_that_the_server_ended_is_replaced(small: Database, postgres_server: str) -> None:
    async with small.connection() as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
    admin = await asyncpg.connect(postgres_server)
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    await asyncio.sleep(0.1)

    async with small.connection() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != pid


async def test_a_transaction_that_was_left_open_never_reaches_the_next_user(small: Database) -> None:
    async with small.connection() as connection:
        await connection.execute("BEGIN")

    async with small.connection() as connection:
        assert not connection.is_in_transaction()


ENDED = (
    asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.IdleInTransactionSessionTimeoutError("terminating connection due to idle-in-transaction timeout"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.InterfaceError("connection is closed"),
    ConnectionResetError("connection reset by peer"),
)


@pytest.mark.parametrize("ended", ENDED, ids=lambda error: type(error).__name__)
async def test_whatever_the_driver_says_of_an_ended_session_is_told_as_unavailable(
    run: Runner, ended: Exception
) -> None:
    async def cut(tx: Tx, code: str) -> None:
        raise ended

    with pytest.raises(Unavailable):
        await run(cut, "W-cut")
    assert is_trouble(ended), "a consumer would blame the record"


async def test_a_refusal_that_cannot_be_told_from_a_repeat_in_time_is_unavailable(
    run: Runner, database: TestDatabase
) -> None:
    async def refuse(tx: Tx, code: str) -> WorkplaceRow:
        raise Invalid("Not like this.")

    keyed = replace(run, keyed=Keyed("somebody", new_id().hex, b"asked"))
    async with database.connect() as other, other.transaction():
        await other.execute("LOCK TABLE idempotency")
        with pytest.raises(Unavailable, match="repeat"):
            await keyed.answer(refuse, "W-1", view=None)

    with pytest.raises(Invalid):
        await keyed.answer(refuse, "W-1", view=None)


async def test_a_lost_connection_in_the_middle_is_told_as_unavailable(
    run: Runner, postgres_server: str, database: TestDatabase
) -> None:
    async def cut(tx: Tx, code: str) -> None:
        await create(tx, code)
        pid = await tx.connection.fetchval("SELECT pg_backend_pid()")
        admin = await asyncpg.connect(postgres_server)
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await admin.close()
        await asyncio.sleep(0.1)

    with pytest.raises(Unavailable):
        await run(cut, "W-cut")

    assert await counts(database, "W-cut") == (0, 0, 0)
    await run(create, f"W-{new_id().hex[-12:]}")


async def test_a_cancelled_command_leaves_nothing_and_gives_its_connection_back(
    run: Runner, database: TestDatabase
) -> None:
    async def long(tx: Tx, code: str) -> None:
        await create(tx, code)
        await tx.begin()
        await tx.connection.execute("SELECT pg_sleep(5)")

    task = asyncio.create_task(run(long, "W-cancel"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await counts(database, "W-cancel") == (0, 0, 0)
    await run(create, f"W-{new_id().hex[-12:]}")


async def test_an_event_that_the_log_would_refuse_is_refused_before_anything_is_written(
    run: Runner, made: str, database: TestDatabase
) -> None:
    async def bloat(tx: Tx, code: str) -> Any:
        row = await tx.one(WorkplaceRow, code=code)
        event = WorkplaceChanged.of(row, change="updated")
        huge = event.state.model_copy(update={"description": "é" * 500_000})
        row.told.append(event.model_copy(update={"state": huge, "version": row.version + 1}))

    with pytest.raises(TooLargeEvent):
        await run(bloat, made)

    assert await counts(database, made) == (1, 1, 1)


def test_every_error_has_a_code_of_its_own_a_cause_and_a_cure() -> None:
    for error in every_error():
        assert issubclass(error, DomainError)
        assert error.__doc__
        assert error.cure.endswith(".")


async def test_a_command_whose_kept_row_changes_meanwhile_runs_again(run, database, made):
    seen = []

    async def create_beside(tx: Tx, code: str) -> WorkplaceRow:
        beside = await tx.one(WorkplaceRow, code=made)
        seen.append(beside.version)
        tx.keep(WorkplaceRow, beside.version, code=made)
        if len(seen) == 1:
            await run(rename, (made, "renamed"))
        return await create(tx, code)

    code = f"W-{new_id().hex[-12:]}"
    await run(create_beside, code)
    assert seen == [1, 2]
    assert await counts(database, code) == (1, 1, 1)


async def test_a_command_whose_kept_row_always_changes_gives_up_and_leaves_nothing(run, database, made):
    async def create_beside(tx: Tx, code: str) -> WorkplaceRow:
        tx.keep(WorkplaceRow, 99, code=made)
        return await create(tx, code)

    code = f"W-{new_id().hex[-12:]}"
    with pytest.raises(Busy):
        await run(create_beside, code)
    assert await counts(database, code) == (0, 0, 0)


def test_a_row_has_no_other_columns_than_its_table():
    with pytest.raises(TypeError, match="colour"):
        WorkplaceRow(code="W-1", colour="blue")


@pytest.mark.parametrize("count", [1, 3, 4, 40])
async def test_a_few_rows_and_many_are_written_alike(run, database, count):
    codes = [f"W-{new_id().hex[-12:]}" for _ in range(count)]

    async def create_all(tx: Tx, wanted: list[str]) -> list[WorkplaceRow]:
        return [await create(tx, code) for code in wanted]

    async def rename_all(tx: Tx, wanted: list[str]) -> list[WorkplaceRow]:
        return [await rename(tx, (code, f"new name of {code}")) for code in wanted]

    await run(create_all, codes)
    renamed = await run(rename_all, codes)
    assert [row.version for row in renamed] == [2] * count
    async with database.connect() as connection:
        found = await connection.fetch("SELECT code, name, area FROM workplaces WHERE code = ANY($1)", codes)
    assert {tuple(row) for row in found} == {(code, f"new name of {code}", None) for code in codes}
