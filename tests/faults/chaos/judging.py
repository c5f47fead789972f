"""From the tables, topics and logs of a whole stack to what the checkers read. Nothing of the product is asked."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain as joined
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord

from plantkit.db.provision import SERVICES
from tests.e2e.kafka_log import all_records
from tests.e2e.stack import Stack
from tests.faults.chaos.floor import Floor, item_codes
from tests.faults.checkers import appends, chain, conservation, fold, logs, order, progress, queue
from tests.faults.checkers.conservation import Balance, Found
from tests.faults.checkers.history import Op, Out
from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import topics

OPERATIONS, ITEMS = "takt.operations.operation", "takt.operations.item"
FIRST_REPORT = 3  # versions: 1 created, 2 started
_LIKE = "WHERE order_no LIKE $1 || '-%'"
_STATE = """SELECT reason AS id FROM operations.ledger_entries l JOIN operations.operations o ON o.id = l.operation_id
            WHERE o.order_no LIKE $1 || '-%'"""
_EVENTS = "SELECT headers ->> 'ce_correlationid' AS id FROM operations.outbox WHERE key LIKE $1 || '-%' AND topic = $2"
_ENTRIES = "SELECT entry ->> 'request_id' AS id FROM operations.audit_entries WHERE entry ->> 'outcome' = $1"
_OUTBOX = "SELECT id::text FROM {service}.outbox"
_OPERATIONS = """
SELECT order_no || '/' || operation_no AS key, status, version, qty_good::int AS good, qty_scrap::int AS scrap,
       qty_processed::int AS processed, qty_desired::int AS desired,
       (SELECT array_agg(good::int ORDER BY entry_no) FROM operations.ledger_entries l
        WHERE l.operation_id = o.id) AS goods,
       (SELECT array_agg(scrap::int ORDER BY entry_no) FROM operations.ledger_entries l
        WHERE l.operation_id = o.id) AS scraps
FROM operations.operations o WHERE order_no LIKE $1 || '-%'
"""
_CARDS = """
SELECT order_no || '/' || operation_no AS key, version, state FROM gateway.card_operations
WHERE order_no LIKE $1 || '-%'
"""
_ENTRIES_SHOWN = """
SELECT order_no || '/' || operation_no AS key, array_agg(version ORDER BY version) AS versions
FROM gateway.card_entries WHERE order_no LIKE $1 || '-%' GROUP BY 1
"""
_ITEMS = "SELECT code, version FROM operations.items WHERE code LIKE $1 || '-%'"


@dataclass(frozen=True, kw_only=True)
class Times:
    """When the last fault was gone, and when the load ended: of the clock that the history has."""

    healed_at: float
    ended_at: float


async def verdicts(stack: Stack, floor: Floor, times: Times, history: Sequence[Op], least: int) -> list[Verdict]:
    """Commands against rows, rows against topics, topics against rows and read models, and the logs."""
    kept = await _kept(stack)
    raw = await all_records(str(stack.status["kafka"]))
    later = dict.fromkeys(await _kept(stack), Out.INFO)  # services tell of themselves, every few seconds
    rows = await _rows(stack, _OPERATIONS, floor.name)
    told = [one for one in raw if one.topic == OPERATIONS and one.key.decode().startswith(f"{floor.name}-")]
    newest = fold.fold(map(_state, told))
    cards = {
        row["key"]: _state_of(row["version"], json.loads(row["state"]))
        for row in await _rows(stack, _CARDS, floor.name)
    }
    reports = sorted((op for op in history if op.op == "report"), key=lambda op: op.t0)
    final = {row["key"]: row["version"] for row in rows}
    return [
        conservation.all_or_none({op.val: op.out for op in history}, await _found(stack, floor), least=least),
        conservation.quantities([_balance(row) for row in rows], least=least),
        chain.unbroken(
            reports, {key: final[key] for key in floor.keys if key in final}, first=FIRST_REPORT, least=least
        ),
        queue.account(later | kept, [topics.headers_of(one)["ce_id"] for one in raw], least=2 * least),
        order.first_seen(map(_versioned, [one for one in raw if one.topic in (OPERATIONS, ITEMS)]), least=least),
        appends.exactly_once(await _booked(stack, floor), {key: final[key] - 2 for key in floor.keys}, least=least),
        fold.same({row["key"]: _shown(row) for row in rows}, newest, least=len(floor.keys)),
        fold.same(cards, newest, least=len(floor.keys)),
        await _imports(stack, floor, raw),
        progress.after_heal(
            sorted(history, key=lambda op: op.t1), healed_at=times.healed_at, ended_at=times.ended_at, least=10
        ),
        logs.clean({path.stem: lines(path) for path in _service_logs(stack)}),
    ]


async def _rows(stack: Stack, query: str, *arguments: Any) -> list[Any]:
    async with stack.database() as connection:
        return list(await connection.fetch(query, *arguments))


async def _found(stack: Stack, floor: Floor) -> Found:
    """Rows that name a command of the floor; opening it is not judged."""
    queries: Sequence[tuple[str, tuple[str, ...]]] = (
        (_STATE, (floor.name,)),
        (_EVENTS, (floor.name, OPERATIONS)),
        (_ENTRIES, ("changed",)),
        (_ENTRIES, ("refused",)),
    )
    named = [await _rows(stack, query, *arguments) for query, arguments in queries]
    sent = f"{floor.name}-"
    counted = (Counter(row["id"] for row in rows if str(row["id"]).startswith(sent)) for rows in named)
    return Found(*counted)


async def _kept(stack: Stack) -> dict[str, Out]:
    """What all services have committed to tell."""
    found = [await _rows(stack, _OUTBOX.format(service=service)) for service in SERVICES]
    return {row["id"]: Out.OK for row in joined.from_iterable(found)}


async def _booked(stack: Stack, floor: Floor) -> dict[str, list[int]]:
    """The entries that the order's card has, as 1, 2, 3 ... by the version that each made."""
    rows = await _rows(stack, _ENTRIES_SHOWN, floor.name)
    return {row["key"]: [version - FIRST_REPORT + 1 for version in row["versions"]] for row in rows}


async def _imports(stack: Stack, floor: Floor, raw: Sequence[ConsumerRecord]) -> Verdict:
    """Each row of an accepted file is in the table once; one of a file that nobody was answered for may be."""
    files = {prefix: Out.OK if location else Out.INFO for prefix, location in floor.uploads.items()}
    attempted = {code: out for prefix, out in files.items() for code in item_codes(prefix)}
    changes = [row["code"] for row in await _rows(stack, _ITEMS, floor.name) for _ in range(row["version"])]
    return queue.account(attempted, changes, once=True, least=1)


def _versioned(raw: ConsumerRecord) -> order.Record:
    record = topics.as_record(raw)
    return record._replace(key=f"{raw.topic} {record.key}")


def _balance(row: Any) -> Balance:
    entries = tuple(zip(row["goods"] or (), row["scraps"] or (), strict=True))
    numbers = {name: row[name] for name in ("key", "good", "scrap", "processed", "desired")}
    return Balance(**numbers, entries=entries)


def _shown(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ("version", "status", "good", "processed")}


def _state(raw: ConsumerRecord) -> tuple[str, int, dict[str, Any]]:
    told = json.loads(raw.value)
    return raw.key.decode(), told["version"], _state_of(told["version"], told["state"])


def _state_of(version: int, state: dict[str, Any]) -> dict[str, Any]:
    """As the tables show it, from the state that an event carries."""
    good, processed = (int(float(state[name])) for name in ("qty_good", "qty_processed"))
    return {"version": version, "status": state["status"], "good": good, "processed": processed}


def _service_logs(stack: Stack) -> list[Path]:
    servers = ("kafka", "postgres", "launcher")
    return [path for path in (stack.data / "logs").glob("*.log") if path.stem not in servers]


def lines(path: Path) -> list[str]:
    """Only a line feed ends a line."""
    return [line for line in path.read_text(errors="replace").split("\n") if line]
