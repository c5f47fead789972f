"""Tests of records: its service, record types of each class, and records to act on."""

from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from plantkit.ids import new_id
from plantkit.service import Service
from plantkit.testing.fixtures import Signer
from records.app import SERVICE
from records.record_types.slice import SLICE as RECORD_TYPES
from services.records.tests.stage import RECORDS, SCHEMA, TYPES, Ask, Json, Make
from takt_contracts.roles import Role

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def service() -> Service:
    """Without the types that it ships, which would come while a test looks at the tables."""
    quiet = (replace(part, loops=()) if part is RECORD_TYPES else part for part in SERVICE.slices)
    return replace(SERVICE, slices=tuple(quiet))


@pytest.fixture
def ask(anonymous: httpx.AsyncClient, signer: Signer) -> Ask:
    """`await ask("PUT", path, Role.QUALITY, user="quality-02", base=3, json=...)`; POST sends a fresh key."""

    async def send(
        method: str, path: str, *roles: Role, user: str = "quality-01", base: int | None = None, **request: Any
    ) -> httpx.Response:
        headers = {**signer.headers(*roles, user=user), **request.pop("headers", {})}
        if method == "POST":
            headers.setdefault("idempotency-key", str(new_id()))
        if base is not None:
            headers["if-match"] = f'"{base}"'
        return await anonymous.request(method, path, headers=headers, **request)

    return send


@pytest.fixture
def new_type(ask: Ask) -> Make:
    """`await new_type(access_class="health")`: a record type with a name of its own."""

    async def make(**fields: Any) -> Json:
        health = fields.get("access_class") == "health"
        body = {
            "name": f"type-{next(_NUMBERS)}",
            "title": "Inspection",
            "content_schema": SCHEMA,
            "creators": ["HEALTH" if health else "QUALITY"],
            **fields,
        }
        answer = await ask("POST", TYPES, Role.ADMIN, user="admin", json=body)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    return make


@pytest.fixture
def new_record(ask: Ask, new_type: Make) -> Make:
    """`await new_record(content={...}, about=[...])`: by quality-01, of a type of its own unless one is named."""

    async def make(
        access_class: str = "general", user: str = "quality-01", record_type: str | None = None, **fields: Any
    ) -> Json:
        name = record_type or (await new_type(access_class=access_class))["name"]
        role = Role.HEALTH if access_class == "health" else Role.QUALITY
        body = {"record_type": name, "content": {"result": "pass"}, **fields}
        answer = await ask("POST", RECORDS, role, user=user, json=body)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    return make
