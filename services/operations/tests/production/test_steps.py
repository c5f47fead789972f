"""Steps: what operators measure and answer is kept as it was said, and what is required blocks a finish."""

from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.production.errors import ValueUnfit
from operations.production.measuring import is_within
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from takt_contracts.operations.production import OperationStepRecorded
from takt_contracts.operations.steps import Step, StepKind

from .conftest import Act, Plan, at

BORE = {"step": "BORE", "kind": "number", "unit": "mm", "minimum": "39.98", "maximum": "40.02", "required": True}
CLEAN = {"step": "CLEAN", "kind": "yes_no", "required": True}
COLOUR = {"step": "COLOUR", "kind": "choice", "choices": "red, blue"}
PHOTO = {"step": "PHOTO", "kind": "photo"}
STEPS = [BORE, CLEAN, COLOUR, PHOTO]


@pytest.fixture
async def measured(plan: Plan, act: Act) -> dict[str, Any]:
    """A started operation with steps."""
    operation = await plan(steps=STEPS)
    assert (await act(operation, "start")).status_code == 200
    return operation


@pytest.mark.db
async def test_a_step_is_recorded_listed_and_told(
    client: httpx.AsyncClient, measured: dict[str, Any], act: Act, published: Any
) -> None:
    answer = await act(measured, "steps", step="BORE", value="40.01", comment="warm")
    listed = (await client.get(at(measured, "/steps"))).json()["data"]

    assert (answer.status_code, answer.headers["etag"], answer.json()["version"]) == (200, '"3"', 3)
    assert listed == [answer.json()["recorded"]]
    assert (listed[0]["value"], listed[0]["is_within_limits"], listed[0]["comment"]) == ("40.01", True, "warm")
    [event] = [one for one in await published(OperationStepRecorded) if one.state.order_no == measured["order_no"]]
    assert (event.version, event.recorded.value, event.state.steps[0].maximum) == (3, "40.01", Decimal("40.02"))


@pytest.mark.db
async def test_a_finish_waits_for_what_is_required_and_names_it(
    database: TestDatabase, measured: dict[str, Any], act: Act
) -> None:
    async with nothing_written(database, "operations", told="step.missing"):
        refused = await act(measured, "finish")
    assert (refused.status_code, refused.json()["code"]) == (409, "step.missing")
    assert "BORE, CLEAN" in refused.json()["detail"]

    await act(measured, "steps", step="CLEAN", value=True)
    outside = await act(measured, "steps", step="BORE", value=41)
    assert (outside.status_code, outside.json()["recorded"]["is_within_limits"]) == (200, False)
    assert "BORE" in (await act(measured, "finish")).json()["detail"]

    await act(measured, "steps", step="BORE", value="40")
    assert (await act(measured, "finish")).status_code == 200


@pytest.mark.db
async def test_the_database_refuses_an_early_finish_and_a_changed_record(
    database: TestDatabase, measured: dict[str, Any], act: Act
) -> None:
    await act(measured, "steps", step="BORE", value="41")
    finish = "UPDATE operations SET status = 'FINISHED' WHERE order_no = $1"
    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="required steps are not recorded"):
            await connection.execute(finish, measured["order_no"])
        for forbidden in ("UPDATE step_records SET value = '40'", "DELETE FROM step_records"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)


WRONG = {
    "unknown step": ({"step": "NOSE", "value": "1"}, "step.unknown", "/step"),
    "no number": ({"step": "BORE", "value": "wide"}, "step.value-unfit", "/value"),
    "too precise": ({"step": "BORE", "value": "40.0000001"}, "step.value-unfit", "/value"),
    "no answer": ({"step": "CLEAN", "value": "perhaps"}, "step.value-unfit", "/value"),
    "no choice": ({"step": "COLOUR", "value": "green"}, "step.value-unfit", "/value"),
    "no value": ({"step": "BORE"}, "request.invalid", "/value"),
    "unknown field": ({"step": "BORE", "value": "1", "unit": "m"}, "request.invalid", "/unit"),
}


@pytest.mark.db
@pytest.mark.parametrize("case", WRONG)
async def test_a_value_that_does_not_fit_is_refused(
    case: str, database: TestDatabase, measured: dict[str, Any], act: Act
) -> None:
    body, code, pointer = WRONG[case]
    async with nothing_written(database, "step_records", told=code):
        answer = await act(measured, "steps", **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


UNDECLARED = {
    "/steps/0/maximum": [{**BORE, "maximum": "1"}],
    "/steps/1/choices": [BORE, {"step": "COLOUR", "kind": "choice"}],
    "/steps/0/kind": [{"step": "BORE", "kind": "colour"}],
    "/steps": [BORE, BORE],
}


@pytest.mark.db
@pytest.mark.parametrize("pointer", UNDECLARED)
async def test_steps_that_make_no_sense_are_refused(
    pointer: str, client: httpx.AsyncClient, plan: Plan, database: TestDatabase
) -> None:
    operation = await plan()
    async with nothing_written(database, "operations", told="request.invalid"):
        answer = await client.patch(at(operation), json={"steps": UNDECLARED[pointer]}, headers={"if-match": '"1"'})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.db
async def test_nothing_is_recorded_of_work_that_does_not_run(plan: Plan, act: Act) -> None:
    answer = await act(await plan(steps=STEPS), "steps", step="BORE", value="40")
    assert (answer.status_code, answer.json()["code"]) == (409, "operation.not-running")


_LIMITS = st.none() | st.integers(-5, 5).map(Decimal)


@given(least=_LIMITS, most=_LIMITS, value=st.integers(-7, 7))
def test_a_number_is_good_between_its_limits(least: Decimal | None, most: Decimal | None, value: int) -> None:
    step = Step.model_construct(step="S", kind=StepKind.NUMBER, minimum=least, maximum=most)
    good = (least is None or value >= least) and (most is None or value <= most)
    assert is_within(step, str(value)) is good


@given(st.text(max_size=5))
def test_only_numbers_have_limits_and_nothing_else_is_a_number(value: str) -> None:
    step = Step.model_construct(step="S", kind=StepKind.YES_NO)
    if value not in ("yes", "no"):
        with pytest.raises(ValueUnfit):
            is_within(step, value)
