"""Templates over HTTP, and their workbooks filled in by a person and read again."""

import datetime as dt
import io

import openpyxl
import pytest

from services.imports.tests.spreadsheet.reader import read
from takt_contracts import catalog
from takt_contracts.resource import Kind
from takt_contracts.roles import Role

API = "/api/v1/templates"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TEMPLATES = sorted(catalog.templates())


@pytest.fixture
def as_viewer(signer):
    return signer.headers(Role.VIEWER)


async def test_everything_that_can_be_imported_is_listed(client, as_viewer):
    reply = await client.get(API, headers=as_viewer)

    assert reply.status_code == 200
    assert [template["id"] for template in reply.json()["data"]] == TEMPLATES
    assert reply.json()["page"] == {"next": None, "limit": len(TEMPLATES)}


async def test_a_template_says_what_belongs_into_each_column(client, as_viewer):
    reply = await client.get(f"{API}/operations", headers=as_viewer)

    body = reply.json()
    assert (body["target"], body["owner"], body["writers"]) == ("operations", "operations", ["PLANNER"])
    assert body["key"] == ["order_no", "operation_no"]
    columns = {column["field"]: column for column in body["columns"]}
    assert columns["status"]["choices"] == ["RELEASED", "IN_PROGRESS", "FINISHED", "CANCELLED"]
    assert (columns["status"]["opening"], columns["due"]["nullable"]) == (True, True)
    assert (columns["qty_desired"]["kind"], columns["qty_desired"]["required"]) == ("decimal", True)
    assert "Auftrag" in columns["order_no"]["synonyms"]
    assert columns["workplace"]["example"] == "CNC-07"


@pytest.mark.parametrize("path", [f"{API}/nothing", f"{API}/nothing/workbook"])
async def test_an_unknown_template_is_not_found(client, as_viewer, path):
    reply = await client.get(path, headers=as_viewer)

    assert (reply.status_code, reply.json()["code"]) == (404, "template.not-found")


@pytest.mark.parametrize("path", [API, f"{API}/items", f"{API}/items/workbook"])
async def test_only_those_who_are_signed_in_may_look(anonymous, path):
    assert (await anonymous.get(path)).status_code == 401


async def downloaded(client, headers, template):
    reply = await client.get(f"{API}/{template}/workbook", headers=headers)
    assert (reply.status_code, reply.headers["content-type"]) == (200, XLSX)
    assert reply.headers["content-disposition"] == f'attachment; filename="{template}.xlsx"'
    return reply.content


@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_workbook_explains_its_columns(client, as_viewer, template):
    content = await downloaded(client, as_viewer, template)
    columns = catalog.templates()[template].columns

    book = openpyxl.load_workbook(io.BytesIO(content))
    fill, explained = book.worksheets
    assert [cell.value for cell in fill[1]] == [column.title for column in columns]
    assert all(cell.comment is not None for cell in fill[1])
    assert [row[1].value for row in explained.iter_rows(min_row=2)] == [column.field for column in columns]
    lists = {str(rule.sqref).partition("2:")[0]: rule.formula1 for rule in fill.data_validations.dataValidation}
    assert len(lists) == sum(bool(column.choices) or column.kind is Kind.FLAG for column in columns)
    assert await downloaded(client, as_viewer, template) == content


def by_hand(column):
    """What a person types, and what it means."""
    if column.choices:
        return column.choices[-1], column.choices[-1]
    if column.kind is Kind.LIST:
        needed = {part.field: by_hand(part) for part in column.parts if part.required}
        typed, meant = zip(*needed.values(), strict=True)
        return " | ".join(typed), [dict(zip(needed, meant, strict=True))]
    return {
        Kind.TEXT: ("0010", "0010"),
        Kind.DECIMAL: (12.5, "12.5"),
        Kind.INTEGER: (7, 7),
        Kind.FLAG: ("yes", True),
        Kind.MOMENT: (dt.datetime(2026, 12, 4, 14, 30), "2026-12-04T13:30:00Z"),  # noqa: DTZ001 - as a cell holds it
        Kind.DATE: (dt.date(2026, 12, 4), "2026-12-04"),
        Kind.ID: ("0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e", "0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"),
    }[column.kind]


@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_workbook_filled_in_by_hand_lands_as_it_was_meant(client, as_viewer, template, tmp_path):
    columns = catalog.templates()[template].columns
    book = openpyxl.load_workbook(io.BytesIO(await downloaded(client, as_viewer, template)))
    for at, column in enumerate(columns, 1):
        cell = book.worksheets[0].cell(2, at)
        cell.value, kept = by_hand(column)[0], cell.number_format
        if column.kind is Kind.TEXT:
            assert kept == "@" or book.worksheets[0].column_dimensions[cell.column_letter].number_format == "@"
    book.save(tmp_path / "filled.xlsx")

    found = await read(tmp_path / "filled.xlsx")

    assert found.head.template_id == template
    assert found.errors == []
    assert found.by_field == [{column.field: by_hand(column)[1] for column in columns}]


async def test_a_workbook_that_nobody_filled_in_has_no_rows(client, as_viewer, tmp_path):
    file = tmp_path / "empty.xlsx"
    file.write_bytes(await downloaded(client, as_viewer, "items"))

    found = await read(file, "items")

    assert (found.seen, found.rows, found.errors) == (0, [], [])
