"""Did the workbook land as the import says? Asked of three that know nothing of it.

openpyxl reads the file, SQL the table, a raw consumer the topic; none of them shares code with the services.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from openpyxl import load_workbook

from takt.demo.morning import Imported
from takt.errors import StackError

TOPIC = "takt.operations.operation"
_HEADER_ROW, _YIELD = 4, 10
Key = tuple[str, str]


@dataclass(frozen=True)
class Sheet:
    """Keys of the operations that a person would count, by the numbers of their rows; which of them were begun."""

    rows: Mapping[int, Key]
    begun: frozenset[int]


@dataclass(frozen=True)
class Verdict:
    """What each of them found, and an order of the file of which something is known already."""

    in_file: int
    in_table: int
    in_log: int
    order_no: str


def read(file: Path) -> Sheet:
    """By openpyxl alone: on the sheet of orders, below its header, every line that begins with an order's number."""
    page = load_workbook(file, data_only=True)["Orders"]
    below = enumerate(page.iter_rows(min_row=_HEADER_ROW + 1, max_col=_YIELD, values_only=True), start=_HEADER_ROW + 1)
    rows = {number: row for number, row in below if _text(row[0]).startswith("WO")}
    begun = frozenset(number for number, row in rows.items() if _text(row[_YIELD - 1]))
    return Sheet({number: (_text(row[0]), _text(row[1])) for number, row in rows.items()}, begun)


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


async def agree(sheet: Sheet, told: Imported, *, postgres: str, kafka: str) -> Verdict:
    """Raises StackError, naming both numbers, where the import and one of the three disagree."""
    totals, rejected = told.totals, {row["row"] for row in told.rejected}
    taken = {number: key for number, key in sheet.rows.items() if number not in rejected}
    there = await _in_table(postgres, list(taken.values()))
    events = await _in_log(kafka, f"imports/{told.id}/rows/")
    _same("rows in the file", len(sheet.rows), totals["rows"])
    _same("rows in the file that were refused", len(sheet.rows.keys() & rejected), totals["rejected"])
    _same("operations of the file in the table", there, totals["created"] + totals["updated"] + totals["unchanged"])
    _same("events of the import in the log", len(events), totals["created"] + totals["updated"])
    if wrong := [number for number, key in events.items() if taken.get(number) != key]:
        raise StackError(f"The log tells of other operations than the file in rows {wrong[:5]}.")
    shown = next(taken[number] for number in sorted(taken) if number in sheet.begun)
    return Verdict(len(sheet.rows), there, len(events), shown[0])


def _same(what: str, found: int, claimed: int) -> None:
    if found != claimed:
        raise StackError(f"The import's totals are wrong: {found} {what}, where it says {claimed}.")


async def _in_table(database_url: str, keys: list[Key]) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM operations.operations AS o"
            " JOIN unnest($1::text[], $2::text[]) AS f (order_no, operation_no) USING (order_no, operation_no)",
            [order_no for order_no, _ in keys],
            [operation_no for _, operation_no in keys],
        )
    finally:
        await connection.close()
    return found


async def _in_log(bootstrap: str, cause: str) -> dict[int, Key]:
    """Subjects of the events that rows of the import caused, by the number of the row."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    found: dict[int, Key] = {}
    try:
        await consumer.start()
        ends = await consumer.end_offsets([TopicPartition(TOPIC, n) for n in consumer.partitions_for_topic(TOPIC)])
        while await _is_behind(consumer, ends):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    caused = dict(record.headers).get("ce_causationid", b"").decode()
                    if caused.startswith(cause):
                        _once(found, int(caused.removeprefix(cause)), record.key.decode())
    finally:
        await consumer.stop()
    return found


def _once(found: dict[int, Key], row: int, subject: str) -> None:
    order_no, _, operation_no = subject.partition("/")
    if row in found:
        raise StackError(f"The log tells twice of row {row}.")
    found[row] = (order_no, operation_no)


async def _is_behind(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    return any([await consumer.position(partition) < end for partition, end in ends.items()])
