"""What happens to one order, as events from the log, and what a card must then show: folded by hand, event by event.

Shares no code with the projection: it goes over all that was told, oldest version first, in one plain loop.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiokafka import ConsumerRecord

from takt_contracts.event import Event
from takt_contracts.examples import example_of
from takt_contracts.imports.jobs import ImportMoved
from takt_contracts.operations import production as operations
from takt_contracts.records.record_types import RecordTypeUpdated
from takt_contracts.records.records import RecordCreated, RecordDeleted, RecordRevised

SOURCE = "/plants/test/somebody"
_QUANTITIES = ("qty_desired", "qty_processed", "qty_good", "qty_scrap", "qty_rework")
_MOVES = ("uploaded", "parsed", "mapped", "validated", "planned", "started", "done")
_FACTS: dict[str, type[Event]] = {
    "updated": operations.OperationUpdated,
    "started": operations.OperationStarted,
    "reported": operations.OperationReported,
    "corrected": operations.OperationCorrected,
    "finished": operations.OperationFinished,
    "archived": operations.OperationArchived,
    "restored": operations.OperationRestored,
}

_BOOKINGS = {"reported": "report", "corrected": "correction"}


@dataclass(frozen=True)
class Told:
    """One event on its way: its data as JSON would have it."""

    event: type[Event]
    fact: str
    subject: str
    data: dict[str, Any]
    cause: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def version(self) -> int:
        return int(self.data["version"])

    def record(self, offset: int = 0) -> ConsumerRecord:
        """As it lies in the log."""
        named = {
            "specversion": "1.0", "id": self.id, "source": SOURCE, "type": self.event.type_of(self.fact),
            "subject": self.subject, "partitionkey": self.subject, "time": "2026-03-02T06:30:00Z",
        } | ({} if self.cause is None else {"causationid": self.cause})  # fmt: skip
        headers = tuple((f"ce_{name}", value.encode()) for name, value in named.items())
        value, key = orjson.dumps(self.data), self.subject.encode()
        return ConsumerRecord(self.event.topic, 0, offset, -1, 0, key, value, None, len(key), len(value), headers)


def _example(event: type[Event], fact: str) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(example_of(event, fact).model_dump_json())
    return data


def operation(
    fact: str, order: str, number: str, version: int, *, cause: str | None = None, entry: Any = None, **state: Any
) -> Told:
    event = operations.OperationCreated if fact == "created" else _FACTS[fact]
    data = _example(event, fact)
    data["version"] = version
    data["state"] |= {"order_no": order, "operation_no": number, "version": version, **state}
    if entry is not None:
        data["entry"] = entry
    return Told(event, fact, f"{order}/{number}", data, cause)


def entry(kind: str, good: str, minute: int) -> dict[str, Any]:
    booked = {"booked_at": f"2026-03-02T06:{minute:02d}:00Z", "booked_by": f"operator-{minute % 7:02d}"}
    unsaid = dict.fromkeys(("reason", "corrects", "counter_start", "counter_end", "counter_reason"))
    return {"id": str(uuid4()), "kind": kind, "good": good, "scrap": "0", "rework": "0", **unsaid, **booked}


def moved(import_id: str, version: int, state: str, **more: Any) -> Told:
    data = _example(ImportMoved, state)
    data["version"] = version
    data["state"] |= {"id": import_id, "version": version, **more}
    return Told(ImportMoved, state, import_id, data)


def record(fact: str, id_: str, version: int, about: Sequence[str], **state: Any) -> Told:
    event = {"created": RecordCreated, "revised": RecordRevised, "deleted": RecordDeleted}[fact]
    data = _example(event, fact)
    data["version"] = version
    data["state"] |= {"id": id_, "version": version, "about": list(about), **state}
    return Told(event, fact, id_, data)


def record_type(name: str, version: int, title: str) -> Told:
    data = _example(RecordTypeUpdated, "updated")
    data["version"] = version
    data["state"] |= {"name": name, "version": version, "title": title}
    return Told(RecordTypeUpdated, "updated", name, data)


def history(order: str, chance: random.Random) -> list[Told]:
    """Everything told about an order and some others, each subject in its order."""
    imports = [str(UUID(int=chance.getrandbits(128), version=4)) for _ in range(chance.randint(0, 2))]
    told: list[Told] = []
    for number in range(chance.randint(0, 3)):
        told += _operation_story(order, f"{(number + 1) * 10:04d}", imports, chance)
    told += _operation_story(f"{order}-X", "0010", imports, chance)
    for import_id in imports[: chance.randint(0, 2)]:
        last = chance.randint(1, len(_MOVES))
        told += [moved(import_id, n + 1, _MOVES[n], file_name=f"{order}.xlsx") for n in range(last)]
    for _ in range(chance.randint(0, 2)):
        told += _record_story(order, chance)
    kind = f"type-of-{order}"[:40]
    return told + [record_type(kind, n + 1, f"Title {n}") for n in range(chance.randint(0, 2))]


def _operation_story(order: str, number: str, imports: Sequence[str], chance: random.Random) -> list[Told]:
    def cause() -> str | None:
        return f"imports/{chance.choice(imports)}/rows/{chance.randint(2, 900)}" if imports else None

    opening = entry("opening", "1", chance.randint(0, 59)) if chance.random() < 0.3 else None
    told = [operation("created", order, number, 1, cause=cause(), entry=opening, qty_desired="10")]
    for version in range(2, chance.randint(2, 6)):
        fact = chance.choice(list(_FACTS))
        good, more = str(chance.randint(1, 9)), {}
        if fact == "archived":
            more = {"archived_at": "2026-03-02T07:00:00Z"}
        booked = entry(_BOOKINGS[fact], good, chance.randint(0, 59)) if fact in _BOOKINGS else None
        why = cause() if fact == "updated" else None
        told.append(operation(fact, order, number, version, cause=why, entry=booked, qty_good=good, **more))
    return told


def _record_story(order: str, chance: random.Random) -> list[Told]:
    id_, kind = str(UUID(int=chance.getrandbits(128), version=4)), f"type-of-{order}"[:40]
    places = [f"orders/{order}", f"operations/{order}/0010", f"orders/{order}-X", "items/A-1", f"workplaces/{order}"]
    told = [record("created", id_, 1, chance.sample(places, 2), record_type=kind)]
    for version in range(2, chance.randint(2, 4)):
        told.append(record("revised", id_, version, chance.sample(places, 2), record_type=kind))
    if chance.random() < 0.3:
        told.append(record("deleted", id_, len(told) + 1, [f"orders/{order}"], record_type=kind))
    return told


def shuffled(told: Sequence[Told], chance: random.Random) -> list[list[Told]]:
    """Batches in which everything comes at least once, some of it twice, in any order at all."""
    again = [one for one in told if chance.random() < 0.4]
    mixed = [*told, *again]
    chance.shuffle(mixed)
    batches = []
    while mixed:
        size = chance.randint(1, max(1, len(mixed)))
        batches.append(mixed[:size])
        mixed = mixed[size:]
    return batches


def expected(order: str, told: Sequence[Told]) -> dict[str, Any] | None:
    """The card without times of its own; None where nothing is known."""
    states: dict[str, dict[str, Any]] = {}
    ledger: list[tuple[Any, ...]] = []
    rows: dict[str, list[dict[str, Any]]] = {}
    imports: dict[str, dict[str, Any]] = {}
    records: dict[str, Told] = {}
    titles: dict[str, str] = {}
    for one in sorted(told, key=lambda one: one.version):
        state = one.data["state"]
        if one.event is ImportMoved:
            imports[state["id"]] = state
        elif one.event in (RecordCreated, RecordRevised, RecordDeleted):
            records[state["id"]] = one
        elif one.event is RecordTypeUpdated:
            titles[state["name"]] = state["title"]
        elif state["order_no"] == order:
            states[state["operation_no"]] = state
            if one.data.get("entry"):
                booked = one.data["entry"] | {"operation_no": state["operation_no"]}
                ledger.append((booked["booked_at"], state["operation_no"], one.version, booked))
            if one.cause:
                _, import_id, _, row = one.cause.split("/")
                did = {"row": int(row), "operation_no": state["operation_no"], "version": one.version}
                rows.setdefault(import_id, []).append(did | {"fact": one.fact})
    shown = [states[number] for number in sorted(states) if states[number]["archived_at"] is None]
    about = [one.data["state"] for one in records.values() if one.event is not RecordDeleted]
    card = {
        "operations": shown,
        "ledger": [booked for *_, booked in sorted(ledger, key=lambda each: each[:3])],
        "imports": {id_: _shown_import(imports.get(id_), did) for id_, did in rows.items()},
        "records": {one["id"]: _shown_record(one, titles) for one in about if _is_about(one, order)},
    }
    if not states and not any(card.values()):
        return None
    return {"totals": _totals(shown), **card}


def _shown_import(state: dict[str, Any] | None, rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("file_name", "uploaded_by", "state", "totals")
    known = dict.fromkeys(names) if state is None else {name: state[name] for name in names}
    return known | {"rows": sorted(rows, key=lambda row: (row["row"], row["operation_no"], row["version"]))}


def _shown_record(state: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    kind = state["record_type"]
    return {"record_type": kind, "title": titles.get(kind, kind), "version": state["version"]}


def _is_about(state: dict[str, Any], order: str) -> bool:
    return any(place == f"orders/{order}" or place.startswith(f"operations/{order}/") for place in state["about"])


def _totals(shown: Sequence[dict[str, Any]]) -> dict[str, Any]:
    statuses = {name: sum(one["status"] == name for one in shown) for name in operations.Status}
    sums = {name: sum(float(one[name]) for one in shown) for name in _QUANTITIES}
    return {"operations": len(shown), "statuses": statuses, **sums}
