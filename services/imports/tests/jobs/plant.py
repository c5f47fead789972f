"""A plant around imports: an inbox, a reader of files that were written by the test, and an owner that answers."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
from aiokafka import ConsumerRecord

from imports.jobs.consumers import receive_files, take_answers
from imports.jobs.model import ImportWork
from imports.jobs.reading import Attempts
from imports.spreadsheet.limits import Refused
from imports.spreadsheet.model import Batch, CellError, Head
from plantkit.context import Context
from plantkit.ids import new_id
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.records import Delivery
from plantkit.messaging.subscription import Subscription
from plantkit.storage import Storage
from plantkit.testing.database import TestDatabase
from plantkit.work import Desk, Lease
from takt_contracts.event import Event
from takt_contracts.imports.files import FileUploaded
from takt_contracts.imports.jobs import ImportMoved, ImportState, MappedColumn, RowState, Suggestion
from takt_contracts.imports.rows import ROWS_APPLIED, Phase, RowBatch, RowChange, RowRefusal, RowsReady
from takt_contracts.roles import Role

FIELDS = ("code", "name")
HEADER = (
    MappedColumn(column=1, letter="A", header="Item", field="code", by="synonym"),
    MappedColumn(column=2, letter="B", header="Name", field="name", by="title"),
)
Answer = Callable[[RowBatch], tuple[Sequence[RowState], Sequence[int]]]


def rows_of(first: int, count: int) -> list[list[Any]]:
    return [[number, f"IT-{number}", f"Item {number}"] for number in range(first, first + count)]


def sheet(*sizes: int, target: str | None = "items", rejected: Sequence[int] = (), **more: Any) -> dict[str, Any]:
    """A file as the reader of these tests takes it: batches of rows from row 2 on; `rejected` rows are not valid."""
    batches, first = [], 2
    for size in sizes:
        rows = rows_of(first, size)
        wrong = [row[0] for row in rows if row[0] in rejected]
        batches.append(
            {"rows": [row for row in rows if row[0] not in wrong], "rejected": wrong, "seen": first - 2 + size}
        )
        first += size
    return {"target": target, "batches": batches, **more}


@dataclass
class WrittenFile:
    """Stands where the reader of workbooks stands: the file says itself what would be read of it."""

    told: dict[str, Any]
    wanted: str | None
    mapping: tuple[MappedColumn, ...] | None
    fields: tuple[str, ...] = FIELDS

    @classmethod
    def open(cls, path: Path, templates: Any, **given: Any) -> "WrittenFile":
        return cls(orjson.loads(path.read_bytes()), given["wanted"], given["mapping"])

    async def __aenter__(self) -> "WrittenFile":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def head(self) -> Head:
        if "refused" in self.told:
            raise Refused(*self.told["refused"])
        target = self.wanted or self.told["target"]
        suggested = (Suggestion(target="items", score=0.5, columns=HEADER),) if target is None else ()
        return Head("Orders", 1, self.mapping or HEADER, target, suggested, ())

    async def batches(self) -> AsyncIterator[Batch]:
        for told in self.told["batches"]:
            if "refused" in told:
                raise Refused(*told["refused"])
            errors = [wrong_cell(row) for row in told["rejected"]]
            yield Batch(told["rows"], errors, told["seen"], told["rejected"])


def wrong_cell(row: int, code: str = "cell.required") -> CellError:
    return CellError(row, 2, "B", "Name", "name", None, "a name", code, "Write one.")


def created(batch: RowBatch) -> tuple[list[RowState], list[int]]:
    """An owner for whom every row is new."""
    versions = [0 if batch.phase is Phase.PLAN else 1] * len(batch.rows)
    return [RowState.CREATED] * len(batch.rows), versions


@dataclass
class Plant:
    """One running service with what is around it."""

    context: Context
    database: TestDatabase
    storage: Storage
    client: httpx.AsyncClient
    offsets: int = 0
    answered: dict[UUID, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.context, self.storage, opener=WrittenFile.open)  # type: ignore[arg-type]  # has what is used
        self.desk = Desk(self.context.db, ImportWork)

    async def upload(self, told: dict[str, Any], **fields: Any) -> UUID:
        """A file in the inbox, told to imports; nobody has read it yet."""
        file = await self.file(told, **fields)
        await self.deliver(receive_files, file)
        return file.state.id

    async def file(self, told: dict[str, Any], **fields: Any) -> FileUploaded:
        content, id_ = orjson.dumps(told), new_id()
        key = f"inbox/2026-03-02/{id_}"
        await self.storage.put(key, content)
        state = {
            "id": id_, "file_name": "orders.xlsx", "dataref": key, "bytes": len(content), "template": "items",
            "sha256": hashlib.sha256(content).hexdigest(), "uploaded_by": "planner-1", "roles": [Role.PLANNER],
            "uploaded_at": datetime(2026, 3, 2, tzinfo=UTC), **fields,
        }  # fmt: skip
        return FileUploaded.model_validate({"version": 1, "state": state})

    async def imported(self, told: dict[str, Any], answer: Answer = created, **fields: Any) -> UUID:
        """A file, read and answered until nothing is left to do."""
        import_id = await self.upload(told, **fields)
        await self.work()
        await self.answer_all(import_id, answer)
        return import_id

    async def work(self) -> int:
        """Let the worker do what there is. Answers how many pieces."""
        done = 0
        while (lease := await self.desk.claim()) is not None:
            await self.attempts(lease)
            done += 1
        return done

    async def claim(self) -> Lease:
        lease = await self.desk.claim()
        assert lease is not None
        return lease

    async def deliver(self, consumer: Consumer, *events: Event, **headers: str) -> None:
        """One batch from the log, as the kit applies it."""
        subscription = Subscription(self.context, consumer)
        deliveries = [self._delivery(subscription, event, headers) for event in events]
        await subscription.effect.apply(deliveries)

    def _delivery(self, subscription: Subscription, event: Event, headers: dict[str, str]) -> Delivery[Any]:
        self.offsets += 1
        named = {
            "specversion": "1.0", "id": str(new_id()), "source": "/plants/test/others", "subject": event.subject,
            "type": event.type, "time": "2026-03-02T06:30:00Z", **headers,
        }  # fmt: skip
        record = ConsumerRecord(
            topic=event.topic, partition=0, offset=self.offsets, timestamp=0, timestamp_type=0,
            key=event.subject.encode(), value=event.model_dump_json().encode(), checksum=None, serialized_key_size=0,
            serialized_value_size=0, headers=tuple((f"ce_{key}", value.encode()) for key, value in named.items()),
        )  # fmt: skip
        read = subscription.reader.read(record)
        assert isinstance(read, Delivery), read
        return read

    async def sent(self, import_id: UUID) -> list[RowsReady]:
        """Everything that was sent of it, in order."""
        async with self.database.connect() as connection:
            rows = await connection.fetch(
                "SELECT payload, version FROM outbox WHERE aggregatetype = 'rows' AND aggregateid = $1"
                " ORDER BY version",
                str(import_id),
            )
        assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
        return [RowsReady.model_validate_json(row["payload"]) for row in rows]

    async def waiting(self, import_id: UUID) -> list[RowsReady]:
        """What was sent and not answered by `answer_all` yet."""
        return (await self.sent(import_id))[self.answered.get(import_id, 0) :]

    async def answer_all(self, import_id: UUID, answer: Answer = created) -> None:
        while ready := await self.waiting(import_id):
            await self.deliver(take_answers, *(applied(one, answer) for one in ready))
            self.answered[import_id] = self.answered.get(import_id, 0) + len(ready)

    async def told(self, import_id: UUID) -> list[ImportMoved]:
        async with self.database.connect() as connection:
            rows = await connection.fetch(
                "SELECT payload FROM outbox WHERE aggregatetype = 'import' AND aggregateid = $1 ORDER BY version",
                str(import_id),
            )
        return [ImportMoved.model_validate_json(row["payload"]) for row in rows]

    async def trace(self, import_id: UUID) -> list[ImportState]:
        return [event.state.state for event in await self.told(import_id)]

    async def read(self, import_id: UUID, tail: str = "", **query: Any) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/imports/{import_id}{tail}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def order(
        self, import_id: UUID, verb: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        given = {"idempotency-key": str(new_id())} | (headers or {})
        return await self.client.post(f"/api/v1/imports/{import_id}/{verb}", json=body, headers=given)

    async def map(self, import_id: UUID, body: Any) -> httpx.Response:
        """Map its columns by hand, on the version that is there."""
        path = f"/api/v1/imports/{import_id}"
        seen = (await self.client.get(path)).headers["etag"]
        return await self.client.put(f"{path}/mapping", json=body, headers={"if-match": seen})

    async def execute(self, statement: str, *given: Any) -> None:
        async with self.database.connect() as connection:
            await connection.execute(statement, *given)

    async def count(self, query: str, *given: Any) -> int:
        async with self.database.connect() as connection:
            found: int = await connection.fetchval(query, *given)
        return found

    async def expire_leases(self) -> None:
        await self.execute("UPDATE import_work SET lease_until = '-infinity' WHERE lease_until IS NOT NULL")


def applied(ready: RowsReady, answer: Answer = created, **more: Any) -> Event:
    """What an owner says of a batch; rows that it rejects, and why rows would change, are told by the states."""
    batch = ready.state
    states, versions = answer(batch)
    refusals = [
        RowRefusal(row=int(str(row[0])), code="reference.unknown", detail="There is no such thing.", field="code")
        for row, state in zip(batch.rows, states, strict=True)
        if state in (RowState.REJECTED, RowState.STALE)
    ]
    changes = [
        RowChange(row=int(str(row[0])), before={"name": "Before"})
        for row, state in zip(batch.rows, states, strict=True)
        if state is RowState.UPDATED
    ]
    state = {
        "import_id": batch.import_id, "phase": batch.phase, "batch": batch.batch, "target": batch.target,
        "states": states, "versions": versions, "refusals": refusals, "changes": changes, **more,
    }  # fmt: skip
    return ROWS_APPLIED[batch.owner].model_validate({"version": ready.version, "state": state})


def sums_up(totals: dict[str, int]) -> bool:
    return totals["rows"] == sum(count for name, count in totals.items() if name != "rows")
