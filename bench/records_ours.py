"""Our side: the commands and queries of records in a process of their own, as its routes call them."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from itertools import count
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

import structlog
import uvloop

from bench.records_tasks import answer, content, tasks
from plantkit.auth.principal import Principal
from plantkit.clock import utc_now
from plantkit.db.tx import Origin
from plantkit.http.etag import IfMatch
from plantkit.ids import new_id
from plantkit.run import Runner
from plantkit.settings import Loop, Mode
from records.app import SERVICE
from records.record_types.commands import RegisterType, register_type
from records.settings import Settings
from records.versions import queries
from records.versions.commands import CreateRecord, ReviseRecord, create_record, revise_record
from takt_contracts.records.records import Lifecycle, RecordVersion
from takt_contracts.records.shipped import shipped
from takt_contracts.roles import Role

WRITERS = int(os.environ["BENCH_WRITERS"])
PAGE = 100
SOMEBODY = Principal(id="quality-02", kind="user", roles=frozenset({Role.ADMIN}), name="Quality 02")


class Bench:
    """Records of one type: one for each writer, and one for the long history."""

    def __init__(self) -> None:
        self.context = SERVICE.context(_settings(), utc_now)
        self.run = Runner(self.context, SOMEBODY, Origin(request_id=str(new_id())), now=utc_now)
        self.records: list[UUID] = []
        self.versions: list[int] = []

    async def prepare(self) -> None:
        [kind] = [one for one in shipped() if one.name == "inspection"]
        await self.run(register_type, RegisterType(fields=kind))
        for number in range(WRITERS + 1):
            order = CreateRecord(
                id=new_id(),
                record_type=kind.name,
                lifecycle=Lifecycle.FINAL,
                about=(),
                content={**content(0), "inspection_no": f"I-{number}"},
                reason=None,
            )
            self.records.append((await self.run(create_record, order)).id)
            self.versions.append(1)

    async def revise(self, place: int) -> float:
        """Seconds that it took."""
        said = {**content(self.versions[place]), "inspection_no": f"I-{place}"}
        match, changes = IfMatch(str(self.versions[place])), {"content": said}
        began = time.perf_counter()
        order = ReviseRecord(id=self.records[place], match=match, reason=None, changes=changes, is_patch=True)
        self.versions[place] = (await self.run(revise_record, order)).version
        return time.perf_counter() - began

    async def revise_for(self, seconds: float) -> None:
        ends_at = time.perf_counter() + seconds

        async def write(place: int) -> list[float]:
            times: list[float] = []
            while time.perf_counter() < ends_at:
                times.append(await self.revise(place))
            return times

        found = await asyncio.gather(*map(write, range(WRITERS)))
        _answer([one for times in found for one in times], seconds)

    async def deepen(self, versions: int) -> None:
        began = time.perf_counter()
        times = [await self.revise(WRITERS) for _ in range(versions - 1)]
        _answer(times, time.perf_counter() - began)

    async def page(self, skip: int, pages: int) -> None:
        times, found = [], 0
        for _ in range(pages):
            began = time.perf_counter()
            found = len(await self.read(self.versions[WRITERS] + 1 - skip))
            times.append(time.perf_counter() - began)
        answer(times, sum(times), found)

    async def read(self, before: int) -> list[RecordVersion]:
        """Newest first, below a version, as the route has them."""
        record = await queries.record(self.context, str(self.records[WRITERS]), SOMEBODY)
        rows = await queries.versions(self.context.db, record, before=before, limit=PAGE)
        return [RecordVersion.model_validate(row, from_attributes=True) for row in rows]


def _answer(times: Sequence[float], seconds: float) -> None:
    answer(times, seconds, len(times))


def _settings() -> Settings:
    secrets = (token_urlsafe(32) for _ in count())
    given: dict[str, Any] = {name: next(secrets) for name in ("cursor_secret", "consistency_secret", "audit_key")}
    return Settings(
        mode=Mode.EMBEDDED,
        plant="bench",
        port=0,
        database_url=os.environ["BENCH_DATABASE_URL"],
        kafka_bootstrap="127.0.0.1:1",
        jwks_url="http://127.0.0.1:1/jwks.json",
        loops=frozenset({Loop.API}),
        db_pool_size=WRITERS,
        **given,
    )


async def main() -> None:
    bench = Bench()
    await bench.prepare()
    for task in tasks():
        match task["task"]:
            case "revise":
                await bench.revise_for(task["seconds"])
            case "deepen":
                await bench.deepen(task["versions"])
            case "page":
                await bench.page(task["skip"], task["pages"])


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # our output is for the parent alone
    uvloop.run(main())
