"""The road of a file: gateway, imports, its worker and operations, each a process of its own over its own database, as
a stack starts them, on the run's broker. Who died is started again by the run.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from aiokafka.errors import KafkaError

from gateway.identity.signing import new_signing_key
from plantkit.crash import VARIABLE
from plantkit.testing.database import TestDatabase
from takt.embedded.ports import own_port
from takt.stack.children import Children
from tests.faults.harness import topics
from tests.faults.harness.plant import LEASE_S, SESSION_MS
from tests.faults.harness.processes import Child, Stuck, forked

MODULES: Final = ("gateway.app", "imports.app", "operations.app", "tests.faults.harness.worker_process")
SERVICES: Final = ("gateway", "imports", "operations")
ADMIN: Final = {"username": "admin", "password": f"{token_hex(4)} of the road {token_hex(4)}"}
ITEMS: Final = "takt.operations.item"
_LOOPS: Final = {
    "gateway": ("gateway", "api,relay"),
    "imports": ("imports", "api,relay,consumers"),
    "worker": ("imports", "worker"),
    "operations": ("operations", "relay,consumers"),
    "heir": ("imports", "worker"),
}
PARTS: Final = ("gateway", "imports", "worker", "operations")
_GROUPS: Final = {
    "operations.imports": ("operations", ("takt.imports.rows",)),
    "imports.files": ("imports", ("takt.inbound.file",)),
    "imports.results": ("imports", ("takt.operations.rows-applied", "takt.records.rows-applied")),
}
_JOINED = 'INSERT INTO joined_groups (group_name, topic, "partition") VALUES ($1, $2, $3)'


@dataclass(frozen=True, kw_only=True)
class Road:
    """One run's own. Its parts have names; the heir is another worker."""

    databases: Mapping[str, TestDatabase]
    bootstrap: str
    folder: Path
    parent: Children
    name: str = field(default_factory=lambda: token_hex(4))
    secret: str = field(default_factory=lambda: token_hex(32))
    signing_key: str = field(default_factory=new_signing_key)
    ports: Mapping[str, int] = field(default_factory=lambda: {part: own_port() for part in _LOOPS})
    parts: dict[str, Child] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    @property
    def source(self) -> str:
        """CloudEvents source of what operations tells."""
        return f"/plants/road-{self.name}/operations"

    def address(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    def start(self, part: str, crash: str | None = None) -> Child:
        service, loops = _LOOPS[part]
        return self._forked(part, "takt.stack.jobs:serve", self._environment(part, loops, crash), service=service)

    def start_worker(self, attempts: str, crash: str | None = None) -> Child:
        """Another worker than the product's, whose attempts are a class at `module:NAME`."""
        environment = self._environment("worker", "worker", crash)
        return self._forked("worker", "tests.faults.harness.worker_process:run", environment, attempts=attempts)

    def _forked(self, part: str, target: str, environment: Mapping[str, str], **given: str) -> Child:
        name = f"{self.name}-{len(self.children)}"
        log = self.folder / f"{part}-{len(self.children)}.log"
        self.parts[part] = forked(self.parent, target, name, log, environment, **given)
        self.children.append(self.parts[part])
        return self.parts[part]

    def _environment(self, part: str, loops: str, crash: str | None) -> dict[str, str]:
        service = _LOOPS[part][0]
        given = {
            "MODE": "embedded",
            "PLANT": f"road-{self.name}",
            "PORT": str(self.ports[part]),
            "DATABASE_URL": self.databases[service].url("app"),
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "JWKS_URL": f"{self.address('gateway')}/.well-known/jwks.json",
            "CURSOR_SECRET": self.secret,
            "CONSISTENCY_SECRET": self.secret,
            "LOOPS": loops,
            "KAFKA_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "RELAY_LEASE_S": str(LEASE_S),
            "STORAGE_URL": (self.folder / "objects").as_uri(),
            "LEASE_S": str(LEASE_S),
            **self._of_gateway(),
        }
        return {f"TAKT_{service.upper()}_{name}": value for name, value in given.items()} | {VARIABLE: crash or ""}

    def _of_gateway(self) -> dict[str, str]:
        owners = {f"{name}_URL": self.address(name.lower()) for name in ("OPERATIONS", "IMPORTS")}
        admin = {"ADMIN_USERNAME": ADMIN["username"], "ADMIN_PASSWORD": ADMIN["password"]}
        return {**owners, "RECORDS_URL": "http://127.0.0.1:1", **admin, "SIGNING_KEY": self.signing_key}

    async def stand_at_the_end(self) -> None:
        """What earlier runs left on the broker is not for this one: its groups begin where the log ends now."""
        for group, (service, names) in _GROUPS.items():
            ends = await topics.ends(self.bootstrap, names)
            await _committed(self.bootstrap, group, ends)
            async with self.databases[service].connect() as connection:
                joined = [(group, partition.topic, partition.partition) for partition in ends]
                await connection.executemany(_JOINED, joined)

    async def versions(self) -> dict[str, int]:
        """The version of each item that operations has."""
        async with self.databases["operations"].connect() as connection:
            return {row["code"]: row["version"] for row in await connection.fetch("SELECT code, version FROM items")}

    async def told(self, since: Mapping[Any, int]) -> dict[str, int]:
        """How many different events each item has, read raw, once operations has told all it had to."""
        await self._drained()
        ids: dict[str, set[str]] = {}
        for record in await topics.read(self.bootstrap, [ITEMS], since):
            headers = topics.headers_of(record)
            if headers["ce_source"] == self.source:
                ids.setdefault(record.key.decode(), set()).add(headers["ce_id"])
        return {key: len(found) for key, found in ids.items()}

    async def _drained(self, within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        async with self.databases["operations"].connect() as connection:
            while await connection.fetchval("SELECT count(*) FROM outbox_pending"):
                if time.monotonic() > deadline:
                    raise Stuck("operations does not tell what it has")
                await asyncio.sleep(0.1)

    async def reading(self, query: str, *arguments: Any) -> Any:
        """One value of the tables of imports."""
        async with self.databases["imports"].connect() as connection:
            return await connection.fetchval(query, *arguments)


async def _committed(bootstrap: str, group: str, ends: Mapping[Any, int], within_s: float = 60.0) -> None:
    """Commit offsets of a group, as soon as the last member of an earlier run is out of it."""
    deadline = time.monotonic() + within_s
    async with topics.onlooker(bootstrap, group) as client:
        client.assign(list(ends))
        while True:
            try:
                await client.commit(dict(ends))
            except KafkaError as busy:
                if time.monotonic() > deadline:
                    raise Stuck(f"{group} has members of an earlier run: {json.dumps(str(busy))}") from busy
                await asyncio.sleep(0.2)
            else:
                return


@contextmanager
def travelled(road: Road) -> Iterator[Road]:
    """At the end nothing of the run is left. Groups are left cleanly where that does not take long: else the next run
    waits until the broker has missed their members.
    """
    try:
        yield road
    finally:
        for part in ("operations", "imports"):
            if part in road.parts:
                with suppress(Stuck):
                    road.parts[part].stop()
        for child in road.children:
            child.kill()
