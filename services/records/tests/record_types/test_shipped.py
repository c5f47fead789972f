"""The types that Takt ships: registered at start, once, and usable as they are."""

from typing import Any

import pytest

from plantkit.context import Context
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from records.json_schema import compiled
from records.record_types.loops import register_shipped
from records.record_types.rules import checked
from services.records.tests.stage import RECORDS, TYPES, Ask, at
from takt_contracts.records.record_types import AccessClass, RecordTypeCreated
from takt_contracts.records.shipped import shipped
from takt_contracts.roles import Role

GOOD: dict[str, tuple[Role, dict[str, Any]]] = {
    "inspection": (
        Role.OPERATOR,
        {"inspection_no": "I-1", "characteristic": "diameter", "result": "pass", "inspected_on": "2026-11-02"},
    ),
    "inspection-certificate": (
        Role.QUALITY,
        {"certificate_no": "C-1", "certificate_type": "3.1", "item": "IT-1", "statement": "As ordered.",
         "issued_on": "2026-11-02", "issued_by": "QUALITY 02"},
    ),
    "process-profile": (
        Role.PLANNER,
        {"profile_no": "P-1", "process": "135", "limits": [{"parameter": "current", "low": 180, "high": 220}]},
    ),
    "non-conformance": (
        Role.QUALITY,
        {"report_no": "N-1", "description": "Scratched.", "severity": "minor", "found_on": "2026-11-02", "cost": 7},
    ),
    "calibration": (
        Role.QUALITY,
        {"calibration_no": "K-1", "instrument": "G-1", "result": "pass", "calibrated_on": "2026-11-02",
         "due_on": "2027-11-02"},
    ),
    "occupational-health": (
        Role.HEALTH,
        {"examination_no": "E-1", "employee": "E-07", "fitness": "fit", "examined_on": "2026-11-02"},
    ),
}  # fmt: skip


def test_their_schemas_take_what_they_should() -> None:
    found = {one.name: one for one in shipped()}

    assert set(found) == set(GOOD)
    for name, (_, content) in GOOD.items():
        assert compiled(checked(found[name].content_schema)).validator.is_valid(content)
    assert found["occupational-health"].access_class is AccessClass.HEALTH


@pytest.mark.db
async def test_they_are_registered_once_and_usable(app: Any, ask: Ask, database: TestDatabase, published: Any) -> None:
    await register_shipped(app)
    async with nothing_written(database, "record_types"):
        await register_shipped(app)

    assert isinstance(app.state.context, Context)
    assert {one.state.name for one in await published(RecordTypeCreated)} >= set(GOOD)
    for name, (role, content) in GOOD.items():
        made = await ask("POST", RECORDS, role, user="maker", json={"record_type": name, "content": content})
        assert made.status_code == 201, made.text
        other = Role.OPERATOR if role is Role.HEALTH else Role.VIEWER
        assert (await ask("GET", at(made.json()), other)).status_code == (404 if role is Role.HEALTH else 200)
        if name == "inspection":
            continue  # `versions/test_inspections.py` deletes one
        kept = await ask("DELETE", at(made.json(), "?reason=entered%20twice"), role, user="maker", base=1)
        assert (kept.status_code, kept.json()["code"]) == (409, "record.retained")
    assert (await ask("GET", f"{TYPES}/calibration", Role.VIEWER)).json()["retention_days"] == 3650
