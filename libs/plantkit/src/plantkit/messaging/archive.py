"""A service's archive for those who rebuild: every event of a topic, as it was told, by subject and version.

The outbox has all that the log has lost, and nobody else may read it; so its owner serves it, to administrators and on
its own port only.
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import asyncpg
import httpx
import orjson
from aiokafka import ConsumerRecord
from fastapi import APIRouter, Query
from pydantic import BaseModel

from plantkit.db.engine import Database
from plantkit.http.route import Routes, allow
from takt_contracts.roles import Role

PATH = "/api/v1/archive"
_NOWHERE = -1
_LARGEST_PAGE = 8_388_608
_PAGE = """
SELECT aggregateid, version, key, headers, payload, extract(epoch FROM recorded_at) * 1000 AS recorded_ms
FROM (
    SELECT *, sum(octet_length(payload)) OVER (
        ORDER BY aggregateid, version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM outbox
    WHERE aggregatetype = $1 AND topic = $2 AND (aggregateid, version) > ($3::text, $4::bigint)
    ORDER BY aggregateid, version
    LIMIT $5
) AS page
WHERE before IS NULL OR before < $6
"""


class ArchivedEvent(BaseModel):
    """A record as it was told: key, headers and value."""

    key: str
    headers: dict[str, str]
    payload: str
    recorded_ms: int


class ArchivePage(BaseModel):
    """`next` goes into `after` of the next request; null after the last page."""

    data: list[ArchivedEvent]
    next: str | None


class ArchiveRefused(Exception):
    """An owner does not hand out its archive. The text says why."""


def archive_routes(db: Database) -> APIRouter:
    """`GET /archive`, for processes that rebuild; it is no part of the public API."""
    router = Routes(tags=["archive"])

    @router.get("/archive", include_in_schema=False)
    @allow(Role.ADMIN)
    async def archive(
        topic: Annotated[str, Query(max_length=200)],
        after: Annotated[str | None, Query(max_length=2000)] = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 2000,
    ) -> ArchivePage:
        """Events of one topic of this service, by subject and version."""
        place = ("", 0) if after is None else _place(after)
        async with db.connection() as connection:
            rows = await connection.fetch(_PAGE, _entity(topic), topic, *place, limit, _LARGEST_PAGE)
        return ArchivePage(data=[_shown(row) for row in rows], next=_word(rows[-1]) if rows else None)

    return router


def _entity(topic: str) -> str:
    """Topics are `takt.<service>.<entity>`."""
    return topic.split(".", 2)[-1]


def _word(row: asyncpg.Record) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([row["aggregateid"], row["version"]])).decode()


def _place(word: str) -> tuple[str, int]:
    """Of a word that is none, the beginning: its reader sees events again, which is all that can happen."""
    try:
        subject, version = orjson.loads(base64.urlsafe_b64decode(word))
    except (ValueError, TypeError):
        return "", 0
    sound = isinstance(subject, str) and "\0" not in subject and isinstance(version, int) and 0 <= version < 2**63
    return (subject, version) if sound else ("", 0)


def _shown(row: asyncpg.Record) -> ArchivedEvent:
    given: dict[str, Any] = {"key": row["key"], "payload": row["payload"], "recorded_ms": int(row["recorded_ms"])}
    return ArchivedEvent(headers=orjson.loads(row["headers"]), **given)


@dataclass
class Owners:
    """Reads archives over HTTP, as an administrator who signs in when it is needed, and again when that has expired."""

    gateway: str
    addresses: Mapping[str, str]
    username: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)

    async def events(self, topic: str) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """All of a topic, a page at a time. Raises ArchiveRefused and what httpx raises."""
        after: dict[str, str] = {}
        async with httpx.AsyncClient(base_url=self._address(topic), timeout=60, trust_env=False) as client:
            while True:
                page = await self._page(client, {"topic": topic, **after})
                if page.next is None:
                    return
                yield [_record(topic, event) for event in page.data]
                after = {"after": page.next}

    def _address(self, topic: str) -> str:
        """Who tells a topic is in its name; what comes from outside is told by the gateway."""
        return self.addresses.get(topic.split(".")[1], self.gateway)

    async def _page(self, client: httpx.AsyncClient, query: Mapping[str, str]) -> ArchivePage:
        answer = await client.get(PATH, params=dict(query), headers=self._headers())
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            await self._sign_in()
            answer = await client.get(PATH, params=dict(query), headers=self._headers())
        if not answer.is_success:
            raise ArchiveRefused(f"{client.base_url} answered {answer.status_code} when asked for {query['topic']}.")
        return ArchivePage.model_validate_json(answer.content)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    async def _sign_in(self) -> None:
        body = {"username": self.username, "password": self.password}
        async with httpx.AsyncClient(base_url=self.gateway, timeout=30, trust_env=False) as client:
            answer = await client.post("/api/v1/auth/login", json=body)
        if not answer.is_success:
            raise ArchiveRefused(f"{self.gateway} did not let {self.username} in: {answer.status_code}.")
        self._token = str(answer.json()["access_token"])


def _record(topic: str, event: ArchivedEvent) -> ConsumerRecord:
    """As a consumer would get it, from no place of the log."""
    key, value = event.key.encode(), event.payload.encode()
    headers = tuple((name, text.encode()) for name, text in event.headers.items())
    sizes = (None, len(key), len(value))
    return ConsumerRecord(topic, _NOWHERE, _NOWHERE, event.recorded_ms, 0, key, value, *sizes, headers)
