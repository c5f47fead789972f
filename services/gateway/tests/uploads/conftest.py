"""Files handed in, and what is left of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from plantkit.ids import new_id
from plantkit.settings import ServiceSettings
from plantkit.testing.database import TestDatabase

XLSX = b"PK\x03\x04" + bytes(range(256)) * 20
CSV = b"Item,Name\nSHAFT-40,Shaft\n"
MOST = 200_000
LATE_S = 10

Upload = Callable[..., Awaitable[httpx.Response]]
Rows = Callable[[], Awaitable[list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def more_settings() -> dict[str, object]:
    return {"upload_max_bytes": MOST}


@pytest.fixture
def objects(settings: ServiceSettings) -> Callable[[], dict[str, bytes]]:
    """What lies in the store, by key; parts of unfinished files too."""
    folder = Path(unquote(urlsplit(settings.storage_url).path))  # type: ignore[attr-defined]  # the gateway's own field

    def read() -> dict[str, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read


@pytest.fixture
def rows(database: TestDatabase) -> Rows:
    async def read() -> list[dict[str, Any]]:
        async with database.connect() as connection:
            return [dict(row) for row in await connection.fetch("SELECT * FROM uploads ORDER BY uploaded_at, id")]

    return read


@pytest.fixture
def upload(admin: httpx.AsyncClient) -> Upload:
    """`await upload(name, content, template="items", client=..., key=..., mode="commit")`."""

    async def send(
        name: str,
        content: bytes,
        *,
        template: str | None = "items",
        client: httpx.AsyncClient = admin,
        key: str | None = "",
        **fields: str,
    ) -> httpx.Response:
        path = "/api/v1/uploads" if template is None else f"/api/v1/templates/{template}/uploads"
        headers = {} if key is None else {"idempotency-key": key or str(new_id())}
        return await client.post(path, files={"file": (name, content)}, data=fields, headers=headers)

    return send


@pytest.fixture
def nothing_kept(objects: Callable[[], dict[str, bytes]], rows: Rows) -> Callable[[], Awaitable[Callable[..., Any]]]:
    """`check = await nothing_kept()`, then `await check()`: no row and no object more than then."""

    async def begin() -> Callable[..., Any]:
        before = (await rows(), objects())

        async def check() -> None:
            """What a request had begun is gone as soon as the gateway has seen its end: on a busy machine, late."""
            ends_at = time.monotonic() + LATE_S
            while (now := (await rows(), objects())) != before and time.monotonic() < ends_at:  # noqa: ASYNC110 - a table
                await asyncio.sleep(0.05)
            assert now == before

        return check

    return begin
