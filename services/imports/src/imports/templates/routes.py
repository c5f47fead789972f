"""`GET /api/v1/templates`: what can be imported, and the workbooks to fill in."""

from typing import Any

from fastapi import Response

from imports.templates.errors import NoSuchTemplate
from imports.templates.views import TemplateList, TemplatePage, TemplateView
from imports.templates.workbook import MEDIA_TYPE, workbook
from plantkit.errors import Unauthenticated
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow
from takt_contracts import catalog
from takt_contracts.roles import Role
from takt_contracts.template import ImportTemplate

router = Routes(tags=["imports"])

_WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The workbook to fill in",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/templates", responses=problems(Unauthenticated))
@allow(Role.VIEWER)
async def templates() -> TemplateList:
    """Every resource and record type that a workbook can become."""
    found = [TemplateView.of(template) for template in catalog.templates().values()]
    return TemplateList(data=found, page=TemplatePage(limit=len(found)))


@router.get("/templates/{id}", responses=problems(NoSuchTemplate, Unauthenticated))
@allow(Role.VIEWER)
async def template(id: str) -> TemplateView:  # noqa: A002 - the name of the path's parameter, as everywhere
    """The columns of a template: their headers, what belongs into them, which are needed."""
    return TemplateView.of(_named(id))


@router.get("/templates/{id}/workbook", response_class=Response, responses={**_WORKBOOK, **problems(NoSuchTemplate)})
@allow(Role.VIEWER)
async def template_workbook(id: str) -> Response:  # noqa: A002 - the name of the path's parameter, as everywhere
    """A workbook to fill in and upload: header with remarks, lists of choices, and a sheet that explains it."""
    named = _named(id)
    headers = {"content-disposition": f'attachment; filename="{named.id}.xlsx"', "x-content-type-options": "nosniff"}
    return Response(workbook(named.id), media_type=MEDIA_TYPE, headers=headers)


def _named(template: str) -> ImportTemplate:
    found = catalog.templates().get(template)
    if found is None:
        raise NoSuchTemplate(template)
    return found
