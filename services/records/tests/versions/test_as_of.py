"""A record, and what it refers to, at a moment."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import audit_entries, nothing_written
from services.records.tests.stage import Ask, Json, Make, at
from takt_contracts.roles import Role

pytestmark = pytest.mark.db


async def then(ask: Ask, record: Json, moment: str, role: Role = Role.VIEWER) -> httpx.Response:
    return await ask("GET", at(record, f"?as_of={quote(moment)}"), role, user="reader")


async def test_a_record_and_what_it_refers_to_are_as_they_were(ask: Ask, new_record: Make) -> None:
    gauge = await new_record()
    about = [f"records/{gauge['id']}", "orders/WO-1"]
    record = await new_record(about=about, content={"result": "pass", "diameter_mm": 1})
    first = record["updated_at"]
    await ask("PATCH", at(gauge), base=1, json={"content": {"result": "fail"}})
    second = (await ask("PATCH", at(record), base=1, json={"content": {"diameter_mm": 2}, "about": about[:1]})).json()
    await ask("DELETE", at(record), base=2)

    before, after = (await then(ask, record, first)).json(), (await then(ask, record, second["updated_at"])).json()

    [referred] = before["references"]
    assert (before["version"], before["content"]["diameter_mm"], before["about"]) == (1, 1, about)
    assert (referred["reference"], referred["record"]["version"]) == (about[0], 1)
    assert (after["version"], after["updated_by"], after["digest"]) == (2, "quality-01", second["digest"])
    assert after["references"][0]["record"]["content"] == {"result": "fail"}
    assert (await then(ask, record, datetime.now(UTC).isoformat())).status_code == 410


async def test_only_moments_that_it_has_seen(ask: Ask, new_record: Make, database: TestDatabase) -> None:
    record = await new_record()
    early = datetime.fromisoformat(record["created_at"]) - timedelta(seconds=1)

    for moment in (early.isoformat(), (datetime.now(UTC) + timedelta(hours=1)).isoformat()):
        async with nothing_written(database, "record_versions", told="record.as-of-outside"):
            answer = await then(ask, record, moment)
        assert (answer.status_code, answer.json()["code"]) == (400, "record.as-of-outside")
    malformed = await then(ask, record, "yesterday")
    assert (malformed.status_code, [one["pointer"] for one in malformed.json()["errors"]]) == (400, ["/query/as_of"])


async def test_a_health_record_that_another_is_about_stays_hidden(
    ask: Ask, new_record: Make, database: TestDatabase
) -> None:
    hidden = await new_record(access_class="health", user="doctor")
    record = await new_record(about=[f"records/{hidden['id']}"])

    seen = {role: (await then(ask, record, record["created_at"], role)).json() for role in (Role.VIEWER, Role.HEALTH)}

    assert seen[Role.VIEWER]["references"][0]["record"] is None
    assert seen[Role.HEALTH]["references"][0]["record"]["content"] == {"result": "pass"}
    reads = [one for one in await audit_entries(database) if one["outcome"] == "read"]
    assert [one["subjects"] for one in reads if hidden["id"] in one["subjects"]] == [[hidden["id"]]]
