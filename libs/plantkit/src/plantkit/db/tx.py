"""What a handler may do: read, lock, make rows, and nothing that outlives a refusal.

A transaction is begun only when something is locked or several rows depend on each other; one statement is one already.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import ClauseElement, Column, Label, Table, bindparam, select
from sqlalchemy.orm.attributes import manager_of_class

from plantkit.auth.principal import Principal
from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.holds import Hold, Keep
from plantkit.db.row import Aggregate, Row, Values, columns_of
from plantkit.db.structured import as_read
from plantkit.db.writer import Writes
from plantkit.errors import DomainError, NotFound
from plantkit.ids import new_id
from takt_contracts.event import Event

R = TypeVar("R", bound=Row)
A = TypeVar("A", bound=Aggregate)
Beside = tuple[Label[Any], ...]
"""Scalar subqueries that belong to a row as it is read."""


class Overtaken(Exception):
    """A row that was claimed without a lock had changed meanwhile, or a missing one was made; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a command came from, for events, audit entries and logs. `asked` is the request's method and path."""

    request_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A fact that is no aggregate's, by whom, and what made it happen."""

    event: Event
    principal: Principal
    origin: Origin


@dataclass(frozen=True, slots=True)
class Refused:
    """One of several things that a command was asked for, and why it was not done."""

    resource: str
    subject: str
    code: str


def as_found(read: Values) -> Values:
    """What is read beside a row, as the database has it."""
    return read


class Tx:
    """One command's view of the database. The runner makes it, writes what it gathered, and ends it."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        *,
        now: datetime,
        principal: Principal,
        origin: Origin,
        first_try: bool = False,
        seen: Callable[[Values], Values] = as_found,
    ) -> None:
        self.connection = connection
        self.first_try = first_try
        self._seen = seen
        self.has_claimed = False
        self.now = now
        self.principal = principal
        self.origin = origin
        self.begun = False
        self._aggregates: list[Aggregate] = []
        self._made: list[Row] = []
        self._holds: list[Hold] = []
        self._keeps: list[Keep] = []
        self._met: set[str] = set()
        self.said: list[Said] = []
        self.refused: list[Refused] = []

    async def begin(self) -> None:
        """Start a transaction, for reads that must agree with each other. Twice is once."""
        if not self.begun:
            await self.connection.execute("BEGIN")
            self.begun = True

    async def maybe(self, entity: type[R], *, lock: bool = False, **key: Any) -> R | None:
        """The row whose columns equal `key` (None: is null), or None. `lock` holds it until the command has ended."""
        if lock:
            await self.begin()
        given = tuple((name, key[name] is None) for name in sorted(key))
        query = _by_key(entity, given, lock)
        record = await self.connection.fetchrow(query.sql, *query.arguments(key))
        return None if record is None else self._read(entity, record)

    async def one(self, entity: type[R], *, lock: bool = False, **key: Any) -> R:
        """As `maybe`, but raises NotFound naming the key."""
        row = await self.maybe(entity, lock=lock, **key)
        if row is None:
            raise _not_found(entity, key)
        return row

    async def claim(self, entity: type[A], **key: Any) -> A:
        """As `one`, for a row that this command changes and whose lock guards nothing but itself.

        At the first try the version guards it, which saves the transaction around; when somebody was faster the runner
        tries again, and then the row is locked.
        """
        self.has_claimed = self.first_try
        return await self.one(entity, lock=not self.first_try, **key)

    async def claim_beside(self, entity: type[A], beside: Beside, **key: Any) -> tuple[A, Values]:
        """As `claim`, together with what the labels of `beside` say of other rows, read in the same moment.

        A row that had to be waited for is read once more: what others have committed meanwhile must be seen too.
        """
        if not self.first_try:
            await self.one(entity, lock=True, **key)
        self.has_claimed = self.first_try
        given = tuple((name, key[name] is None) for name in sorted(key))
        query = _by_key(entity, given, lock=False, beside=beside)
        record = await self.connection.fetchrow(query.sql, *query.arguments(key))
        if record is None:
            raise _not_found(entity, key)
        return self._read(entity, record), self._seen(record)

    async def secure(self, row: Aggregate) -> None:
        """Lock a claimed row before rows that others lock too: who takes several takes them in one order, or two
        commands wait for each other until the database ends one. Raises Overtaken, and the runner tries again.
        """
        await self.begin()
        if self.has_claimed:
            held = await self.fetch(_unchanged(type(row)), id=row.id, version=row.base_version)
            if not held:
                raise Overtaken

    async def fetch(self, statement: Compiled | ClauseElement, **given: Any) -> Sequence[asyncpg.Record]:
        """Records of any statement. Statements on a hot path are compiled once, at import."""
        ready = statement if isinstance(statement, Compiled) else compile_statement(statement)
        return await self.connection.fetch(ready.sql, *ready.arguments(given))

    async def execute(self, statement: Compiled | ClauseElement, **given: Any) -> int:
        """Run a change of rows that are nobody's aggregate; begins a transaction. Answers how many rows it hit."""
        await self.begin()
        ready = statement if isinstance(statement, Compiled) else compile_statement(statement)
        status = await self.connection.execute(ready.sql, *ready.arguments(given))
        return int(status.rsplit(" ", 1)[-1])

    def new(self, entity: type[A], **values: Any) -> A:
        """A new aggregate at version 0; its first `record` makes it version 1 and has it written."""
        made: dict[str, Any] = {"id": new_id(), "created_at": self.now, "updated_at": self.now, "version": 0}
        row = entity(**made | values)
        self._aggregates.append(row.bind(self.now))
        return row

    def add(self, entity: type[R], **values: Any) -> R:
        """A new row that is part of an aggregate's change and never changes itself, such as a ledger entry."""
        row = entity(**{"id": new_id(), "created_at": self.now, **values})
        self._made.append(row)
        return row

    def because_of(self, event_id: str) -> None:
        """What this command tells was made necessary by that event: its `causationid`."""
        self.origin = replace(self.origin, causation_id=event_id)

    def meets(self, entity: type[Row]) -> None:
        """A new row of `entity` is made because there was none. Where somebody else was faster, the runner has the
        command run again, which then finds theirs.
        """
        self._met.add(entity.__tablename__)

    def has_met(self, taken: asyncpg.UniqueViolationError) -> bool:
        return taken.table_name in self._met

    def hold(self, field: str, target: Column[Any], value: Any) -> None:
        """`field` of this change refers to a row that must be there, not archived, and stay so until it is committed.

        Checked by the statement that writes the change; the runner raises UnknownReference.
        """
        self._holds.append(Hold(field, target, value))

    def keep(self, entity: type[Aggregate], version: int, **key: Any) -> None:
        """The row whose one column equals `key` was read without a lock, and must be at `version` until the commit.

        Checked by the statement that writes the change; when somebody was faster the runner tries again.
        """
        [(name, value)] = key.items()
        self._keeps.append(Keep(_table(entity).c[name], value, version))

    def tell(self, event: Event, *, principal: Principal | None = None, origin: Origin | None = None) -> None:
        """Tell a fact that is no aggregate's of this command, such as an answer to another service; nobody audits it.

        Its version is the caller's to choose: each may be told of a subject once.
        """
        self.said.append(Said(event, principal or self.principal, origin or self.origin))

    def refuse(self, resource: str, subject: str, error: DomainError) -> None:
        """One of several things is not done, while the others are: the audit trail tells it too."""
        self.refused.append(Refused(resource, subject, error.code))

    def writes(self) -> Writes:
        """State rows that changed, and their facts are in `told`."""
        gathered = Writes(holds=self._holds, keeps=self._keeps)
        for row in self._aggregates:
            if row.told:
                target: dict[Table, list[Any]] = gathered.inserted if row.base_version == 0 else gathered.updated
                target.setdefault(_table(row), []).append(row)
        for made in self._made:
            gathered.inserted.setdefault(_table(made), []).append(made)
        return gathered

    def told(self) -> list[tuple[Aggregate, Event]]:
        """Every fact of this command with its aggregate, in the order each aggregate recorded them."""
        return [(row, event) for row in self._aggregates for event in row.told]

    @property
    def has_told(self) -> bool:
        """Whether the relay has something to do after this."""
        return bool(self.said or self.refused) or any(row.told for row in self._aggregates)

    def _read(self, entity: type[R], record: asyncpg.Record) -> R:
        row: R = manager_of_class(entity).new_instance()
        values = as_read(entity, record)
        row.__dict__.update(values)  # as the ORM loads: no defaults, no history
        if isinstance(row, Aggregate):
            self._aggregates.append(row.bind(self.now, values))
        return row


def _table(row: Row | type[Row]) -> Table:
    table = row.__table__
    assert isinstance(table, Table)
    return table


def _not_found(entity: type[Row], key: Mapping[str, Any]) -> NotFound:
    return NotFound(_spoken(entity), "/".join(str(value) for value in key.values() if value is not None))


def _spoken(entity: type[Row]) -> str:
    return entity.__name__.removesuffix("Row").lower()


@cache
def _by_key(entity: type[Row], given: tuple[tuple[str, bool], ...], lock: bool, beside: Beside = ()) -> Compiled:
    """`given` pairs each column with whether it must be null."""
    columns = {name: getattr(entity, name) for name in columns_of(entity)}
    met = (columns[name].is_(None) if null else columns[name] == bindparam(name) for name, null in given)
    query = select(*columns.values(), *beside).where(*met)
    return compile_statement(query.with_for_update() if lock else query)


@cache
def _unchanged(entity: type[Aggregate]) -> Compiled:
    """The lock of a row, if it still has the version that was read."""
    met = (entity.id == bindparam("id"), entity.version == bindparam("version"))
    return compile_statement(select(entity.id).where(*met).with_for_update(key_share=True))
