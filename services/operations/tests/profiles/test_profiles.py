"""Process profiles: what a bound version limits is checked, and what it requires blocks a finish."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.production.errors import ValueUnfit
from operations.production.measuring import is_good
from operations.profiles.rules import steps_of
from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from services.operations.tests.production.conftest import Act, Plan, at, key
from services.operations.tests.profiles.conftest import LIMITS, Deliver, told
from takt_contracts.operations.items import ItemChanged
from takt_contracts.operations.profiles import OperationProfileBound
from takt_contracts.operations.steps import Step, StepKind
from takt_contracts.records.records import RecordDeleted, RecordEvent
from takt_contracts.roles import Role


def bound(event: RecordEvent) -> dict[str, Any]:
    return {"profile": str(event.state.id), "profile_version": event.version}


@pytest.fixture
async def item(client: httpx.AsyncClient) -> str:
    code = f"IT-{str(new_id())[-12:]}"
    assert (await client.post("/api/v1/items", json={"code": code, "name": "Frame"})).status_code == 201
    return code


async def bind_item(client: httpx.AsyncClient, item: str, event: RecordEvent) -> httpx.Response:
    return await client.post(f"/api/v1/items/{item}/profile", json=bound(event), headers=key())


@pytest.mark.db
async def test_a_bound_version_is_shown_and_told(
    client: httpx.AsyncClient, plan: Plan, act: Act, profile: RecordEvent, published: Any
) -> None:
    operation = await plan()
    assert (await client.get(at(operation, "/profile"))).status_code == 404

    answer = await act(operation, "profile", **bound(profile))
    shown = (await client.get(at(operation, "/profile"))).json()

    assert (answer.status_code, answer.json()["version"], answer.json()["profile_version"]) == (200, 2, 1)
    assert shown | bound(profile) | {"bound_to": "operation"} == shown
    assert [(one["step"], one["minimum"], one["maximum"]) for one in shown["steps"]] == [
        ("CURRENT", "180", "220"),
        ("SPEED", None, "0.5"),
    ]
    [event] = [one for one in await published(OperationProfileBound) if one.state.order_no == operation["order_no"]]
    assert (event.version, event.state.profile, event.state.profile_version) == (2, profile.state.id, 1)
    taken_off = await act(operation, "profile", profile=None, profile_version=None)
    assert (taken_off.status_code, taken_off.json()["profile"]) == (200, None)


@pytest.mark.db
async def test_what_a_profile_limits_is_checked_and_what_it_requires_blocks_a_finish(
    database: TestDatabase, plan: Plan, act: Act, profile: RecordEvent
) -> None:
    operation = await plan()
    await act(operation, "profile", **bound(profile))
    await act(operation, "start")
    async with nothing_written(database, "operations", told="step.missing"):
        refused = await act(operation, "finish")
    assert (refused.status_code, refused.json()["code"]) == (409, "step.missing")
    assert "CURRENT." in refused.json()["detail"]

    assert (await act(operation, "steps", step="SPEED", value="0.6")).json()["recorded"]["is_within_limits"] is False
    assert (await act(operation, "steps", step="CURRENT", value="221")).json()["recorded"]["is_within_limits"] is False
    assert (await act(operation, "finish")).status_code == 409
    assert (await act(operation, "steps", step="CURRENT", value="220")).json()["recorded"]["is_within_limits"] is True
    assert (await act(operation, "finish")).status_code == 200
    late = await act(operation, "profile", profile=None, profile_version=None)
    assert (late.status_code, late.json()["code"]) == (409, "operation.final")


@pytest.mark.db
async def test_an_operation_uses_the_profile_of_its_item_until_it_has_its_own(
    client: httpx.AsyncClient, plan: Plan, act: Act, deliver: Deliver, item: str, profile: RecordEvent, published: Any
) -> None:
    operation = await plan(item=item)
    answer = await bind_item(client, item, profile)
    assert (answer.status_code, answer.json()["profile"]) == (200, str(profile.state.id))
    assert (await client.get(f"/api/v1/items/{item}")).json() == answer.json()
    assert (await published(ItemChanged))[-1].state.profile == profile.state.id
    shown = (await client.get(at(operation, "/profile"))).json()
    assert shown | bound(profile) | {"bound_to": "item"} == shown

    wider = told(2, {"parameter": "CURRENT", "high": 300}, record=profile.state.id)
    await deliver(wider)
    await act(operation, "start")
    outside = await act(operation, "steps", step="CURRENT", value="250")
    await act(operation, "profile", **bound(wider))
    inside = await act(operation, "steps", step="CURRENT", value="250")

    found = [one.json()["recorded"]["is_within_limits"] for one in (outside, inside)]
    assert found == [False, True]
    assert (await client.get(at(operation, "/profile"))).json()["bound_to"] == "operation"


@pytest.mark.db
async def test_both_the_step_and_the_profile_have_to_be_met(plan: Plan, act: Act, profile: RecordEvent) -> None:
    operation = await plan(steps=[{"step": "CURRENT", "kind": "number", "minimum": "200"}])
    await act(operation, "profile", **bound(profile))
    await act(operation, "start")
    found = [(await act(operation, "steps", step="CURRENT", value=value)).json() for value in ("190", "210", "230")]
    assert [one["recorded"]["is_within_limits"] for one in found] == [False, True, False]


@pytest.mark.db
async def test_the_database_refuses_a_finish_that_lacks_what_the_profile_requires(
    client: httpx.AsyncClient, database: TestDatabase, plan: Plan, act: Act, item: str, profile: RecordEvent
) -> None:
    operation = await plan(item=item)
    await act(operation, "start")
    await bind_item(client, item, profile)
    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="required steps are not recorded"):
            await connection.execute(
                "UPDATE operations SET status = 'FINISHED' WHERE order_no = $1", operation["order_no"]
            )
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(
                "UPDATE items SET profile = $2, profile_version = 9 WHERE code = $1", item, profile.state.id
            )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE process_profiles SET steps = '[]'")


@pytest.mark.db
@pytest.mark.parametrize("target", ["operation", "item"])
@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"profile": "0195570c-0000-7000-8000-000000000000"}, "resource.unknown-reference", "/profile"),
        ({"profile_version": 7}, "resource.unknown-reference", "/profile_version"),
        ({"profile_version": None}, "request.invalid", "/profile_version"),
        ({"profile_version": 0}, "request.invalid", "/profile_version"),
        ({"profile": "WPS-1"}, "request.invalid", "/profile"),
    ],
    ids=["unknown profile", "unknown version", "no version", "no such number", "no id"],
)
async def test_what_is_not_there_is_refused_by_its_field(
    client: httpx.AsyncClient,
    database: TestDatabase,
    plan: Plan,
    item: str,
    profile: RecordEvent,
    target: str,
    changes: dict[str, Any],
    code: str,
    pointer: str,
) -> None:
    path = at(await plan(), "/profile") if target == "operation" else f"/api/v1/items/{item}/profile"
    async with nothing_written(database, f"{target}s", told=code):
        answer = await client.post(path, json=bound(profile) | changes, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def _draft() -> RecordEvent:
    return told(1, lifecycle="draft")


def _of_another_type() -> RecordEvent:
    return told(1, record_type="inspection")


def _without_sense() -> RecordEvent:
    return told(1, {"parameter": "CURRENT", "low": 5, "high": 1})


def _not_shown() -> RecordEvent:
    return told(1, hidden=["limits"])


@pytest.mark.db
@pytest.mark.parametrize("made", [_draft, _of_another_type, _without_sense, _not_shown])
async def test_only_a_final_version_that_shows_its_limits_can_be_bound(
    made: Any, plan: Plan, act: Act, deliver: Deliver, database: TestDatabase
) -> None:
    event = made()
    await deliver(event)
    answer = await act(await plan(), "profile", **bound(event))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/profile")
    async with database.connect() as connection:
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0


@pytest.mark.db
async def test_versions_come_twice_and_late_and_each_is_kept_once(
    plan: Plan, act: Act, deliver: Deliver, database: TestDatabase
) -> None:
    record = new_id()
    first, second = told(1, record=record), told(2, {"parameter": "CURRENT", "high": 300}, record=record)
    for events in ((second, second), (first,), (first, second)):
        await deliver(*events)
    assert await kept(database, record) == [(1, 2), (2, 1)]
    for event in (first, second):
        assert (await act(await plan(), "profile", **bound(event))).status_code == 200


async def kept(database: TestDatabase, record: UUID) -> list[tuple[int, int]]:
    async with database.connect() as connection:
        rows = await connection.fetch(
            "SELECT version, jsonb_array_length(steps) FROM process_profiles WHERE record = $1 ORDER BY 1", record
        )
    return [tuple(row) for row in rows]


@pytest.mark.db
@pytest.mark.parametrize("how", ["deleted", "in error"])
async def test_a_withdrawn_profile_is_not_bound_any_more_and_holds_where_it_is(
    how: str, client: httpx.AsyncClient, plan: Plan, act: Act, deliver: Deliver, profile: RecordEvent
) -> None:
    before = await plan()
    await act(before, "profile", **bound(profile))
    event = RecordDeleted if how == "deleted" else None
    said = {} if how == "deleted" else {"lifecycle": "entered-in-error"}
    await deliver(told(2, record=profile.state.id, event=event, **said))

    answer = await act(await plan(), "profile", **bound(profile))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/profile")
    assert "withdrawn" in answer.json()["detail"]
    assert (await client.get(at(before, "/profile"))).status_code == 200


@pytest.mark.db
@pytest.mark.parametrize("role", Role)
async def test_planners_and_quality_bind_and_nobody_else(
    role: Role, anonymous: httpx.AsyncClient, plan: Plan, item: str, profile: RecordEvent, token: Any
) -> None:
    expected = 200 if role in (Role.PLANNER, Role.QUALITY, Role.ADMIN) else 403
    headers = {"authorization": f"Bearer {token(role)}"}
    for path in (at(await plan(), "/profile"), f"/api/v1/items/{item}/profile"):
        answer = await anonymous.post(path, json=bound(profile), headers=headers | key())
        assert answer.status_code == expected, answer.text


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9), st.booleans()), max_size=5))
def test_each_parameter_is_a_step_with_its_limits(found: list[tuple[int, int, bool]]) -> None:
    limits = [
        {"parameter": f"P{n}", "low": low, "high": low + width, "required": required}
        for n, (low, width, required) in enumerate(found)
    ]
    steps = steps_of({"limits": limits})
    assert steps is not None
    assert [(one.step, one.minimum, one.maximum, one.required) for one in steps] == [
        (one["parameter"], one["low"], one["high"], one["required"]) for one in limits
    ]


def test_the_single_parameter_of_a_profile_is_a_step_too() -> None:
    steps = steps_of({"parameter": "GAS", "low": 1, "limits": list(LIMITS)})
    assert steps is not None
    assert [one.step for one in steps] == ["GAS", "CURRENT", "SPEED"]
    assert steps_of({"parameter": "SPEED", "limits": list(LIMITS)}) is None


def test_a_value_cannot_be_in_two_units() -> None:
    steps = [Step(step="S", kind=StepKind.NUMBER, unit=unit) for unit in ("A", "kA")]
    with pytest.raises(ValueUnfit):
        is_good(steps, "S", "1")
