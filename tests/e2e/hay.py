"""Everything a plant holds, to look for a word in: tables, topics, its disk, logs, metrics, the live stream."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg
import httpx

from takt_contracts.roles import Role
from tests.e2e.kafka_log import all_records
from tests.e2e.plant import API
from tests.e2e.stack import SERVICES, Stack

Hay = dict[str, bytes]


@asynccontextmanager
async def listening(stack: Stack, role: Role) -> AsyncIterator[bytearray]:
    """Everything that the live stream tells somebody with this role meanwhile."""
    told, open_ = bytearray(), asyncio.Event()

    async def listen() -> None:
        async with (
            httpx.AsyncClient(base_url=stack.gateway, trust_env=False, timeout=60) as client,
            client.stream("GET", f"{API}/events/stream", headers=stack.headers(role)) as answer,
        ):
            open_.set()
            async for piece in answer.aiter_bytes():
                told.extend(piece)

    task = asyncio.create_task(listen())
    await asyncio.wait_for(open_.wait(), 20)
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def in_tables(tables: asyncpg.Connection, words: tuple[str, ...]) -> Hay:
    """Of each table of every schema the rows that hold one of the words in any form, and always one row."""
    names = await tables.fetch(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    found: Hay = {}
    for schema, name in names:
        any_of = [f"%{form.decode()}%" for word in words for form in forms(word)]
        rows = f"SELECT one::text FROM {schema}.{name} one WHERE one::text ILIKE ANY($1)"
        held = [row[0] for row in await tables.fetch(rows, any_of)]
        found[f"{schema}.{name}"] = "\n".join(held).encode()
    assert {"gateway", "operations", "imports", "records"} <= {name.partition(".")[0] for name in found}
    return found


async def in_topics(stack: Stack) -> Hay:
    """Every record of every topic: key, value and headers; and what the broker has on its disk."""
    parts: dict[str, list[bytes]] = {}
    for record in await all_records(str(stack.status["kafka"]), ""):
        headers = [name.encode() + b"=" + (value or b"") for name, value in record.headers]
        parts.setdefault(record.topic, []).extend((record.key or b"", record.value or b"", *headers))
    found = {topic: b"\n".join(told) for topic, told in parts.items()}
    segments = [path for path in stack.data.rglob("*.log") if path.parent.name.startswith("takt.")]
    assert segments, "the broker's segments lie below the stack's folder"
    return found | {f"segment {path.parent.name}/{path.name}": path.read_bytes() for path in segments}


def in_logs(stack: Stack) -> Hay:
    return {f"log {path.name}": path.read_bytes() for path in (stack.data / "logs").rglob("*") if path.is_file()}


async def in_metrics(stack: Stack) -> Hay:
    found: Hay = {}
    for service in SERVICES:
        async with httpx.AsyncClient(base_url=stack.status[service], trust_env=False) as own:
            found[f"metrics of {service}"] = (await own.get("/metrics")).content
    return found


def forms(word: str) -> Iterator[bytes]:
    """As it is, as hex, and as base64 wherever in a longer text it began."""
    plain = word.encode()
    yield plain
    yield plain.hex().encode()
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + plain)
        yield encoded[4 if before else 0 : len(encoded) - len(encoded) % 4 - 4]


def holding(hay: Mapping[str, bytes], word: str) -> set[str]:
    """Places where the word is, in any of its forms."""
    lowered = word.lower()
    return {where for where, text in hay.items() if any(form in text for form in forms(lowered))}
