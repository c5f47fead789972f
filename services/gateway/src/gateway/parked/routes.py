"""`/api/v1/parked`: list, show, redrive, discard. Each service judges and writes down what is asked of it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from gateway.parked.bodies import Heard, Name, ParkedLines, RedriveRequest
from gateway.parked.errors import ServiceAway
from gateway.parked.holders import Holders, holders_for
from plantkit.errors import NotFound
from plantkit.http.listing import PageInfo
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, keyed
from plantkit.messaging.parked_list import Asked
from plantkit.messaging.parked_views import WAITING, DiscardBody, ParkedFilter, ParkedRecord, Redriven
from plantkit.messaging.redrive import Desk, Discard, Redrive, Turnstile
from plantkit.messaging.routes import OF_DISCARD, OF_REDRIVE, Filtered, States
from plantkit.run import Run
from takt_contracts.roles import Role

router = Routes(tags=["parked"])
Everywhere = Annotated[Holders, Depends(holders_for)]
_AWAY = problems(ServiceAway)


@router.get("/parked")
@allow(Role.ADMIN)
async def parked(
    *,
    holders: Everywhere,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[UUID | None, Query(description="`page.next` of the page before")] = None,
    service: Annotated[Name | None, Query()] = None,
    group: Filtered = None,
    topic: Filtered = None,
    key: Filtered = None,
    reason_code: Filtered = None,
    states: States = None,
) -> ParkedLines:
    """Records of all services that could not be applied, oldest first, without their content."""
    by = ParkedFilter(group=group, topic=topic, key=key, reason_code=reason_code)
    asked = Asked(filter=by, states=states or WAITING, after=cursor, limit=limit)
    found = await holders.lines(holders.names if service is None else (service,), asked)
    whole = sorted((line for lines in found.values() for line in lines or ()), key=lambda line: line.id)
    page = PageInfo(next=str(whole[limit - 1].id) if len(whole) >= limit else None, limit=limit)
    heard = [Heard.model_validate({"service": name, "answered": lines is not None}) for name, lines in found.items()]
    return ParkedLines(data=whole[:limit], page=page, services=heard)


@router.get("/parked/{parked_id:uuid}", responses=problems(NotFound) | _AWAY)
@allow(Role.ADMIN)
async def parked_record(parked_id: UUID, holders: Everywhere) -> ParkedRecord:
    """One record, whole, whichever service holds it."""
    _, record = await holders.find(parked_id)
    return record


@router.post("/parked/redrive", response_model=Redriven, responses=OF_REDRIVE | _AWAY)
@allow(Role.ADMIN)
@keyed
async def redrive(*, body: RedriveRequest, request: Request, run: Run, holders: Everywhere) -> Response:
    """Try records of one service again, each with all of its key, in order."""
    name = await _holder_of(body, holders)
    asked = body.asked()
    if name != holders.own:
        return await holders.post(name, "/redrive", asked.model_dump(mode="json", exclude_none=True))
    turnstile: Turnstile = request.app.state.turnstile
    turnstile.pass_or_refuse()
    command = Redrive(ids=asked.ids, filter=asked.filter)
    return await run.answer(Desk(holders.context.settings).redrive, command, view=Redriven)


@router.post("/parked/{parked_id:uuid}/discard", status_code=204, responses=OF_DISCARD | _AWAY)
@allow(Role.ADMIN)
@keyed
async def discard(*, parked_id: UUID, body: DiscardBody, run: Run, holders: Everywhere) -> Response:
    """Give a record up for good: it is kept, and those behind it go on."""
    name, _ = await holders.find(parked_id)
    if name != holders.own:
        return await holders.post(name, f"/{parked_id}/discard", body.model_dump())
    desk = Desk(holders.context.settings)
    return await run.answer(desk.discard, Discard(id=parked_id, reason=body.reason), view=None, status=204)


async def _holder_of(body: RedriveRequest, holders: Holders) -> str:
    """Records of one call lie in one service: who does not hold them all refuses them all."""
    if body.filter is not None:
        return body.filter.service
    assert body.ids is not None
    name, _ = await holders.find(body.ids[0])
    return name
