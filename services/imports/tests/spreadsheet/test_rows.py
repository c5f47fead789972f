"""Headers, tables and their ends, keys, batches: what rows a sheet has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from imports.spreadsheet import header
from imports.spreadsheet.limits import Code as Refusal
from imports.spreadsheet.limits import Limits, Refused
from imports.spreadsheet.reading import open_file
from imports.spreadsheet.rows import Keys
from services.imports.tests.spreadsheet.reader import read
from takt_contracts import catalog
from takt_contracts.imports.jobs import MappedColumn
from takt_contracts.resource import Fields, Kind
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Quantity
from takt_contracts.template import ImportTemplate, TemplateColumn

pytestmark = pytest.mark.untraced

ITEMS, OPERATIONS = catalog.templates()["items"], catalog.templates()["operations"]


@pytest.fixture
def of_text(tmp_path):
    """Reads a table that is written as CSV."""

    async def land(text, wanted="items", **wishes):
        file = tmp_path / "table.csv"
        file.write_text(text)
        return await read(file, wanted, **wishes)

    return land


def fields(*cells, template=ITEMS):
    found = header.find([cells], template)
    return None if found is None else [(column.field, column.by) for column in found.columns]


@pytest.mark.parametrize(
    ("text", "field", "by"),
    [
        ("Order", "order_no", "title"),
        ("ORDER_NO", "order_no", "field"),
        ("order no.", "order_no", "field"),
        ("Auftrags-Nummer", "order_no", "synonym"),
        ("Qty [pcs]", "qty_desired", "synonym"),
        ("Quantity (in units of the item) *", "qty_desired", "title"),
        ("Sollmenge", "qty_desired", "synonym"),
        ("Colour", None, None),
    ],
)
def test_a_header_is_known_by_any_of_its_names(text, field, by):
    [column] = header.match(1, [text], OPERATIONS).columns

    assert (column.field, column.by, column.letter) == (field, by, "A")


def test_of_two_columns_for_one_field_the_better_name_wins():
    assert fields("Material", "Item", "Name") == [(None, None), ("code", "title"), ("name", "title")]


def test_where_only_a_name_is_known_it_is_the_key():
    assert fields("Name", "Description", "Cost") == [("code", "guess"), ("name", "guess"), (None, None)]
    assert fields("Name") == [("code", "guess"), ("name", "guess")]
    assert fields("Item", "Name") == [("code", "title"), ("name", "title")]


def test_columns_have_the_letters_that_a_sheet_shows():
    assert [header.letters(column) for column in (1, 26, 27, 52, 702, 703, 16384)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "ZZ",
        "AAA",
        "XFD",
    ]


async def test_the_header_is_found_wherever_it_stands(of_text):
    found = await of_text("Items of the plant,,\n,,\nItem,Nothing more,\nItem code,Item name,UoM\nA,Axle,pcs\n")

    assert (found.head.header_row, found.by_field) == (4, [{"code": "A", "name": "Axle", "unit": "pcs"}])


@pytest.mark.parametrize(
    ("text", "wanted", "code"),
    [
        ("Item,Item,Name\nA,B,C\n", "items", Refusal.DUPLICATE),
        ("Order,Workplace\nWO-1,CNC-07\n", "operations", Refusal.MISSING),
        ("Colour,Taste\nred,sweet\n", "items", Refusal.HEADER),
        ("1,2\n3,4\n", None, Refusal.HEADER),
        ("Item\nA\n", "spoons", Refusal.TEMPLATE),
    ],
    ids=lambda value: repr(str(value)),
)
async def test_a_table_that_cannot_be_mapped_is_refused(of_text, text, wanted, code):
    if code is Refusal.HEADER and wanted is None:
        text = "\n\n,\n"
    with pytest.raises(Refused) as refused:
        await of_text(text, wanted)

    assert refused.value.code == (Refusal.EMPTY if not text.strip() else code)


async def test_a_missing_key_is_named_by_its_title(of_text):
    with pytest.raises(Refused, match="Row 1 has no column Operation"):
        await of_text("Order,Workplace\nWO-1,CNC-07\n", "operations")


async def test_a_column_that_nobody_knows_is_a_warning(of_text):
    found = await of_text("Item,Name,Colour\nA,Axle,red\n")

    assert [(warning.code, "Colour" in warning.detail) for warning in found.head.warnings] == [("column.unknown", True)]


async def test_without_a_template_a_clear_header_is_enough_and_an_unclear_one_asks(of_text):
    clear = await of_text("Order,Operation,Workplace,Item,Quantity\nWO-1,0010,CNC-07,A,1\n", None)
    unclear = await of_text("Name,Colour\nA,red\n", None)
    strange = await of_text("Colour,Taste\nred,sweet\n", None)

    assert (clear.head.template_id, len(clear.rows)) == ("operations", 1)
    assert (unclear.head.template_id, unclear.fields) == (None, ())
    assert {suggestion.target for suggestion in unclear.head.suggestions} >= {"items"}
    assert [column.field for column in unclear.head.columns] == [None, None]
    assert (strange.head.template_id, strange.head.suggestions) == (None, ())


def by_person(*named):
    return tuple(
        MappedColumn(column=at, letter=header.letters(at), header=f"H{at}", field=field, by="person")
        for at, field in enumerate(named, 1)
    )


async def test_a_person_may_map_what_nothing_recognises(of_text):
    found = await of_text("x,y,z\nA,Axle,1\nB,Bush,2\n", mapping=by_person("code", "name", None), header_row=1)

    assert found.by_field == [{"code": "A", "name": "Axle"}, {"code": "B", "name": "Bush"}]


@pytest.mark.parametrize(
    ("named", "code"),
    [(("name",), Refusal.MISSING), (("code", "code"), Refusal.DUPLICATE), (("code", "colour"), Refusal.MISSING)],
    ids=repr,
)
async def test_a_mapping_that_cannot_be_is_refused(of_text, named, code):
    with pytest.raises(Refused) as refused:
        await of_text("x,y\nA,Axle\n", mapping=by_person(*named), header_row=1)

    assert refused.value.code == code


async def test_a_header_row_may_be_named(of_text):
    found = await of_text("Item,Name\nItem,Category\nA,axles\n", header_row=2)

    assert (found.head.header_row, found.by_field) == (2, [{"code": "A", "category": "axles"}])
    with pytest.raises(Refused):
        await of_text("Item,Name\nA,Axle\n", header_row=9)


async def test_an_empty_cell_says_null(of_text):
    found = await of_text("Item,Name,Unit,Category\nA,,,\nB,Bush,kg,NULL\n")

    assert found.by_field == [
        {"code": "A", "name": None, "unit": None, "category": None},
        {"code": "B", "name": "Bush", "unit": "kg", "category": None},
    ]


async def test_what_is_known_by_its_name_is_called_by_it_where_nothing_else_is_said(of_text):
    found = await of_text("Name,Description,Cost\nSHAFT-40,Shaft 40 mm,7\nBOLT,,2\n")

    assert [row[1:] for row in found.rows] == [["SHAFT-40", "Shaft 40 mm"], ["BOLT", "BOLT"]]


async def test_a_second_row_of_one_key_names_the_first(of_text):
    found = await of_text("Item,Name\nA,Axle\nB,Bush\nA,Another\n")

    [error] = found.errors
    assert (error.row, error.code, error.hint) == (4, "row.duplicate-key", "Row 2 has the same key.")
    assert (error.column, error.letter, error.header, error.field, error.value) == (1, "A", "Item", "code", "A")
    assert (found.rejected, len(found.rows)) == ([4], 2)


async def test_what_stands_below_the_table_is_no_data(of_text):
    found = await of_text("Item,Name,Unit\nA,Axle,pcs\n\n,Total,2\n\nLegend,,\nA: an axle,,\n")

    assert (found.by_field, found.errors, found.seen) == ([{"code": "A", "name": "Axle", "unit": "pcs"}], [], 1)


async def test_a_table_that_goes_on_after_a_gap_loses_nothing(of_text):
    found = await of_text("Item,Name\nA,Axle\n\nB,Bush\n\n,Nameless\nC,\n\nD,Disc\n")

    assert [row["code"] for row in found.by_field] == ["A", "B", "C", "D"]
    assert (found.codes, found.rejected, found.seen) == ([(6, "A", "cell.required")], [6], 5)


async def test_a_row_without_key_inside_the_table_is_an_error(of_text):
    found = await of_text("Order,Operation,Item\nWO-1,,A\n,0010,A\nWO-1,0010,A\n", "operations")

    assert found.codes == [(2, "B", "cell.required"), (3, "A", "cell.required")]
    assert len(found.rows) == 1


async def test_every_wrong_cell_of_a_row_is_told(of_text):
    found = await of_text("Order,Operation,Quantity,Due\nWO/1,0010,x,y\n", "operations")

    assert [error.letter for error in found.errors] == ["A", "C", "D"]
    assert found.rejected == [2]


async def test_a_shown_value_is_cut(of_text):
    found = await of_text(f"Item,Name\n{'x' * 500},Axle\n")

    assert found.errors[0].value == "x" * 80


async def test_a_batch_is_never_too_long_for_a_message(of_text, tmp_path):
    from services.imports.tests.spreadsheet.reader import opened

    file = tmp_path / "long.csv"
    file.write_text("Workplace,Name,Description\n" + "".join(f"W{n},Name,{'d' * 1990}\n" for n in range(1100)))
    async with opened(file, "workplaces") as reading:
        await reading.head()
        batches = [batch async for batch in reading.batches()]

    import orjson

    assert sum(len(batch.rows) for batch in batches) == 1100
    assert all(len(batch.rows) <= 500 and len(orjson.dumps(batch.rows)) <= 512 * 1024 for batch in batches)
    assert [batch.seen for batch in batches] == sorted(batch.seen for batch in batches)


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 5)), max_size=3000))
def test_keys_are_kept_apart_as_a_dictionary_would(keys):
    kept = Keys()
    first: dict[tuple[str, int], int] = {}
    for row, key in enumerate(keys, 1):
        assert kept.first(key, row) == first.setdefault(key, row)


def test_many_keys_take_little_room():
    kept = Keys()

    assert all(kept.first(f"PART-{n}", n) == n for n in range(1, 20_001))
    assert all(kept.first(f"PART-{n}", 99_999) == n for n in range(1, 20_001))


class Span(Fields):
    """A row with a rule that no field has alone."""

    code: Code
    low: Quantity
    high: Quantity | None = None

    @model_validator(mode="after")
    def low_is_low(self) -> "Span":
        if self.high is not None and self.high < self.low:
            raise PydanticCustomError("span", "High should not be below low.")
        return self


def span_column(name, annotation, *, key=False, required=True):
    return TemplateColumn(
        field=name, title=name.capitalize(), synonyms=(), kind=Kind.TEXT if key else Kind.DECIMAL, key=key,
        required=required, nullable=not required, opening=False, choices=(), description="", example=None,
        annotation=annotation,
    )  # fmt: skip


async def test_rules_between_fields_hold_where_a_row_has_them(tmp_path):
    columns = (
        span_column("code", Code, key=True),
        span_column("low", Quantity),
        span_column("high", Quantity, required=False),
    )
    spans = ImportTemplate(id="spans", owner="x", name="span", writers=(Role.PLANNER,), columns=columns, row=Span)
    file = tmp_path / "spans.csv"
    file.write_text("Code,Low,High\nA,1,2\nB,2,1\nC,,1\nD,5,\nA,1,2\n")
    asked: dict[str, Any] = {"mapping": None, "sheet": None, "header_row": None, "limits": Limits(), "timezone": "UTC"}

    async with open_file(file, {"spans": spans}, wanted="spans", **asked) as reading:
        await reading.head()
        [batch] = [batch async for batch in reading.batches()]

    assert [row[1] for row in batch.rows] == ["A", "C", "D"]  # C is for its owner to judge, who knows what it has
    assert [(error.row, error.code, error.hint) for error in batch.errors] == [
        (3, "row.invalid", "High should not be below low."),
        (6, "row.duplicate-key", "Row 2 has the same key."),
    ]
