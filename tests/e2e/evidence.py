"""What a refused request may leave behind: no row, no fact, no stored answer, and the audit entry that it earns."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx
import orjson

STATE: Final = {
    "operations": ("items", "machines", "workplaces", "operations", "ledger_entries", "idempotency", "parked"),
    "gateway": ("users", "idempotency", "parked"),
}
_AUDITING = ("gateway", "operations")
_ROWS = "SELECT count(*) || ' ' || sum(hashtextextended(one::text, 0)) FROM {}.{} one"
_FACTS = "SELECT count(*) || ' ' || sum(hashtextextended(id::text, 0)) FROM {}.outbox WHERE aggregatetype <> 'audit'"
_DIGESTS: Final = {
    **{f"{schema}.{table}": _ROWS.format(schema, table) for schema, tables in STATE.items() for table in tables},
    **{f"{schema}.outbox": _FACTS.format(schema) for schema in STATE},
}
_ALL_DIGESTS: Final = "SELECT " + ", ".join(f'({query}) AS "{name}"' for name, query in _DIGESTS.items())
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
TOLD: Final = frozenset({403, 409, 412, 422, 428})
"""Statuses of a refused write that earn an entry of their own; a 401 is counted, the others are not told."""
ALWAYS_TOLD: Final = frozenset({"request.bad-if-match"})
"""Malformed, and told all the same: a change on a wrong footing."""


async def left_behind(connection: asyncpg.Connection) -> dict[str, Any]:
    """A digest of every row of state and of every domain fact. Cheap: each refused request is looked at twice."""
    found = await connection.fetchrow(_ALL_DIGESTS)
    assert found is not None
    return dict(found)


async def refusals(connection: asyncpg.Connection, request_id: str) -> list[dict[str, Any]]:
    """Entries of refusals that name this request, of all services it went through."""
    found: list[dict[str, Any]] = []
    for schema in _AUDITING:
        query = f"SELECT entry FROM {schema}.audit_entries WHERE entry ->> 'request_id' = $1"
        found += [orjson.loads(row["entry"]) for row in await connection.fetch(query, request_id)]
    return [entry for entry in found if entry["outcome"] == "refused"]


class Refusing:
    """Sends requests that must be refused, and looks at what they did."""

    def __init__(self, client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
        self._client, self._connection = client, connection

    async def __call__(
        self, method: str, path: str, status: int, code: str, *, told: bool | None = None, **request: Any
    ) -> httpx.Response:
        """The refusal, when it is the expected one and left nothing behind but what `told` says (by default: 5.1)."""
        request_id = str(uuid4())
        headers = {**(request.pop("headers", None) or {}), "x-request-id": request_id}
        async with self.nothing_written():
            answer = await self._client.request(method, path, headers=headers, **request)
        is_problem(answer, status, code)
        assert answer.headers["x-request-id"] == request_id
        understood = status in TOLD or code in ALWAYS_TOLD
        expected = (method in WRITES and understood and "authorization" in headers) if told is None else told
        entries = await refusals(self._connection, request_id)
        assert [entry["code"] for entry in entries] == ([code] if expected else [])
        for entry in entries:
            assert entry["action"].startswith(f"{method} ")
            assert entry["trace_id"] == answer.json()["trace_id"]
        return answer

    @asynccontextmanager
    async def nothing_written(self) -> AsyncIterator[None]:
        before = await left_behind(self._connection)
        yield
        after = await left_behind(self._connection)
        assert after == before, f"left behind in {[name for name in after if after[name] != before[name]]}"


def is_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The one shape of a refusal, whole."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), answer.text[:500]
    assert document["status"] == status
    assert document["type"] == f"urn:takt:problem:{code}"
    assert document["title"]
    assert len(document["detail"]) >= 10
    assert document["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert len(document["trace_id"]) == 32
    assert all(set(error) == {"pointer", "code", "detail"} for error in document["errors"])
    assert not any(word in answer.text for word in ("Traceback", "asyncpg", "psycopg", "SELECT ", "site-packages"))


async def raw_exchange(gateway: str, request: bytes) -> bytes:
    """What the gateway answers to bytes that no client library would send. It has to close, or to answer in 5 s."""
    host, port = gateway.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            rest = await reader.read(65_536)
    except asyncio.IncompleteReadError as closed:
        return closed.partial
    finally:
        writer.close()
    return head + rest
