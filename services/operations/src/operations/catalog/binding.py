"""The process profile of an item: it holds for the item's operations that have none of their own."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response
from sqlalchemy import text

from operations.catalog.items import ITEMS, ItemRow
from operations.profiles.model import require_profile
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.errors import NotFound, UnknownReference
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.run import Run
from takt_contracts.operations.items import Item
from takt_contracts.operations.profiles import ProfileBody
from takt_contracts.resource import Change
from takt_contracts.roles import Role
from takt_contracts.scalars import Code

router = Routes(tags=["items"])
_EXISTS = compile_statement(text("SELECT 1 FROM operations.items WHERE code = :code AND archived_at IS NULL"))


@dataclass(frozen=True, kw_only=True)
class BindToItem:
    code: str
    profile: UUID | None
    profile_version: int | None


async def exists(request: Request) -> None:
    """Guard: an item that is not there is told before a body that is wrong."""
    code = request.path_params["code"]
    if not await request.app.state.context.db.fetch(_EXISTS, code=code):
        raise NotFound("item", code)


@router.post("/items/{code}/profile", response_model=Item, responses=problems(NotFound, UnknownReference) | written())
@allow(Role.PLANNER, Role.QUALITY)
@keyed
@guarded(exists)
async def bind_item_profile(code: Annotated[Code, Path()], body: ProfileBody, run: Run) -> Response:
    """Hold the item's operations to a final version of a process profile; with null, to none."""
    return await run.answer(bind_to_item, BindToItem(code=code, **dict(body)), view=Item)


async def bind_to_item(tx: Tx, cmd: BindToItem) -> ItemRow:
    item = await tx.claim(ItemRow, code=cmd.code, archived_at=None)
    await require_profile(tx, cmd.profile, cmd.profile_version)
    item.profile, item.profile_version = cmd.profile, cmd.profile_version
    ITEMS.tell(item, Change.UPDATED)
    return item
