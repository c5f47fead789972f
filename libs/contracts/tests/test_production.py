"""What the bodies of the shop floor accept, and what is told about an operation."""

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from takt_contracts.examples import example_of
from takt_contracts.operations.production import (
    CancelBody,
    EmptyBody,
    HoldBody,
    HoldKind,
    LedgerEntry,
    Operation,
    OperationFields,
    OperationReported,
    ReportBody,
)

PLANNED: dict[str, Any] = {
    "order_no": "WO-1001",
    "operation_no": "0010",
    "workplace": "CNC-07",
    "item": "SHAFT-40",
    "qty_desired": "100",
}


def errors(model: Any, body: object) -> list[tuple[Any, str]]:
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(body)
    return [(error["loc"], error["type"]) for error in refusal.value.errors()]


def test_an_operation_needs_its_numbers_workplace_item_and_quantity():
    assert OperationFields.model_validate(PLANNED).due is None
    assert {location for (location,), _ in errors(OperationFields, {})} == set(PLANNED)


@pytest.mark.parametrize("name", ["qty_processed", "qty_good", "qty_scrap", "qty_rework", "status", "hold", "version"])
def test_what_reports_and_verbs_change_cannot_be_written(name):
    assert errors(OperationFields, {**PLANNED, name: None}) == [((name,), "extra_forbidden")]


@pytest.mark.parametrize("body", [{"good": "95"}, {"scrap": 5, "reason": "porosity"}, {"rework": 0.5}], ids=str)
def test_a_report_books_good_scrap_or_rework(body):
    assert ReportBody.model_validate(body).model_fields_set == set(body)


def test_scrap_without_a_reason_is_refused_at_the_reason():
    assert errors(ReportBody, {"good": "1", "scrap": "5"}) == [(("reason",), "reason_missing")]
    assert errors(ReportBody, {"scrap": "5", "reason": None}) == [(("reason",), "reason_missing")]


@pytest.mark.parametrize("body", [{}, {"good": "0"}, {"good": 0, "scrap": "0.0", "rework": "-0"}], ids=str)
def test_a_report_of_nothing_is_refused(body):
    assert errors(ReportBody, body) == [((), "quantity_missing")]


@pytest.mark.parametrize("name", ["good", "scrap", "rework"])
@pytest.mark.parametrize("value", ["-1", "NaN", True, None, "1e3", "0.0000001"], ids=repr)
def test_a_report_takes_no_odd_quantities(name, value):
    assert ((name,),) == tuple(
        {location for location, _ in errors(ReportBody, {"reason": "x", name: value}) if location}
    )


def test_hold_and_cancel_say_why():
    assert HoldBody.model_validate({"kind": "external", "reason": "no material"}).kind is HoldKind.EXTERNAL
    assert errors(HoldBody, {"kind": "weather", "reason": "rain"}) == [(("kind",), "enum")]
    assert errors(HoldBody, {"kind": "own"}) == [(("reason",), "missing")]
    assert errors(CancelBody, {"reason": " "}) == [(("reason",), "string_pattern_mismatch")]


def test_start_resume_and_finish_take_an_empty_object():
    assert EmptyBody.model_validate({}).model_dump() == {}
    assert errors(EmptyBody, {"good": "1"}) == [(("good",), "extra_forbidden")]


def test_a_report_is_told_with_the_full_state_and_its_entry():
    told = example_of(OperationReported, "reported")

    data = json.loads(told.model_dump_json())

    assert set(data) == {"version", "state", "entry"}
    assert (data["state"]["qty_processed"], data["state"]["qty_good"]) == ("100", "95")
    assert (data["entry"]["scrap"], data["entry"]["reason"]) == ("5", "porosity")
    assert (told.type, told.subject) == ("takt.operations.operation.reported.v1", "WO-1001/0010")


def test_state_and_entry_are_taken_from_what_is_stored():
    """A row of the owner has the same names; its own columns beside them stay at home."""

    class Stored:
        def __init__(self, **values: Any) -> None:
            self.__dict__.update(values)

    state = example_of(OperationReported, "reported").state
    assert isinstance(state, Operation)
    row = Stored(**dict(state), password="never told")
    entry = Stored(
        id=state.id, kind="report", good=Decimal("95.000000"), booked_at=state.created_at, booked_by="operator-07"
    )

    told = OperationReported.of(row, entry=entry)

    assert told.state == state
    assert told.entry == LedgerEntry(
        id=state.id, kind="report", good=Decimal(95), booked_at=state.created_at, booked_by="operator-07"
    )
    assert "never told" not in told.model_dump_json()
