"""A mark that meets a heartbeat, and a mark after many others.

While a mark updated the outbox, one statement with the lock of the lease ended PostgreSQL 18.4 with a fault.
"""

import asyncio

import pytest

from libs.plantkit.tests.messaging.support import commit, outbox_row, ticked
from plantkit.messaging.outbox import MARKER_SESSION, START, FencedMarker, Outcome, PendingReader

pytestmark = pytest.mark.db
EVENT = ticked("counter")
ROWS = 2_000
_NAMED = "id, month, slot, aggregatetype, aggregateid, version, recorded_at"
EPOCHS = dict.fromkeys(range(16), 1)


@pytest.mark.parametrize(("renewal", "lost"), [("expires_at = now()", 0), ("epoch = epoch + 1", 16)])
async def test_a_mark_waits_for_a_heartbeat_and_the_database_lives(machinery, renewal, lost):
    async with machinery.connect() as lease, machinery.connect() as marking:
        for name, value in MARKER_SESSION.items():
            await marking.execute(f"SET {name} = {value}")
        await commit(lease, [outbox_row(EVENT, f"C-{n}", 1) for n in range(ROWS)])
        await lease.execute("UPDATE relay_slots SET epoch = 1")
        page = Outcome(delivered=list(await PendingReader(marking, ROWS).page(sorted(EPOCHS), START)))
        marker = FencedMarker(marking)
        for _ in range(12):  # by then the server has settled on its plan
            await marker.mark(EPOCHS, page)
        await lease.execute(f"INSERT INTO outbox_pending ({_NAMED}) SELECT {_NAMED} FROM outbox")

        await lease.execute(f"BEGIN; UPDATE relay_slots SET {renewal}")
        waiting = asyncio.create_task(marker.mark(EPOCHS, page))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await lease.execute("COMMIT")

        assert len(await waiting) == lost
        assert await lease.fetchval("SELECT count(*) FROM outbox_pending") == (ROWS if lost else 0)


async def test_rows_are_marked_by_id_and_not_found_among_all_that_ever_waited(machinery):
    """Sessions decide on a plan when next to nothing waits; what is marked stays in the indexes until a vacuum."""
    in_order = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'outbox_pending_in_order'"
    async with machinery.connect() as connection:
        for name, value in MARKER_SESSION.items():
            await connection.execute(f"SET {name} = {value}")
        await connection.execute("UPDATE relay_slots SET epoch = 1")
        marker = FencedMarker(connection)
        await marker.mark(EPOCHS, Outcome())
        await commit(connection, [outbox_row(EVENT, f"C-{n}", 1) for n in range(ROWS)])
        page = list(await PendingReader(connection, ROWS).page(sorted(EPOCHS), START))
        scans = []
        for count in (0, 40):
            for row in page[:count]:
                await marker.mark(EPOCHS, Outcome(delivered=[row]))
            await connection.execute("SELECT pg_stat_force_next_flush()")
            scans.append(await connection.fetchval(in_order))
        assert scans[0] == scans[1] > 0
        assert await connection.fetchval("SELECT count(*) FROM outbox_pending") == ROWS - 40
