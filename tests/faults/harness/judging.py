"""From the tables and topics of operations to what the checkers read. Nothing of the product is asked."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from tests.faults.checkers import chain, conservation, fold, order, queue
from tests.faults.checkers.conservation import Balance, Found
from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import tables, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.shop import FIRST_REPORT, LIFE, Shop

TOPICS = ("takt.operations.operation", "takt.operations.audit")
_STATE = f"""
SELECT reason AS id FROM ledger_entries
UNION ALL SELECT order_no FROM operations WHERE operation_no = '{LIFE}'
UNION ALL SELECT order_no || '-start' FROM operations WHERE operation_no = '{LIFE}' AND status <> 'RELEASED'
UNION ALL SELECT order_no || '-finish' FROM operations WHERE operation_no = '{LIFE}' AND status = 'FINISHED'
"""
_EVENTS = "SELECT headers ->> 'ce_correlationid' AS id FROM outbox WHERE aggregatetype = 'operation'"
_ENTRIES = "SELECT entry ->> 'request_id' AS id FROM audit_entries WHERE entry ->> 'outcome' = $1"
_OUTBOX = "SELECT id::text FROM outbox WHERE topic = ANY($1)"
_OPERATIONS = """
SELECT order_no || '/' || operation_no AS key, status, version, qty_good::int AS good, qty_scrap::int AS scrap,
       qty_processed::int AS processed, qty_desired::int AS desired,
       (SELECT array_agg(good::int ORDER BY entry_no) FROM ledger_entries l WHERE l.operation_id = o.id) AS goods,
       (SELECT array_agg(scrap::int ORDER BY entry_no) FROM ledger_entries l WHERE l.operation_id = o.id) AS scraps
FROM operations o
"""


async def verdicts(plant: Plant, shop: Shop, since: dict[TopicPartition, int], *, least: int) -> list[Verdict]:
    """Commands against rows, rows against topics, topics against rows."""
    history = plant.written(shop.history)
    raw = await _told(plant, since)
    operations = [one for one in raw if one.topic == TOPICS[0]]
    kept = {row["id"]: Out.OK for row in await tables.rows(plant, _OUTBOX, list(TOPICS))}
    rows = await tables.rows(plant, _OPERATIONS)
    reports = sorted((op for op in history if op.op == "report"), key=lambda op: op.t0)
    return [
        conservation.all_or_none({op.val: op.out for op in history}, await _found(plant), least=least),
        conservation.quantities([_balance(row) for row in rows], least=least),
        chain.unbroken(reports, {row["key"]: row["version"] for row in rows if row["key"] in shop.keys},
                       first=FIRST_REPORT, least=least),
        queue.account(kept, [topics.headers_of(one)["ce_id"] for one in raw], least=2 * least),
        order.first_seen(map(topics.as_record, operations), least=least),
        fold.same({row["key"]: _shown(row) for row in rows}, fold.fold(map(_state, operations)), least=len(shop.keys)),
    ]  # fmt: skip


async def _told(plant: Plant, since: dict[TopicPartition, int]) -> list[ConsumerRecord]:
    """What this run's service has told; the broker is shared with other runs."""
    raw = await topics.read(plant.bootstrap, TOPICS, since)
    return [one for one in raw if topics.headers_of(one)["ce_source"] == plant.source]


async def _found(plant: Plant) -> Found:
    """Rows that name a command of the clients; setting up the shop is not judged."""
    queries: Sequence[tuple[str, tuple[str, ...]]] = (
        (_STATE, ()), (_EVENTS, ()), (_ENTRIES, ("changed",)), (_ENTRIES, ("refused",)),
    )  # fmt: skip
    named = [await tables.rows(plant, query, *arguments) for query, arguments in queries]
    state, events, changes, refusals = (
        Counter(row["id"] for row in rows if str(row["id"]).startswith(f"{plant.name}-")) for rows in named
    )
    return Found(state, events, changes, refusals)


def _balance(row: Any) -> Balance:
    entries = tuple(zip(row["goods"] or (), row["scraps"] or (), strict=True))
    return Balance(
        key=row["key"],
        good=row["good"],
        scrap=row["scrap"],
        processed=row["processed"],
        desired=row["desired"],
        entries=entries,
    )


def _shown(row: Any) -> dict[str, Any]:
    return {"version": row["version"], "status": row["status"], "good": row["good"], "processed": row["processed"]}


def _state(raw: ConsumerRecord) -> tuple[str, int, dict[str, Any]]:
    told = json.loads(raw.value)
    state = told["state"]
    shown = {
        "version": told["version"],
        "status": state["status"],
        "good": int(float(state["qty_good"])),
        "processed": int(float(state["qty_processed"])),
    }
    return raw.key.decode(), told["version"], shown
