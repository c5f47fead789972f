"""The services and what lies aside in them: the gateway reads its own table, the others are asked as the caller."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import Request, Response

from gateway.parked.errors import ServiceAway
from gateway.settings import Settings
from plantkit.context import Context
from plantkit.db.tx import Origin
from plantkit.errors import NotFound
from plantkit.messaging import parked_list
from plantkit.messaging.parked_list import Asked
from plantkit.messaging.parked_views import ParkedLine, ParkedRecord

_PATH = "/api/v1/parked"
_DEADLINE_S = 10.0
_CARRIED = ("content-type", "retry-after", "idempotent-replayed")


@dataclass(frozen=True, kw_only=True)
class Holders:
    """All services, seen by one caller."""

    context: Context
    base_urls: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def own(self) -> str:
        return self.context.settings.service

    @property
    def names(self) -> tuple[str, ...]:
        return (self.own, *self.base_urls)

    async def lines(self, names: Sequence[str], asked: Asked) -> dict[str, list[ParkedLine] | None]:
        """Of each service the first lines after the place; None of one that does not answer."""
        found = await asyncio.gather(*(self._lines(name, asked) for name in names))
        return dict(zip(names, found, strict=True))

    async def find(self, id_: UUID) -> tuple[str, ParkedRecord]:
        """The record and who holds it. Raises NotFound, and ServiceAway where that cannot be known."""
        found = await asyncio.gather(*(self._one(name, id_) for name in self.names))
        for name, record in zip(self.names, found, strict=True):
            if isinstance(record, ParkedRecord):
                return name, record
        away = [name for name, record in zip(self.names, found, strict=True) if record is None]
        raise ServiceAway(away) if away else NotFound("parked record", id_)

    async def post(self, name: str, path: str, body: Any) -> Response:
        """What the service answers, as it is. Raises ServiceAway."""
        answer = await self._ask("POST", name, path, json=body)
        if answer is None:
            raise ServiceAway([name])
        carried = {header: answer.headers[header] for header in _CARRIED if header in answer.headers}
        return Response(answer.content, answer.status_code, carried)

    async def _lines(self, name: str, asked: Asked) -> list[ParkedLine] | None:
        if name == self.own:
            return await parked_list.lines(self.context.db, asked)
        by = asked.filter.model_dump(include={"group", "topic", "key", "reason_code"}, exclude_none=True)
        place = {} if asked.after is None else {"after": str(asked.after)}
        query = {**by, **place, "limit": asked.limit, "state": [str(state) for state in asked.states]}
        answer = await self._ask("GET", name, "", params=query)
        if answer is None or not answer.is_success:
            return None
        return [ParkedLine.model_validate(line) for line in answer.json()["data"]]

    async def _one(self, name: str, id_: UUID) -> ParkedRecord | NotFound | None:
        """None where the service does not say."""
        if name == self.own:
            try:
                return await parked_list.one(self.context.db, id_)
            except NotFound as unknown:
                return unknown
        answer = await self._ask("GET", name, f"/{id_}")
        if answer is not None and answer.status_code == httpx.codes.NOT_FOUND:
            return NotFound("parked record", id_)
        return ParkedRecord.model_validate(answer.json()) if answer is not None and answer.is_success else None

    async def _ask(self, method: str, name: str, path: str, **more: Any) -> httpx.Response | None:
        async with httpx.AsyncClient(base_url=self.base_urls[name], timeout=_DEADLINE_S, trust_env=False) as client:
            try:
                return await client.request(method, f"{_PATH}{path}", headers=dict(self.headers), **more)
            except httpx.TransportError:
                return None


def holders_for(request: Request) -> Holders:
    """As this request's caller."""
    context: Context = request.app.state.context
    settings, origin = context.settings, request.state.origin
    assert isinstance(settings, Settings)
    return Holders(context=context, base_urls=settings.base_urls, headers=_headers(request, origin))


def _headers(request: Request, origin: Origin) -> dict[str, str]:
    """Who asks, under which key, and the names under which all services tell of this request."""
    sent = {name: request.headers[name] for name in ("authorization", "idempotency-key") if name in request.headers}
    trace = {} if origin.traceparent is None else {"traceparent": origin.traceparent}
    return {**sent, **trace, "x-request-id": origin.request_id}
