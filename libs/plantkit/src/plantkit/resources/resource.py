"""A resource, declared once: its contract, its table, who may write it. All else is derived from these."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import BigInteger, Column, Identity, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plantkit.db import searching
from plantkit.db.row import Aggregate, Row, Values
from plantkit.db.tx import Tx
from plantkit.errors import NotFound
from plantkit.http.listing import Listing
from takt_contracts.event import Event
from takt_contracts.resource import Change, Fields, Kind, ResourceContract, Stored
from takt_contracts.roles import Role

F = TypeVar("F", bound=Fields)
S = TypeVar("S", bound=Stored)
Rule = Callable[[Tx, F | None, F], Awaitable[None] | None]
"""Checks a change, from the fields before (None when created) to the fields after. Raises DomainError.

One that asks the database is a coroutine; the others are plain functions, which imports need not wait for.
"""


class Archivable(Aggregate):
    """A row that is hidden instead of deleted, so that its key stays taken and its history stays whole."""

    __abstract__ = True

    archived_at: Mapped[datetime | None]


class Bookable(Archivable):
    """What is in one place at a time. Constraints that keep it so know it by `no`, which stays inside the service:
    `EXCLUDE USING gist (int8range(no, no, '[]') WITH &&, during WITH &&)` needs a number.
    """

    __abstract__ = True

    no: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True, index=True)


class Authored(Aggregate):
    """What is kept with the name of who made it: the caller, or whoever sent the workbook. It never changes."""

    __abstract__ = True

    author: Mapped[str] = mapped_column(String(200))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row came from, in words, and who brought it."""

    words: str
    by: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a new row took over: a row of its own beside it, and the words that its fact gains."""

    part: Row
    facts: Mapping[str, Any]


class Opening(Protocol):
    """What the columns mean that a workbook may bring along (`ResourceContract.opening`)."""

    def take_over(self, tx: Tx, row: Any, brought: Mapping[str, Any], source: Source) -> Taken | None:
        """Change a new row by what was brought, None where nothing is said. Raises DomainError."""

    def compare(self, now: Values, brought: Mapping[str, Any]) -> None:
        """Raises DomainError where something else is brought than is there now."""


class Along(Protocol):
    """What changes along with a row, in the same command: the whole that it is a part of, or the parts of a whole."""

    async def hold(self, tx: Tx, key: Mapping[str, Any]) -> None:
        """Lock what will change, before the row itself is locked: everybody locks in the same order."""

    async def follow(self, tx: Tx, row: Any, change: Change) -> None:
        """The row has changed and told it. Raises DomainError."""

    async def gather(self, tx: Tx, keys: Iterable[Sequence[Any]], *, hold: bool) -> "Gathered | None":
        """The same for rows of an import, with these keys; None where nothing changes along."""


class Gathered(Protocol):
    """What changes along with the new rows of an import."""

    def join(self, row: Any) -> "Archivable":
        """What changes along with a new row. Raises DomainError."""

    def changed(self) -> Sequence["Archivable"]:
        """What has changed since this was asked before: new ones too, each with one fact."""


@dataclass(frozen=True, eq=False)
class Resource(Generic[F, S]):
    """What a resource is. Foreign keys and users are read from the tables; there are no switches.

    When a resource needs a verb of its own it leaves the catalog and becomes a slice. Such a slice tells each change by
    a fact of its own (`facts`), may compose a field of several columns (`parts`), names what its lists filter and sort
    by where that is not everything (`compared`), says what the columns mean that only a workbook brings along
    (`opening`), and what changes along with it (`along`). Each resource is a target of imports as it is.
    """

    contract: ResourceContract[F, S]
    row: type[Archivable]
    read: Role = Role.VIEWER
    search: tuple[str, ...] = ()
    rules: tuple[Rule[F], ...] = ()
    facts: Mapping[Change, type[Event]] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compared: tuple[str, ...] = ()
    opening: Opening | None = None
    along: Along | None = None

    def __post_init__(self) -> None:
        """Refuse at import what would fail in production."""
        if wrong := list(self._mistakes()):
            raise TypeError(f"{self.contract.plural}: {'; '.join(wrong)}")
        if self._search_is_indexed:
            searching.search_index(self.listing.table, self.search)

    @property
    def write(self) -> Role:
        """Who may write it, as the contract says."""
        return self.contract.write

    @property
    def _search_is_indexed(self) -> bool:
        """A table that grows without end names what lists compare; an index of all its texts would cost each write."""
        return bool(self.search) and not self.compared

    @cached_property
    def listing(self) -> Listing:
        return Listing(self.contract, self.row, self.search, self.parts, self.compared, indexed=self._search_is_indexed)

    def signed(self, by: str) -> dict[str, str]:
        """What a new row keeps of who makes it."""
        return {"author": by} if issubclass(self.row, Authored) else {}

    def tell(self, row: Archivable, change: Change, **words: Any) -> None:
        """Record the change as the slice's own fact of it, or as the change of a catalog's resource."""
        fact = self.facts.get(change)
        if fact is not None:
            row.record(fact, **words)
            return
        assert self.contract.changed is not None, "checked when declared"
        row.record(self.contract.changed, change=change)

    @cached_property
    def _key_readers(self) -> Mapping[str, TypeAdapter[Any]]:
        fields = self.contract.fields.model_fields
        return {name: TypeAdapter(fields[name].rebuild_annotation()) for name in self.contract.key}

    def key_of(self, path: Mapping[str, str]) -> dict[str, Any]:
        """The business key in a path. What could never be a key raises NotFound like any other key nobody has."""
        try:
            return {name: reader.validate_strings(path[name]) for name, reader in self._key_readers.items()}
        except ValidationError:
            raise self.not_found({name: path[name][:80] for name in self.contract.key}) from None

    def not_found(self, key: Mapping[str, Any]) -> NotFound:
        return NotFound(self.contract.name, "/".join(str(value) for value in key.values()))

    def fields_of(self, row: Archivable) -> F:
        """What a client may write of it, as it is now."""
        now = {name: getattr(row, name) for name in self.contract.fields.model_fields}
        return cast("F", self.contract.fields.model_construct(**now))

    def _mistakes(self) -> Iterator[str]:
        columns = self.listing.table.c
        shown = set(self.contract.state.model_fields) - set(self.parts)
        yield from (f"no column for {name}" for name in sorted(shown) if name not in columns)
        yield from (f"no field for column {column.name}" for column in columns if self._is_orphan(column))
        yield from (f"search in {name}, which is no text" for name in self.search if not _is_text(columns.get(name)))
        yield from (f"lists by {name}, which has no order" for name in self.compared if name not in self._ordered)
        yield from self._misfits()
        if self.contract.changed is None and set(self.facts) != set(Change):
            yield "neither its contract nor its facts name an event for every change"
        if (self.contract.opening is None) != (self.opening is None):
            yield "its contract and its declaration disagree about openings"
        if not self._key_is_unique():
            yield f"no unique constraint on {', '.join(self.contract.key)}"

    @property
    def _ordered(self) -> set[str]:
        return set(self.contract.list_fields) & set(self.listing.table.c.keys())

    def _is_orphan(self, column: Column[Any]) -> bool:
        """Columns that nobody reads. A slice may keep what only its rules need, the database what it gives itself."""
        return not self.facts and column.identity is None and column.name not in self.contract.state.model_fields

    def _misfits(self) -> Iterator[str]:
        """Fields that their column could not hold."""
        columns = self.listing.table.c
        for name in self.contract.fields.model_fields:
            field, column = self.contract.list_fields.get(name), columns.get(name)
            if field is None or column is None:
                continue
            if field.nullable != bool(column.nullable):
                yield f"{name} may be null in the {'contract' if field.nullable else 'table'} only"
            if field.kind is Kind.TEXT and _longest(field.annotation) > _room(column):
                yield f"{name} may be longer than its column"
        yield from (f"{key} is part of the key and may be null" for key in self.contract.key if columns[key].nullable)

    def _key_is_unique(self) -> bool:
        constraints = self.listing.table.constraints
        unique = [
            {column.name for column in found.columns} for found in constraints if isinstance(found, UniqueConstraint)
        ]
        return set(self.contract.key) in unique


def _is_text(column: Column[Any] | None) -> bool:
    return column is not None and isinstance(column.type, String)


def _room(column: Column[Any]) -> int:
    """How many characters a column takes; `text` takes any number."""
    if not isinstance(column.type, String):
        return 0
    return 2**31 if column.type.length is None else column.type.length


def _longest(annotation: Any) -> int:
    """As its JSON Schema says; a text without a limit fits `text` only."""
    longest: int = TypeAdapter(annotation).json_schema().get("maxLength", 2**31)
    return longest
