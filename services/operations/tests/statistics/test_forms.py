"""One report in its forms, who may read it, and what is refused."""

import io
import re
from zoneinfo import ZoneInfo

import httpx
import openpyxl
import pytest

from operations.statistics.catalog import REPORTS
from operations.statistics.rendering import XLSX
from operations.statistics.report import Shape
from plantkit.testing.fixtures import settings_for
from plantkit.testing.watch import nothing_written
from services.operations.tests.statistics.conftest import FAR
from takt_contracts.roles import Role

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("plant")]
EVERY = [(report.name, group) for report in REPORTS for group in report.groups]


async def test_every_report_is_listed_with_its_groups(client):
    known = (await client.get("/api/v1/statistics")).json()["data"]
    assert {(one["name"], group) for one in known for group in one["groups"]} == set(EVERY)


@pytest.mark.parametrize(("name", "group"), EVERY)
async def test_a_report_has_the_same_numbers_in_every_form(client, name, group):
    asked = {**FAR, "group": group}
    numbers = (await client.get(f"/api/v1/statistics/{name}", params=asked)).json()
    report = (await client.get(f"/api/v1/reports/{name}", params=asked)).json()
    del report["made_at"], numbers["made_at"]
    assert report == numbers
    assert numbers["rows"]

    sheet = await workbook(client, name, asked)
    titles = [column["title"] for column in numbers["columns"]]
    lines = [list(row) for row in sheet.iter_rows(min_row=5, values_only=True)]
    assert [cell.value for cell in sheet[4]] == titles
    assert [as_said(line, numbers["columns"]) for line in lines[:-1]] == [
        [None if value is None else str(value) for value in row.values()] for row in numbers["rows"]
    ]
    assert lines[-1][0] == "Total"

    page = await client.get(f"/api/v1/reports/{name}", params={**asked, "format": "html"})
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page.text)
    assert len(cells) == len(titles) * (len(numbers["rows"]) + 1)


def as_said(line, columns):
    """Cells as JSON writes them."""
    return [
        None
        if value is None
        else value
        if column["shape"] == Shape.TEXT
        else f"{round(value, 6):.6f}".rstrip("0").rstrip(".")
        for value, column in zip(line, columns, strict=True)
    ]


async def workbook(client, name, asked):
    reply = await client.get(f"/api/v1/reports/{name}", params={**asked, "format": "xlsx"})
    assert (reply.status_code, reply.headers["content-type"]) == (200, XLSX)
    assert reply.headers["content-disposition"] == f'attachment; filename="{name}.xlsx"'
    return openpyxl.load_workbook(io.BytesIO(reply.content)).active


async def test_the_page_needs_nothing_but_itself(client):
    reply = await client.get("/api/v1/reports/throughput", params={**FAR, "format": "html"})
    assert reply.headers["content-type"].startswith("text/html")
    assert "script" not in reply.text
    assert not re.search(r"(src|href)=", reply.text)
    assert "size: A4" in reply.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]


async def test_a_range_without_anything_is_an_answer(client):
    empty = {"from": "2020-01-01", "to": "2020-01-02"}
    for report in REPORTS:
        reply = await client.get(f"/api/v1/reports/{report.name}", params=empty)
        assert (reply.status_code, reply.json()["rows"]) == (200, [])
        page = await client.get(f"/api/v1/reports/{report.name}", params={**empty, "format": "html"})
        assert "Nothing in this range." in page.text
        assert (await workbook(client, report.name, empty)).max_row == 5


async def test_text_of_a_plant_is_text_on_the_page_and_in_the_workbook(client, do):
    await do("operations", order_no="WO-MEAN", operation_no="1", workplace="WP-A", item="IT-1", qty_desired="9")
    await do("operations/WO-MEAN/1/start")
    for reason in ("<b>bold</b>", "=1+1"):
        await do("operations/WO-MEAN/1/report", scrap="1", reason=reason)
    page = (await client.get("/api/v1/reports/scrap-by-reason", params={**FAR, "format": "html"})).text
    assert ("<b>bold" in page, "&lt;b&gt;bold" in page) == (False, True)
    cells = [cell for row in (await workbook(client, "scrap-by-reason", FAR)).iter_rows() for cell in row]
    assert [cell.data_type for cell in cells if cell.value == "=1+1"] == ["s"]


REFUSED = {
    "no such report": ("nobody-knows", {}, 404, "resource.not-found"),
    "no such group": ("throughput", {"group": "colour"}, 400, "request.malformed"),
    "a group of others": ("throughput", {"group": "terminal"}, 400, "query.bad-value"),
    "ends before it begins": ("throughput", {"from": "2026-03-02", "to": "2026-03-01"}, 400, "query.bad-value"),
    "is empty": ("throughput", {"from": "2026-03-02T06:00:00Z", "to": "2026-03-02T06:00:00Z"}, 400, "query.bad-value"),
    "is too long": ("throughput", {"from": "2020-01-01", "to": "2026-01-01"}, 400, "query.bad-value"),
    "is no day": ("throughput", {"from": "yesterday"}, 400, "request.malformed"),
    "is out of range": ("throughput", {"to": "9999-12-31"}, 400, "query.bad-value"),
    "unknown name": ("throughput", {"nobody_knows": "1"}, 400, "query.unknown-name"),
    "unknown form": ("throughput", {"format": "pdf"}, 400, None),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_question_that_is_not_understood_is_refused(client, database, case):
    name, query, status, code = REFUSED[case]
    async with nothing_written(database, "operations"):
        reply = await client.get(f"/api/v1/reports/{name}", params=query)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert code in (None, reply.json()["code"])


async def test_everyone_who_is_signed_in_may_read_and_nobody_else(anonymous, signer):
    for path in ("/api/v1/statistics", "/api/v1/statistics/throughput", "/api/v1/reports/throughput"):
        assert (await anonymous.get(path)).status_code == 401
        assert (await anonymous.get(path, headers=signer.headers(Role.VIEWER))).status_code == 200


async def test_days_are_the_plants(service, database, signer):
    """23:30 in UTC is the next day in Prague."""
    app = service.app(settings_for(service, database, time_zone=ZoneInfo("Europe/Prague")))
    app.state.context.verifier.trust(signer.jwks)
    asked = {"from": "2026-03-03", "to": "2026-03-03", "group": "day"}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://takt") as prague:
            headers = signer.headers(Role.VIEWER)
            reply = await prague.get("/api/v1/statistics/workshop-results", params=asked, headers=headers)
    assert (reply.json()["from"], reply.json()["to"]) == ("2026-03-02T23:00:00Z", "2026-03-03T23:00:00Z")
    assert [(row["group"], row["entries"]) for row in reply.json()["rows"]] == [("2026-03-03", 1)]
