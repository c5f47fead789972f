"""The endpoints of a resource, from its declaration."""

from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from pydantic import TypeAdapter
from sqlalchemy import bindparam, select

from plantkit.context import Context
from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.row import columns_of
from plantkit.db.structured import as_read
from plantkit.errors import AlreadyExists, InUse, KeyImmutable, NotFound, Stale, UnknownReference
from plantkit.http.answers import read, written
from plantkit.http.errors import BadCursor, BadIfMatch
from plantkit.http.etag import Match, etag, unchanged
from plantkit.http.filters import flag, parameters
from plantkit.http.openapi import MATCH_HEADER
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, guarded, keyed, matched, queried
from plantkit.resources.commands import Create, On, Update, archive, create, restore, update
from plantkit.resources.resource import Archivable, Resource
from plantkit.run import Run
from takt_contracts.resource import Fields

_JSON = "application/json"
_ARCHIVED = {
    "name": "archived",
    "in": "query",
    "schema": {"type": "boolean", "default": False},
    "description": "Also when archived.",
}


@cache
def routes(resource: Resource[Any, Any]) -> Routes:
    """`/<plural>` and `/<plural>/{key}`: list, create, read, replace, patch, archive, restore.

    They know nothing of an application: all that a process makes share them.
    """
    contract = resource.contract
    router = Routes(prefix=f"/{contract.plural}", tags=[contract.plural])
    _reads(router, resource)
    _creation(router, resource)
    _updates(router, resource)
    _archiving(router, resource)
    return router


def _reads(router: Routes, resource: Resource[Any, Any]) -> None:
    contract, listing, one = resource.contract, resource.listing, _Reader(resource)
    view: Any = contract.state

    @router.get(
        "",
        response_model=listing.page_model,
        responses=problems(BadCursor),
        openapi_extra={"parameters": parameters(listing.grammar)},
        summary=f"List {contract.plural}",
    )
    @allow(resource.read)
    @queried(*listing.grammar.names())
    async def list_all(request: Request) -> Response:
        """Filtered, sorted, page by page."""
        query = listing.grammar.read(request.query_params)
        return Response(await listing.page(request.app.state.context, query), media_type=_JSON)

    @router.get(
        one.path,
        response_model=view,
        responses=problems(NotFound) | read() | {304: {"description": "If-None-Match names the present version."}},
        openapi_extra={"parameters": [*one.parameters, _ARCHIVED]},
        summary=f"Read one of {contract.plural}",
    )
    @allow(resource.read)
    @queried("archived")
    async def read_one(request: Request) -> Response:
        """The state and, as ETag, its version."""
        archived = flag("archived", request.query_params.get("archived"))
        row = await one.read(request, archived=archived)
        headers = {"etag": etag(row.version)}
        if unchanged(request.headers.get("if-none-match"), row.version):
            return Response(status_code=304, headers=headers)
        body = view.model_validate(row, from_attributes=True).model_dump_json()
        return Response(body, headers=headers, media_type=_JSON)


def _creation(router: Routes, resource: Resource[Any, Any]) -> None:
    contract = resource.contract
    body_model, view = contract.fields, contract.state

    @router.post(
        "",
        status_code=201,
        response_model=view,
        responses=problems(AlreadyExists, UnknownReference) | written(201),
        summary=f"Create one of {contract.plural}",
    )
    @allow(resource.write)
    async def create_one(body: body_model, run: Run) -> Response:  # type: ignore[valid-type]  # a model made at run time
        """A key that was ever given is taken, also by an archived one."""
        fields: Fields = body
        key = "/".join(quote(str(getattr(fields, name)), safe="") for name in contract.key)
        order = Create(resource=resource, fields=fields)
        return await run.answer(create, order, view=view, status=201, location=f"/api/v1/{contract.plural}/{key}")


def _updates(router: Routes, resource: Resource[Any, Any]) -> None:
    contract, one = resource.contract, _Reader(resource)
    body_model, patch_model, view = contract.fields, contract.patch, contract.state
    answers: dict[str, Any] = {"response_model": view, "openapi_extra": {"parameters": one.parameters}}
    answers["responses"] = problems(NotFound, KeyImmutable, UnknownReference) | written()

    @router.put(one.path, **answers, summary=f"Replace one of {contract.plural}")
    @allow(resource.write)
    @matched
    @guarded(one.version)
    async def replace_one(request: Request, body: body_model, match: Match, run: Run) -> Response:  # type: ignore[valid-type]  # as above
        """Fields that are left out take their defaults. The same state again changes nothing."""
        fields: Fields = body
        order = Update(resource=resource, key=one.key(request), match=match, changes=fields.model_dump())
        return await run.answer(update, order, view=view)

    @router.patch(one.path, **answers, summary=f"Change one of {contract.plural}")
    @allow(resource.write)
    @matched
    @guarded(one.version)
    async def patch_one(request: Request, body: patch_model, match: Match, run: Run) -> Response:  # type: ignore[valid-type]  # as above
        """Fields that are left out stay as they are; null empties a field."""
        fields: Fields = body
        changes = fields.model_dump(include=fields.model_fields_set)
        order = Update(resource=resource, key=one.key(request), match=match, changes=changes)
        return await run.answer(update, order, view=view)


def _archiving(router: Routes, resource: Resource[Any, Any]) -> None:
    contract, one = resource.contract, _Reader(resource)

    @router.delete(
        one.path,
        status_code=204,
        response_model=None,
        responses=problems(NotFound, InUse) | written(204),
        openapi_extra={"parameters": one.parameters},
        summary=f"Archive one of {contract.plural}",
    )
    @allow(resource.write)
    @matched
    async def archive_one(request: Request, match: Match, run: Run) -> Response:
        """Hidden, not deleted: its key stays taken and it can be restored."""
        order = On(resource=resource, key=one.key(request), match=match)
        return await run.answer(archive, order, view=None, status=204)

    @router.post(
        f"{one.path}/restore",
        response_model=contract.state,
        responses=problems(NotFound, UnknownReference, BadIfMatch, Stale) | written(),
        openapi_extra={"parameters": [*one.parameters, {**MATCH_HEADER, "required": False}]},
        summary=f"Restore one of {contract.plural}",
    )
    @allow(resource.write)
    @keyed
    async def restore_one(request: Request, match: Match, run: Run) -> Response:
        """Back from the archive. If-Match is checked where it is sent."""
        order = On(resource=resource, key=one.key(request), match=match)
        return await run.answer(restore, order, view=contract.state)


class _Reader:
    """Finds the one row that a path names."""

    def __init__(self, resource: Resource[Any, Any]) -> None:
        self.resource = resource
        self.path = "".join(f"/{{{name}}}" for name in resource.contract.key)
        self.parameters = [_path_parameter(resource, name) for name in resource.contract.key]
        self._statement = _by_key(resource)

    def key(self, request: Request) -> dict[str, Any]:
        return self.resource.key_of(request.path_params)

    async def read(self, request: Request, *, archived: bool) -> Archivable:
        context: Context = request.app.state.context
        key = self.key(request)
        records = await context.db.fetch(self._statement, **key)
        row = self.resource.row(**as_read(self.resource.row, records[0])) if records else None
        if row is None or (row.archived_at is not None and not archived):
            raise self.resource.not_found(key)
        return row

    async def version(self, request: Request) -> int:
        return (await self.read(request, archived=False)).version


def _by_key(resource: Resource[Any, Any]) -> Compiled:
    columns = resource.listing.table.c
    met = (columns[name] == bindparam(name, type_=columns[name].type) for name in resource.contract.key)
    return compile_statement(select(*(columns[name] for name in columns_of(resource.row))).where(*met))


def _path_parameter(resource: Resource[Any, Any], name: str) -> dict[str, Any]:
    info = resource.contract.fields.model_fields[name]
    schema = TypeAdapter(info.rebuild_annotation()).json_schema()
    return {"name": name, "in": "path", "required": True, "schema": schema}
