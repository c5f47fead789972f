"""`GET /api/v1/activity`: what happened last."""

from typing import Annotated

import orjson
from fastapi import Query, Request, Response
from pydantic import BaseModel, JsonValue

from gateway.activity.queries import last_events
from plantkit.context import Context
from plantkit.errors import Unauthenticated
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow
from takt_contracts.roles import Role

router = Routes(tags=["events"])


class Activity(BaseModel):
    """CloudEvents in JSON, newest first."""

    data: list[dict[str, JsonValue]]


@router.get("/activity", response_model=Activity, responses=problems(Unauthenticated))
@allow(Role.VIEWER)
async def activity(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Response:
    """The last events of the plant as this gateway has seen them; for more, read the stream or the log."""
    context: Context = request.app.state.context
    found = await last_events(context.db, limit)
    return Response(orjson.dumps({"data": found}), media_type="application/json")
