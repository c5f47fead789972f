"""A consumer whose effect shows every fault: it appends to a list per key, and writes down the last state it was given.

The tables have no constraint that would save it: whatever is applied twice, late or not at all stays visible.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from plantkit.db.tx import Tx
from plantkit.messaging.consumer import Consumer, consumes
from plantkit.messaging.records import Delivery
from takt_contracts.event import Event

TABLES = """
CREATE TABLE operations.faults_appended (n bigserial, reader text, key text, version bigint, event_id text);
CREATE TABLE operations.faults_newest (reader text, key text, state text, PRIMARY KEY (reader, key));
"""
FIRST = "first"
_APPEND = """
INSERT INTO faults_appended (reader, key, version, event_id)
SELECT $4, key, version, id
FROM unnest($1::text[], $2::bigint[], $3::text[]) WITH ORDINALITY AS t (key, version, id, place)
ORDER BY place
"""
_NEWEST = """
INSERT INTO faults_newest (reader, key, state) VALUES ($1, $2, $3)
ON CONFLICT (reader, key) DO UPDATE SET state = excluded.state
"""


class Ticked(BaseModel):
    """State of a thing that only counts."""

    name: str
    count: int


def tick(run: str) -> type[Event]:
    """The event of one run: a topic and a type of its own, so that runs do not read each other's records."""

    class Tick(Event):
        service: ClassVar[str] = "faults"
        entity: ClassVar[str] = f"tick-{run}"
        key: ClassVar[tuple[str, ...]] = ("name",)
        fact: ClassVar[str] = "appended"

        state: Ticked

    return Tick


def group_of(run: str, reader: str) -> str:
    return f"operations.faults-{run}" if reader == FIRST else f"operations.faults-{run}-{reader}"


def appends(run: str, batch: int, reader: str = FIRST) -> Consumer:
    """A consumer of one run, with lists of its own. Twice or late: it would show; the kit has to prevent it."""

    @consumes(tick(run), group=group_of(run, reader), batch=batch)
    async def append(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        subjects = [delivery.subject for delivery in deliveries]
        versions = [delivery.version for delivery in deliveries]
        await tx.connection.execute(_APPEND, subjects, versions, [delivery.id for delivery in deliveries], reader)
        states = [(reader, one.subject, str(one.event.state.count)) for one in deliveries]
        await tx.connection.executemany(_NEWEST, states)

    return append
