"""What a health record says stays with its owner: a word planted in one is looked for everywhere else in the plant.

The same search finds a word that was planted in a general record, so it can fail.
"""

from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx
import pytest

from takt_contracts.roles import Role
from tests.e2e.evidence import is_problem
from tests.e2e.hay import Hay, holding, in_logs, in_metrics, in_tables, in_topics, listening
from tests.e2e.kafka_log import all_records
from tests.e2e.plant import API, code, keyed
from tests.e2e.stack import SERVICES, Stack, until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
Trail = dict[tuple[str, str], int]
"""How often which outcome of which action was audited."""
Json = dict[str, Any]
RECORDS, TYPES = f"{API}/records", f"{API}/record-types"
SCHEMA: Final = {
    "type": "object",
    "properties": {"finding": {"type": "string", "maxLength": 100}, "fit": {"type": "boolean"}},
    "required": ["finding"],
    "additionalProperties": {"type": "string"},
}
HOME: Final = {"records.records", "records.record_versions", "records.idempotency"}
"""Where the content of a health record may lie."""


class Planted:
    """One record of a class from its creation to its deletion, with a word in every place that takes words."""

    def __init__(self, stack: Stack, door: httpx.AsyncClient, access_class: str, writer: Role) -> None:
        self.word = f"canary{uuid4().hex}"
        self.id = ""
        self._stack, self._door, self._class, self._writer = stack, door, access_class, writer

    @property
    def path(self) -> str:
        return f"{RECORDS}/{self.id}"

    async def ask(
        self, method: str, path: str, *roles: Role, base: int | None = None, **request: Any
    ) -> httpx.Response:
        headers = self._stack.headers(*(roles or (self._writer,)))
        headers = keyed(headers) if method == "POST" else headers
        if base is not None:
            headers = {**headers, "if-match": f'"{base}"'}
        return await self._door.request(method, path, headers=headers, **request)

    async def live(self) -> None:
        """Create, revise, patch, be refused, read, list, delete."""
        word, kind = self.word, code("T")
        body = {"name": kind, "title": "Finding", "content_schema": SCHEMA, "access_class": self._class}
        made = await self.ask("POST", TYPES, Role.ADMIN, json={**body, "creators": [self._writer]})
        assert made.status_code == 201, made.text
        said: Json = {"about": [f"employees/{word[:40]}"], "content": {"finding": word, word: word}, "reason": word}
        made = await self.ask("POST", RECORDS, json={"record_type": kind, **said})
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        for method, base, content in (("PUT", 1, {"finding": f"{word} again"}), ("PATCH", 2, {"fit": False})):
            answer = await self.ask(method, self.path, base=base, json={**said, "content": content})
            assert answer.status_code == 200, answer.text
        await self.be_refused(said)
        for tail in ("", "/history", "/history/1"):
            answer = await self.ask("GET", self.path + tail)
            assert (answer.status_code, word in answer.text) == (200, True)
        assert self.id in (await self.ask("GET", f"{RECORDS}?about={said['about'][0]}")).text
        assert (await self.ask("DELETE", f"{self.path}?reason={word}", base=3)).status_code == 204

    async def be_refused(self, said: Json) -> None:
        """By the schema, by the version, by the shape, and for want of rights."""
        wrong = {**said, "content": {"finding": [self.word]}}
        refusals = (
            (3, wrong, 422, "record.content-refused"),
            (1, said, 412, "resource.stale"),
            (3, {**said, self.word: self.word}, 422, "request.invalid"),
        )
        for base, body, status, why in refusals:
            is_problem(await self.ask("PUT", self.path, base=base, json=body), status, why)
        stranger = await self.ask("PUT", self.path, Role.VIEWER, base=3, json=said)
        assert stranger.status_code == (404 if self._class == "health" else 403)


@pytest.fixture(scope="module")
async def plant(stack: Stack, door: httpx.AsyncClient) -> tuple[Planted, Planted, Hay, Trail]:
    """A health record, a general one, all that the plant holds after both have lived, and the first one's trail."""
    health = Planted(stack, door, "health", Role.HEALTH)
    general = Planted(stack, door, "general", Role.QUALITY)
    async with listening(stack, Role.VIEWER) as everyone, listening(stack, Role.ADMIN) as administrators:
        await health.live()
        is_problem(await health.ask("GET", health.path, Role.VIEWER), 404, "resource.not-found")
        await general.live()
        streams = {"stream of everyone": everyone, "stream of administrators": administrators}
        for told in streams.values():
            await until(lambda told=told: heard(told, health, general), 30)
    async with stack.database() as tables:
        await until(lambda: arrived(tables, health, general), 30)
        hay = {name: bytes(told) for name, told in streams.items()}
        hay |= await in_tables(tables, (health.word, general.word)) | await in_topics(stack)
        await until(lambda: is_chained(tables, health), 30)
        trail = await trail_of(tables, health)
    hay |= in_logs(stack) | await in_metrics(stack)
    return health, general, hay, trail


async def heard(told: bytearray, *planted: Planted) -> bool:
    deletions = told.count(b"event: takt.records.record.deleted")
    return deletions >= len(planted) and all(one.id.encode() in told for one in planted)


async def arrived(tables: asyncpg.Connection, *planted: Planted) -> bool:
    """Whether the read models know both deletions."""
    query = "SELECT count(*) FROM gateway.subjects WHERE subject = ANY($1) AND version = 4"
    return bool(await tables.fetchval(query, [one.id for one in planted]) == len(planted))


async def trail_of(tables: asyncpg.Connection, planted: Planted) -> Trail:
    rows = await tables.fetch(
        "SELECT entry ->> 'outcome' AS outcome, entry ->> 'action' AS action, count(*) AS times"
        " FROM records.audit_entries WHERE entry::text LIKE '%' || $1 || '%' GROUP BY 1, 2",
        planted.id,
    )
    return {(row["outcome"], row["action"]): row["times"] for row in rows}


async def is_chained(tables: asyncpg.Connection, planted: Planted) -> bool:
    """Whether what was done last has reached the trail, and so all before it."""
    return ("refused", f"GET {planted.path}") in await trail_of(tables, planted)


async def test_the_word_of_a_health_record_is_nowhere_but_with_its_owner(
    plant: tuple[Planted, Planted, Hay, Trail],
) -> None:
    health, _, hay, _ = plant

    assert holding(hay, health.word) == HOME


async def test_the_search_finds_the_word_of_a_general_record(plant: tuple[Planted, Planted, Hay, Trail]) -> None:
    _, general, hay, _ = plant

    found = holding(hay, general.word)

    assert {"takt.records.record", "stream of everyone", "stream of administrators", "gateway.subjects"} <= found
    assert {"gateway.recent_events", *HOME} <= found
    assert any(where.startswith("records.outbox") for where in found)
    assert any(where.startswith("segment takt.records.record-") for where in found)
    assert not any(where.startswith(("log ", "metrics ")) for where in found), "bodies are in no log"


async def test_logs_and_metrics_were_looked_through(plant: tuple[Planted, Planted, Hay, Trail]) -> None:
    """No body is ever logged, so what shows that the logs are there is the path of the record."""
    health, _, hay, _ = plant

    found = holding(hay, health.id)

    assert {"log gateway.log", "log records.log", "takt.records.record", "takt.records.audit"} <= found
    assert {"log postgres.log", "log kafka.log", "log imports.log", "log operations.log"} <= hay.keys()
    assert all(b"takt_http_requests_total" in hay[f"metrics of {service}"] for service in SERVICES)


async def test_the_trail_tells_who_saw_it_and_who_was_refused(plant: tuple[Planted, Planted, Hay, Trail]) -> None:
    health, _, _, trail = plant

    assert trail == {
        ("changed", "records.record.created"): 1,
        ("changed", "records.record.revised"): 2,
        ("changed", "records.record.deleted"): 1,
        ("read", "records.record.read"): 5,  # a stale edit is answered with what it met
        ("refused", f"PUT {health.path}"): 4,
        ("refused", f"GET {health.path}"): 1,
    }


async def test_the_event_leads_to_the_version_that_it_does_not_carry(
    plant: tuple[Planted, Planted, Hay, Trail], stack: Stack, door: httpx.AsyncClient
) -> None:
    health, _, _, _ = plant
    records = await all_records(str(stack.status["kafka"]), "takt.records.record")
    of_it = [dict(one.headers) for one in records if one.key == health.id.encode()]

    paths = [headers["ce_dataref"].decode() for headers in of_it]

    assert paths == [f"{health.path}/history/{n}" for n in (1, 2, 3, 4)]
    assert (await door.get(paths[0], headers=stack.headers(Role.HEALTH))).json()["content"]["finding"] == health.word
    is_problem(await door.get(paths[0], headers=stack.headers(Role.QUALITY)), 404, "resource.not-found")
