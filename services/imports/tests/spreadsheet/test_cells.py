"""Cells become values of the API, or errors with a code: written out case by case, then for whatever there is."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from imports.spreadsheet.cells import Bad, Converter
from imports.spreadsheet.evidence import Evidence, gathered
from imports.spreadsheet.frames import Tag, encoded
from takt_contracts import catalog
from takt_contracts.resource import Kind
from takt_contracts.template import TemplateColumn

pytestmark = pytest.mark.untraced

BERLIN = ZoneInfo("Europe/Berlin")
OPERATIONS = catalog.templates()["operations"].by_field
ITEMS = catalog.templates()["items"].by_field


def value_of(column, cell, *others):
    """What the cell becomes beside these others, or the code of its error."""
    value = Converter(column, gathered([cell, *others]), BERLIN).one(cell)
    return value.code if isinstance(value, Bad) else value


def other(kind, annotation):
    """A column of a kind that no template has today."""
    return TemplateColumn(
        field="x", title="X", synonyms=(), kind=kind, key=False, required=False, nullable=True, opening=False,
        choices=(), description="", example=None, annotation=annotation,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("SHAFT-40", "SHAFT-40"),
        ("  SHAFT-40\u00a0", "SHAFT-40"),
        ("0010", "0010"),
        (10.0, "10"),
        (10, "10"),
        (10.5, "10.5"),
        (0.1 + 0.2, "0.3"),
        (123456789012345.0, "123456789012345"),
        (1e15, "cell.digits-lost"),
        (12345678901234567890.0, "cell.digits-lost"),
        ((Tag.FLAG, "TRUE"), "TRUE"),
        ((Tag.DATE, "2026-03-02"), "cell.date-in-text"),
        ((Tag.TIME, "06:30:00"), "cell.date-in-text"),
        ((Tag.ERROR, "#N/A"), "cell.error"),
        ((Tag.BARE, ""), "cell.formula-without-value"),
        ((Tag.NOT_FINITE, "nan"), "cell.number"),
        ("A\tB", "cell.control-character"),
        ("A\nB", "cell.control-character"),
        ("A\x07", "cell.control-character"),
        ("A/B", "cell.invalid"),
        ("x" * 41, "cell.invalid"),
        ("=1+1", "=1+1"),
        ("", None),
        ("   ", None),
        ("NULL", None),
        ("n/a", None),
        ("-", "-"),
    ],
    ids=repr,
)
def test_a_code(cell, value):
    assert value_of(ITEMS["code"], cell) == value


@pytest.mark.parametrize(
    ("cell", "others", "value"),
    [
        (100.0, [], "100"),
        (12.5, [], "12.5"),
        (0.1 + 0.2, [], "0.3"),
        (1 / 3, [], "cell.invalid"),
        (-1.0, [], "cell.invalid"),
        (1e12, [], "cell.invalid"),
        ("100", [], "100"),
        ("0100.50", [], "100.5"),
        ("12,5", [], "12.5"),
        ("1.234,5", [], "1234.5"),
        ("1,234.5", [], "1234.5"),
        ("1 234", [], "1234"),
        ("1\u202f234,5", [], "1234.5"),
        ("1'234.50", [], "1234.5"),
        ("1,234,567", [], "1234567"),
        ("1.234", [], "cell.number-ambiguous"),
        ("1,234", [], "cell.number-ambiguous"),
        ("1.234", ["0,5"], "1234"),
        ("1.234", ["0.5"], "1.234"),
        ("1,234", ["0.5"], "1234"),
        ("1,234", ["0.5", "0,5"], "cell.number-ambiguous"),
        ("1.5", ["0,5", "1,5"], "1.5"),
        ("0.125", [], "0.125"),
        ("12,34,56", [], "cell.number"),
        ("1e3", [], "cell.number"),
        ("12 34", [], "cell.number"),
        ("120 pcs", [], "cell.number"),
        ("€ 12", [], "cell.number"),
        ("-5", [], "cell.invalid"),
        ("twelve", [], "cell.number"),
        ((Tag.DATE, "2026-03-02"), [], "cell.number"),
        ((Tag.FLAG, "TRUE"), [], "cell.number"),
        ("-", [], None),
        ("#N/A", [], None),
    ],
    ids=repr,
)
def test_a_quantity(cell, others, value):
    assert value_of(OPERATIONS["qty_desired"], cell, *others) == value


def test_a_number_against_the_rest_of_its_column_is_refused():
    converter = Converter(OPERATIONS["qty_desired"], Evidence(mark=","), BERLIN)

    assert converter.one("1.5").code == "cell.number-ambiguous"
    assert converter.one("1.234,5") == "1234.5"


@pytest.mark.parametrize(
    ("cell", "others", "value"),
    [
        ((Tag.DATE, "2026-12-04T14:30:00"), [], "2026-12-04T13:30:00Z"),
        ((Tag.DATE, "2026-07-04T14:30:00"), [], "2026-07-04T12:30:00Z"),
        ((Tag.DATE, "2026-12-04T14:29:59.999900"), [], "2026-12-04T13:30:00Z"),
        ((Tag.DATE, "2026-12-04T14:29:59.500000"), [], "2026-12-04T13:29:59.500Z"),
        ((Tag.DATE, "2026-12-04"), [], "2026-12-03T23:00:00Z"),
        ("2026-12-04", [], "2026-12-03T23:00:00Z"),
        ("2026-12-04T14:30", [], "2026-12-04T13:30:00Z"),
        ("2026-12-04 14:30:15", [], "2026-12-04T13:30:15Z"),
        ("2026-12-04T14:30:00Z", [], "2026-12-04T14:30:00Z"),
        ("2026-12-04T14:30:00+05:30", [], "2026-12-04T09:00:00Z"),
        ("20261204", [], "2026-12-03T23:00:00Z"),
        ("04.12.2026", [], "2026-12-03T23:00:00Z"),
        ("04.12.2026 14:30", [], "2026-12-04T13:30:00Z"),
        ("4 Dec 2026", [], "2026-12-03T23:00:00Z"),
        ("31/12/2026", [], "2026-12-30T23:00:00Z"),
        ("12/31/2026 2:30 PM", [], "2026-12-31T13:30:00Z"),
        ("12/31/2026 12:05 am", [], "2026-12-30T23:05:00Z"),
        ("05/05/2026", [], "2026-05-04T22:00:00Z"),
        ("04/12/2026", [], "cell.date-ambiguous"),
        ("04/12/2026", ["31/12/2026"], "2026-12-03T23:00:00Z"),
        ("04/12/2026", ["12/31/2026"], "2026-04-11T22:00:00Z"),
        ("04/12/2026", ["12/31/2026", "31/12/2026"], "cell.date-ambiguous"),
        ("31/02/2026", [], "cell.date"),
        ("00:00.0", [], "cell.date"),
        ("12/31/2026 14:30 PM", [], "cell.date"),
        ("04.12.26", [], "cell.date"),
        ("tomorrow", [], "cell.date"),
        (46000.0, [], "cell.date"),
        ((Tag.TIME, "06:30:00"), [], "cell.date"),
        ((Tag.DURATION, "1 day, 6:00:00"), [], "cell.date"),
        ((Tag.FLAG, "TRUE"), [], "cell.date"),
        ((Tag.ERROR, "#REF!"), [], "cell.error"),
        ("2026-10-25 02:30", [], "2026-10-25T00:30:00Z"),  # twice that night: the first time
        ("0001-01-01", [], "cell.date"),
        ("", [], None),
    ],
    ids=repr,
)
def test_a_moment(cell, others, value):
    assert value_of(OPERATIONS["due"], cell, *others) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("yes", True), ("Ja", True), ("x", True), ("WAHR", True), (1.0, True), ((Tag.FLAG, "TRUE"), True),
        ("no", False), ("nein", False), (0, False), ("0", False), ((Tag.FLAG, "FALSE"), False),
        ("perhaps", "cell.flag"), (2.0, "cell.flag"), ((Tag.DATE, "2026-03-02"), "cell.flag"), ("", None), ("-", None),
    ],
    ids=repr,
)  # fmt: skip
def test_a_flag(cell, value):
    assert value_of(ITEMS["lot_tracked"], cell) is value or value_of(ITEMS["lot_tracked"], cell) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("RELEASED", "RELEASED"), ("released", "RELEASED"), ("In progress", "IN_PROGRESS"),
        ("in-progress", "IN_PROGRESS"),
        ("started", "cell.choice"), (1.0, "cell.choice"), ((Tag.FLAG, "TRUE"), "cell.choice"), ("", None),
    ],
    ids=repr,
)  # fmt: skip
def test_a_choice(cell, value):
    assert value_of(OPERATIONS["status"], cell) == value


@pytest.mark.parametrize(
    ("cell", "value"),
    [(7.0, 7), ("7", 7), ("-7", -7), (7.5, "cell.integer"), ("7.0", "cell.integer"), ("x", "cell.integer")],
)
def test_a_whole_number(cell, value):
    assert value_of(other(Kind.INTEGER, int), cell) == value


def test_an_id():
    from uuid import UUID

    column = other(Kind.ID, UUID)
    assert value_of(column, "0195571F8C4D7A109B2E3F4A5B6C7D8E") == "0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"
    assert (value_of(column, "7"), value_of(column, 7.0)) == ("cell.id", "cell.id")


def test_an_error_says_what_was_expected_and_what_to_do():
    bad = Converter(OPERATIONS["qty_desired"], Evidence(), BERLIN).one(-1.0)

    assert bad == Bad("cell.invalid", "a number with at most 6 decimals", "It must be at least 0.")


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text("0123456789.,-+ '/:TZ\u00a0", max_size=20),
    st.from_regex(r"\A[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}( [0-9]{1,2}:[0-9]{2})?\Z"),
    st.from_regex(r"\A-?[0-9]{1,13}([.,][0-9]{1,8})*\Z"),
    st.sampled_from(["yes", "no", "RELEASED", "finished", "NULL", "-", "0010"]),
)
MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001 - as cells are
CELLS = st.one_of(
    TEXTS,
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(10**20), 10**20),
    st.booleans(),
    MOMENTS,
    st.dates(),
    st.times(),
    st.timedeltas(),
)


def read_by(column):
    """All of a column that a converter reads; columns of which it is the same become values in the same way."""
    return repr((column.kind, column.choices, column.nullable, column.annotation, [*map(read_by, column.parts)]))


COLUMNS = {read_by(column): column for template in catalog.templates().values() for column in template.columns}
ANYTHING = TypeAdapter(object)
JUDGES = {reading: TypeAdapter(column.annotation) for reading, column in COLUMNS.items()}


@pytest.mark.parametrize("kind", sorted({column.kind for column in COLUMNS.values()}))
@settings(max_examples=200)
@given(cells=st.lists(CELLS, min_size=1, max_size=8))
def test_nothing_comes_in_that_the_api_would_refuse(kind, cells):
    """Making cells takes longer than reading them: each handful is read by every column of a kind."""
    chunk = encoded(cells)
    sent = {"k": chunk["k"], "v": [list(v) if isinstance(v, tuple) else iso(v) for v in chunk["v"]]}
    evidence = gathered(cell for cell in cells if isinstance(cell, str))
    for reading, column in COLUMNS.items():
        if column.kind is kind:
            converter = Converter(column, evidence, BERLIN)
            values = converter.all(sent)
            for value in values:
                if value is not None and not isinstance(value, Bad):
                    JUDGES[reading].validate_json(ANYTHING.dump_json(value))
            assert values == [converter.one(cell_of(cell)) for cell in cells], column.field


def iso(value):
    """As JSON carries dates between child and parent."""
    return value.isoformat() if isinstance(value, dt.date) else value


def cell_of(cell):
    """A cell alone, as it is tagged beside others of other kinds."""
    found = encoded([cell, True])["v"][0]
    return tuple(found) if isinstance(found, list) else found


def whole(column, cell):
    return Converter(column, gathered([cell]), BERLIN).one(cell)


EMPLOYEES = {column.field: column for column in catalog.templates()["employees"].columns}
SKILLS = {
    "WELD-MAG | 2026-01-01 | 31.12.2027; CRANE": [
        {"code": "WELD-MAG", "valid_from": "2025-12-31T23:00:00Z", "valid_until": "2027-12-30T23:00:00Z"},
        {"code": "CRANE"},
    ],
    "CRANE||2027-12-31T00:00:00Z\nFORKLIFT;": [
        {"code": "CRANE", "valid_until": "2027-12-31T00:00:00Z"},
        {"code": "FORKLIFT"},
    ],
    4711.0: [{"code": "4711"}],
    "": None,
}
WRONG_SKILLS = {
    "CRANE | soon": ("cell.date", "Entry 1"),
    "CRANE; WELD | 2026-01-01 | 2027-01-01 | 3": ("cell.entry", "Entry 2"),
    "CRANE | 2026-01-01 | 2025-01-01": ("cell.invalid", "valid_from"),
    "| 2026-01-01": ("cell.invalid", "required"),
    "a/b": ("cell.invalid", "not allowed"),
}


@pytest.mark.parametrize("cell", SKILLS)
def test_a_list_stands_in_one_cell(cell):
    assert whole(EMPLOYEES["qualifications"], cell) == SKILLS[cell]


@pytest.mark.parametrize("cell", WRONG_SKILLS)
def test_an_entry_that_cannot_be_read_is_named(cell):
    code, words = WRONG_SKILLS[cell]
    bad = whole(EMPLOYEES["qualifications"], cell)
    assert isinstance(bad, Bad)
    assert (bad.code, words in str(bad.hint)) == (code, True), bad


def test_the_workbook_says_how_a_list_is_written():
    column = EMPLOYEES["qualifications"]
    assert column.example == "WELD-MAG | 2026-01-01T00:00:00Z | 2027-12-31T00:00:00Z"
    assert "<code> | valid_from | valid_until" in column.description
    assert whole(column, column.example) == [
        {"code": "WELD-MAG", "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-12-31T00:00:00Z"}
    ]
