"""Files on their way through a real stack: made here, uploaded through the gateway, followed to their end."""

import asyncio
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import openpyxl
import xlsxwriter

from tests.e2e.plant import API

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv"
ENDED: Final = ("done", "failed", "cancelled")
Rows = Iterable[Sequence[Any]]


def workbook(header: Sequence[str], rows: Rows, sheet: str = "Sheet1") -> bytes:
    """As XlsxWriter writes it."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        page = book.add_worksheet(sheet)
        for number, cells in enumerate([header, *rows]):
            page.write_row(number, 0, cells)
    return file.getvalue()


def saved_again(header: Sequence[str], rows: Rows) -> bytes:
    """The same cells as another program writes them: other parts, other styles, another sheet name."""
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "Export"
    for cells in [header, *rows]:
        page.append(list(cells))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@dataclass(frozen=True)
class Road:
    """Uploads and reads of one user."""

    client: httpx.AsyncClient
    headers: dict[str, str]

    async def upload(self, template: str | None, name: str, content: bytes, **fields: str) -> httpx.Response:
        """Whatever the gateway answers. Without a template the target is in the fields, or unknown."""
        path = f"{API}/uploads" if template is None else f"{API}/templates/{template}/uploads"
        kind = CSV if name.endswith(".csv") else XLSX
        headers = {**self.headers, "idempotency-key": str(uuid4())}
        return await self.client.post(path, files={"file": (name, content, kind)}, data=fields, headers=headers)

    async def imported(self, template: str | None, name: str, content: bytes, **fields: str) -> dict[str, Any]:
        """The import at its end."""
        answer = await self.upload(template, name, content, **{"mode": "commit", **fields})
        assert answer.status_code == 202, answer.text
        return await self.settled(answer.headers["location"], ENDED)

    async def planned(self, template: str, name: str, content: bytes) -> dict[str, Any]:
        answer = await self.upload(template, name, content, mode="plan")
        assert answer.status_code == 202, answer.text
        return await self.settled(answer.headers["location"], ("planned", *ENDED))

    async def settled(self, location: str, states: Sequence[str], limit_s: float = 60) -> dict[str, Any]:
        async with asyncio.timeout(limit_s):
            while True:
                answer = await self.client.get(location, headers=self.headers)
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                if found["state"] in states:
                    return found
                await asyncio.sleep(0.05)

    async def rows(self, import_id: str, **query: str) -> list[dict[str, Any]]:
        """All pages."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            given = {"limit": "200", **query, **cursor}
            answer = await self.client.get(f"{API}/imports/{import_id}/rows", params=given, headers=self.headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += page["data"]
            if page["page"]["next"] is None:
                return found
            cursor = {"cursor": page["page"]["next"]}

    async def act(self, verb: str, import_id: str) -> httpx.Response:
        headers = {**self.headers, "idempotency-key": str(uuid4())}
        return await self.client.post(f"{API}/imports/{import_id}/{verb}", json={}, headers=headers)


def changed(totals: dict[str, int]) -> int:
    return totals["created"] + totals["updated"]


def sums_up(totals: dict[str, int]) -> bool:
    """Every row has become something."""
    return totals["rows"] == sum(count for name, count in totals.items() if name != "rows")
