"""Numbers of reports beside naive counts over what the API lists and what was told."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import mean
from typing import Any

import orjson
import pytest

from services.operations.tests.statistics.conftest import FAR

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("plant")]


@pytest.fixture
def numbers(client):
    """`await numbers("throughput", group="item")`: rows by group."""

    async def read(name, **query):
        reply = await client.get(f"/api/v1/statistics/{name}", params={**FAR, **query})
        assert reply.status_code == 200, reply.text
        return reply.json()

    return read


@pytest.fixture
def every(client):
    """`await every("operations")`: everything that a list has."""

    async def read(plural):
        return (await client.get(f"/api/v1/{plural}", params={"limit": "1000"})).json()["data"]

    return read


@pytest.fixture
async def told(database):
    """Every event about operations, oldest first: fact, time, data."""
    async with database.connect() as connection:
        rows = await connection.fetch(
            "SELECT type, time, payload FROM outbox WHERE aggregatetype = 'operation' ORDER BY time"
        )
    return [(row["type"].split(".")[-2], row["time"], orjson.loads(row["payload"])) for row in rows]


def by_group(answer, *names):
    return {row["group"]: tuple(row[name] for name in names) for row in answer["rows"]}


@pytest.mark.parametrize("group", ["workplace", "item"])
async def test_operations_are_counted_by_status(numbers, every, group):
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in await every("operations"):
        expected[one[group]][one["status"].lower()] += 1
        expected[one[group]]["on_hold"] += one["hold"] is not None
        expected[one[group]]["total"] += 1
    names = ("released", "in_progress", "finished", "cancelled", "on_hold", "total")
    answer = await numbers("operations-by-status", group=group)
    assert by_group(answer, *names) == {key: tuple(found[name] for name in names) for key, found in expected.items()}
    assert answer["totals"]["total"] == 12


async def test_late_is_what_was_finished_late_or_is_due_and_open(numbers, every, told):
    finished = {event["state"]["order_no"]: at for fact, at, event in told if fact == "finished"}
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in await every("operations"):
        if one["status"] == "CANCELLED":
            continue
        due, at = datetime.fromisoformat(one["due"]), finished.get(one["order_no"])
        late = "finished_late" if at else "open_late"
        in_time = "in_time" if at else "open"
        known = expected[one["due"][:7]]
        known["due"] += 1
        known[late if (at or datetime.now(due.tzinfo)) > due else in_time] += 1
    names = ("due", "in_time", "finished_late", "open_late", "open")
    answer = await numbers("due-and-late", group="month")
    assert by_group(answer, *names) == {key: tuple(found[name] for name in names) for key, found in expected.items()}
    shares = {row["group"]: row["late_share"] for row in answer["rows"]}
    assert shares == {"2026-02": "100", "2027-02": "0"}


@pytest.mark.parametrize("group", ["workplace", "item", "month"])
async def test_throughput_is_the_sum_of_what_was_reported(numbers, told, group):
    expected: defaultdict[str, list[Any]] = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0), 0])
    for fact, at, event in told:
        if fact in ("reported", "corrected"):
            sums = expected[f"{at:%Y-%m}" if group == "month" else event["state"][group]]
            for place, name in enumerate(("good", "scrap", "rework")):
                sums[place] += Decimal(event["entry"][name])
            sums[3] += fact == "reported"
    found = by_group(await numbers("throughput", group=group), "good", "scrap", "rework", "reports")
    assert {key: (*map(Decimal, values[:3]), values[3]) for key, values in found.items()} == {
        key: tuple(sums) for key, sums in expected.items()
    }


async def test_scrap_is_split_by_its_reason_and_a_correction_goes_to_that_of_the_entry(numbers, told):
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fact, _, event in told:
        if fact in ("reported", "corrected"):
            reason = (event["wrong"]["reason"] if fact == "corrected" else None) or event["entry"]["reason"]
            expected[reason] += Decimal(event["entry"]["scrap"])
    answer = await numbers("scrap-by-reason")
    assert {row["reason"]: Decimal(row["scrap"]) for row in answer["rows"]} == {
        reason: scrap for reason, scrap in expected.items() if scrap
    }
    assert Decimal(answer["totals"]["scrap"]) == Decimal("23")
    assert {row["reason"] for row in answer["rows"]} == {"reason 0", "reason 1", "reason 2", "counted again"}


async def test_lead_time_is_from_start_to_finish(numbers, told):
    at: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for fact, time, event in told:
        at[event["state"]["order_no"]][fact] = (time, event["state"]["workplace"])
    spans: defaultdict[str, list[float]] = defaultdict(list)
    for facts in at.values():
        if "finished" in facts:
            spans[facts["finished"][1]].append((facts["finished"][0] - facts["started"][0]) / timedelta(hours=1))
    rows = {row["group"]: row for row in (await numbers("lead-time", group="workplace"))["rows"]}
    assert {key: row["finished"] for key, row in rows.items()} == {key: len(found) for key, found in spans.items()}
    for key, found in spans.items():
        assert float(rows[key]["average_h"]) == pytest.approx(mean(found), abs=0.006)


async def test_a_workplace_is_used_while_anything_runs_there(client, database, numbers):
    """Times are set in the archive, as an hour of work takes too long for a test."""
    runs = {"WO-0": (8, 10), "WO-2": (9, 12), "WO-4": (-4, 1), "WO-1": (6, 30)}
    async with database.connect("owner") as connection:
        for order, (start, end) in runs.items():
            for fact, hour in (("started", start), ("finished", end)):
                await connection.execute(
                    "UPDATE operations.outbox SET time = $1 WHERE aggregateid = $2 AND type = $3",
                    datetime.fromisoformat("2026-05-04T00:00:00Z") + timedelta(hours=hour),
                    f"{order}/0010",
                    f"takt.operations.operation.{fact}.v1",
                )
    answer = await numbers("machine-use", **{"from": "2026-05-04", "to": "2026-05-04"})
    assert by_group(answer, "busy_h", "use_share") == {"WP-A": ("5", "20.8"), "WP-B": ("18", "75")}


SPANS = [
    ("M-1", "WO-6", "setup", 0, 90),
    ("M-1", "WO-6", "machine", 90, 600),
    ("M-1", "WO-7", "machine", 3000, 4500),
    ("M-1", "WO-7", "machine", 4500, 4500),
    ("M-2", "WO-7", "labor", -3000, 1500),
    ("M-2", "WO-6", "machine", 1800, None),
]
"""Machine, order, kind, minutes from `BEGINS` to start and to end; one still runs."""
BEGINS = datetime.fromisoformat("2026-04-01T00:00:00Z")
DAY = 1440
EDGES = (-4 * DAY, -DAY, 0, 60, 90, 600, 1500, 3600, 4500, 5 * DAY)


@pytest.fixture(scope="module")
async def timed(database, do, plant):
    """Times are written into the table, as an hour of work takes too long for a test."""
    for code in ("M-1", "M-2", "M-IDLE"):
        await do("machines", code=code, name=code)
    row = (
        "INSERT INTO timers (id, operation_id, kind, machine_no, employee_no, started_at, started_by, ended_at,"
        " ended_by, created_at) SELECT gen_random_uuid(), o.id, $1, m.no, $2, $3, 'user-07', $4,"
        " CASE WHEN $4::timestamptz IS NOT NULL THEN 'user-07' END, $3 FROM machines m, operations o"
        " WHERE m.code = $5 AND o.order_no = $6"
    )
    await do("employees", code="E-1", name="Operator 07")
    async with database.connect() as connection:
        someone = await connection.fetchval("SELECT no FROM employees WHERE code = 'E-1'")
        for machine, order, kind, start, end in SPANS:
            ended = None if end is None else BEGINS + timedelta(minutes=end)
            began, who = BEGINS + timedelta(minutes=start), someone if kind == "labor" else None
            await connection.execute(row, kind, who, began, ended, machine, order)


def clipped(span, first, last):
    """Hours of a timer that lie between two minutes, counted minute by minute."""
    *_, start, end = span
    return Decimal(len(range(max(start, first), min(last if end is None else end, last)))) / 60


@pytest.mark.usefixtures("timed")
@pytest.mark.parametrize(("first", "last"), [(a, b) for a in EDGES for b in EDGES if a < b])
async def test_a_machine_is_used_while_its_timers_run_within_the_range(numbers, first, last):
    expected: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for span in SPANS:
        hours, kind = clipped(span, first, last), span[2]
        if hours:
            sums = (hours, hours * (kind == "machine"), hours * (kind == "setup"))
            expected[span[0]] = [a + b for a, b in zip(expected[span[0]], sums, strict=True)]
    edges = {name: (BEGINS + timedelta(minutes=at)).isoformat() for name, at in (("from", first), ("to", last))}
    answer = await numbers("machine-use", group="machine", **edges)
    found = by_group(answer, "busy_h", "machine_h", "setup_h")
    assert {key: [Decimal(value) for value in values] for key, values in found.items()} == expected
    shares = {row["group"]: Decimal(row["use_share"]) for row in answer["rows"]}
    whole = Decimal(last - first) / 60
    assert shares == {key: round(100 * sums[0] / whole, 1) for key, sums in expected.items()}


@pytest.mark.usefixtures("timed")
async def test_a_workplace_has_the_machine_time_of_its_operations(numbers):
    answer = await numbers("machine-use", **{"from": "2026-04-01", "to": "2026-04-02"})
    found = by_group(answer, "busy_h", "machine_h", "setup_h")
    assert found == {"WP-A": ("0", "26.5", "1.5"), "WP-B": ("0", "0", "0")}


@pytest.mark.usefixtures("timed")
async def test_a_timer_that_runs_counts_until_now(numbers):
    until = datetime.now(BEGINS.tzinfo)
    edges = {"from": BEGINS + timedelta(minutes=1800), "to": until + timedelta(days=9)}
    asked = {name: at.isoformat() for name, at in edges.items()}
    answer = await numbers("machine-use", group="machine", **asked)
    [row] = [row for row in answer["rows"] if row["group"] == "M-2"]
    expected = (until - BEGINS - timedelta(minutes=1800)) / timedelta(hours=1)
    assert float(row["machine_h"]) == pytest.approx(expected, abs=0.1)
    assert row["use_share"] == "100"


@pytest.mark.parametrize("group", ["workplace", "machine"])
async def test_nothing_is_used_in_a_range_that_is_to_come(numbers, group):
    answer = await numbers("machine-use", group=group, **{"from": "2095-01-01", "to": "2095-01-02"})
    assert answer["rows"] == []


@pytest.mark.parametrize("group", ["terminal", "day"])
async def test_transports_are_summed_by_terminal_and_by_day(numbers, every, group):
    expected: defaultdict[str, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0)])
    for one in await every("transport-orders"):
        key = (one["terminal"] or "-") if group == "terminal" else (one["etd"] or one["created_at"])[:10]
        sums = expected[key]
        sums[0], sums[1], sums[2] = sums[0] + 1, sums[1] + one["pallets"], sums[2] + Decimal(one["kilos"])
    answer = await numbers("transport-by-terminal", group=group)
    found = by_group(answer, "orders", "pallets", "kilos")
    assert {key: (a, Decimal(b), Decimal(c)) for key, (a, b, c) in found.items()} == {
        key: tuple(sums) for key, sums in expected.items()
    }
    states = {name: answer["totals"][name] for name in ("waiting", "under_way", "delivered", "late", "cancelled")}
    assert states == {"waiting": 3, "under_way": 2, "delivered": 1, "late": 1, "cancelled": 1}


async def test_workshop_results_are_counted_by_machine(numbers, every):
    expected = Counter(one["result"] for one in await every("workshop-entries"))
    answer = await numbers("workshop-results")
    names = ("entries", "ok", "rework", "scrap")
    assert by_group(answer, *names) == {"WELD-02": (5, *(expected[name] for name in names[1:]))}


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2026-03-02", "2026-03-02", 1),
        ("2026-03-02", "2026-03-03", 2),
        ("2026-03-02T23:30:00Z", "2026-03-03T23:30:00Z", 1),
        ("2026-03-02T23:30:01Z", "2026-03-03T23:30:00Z", 0),
    ],
)
async def test_a_range_begins_with_its_first_moment_and_ends_with_its_last_day(numbers, first, last, days):
    answer = await numbers("workshop-results", group="day", **{"from": first, "to": last})
    assert len(answer["rows"]) == days
