"""`POST /api/v1/templates/{id}/uploads` and `POST /api/v1/uploads`: a file becomes an import."""

from typing import Annotated, Any

from fastapi import Path, Request, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from gateway.settings import Settings
from gateway.uploads.desk import hand_in
from gateway.uploads.errors import (
    EmptyFile,
    FileTooLarge,
    NotAForm,
    TooManyUploads,
    WrongContent,
    WrongExtension,
)
from plantkit.context import Context
from plantkit.errors import Invalid, NotFound
from plantkit.http.answers import written
from plantkit.http.problems import Responses, problems
from plantkit.http.reading import refuse_long
from plantkit.http.route import KitRoute, Routes, allow, keyed, narrowed
from plantkit.run import Run
from plantkit.storage import StorageAway
from takt_contracts import catalog
from takt_contracts.imports.files import Mode, OnDuplicate
from takt_contracts.imports.jobs import Import
from takt_contracts.roles import Role

AROUND_THE_FILE = 64 * 1024
"""What the form may have beside its file."""

WRITERS = tuple(sorted({role for template in catalog.templates().values() for role in template.writers}))


class UploadRoute(KitRoute):
    """Refuses what is too long by its own declaration before anything else."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: Context = scope["app"].state.context
        if scope["method"] in (self.methods or ()):
            settings = context.settings
            assert isinstance(settings, Settings)
            refuse_long(Request(scope), settings.upload_max_bytes + AROUND_THE_FILE)
        await super().handle(scope, receive, send)


class WholePaths(Routes):
    """Paths whose other methods are refused here: below, the path belongs to somebody else."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), child


def _router() -> WholePaths:
    made = WholePaths(tags=["imports"])
    made.route_class = UploadRoute
    return made


by_template, by_target = _router(), _router()

_TEXT: dict[str, Any] = {"type": "string"}
_FIELDS: dict[str, Any] = {
    "file": {**_TEXT, "format": "binary", "description": "XLSX or CSV, with a file name."},
    "mode": {**_TEXT, "enum": list(Mode), "default": Mode.PLAN},
    "atomic": {"type": "boolean", "default": False, "description": "All rows or none."},
    "on_duplicate": {**_TEXT, "enum": list(OnDuplicate), "default": OnDuplicate.UPDATE},
    "target": {**_TEXT, "description": "Plural of a resource, or name of a record type.", "examples": ["items"]},
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": _FIELDS,
                    "additionalProperties": False,
                }
            }
        },
    }
}
_REFUSALS = problems(
    FileTooLarge, NotAForm, WrongExtension, WrongContent, Invalid, EmptyFile, TooManyUploads, StorageAway
)
_ACCEPTED: Responses = {202: {"headers": written(201)[201]["headers"]}}
_OPTIONS: dict[str, Any] = {"status_code": 202, "response_model": Import, "openapi_extra": _FORM}


def roles_of_template(request: Request) -> frozenset[Role]:
    template = catalog.templates().get(request.path_params["id"])
    return frozenset() if template is None else frozenset(template.writers)


@by_template.post("/templates/{id}/uploads", responses={**_ACCEPTED, **_REFUSALS, **problems(NotFound)}, **_OPTIONS)
@allow(*WRITERS)
@narrowed(roles_of_template)
@keyed
async def upload_to_template(
    template: Annotated[str, Path(alias="id", max_length=100, description="Id of a template.")],
    request: Request,
    run: Run,
) -> Response:
    """Import a file into the template's target; follow it at the Location that the answer names."""
    if template not in catalog.templates():
        raise NotFound("template", template)
    return await hand_in(request, run, template)


@by_target.post("/uploads", responses={**_ACCEPTED, **_REFUSALS}, **_OPTIONS)
@allow(*WRITERS)
@keyed
async def upload(request: Request, run: Run) -> Response:
    """Import a file into `target`; without one the headers are asked, and a person where they do not say enough."""
    return await hand_in(request, run, None)
