"""What a report costs goes with its range: each reaches its rows by an index over the time that the range is about."""

from datetime import timedelta

import pytest

from operations.statistics.catalog import BY_NAME, REPORTS
from plantkit.clock import utc_now

pytestmark = pytest.mark.db
REACHED_BY = {
    "operations-by-status": ("operations_due",),
    "due-and-late": ("operations_due",),
    "throughput": ("ledger_entries_created_at_idx",),
    "scrap-by-reason": ("ledger_entries_created_at_idx",),
    "lead-time": ("_time_idx",),
    "machine-use": ("_time_idx", "operations_status", "timers_machine_in_one_place_excl"),
    "transport-by-terminal": ("transport_orders_etd",),
    "workshop-results": ("workshop_entries_performed_at",),
}
OF_A_GROUP = {("machine-use", "machine"): ("timers_machine_in_one_place_excl",)}


def test_every_report_says_which_index_it_goes_by():
    assert set(REACHED_BY) == set(BY_NAME)


@pytest.mark.parametrize("report", REPORTS, ids=[report.name for report in REPORTS])
async def test_a_range_is_reached_by_its_index(database, report):
    now = utc_now()
    known = {"starts": now - timedelta(days=1), "ends": now, "now": now, "zone": "UTC"}
    for group in report.groups:
        statement = report.query(group)
        async with database.connect() as connection:
            await connection.execute("SET enable_seqscan = off")
            arguments = statement.arguments({name: known[name] for name in statement.names})
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement.sql}", *arguments))
        expected = OF_A_GROUP.get((report.name, group), REACHED_BY[report.name])
        assert [index for index in expected if index not in plan] == [], plan
        assert "Seq Scan" not in plan, plan
