"""Pages on a real PostgreSQL: every row once, in order, whatever is NULL, however it is sorted, whatever comes in."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Numeric, String, UniqueConstraint, bindparam, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import CreateTable

from plantkit.db import row
from plantkit.db.engine import Database
from plantkit.errors import DomainError
from plantkit.http.listing import Listing
from plantkit.ids import new_id
from takt_contracts.resource import Fields, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Flag, Name, Quantity, UtcDatetime

pytestmark = pytest.mark.db
START = datetime(2026, 3, 2, tzinfo=UTC)


class NoteFields(Fields):
    code: Code
    number: Code
    qty: Quantity | None = None
    text: Name | None = None
    due: UtcDatetime | None = None
    done: Flag = False


class Note(NoteFields, Stored):
    """A row with something of everything that can be sorted."""


NOTE = ResourceContract(
    owner="edge",
    name="note",
    plural="notes",
    fields=NoteFields,
    state=Note,
    key=("code", "number"),
    write=Role.PLANNER,
    titles={},
)


class NoteRow(row.Aggregate):
    __tablename__ = "notes"
    __table_args__ = (UniqueConstraint("code", "number"),)
    metadata = row.schema("edge")

    code: Mapped[str] = mapped_column(String(40))
    number: Mapped[str] = mapped_column(String(40))
    qty: Mapped[Decimal | None] = mapped_column(Numeric(18, 6))
    text: Mapped[str | None] = mapped_column(String(200))
    due: Mapped[datetime | None]
    done: Mapped[bool]
    archived_at: Mapped[datetime | None]


NOTES = Listing(NOTE, NoteRow, search=("text",))
COLUMNS = row.columns_of(NoteRow)
SORTS = ("qty", "text", "due", "done", "code", "number", "created_at", "version")


@pytest.fixture(scope="module")
async def notes(empty_database):
    """The context of a database with the table of notes."""
    async with empty_database.db.connection() as connection:
        await connection.execute("CREATE SCHEMA edge")
        await connection.execute(str(CreateTable(NOTES.table).compile(dialect=postgresql.dialect())))
    return empty_database


async def refill(context, rows):
    async with context.db.connection() as connection:
        await connection.execute("TRUNCATE edge.notes")
    await insert(context, rows)


async def insert(context, rows):
    names, places = ", ".join(COLUMNS), ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
    async with context.db.connection() as connection:
        await connection.executemany(
            f"INSERT INTO edge.notes ({names}) VALUES ({places}) ON CONFLICT DO NOTHING",
            [[found[name] for name in COLUMNS] for found in rows],
        )


def note(code, number, **given):
    empty = {"qty": None, "text": None, "due": None, "done": False, "archived_at": None}
    stored = {"id": new_id(), "created_at": START, "updated_at": START, "version": 1}
    return {**stored, **empty, "code": code, "number": number, **given}


async def ask(context, **query):
    answer = await NOTES.page(context, NOTES.grammar.read({name: str(value) for name, value in query.items()}))
    return json.loads(answer)


async def walk(context, meanwhile=(), **query):
    """Keys of every row, page by page; `meanwhile` has rows that come in after each page."""
    found, coming = [], iter(meanwhile)
    cursor: dict[str, str] = {}
    while True:
        page = await ask(context, **query, **cursor)
        found += [(told["code"], told["number"]) for told in page["data"]]
        if page["page"]["next"] is None:
            return found
        cursor = {"cursor": page["page"]["next"]}
        if (arrived := next(coming, None)) is not None:
            await insert(context, [arrived])


def in_order(rows, sort):
    """The naive sort: by the last field first, NULL last upwards and first downwards."""
    terms = [*sort, *(name for name in ("code", "number") if name not in [term.lstrip("-") for term in sort])]
    down = bool(sort) and all(term.startswith("-") for term in sort)
    for place, term in reversed(list(enumerate(terms))):
        name, backwards = term.lstrip("-"), term.startswith("-") or (place >= len(sort) and down)
        rows = sorted(rows, key=lambda one: (one[name] is None, one[name] or 0 if one[name] is None else one[name]),
                      reverse=backwards)  # fmt: skip
    return [(one["code"], one["number"]) for one in rows]


few = st.sampled_from
rows = st.lists(
    st.builds(
        note,
        few("ABC"),
        few("12345"),
        qty=st.none() | few([Decimal(0), Decimal("0.000001"), Decimal(10), Decimal("999999999999.999999")]),
        text=st.none() | few(["a", "B", "b", "é", "\N{GRINNING FACE}", "a b"]),
        due=st.none() | st.integers(0, 3).map(lambda us: START + timedelta(microseconds=us)),
        created_at=st.integers(0, 2).map(lambda us: START + timedelta(microseconds=us)),
        version=st.integers(1, 2),
        done=st.booleans(),
    ),
    max_size=15,
    unique_by=lambda one: (one["code"], one["number"]),
)
sorts = st.lists(few(SORTS), max_size=3, unique=True).flatmap(
    lambda names: st.tuples(*(few([name, f"-{name}"]) for name in names))
)
once = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@once
@given(rows=rows, sort=sorts, limit=st.integers(1, 6))
async def test_every_row_comes_once_and_in_order(notes, rows, sort, limit):
    await refill(notes, rows)
    asked = {"sort": ",".join(sort)} if sort else {}
    assert await walk(notes, limit=limit, **asked) == in_order(rows, sort)


@once
@given(rows=rows, coming=rows, sort=sorts, limit=st.integers(1, 4))
async def test_rows_that_come_in_meanwhile_neither_repeat_nor_hide_others(notes, rows, coming, sort, limit):
    await refill(notes, rows)
    known = in_order(rows, sort)
    asked = {"sort": ",".join(sort)} if sort else {}
    found = await walk(notes, coming, limit=limit, **asked)
    assert [key for key in found if key in set(known)] == known
    assert len(found) == len(set(found))


async def test_filters_are_kept_from_page_to_page(notes):
    await refill(notes, [note("A", str(number), qty=Decimal(number)) for number in range(1, 10)])
    found = await walk(notes, limit=2, qty__gte="3", qty__lt="8", sort="-qty", number__in="3,4,5,7,9")
    assert found == [("A", "7"), ("A", "5"), ("A", "4"), ("A", "3")]


@once
@given(rows=rows, values=st.lists(st.sampled_from("ABC"), min_size=1), limit=st.integers(1, 6))
async def test_values_of_a_filter_are_merged_in_the_order_of_the_key(notes, rows, values, limit):
    await refill(notes, rows)
    stored = {(one["code"], one["number"]) for one in rows if one["archived_at"] is None}
    found = await walk(notes, limit=limit, code__in=",".join(values))
    assert found == sorted(key for key in stored if key[0] in values)


async def test_a_range_is_in_its_own_order_where_no_other_is_asked_for(notes):
    await refill(notes, [note("A", str(number), qty=Decimal(9 - number)) for number in range(1, 8)])
    assert await walk(notes, limit=2, qty__lte="4") == [("A", "7"), ("A", "6"), ("A", "5")]
    assert await walk(notes, limit=2, qty__lte="4", sort="number") == [("A", "5"), ("A", "6"), ("A", "7")]


async def test_null_is_found_by_asking_for_it(notes):
    await refill(notes, [note("A", "1"), note("A", "2", due=START)])
    assert await walk(notes, due__isnull="true") == [("A", "1")]
    assert await walk(notes, due__isnull="false") == [("A", "2")]


async def test_a_text_is_looked_for_as_it_is(notes):
    await refill(notes, [note("A", "1", text="50% off"), note("A", "2", text="500"), note("A", "3", text="a_B\\c")])
    assert await walk(notes, q="50%") == [("A", "1")]
    assert await walk(notes, q="A_b\\") == [("A", "3")]


async def test_only_the_fields_that_were_asked_for_are_told(notes):
    await refill(notes, [note("A", "1", qty=Decimal("1.50"), due=START), note("A", "2")])
    page = await ask(notes, fields="qty,number", sort="-due", limit=1)
    assert page["data"] == [{"qty": None, "number": "2"}]
    assert (await ask(notes, fields="qty,number", sort="-due", limit=1, cursor=page["page"]["next"]))["data"] == [
        {"qty": "1.5", "number": "1"}
    ]


async def test_the_total_is_counted_only_when_asked(notes):
    await refill(notes, [note("A", "1"), note("A", "2"), note("B", "1"), note("B", "2", archived_at=START)])
    assert (await ask(notes, total="true", code="A", limit=1))["page"]["total"] == 2
    assert "total" not in (await ask(notes))["page"]


async def test_archived_rows_show_only_when_asked(notes):
    await refill(notes, [note("A", "1"), note("A", "2", archived_at=START)])
    assert await walk(notes) == [("A", "1")]
    assert await walk(notes, archived="true", limit=1) == [("A", "1"), ("A", "2")]


SEEN = replace(NOTES, only=NoteRow.code == func.any(bindparam("codes", type_=ARRAY(String))))


async def test_what_may_not_be_seen_is_in_no_page_and_in_no_total(notes):
    await refill(notes, [note(code, str(number)) for code in "AB" for number in (1, 2, 3)])

    async def seen(codes, **query):
        asked = NOTES.grammar.read({name: str(value) for name, value in query.items()})
        return json.loads(await SEEN.page(notes, asked, codes=codes))

    first = await seen(["B"], limit=2, total="true")
    rest = await seen(["B"], limit=2, cursor=first["page"]["next"])
    assert [(one["code"], one["number"]) for one in first["data"] + rest["data"]] == [
        ("B", "1"),
        ("B", "2"),
        ("B", "3"),
    ]
    assert (first["page"]["total"], rest["page"]["next"]) == (3, None)
    assert (await seen([], total="true"))["page"] == {"next": None, "limit": 100, "total": 0}
    assert (await seen(["B"], code="A", total="true"))["page"]["total"] == 0
    with pytest.raises(DomainError) as error:
        await seen(["A"], cursor=first["page"]["next"])
    assert error.value.code == "query.bad-cursor"


async def refused(context, **query):
    with pytest.raises(DomainError) as error:
        await ask(context, **query)
    return error.value.code


async def test_a_cursor_is_good_for_its_own_question_only(notes):
    await refill(notes, [note("A", str(number)) for number in range(1, 6)])
    cursor = (await ask(notes, limit=2, sort="-due", code="A"))["page"]["next"]
    assert (await ask(notes, limit=1, sort="-due", code="A", cursor=cursor, fields="code"))["data"] == [{"code": "A"}]
    for change in ({"sort": "due"}, {"code": "B"}, {"sort": "code"}, {"archived": "true"}, {"q": "x"}):
        asked = {"sort": "-due", "code": "A", **change}
        assert await refused(notes, cursor=cursor, **asked) == "query.bad-cursor"


TAMPERED = {
    "cut": lambda cursor: cursor[:-1],
    "changed": lambda cursor: ("B" if cursor[0] == "A" else "A") + cursor[1:],
    "empty": lambda _: "",
    "foreign": lambda _: "é",
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
async def test_a_cursor_that_was_tampered_with_is_refused(notes, change):
    await refill(notes, [note("A", "1"), note("A", "2")])
    cursor = (await ask(notes, limit=1))["page"]["next"]
    assert await refused(notes, limit=1, cursor=change(cursor)) == "query.bad-cursor"


@pytest.mark.parametrize("sort", ["code", "-due", "due", "due,code"])
async def test_a_deep_page_reads_no_more_than_the_first(notes, sort):
    """Counted in pages of the database, which no other load on the machine changes."""
    due = [START + timedelta(minutes=number // 3) if number % 4 else None for number in range(6000)]
    await refill(notes, [note("A", f"{number:05}", due=due[number]) for number in range(6000)])
    async with notes.db.connection() as connection:
        await connection.execute("CREATE INDEX IF NOT EXISTS by_due ON edge.notes (due, code, number)")
        await connection.execute("VACUUM ANALYZE edge.notes")
    first = await pages_read(notes, sort, None)
    cursor = (await ask(notes, sort=sort, limit=1000))["page"]["next"]
    for _ in range(3):
        cursor = (await ask(notes, sort=sort, limit=1000, cursor=cursor))["page"]["next"]
    assert await pages_read(notes, sort, cursor) <= 2 * first + 20


async def pages_read(context, sort, cursor):
    """How many pages PostgreSQL touches for 100 rows behind `cursor`."""
    seen = []

    class Watched(Database):
        async def fetch(self, statement, **given):
            explained = replace(statement, sql="EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement.sql)
            [plan] = await super().fetch(explained, **given)
            seen.append(json.loads(plan[0])[0]["Plan"])
            return []

    watched = Watched(context.settings)
    query = {"sort": sort, "limit": "100"} | ({"cursor": cursor} if cursor else {})
    await NOTES.page(replace(context, db=watched), NOTES.grammar.read(query))
    await watched.dispose()
    return seen[0]["Shared Hit Blocks"] + seen[0]["Shared Read Blocks"]
