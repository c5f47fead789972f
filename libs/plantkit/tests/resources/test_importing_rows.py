"""Reading rows in columns finds what reading them one by one finds."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from plantkit.ids import new_id
from plantkit.resources.incoming import ColumnReader, RowReader
from takt_contracts import catalog
from takt_contracts.imports.rows import RowBatch
from takt_contracts.operations.items import ItemFields
from takt_contracts.operations.production import OperationFields

TEMPLATES = catalog.templates()
COLUMNS = {
    f"{plural}.{column.field}": column for plural in ("operations", "items") for column in TEMPLATES[plural].columns
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**13),
    st.floats(allow_nan=False),
    st.text(max_size=50),
    st.sampled_from(
        ["A-1", "100", "12.5", "1e3", "2026-03-02T06:30:00Z", "2026-03-02", "RELEASED", "true", " x", "a/b"]
    ),
    st.lists(st.integers(), max_size=2),
)


def alone(adapter, value):
    """What one value is read as: (value, None), or (None, code of the error)."""
    if value is None:
        return None, None
    try:
        return adapter.validate_python(value), None
    except ValidationError as wrong:
        return None, wrong.errors()[0]["type"]


@pytest.fixture(scope="module")
def adapter(column):
    """Reads a value of the column; it takes longer to make than to use."""
    return TypeAdapter(column.annotation)


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS, scope="module")
@given(batches=st.lists(st.lists(VALUES, max_size=20), min_size=1, max_size=3))
def test_a_column_is_read_as_its_values_are(column, adapter, batches):
    reader = ColumnReader(column)
    for values in batches:  # what was learnt from one batch must not change what another says
        typed, wrong = reader.read(values)
        found = [(value, wrong[place]["type"] if place in wrong else None) for place, value in enumerate(typed)]
        assert [repr(one) for one in found] == [repr(alone(adapter, value)) for value in values]


def test_equal_to_python_is_not_equal():
    reader = ColumnReader(TEMPLATES["items"].by_field["lot_tracked"])
    typed, wrong = reader.read([True, 1, False, 0, 1.0])
    assert (typed, sorted(wrong)) == ([True, None, False, None, None], [1, 3, 4])


def batch(columns, *rows):
    about = {"import_id": new_id(), "phase": "commit", "batch": 1, "batches": 1, "owner": "operations"}
    return RowBatch.model_validate(
        about | {"target": "operations", "uploaded_by": "p", "roles": (), "columns": columns, "rows": rows}
    )


def test_a_row_is_a_key_and_typed_values():
    reader = RowReader(TEMPLATES["operations"])
    columns = ("operation_no", "order_no", "due", "qty_desired")
    found = reader.read(
        batch(columns, [5, "0010", "WO-1", "2026-03-02T07:30:00+01:00", 5], [6, "0020", "WO-1", None, "5"])
    )
    assert found.keys == [("WO-1", "0010"), ("WO-1", "0020")]
    assert found.columns["due"] == [datetime(2026, 3, 2, 6, 30, tzinfo=UTC), None]
    assert found.columns["qty_desired"] == [Decimal(5), Decimal(5)]
    assert (found.refused, found.lacking) == ({}, {0: ["workplace", "item"], 1: ["workplace", "item"]})
    assert [found.number(place) for place in (0, 1)] == [5, 6]


def optional(fields):
    """Defaults of the fields that a client may leave out."""
    return {name: field.get_default() for name, field in fields.model_fields.items() if not field.is_required()}


def test_defaults_are_those_of_the_fields_and_openings_have_none():
    assert RowReader(TEMPLATES["items"]).defaults == optional(ItemFields)
    assert RowReader(TEMPLATES["operations"]).defaults == optional(OperationFields)
    assert optional(ItemFields)["unit"] == "pcs"
