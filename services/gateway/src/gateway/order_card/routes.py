"""`GET /api/v1/orders/{order_no}/card`: all that is known of an order, on one page."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import Header, Path, Request, Response

from gateway.order_card import consumers as told
from gateway.order_card.errors import OrderUnknown
from gateway.order_card.model import MODEL
from gateway.order_card.queries import Sections, reached, sections_of
from gateway.order_card.rules import totals_of
from gateway.order_card.views import Card
from plantkit.context import Context
from plantkit.http.consistency import Written
from plantkit.http.errors import BadConsistencyToken, NotYet
from plantkit.http.etag import names
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow
from plantkit.messaging.read_models import Freshness, freshness, of_all
from takt_contracts.roles import Role
from takt_contracts.scalars import OrderNo

router = Routes(tags=["across"])
_MADE_FROM = {
    "operations": (told.OF_OPERATIONS,),
    "ledger": (told.OF_OPERATIONS,),
    "imports": (told.OF_OPERATIONS, told.OF_IMPORTS),
    "records": (told.OF_RECORDS, told.OF_TYPES),
}
_TAGGED = {
    "headers": {
        "ETag": {
            "description": "Of the content; the same while only `as_of` moves on.",
            "required": True,
            "schema": {"type": "string", "pattern": '^W/"[0-9a-f]{32}"$'},
        }
    }
}


@router.get(
    "/orders/{order_no}/card",
    response_model=Card,
    responses={
        200: _TAGGED,
        304: {"description": "The card that is named there has not changed.", **_TAGGED},
        **problems(OrderUnknown, BadConsistencyToken, NotYet),
    },
)
@allow(Role.VIEWER)
async def card(
    request: Request,
    order_no: Annotated[OrderNo, Path()],
    if_none_match: Annotated[str | None, Header(description="ETag of the card that is known.")] = None,
    takt_consistency: Annotated[str | None, Header(description="Of a write that the card must show.")] = None,
) -> Response:
    """Operations, ledger, imports and records of an order, from what the log has told.

    With `Takt-Consistency` it waits until that write has arrived, 2 s at most.
    """
    context: Context = request.app.state.context

    async def seen(written: Written) -> int:
        return await reached(context.db, written)

    await context.consistency.wait(takt_consistency, seen)
    known = await freshness(context.db, MODEL)
    fresh = {name: of_all(known, topics) for name, topics in _MADE_FROM.items()}
    sections = await sections_of(context.db, order_no)
    if sections is None:
        raise _unknown(order_no, fresh)
    return _answer(order_no, sections, fresh, if_none_match)


def _unknown(order_no: str, fresh: Mapping[str, Freshness]) -> OrderUnknown:
    """Told together with how sure that is."""
    stale = any(part.stale for part in fresh.values())
    return OrderUnknown(f"Nothing is known of an order {order_no}.", order_no=order_no, stale=stale)


def _answer(order_no: str, sections: Sections, fresh: Mapping[str, Freshness], known: str | None) -> Response:
    content = {"order_no": order_no, "totals": totals_of(sections["operations"])}
    stable = {name: {"stale": fresh[name].stale, "data": data} for name, data in sections.items()}
    digest = hashlib.sha256(orjson.dumps({**content, **stable}, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    headers = {"etag": f'W/"{digest}"'}
    if names(known, f'"{digest}"'):
        return Response(status_code=304, headers=headers)
    dated: dict[str, Any] = {name: {"as_of": fresh[name].as_of, **part} for name, part in stable.items()}
    body = orjson.dumps({**content, **dated}, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json", headers=headers)
