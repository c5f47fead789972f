"""A resource is declared once; what follows from the declaration."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from takt_contracts.operations.items import ITEM, ItemChanged
from takt_contracts.operations.machines import MACHINE, Machine, MachineChanged, MachineFields
from takt_contracts.operations.production import OPERATION, Status
from takt_contracts.resource import Fields, Kind, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name

STORED: Mapping[str, Any] = {
    "id": "0195570a-1b2c-7d3e-8f40-5a6b7c8d9e0f",
    "version": 3,
    "created_at": "2026-03-02T06:30:00Z",
    "updated_at": "2026-03-02T06:30:00Z",
}


class RackFields(Fields):
    code: Code
    name: Name


class Rack(RackFields, Stored):
    pass


def rack(**changed: Any) -> ResourceContract[RackFields, Rack]:
    declared: dict[str, Any] = {
        "owner": "operations",
        "name": "rack",
        "plural": "racks",
        "fields": RackFields,
        "state": Rack,
        "key": ("code",),
        "write": Role.PLANNER,
        "titles": {"code": "Rack"},
    }
    return ResourceContract(**declared | changed)


def test_a_client_may_write_the_fields_and_nothing_else():
    with pytest.raises(ValidationError, match="version"):
        MachineFields.model_validate({"code": "M-1", "name": "Press", "version": 1})


def test_a_reader_of_state_ignores_what_a_later_version_adds():
    machine = Machine.model_validate({**STORED, "code": "M-1", "name": "Press", "colour": "red"})

    assert (machine.code, machine.archived_at) == ("M-1", None)


def test_a_change_is_told_under_the_name_of_its_word():
    stored = Machine.model_validate({**STORED, "code": "M-1", "name": "Press"})

    told = MachineChanged.of(stored, change="archived")

    assert (told.type, told.topic) == ("takt.operations.machine.archived.v1", "takt.operations.machine")
    assert (told.subject, told.version, told.state) == ("M-1", 3, stored)


def test_a_class_of_changes_has_no_single_type():
    assert ItemChanged.types() == tuple(
        f"takt.operations.item.{change}.v1" for change in ("created", "updated", "archived", "restored")
    )
    with pytest.raises(TypeError, match="ItemChanged"):
        _ = ItemChanged.type


def test_a_patch_knows_what_was_left_out_and_what_was_cleared():
    patch = MACHINE.patch.model_validate({"workplace": None, "name": "Press 2"})

    assert patch.model_dump(exclude_unset=True) == {"workplace": None, "name": "Press 2"}
    assert MACHINE.patch.model_validate({}).model_fields_set == set()


@pytest.mark.parametrize("body", [{"name": None}, {"name": ""}, {"code": None}, {"colour": "red"}], ids=str)
def test_a_patch_obeys_the_rules_of_its_fields(body):
    with pytest.raises(ValidationError):
        MACHINE.patch.model_validate(body)


def test_the_schema_of_a_patch_requires_nothing_and_claims_no_defaults():
    schema = MACHINE.patch.model_json_schema()

    assert "required" not in schema
    assert set(schema["properties"]) == set(MachineFields.model_fields)
    assert not any("default" in described for described in schema["properties"].values())
    assert schema["title"] == "MachinePatch"


def test_lists_know_how_each_field_compares():
    kinds = {name: (field.kind, field.nullable) for name, field in OPERATION.list_fields.items()}

    assert kinds == {
        "id": (Kind.ID, False),
        "version": (Kind.INTEGER, False),
        "created_at": (Kind.MOMENT, False),
        "updated_at": (Kind.MOMENT, False),
        "archived_at": (Kind.MOMENT, True),
        "order_no": (Kind.TEXT, False),
        "operation_no": (Kind.TEXT, False),
        "workplace": (Kind.TEXT, False),
        "item": (Kind.TEXT, False),
        "planned_start": (Kind.MOMENT, True),
        "planned_end": (Kind.MOMENT, True),
        "due": (Kind.MOMENT, True),
        "qualification": (Kind.TEXT, True),
        "qty_desired": (Kind.DECIMAL, False),
        "tolerance_percent": (Kind.DECIMAL, False),
        "qty_processed": (Kind.DECIMAL, False),
        "qty_good": (Kind.DECIMAL, False),
        "qty_scrap": (Kind.DECIMAL, False),
        "qty_rework": (Kind.DECIMAL, False),
        "status": (Kind.CHOICE, False),
        "profile": (Kind.ID, True),
        "profile_version": (Kind.INTEGER, True),
    }
    assert ITEM.list_fields["lot_tracked"].kind is Kind.FLAG
    assert MACHINE.list_fields["workplace"].nullable


@pytest.mark.parametrize(
    ("contract", "name", "text", "value"),
    [
        (OPERATION, "status", "FINISHED", Status.FINISHED),
        (OPERATION, "qty_good", "12.50", 12.5),
        (OPERATION, "version", "7", 7),
        (ITEM, "lot_tracked", "true", True),
        (MACHINE, "workplace", "CNC-07", "CNC-07"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list_field_reads_its_values_from_a_query(contract, name, text, value):
    adapter: TypeAdapter[Any] = TypeAdapter(contract.list_fields[name].annotation)

    assert adapter.validate_strings(text) == value


@pytest.mark.parametrize("text", ["", "null", "x", "NaN"])
def test_a_list_field_refuses_what_is_not_a_value_of_it(text):
    due = OPERATION.list_fields["due"]
    adapter: TypeAdapter[Any] = TypeAdapter(due.annotation)

    with pytest.raises(ValidationError):
        adapter.validate_strings(text)


def test_a_field_without_a_title_gets_a_readable_one():
    assert (rack().title("code"), OPERATION.title("planned_start"), rack().title("name")) == (
        "Rack",
        "Planned start",
        "Name",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ()},
        {"key": ("number",)},
        {"titles": {"colour": "Colour"}},
        {"titles": {"code": "X", "name": "X"}},
        {"state": Stored},
    ],
    ids=str,
)
def test_a_declaration_that_cannot_work_is_refused_at_import(wrong):
    with pytest.raises(TypeError, match="racks"):
        rack(**wrong)


def test_the_contract_binds_its_changes_to_a_topic():
    class RackChanged(ResourceChanged[Rack]):
        pass

    rack(changed=RackChanged)

    assert (RackChanged.topic, RackChanged.key) == ("takt.operations.rack", ("code",))
