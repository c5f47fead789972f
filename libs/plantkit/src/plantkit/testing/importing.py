"""Stands where imports and the log stand: hands batches of rows to an owner's consumer, and reads its answers."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from aiokafka import ConsumerRecord
from fastapi import FastAPI

from plantkit.auth.principal import Principal
from plantkit.db.tx import Origin
from plantkit.ids import new_id
from plantkit.messaging.subscription import Subscription
from plantkit.sealing import opened
from plantkit.telling import outbox_row
from plantkit.testing.database import TestDatabase
from takt_contracts.imports.rows import ROWS_APPLIED, RowBatch, RowResults, RowsApplied, RowsReady
from takt_contracts.roles import Role

Rows = Sequence[Mapping[str, Any]]
_offsets = itertools.count(1)


class ImportSender:
    """Batches of one import after the other; each row is a mapping of fields to values, as JSON has them."""

    def __init__(self, app: FastAPI, database: TestDatabase) -> None:
        self._context = app.state.context
        self._database = database
        self._owner = database.service
        found = [one for one in app.state.messaging.subscriptions if one.group == f"{self._owner}.imports"]
        self.subscription: Subscription = found[0]
        self._versions: defaultdict[UUID, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    async def send(self, target: str, said: Rows, /, **given: Any) -> RowResults:
        """One batch, and what became of it."""
        batch = self.batch(target, said, **given)
        [result] = await self.deliver([batch])
        return result

    def batch(self, target: str, said: Rows, /, **given: Any) -> RowBatch:
        """Rows are numbered from 2, as below a header."""
        columns = tuple(dict.fromkeys(name for row in said for name in row))
        about: dict[str, Any] = {
            "import_id": new_id(),
            "phase": "commit",
            "batch": 1,
            "batches": 1,
            "owner": self._owner,
            "target": target,
            "uploaded_by": "planner-1",
            "roles": (Role.PLANNER,),
            "columns": columns,
            "rows": [[number, *(row.get(name) for name in columns)] for number, row in enumerate(said, start=2)],
        }
        return RowBatch.model_validate(about | given)

    async def deliver(self, batches: Sequence[RowBatch]) -> list[RowResults]:
        """As one poll of the log. Answers in the order they were told."""
        records = [self.record(batch) for batch in batches]
        await self.subscription.pipeline.consume(records)
        return await self.answers([batch.import_id for batch in batches])

    def record(self, batch: RowBatch) -> ConsumerRecord:
        event = RowsReady(version=next(self._versions[batch.import_id]), state=batch)
        by = Principal(id="imports", kind="service", roles=frozenset(), name="imports")
        about: dict[str, Any] = {"now": self._context.clock(), "settings": self._context.settings}
        row = outbox_row(event, principal=by, origin=Origin(request_id=str(batch.import_id)), **about)
        headers = tuple((name, value.encode()) for name, value in orjson.loads(row["headers"]).items())
        key, value = row["key"].encode(), row["payload"].encode()
        place = (row["topic"], 0, next(_offsets))
        return ConsumerRecord(*place, -1, 0, key, value, None, len(key), len(value), headers)

    async def answers(self, imports: Sequence[Any]) -> list[RowResults]:
        event = ROWS_APPLIED[self._owner]
        async with self._database.connect() as connection:
            rows = await connection.fetch(
                "SELECT payload FROM outbox WHERE type = $1 AND aggregateid = ANY($2) ORDER BY recorded_at, version",
                event.type,
                [str(one) for one in dict.fromkeys(imports)],
            )
        secret = self._context.settings.consistency_secret.get_secret_value()
        told = [opened(secret, event.model_validate_json(row["payload"])) for row in rows]
        return [one.state for one in told if isinstance(one, RowsApplied)]
