"""Rows of an import that become a resource: judged by its declaration."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from plantkit.db.holds import Hold
from plantkit.db.holds import unknown as unknown_reference
from plantkit.db.row import Aggregate, Values
from plantkit.db.structured import mentions
from plantkit.db.tx import Tx
from plantkit.errors import Forbidden
from plantkit.resources.errors import Archived
from plantkit.resources.incoming import Incoming, RowReader
from plantkit.resources.resource import Archivable, Resource, Source
from plantkit.resources.stock import Known, Stock, stock
from plantkit.resources.target import Target
from plantkit.resources.verdict import Changed, Judge, by_row
from takt_contracts.resource import Change, Fields
from takt_contracts.roles import Role
from takt_contracts.template import ImportTemplate


class ResourceTarget:
    """A resource as a target of imports."""

    def __init__(self, resource: Resource[Any, Any]) -> None:
        self._target = Target(resource)
        self.asks = bool(self._target.asking_rules)

    @property
    def template(self) -> ImportTemplate:
        return self._target.template

    @property
    def reader(self) -> RowReader:
        return self._target.reader

    async def judges(self, tx: Tx, batches: Sequence[Incoming], *, lock: bool, hold: bool) -> list[Judge]:
        there = await stock(tx, self._target, batches, lock=lock, hold=hold)
        return [ResourceJudge(tx, self._target, incoming, there) for incoming in batches]

    def is_another_rule(self, taken: asyncpg.UniqueViolationError) -> bool:
        return self._target.is_another_rule(taken)


@dataclass(slots=True)
class _Changed(Changed):
    """With the fields before and after, which rules compare."""

    before: Fields | None = None
    after: Fields | None = None


class ResourceJudge(Judge):
    """Judges rows by the resource's fields, references, rules and openings."""

    def __init__(self, tx: Tx, target: Target, incoming: Incoming, there: Stock) -> None:
        super().__init__(incoming, there.present, self._ask_rules if target.asking_rules else None)
        self._along = there.along
        self._tx = tx
        self._target = target
        self._resource = target.resource
        self._source = Source(f"import {incoming.batch.import_id}", incoming.batch.uploaded_by)
        self._given = by_row([name for name in incoming.columns if name not in target.opening], incoming)
        self._brought = by_row([name for name in incoming.columns if name in target.opening], incoming)
        self._unknown = _unknown(target, incoming, there.known)

    def refuse_strangers(self) -> None:
        write = self._resource.write
        if not {write, Role.ADMIN}.intersection(self._batch.roles):
            detail = f"Writing {self._target.template.id} needs the role {write}."
            self._incoming.refuse_all(Forbidden.code, detail, hint=Forbidden.cure)

    def create(self, place: int) -> Changed:
        given, brought = self._given[place], self._brought[place]
        said = {name: value for name, value in given.items() if value is not None} if None in given.values() else given
        row = self._target.new(said, self._tx, self._source.by)
        if place in self._unknown:
            self._require_references(place, given)
        after = self._check(None, row)
        opening = self._resource.opening
        taken = None if opening is None or not brought else opening.take_over(self._tx, row, brought, self._source)
        self._resource.tell(row, Change.CREATED, **({} if taken is None else taken.facts))
        return _Changed(row, Change.CREATED, None if taken is None else taken.part, after=after)

    def join(self, found: Changed) -> Aggregate | None:
        if self._along is None or found.change is not Change.CREATED:
            return None
        return self._along.join(found.row)

    def changed_along(self) -> Sequence[Aggregate]:
        return () if self._along is None else self._along.changed()

    def meet(self, place: int, now: Values) -> Changed | None:
        if now["archived_at"] is not None:
            raise Archived("It is archived.")
        return super().meet(place, now)

    def update(self, place: int, now: Values) -> Changed | None:
        brought = self._brought[place]
        if brought and self._resource.opening is not None:
            self._resource.opening.compare(now, brought)
        changed = self._target.changed(now, self._given[place])
        return self._update(place, now, changed) if changed else None

    def _update(self, place: int, now: Values, changed: Mapping[str, Any]) -> Changed:
        row = self._target.revived(now, self._tx)
        row.__dict__.update(changed)
        if place in self._unknown:
            self._require_references(place, changed)
        before = self._resource.fields_of(self._target.revived(now, self._tx))
        after = self._check(before, row)
        self._resource.tell(row, Change.UPDATED)
        shown = self._target.before(now, changed)
        return _Changed(row, Change.UPDATED, shown=shown, before=before, after=after)

    def _require_references(self, place: int, names: Collection[str]) -> None:
        """What the row says newly has to be there."""
        unknown = [hold for hold in self._unknown[place] if hold.field.partition("/")[0] in names]
        if unknown:
            raise unknown_reference(unknown)

    def _check(self, before: Fields | None, row: Archivable) -> Fields | None:
        """The rules that need not ask. Answers what the others are asked about."""
        if not self._target.has_rules:
            return None
        after = self._target.written(vars(row))
        for rule in self._target.rules:
            rule(self._tx, before, after)
        return after

    async def _ask_rules(self, found: Changed) -> None:
        assert isinstance(found, _Changed), "made here"
        for rule in self._target.asking_rules:
            await rule(self._tx, found.before, found.after)


def _unknown(target: Target, incoming: Incoming, known: Known) -> Mapping[int, list[Hold]]:
    """By place in the batch, what refers to nothing."""
    found: dict[int, list[Hold]] = {}
    for name, referred in target.references.items():
        values, there = incoming.columns.get(name, ()), known[name]
        if there.issuperset(values):
            continue
        for place, value in enumerate(values):
            if value is not None and value not in there:
                found.setdefault(place, []).append(Hold(name, referred, value))
    for name, part, referred in target.named_within:
        there = known[f"{name}/{part}"]
        for place, entries in enumerate(incoming.columns.get(name, ())):
            named = mentions(name, entries or (), part)
            holds = [Hold(path, referred, value) for value, path in named.items() if value not in there]
            if holds:
                found.setdefault(place, []).extend(holds)
    return found
