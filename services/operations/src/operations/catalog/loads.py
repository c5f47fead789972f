"""What trucks and trailers carry: no capacity is set below a load that is assigned to it.

Transport orders are read by their tables' names: logistics, which keeps them, is another slice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import asyncpg
from sqlalchemy import BigInteger, Numeric, bindparam, text

from plantkit.db.constraints import TRIGGERS
from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.tx import Tx
from plantkit.errors import Invalid
from takt_contracts.problem import FieldError

_OTHER: Final = {"truck": "trailer", "trailer": "truck"}
_MOST_NAMED = 10


class BelowLoad(Invalid):
    """A truck or trailer would take less than what is assigned to it and not delivered yet."""

    code = "vehicle.below-load"
    cure = "Assign the transport orders that the answer names to another vehicle first, or correct the capacity."


class _Vehicle(Protocol):
    code: str
    capacity_pallets: int | None
    capacity_kg: Decimal | None


def kept_by_trigger(table: str) -> Mapping[str, Any]:
    """For `Table.info`: what the database refuses, whoever assigns a load at the same time."""
    refused = (BelowLoad, "It would take less than what was assigned to it meanwhile.")
    return {TRIGGERS: {f"{table}_carry_their_load_check": refused}}


def carries_its_load(kind: str) -> Callable[[Tx, Any, Any], Awaitable[None]]:
    """A rule of trucks or of trailers. A vehicle without a capacity takes what its partner takes, or anything."""
    overloaded = _overloaded(kind)

    async def rule(tx: Tx, before: _Vehicle | None, after: _Vehicle) -> None:
        """Raises BelowLoad."""
        if before is None or _capacity(before) == _capacity(after):
            return
        pallets, kg = _capacity(after)
        found = await tx.fetch(overloaded, code=after.code, pallets=pallets, kg=kg)
        if found:
            raise _below_load(found)

    return rule


def _capacity(vehicle: _Vehicle) -> tuple[int | None, Decimal | None]:
    return vehicle.capacity_pallets, vehicle.capacity_kg


def _overloaded(kind: str) -> Compiled:
    """The bookings of a vehicle whose load is more than it and its partner would take. They end with the delivery."""
    other = _OTHER[kind]
    query = (
        "SELECT o.no, l.field, l.load, l.room FROM"  # noqa: S608 -- names of ours
        f" operations.{kind}s v JOIN operations.transport_bookings b ON b.{kind}_no IS NOT NULL"
        f" AND int8range(b.{kind}_no, b.{kind}_no, '[]') && int8range(v.no, v.no, '[]')"
        " JOIN operations.transport_orders o ON o.id = b.transport_order_id"
        f" LEFT JOIN operations.{other}s r ON r.no = b.{other}_no, LATERAL (VALUES"
        " ('capacity_pallets', o.pallets::numeric,"
        " coalesce(:pallets + r.capacity_pallets, :pallets, r.capacity_pallets)),"
        " ('capacity_kg', o.kilos, coalesce(:kg + r.capacity_kg, :kg, r.capacity_kg))) AS l (field, load, room)"
        f" WHERE v.code = :code AND l.load > l.room ORDER BY l.field DESC, o.no LIMIT {_MOST_NAMED}"
    )
    typed = (bindparam("pallets", type_=BigInteger), bindparam("kg", type_=Numeric))
    return compile_statement(text(query).bindparams(*typed))


def _below_load(found: Sequence[asyncpg.Record]) -> BelowLoad:
    said: dict[str, str] = {}
    for one in found:
        said.setdefault(one["field"], _sentence(one))
    errors = [FieldError(pointer=f"/{field}", code="field.rule", detail=detail) for field, detail in said.items()]
    return BelowLoad(" ".join(said.values()), errors=errors, orders=sorted({one["no"] for one in found}))


def _sentence(one: asyncpg.Record) -> str:
    what = "pallets" if one["field"] == "capacity_pallets" else "kilos"
    load, room = (f"{Decimal(value).normalize():f}" for value in (one["load"], one["room"]))
    return f"Transport order {one['no']} has {load} {what} on it; {room} would be taken."
