"""Tables as classes. The mapping describes tables and reads; the runner writes (see `plantkit.db.writer`)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Self
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, MetaData, inspect
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from takt_contracts.event import Event

NAMING = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


def schema(name: str) -> MetaData:
    """The metadata of one service's schema, with constraint names that errors can be made from."""
    return MetaData(schema=name, naming_convention=NAMING)


Values = Mapping[str, Any] | asyncpg.Record
"""Column values by name."""


class Row(DeclarativeBase):
    """One row. A service derives its own abstract base from this with `metadata = schema("<service>")`."""

    __abstract__ = True
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: TIMESTAMP(timezone=True)}

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]

    def __init__(self, **values: Any) -> None:
        """Nobody but us tracks changes: past the ORM's attributes it costs half."""
        if unknown := values.keys() - _names(type(self)):
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}.")
        self.__dict__.update(values)


class Aggregate(Row):
    """A row whose every change is told. `version` counts its events from 1 without gaps.

    `record` is called by the method that changes state, after the change, so that no caller can forget it.
    """

    __abstract__ = True
    untold: ClassVar[frozenset[str]] = frozenset()
    """Columns whose values the audit trail does not repeat, because not everybody who reads it may see them."""

    version: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]

    def record(self, event: type[Event], **facts: Any) -> None:
        """Tell a fact: take the next version and keep the full state as it is now beside the fact's own words."""
        values = self.__dict__  # past the ORM's attributes, as when it is made
        values["version"] += 1
        values["updated_at"] = values["_now"]
        values.setdefault("_told", []).append(values["_tell"](event, self, facts))

    def bind(self, now: datetime, as_read: Values | None = None, *, tell: "Tell | None" = None) -> Self:
        """Give it the time of the command, and how its facts are made. Done by `Tx` when a row is read or made."""
        values = self.__dict__
        values["_now"], values["_as_read"] = now, as_read
        values["_base"], values["_tell"] = values["version"], tell or _validated
        return self

    @property
    def _now(self) -> datetime:
        now: datetime = self.__dict__["_now"]
        return now

    @property
    def as_read(self) -> Values | None:
        """Its columns as they were read; None for a new one."""
        found: Values | None = self.__dict__["_as_read"]
        return found

    @property
    def base_version(self) -> int:
        """The version that was read; 0 for a new one."""
        base: int = self.__dict__["_base"]
        return base

    @property
    def told(self) -> list[Event]:
        """Facts recorded since it was read."""
        told: list[Event] = self.__dict__.setdefault("_told", [])
        return told


Tell = Callable[[type[Event], Any, Mapping[str, Any]], Event]
"""Makes the fact about a row as it is now, from the class of the event and the fact's own words."""


def _validated(event: type[Event], row: Aggregate, facts: Mapping[str, Any]) -> Event:
    return event.of(row, **facts)


@cache
def _names(entity: type[Row]) -> frozenset[str]:
    return frozenset(columns_of(entity))


@cache
def columns_of(entity: type[Row]) -> tuple[str, ...]:
    """Column names in table order; attribute and column names are the same in this project."""
    return tuple(column.key for column in inspect(entity).columns)
