"""Templates that are made of record types."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from takt_contracts import catalog
from takt_contracts.records.record_types import RecordTypeFields
from takt_contracts.records.shipped import shipped
from takt_contracts.records.template import REASON, template_of_type
from takt_contracts.resource import Kind
from takt_contracts.roles import Role
from takt_contracts.template import ImportTemplate

PLAIN: dict[str, Any] = {
    "no": {"type": "string", "minLength": 1, "maxLength": 4, "title": "Number", "description": "Its number."},
    "on": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"},
    "deviation": {"type": "number", "minimum": -1, "exclusiveMaximum": 2.5},
    "pieces": {"type": "integer", "minimum": 1, "maximum": 9},
    "sound": {"type": "boolean"},
    "result": {"enum": ["pass", "fail"]},
}
GOOD: dict[str, list[Any]] = {
    "no": ["1", "1234"],
    "on": ["2026-11-02"],
    "at": ["2026-11-02T06:30:00Z"],
    "deviation": ["-1", "2.499999", 0.25],
    "pieces": [1, 9],
    "sound": [True],
    "result": ["fail"],
}
BAD: dict[str, list[Any]] = {
    "no": ["", "12345", 7],
    "on": ["2026-02-30", "20261102", "2026-11-02T00:00:00Z", 20261102],
    "at": ["2026-11-02", "soon", 1],
    "deviation": ["-1.000001", "2.5", "1e1", True, "0.1234567"],
    "pieces": [0, 10, "3", True],
    "sound": ["yes", 1],
    "result": ["perhaps", None, 1],
}


def typed(properties: dict[str, Any] = PLAIN, required: tuple[str, ...] = ("no",), **more: Any) -> RecordTypeFields:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    about = {"name": "gauge", "title": "Gauge", "content_schema": schema, "creators": ["QUALITY", "OPERATOR"]}
    return RecordTypeFields.model_validate(about | {"business_key": ["no"]} | more)


def template(*given: Any, **more: Any) -> ImportTemplate:
    made = template_of_type(typed(*given, **more))
    assert made is not None
    return made


def test_columns_are_the_plain_fields_and_the_reason() -> None:
    made = template()

    assert {column.field: column.kind for column in made.columns} == {
        "no": Kind.TEXT, "on": Kind.DATE, "at": Kind.MOMENT, "deviation": Kind.DECIMAL, "pieces": Kind.INTEGER,
        "sound": Kind.FLAG, "result": Kind.CHOICE, REASON: Kind.TEXT,
    }  # fmt: skip
    assert (made.id, made.target, made.owner, made.key) == ("gauge", "gauge", "records", ("no",))
    assert (made.writers, made.read, made.is_confidential) == ((Role.QUALITY, Role.OPERATOR), Role.VIEWER, False)
    first, second = made.by_field["no"], made.by_field["on"]
    assert (first.title, first.description, first.required, first.nullable) == ("Number", "Its number.", True, False)
    assert (second.title, second.required, second.nullable) == ("On", False, True)
    assert made.by_field["result"].choices == ("pass", "fail")


@pytest.mark.parametrize("field", GOOD)
def test_a_cell_s_value_is_judged_as_the_schema_judges_it(field: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(template().by_field[field].annotation)

    for value in GOOD[field]:
        found = adapter.validate_python(value)
        assert found == (Decimal(str(value)) if field == "deviation" else value)
    for value in BAD[field]:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


@pytest.mark.parametrize(
    "more",
    [
        {"limits": {"type": "array", "items": {"type": "number"}}},
        {"place": {"type": "object"}},
        {"odd": {"enum": [1, "two"]}},
        {"either": {"type": ["string", "number"]}},
        {"with space": {"type": "string"}},
        {"_hidden": {"type": "string"}},
        {"any": True},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_no_cell_holds_is_no_column_and_must_not_be_required(more: dict[str, Any]) -> None:
    [name] = more

    assert name not in template({**PLAIN, **more}).by_field
    assert template_of_type(typed({**PLAIN, **more}, ("no", name))) is None


def test_hidden_fields_are_no_columns() -> None:
    assert "deviation" not in template(hidden_fields={"deviation": ["QUALITY"]}).by_field


def test_without_a_business_key_there_is_no_template() -> None:
    assert template_of_type(typed(business_key=[])) is None


def test_a_field_called_reason_is_the_content_s_own() -> None:
    made = template({**PLAIN, REASON: {"type": "integer"}})

    assert [column.kind for column in made.columns if column.field == REASON] == [Kind.INTEGER]


def test_rows_of_health_records_are_for_health() -> None:
    made = template(access_class="health", creators=["HEALTH"])

    assert (made.read, made.is_confidential) == (Role.HEALTH, True)


def test_every_shipped_type_is_a_target() -> None:
    names = {kind.name for kind in shipped()}

    assert len(names) == 6
    assert {name for name, one in catalog.templates().items() if one.owner == "records"} == names
    assert [name for name, one in catalog.templates().items() if one.is_confidential] == ["occupational-health"]
    assert "cost" not in catalog.templates()["non-conformance"].by_field
