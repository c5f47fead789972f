"""A record proven over HTTP: its proof, its bundle, the trail it stands in; and what is done to the tables is found."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from records.audit.verifying import Verifier, told
from records.proving import offline
from services.records.tests.audit.conftest import Chained, Sign
from services.records.tests.stage import Ask, Json, Make, at
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
AUDIT = "/api/v1/audit"


@pytest.fixture
async def record(new_record: Make, ask: Ask, carry: Chained, sign: Sign) -> Json:
    """Three versions, the last a deletion; chained and signed."""
    made = await new_record()
    edit = {"content": {"result": "fail", "diameter_mm": 40.01}}
    assert (await ask("PUT", at(made), Role.QUALITY, base=1, json=edit)).status_code == 200
    assert (await ask("DELETE", at(made), Role.QUALITY, base=2)).status_code == 204
    await carry()
    await sign(later_s=61)
    return made


async def bundle_of(ask: Ask, record: Json) -> Any:
    answer = await ask("GET", at(record, "/bundle"), Role.ADMIN, user="admin")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_bundle_is_proven_by_the_program_that_we_serve(ask: Ask, record: Json, tmp_path: Path) -> None:
    program = await ask("GET", f"{AUDIT}/verifier", Role.VIEWER)
    keys = await ask("GET", f"{AUDIT}/keys", Role.VIEWER)
    for name, text in {"verify.py": program.text, "keys.json": keys.text}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bundle.json").write_text(json.dumps(await bundle_of(ask, record)))

    argv = [sys.executable, "-I", "-S", *(str(tmp_path / name) for name in ("verify.py", "bundle.json", "keys.json"))]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, f"PROVEN: 3 versions and 3 audit entries of record {record['id']}\n")


async def test_a_proof_tells_the_digests_and_nothing_of_the_content(ask: Ask, record: Json) -> None:
    answer = await ask("GET", at(record, "/proof"), Role.VIEWER)

    proof = answer.json()
    said = [json.loads(one["link"])["entry"] for one in proof["versions"]]
    assert [(one["version"], one["actor"]["id"]) for one in said] == [
        (1, "quality-01"),
        (2, "quality-01"),
        (3, "quality-01"),
    ]
    assert said[0]["record"]["digest"] == record["digest"]
    assert all(one["path"] is not None for one in (*proof["versions"], *proof["entries"]))
    assert "40.01" not in answer.text


async def test_one_version_is_proven_alone(ask: Ask, record: Json) -> None:
    proof = (await ask("GET", at(record, "/proof?version=2"), Role.VIEWER)).json()

    [version], [entry] = proof["versions"], proof["entries"]
    assert [json.loads(one["link"])["entry"]["version"] for one in (version, entry)] == [2, 2]
    assert version["path"] is not None
    assert {one["stream"] for one in proof["checkpoints"]} == {"records", "versions"}


@pytest.mark.parametrize("version", ["4", "0", "-1", "one", "99999999999999999999"])
async def test_of_an_unknown_version_there_is_no_proof(
    ask: Ask, record: Json, database: TestDatabase, version: str
) -> None:
    async with nothing_written(database, "audit_chain", told="resource.not-found"):
        answer = await ask("GET", at(record, f"/proof?version={version}"), Role.VIEWER)

    assert (answer.status_code, answer.json()["code"]) == (404, "resource.not-found")


async def test_what_no_checkpoint_covers_yet_says_so(ask: Ask, new_record: Make, carry: Chained) -> None:
    made = await new_record()
    await carry()
    bundle = await bundle_of(ask, made)

    assert bundle["versions"][0]["path"] is None
    with pytest.raises(offline.Wrong, match="no checkpoint covers it yet"):
        offline.judge(bundle, offline.keys_of(bundle))


@pytest.mark.parametrize("tail", ["/proof", "/bundle"])
async def test_of_an_unknown_record_there_is_no_proof(ask: Ask, database: TestDatabase, tail: str) -> None:
    for nobody in (str(new_id()), "nobody"):
        async with nothing_written(database, "audit_chain"):
            answer = await ask("GET", at({"id": nobody}, tail), Role.ADMIN, user="admin")
        assert (answer.status_code, answer.json()["code"]) == (404, "resource.not-found")


@pytest.mark.parametrize(
    "path", [AUDIT, f"{AUDIT}/verify", "/api/v1/records/01998cf8-0000-7000-8000-000000000001/bundle"]
)
@pytest.mark.parametrize("role", [Role.QUALITY, Role.HEALTH, Role.PLANNER, Role.VIEWER])
async def test_the_trail_is_for_administrators_and_who_else_asked_is_in_it(
    ask: Ask, database: TestDatabase, path: str, role: Role
) -> None:
    async with nothing_written(database, "audit_chain", told="auth.forbidden"):
        assert (await ask("GET", path, role)).status_code == 403


async def test_a_health_record_is_proven_to_who_may_read_it_and_that_is_told(
    ask: Ask, new_record: Make, carry: Chained, published: Any
) -> None:
    made = await new_record(access_class="health", user="doctor")
    await carry()
    hidden = await ask("GET", at(made, "/proof"), Role.QUALITY, user="curious")
    shown = await ask("GET", at(made, "/proof"), Role.HEALTH, user="doctor")

    assert (hidden.status_code, shown.status_code) == (404, 200)
    await carry()
    trail = (await ask("GET", AUDIT, Role.ADMIN, params={"subject": made["id"], "outcome": "read"})).json()["data"]
    assert [(one["actor"], one["stream"]) for one in trail] == [("doctor", "records")]
    assert "pass" not in json.dumps(shown.json()["versions"])


async def test_the_trail_is_listed_filtered_and_paged(ask: Ask, record: Json) -> None:
    asked = {"subject": record["id"], "stream": "records", "limit": "2", "total": "true"}
    first = (await ask("GET", AUDIT, Role.ADMIN, params=asked)).json()
    second = (await ask("GET", AUDIT, Role.ADMIN, params={**asked, "cursor": first["page"]["next"]})).json()

    found = [*first["data"], *second["data"]]
    assert (first["page"]["total"], second["page"]["next"]) == (3, None)
    assert [one["version"] for one in found] == [1, 2, 3]
    assert found[1]["entry"]["changes"]["digest"]
    assert (await ask("GET", AUDIT, Role.ADMIN, params={"link": "x"})).status_code == 400


async def verdict(client: httpx.AsyncClient) -> Any:
    return (await client.get(f"{AUDIT}/verify")).json()


async def test_verify_passes_and_convicts_what_is_done_to_the_tables(
    client: httpx.AsyncClient, record: Json, app: FastAPI, database: TestDatabase
) -> None:
    untouched = await verdict(client)
    assert (untouched["verified"], untouched["findings"]) == (True, [])
    assert untouched["entries"]["versions"] >= 3

    async with database.connect("owner") as connection:
        for change, named in TOUCHED.items():
            undone = connection.transaction(isolation="repeatable_read")
            await undone.start()
            await connection.execute(change)
            verifier = Verifier(connection, app.state.context.settings.public_keys, await told(connection))
            found = [str(one) for one in (await verifier.verify()).findings]
            await undone.rollback()
            assert any(one.startswith(named) for one in found), (change, found)

    assert (await verdict(client))["verified"]


TOUCHED = {
    "UPDATE audit_chain SET actor = 'somebody' WHERE stream = 'versions' AND seq = 2": "versions, entry 2: actor",
    "UPDATE audit_chain SET link = replace(link, 'version', 'vision') WHERE stream = 'versions' AND seq = 1":
        "versions, entry 1",
    "DELETE FROM audit_chain WHERE stream = 'versions' AND seq = 1": "versions, entry 1: missing",
    "DELETE FROM audit_chain WHERE stream = 'versions'": "versions, entry 1: missing",
    "DELETE FROM audit_checkpoints": "records, checkpoint 1: was published and is not kept",
    "UPDATE audit_checkpoints SET root = repeat('0', 64) WHERE stream = 'versions' AND number = 1":
        "versions, checkpoint 1: not signed",
    "UPDATE audit_checkpoints SET root = 'x' WHERE stream = 'versions'": "versions, checkpoint 1: is no checkpoint",
    "DELETE FROM audit_chain": "records, entry 1: missing",
}  # fmt: skip
