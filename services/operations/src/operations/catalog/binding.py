"""The process profile of an item: it holds for the item's operations that have none of their own."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Path, Response

from operations.catalog.items import ITEMS, ItemRow
from operations.profiles.model import require_profile
from plantkit.db.tx import Tx
from plantkit.errors import NotFound, UnknownReference
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.resources.guards import exists
from plantkit.run import Run
from takt_contracts.operations.items import ITEM, Item
from takt_contracts.operations.profiles import ProfileBody
from takt_contracts.resource import Change
from takt_contracts.roles import Role
from takt_contracts.scalars import Code

router = Routes(tags=["items"])
item_exists = exists(ITEM, ItemRow)


@dataclass(frozen=True, kw_only=True)
class BindToItem:
    code: str
    profile: UUID | None
    profile_version: int | None


@router.post("/items/{code}/profile", response_model=Item, responses=problems(NotFound, UnknownReference) | written())
@allow(Role.PLANNER, Role.QUALITY)
@keyed
@guarded(item_exists)
async def bind_item_profile(code: Annotated[Code, Path()], body: ProfileBody, run: Run) -> Response:
    """Hold the item's operations to a final version of a process profile; with null, to none."""
    return await run.answer(bind_to_item, BindToItem(code=code, **dict(body)), view=Item)


async def bind_to_item(tx: Tx, cmd: BindToItem) -> ItemRow:
    item = await tx.claim(ItemRow, code=cmd.code, archived_at=None)
    await require_profile(tx, cmd.profile, cmd.profile_version)
    item.profile, item.profile_version = cmd.profile, cmd.profile_version
    ITEMS.tell(item, Change.UPDATED)
    return item
