"""What lies aside in this service, for the gateway to merge and forward to."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from plantkit.db.engine import Database
from plantkit.errors import NotFound
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, keyed
from plantkit.messaging import parked_list
from plantkit.messaging.parked_list import Asked
from plantkit.messaging.parked_views import (
    WAITING,
    DiscardBody,
    ParkedFilter,
    ParkedLine,
    ParkedRecord,
    ParkedState,
    RedriveBody,
    Redriven,
    Word,
)
from plantkit.messaging.redrive import Desk, Discard, NoLongerParked, OnlyWaits, Redrive, TooManyRedrives, Turnstile
from plantkit.run import Run
from takt_contracts.roles import Role

Filtered = Annotated[Word | None, Query()]
States = Annotated[list[ParkedState] | None, Query(alias="state", description="Retry and parked unless asked.")]
OF_REDRIVE: Final = problems(NotFound, NoLongerParked, TooManyRedrives)
OF_DISCARD: Final = problems(NotFound, NoLongerParked, OnlyWaits)


class ParkedPage(BaseModel):
    """Oldest first; `next` is the `after` of the next page."""

    data: list[ParkedLine]
    next: UUID | None


def parked_routes(db: Database) -> APIRouter:
    """`/parked` of one service. Only administrators come here: a record may hold anything."""
    router = Routes(tags=["parked"])
    desk, turnstile = Desk(db.settings), Turnstile(db.settings.redrives_per_minute)

    @router.get("/parked")
    @allow(Role.ADMIN)
    async def parked(
        *,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: UUID | None = None,
        group: Filtered = None,
        topic: Filtered = None,
        key: Filtered = None,
        reason_code: Filtered = None,
        states: States = None,
    ) -> ParkedPage:
        """Records that lie aside, without their content."""
        by = ParkedFilter(group=group, topic=topic, key=key, reason_code=reason_code)
        asked = Asked(filter=by, states=states or WAITING, after=after, limit=limit)
        data = await parked_list.lines(db, asked)
        return ParkedPage(data=data, next=data[-1].id if len(data) == limit else None)

    @router.get("/parked/{parked_id:uuid}", responses=problems(NotFound))
    @allow(Role.ADMIN)
    async def parked_record(parked_id: UUID) -> ParkedRecord:
        """One record, whole."""
        return await parked_list.one(db, parked_id)

    @router.post("/parked/redrive", response_model=Redriven, responses=OF_REDRIVE)
    @allow(Role.ADMIN)
    @keyed
    async def redrive(body: RedriveBody, run: Run) -> Response:
        """Try records again, each with all of its key, in order."""
        turnstile.pass_or_refuse()
        return await run.answer(desk.redrive, Redrive(ids=body.ids, filter=body.filter), view=Redriven)

    @router.post("/parked/{parked_id:uuid}/discard", status_code=204, responses=OF_DISCARD)
    @allow(Role.ADMIN)
    @keyed
    async def discard(parked_id: UUID, body: DiscardBody, run: Run) -> Response:
        """Give a record up for good: it is kept, and those behind it go on."""
        return await run.answer(desk.discard, Discard(id=parked_id, reason=body.reason), view=None, status=204)

    return router
