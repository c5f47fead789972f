"""An outbox as a busy shift leaves it while the broker is away: reports on many operations, every version in order."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from plantkit.auth.principal import Principal
from plantkit.db.tx import Origin
from plantkit.db.writer import OUTBOX_COLUMNS
from plantkit.ids import new_id
from plantkit.settings import Mode, ServiceSettings
from plantkit.telling import outbox_row
from takt_contracts.operations.production import EntryKind, LedgerEntry, Operation, OperationReported, Status
from takt_contracts.roles import Role

_OPERATOR = Principal(id="operator-07", kind="user", roles=frozenset({Role.OPERATOR}), name="Operator 07")
_COLUMNS = ", ".join(OUTBOX_COLUMNS)


class _Settings(ServiceSettings):
    service = "operations"


def settings(database_url: str = "postgresql://nobody@127.0.0.1/takt", kafka: str = "127.0.0.1:1") -> ServiceSettings:
    """Of operations, for what runs without the service around it."""
    given: dict[str, Any] = {"database_url": database_url, "kafka_bootstrap": kafka}
    secret = "4f9a2c7e1b8d6053f7a1c9e24b60d835"
    given |= {"jwks_url": "http://127.0.0.1:1", "cursor_secret": secret, "consistency_secret": secret}
    return _Settings(mode=Mode.EMBEDDED, plant="bench", port=0, **given)


def reports(rows: int, aggregates: int, kind: type[OperationReported] = OperationReported) -> Iterator[dict[str, Any]]:
    """Outbox rows of as many reports, every version of every operation in order."""
    told = settings()
    return (_row(kind, number // aggregates + 1, number % aggregates, told) for number in range(rows))


async def fill(url: str, rows: int, aggregates: int) -> None:
    """Keep the rows in a table of their own, to be copied into the outbox again and again."""
    made = list(reports(rows, aggregates))
    connection = await asyncpg.connect(url, server_settings={"search_path": "operations"})
    await connection.execute(f"CREATE TABLE bench_rows AS SELECT {_COLUMNS} FROM outbox LIMIT 0")
    records = [tuple(row[name] for name in OUTBOX_COLUMNS) for row in made]
    await connection.copy_records_to_table("bench_rows", records=records, columns=list(OUTBOX_COLUMNS))
    await connection.close()


async def refill(url: str, superuser_url: str) -> None:
    """The same rows, unpublished, in a table without a past; then a checkpoint, so that none falls into a turn."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "operations"})
    await connection.execute("TRUNCATE outbox, outbox_pending")
    await connection.execute("UPDATE relay_slots SET owner = NULL, expires_at = '-infinity'")
    await connection.execute("DELETE FROM relay_members")
    await connection.execute(f"INSERT INTO outbox ({_COLUMNS}) SELECT {_COLUMNS} FROM bench_rows")
    await connection.execute("VACUUM ANALYZE outbox, outbox_pending")
    await connection.close()
    superuser = await asyncpg.connect(superuser_url)
    await superuser.execute("CHECKPOINT")
    await superuser.close()


def _row(kind: type[OperationReported], version: int, number: int, told: ServiceSettings) -> dict[str, Any]:
    now = datetime.now(UTC)
    origin = Origin(request_id=str(new_id()), traceparent=f"00-{new_id().hex}-{new_id().hex[16:]}-00")
    return outbox_row(_event(kind, version, number, now), principal=_OPERATOR, origin=origin, now=now, settings=told)


def _event(kind: type[OperationReported], version: int, number: int, now: datetime) -> OperationReported:
    booked = Decimal(version)
    state = Operation(
        id=new_id(),
        version=version,
        created_at=now,
        updated_at=now,
        order_no=f"WO-{number // 4:05d}",
        operation_no=f"{10 * (number % 4 + 1):04d}",
        workplace=f"CNC-{number % 40:02d}",
        item=f"SHAFT-{number % 300:03d}",
        planned_start=now,
        planned_end=now,
        due=now,
        qty_desired=Decimal(10_000),
        qty_processed=booked,
        qty_good=booked,
        status=Status.IN_PROGRESS,
    )
    entry = LedgerEntry(id=new_id(), kind=EntryKind.REPORT, good=Decimal(1), booked_at=now, booked_by=_OPERATOR.id)
    return kind(version=version, state=state, entry=entry)
