"""From a command at the gateway to its entry in the chain, and from there to a proof that needs nobody of us."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from records.proving import offline
from takt_contracts.roles import Role
from tests.e2e.plant import API, code, keyed
from tests.e2e.stack import Stack, until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]
WITHIN_S = 10.0
SCHEMA = {"type": "object", "properties": {"result": {"enum": ["pass", "fail"]}}, "required": ["result"]}


async def chained(door: httpx.AsyncClient, stack: Stack, **asked: str) -> list[dict[str, Any]]:
    answer = await door.get(f"{API}/audit", headers=stack.headers(Role.ADMIN), params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_entries_of_every_service_are_chained_within_ten_seconds(door: httpx.AsyncClient, stack: Stack) -> None:
    name = code("W")
    began = time.monotonic()
    made = await door.post(f"{API}/workplaces", headers=stack.headers(Role.PLANNER), json={"code": name, "name": name})
    refused = await door.post(
        f"{API}/workplaces", headers=stack.headers(Role.VIEWER), json={"code": name, "name": name}
    )
    assert (made.status_code, refused.status_code) == (201, 403)

    async def told() -> bool:
        return bool(await chained(door, stack, subject=name, stream="operations"))

    await until(told, limit_s=50)
    took = time.monotonic() - began
    assert took < WITHIN_S, f"chained after {took:.1f} s"


async def new_record(door: httpx.AsyncClient, stack: Stack) -> str:
    name = code("T")
    kind = {"name": name, "title": name, "content_schema": SCHEMA, "creators": ["QUALITY"]}
    typed = await door.post(f"{API}/record-types", headers=keyed(stack.headers(Role.ADMIN)), json=kind)
    body = {"record_type": name, "content": {"result": "pass"}}
    made = await door.post(f"{API}/records", headers=keyed(stack.headers(Role.QUALITY)), json=body)
    assert (typed.status_code, made.status_code) == (201, 201), made.text
    return str(made.json()["id"])


async def bundle(door: httpx.AsyncClient, stack: Stack, record: str) -> dict[str, Any]:
    answer = await door.get(f"{API}/records/{record}/bundle", headers=stack.headers(Role.ADMIN))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def verify(stack: Stack) -> tuple[int, str]:
    argv = [sys.executable, "-m", "takt", "verify", "--data", str(stack.data)]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.long  # a signature may take half a minute
async def test_a_record_is_proven_offline_and_takt_verify_finds_a_changed_entry(
    door: httpx.AsyncClient, stack: Stack, tables: asyncpg.Connection, tmp_path: Path
) -> None:
    record = await new_record(door, stack)

    async def signed() -> bool:
        told = await bundle(door, stack, record)
        return bool(told["versions"]) and all(one["path"] is not None for one in (*told["versions"], *told["entries"]))

    await until(signed, limit_s=61)
    (tmp_path / "bundle.json").write_text(json.dumps(await bundle(door, stack, record)))
    assert offline.main(["verify", str(tmp_path / "bundle.json")]) == 0
    code_before, said = await verify(stack)
    assert code_before == 0, said

    changed = "UPDATE records.audit_chain SET link = replace(link, $2, $3) WHERE subject = $1 AND stream = 'versions'"
    await tables.execute(changed, record, '"version":1', '"version":7')
    try:
        code_after, said = await verify(stack)
    finally:
        await tables.execute(changed, record, '"version":7', '"version":1')

    [entry] = await chained(door, stack, subject=record, stream="versions")
    assert (code_after, f"versions, entry {entry['seq']}:" in said) == (1, True), said
    assert (await verify(stack))[0] == 0
