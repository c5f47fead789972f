"""Numbers for programs, workbooks and paper."""

import asyncio
from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel

from operations.statistics.catalog import REPORTS
from operations.statistics.errors import TooManyGroups
from operations.statistics.queries import answered
from operations.statistics.question import Question, asked
from operations.statistics.rendering import HTML, PAGE_HEADERS, XLSX, ReportAnswer, as_json, as_page, as_workbook
from operations.statistics.report import Group
from plantkit.errors import NotFound
from plantkit.http.policy import allow
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from takt_contracts.roles import Role

router = Routes(tags=["statistics"])
Asked = Annotated[Question, Depends(asked)]
Form = Literal["json", "xlsx", "html"]
_JSON: Final = "application/json"
_FORMS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            XLSX: {"schema": {"type": "string", "format": "binary"}},
            "text/html": {"schema": {"type": "string"}},
        }
    }
}


class KnownReport(BaseModel):
    """A report that can be asked for, and what it can be summed up by; the first is the default."""

    name: str
    title: str
    about: str
    groups: list[Group]


class KnownReports(BaseModel):
    data: list[KnownReport]


@router.get("/statistics", response_model=KnownReports)
@allow(Role.VIEWER)
async def list_reports() -> KnownReports:
    """Everything that can be asked here and below `/reports`."""
    return KnownReports(
        data=[KnownReport(name=one.name, title=one.title, about=one.about, groups=list(one.groups)) for one in REPORTS]
    )


@router.get("/statistics/{name}", response_model=ReportAnswer, responses=problems(NotFound, TooManyGroups))
@allow(Role.VIEWER)
async def read_statistics(request: Request, question: Asked) -> Response:
    """The numbers, for programs."""
    table = await answered(request.app.state.context.db, question)
    return Response(as_json(table), media_type=_JSON)


@router.get("/reports/{name}", response_model=ReportAnswer, responses=_FORMS | problems(NotFound, TooManyGroups))
@allow(Role.VIEWER)
async def read_report(
    request: Request,
    question: Asked,
    form: Annotated[Form, Query(alias="format", description="xlsx is a workbook, html a page that prints.")] = "json",
) -> Response:
    """The same numbers, for programs, workbooks and paper."""
    context = request.app.state.context
    table = await answered(context.db, question)
    if form == "xlsx":
        named = {"content-disposition": f'attachment; filename="{question.report.name}.xlsx"'}
        headers = named | {"x-content-type-options": "nosniff"}
        return Response(await asyncio.to_thread(as_workbook, table), headers=headers, media_type=XLSX)
    if form == "html":
        page = await asyncio.to_thread(as_page, table, context.settings.plant)
        return Response(page, headers=dict(PAGE_HEADERS), media_type=HTML)
    return Response(as_json(table), media_type=_JSON)
